# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_lb when what it depends on fails: servers that die, hang, break off, talk nonsense; a database that is
# locked, cut, replaced, restored; an API server that is down. And limits per user.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NOW=$(date +%s)
PORT=$(free_port)
mkdir -p "$T/data"
chmod 755 "$T" "$T/data"
DB=$T/data/ceems.db

upstream() { # NAME [PORT]
	mkdir -p "$T/$1"
	rm -f "$T/$1/port"
	start "$1" /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_upstream.py" "$T/$1" "${2:-0}"
	wait_until 20 test -s "$T/$1/port"
}
rows() { /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$1"; }
mode() { # NAME MODE
	echo "$2" >"$T/$1/mode"
}
upstream a1
upstream a2
A1=$(cat "$T/a1/port")
A2=$(cat "$T/a2/port")
rows "$DB" <<R
project alpha p1 ines,zoe
project alpha p2 omar
unit alpha 7001 p1 $((NOW - 3600))
unit alpha 7002 p2 $((NOW - 3600))
admin ops
R
chmod 644 "$DB"
config() { # SOURCE OF OWNERS
	cat <<C
ceems_lb:
  limits: {requests_per_user: 2, queued_per_user: 2, upstream_timeout: 60s, upstream_timeouts: {query_range: 1s}}
  backends:
    - id: alpha
      tsdb:
        - web: {url: "http://127.0.0.1:$A1"}
        - web: {url: "http://127.0.0.1:$A2"}
    - {id: hidden, tsdb: [{web: {url: "http://127.0.0.1:$A1"}, filter_labels: [rack]}]}
ceems_api_server: {$1}
C
}
config "data: {path: $T/data}" >"$T/config.yml"
chmod 644 "$T/config.yml"
lb() { # NAME CONFIG
	start "$1" "$BIN/ceems_lb" --config.file="$2" --web.listen-address="127.0.0.1:$PORT" --log.level=debug
	wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"
}
# ask USER PATH [CURL...]: prints "STATUS BODY"
ask() {
	local user=$1 path=$2 status
	shift 2
	status=$(curl -sS -m 30 -g -o "$T/body.$user" -w '%{http_code}' -H "X-Grafana-User: $user" -H "X-Ceems-Cluster-Id: ${CLUSTER:-alpha}" \
		"$@" "http://127.0.0.1:$PORT$path") || { echo "curl: $?"; return 0; }
	echo "$status $(cat "$T/body.$user")"
}
Q='/api/v1/query?query=m%7Buuid%3D%227001%22%7D'
gets() { # STATUS USER PATH [CURL...]
	local status=$1
	shift
	ask "$@" | tee "$T/got" | grep -q "^$status " || { cat "$T/got"; return 1; }
}
all_get() { # N STATUS PATH [CURL...]: N requests one after the other
	local n=$1 status=$2
	shift 2
	for _ in $(seq "$n"); do gets "$status" ines "$@" || return 1; done
}
lb lb "$T/config.yml"
ok "both servers answer" all_get 4 200 "$Q"

# Servers.
kill_hard() { # NAME
	kill -9 "$(cat "$T/$1.pid")"
	wait "$(cat "$T/$1.pid")" 2>/dev/null
	rm -f "$T/$1.pid"
}
kill_hard a1
ok "a server that died costs no request" all_get 4 200 "$Q"
ok "nor one with a body" all_get 4 200 /api/v1/query -d 'query=m{uuid="7001"}'
ok "it is said" grep -q "Health check.*127.0.0.1:$A1.*status=down" "$T/lb.log"
kill_hard a2
ok "without any server there is none" gets 503 ines "$Q"
upstream a1 "$A1"
upstream a2 "$A2"
ok "servers are found again by themselves" wait_until 60 gets 200 ines "$Q"
metric() { curl -s -m 10 "http://127.0.0.1:$PORT/metrics" | grep -qx "$1"; }
back() { metric "ceems_lb_backend_up{.*$A1\"} 1" && metric "ceems_lb_backend_up{.*$A2\"} 1"; }
ok "both of them" wait_until 60 back

mode a1 garbage
ok "nonsense is no answer, another server's is" all_get 4 200 "$Q"
mode a1 refuse
ok "nor is a connection that is closed" all_get 4 200 "$Q"
mode a2 refuse
ok "if all do that there is none" gets 503 ines "$Q"
mode a1 ok
mode a2 ok
ok "and nobody is dead for it" wait_until 30 all_get 4 200 "$Q"
mode a1 error
mode a2 error
ok "a server's error is the answer" gets 500 ines "$Q"
mode a1 cut
mode a2 cut
cut_seen() { ask ines "$Q" | grep -q '^curl: \(18\|56\)'; }
ok "an answer that breaks off is seen by the client" cut_seen
mode a1 late
echo '<html>rack</html>' >"$T/a1/reply"
CLUSTER=hidden ok "where labels are hidden, what is no JSON is none of a server's answers" gets 502 ops "$Q"
echo 'text/html' >"$T/a1/type"
CLUSTER=hidden ok "nor is what doesn't say that it is" gets 502 ops "$Q"
CLUSTER=hidden ok "of paths without labels it is" gets 200 ops /graph
rm "$T/a1/reply" "$T/a1/type"
mode a1 hang
mode a2 hang
ok "a server that hangs is given up" gets 504 ines '/api/v1/query_range?query=m%7Buuid%3D%227001%22%7D&start=1&end=2&step=1'
mode a1 huge
mode a2 huge
size() { [ "$(curl -s -m 60 -H 'X-Grafana-User: ines' -H 'X-Ceems-Cluster-Id: alpha' "http://127.0.0.1:$PORT$Q" | wc -c)" = $((64 << 20)) ]; }
ok "a large answer passes" size
gone() { curl -s -m 20 -H 'X-Grafana-User: ines' -H 'X-Ceems-Cluster-Id: alpha' "http://127.0.0.1:$PORT$Q" | head -c 1000 >/dev/null; }
gone
mode a1 ok
mode a2 ok
ok "a client that leaves harms nobody" all_get 4 200 "$Q"
ok "nor the server's name" sh -c "! tail -n 20 '$T/lb.log' | grep 'status=down'"

# Limits.
HELD='/api/v1/query?query=held%7Buuid%3D%227001%22%7D'
for name in a1 a2; do echo held >"$T/$name/hold"; done
for i in 1 2 3 4; do
	curl -s -m 60 -o /dev/null -w '%{http_code}\n' -H 'X-Grafana-User: ines' -H 'X-Ceems-Cluster-Id: alpha' \
		"http://127.0.0.1:$PORT$HELD" >"$T/held.$i" &
	echo $! >"$T/held.$i.pid"
done
ok "requests beyond the limit wait" wait_until 20 metric 'ceems_lb_queued_requests 2'
ok "more are refused" gets 429 ines "$HELD"
ok "other users get theirs" gets 200 zoe "$Q"
asked() { [ "$(cat "$T"/a?/requests | grep -c held)" = "$1" ]; }
ok "servers have seen two" asked 2
touch "$T/a1/release" "$T/a2/release"
for i in 1 2 3 4; do
	wait "$(cat "$T/held.$i.pid")"
	rm "$T/held.$i.pid"
done
ok "those that waited are answered" sh -c "[ \"\$(cat '$T'/held.? | sort -u)\" = 200 ]"
ok "and all is free again" wait_until 20 metric 'ceems_lb_queued_requests 0'

# The database.
start lock /usr/bin/python3 -c "
import sqlite3, time
db = sqlite3.connect('$DB', isolation_level=None)
db.execute('BEGIN EXCLUSIVE')
print('locked', flush=True)
time.sleep(600)"
ok "a database that is locked" wait_until 20 grep -q locked "$T/lock.out"
gets 200 ines "$Q" >/dev/null # what is remembered counts for some seconds
ok "refuses" wait_until 30 gets 403 ines "$Q"
ok "and says so" wait_until 20 grep -q "can't be looked up.*locked" "$T/lb.log"
ok "administrators are nobody then" gets 403 ops '/api/v1/query?query=m'
kill_hard lock
ok "when it is free it counts again" wait_until 20 gets 200 ines "$Q"
ok "which is said" grep -q 'can be looked up again' "$T/lb.log"
said() { [ "$(grep -c "requests are refused until" "$T/lb.log")" = "$1" ]; }
ok "the failure was said once" said 1

cp "$DB" "$T/saved.db"
: >"$DB"
ok "a database that is cut to nothing refuses" gets 403 ines "$Q"
cp "$T/saved.db" "$DB"
ok "a restored one counts" wait_until 20 gets 200 ines "$Q"
head -c 5000 "$T/saved.db" >"$DB"
ok "half of one refuses" gets 403 ines "$Q"
cp "$T/saved.db" "$DB"
ok "and is restored" wait_until 20 gets 200 ines "$Q"
mv "$DB" "$T/gone.db"
ok "none refuses" gets 403 ines "$Q"
rows "$T/data/new.db" <<R
project alpha p1 zoe
unit alpha 7001 p1 $((NOW - 3600))
R
chmod 644 "$T/data/new.db"
mv "$T/data/new.db" "$DB"
ok "another one counts" wait_until 20 gets 200 zoe "$Q"
ok "as it is" gets 403 ines "$Q"
rows "$DB" <<<'project alpha p1 zoe,ines'
ok "a change is seen" wait_until 20 gets 200 ines "$Q"
ok "the load balancer ends well" stop lb

# The API server.
mkdir -p "$T/api/reply"
reply() { echo "$2" >"$T/api/reply/$1"; }
start api /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_http.py" "$T/api"
wait_until 20 test -s "$T/api/port"
echo "lb:secret" >"$T/api/login"
reply api_v1_units_verify '{"status":"success","data":null}'
reply api_v1_units_admin "{\"status\":\"success\",\"data\":[{\"uuid\":\"7001\",\"project\":\"p1\",\"started_at_ts\":1000}]}"
reply api_v1_projects '{"status":"success","data":[{"cluster_id":"alpha","name":"p1"}]}'
reply api_v1_users_admin '{"status":"success","data":[{"name":"ops"}]}'
reply api_v1_clusters_admin '{"status":"success","data":[{"id":"alpha"}]}'
config "web: {url: \"http://127.0.0.1:$(cat "$T/api/port")\", basic_auth: {username: lb, password: secret}}" >"$T/api.yml"
chmod 644 "$T/api.yml"
lb byapi "$T/api.yml"
ok "the API server's word counts" gets 200 ines "$Q"
ok "it is asked as the user" grep -q 'units/verify.*"X-Grafana-User": "ines"' "$T/api/requests"
ok "and for administrators as the program" gets 200 ops '/api/v1/query?query=m'
kill_hard api
ok "what is remembered is forgotten soon, and without it all is refused" wait_until 30 gets 403 ines "$Q"
ok "which is said" grep -q "requests are refused until.*asking the API server" "$T/byapi.log"
ok "the service answers all the same" curl -sf "http://127.0.0.1:$PORT/health"
ok "this one ends well, too" stop byapi

# A lookup that is under way at the end may finish.
rm "$T/api/port" "$T/api/reply/api_v1_units_verify"
mkfifo "$T/api/reply/api_v1_units_verify"
start api /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_http.py" "$T/api"
wait_until 20 test -s "$T/api/port"
sed -i "/^ceems_api_server/s|127.0.0.1:[0-9]*|127.0.0.1:$(cat "$T/api/port")|" "$T/api.yml"
lb ending "$T/api.yml"
ends_in_time() {
	local status=0 asking
	: >"$T/api/requests"
	{ ask ines "$Q" >"$T/ending.got"; } &
	asking=$!
	wait_until 20 grep -q units/verify "$T/api/requests" || return 1
	{ wait_until 20 grep -q 'Shutting down gracefully' "$T/ending.log" && reply api_v1_units_verify '{"status":"success","data":null}'; } &
	stop ending || status=1
	wait "$asking"
	cat "$T/ending.got"
	grep -q '^200 ' "$T/ending.got" || status=1
	return "$status"
}
ok "who was asking when it was told to end gets an answer" ends_in_time
done_testing
