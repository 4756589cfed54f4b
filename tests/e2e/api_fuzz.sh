# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The built server asked at random by its own description, and by 500 clients at once. By hand:
#   CEEMS_FUZZ_SECONDS=3600 meson test -C build/dev api_fuzz       another seed each time
#   CEEMS_FUZZ_SEED=N                                              the same again
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/api.sh
. "$CEEMS_SOURCE/tests/lib/api.sh"
SEED=${CEEMS_FUZZ_SEED:-}
[ -n "$SEED" ] || [ -n "${CEEMS_FUZZ_SECONDS:-}" ] || SEED=20310409

no_finding() { ! grep -E 'Sanitizer|runtime error|assertion' "$T/api.log"; }
ask_at_random() {
	/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fuzz_api.py" "$URL" ${SEED:+--seed "$SEED"} \
		${CEEMS_FUZZ_SECONDS:+--seconds "$CEEMS_FUZZ_SECONDS"} "$@"
}

fill_api_database || exit 1
start_api --web.compression
ok "asked at random it stays right" ask_at_random
sed 's/^/# /' "$T/ok.out" | head -n 3
ok "500 clients at once are answered without an error" /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/many_clients.py" "$URL" 500 5
sed 's/^/# /' "$T/ok.out" | head -n 3
ok "it answers as before" sh -c "curl -sS '$URL/health' | grep -q healthy"
ok "it ends well" stop api
ok "and no sanitizer has found anything" no_finding
start_api --query.max-period=30m --web.max-requests=1000000 --web.route-prefix=/x/y
ok "with limits as well" ask_at_random --requests 500
ok "it ends well" stop api
ok "and no sanitizer has found anything" no_finding
done_testing
