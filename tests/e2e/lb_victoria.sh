# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_lb in front of the real VictoriaMetrics, with and without its prefix: what users get is what it says of their
# units itself. Its extensions of PromQL, its parameters and its other paths are refused; and where it reads further
# back than Prometheus does, nothing is shown of a time in which an id was somebody else's.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

command -v victoria-metrics >/dev/null || {
	skip "VictoriaMetrics" "it is not installed"
	done_testing
	exit
}
NOW=$(date +%s)
NOW=$((NOW - NOW % 60))
VM=$(free_port)
OWN=$(free_port)
PORT=$(free_port)
DAY=86400
mkdir -p "$T/data"
chmod 755 "$T" "$T/data"
start_vm() { # NAME PORT
	start "$1" victoria-metrics -storageDataPath="$T/$1" -httpListenAddr="127.0.0.1:$2" -retentionPeriod=12 -memory.allowedBytes=134217728 \
		-search.latencyOffset=1s
}
start_vm vm "$VM"
start_vm own "$OWN"
# A sample a minute: 7001 of ines, 7002 of omar, 7003 of omar until an hour ago and of ines since 40 minutes, 7004 of omar
# 100 days ago and of ines since 60 days. 7011 of omar until half an hour ago and of ines since then, 7012 likewise, but its
# end was lost; 7013 of ines until then and of omar since. 7014 as 7011, but its own samples begin 17 minutes later; 7015 as 7013,
# but with one sample of its own.
HALF=$(((NOW - 1800) / 300 * 300 - 60))
series() { # LABELS VALUE FROM TO STEP: seconds before now
	for ((t = NOW - $3; t <= NOW - $4; t += $5)); do echo "m{$1} $2 ${t}000"; done
}
{
	series 'uuid="7001",instance="n1",rack="r1"' 1 7200 0 60
	series 'uuid="7002",instance="n2",rack="r2"' 2 7200 0 60
	series 'uuid="7003",instance="secret"' 31337 7200 3600 60
	series 'uuid="7003",instance="n3"' 4 2400 0 60
	series 'uuid="7004",instance="secret"' 31337 $((100 * DAY + 3600)) $((100 * DAY)) 600
	series 'uuid="7004",instance="n4"' 5 3000 0 60
	series 'uuid="7005",instance="n5"' 6 7200 0 60
	for ((i = 0, t = NOW - 7200; t <= NOW; t += 60, i += 60)); do echo "c{uuid=\"7001\",instance=\"n1\"} $i ${t}000"; done
} >"$T/samples"
rising() { # UUID VALUE FROM TO
	for ((t = $3, v = $2; t <= $4; t += 60, v++)); do echo "m{uuid=\"$1\"} $v ${t}000"; done
}
{
	rising 7011 4 $HALF "$NOW"
	rising 7012 4 $HALF "$NOW"
	rising 7013 4 $((HALF - 5400)) $((HALF - 60))
	rising 7014 4 $((HALF + 1020)) "$NOW"
	rising 7015 200 $((HALF - 60)) $((HALF - 60))
} >"$T/own.samples"
{
	for id in 7011 7012 7014; do rising $id 31337 $((HALF - 5400)) $((HALF - 60)); done
	for id in 7013 7015; do rising $id 31337 $HALF "$NOW"; done
} | cat "$T/own.samples" - >>"$T/samples"
/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$T/data/ceems.db" <<R
project alpha p1 ines
project alpha p2 omar
project prefixed p1 ines
project hidden p1 ines
unit alpha 7001 p1 $((NOW - 7200))
unit prefixed 7001 p1 $((NOW - 7200))
unit hidden 7001 p1 $((NOW - 7200))
unit alpha 7002 p2 $((NOW - 7200))
unit alpha 7003 p2 $((NOW - 7200)) $((NOW - 3600))
unit alpha 7003 p1 $((NOW - 2400))
unit alpha 7004 p2 $((NOW - 100 * DAY - 3600)) $((NOW - 100 * DAY))
unit alpha 7004 p1 $((NOW - 60 * DAY))
unit alpha 7011 p2 $((NOW - 7200)) $HALF
unit alpha 7011 p1 $HALF
unit alpha 7012 p2 $((NOW - 7200))
unit alpha 7012 p1 $HALF
unit alpha 7013 p1 $((NOW - 7200)) $HALF
unit alpha 7013 p2 $HALF
unit alpha 7014 p2 $((NOW - 7200)) $HALF
unit alpha 7014 p1 $HALF
unit alpha 7015 p1 $((NOW - 7200)) $HALF
unit alpha 7015 p2 $HALF
unit alpha 7005 p1 $((NOW - 7200))
admin ops
R
cat >"$T/config.yml" <<C
ceems_lb:
  route_prefix: /prometheus
  backends:
    - {id: alpha, tsdb: [{web: {url: "http://127.0.0.1:$VM"}}]}
    - {id: prefixed, tsdb: [{web: {url: "http://127.0.0.1:$VM/prometheus"}}]}
    - {id: hidden, tsdb: [{web: {url: "http://127.0.0.1:$VM"}, filter_labels: [rack]}]}
