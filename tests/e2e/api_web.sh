# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_api_server as HTTP clients meet it: who is believed, methods, paths, compression, browsers,
# rate, pages; each against the built program.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/api.sh
. "$CEEMS_SOURCE/tests/lib/api.sh"

API=/api/v1
# shellcheck disable=SC2016
HASH='$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW' # of: secret
OTHER_UID=12345

get() { curl -sS -m 10 "$@"; }
as() { local user=$1; shift; get -H "X-Grafana-User: $user" "$@"; }
status() { curl -sS -m 10 -o "$T/body" -D "$T/head" -w '%{http_code}' "$@"; }
is_status() { # STATUS CURL-ARGUMENTS...
	local wanted=$1 got
	shift
	got=$(status "$@")
	[ "$got" = "$wanted" ] || { echo "$got"; cat "$T/head" "$T/body"; return 1; }
}
has_header() { tr -d '\r' <"$T/head" | grep -qixF -- "$1" || { cat "$T/head"; return 1; }; }
lacks_header() { ! grep -qi -- "^$1" "$T/head" || { cat "$T/head"; return 1; }; }
body_is() { [ "$(cat "$T/body")" = "$1" ] || { cat "$T/body"; return 1; }; }
refuses() { # TEXT FLAGS...
	local text=$1 out status=0
	shift
	out=$(timeout 20 "$BIN/ceems_api_server" --config.file="$T/config.yml" \
		--web.listen-address="127.0.0.1:$(free_port)" "$@" 2>&1) || status=$?
	echo "$out"
	[ "$status" = 1 ] && grep -qF -- "$text" <<<"$out"
}
elsewhere() { # CURL...: as a user who is neither root nor the server's
	setpriv --reuid="$OTHER_UID" --regid="$OTHER_UID" --clear-groups "$@"
}

fill_api_database || exit 1
start_api --web.route-prefix=/ --web.external-url=https://ceems.example --web.debug-server

# Methods and paths (spec 5.1).
U=$URL$API/units
ok "the first page is HTML" sh -c "curl -sSi '$URL/' | grep -qi '^content-type: text/html'"
ok "it links to the description" sh -c "curl -sS '$URL/' | grep -qF '<a href=\"/swagger/index.html\">Swagger API</a>'"
ok "it links to health" sh -c "curl -sS '$URL/' | grep -qF '<a href=\"/health\">Health Status</a>'"
ok "health answers in plain text" is_status 200 "$URL/health"
ok "with the specified words" body_is "CEEMS API Server is healthy"
ok "and is not sniffed" has_header "X-Content-Type-Options: nosniff"
ok "health takes any method" is_status 200 -X PURGE "$URL/health"
ok "so does the first page" is_status 200 -X POST -d x=y "$URL/"
ok "health as JSON" sh -c "curl -sS '$URL/health?format=json' | jq -e '.status == \"success\" and [.data[].cluster_id] == [\"hpc-a\", \"hpc-b\", \"kube\"]'"
for method in POST PUT DELETE PATCH; do
	ok "$method of units is refused" is_status 405 -X "$method" -d x=y -H "X-Grafana-User: mira" "$U"
	ok "with what is allowed" has_header "Allow: GET, HEAD, OPTIONS"
done
ok "a method on the demo is refused" is_status 405 -X POST "$URL$API/demo/units"
ok "without a body" body_is ""
ok "a method on the description is refused" is_status 405 -X POST "$URL/swagger/doc.json"
ok "in words" body_is "Method not allowed"
ok "HEAD is answered like GET, without the body" sh -c "curl -sSI -H 'X-Grafana-User: mira' '$U' | grep -q '^HTTP/1.1 200'"
ok "an unknown path is 404" is_status 404 -H "X-Grafana-User: mira" "$URL$API/nothing"
ok "in text" body_is "404 page not found"
ok "a slash at the end is 404" is_status 404 -H "X-Grafana-User: mira" "$U/"
ok "empty segments lead to the clean path" is_status 301 "$URL//api//v1/units?a=b"
ok "with its query" has_header "Location: /api/v1/units?a=b"
ok "dot segments as well" is_status 301 --path-as-is "$URL/x/../api/v1/./units"
ok "to the clean path" has_header "Location: /api/v1/units"
ok "no redirect leads to another host" sh -c "! curl -sSi --path-as-is '$URL///evil.example/..//x' | grep -i '^location: //'"
ok "the description's folder leads to its page" is_status 301 "$URL/swagger/"
ok "which is there" is_status 200 "$URL/swagger/index.html"
ok "and takes nothing from elsewhere" sh -c "! grep -Eq '<script|<link|(src|href)=\"?(https?:)?//' '$T/body'"
ok "an unknown file is not" is_status 404 "$URL/swagger/x.js"
ok "the description names host, scheme and version" sh -c "curl -sS '$URL/swagger/doc.json' | jq -e '
	.swagger == \"2.0\" and .info.title == \"CEEMS API\" and .info.version == \"1.0\" and .basePath == \"/api/v1\"
	and .host == \"ceems.example\" and .schemes == [\"https\"] and .securityDefinitions.BasicAuth.type == \"basic\"'"
