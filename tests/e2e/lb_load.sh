# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What one user may cost others: slow queries by the hundred, requests that don't end, and names of headers that
# servers could take for the load balancer's own.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NOW=$(date +%s)
PORT=$(free_port)
mkdir -p "$T/data"
chmod 755 "$T" "$T/data"
for name in a1 a2; do
	mkdir -p "$T/$name"
	echo held >"$T/$name/hold"
	start "$name" /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_upstream.py" "$T/$name"
	wait_until 20 test -s "$T/$name/port"
done
ln -s ../a1/release "$T/a2/release"
/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$T/data/ceems.db" <<R
project alpha p1 ines
project alpha p2 omar
unit alpha 7001 p1 $((NOW - 3600))
unit alpha 7002 p2 $((NOW - 3600))
admin ops
R
cat >"$T/config.yml" <<C
ceems_lb:
  forward_headers: [X_Kept]
  backends:
    - id: alpha
      tsdb:
        - web: {url: "http://127.0.0.1:$(cat "$T/a1/port")"}
        - web: {url: "http://127.0.0.1:$(cat "$T/a2/port")"}
ceems_api_server: {data: {path: $T/data}}
C
chmod 644 "$T/config.yml" "$T/data/ceems.db"
start lb "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"
ok "the load balancer runs" wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"

gets() { # STATUS TEXT USER PATH [CURL...]
	local status=$1 text=$2 user=$3 path=$4 got
	shift 4
	got=$(curl -sS -m 30 -g -o "$T/body" -w '%{http_code}' -H "X-Grafana-User: $user" -H 'X-Ceems-Cluster-Id: alpha' "$@" \
		"http://127.0.0.1:$PORT$path")
	[ "$got" = "$status" ] && grep -qF -- "$text" "$T/body" || { echo "status $got"; head -c 500 "$T/body"; return 1; }
}
Q='/api/v1/query?query=m%7Buuid%3D%227001%22%7D'
HELD='/api/v1/query?query=held%7Buuid%3D%227001%22%7D'
metric() { curl -s -m 10 "http://127.0.0.1:$PORT/metrics" | grep -qx "$1"; }

fair() { /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/lb_fairness.py" "$PORT" "$T/a1/release" 200 16; }
ok "200 slow queries of one user cost another none, and leave no trace" fair
sed -n '/^#/p' "$T/ok.out"
seen() { cat "$T"/a?/requests | grep -c "\"query=held"; }
rm "$T/a1/release"

# Each of these keeps the configuration with which it began.
hold() { # NAME
	curl -s -m 100 -o /dev/null -w '%{http_code}\n' -H "X-Grafana-User: ines" -H 'X-Ceems-Cluster-Id: alpha' "http://127.0.0.1:$PORT$HELD" \
		>"$T/held.$1" &
	echo $! >"$T/held.$1.pid"
}
loaded() { [ "$(grep -c 'was loaded again' "$T/lb.log")" = "$1" ]; }
many_reloads() { # with a request that doesn't end before each
	local before i
	before=$(seen)
	for ((i = 1; i <= 20; i++)); do
		[ "$i" -gt 16 ] || hold "$i"
		[ "$i" -gt 16 ] || wait_until 20 sh -c "[ \"\$(cat '$T'/a?/requests | grep -c '\"query=held')\" = $((before + i)) ]" || return 1
		kill -HUP "$(cat "$T/lb.pid")"
		wait_until 20 loaded "$i" || { tail -n 3 "$T/lb.log"; return 1; }
	done
	! grep 'level=ERROR.*configuration' "$T/lb.log"
}
ok "requests that don't end keep nobody from loading a configuration" many_reloads
ok "others are answered meanwhile" gets 200 '' omar '/api/v1/query?query=m%7Buuid%3D%227002%22%7D'
touch "$T/a1/release"
all_answered() {
	local i
	for ((i = 1; i <= 16; i++)); do
		wait "$(cat "$T/held.$i.pid")"
		rm "$T/held.$i.pid"
	done
	[ "$(cat "$T"/held.? "$T"/held.?? | sort | uniq -c | awk '{ print $1, $2 }')" = "16 200" ]
}
ok "and they in the end" all_answered
fewer_threads() { [ "$(awk '/^Threads:/ { print $2 }' "/proc/$(cat "$T/lb.pid")/status")" -le $((1 + 1 + 8 + 2 + 2)) ]; }
ok "nothing of the old configurations is left" wait_until 40 fewer_threads

# Names that CGI and its like take for others.
no_odd_names() {
	gets 200 '' ines "$Q" -H 'X_Scope_OrgID: other' -H 'X-Scope_OrgID: other' -H 'X.Scope.OrgID: other' -H 'X_Ceems_Logged_User: ops' \
		-H 'X_Grafana_User: omar' -H 'Content_Length: 3' -H 'X_Kept: yes' -H 'X-Mine: yes' || return 1
	jq -e '.[4] | has("X_Kept") and has("X-Mine") and (keys | map(ascii_downcase) | any(test("scope|_logged_|grafana_|content_")) | not)' "$T/body"
}
ok "names with '_' for '-' don't go on" no_odd_names
admin_names() {
	gets 200 '' ops "$Q" -H 'X_Ceems_Logged_User: ines' -H 'X-Ceems-Admin-User: ines' -H 'X_Ceems_Admin_User: ines' -H 'X_Mine: yes' &&
		jq -e '.[4] | has("X_Mine") and (keys | any(test("Ceems.Admin|X_Ceems_Logged")) | not)' "$T/body"
}
ok "nor of administrators what stands for the load balancer's own" admin_names
ok "the load balancer ends well" stop lb
done_testing
