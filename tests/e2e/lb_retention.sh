# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_lb with two real Prometheus servers of one cluster, of which one keeps two hours and the other all: a query goes
# to one that holds what it reads, if there is one.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NOW=$(date +%s)
NOW=$((NOW - NOW % 60))
SHORT=$(free_port)
LONG=$(free_port)
PORT=$(free_port)
DAY=86400
mkdir -p "$T/data"
chmod 755 "$T" "$T/data"
load() { # NAME PORT RETENTION SECONDS: a server with samples of that time
	{
		echo '# TYPE m gauge'
		for ((t = NOW - $4; t <= NOW; t += 60)); do echo "m{uuid=\"7001\",server=\"$1\"} 1 $t"; done
		echo '# EOF'
	} >"$T/$1.metrics"
	promtool tsdb create-blocks-from openmetrics "$T/$1.metrics" "$T/$1.tsdb" >/dev/null 2>&1
	echo 'global: {}' >"$T/$1.yml"
	start "$1" prometheus --config.file="$T/$1.yml" --storage.tsdb.path="$T/$1.tsdb" --storage.tsdb.retention.time="$3" \
		--web.listen-address="127.0.0.1:$2" --log.level=error
}
load short "$SHORT" 2h 3000
load long "$LONG" 10y $((2 * DAY))
/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$T/data/ceems.db" <<R
project alpha p1 ines
unit alpha 7001 p1 $((NOW - 2 * DAY))
R
config() { # STRATEGY
	cat <<C
ceems_lb:
  strategy: $1
  backends:
    - id: alpha
      tsdb:
        - web: {url: "http://127.0.0.1:$SHORT"}
        - web: {url: "http://127.0.0.1:$LONG"}
ceems_api_server: {data: {path: $T/data}}
C
}
config round-robin >"$T/config.yml"
chmod 644 "$T/config.yml" "$T/data/ceems.db"
for port in "$SHORT" "$LONG"; do
	wait_until 60 curl -sf -o /dev/null "http://127.0.0.1:$port/-/ready"
done
start lb "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"
ok "the load balancer runs" wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"

asks() { # PATH NAME=VALUE...: prints which server answered
	local path=$1 parameter
	shift
	for parameter; do set -- "$@" --data-urlencode "$parameter"; shift; done
	curl -sS -m 20 -G -H 'X-Grafana-User: ines' -H 'X-Ceems-Cluster-Id: alpha' "http://127.0.0.1:$PORT/api/v1/$path" "$@" >"$T/got"
	jq -r '[.data.result[]?.metric.server] + ["nobody"] | .[0]' "$T/got"
}
answers() { # SERVERS PATH NAME=VALUE...: of six requests
	local servers=$1 i
	shift
	for i in 1 2 3 4 5 6; do asks "$@"; done | sort -u | tr '\n' ' ' >"$T/servers"
	[ "$(cat "$T/servers")" = "$servers " ] || { cat "$T/servers" "$T/got"; return 1; }
}
M='m{uuid="7001"}'
OLD=$((NOW - DAY))
# Servers are asked for what they keep when they have been found well.
ok "an old time is asked of the server that keeps all" wait_until 30 answers long query "query=$M" "time=$OLD"
ok "a range that begins there, too" answers long query_range "query=$M" "start=$OLD" "end=$NOW" step=600
ok "and what looks back so far" answers long query "query=count_over_time(${M}[1d])" "time=$NOW"
ok "by an offset, a subquery, '@'" answers long query "query=$M offset 1d" "time=$NOW"
ok "all of them" answers long query "query=max_over_time(${M}[1d:1h])" "time=$NOW"
ok "in any place" answers long query "query=$M and ($M @ $OLD)" "time=$NOW"
ok "the latest is asked of both" answers "long short" query "query=$M" "time=$NOW"
ok "and ranges of the last hour" answers "long short" query_range "query=$M" "start=$((NOW - 2400))" "end=$NOW" step=60
series_too() { [ "$(curl -sS -m 20 -G -H 'X-Grafana-User: ines' -H 'X-Ceems-Cluster-Id: alpha' "http://127.0.0.1:$PORT/api/v1/series" \
	--data-urlencode "match[]=$M" -d "start=$OLD&end=$NOW" | jq -r '.data[].server')" = long ]; }
for i in 1 2 3 4; do
	ok "series of an old time ($i)" series_too
done
kill -9 "$(cat "$T/long.pid")"
wait "$(cat "$T/long.pid")" 2>/dev/null
rm "$T/long.pid"
ok "if that one is dead, whoever is there answers" wait_until 20 answers nobody query "query=$M" "time=$OLD"
answered() { jq -e '.status == "success"' "$T/got"; }
ok "and that is an answer" answered
ok "the latest is still there" answers short query "query=$M" "time=$NOW"
start long prometheus --config.file="$T/long.yml" --storage.tsdb.path="$T/long.tsdb" --storage.tsdb.retention.time=10y \
	--web.listen-address="127.0.0.1:$LONG" --log.level=error
ok "when it is back it is asked again" wait_until 60 answers long query "query=$M" "time=$OLD"
config least-connection >"$T/config.yml"
kill -HUP "$(cat "$T/lb.pid")"
ok "with the other strategy" wait_until 20 grep -q 'was loaded again' "$T/lb.log"
ok "too" wait_until 30 answers long query "query=$M" "time=$OLD"
ok "the load balancer ends well" stop lb
done_testing