ok "demo units need no user" sh -c "curl -sS '$URL$API/demo/units' | jq -e '.data | length == 100'"
ok "demo usage needs none" sh -c "curl -sS '$URL$API/demo/usage' | jq -e '.data | length > 10'"
ok "threads are shown to localhost" is_status 200 "http://localhost:$PORT/debug/threads"
ok "and to no other name" is_status 404 "$URL/debug/threads"

# Who asks (5.2).
ok "nobody is refused" is_status 401 "$U"
ok "with the specified body" body_is '{"status":"error","data":null,"errorType":"unauthorized","error":"no user identified"}'
ok "an ordinary user is no administrator" is_status 403 -H "X-Grafana-User: mira" "$U/admin"
ok "with the specified body" body_is '{"status":"error","data":null,"errorType":"forbidden","error":"current user does not have admin privileges"}'
ok "an administrator is one" is_status 200 -H "X-Grafana-User: boss" "$U/admin?uuid=101"
ok "a header that is given twice names nobody" is_status 401 -H "X-Grafana-User: boss" -H "X-Grafana-User: mira" "$U/admin"
ok "internal headers mean nothing" is_status 401 -H "X-Ceems-Logged-User: boss" -H "X-Ceems-Admin-User: boss" "$U/admin"
ok "the internal account works for root on this machine" is_status 200 -H "X-Grafana-User: ceems-int-svc" "$URL$API/clusters/admin"
if [ "$(id -u)" = 0 ]; then
	ok "for another user it does not" elsewhere curl -sS -m 5 -f -o /dev/null "$URL/health"
	ok "but is refused" sh -c "setpriv --reuid=$OTHER_UID --regid=$OTHER_UID --clear-groups \
		curl -sS -H 'X-Grafana-User: ceems-int-svc' '$URL$API/clusters/admin' | jq -e '.errorType == \"forbidden\"'"
	ok "people are believed from there" sh -c "setpriv --reuid=$OTHER_UID --regid=$OTHER_UID --clear-groups \
		curl -sS -H 'X-Grafana-User: mira' '$U?uuid=101' | jq -e '.data | length == 1'"
else
	skip "processes of other users" "needs root"
fi

# Units (5.7, 5.8).
ok "the specified form of a unit" test "$(as mira "$U?running&cluster_id=hpc-a&field=uuid&field=state&field=total_time_seconds&uuid=101")" = \
	'{"status":"success","data":[{"uuid":"101","state":"RUNNING","total_time_seconds":{"alloc_cpumemtime":11059200,"alloc_cputime":10800,"alloc_gpumemtime":0,"alloc_gputime":0,"walltime":2700}}]}'
ok "another zone" sh -c "curl -sS -H 'X-Grafana-User: mira' '$U?uuid=103&timezone=Asia/Tokyo&field=started_at' | jq -e '.data[0].started_at == \"2031-04-09T15:15:30+0900\"'"
ok "no field is left" is_status 400 -H "X-Grafana-User: mira" "$U?field=nope"
ok "with the specified body" body_is '{"status":"error","data":null,"errorType":"bad_data","error":"invalid query fields"}'
ok "a bad time" is_status 400 -H "X-Grafana-User: mira" "$U?from=now"
ok "with the specified body" body_is "{\"status\":\"error\",\"data\":null,\"errorType\":\"bad_data\",\"error\":\"query parameter 'from': malformed timestamp\"}"
ok "a pair with a semicolon is dropped" sh -c "curl -sS -H 'X-Grafana-User: mira' '$U?uuid=101;uuid=102&uuid=103' | jq -e '[.data[].uuid] == [\"103\"]'"
ok "a pair with a bad escape is dropped" sh -c "curl -sS -H 'X-Grafana-User: mira' '$U?uuid=%zz&uuid=103' | jq -e '[.data[].uuid] == [\"103\"]'"