ceems_api_server: {data: {path: $T/data}}
C
chmod 644 "$T/config.yml" "$T/data/ceems.db"
wait_until 30 curl -sf "http://127.0.0.1:$VM/health"
curl -sf -T "$T/samples" "http://127.0.0.1:$VM/api/v1/import/prometheus"
count() { # PORT: of the series
	curl -s "http://127.0.0.1:$1/api/v1/query?query=count(m)&time=$NOW" | jq -r '.data.result[0].value[1]'
}
loaded() { # PORT SERIES
	curl -s "http://127.0.0.1:$1/internal/force_flush" && [ "$(count "$1")" = "$2" ]
}
ok "the server holds the samples" wait_until 30 loaded "$VM" 10
wait_until 30 curl -sf "http://127.0.0.1:$OWN/health"
curl -sf -T "$T/own.samples" "http://127.0.0.1:$OWN/api/v1/import/prometheus"
ok "another one holds only what is one's own" wait_until 30 loaded "$OWN" 3
start lb "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"
ok "the load balancer runs" wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"

get() { # USER PATH NAME=VALUE...: the status in $T/status
	local user=$1 path=$2 parameter
	shift 2
	for parameter; do set -- "$@" --data-urlencode "$parameter"; shift; done
	curl -sS -m 20 -G -o "$T/got" -w '%{http_code}' -H "X-Grafana-User: $user" -H "X-Ceems-Cluster-Id: ${CLUSTER:-alpha}" \
		"http://127.0.0.1:$PORT${PREFIX:-}/api/v1/$path" "$@" >"$T/status"
}
says() { # JQ USER PATH NAME=VALUE...
	local filter=$1
	shift
	get "$@"
	jq -e "$filter" "$T/got" >/dev/null || { cat "$T/status"; head -c 1000 "$T/got"; return 1; }
}
refused() { # STATUS USER PATH NAME=VALUE...
	local status=$1
	shift
	get "$@"
	[ "$(cat "$T/status")" = "$status" ] || { cat "$T/status"; head -c 1000 "$T/got"; return 1; }
}
as_itself() { # PATH NAME=VALUE...: ines gets what the server says when it is asked itself
	local path=$1 parameter
	get ines "$@"
	shift
	for parameter; do set -- "$@" --data-urlencode "$parameter"; shift; done
	curl -sS -m 20 -G -o "$T/itself" "http://127.0.0.1:$VM/api/v1/$path" "$@"
	jq -S 'del(.stats)' "$T/itself" >"$T/itself.json"
	jq -S 'del(.stats)' "$T/got" | diff -u "$T/itself.json" - && jq -e '.status == "success" and (.data.result? // .data | length > 0)' "$T/got"
}
M='{uuid="7001"}'
# Shapes of the dashboards' queries.
# shellcheck disable=SC1087 # PromQL's brackets
while read -r query; do
	ok "as itself: $query" as_itself query "query=$query" "time=$NOW"
	ok "over a range, too" as_itself query_range "query=$query" "start=$((NOW - 3600))" "end=$NOW" step=60
