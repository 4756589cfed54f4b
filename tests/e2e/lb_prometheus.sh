# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_lb in front of the real Prometheus: what users get is what Prometheus says of their units, and nothing of the
# time in which an id was somebody else's, of another cluster's unit with the same id, or of labels that are hidden.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NOW=$(date +%s)
NOW=$((NOW - NOW % 60))
PROM=$(free_port)
PORT=$(free_port)
mkdir -p "$T/data"
chmod 755 "$T" "$T/data"

# A sample a minute for two hours: 7001 of ines, 7002 of omar, 7003 of omar until an hour ago and of ines since 40 minutes.
series() { # LABELS VALUE
	for ((t = NOW - 7200; t <= NOW; t += 60)); do echo "m{$1} $2 $t"; done
}
{
	echo '# TYPE m gauge'
	series 'uuid="7001",cluster="alpha",rack="r9",instance="n1"' 1
	series 'uuid="7001",cluster="beta",rack="r1",instance="n9"' 100
	series 'uuid="7002",cluster="alpha",rack="r9",instance="n2"' 2
	series 'uuid="7003",cluster="alpha",rack="r9",instance="n3"' 3
	echo '# EOF'
} >"$T/metrics"
promtool tsdb create-blocks-from openmetrics "$T/metrics" "$T/tsdb" >/dev/null 2>&1
echo 'global: {}' >"$T/prometheus.yml"
start prometheus prometheus --config.file="$T/prometheus.yml" --storage.tsdb.path="$T/tsdb" --storage.tsdb.retention.time=10y \
	--web.listen-address="127.0.0.1:$PROM" --log.level=error
/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$T/data/ceems.db" <<R
project alpha p1 ines
project alpha p2 omar
project beta p2 omar
unit alpha 7001 p1 $((NOW - 7200))
unit beta 7001 p2 $((NOW - 7200))
unit alpha 7002 p2 $((NOW - 7200))
unit alpha 7003 p2 $((NOW - 7200)) $((NOW - 3600))
unit alpha 7003 p1 $((NOW - 2400))
admin ops
R
chmod 644 "$T/data/ceems.db"
cat >"$T/config.yml" <<C
ceems_lb:
  cluster_label: cluster
  backends:
    - id: alpha
      tsdb: [{web: {url: "http://127.0.0.1:$PROM"}, filter_labels: [rack]}]
    - id: beta
      tsdb: [{web: {url: "http://127.0.0.1:$PROM"}}]
ceems_api_server: {data: {path: $T/data}}
C
chmod 644 "$T/config.yml"
wait_until 30 curl -sf -o /dev/null "http://127.0.0.1:$PROM/-/ready"
start lb "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"
wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"

get() { # USER PATH NAME=VALUE...
	local user=$1 path=$2 parameter
	shift 2
	for parameter; do set -- "$@" --data-urlencode "$parameter"; shift; done
	curl -sS -m 20 ${METHOD:+-X $METHOD} --compressed -G -H "X-Grafana-User: $user" -H "X-Ceems-Cluster-Id: ${CLUSTER:-alpha}" \
		"http://127.0.0.1:$PORT/api/v1/$path" "$@" | tee "$T/got"
}
says() { # JQ USER PATH NAME=VALUE...
	local filter=$1
	shift
	get "$@" >/dev/null
	jq -e "$filter" "$T/got" >/dev/null || { head -c 2000 "$T/got"; return 1; }
}
M='m{uuid="7001"}'
ok "a value of one's own unit" says '.data.result | length == 1 and .[0].value[1] == "1"' ines query "query=$M" "time=$NOW"
ok "without the hidden label" says '.data.result[0].metric == {__name__: "m", uuid: "7001", instance: "n1", cluster: "alpha"}' ines query "query=$M" "time=$NOW"
ok "sums, rates and subqueries of it" says '.data.result[0].value[1] == "32"' ines query \
	"query=sum(sum_over_time(${M}[30m:1m])) + count(rate(${M}[5m])) + vector(0)" "time=$NOW"