# Browsers (5.4).
ok "a preflight needs no user" is_status 200 -X OPTIONS -H "Origin: https://g.example" "$U/admin"
ok "its body is empty" body_is ""
ok "it allows the user header" has_header "Access-Control-Allow-Headers: Accept, Authorization, Content-Type, Origin, X-Grafana-User"
ok "it allows GET" has_header "Access-Control-Allow-Methods: GET"
ok "it exposes the date" has_header "Access-Control-Expose-Headers: Date"
ok "it echoes the origin" has_header "Access-Control-Allow-Origin: https://g.example"
ok "it depends on the origin" has_header "Vary: Origin"
ok "refusals carry none" is_status 401 -H "Origin: https://g.example" "$U"
ok "of these headers" lacks_header access-control
ok "without compression nothing is packed" sh -c "! curl -sSi -H 'Accept-Encoding: gzip' -H 'X-Grafana-User: boss' '$U/admin?uuid=101' | grep -aqi '^content-encoding'"
ok "metrics are clean" sh -c "curl -sS '$URL/metrics' | promtool check metrics"
ok "metrics name routes" sh -c "curl -sS '$URL/metrics' | grep -q '^ceems_api_server_http_requests_total{code=\"403\",route=\"/units/admin\"} 1$'"
ok "it ends well" stop api

# Rate and packing (5.3, 5.5), under a prefix.
start_api --web.route-prefix=/ceems --web.compression --web.max-requests=60 --web.cors.origin='https://(a|b)\.example'
U=$URL/ceems$API/units/admin
Q="uuid=101&uuid=102&uuid=103&uuid=201&uuid=pod-1"
ok "the prefix moves the API" is_status 200 -H "X-Grafana-User: boss" "$U?$Q"
cp "$T/body" "$T/plain"
ok "and leaves nothing behind" is_status 404 -H "X-Grafana-User: boss" "$URL$API/units/admin"
ok "nor health" is_status 200 "$URL/health"
packed() { # ACCEPT-ENCODING FORMAT
	is_status 200 -H "Accept-Encoding: $1" -H "X-Grafana-User: boss" "$U?$Q" || return 1
	if [ -z "$2" ]; then
		lacks_header content-encoding && cmp "$T/body" "$T/plain"
		return
	fi
	has_header "Content-Encoding: $2" && has_header "Vary: Accept-Encoding" &&
		/usr/bin/python3 -c "
import sys, zlib
data = zlib.decompress(open('$T/body', 'rb').read(), -15 if '$2' == 'deflate' else 31)
sys.exit(data != open('$T/plain', 'rb').read())"
}
ok "gzip is packed" packed "gzip" gzip
ok "and preferred" packed "deflate, gzip;q=0.2" gzip
ok "deflate is raw" packed "deflate" deflate
ok "q=0 is no" packed "gzip;q=0" ""
ok "of both" packed "gzip;q=0, deflate;q=0.0" ""
ok "another coding is none of ours" packed "br" ""
ok "an origin of the pattern is allowed" is_status 200 -H "Origin: https://b.example" "$URL/health"
ok "by name" has_header "Access-Control-Allow-Origin: https://b.example"
ok "one that only begins so is not" is_status 200 -H "Origin: https://b.example.evil" "$URL/health"
ok "named" lacks_header access-control-allow-origin
# What the client put in front itself changes with each request, and does not count.
until_refused() { # ADDRESS
	local n=0
	while [ "$n" -lt 200 ]; do
		n=$((n + 1))
		[ "$(status -H "X-Forwarded-For: 203.0.113.$n" -H "X-Forwarded-For: $1" "$URL/health")" = 200 ] || break
	done
	head -n 1 "$T/head" | grep -q ' 429 '
}
ok "requests beyond the limit are refused" until_refused 198.51.100.7
ok "in words" body_is "Too Many Requests"
ok "with the time to wait" has_header "Retry-After: 60"
ok "and the limit" has_header "X-RateLimit-Limit: 60"
ok "another client has its own" is_status 200 -H "X-Forwarded-For: 198.51.100.8" "$URL/health"
ok "it ends well" stop api

# Nobody is trusted without a login; the file of --web.config.file is the word.
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority \
	-keyout "$T/ca.key" -out "$T/ca.pem" 2>"$T/openssl.log"
