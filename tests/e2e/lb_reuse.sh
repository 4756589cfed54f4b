# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Ids that were somebody else's unit at other times, before a real Prometheus: whatever ranges, offsets, '@' and
# subqueries ask for, what is answered is what a server answers that never held the other unit. LB_REQUESTS
# (1500) and LB_SEED say how many requests and which.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NOW=$(date +%s)
NOW=$((NOW - NOW % 60))
ALL=$(free_port)
OWN=$(free_port)
PORT=$(free_port)
mkdir -p "$T/data"
chmod 755 "$T" "$T/data"

# Ends of units, in seconds before now.
A=14400 B=9000 C=7200 D=5400 E=3600
series() { # UNIT OWNER VALUE FROM TO: seconds before now
	local t v=$3
	for ((t = NOW - $4; t <= NOW - $5; t += 30, v += 1)); do
		echo "gauge{uuid=\"$1\",instance=\"n1\",owner=\"$2\"} $v $t"
		echo "gauge{uuid=\"$1\",instance=\"n2\",owner=\"$2\"} $((v * 2)) $t"
		# The same series for whoever has the id.
		echo "same{uuid=\"$1\",instance=\"n1\"} $v $t"
	done
}
own() {
	series 900 ines 10 $E 0
	series 901 ines 20 $A $B
	series 902 ines 30 $A $B
	series 902 ines 40 $E 0
	series 7001 ines 50 $A 0
	series 903 ines 60 $((C - 15)) 0
}
others() {
	series 900 omar-secret 31337000 $A $B
	series 901 omar-secret 31337300 $E 0
	series 902 omar-secret 31337600 $C $D
	series 903 omar-secret 31337900 $A $C
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
unit alpha 900 p2 $((NOW - A)) $((NOW - B))
unit alpha 900 p1 $((NOW - E))
unit alpha 901 p1 $((NOW - A)) $((NOW - B))
unit alpha 901 p2 $((NOW - E))
unit alpha 902 p1 $((NOW - A)) $((NOW - B))
unit alpha 902 p2 $((NOW - C)) $((NOW - D))
unit alpha 902 p1 $((NOW - E))
unit alpha 7001 p1 $((NOW - A))
unit alpha 903 p2 $((NOW - A)) $((NOW - C))
unit alpha 903 p1 $((NOW - C))
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
shows_nothing_foreign() {
	/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/lb_reuse.py" "$PORT" "$OWN" "$ALL" "$NOW" "${LB_REQUESTS:-1500}" ${LB_SEED:+"$LB_SEED"}
}
ok "nothing is shown of another unit with the same id" shows_nothing_foreign
sed -n '/^#/p' "$T/ok.out" | head -n 1
ok "the load balancer ends well" stop lb
done_testing
