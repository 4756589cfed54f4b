# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Our PromQL front end against the real Prometheus of Debian, and against the newest grammar written a second
# time: the same texts are accepted, and what we print is read there as what was written. CEEMS_PROMQL_QUERIES
# (1000) and CEEMS_PROMQL_SEED say how many and which; CEEMS_PROMQL_CORPUS is more folders of inputs (with ':'
# between them), as a fuzzer leaves them.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

PORT=$(free_port)
echo 'global: {}' >"$T/prometheus.yml"
start prometheus prometheus --config.file="$T/prometheus.yml" --storage.tsdb.path="$T/data" \
	--web.listen-address="127.0.0.1:$PORT" --log.level=error
wait_until 30 curl -sf -o /dev/null "http://127.0.0.1:$PORT/-/ready"
compare() {
	"$CEEMS_SOURCE/tests/lib/promql_compare.py" "http://127.0.0.1:$PORT" "$CEEMS_BUILD/tests/promql_format" \
		"${CEEMS_PROMQL_QUERIES:-1000}" "${CEEMS_PROMQL_SEED:-1}" "$@"
}
newest() {
	"$CEEMS_SOURCE/tests/lib/promql_newest.py" "$CEEMS_BUILD/tests/promql_format" \
		"${CEEMS_PROMQL_QUERIES:-1000}" "${CEEMS_PROMQL_SEED:-1}" "$@"
}
tell() { sed 's/^/# /' "$T/ok.out"; }

ok "generated queries are read as Prometheus reads them" compare
tell
IFS=: read -ra folders <<<"$CEEMS_SOURCE/fuzz/corpus/promql${CEEMS_PROMQL_CORPUS:+:$CEEMS_PROMQL_CORPUS}"
ok "so are the fuzz target's inputs and what mutations make of them" compare "${folders[@]}"
tell
ok "generated queries are read as the newest grammar says" newest
tell
ok "so are inputs and mutations" newest "${folders[@]}"
tell
done_testing
