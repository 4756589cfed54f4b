# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Nothing is lost and nothing is counted twice when ceems_api_server, Prometheus and sacct are killed
# at random. CEEMS_LOSS_STEPS and CEEMS_LOSS_SEEDS make it longer ('make test-losses').
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
chmod 755 "$T"
STEPS=${CEEMS_LOSS_STEPS:-60}
for seed in ${CEEMS_LOSS_SEEDS:-1}; do
	mkdir -m 755 "$T/$seed"
	ok "the sums after $STEPS steps with kills are those of a calm run, seed $seed" \
		/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/api_losses.py" "$BIN/ceems_api_server" "$T/$seed" \
		"$seed" "$STEPS"
	sed 's/^/# /' "$T/ok.out"
done
done_testing