done <<Q
m$M
sum by (uuid) (rate(c$M[5m]))
avg_over_time(m$M[30m])
sum(sum_over_time(m$M[30m:1m])) / 60
(m$M - m$M * 0.5) and on (uuid) c$M
label_replace(m$M, "job", "\$1", "uuid", "(.+)")
avg without (instance) (m{uuid=~"7001|7005"})
topk(1, m{uuid=~"7001|7005"})
m$M offset 30m
Q
ok "series" as_itself series "match[]=m$M" "start=$((NOW - 600))" "end=$NOW"
ok "labels" as_itself labels "match[]=m$M" "start=$((NOW - 600))" "end=$NOW"
ok "values of a label" as_itself label/instance/values "match[]=m$M" "start=$((NOW - 600))" "end=$NOW"
PREFIX=/prometheus ok "behind the prefix of the data source's URL" as_itself query "query=m$M" "time=$NOW"
CLUSTER=prefixed ok "behind the prefix of the server's URL" as_itself query "query=m$M" "time=$NOW"
CLUSTER=hidden ok "without a label that is hidden" says '.data.result[0].metric == {__name__: "m", uuid: "7001", instance: "n1"}' ines query "query=m$M" "time=$NOW"
# The same server behind a load balancer that knows of no prefix, and lets everybody ask anything else.
OPEN=$(free_port)
grep -v 'route_prefix\|ceems_api_server' "$T/config.yml" >"$T/open.yml"
start open "$BIN/ceems_lb" --config.file="$T/open.yml" --web.listen-address="127.0.0.1:$OPEN"
renamed() { # URL: the value of a hidden label under another name
	# shellcheck disable=SC2016 # PromQL, not the shell's
	curl -sS -m 20 -G -H 'X-Ceems-Cluster-Id: hidden' -H 'X-Grafana-User: ops' "$1" -w '%{http_code}' -o "$T/got" \
		--data-urlencode 'query=label_replace(m{uuid="7001"},"x","$1","rack","(.*)")' -d "time=$NOW" >"$T/status"
	grep r1 "$T/got"
}
ok "the server itself takes queries behind a prefix" renamed "http://127.0.0.1:$VM/prometheus/api/v1/query"
ok "a load balancer without access control runs" wait_until 20 curl -sf "http://127.0.0.1:$OPEN/health"
path_around() { ! renamed "$1" && [ "$(cat "$T/status")" = 403 ]; }
for path in /api/v1/query /prometheus/api/v1/query /prometheus/api/v1/query/ /prometheus/api/v1/query_range; do
	ok "which is no way around: $path" path_around "http://127.0.0.1:$OPEN$path"
	ok "nor for administrators: $path" path_around "http://127.0.0.1:$PORT$path"
