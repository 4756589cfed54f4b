# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # PORT and Q are for who reads this file
# For tests of a proxy in front, with ceems_lb as its authoriser, after tap.sh: a server (SERVER_PORT), the owners of two
# units, the configuration of ceems_lb ($T/config.yml), ports for it (PORT) and for the front (FRONT).
NOW=$(date +%s)
PORT=$(free_port)
FRONT=$(free_port)
mkdir -p "$T/data" "$T/prom"
chmod 755 "$T" "$T/data"
start prom /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_upstream.py" "$T/prom"
wait_until 20 test -s "$T/prom/port"
SERVER_PORT=$(cat "$T/prom/port")
/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$T/data/ceems.db" <<R
project alpha p1 ines
unit alpha 7001 p1 $((NOW - 3600))
unit alpha 7002 p2 $((NOW - 3600))
admin ops
R
chmod 644 "$T/data/ceems.db"
cat >"$T/config.yml" <<C
ceems_lb: {backends: [{id: alpha, tsdb: [{web: {url: "http://127.0.0.1:$SERVER_PORT"}}]}]}
ceems_api_server: {data: {path: $T/data}}
C
chmod 644 "$T/config.yml"
Q='/api/v1/query?query=m%7Buuid%3D%227001%22%7D'

ask() { # STATUS USER PATH [CURL...]
	local status=$1 user=$2 path=$3 got
	shift 3
	got=$(curl -sS -m 10 -g -o "$T/body" -w '%{http_code}' -H "X-Grafana-User: $user" -H 'X-Ceems-Cluster-Id: alpha' "$@" "http://127.0.0.1:$FRONT$path")
	[ "$got" = "$status" ] || { echo "status $got"; cat "$T/body"; return 1; }
}