ok "a range of it" says '.data.result[0].values | length == 61' ines query_range "query=$M" "start=$((NOW - 3600))" "end=$NOW" step=60
CLUSTER=beta ok "the same id on another cluster is another unit" says '.data.result | length == 1 and .[0].value[1] == "100"' omar query "query=$M" "time=$NOW"
CLUSTER=beta ok "and has its own owner" says '.status == "error"' ines query "query=$M" "time=$NOW"
ok "nothing of another's unit" says '.error == "user do not have permissions to view unit metrics"' ines query 'query=m{uuid="7002"}' "time=$NOW"
ok "and the refusal says where" says '.detail | contains("m")' ines query "query=$M + m" "time=$NOW"
ok "series" says '.data | length == 1 and (.[0] | has("rack") | not)' ines series "match[]=$M" "start=$((NOW - 600))" "end=$NOW"
ok "labels" says '.data | index("instance") and (index("rack") | not)' ines labels "match[]=$M" "start=$((NOW - 600))" "end=$NOW"
ok "values of a label" says '.data == ["n1"]' ines label/instance/values "match[]=$M" "start=$((NOW - 600))" "end=$NOW"
ok "no values of a hidden one" says '(.data // []) == []' ines label/rack/values "match[]=$M" "start=$((NOW - 600))" "end=$NOW"
ok "an expression without selectors" says '.data.result[1] == "2"' ines query query=1+1
ok "a wrong query is refused" says '.status == "error"' ines query "query=m{uuid=\"7001\""

# An id that was used again.
R='m{uuid="7003"}'
first() { says "[.data.result[].values[][0]] | min > $1" ines query_range "query=$R" "start=$((NOW - 7200))" "end=$NOW" step=60; }
ok "a range holds nothing of its former owner's time" first $((NOW - 3600))
ok "his holds nothing of the new one's" says "[.data.result[].values[][0]] | max < $((NOW - 2400)) and length > 0" omar query_range "query=$R" "start=$((NOW - 7200))" "end=$NOW" step=60
not_before() { # what a look back of two hours sees: at most the samples since the unit began
	says '(.data.result // []) | length == 0 or (.[0].value[1] | tonumber) < 60' ines query "query=count_over_time(${R}[2h])" "time=$NOW" ||
		jq -e '.status == "error"' "$T/got"
}
ok "no look back goes further" not_before
at_offset() { says '(.data.result // []) == []' ines query "query=$R offset 90m" "time=$NOW" || jq -e '.status == "error"' "$T/got"; }
ok "nor does an offset" at_offset

ok "administrators see all else" says '.data.result | length == 4' ops query query=m "time=$NOW"
# shellcheck disable=SC2016 # PromQL, not the shell's
for query in 'sum by (rack) (m)' 'label_replace(m, "x", "$1", "rack", "(.*)")' 'm{rack="r9"}' \
	'm == label_replace(m, "rack", "r9", "", "")' 'm and count_values("rack", m)'; do
	ok "nobody asks for hidden labels: $query" says '.status == "error" and (.detail | contains("rack"))' ops query "query=$query" "time=$NOW"
done
form_refused() {
	[ "$(curl -sS -m 20 -o "$T/got" -w '%{http_code}' -H 'X-Grafana-User: ops' -H 'X-Ceems-Cluster-Id: alpha' "http://127.0.0.1:$PORT/api/v1/query" \
		--data-urlencode 'query=sum by (rack) (m)')" = 403 ]
}
ok "nor in a form" form_refused
# The server trims what it takes for blanks, so that this is a form to it.
unread_form_is_refused() { # PATH NAME=VALUE
	[ "$(curl -sS -m 20 -o "$T/got" -w '%{http_code}' -H 'X-Grafana-User: ops' -H 'X-Ceems-Cluster-Id: alpha' \
		-H $'Content-Type: \xc2\xa0application/x-www-form-urlencoded' "http://127.0.0.1:$PORT/api/v1/$1" --data-urlencode "$2")" = 400 ] ||
		{ head -c 500 "$T/got"; return 1; }
}
ok "nor in what is a form to the server alone" unread_form_is_refused series 'match[]={rack=~"r.*"}'
ok "and no hidden labels" says '[.data.result[].metric | has("rack")] | any | not' ops query query=m "time=$NOW"
head_is_empty() { curl -sS -m 10 -I -H 'X-Grafana-User: ines' -H 'X-Ceems-Cluster-Id: alpha' "http://127.0.0.1:$PORT/api/v1/query?query=1" | tr -d '\r' | grep -q '^HTTP/1.1 [24]'; }
ok "HEAD is answered" head_is_empty
ok "the load balancer ends well" stop lb
done_testing
