# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_lb with stand-ins for Prometheus and Pyroscope: the acceptance matrix of who may see what, what servers
# get, answers of its own, start-up errors, reload, stop.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NOW=$(date +%s)
TPORT=$(free_port)
PPORT=$(free_port)
mkdir -p "$T/data"
chmod 755 "$T" "$T/data"

upstream() { # NAME [PORT]: a server
	mkdir -p "$T/$1"
	rm -f "$T/$1/port"
	start "$1" /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_upstream.py" "$T/$1" "${2:-0}"
	wait_until 20 test -s "$T/$1/port"
}
url() { echo "http://127.0.0.1:$(cat "$T/$1/port")"; }
rows() { /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$T/data/ceems.db"; }

for name in a1 a2 b1 p1; do upstream "$name"; done
rows <<R
project alpha p1 ines
project alpha p2 omar
project beta p2 omar
unit alpha 7001 p1 $((NOW - 3600))
unit alpha 7002 p2 $((NOW - 3600))
unit beta 7001 p2 $((NOW - 3600))
admin ops
admin ceems-int-svc
R
chmod 644 "$T/data/ceems.db"

write_config() { # [MORE]: access control as MORE says
	cat <<C
ceems_lb:
  backends:
    - id: alpha
      tsdb:
        - web: {url: "$(url a1)"}
        - web: {url: "$(url a2)/sub?x=1", basic_auth: {username: lb, password: secret}}
      pyroscope:
        - web: {url: "$(url p1)"}
    - id: beta
      tsdb:
        - web: {url: "$(url b1)"}
${1:-}
C
}
write_config "
ceems_api_server: {data: {path: $T/data}}
clusters: [{id: alpha}, {id: beta}]" >"$T/config.yml"
chmod 644 "$T/config.yml"

lb() { # NAME FLAGS...
	local name=$1
	shift
	start "$name" "$BIN/ceems_lb" --web.listen-address="127.0.0.1:$TPORT" \
		--web.listen-address="127.0.0.1:$PPORT" "$@"
}
# ask USER PATH [CURL...]: the answer's body, its status in $T/status; USER - is nobody, CLUSTER is alpha
ask() {
	local user=$1 path=$2 port=$TPORT
	shift 2
	[ "$user" = - ] || set -- -H "X-Grafana-User: $user" "$@"
	[ "${CLUSTER-alpha}" = "" ] || set -- -H "X-Ceems-Cluster-Id: ${CLUSTER-alpha}" "$@"
	curl -sS -m 10 -g -o "$T/body" -w '%{http_code}' "$@" "http://127.0.0.1:${PORT:-$port}$path" >"$T/status"
	cat "$T/body"
}
status_of() { # STATUS TEXT USER PATH [CURL...]
	local status=$1 text=$2
	shift 2
	ask "$@" || return 1
	[ "$(cat "$T/status")" = "$status" ] || { echo "status $(cat "$T/status")"; return 1; }
	grep -qF -- "$text" "$T/body"
}
refused_by() { # TEXT STATUS FLAGS...: exit status and a sentence
	local text=$1 wanted=$2 out status=0
	shift 2
	out=$(timeout 20 "$BIN/ceems_lb" "$@" 2>&1) || status=$?
	printf '%s\n' "$out"
	[ "$status" = "$wanted" ] && grep -qF -- "$text" <<<"$out"
}
q() { printf '%s' "/api/v1/query?query=$(printf %s "$1" | jq -sRr @uri)"; }
seen() { # NAME: its last request that was not the load balancer's own
	grep -v '"/sub/api/v1/status\|"/api/v1/status' "$T/$1/requests" | tail -n 1
}

lb lb --config.file="$T/config.yml" --log.level=debug
ok "the load balancer answers /health" wait_until 20 status_of 200 "CEEMS LB Server is healthy" - /health
ok "it says what it listens on" grep -q 'msg="Load balancers: tsdb, pyroscope"' "$T/lb.log"

UNIT="user do not have permissions to view unit metrics"
RESOURCE="user do not have permissions to this resource"
matrix() { # of spec 2.16; the columns: status, text, user, query
	ok "$3 may: $4" status_of 200 '' "$3" "$(q "$4")"
}
matrix 200 '' ines 'm{uuid="7001"}'
ok "as a form, too" status_of 200 'uuid%3D%227001%22' ines /api/v1/query --data-urlencode 'query=m{uuid="7001"}'
for query in 'rate(m{uuid=~"7001|7002"}[5m])' 'm{uuid="7002"}' m 'm{uuid=""}' 'm{gpuuuid="GPU-5"}' 'm{uuid="7001",ceems_id="beta"}'; do
	ok "ines may not: $query" status_of 403 "$UNIT" ines "$(q "$query")"
done
ok "an expression without a selector is answered" status_of 200 '' ines "$(q '1+1')"
ok "omar may, on beta" status_of 200 '' omar "$(q 'm{uuid="7001",ceems_id="beta"}')"
matrix 200 '' ops 'm{uuid="7002"}'
matrix 200 '' ops 'm{uuid="7001",ceems_id="beta"}'
beta_was_asked() { seen b1 | jq -e '.[2] | contains("ceems_id")'; }
ok "and the other cluster's server was asked" beta_was_asked
ok "an administrator's query of an unknown cluster has no server" status_of 503 "Service not available" ops "$(q 'm{ceems_id="gamma"}')"
ok "series of one's own unit" status_of 200 '' ines '/api/v1/series?match[]=m{uuid="7001"}'
ok "labels need a selector" status_of 403 "$UNIT" ines /api/v1/labels
ok "values of a label for one's own unit" status_of 200 '' ines '/api/v1/label/instance/values?match[]=m{uuid="7001"}'
for path in /api/v1/status/config '/federate?match[]=m{uuid="7001"}' /metrics /api/v1/targets; do
	ok "$path is for administrators" status_of 403 "$RESOURCE" ines "$path"
done
ok "who get it" status_of 200 '' ops /api/v1/status/config
CLUSTER='' ok "without a cluster there is nothing" status_of 400 "invalid cluster ID. Set cluster ID using X-Ceems-Cluster-Id header" ops "$(q m)"
CLUSTER=gamma ok "nor of an unknown one" status_of 400 "invalid cluster ID" ops "$(q m)"
ok "without a user there is nothing" status_of 401 "no user header found. Make sure to set send_user_header = true" - "$(q 'm{uuid="7001"}')"
CLUSTER=gamma ok "the cluster is looked at first" status_of 400 "invalid cluster ID" - "$(q m)"
ok "the account of programs is no person" status_of 401 "no person's" ceems-int-svc "$(q m)"
ok "two user headers are none" status_of 401 "no user header" ines "$(q 'm{uuid="7001"}')" -H 'X-Grafana-User: omar'
ok "two clusters are none" status_of 400 "invalid cluster" ines "$(q 'm{uuid="7001"}')" -H 'X-Ceems-Cluster-Id: beta'
PORT=$PPORT CLUSTER=beta ok "Pyroscope has its own clusters" status_of 400 "invalid cluster" ines /
PORT=$PPORT ok "ProfileTypes is for administrators" status_of 403 "$RESOURCE" ines /querier.v1.QuerierService/ProfileTypes -X POST -d ''
proto() { # SELECTOR: SelectMergeStacktracesRequest.label_selector
	printf '\022%b%s' "\\0$(printf %o ${#1})" "$1" >"$T/proto"
}
profile() { # STATUS TEXT METHOD TYPE BODY [CURL...]: asks as ines
	local status=$1 text=$2 method=$3 type=$4 body=$5
	shift 5
	PORT=$PPORT status_of "$status" "$text" ines "/querier.v1.QuerierService/$method" -H "Content-Type: $type" --data-binary "$body" "$@"
}
proto '{service_name="7001"}'
ok "profiles of one's own unit" profile 200 '' SelectMergeStacktraces application/proto "@$T/proto"
gzip -c "$T/proto" >"$T/proto.gz"
ok "asked for in a gzip" profile 200 '' SelectMergeStacktraces application/proto "@$T/proto.gz" -H 'Content-Encoding: gzip'
plain_was_sent() { seen p1 | jq -e '.[3] | contains("{service_name=\"7001\"}")' && seen p1 | jq -e '.[4] | has("Content-Encoding") | not'; }
ok "which goes on unpacked" plain_was_sent
ok "or in JSON" profile 200 '' LabelNames application/json '{"matchers":["{service_name=\"7001\"}"]}'
proto '{service_name="7002"}'
ok "profiles of somebody else's unit" profile 403 "$UNIT" SelectMergeStacktraces application/proto "@$T/proto"
ok "a selector in JSON that names another unit" profile 403 "$UNIT" Series application/json \
	'{"matchers":["{service_name=\"7001\"}","{service_name=\"7002\"}"]}'
ok "an empty body" profile 403 "$UNIT" SelectMergeStacktraces application/proto ''
PORT=$PPORT ok "render of one's own unit" status_of 200 '' ines '/pyroscope/render?query=a:b:c:d:e{service_name="7001"}&from=now-1h'
PORT=$PPORT ok "render of everything" status_of 403 "$UNIT" ines '/pyroscope/render?query=a:b:c:d:e{}&from=now-1h'
PORT=$PPORT ok "profiles may not be pushed" status_of 403 "$RESOURCE" ines /ingest -X POST -d x
# pyroscope STATUS TEXT USER METHOD SELECTOR: a protobuf body with label_selector, field 2
pyroscope() {
	local status=$1 text=$2 user=$3 method=$4 selector=$5
	printf '\x12%b%s' "\\x$(printf %02x ${#selector})" "$selector" >"$T/pyroscope.body"
	PORT=$PPORT status_of "$status" "$text" "$user" "/querier.v1.QuerierService/$method" -H 'Content-Type: application/proto' \
		--data-binary "@$T/pyroscope.body"
}
ok "a profile of one's own unit" pyroscope 200 QuerierService ines SelectMergeStacktraces '{service_name="7001"}'
ok "of another's" pyroscope 403 "$UNIT" ines SelectMergeStacktraces '{service_name="7002"}'
ok "of nobody's" pyroscope 403 "$UNIT" ines SelectMergeStacktraces '{}'
PORT=$PPORT ok "an empty body" status_of 403 "$UNIT" ines /querier.v1.QuerierService/SelectMergeStacktraces -X POST \
	-H 'Content-Type: application/proto' -d ''
PORT=$PPORT ok "as JSON, too" status_of 200 QuerierService ines /querier.v1.QuerierService/SelectMergeStacktraces \
	-H 'Content-Type: application/json' -d '{"labelSelector":"{service_name=\"7001\"}","profileTypeID":"process_cpu:cpu:nanoseconds:cpu:nanoseconds","start":1,"end":2}'
ok "administrators see all profiles" pyroscope 200 QuerierService ops SelectMergeStacktraces '{service_name="7002"}'

# What servers get.
sent_well() {
	ask ines "$(q 'm{uuid="7001"}')" -H 'Authorization: Basic eDp5' -H 'X-Scope-OrgID: other' -H 'X-Ceems-Admin-User: x' \
		-H 'X-Ceems-Logged-User: ops' -H 'X-Mine: kept' >/dev/null
	cat "$T"/a?/requests | grep -v /status/ | grep '"X-Mine"' | tail -n 1 >"$T/record"
	jq -c . "$T/record"
	jq -e '.[4] | (."X-Ceems-Logged-User" == "ines") and (."X-Mine" == "kept") and (has("X-Scope-OrgID") | not)
		and (has("X-Ceems-Admin-User") | not) and (.Authorization != "Basic eDp5") and (."User-Agent" | startswith("ceems_lb/127.0.0.1:"))
		and (."X-Grafana-User" == "ines")' "$T/record"
}
ok "headers that choose a tenant or an identity are not the client's" sent_well
round_robin() {
	: >"$T/a1/requests"
	: >"$T/a2/requests"
	for _ in 1 2 3 4; do ask ines "$(q 'm{uuid="7001"}')" >/dev/null; done
	[ "$(grep -c '"/api/v1/query"' "$T/a1/requests")" = 2 ] && [ "$(grep -c '"/sub/api/v1/query"' "$T/a2/requests")" = 2 ]
}
ok "servers take turns" round_robin
ok "a server's own path, query and password come with it" sh -c "grep /sub/api/v1/query '$T/a2/requests' | tail -n 1 |
	jq -e '(.[2] | startswith(\"x=1&\")) and .[4].Authorization == \"Basic bGI6c2VjcmV0\"'"
ok "HEAD is answered without a body" status_of 200 '' ines "$(q 'm{uuid="7001"}')" -I

# Its own metrics.
CLUSTER='' ask - /metrics >"$T/metrics"
ok "metrics are good ones" promtool check metrics <"$T/metrics"
metric() { grep -qF -- "$1" "$T/metrics"; }
ok "requests are counted by reason" metric 'ceems_lb_requests_total{backend_type="tsdb",outcome="refused",reason="owner"}'
ok "servers by their state" metric "ceems_lb_backend_up{backend_type=\"tsdb\",cluster_id=\"beta\",backend=\"$(url b1)\"} 1"
ok "no metric names a user" sh -c "! grep -E 'ines|omar|ops\"' '$T/metrics'"
request_logged() { grep 'msg=request' "$T/lb.log" | grep "user=$1" | grep -q "decision=$2.*reason=$3"; }
ok "each request is logged with user, decision and reason" request_logged ines refused owner
leave_in_the_body() {
	exec 9<>"/dev/tcp/127.0.0.1/$TPORT" || return 1
	printf 'POST /api/v1/query HTTP/1.1\r\nHost: x\r\nX-Grafana-User: leaver\r\nX-Ceems-Cluster-Id: alpha\r\n%s\r\nquery=' \
		$'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 99\r\n' >&9
	exec 9>&-
	wait_until 20 request_logged leaver refused ''
}
ok "who leaves before it is decided got nothing" leave_in_the_body
ok "passwords of servers are not logged" sh -c "! grep -q secret '$T/lb.log'"

# As an authoriser.
allowed() { # HEADER_TEXT USER PATH CURL...
	local text=$1
	shift
	status_of 200 '' "$@" -D "$T/headers" && cat "$T/headers" && grep -qiF -- "$text" "$T/headers"
}
ok "the decision alone, behind a path" allowed 'X-Ceems-Query: query=m%7Buuid%3D%227001%22%7D' ines "/-/authorize$(q 'm{uuid="7001"}')"
ok "and with the original target in headers" allowed 'X-Ceems-Path: /api/v1/query' ines /-/authorize \
	-H "X-Original-URI: $(q 'm{uuid="7001"}')" -H 'X-Original-Method: GET'
ok "refusals are the same" status_of 403 "$UNIT" ines /-/authorize -H "X-Original-URI: $(q 'm{uuid="7002"}')" -H 'X-Original-Method: GET'
ok "a body that isn't shown can't be allowed" status_of 400 "without their body" ines /-/authorize \
	-H "X-Original-URI: $(q 'm{uuid="7001"}')" -H 'X-Original-Method: POST'
ok "nothing says nothing" status_of 400 "X-Original-URI" ines /-/authorize
proto '{service_name="7001"}'
printf '\052\024\r\nX-Ceems-Admin: 1\r\n' >>"$T/proto" # group_by of SelectSeries
no_line_is_smuggled() {
	PORT=$PPORT status_of 400 'no header can hold a message' ines /-/authorize/querier.v1.QuerierService/SelectSeries \
		-H 'Content-Type: application/proto' --data-binary "@$T/proto" -D "$T/headers" && ! grep -i x-ceems-admin "$T/headers"
}
ok "a message can't be told in a header, where it could end the line" no_line_is_smuggled
PORT=$PPORT ok "render can be told" allowed 'X-Ceems-Path: /pyroscope/render' ines \
	'/-/authorize/pyroscope/render?query=a:b:c:d:e{service_name="7001"}'
ok "administrators are allowed all" allowed 'X-Ceems-Admin: 1' ops /-/authorize -H 'X-Original-URI: /federate' -H 'X-Original-Method: GET'
admin_form() {
	allowed 'X-Ceems-Cluster-Id: beta' ops '/-/authorize/api/v1/query?time=5' -d 'query=m{ceems_id="beta"}' || return 1
	tr -d '\r' <"$T/headers" | grep -qxF 'X-Ceems-Query: query=m{ceems_id="beta"}&time=5'
}
ok "their forms become queries, of the cluster that these name" admin_form
form_of_lines() {
	status_of 400 'only forms' ops /-/authorize/api/v1/query --data-binary $'query=m\r\nX-Ceems-Admin: 2' -D "$T/headers" &&
		! grep 'Admin: 2' "$T/headers"
}
ok "but not with line ends" form_of_lines
ok "nor do other bodies" status_of 400 'only forms' ops /-/authorize/api/v1/write -H 'Content-Type: application/x-protobuf' -d x

# Reload: new servers, without a lost request; a bad file changes nothing.
cp "$T/config.yml" "$T/good.yml"
echo 'ceems_lb: {backends: [{}]}' >"$T/config.yml"
kill -HUP "$(cat "$T/lb.pid")"
ok "a bad configuration is said" wait_until 20 grep -q 'the last one stays.*missing ID for backend' "$T/lb.log"
ok "and changes nothing" status_of 200 '' ines "$(q 'm{uuid="7001"}')"
sed "s|$(url b1)|$(url a1)|" "$T/good.yml" >"$T/config.yml"
kill -HUP "$(cat "$T/lb.pid")"
ok "a good one is loaded" wait_until 20 grep -q 'the configuration was loaded again' "$T/lb.log"
: >"$T/a1/requests"
ok "and counts" status_of 200 '' omar "$(q 'm{uuid="7001",ceems_id="beta"}')"
ok "from then on" grep -q ceems_id "$T/a1/requests"
ok "the newest PromQL is known" status_of 200 '' ines "$(q 'limitk(1, rate(m{uuid="7001"}[2 * step()]))')"
sed 's/^ceems_lb:/&\n  promql_level: 2.42/' "$T/good.yml" >"$T/config.yml"
kill -HUP "$(cat "$T/lb.pid")"
ok "unless an older one was chosen" wait_until 20 status_of 403 "a duration" ines "$(q 'rate(m{uuid="7001"}[300])')"
sed 's/pyroscope:/nothing:/' "$T/good.yml" >"$T/config.yml"
kill -HUP "$(cat "$T/lb.pid")"
ok "other listeners need a restart" wait_until 20 grep -q 'restart the program' "$T/lb.log"
cp "$T/good.yml" "$T/config.yml"
ok "it ends well" stop lb
ok "with its last words" grep -q 'See you next time!!' "$T/lb.log"

# Without access control queries are not looked at.
write_config >"$T/open.yml"
lb open --config.file="$T/open.yml"
ok "without a source of owners" wait_until 20 status_of 200 '' - /health
ok "which is said" grep -q 'Neither CEEMS API server DB nor web config found. Skipping cluster validation' "$T/open.log"
ok "everything passes" status_of 200 'query=m' - '/api/v1/query?query=m'
ok "the authoriser takes forms there, too" allowed 'X-Ceems-Query: query=m' - /-/authorize/api/v1/query -d query=m
ok "as it came" status_of 200 '{b' - /api/v1/write -d '{b'
CLUSTER=gamma ok "but for unknown clusters" status_of 400 "invalid cluster" - /
ok "that one ends well, too" stop open

# A directory without a database refuses until there is one.
mkdir -p "$T/later"
write_config "ceems_api_server: {data: {path: $T/later}}" >"$T/later.yml"
lb later --config.file="$T/later.yml"
ok "a data directory without a database" wait_until 20 status_of 200 '' - /health
ok "refuses" status_of 403 "$UNIT" ines "$(q 'm{uuid="7001"}')"
ok "also those who will be administrators" status_of 403 "$UNIT" ops "$(q m)"
cp "$T/data/ceems.db" "$T/later/ceems.db"
chmod 644 "$T/later/ceems.db"
chmod 755 "$T/later"
ok "until it is there" wait_until 20 status_of 200 '' ines "$(q 'm{uuid="7001"}')"
ok "and it ends well" stop later

# Start-up errors.
bad() { # TEXT YAML [FLAGS...]
	local text=$1
	printf '%s\n' "$2" >"$T/bad.yml"
	shift 2
	refused_by "$text" 1 --config.file="$T/bad.yml" --web.listen-address=127.0.0.1:0 --web.listen-address=127.0.0.1:0 "$@"
}
SERVER='[{web: {url: "http://127.0.0.1:9"}}]'
ok "no configuration" refused_by "failed to parse config file: --config.file is not given" 1
ok "a missing configuration" refused_by "failed to parse config file" 1 --config.file="$T/none"
ok "a backend without id" bad "failed to parse config file: missing ID for backend(s)" "ceems_lb: {backends: [{tsdb: $SERVER}]}"
ok "a backend without servers" bad "missing TSDB and Pyroscope URL(s) for backend(s)" 'ceems_lb: {backends: [{id: a}]}'
ok "an unknown strategy" bad "invalid strategy" "ceems_lb: {strategy: x, backends: [{id: a, tsdb: $SERVER}]}"
ok "a cluster that the file doesn't have" bad "unknown ID a found in backends" "{ceems_lb: {backends: [{id: a, tsdb: $SERVER}]}, clusters: [{id: b}]}"
ok "too few addresses" refused_by "insufficient --web.listen-address. Expected 2 got 1" 1 --config.file="$T/good.yml" --web.listen-address=127.0.0.1:0
ok "an open listener with access control" refused_by "--web.trusted-proxies=CIDR" 1 --config.file="$T/good.yml"
ok "a web config that isn't there" refused_by "$T/none" 1 --config.file="$T/good.yml" --web.config.file="$T/none"
ok "an unknown user" bad "nosuchuser" "ceems_lb: {backends: [{id: a, tsdb: $SERVER}]}" --security.run-as-user=nosuchuser
ok "an unknown flag" refused_by "failed to parse CLI flags: " 1 --nonsense
ok "a bad network" bad "--web.trusted-proxies" "{ceems_lb: {backends: [{id: a, tsdb: $SERVER}]}, ceems_api_server: {data: {path: x}}}" --web.trusted-proxies=here
taken() { refused_by "127.0.0.1:$(cat "$T/a1/port")" 1 --config.file="$T/good.yml" --web.listen-address="127.0.0.1:$(cat "$T/a1/port")" --web.listen-address=127.0.0.1:0; }
ok "an address that is taken" taken
done_testing