done
ok "it ends well" stop open
posted() {
	[ "$(curl -sS -m 20 -o "$T/got" -w '%{http_code}' -H 'X-Grafana-User: ines' -H 'X-Ceems-Cluster-Id: alpha' \
		"http://127.0.0.1:$PORT/api/v1/query" --data-urlencode "query=m$M" -d "time=$NOW")" = 200 ] && jq -e '.data.result | length == 1' "$T/got"
}
ok "as a form" posted
ok "administrators see all" says '.data.result | length == 10' ops query query=m "time=$NOW"
ok "nothing of another's unit" refused 403 ines query 'query=m{uuid="7002"}'

# What only VictoriaMetrics understands.
while read -r query; do
	ok "no extension: $query" refused 403 ines query "query=$query" "time=$NOW"
done <<Q
m{uuid="7001" or uuid="7002"}
m{uuid="7001"} default 0
m{uuid="7001"} if m{uuid="7001"}
m{uuid="7001"} ifnot m{uuid="7001"}
WITH (x = m{uuid="7002"}) x
rollup(m{uuid="7001"}[5m])
range_median(m{uuid="7001"})
rate(c{uuid="7001"})
sum(m{uuid="7001"}) keep_metric_names
sum(m{uuid="7001"}) limit 2
m{uuid="7001"}[5i]
(m, m{uuid="7001"})
union(m{uuid="7001"}, m{uuid="7002"})
m{uuid=~"700[12]"}
{__name__=~"m|c"}
label_set(m{uuid="7001"}, "uuid", "7002")
m{uuid="7001"} offset 5i
Q
more_is_left_out() { # parameters of the server's own
	local more
	for more in 'extra_filters[]={uuid="7002"}' extra_label=uuid=7002 latency_offset=1h round_digits=0 trace=1; do
		says '(.data.result | length == 1) and .data.result[0].metric.uuid == "7001" and (has("trace") | not)' ines query "query=m$M" "time=$NOW" "$more" || return 1
	done
}
ok "its own parameters don't go on" more_is_left_out
for path in export export/csv export/native series/count status/tsdb status/active_queries status/top_queries import/prometheus import \
	admin/tsdb/delete_series query_exemplars/x ../../metrics; do
	ok "$path is for administrators" refused 403 ines "$path" 'match[]=m{uuid="7001"}'
done
for path in /metrics /vmui /graphite/render /federate /internal/force_flush /snapshot/create /prometheus/federate /write /api/v1/write; do
	outside() { [ "$(curl -sS -m 20 -o "$T/got" -w '%{http_code}' -H 'X-Grafana-User: ines' -H 'X-Ceems-Cluster-Id: alpha' "http://127.0.0.1:$PORT$path?match[]=m" -g)" = 403 ]; }
	ok "$path, too" outside
done
still_there() { [ "$(count "$VM")" = 10 ]; }
ok "and nothing was deleted" still_there

# Ids that were used again.
clean() { # USER PATH NAME=VALUE...: nothing of the other's time
	get "$@"
	! grep -E '(^|[^0-9])31337|secret' "$T/got" || return 1
	jq -e '.status' "$T/got"
}
R='m{uuid="7003"}'
looks_back() { # ranges of all steps and beginnings: the server would look back by a step
	local step begin query
	for step in 30 60 300 900 1800 3600 7200; do
		for begin in 7200 5400 3600 3000 2700 2460 2400; do
			for query in "$R" "last_over_time(${R}[5m])" "sum_over_time(${R}[10m:1m])" "increase(${R}[5m])" "max_over_time((${R})[20m:20m])"; do
				clean ines query_range "query=$query" "start=$((NOW - begin))" "end=$NOW" "step=$step" || { echo "$step $begin $query"; return 1; }
			done
		done
	done
}
ok "no step looks back into another's time" looks_back
itself_would() { curl -s -G "http://127.0.0.1:$VM/api/v1/query_range" --data-urlencode "query=$R" -d "start=$((NOW - 2700))&end=$NOW&step=3600" | grep -qE '(^|[^0-9])31337'; }
ok "as the server itself would" itself_would
ok "one's own time is shown" says '[.data.result[].values[][1]] | unique == ["4"]' ines query_range "query=$R" "start=$((NOW - 7200))" "end=$NOW" step=60
ok "instant queries" clean ines query "query=$R" "time=$((NOW - 2340))"
index() { # USER: windows of the index, also those that end in times to come
	local end
	for end in $NOW $((NOW + 3600)) $((NOW + 400 * DAY)) $((NOW + 4000 * DAY)); do
		clean ines label/instance/values 'match[]=m{uuid="7004"}' "start=$((NOW - 3000))" "end=$end" || return 1
		clean ines label/instance/values 'match[]=m{uuid="7004"}' "start=$((NOW - 50 * DAY))" "end=$end" || return 1
		clean ines series 'match[]=m{uuid="7004"}' "start=$((NOW - 300 * DAY))" "end=$end" || return 1
	done
	clean ines series 'match[]=m{uuid="7004"}' && clean ines labels 'match[]=m{uuid="7004"}'
}
ok "nor does the index" index
ok "which shows what is one's own" says '.data == ["n4"]' ines label/instance/values 'match[]=m{uuid="7004"}' "start=$((NOW - 3000))" "end=$((NOW + 400 * DAY))"
index_itself_would() { curl -s -g "http://127.0.0.1:$VM/api/v1/label/instance/values?match[]=m{uuid=\"7004\"}&start=$((NOW - 50 * DAY))&end=$NOW" | grep -q secret; }
ok "while the server's would show all" index_itself_would
# Its functions take the sample in front of their range, whose value shows in a difference only.
as_if_never_held() { /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/lb_victoria.py" "$PORT" "$OWN" "$VM" "$HALF" 7011 7012 7013 7014 7015; }
ok "what is answered is what a server answers that never held the other unit" as_if_never_held
sed -n '/^#/p' "$T/ok.out" | head -n 1
no_errors() { ! grep 'level=ERROR' "$T/lb.log" | grep -v 'ClusterID\|Grafana user'; }
ok "nothing of it is an error" no_errors
ok "the load balancer ends well" stop lb
done_testing
