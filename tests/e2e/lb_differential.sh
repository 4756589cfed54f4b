# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Two real Prometheus servers, one with everybody's series behind ceems_lb, one with the user's alone: what
# ceems_lb answers must be the second one's answer. LB_REQUESTS (2000) and LB_SEED say how many and which.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NOW=$(date +%s)
NOW=$((NOW - NOW % 60))
ALL=$(free_port)
OWN=$(free_port)
PORT=$(free_port)
mkdir -p "$T/data"
chmod 755 "$T" "$T/data"

# A sample each half minute for two hours; values are whole, so that sums do not depend on the order.
series() { # NAME LABELS START STEP
	for ((t = NOW - 7200, v = $3; t <= NOW; t += 30, v += $4)); do echo "$1{$2} $v $t"; done
}
world() { # UNIT OWNER VALUE...
	local unit=$1 owner=$2 value=$3
	series cpu "uuid=\"$unit\",instance=\"n1\",owner=\"$owner\"" "$value" 3
	series cpu "uuid=\"$unit\",instance=\"n2\",owner=\"$owner\",gpu=\"0\"" "$((value + 7))" 5
	series mem "uuid=\"$unit\",instance=\"n1\",owner=\"$owner\"" "$((value * 2))" 0
	series energy_total "uuid=\"$unit\",instance=\"n1\",owner=\"$owner\"" "$value" 60
	series a:rule "uuid=\"$unit\",owner=\"$owner\"" "$((value + 1))" 1
}
own() {
	world 7001 ines 10
	world 7002 ines 20
}
others() {
	world 8001 omar-secret 31337000
	world 8002 omar-secret 31337500
	series cpu 'instance="n1"' 31337900 1
	series mem 'instance="n3",owner="omar-secret"' 31337901 1
}
load() { # NAME PORT
	{ sort -s -t'{' -k1,1; echo '# EOF'; } >"$T/$1.metrics"
	promtool tsdb create-blocks-from openmetrics "$T/$1.metrics" "$T/$1.tsdb" >/dev/null 2>&1
	echo 'global: {}' >"$T/$1.yml"
	start "$1" prometheus --config.file="$T/$1.yml" --storage.tsdb.path="$T/$1.tsdb" --storage.tsdb.retention.time=10y \
		--web.listen-address="127.0.0.1:$2" --log.level=error
}
own | load own "$OWN"
{ own; others; } | load all "$ALL"
/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$T/data/ceems.db" <<R
project alpha p1 ines
project alpha p2 omar
unit alpha 7001 p1 $((NOW - 86400))
unit alpha 7002 p1 $((NOW - 86400))
unit alpha 8001 p2 $((NOW - 86400))
unit alpha 8002 p2 $((NOW - 86400))
R
cat >"$T/config.yml" <<C
ceems_lb:
  backends:
    - id: alpha
      tsdb:
        - web: {url: "http://127.0.0.1:$ALL"}
ceems_api_server: {data: {path: $T/data}}
C
chmod 644 "$T/config.yml" "$T/data/ceems.db"
start lb "$BIN/ceems_lb" --web.listen-address="127.0.0.1:$PORT" --config.file="$T/config.yml" --log.level=error
ok "the servers are there" wait_until 60 curl -sf "127.0.0.1:$ALL/-/ready"
ok "both of them" wait_until 60 curl -sf "127.0.0.1:$OWN/-/ready"
ok "the load balancer, too" wait_until 60 curl -sf "127.0.0.1:$PORT/health"
everything_is_there() {
	curl -sg "127.0.0.1:$ALL/api/v1/query?query=count(count+by+(uuid)(cpu))&time=$NOW" | grep -q '"5"'
}
ok "one has the series of others" everything_is_there
differs_nowhere() {
	/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/lb_differential.py" "$PORT" "$OWN" "$NOW" "${LB_REQUESTS:-2000}" ${LB_SEED:+"$LB_SEED"}
}
ok "what is answered is what a server without others' series answers" differs_nowhere
sed -n '/^#/p' "$T/ok.out" | head -n 1
ok "the load balancer ends well" stop lb
done_testing
