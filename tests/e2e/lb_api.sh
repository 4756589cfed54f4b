# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_lb that asks the real ceems_api_server who owns what: units, recycled ids, administrators, with a password and
# without, and what happens when the API server is away.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NOW=$(date +%s)
API=$(free_port)
PORT=$(free_port)
mkdir -p "$T/data" "$T/prom"
chmod 755 "$T"
chmod 777 "$T/data"
start prom /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_upstream.py" "$T/prom"
wait_until 20 test -s "$T/prom/port"
cat >"$T/api.yml" <<C
ceems_api_server: {data: {path: $T/data}, admin: {users: [ops]}}
clusters: []
C
chmod 644 "$T/api.yml"
api() { start api "$BIN/ceems_api_server" --config.file="$T/api.yml" --web.listen-address="127.0.0.1:$API"; }
api
wait_until 20 curl -sf "http://127.0.0.1:$API/health"
stop api
/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$T/data/ceems.db" <<R
project alpha p1 ines
project alpha p2 omar
unit alpha 7001 p1 $((NOW - 3600))
unit alpha 7002 p2 $((NOW - 3600))
unit alpha 7003 p2 $((NOW - 7200)) $((NOW - 3600))
unit alpha 7003 p1 $((NOW - 2400))
R
api
wait_until 20 curl -sf "http://127.0.0.1:$API/health"
cat >"$T/config.yml" <<C
ceems_lb: {backends: [{id: alpha, tsdb: [{web: {url: "http://127.0.0.1:$(cat "$T/prom/port")"}}]}]}
ceems_api_server: {web: {url: "http://127.0.0.1:$API"}}
C
chmod 644 "$T/config.yml"
start lb "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT" --log.level=debug
wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"

gets() { # STATUS USER QUERY [PARAMETERS]
	local got
	got=$(curl -sS -m 20 -o "$T/got" -w '%{http_code}' -H "X-Grafana-User: $2" -H 'X-Ceems-Cluster-Id: alpha' \
		"http://127.0.0.1:$PORT/api/v1/query_range" -G --data-urlencode "query=$3" -d "start=$((NOW - 7200))" -d "end=$NOW" -d step=60)
	[ "$got" = "$1" ] || { echo "status $got"; cat "$T/got"; return 1; }
}
ok "one's own unit" gets 200 ines 'm{uuid="7001"}'
ok "another's" gets 403 ines 'm{uuid="7002"}'
ok "both at once" gets 403 ines 'm{uuid=~"7001|7002"}'
ok "the other way round" gets 200 omar 'm{uuid="7002"}'
ok "an administrator's" gets 200 ops 'm'
ok "an id that was used again" gets 200 ines 'm{uuid="7003"}'
begins_later() { # the times that the server was asked for
	local start
	start=$(jq -r '.[2]' "$T/got" | tr '&' '\n' | sed -n 's/^start=//p')
	echo "start $start"
	[ "${start%.*}" -ge $((NOW - 3600)) ]
}
ok "begins after its former owner" begins_later
ok "nothing is wrong" sh -c "! grep 'level=ERROR' '$T/lb.log'"
ok "the API server ends" stop api
ok "without it all is refused, when what is remembered is forgotten" wait_until 30 gets 403 ines 'm{uuid="7001"}'
ok "which is said" grep -q 'requests are refused until' "$T/lb.log"
api
ok "when it is back, so are the answers" wait_until 30 gets 200 ines 'm{uuid="7001"}'
ok "both end well" stop lb
ok "both of them" stop api
done_testing