certificate() { # NAME COMMON-NAME USAGE
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" -keyout "$T/$1.key" \
		-out "$T/$1.csr" 2>>"$T/openssl.log" &&
		openssl x509 -req -in "$T/$1.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -days 2 -out "$T/$1.pem" -extfile <(
			printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=%s\n' "$3"
		) 2>>"$T/openssl.log"
}
certificate server server serverAuth && certificate grafana grafana clientAuth && certificate internal ceems-int-svc clientAuth
umask 022
chmod 644 "$T"/*.pem "$T"/*.key
cat >"$T/web.yml" <<W
basic_auth_users: {grafana: "$HASH", ceems-int-svc: "$HASH"}
W
chmod 644 "$T/web.yml"
start_api --web.config.file="$T/web.yml" --web.trusted-proxies=
U=$URL$API
ok "without a password nothing is answered" is_status 401 -H "X-Grafana-User: mira" "$U/units"
ok "not even health" is_status 401 "$URL/health"
ok "with a wrong one neither" is_status 401 -u grafana:wrong -H "X-Grafana-User: mira" "$U/units"
ok "with it people are believed" is_status 200 -u grafana:secret -H "X-Grafana-User: boss" "$U/units/admin?uuid=101"
ok "the account of its own name is one more" is_status 200 -u ceems-int-svc:secret -H "X-Grafana-User: ceems-int-svc" "$U/clusters/admin"
ok "which may also ask for people" is_status 200 -u ceems-int-svc:secret -H "X-Grafana-User: mira" "$U/units/verify?cluster_id=hpc-a&uuid=101"
ok "but owns nothing itself" is_status 403 -u ceems-int-svc:secret -H "X-Grafana-User: ceems-int-svc" "$U/units/verify?cluster_id=hpc-a&uuid=101"
if [ "$(id -u)" = 0 ]; then
	ok "another login does not become it" sh -c "setpriv --reuid=$OTHER_UID --regid=$OTHER_UID --clear-groups curl -sS -u grafana:secret \
		-H 'X-Grafana-User: ceems-int-svc' '$U/users/admin' | jq -e '.errorType == \"forbidden\"'"
else
	skip "another login does not become it" "needs root"
fi
ok "it ends well" stop api

cat >"$T/web.yml" <<W
tls_server_config:
  cert_file: $T/server.pem
  key_file: $T/server.key
  client_ca_file: $T/ca.pem
  client_auth_type: VerifyClientCertIfGiven
W
URL=https://127.0.0.1:$PORT
CACERT=$T/ca.pem
U=$URL$API
start_api --web.config.file="$T/web.yml" --web.trusted-proxies=
tls() { is_status "$1" --cacert "$T/ca.pem" "${@:2}"; }
ok "without a certificate nobody is believed" tls 401 -H "X-Grafana-User: mira" "$U/units"
ok "but health answers" tls 200 "$URL/health"
ok "with one people are" tls 200 --cert "$T/grafana.pem" --key "$T/grafana.key" -H "X-Grafana-User: mira" "$U/units"
if [ "$(id -u)" = 0 ]; then
	ok "that certificate is not the internal account's" sh -c "setpriv --reuid=$OTHER_UID --regid=$OTHER_UID --clear-groups curl -sS \
		--cacert $T/ca.pem --cert $T/grafana.pem --key $T/grafana.key -H 'X-Grafana-User: ceems-int-svc' '$U/clusters/admin' |
		jq -e '.errorType == \"forbidden\"'"
	ok "the right one is" sh -c "setpriv --reuid=$OTHER_UID --regid=$OTHER_UID --clear-groups curl -sSf --cacert $T/ca.pem \
		--cert $T/internal.pem --key $T/internal.key -H 'X-Grafana-User: ceems-int-svc' '$U/clusters/admin'"
else
	skip "certificates of other users" "needs root"
fi
ok "it ends well" stop api
URL=http://127.0.0.1:$PORT
CACERT=
LISTEN=0.0.0.0

start_api
ok "a server for all without any of it says so" grep -q 'answered on this machine only' "$T/api.log"
stop api
start_api --web.trusted-proxies=192.0.2.0/24
ok "one that was told whom to trust does not" sh -c "! grep -q 'answered on this machine only' '$T/api.log'"
ok "and trusts nobody else" is_status 401 -H "X-Grafana-User: mira" "$URL$API/units"
ok "in words" grep -q 'trusted proxies only' "$T/body"
ok "which is logged once" sh -c "curl -sS -H 'X-Grafana-User: mira' '$URL$API/units'; [ \$(grep -c 'no trusted proxy are refused' '$T/api.log') = 1 ]"
stop api
LISTEN=127.0.0.1

ok "a bad level is refused" refuses "--web.compression.level" --web.compression.level=10
ok "a bad prefix is refused" refuses "--web.route-prefix" --web.route-prefix=x/
ok "a bad origin is refused" refuses "failed to compile option for --web.cors.origin" '--web.cors.origin=('
ok "a bad network is refused" refuses "10.0.0.1/8" --web.trusted-proxies=10.0.0.1/8
ok "another one as well" refuses "--web.internal-peers" --web.internal-peers=host
ok "a bad period is refused" refuses "failed to parse option for --query.max-period" --query.max-period=x
done_testing
