# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Our PromQL front end against the real Prometheus of Debian: the same texts are accepted, and what we
# print is read there as what was written.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

PORT=$(free_port)
echo 'global: {}' >"$T/prometheus.yml"
start prometheus prometheus --config.file="$T/prometheus.yml" --storage.tsdb.path="$T/data" \
	--web.listen-address="127.0.0.1:$PORT" --log.level=error
wait_until 30 curl -sf -o /dev/null "http://127.0.0.1:$PORT/-/ready"
"$CEEMS_SOURCE/tests/lib/promql_compare.py" "http://127.0.0.1:$PORT" "$CEEMS_BUILD/tests/promql_format" \
	"${CEEMS_PROMQL_QUERIES:-4000}" "${CEEMS_PROMQL_SEED:-1}"
