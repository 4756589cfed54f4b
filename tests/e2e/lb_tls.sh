# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_lb before servers with TLS (nginx, HTTP/2 and 1.1): certificates that are good, of another name, expired, unknown
# or replaced; client certificates; every form of authentication, from files that change; proxies; and what the
# client gets each time. A cluster for each setting.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NGINX=$(PATH=$PATH:/usr/sbin command -v nginx) || {
	skip "servers with TLS" "nginx is not installed"
	done_testing
	exit
}
NOW=$(date +%s)
PORT=$(free_port)
C=$T/web
mkdir -p "$T/data" "$C" "$T/nginx" "$T/proxy" "$T/static/zipped/api/v1" "$T/static/more/api/v1"
chmod 755 "$T" "$T/data" "$C"
cd "$C" || exit 1

authority() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.crt" 2>/dev/null
}
certificate() { # NAME AUTHORITY SAN [DAYS]
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
	openssl x509 -req -days "${4:-2}" -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -out "$1.crt" \
		-extfile <(echo "subjectAltName=$3") 2>/dev/null
}
authority ca
authority other_ca
certificate server ca IP:127.0.0.1,DNS:localhost
certificate named ca DNS:prom.internal
certificate expired ca IP:127.0.0.1 -1
certificate unknown other_ca IP:127.0.0.1
certificate client ca DNS:client
certificate client2 ca DNS:client
certificate stranger other_ca DNS:client
cp server.crt rotated.crt
cp server.key rotated.key
cp ca.crt rotated_ca.crt
cp client.crt my.crt
cp client.key my.key
printf ' from-file \n' >secret
echo mira >username
chmod a+r ./*

VALUE='{"status":"success","data":{"resultType":"vector","result":[{"metric":{"uuid":"7001","rack":"r9"},"value":[1,"42"]}]}}'
for dir in zipped more; do
	echo "$VALUE" | gzip -c >"$T/static/$dir/api/v1/query.gz"
done
# What a server saw. It closes connections after 7 requests, which HTTP/2 announces by GOAWAY.
# shellcheck disable=SC2016 # nginx's variables
SEEN='{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]},\"seen\":[\"$server_protocol\",\"$ssl_protocol\",\"$ssl_client_s_dn\",\"$ssl_server_name\",\"$http_host\",\"$http_authorization\",\"$http_x_one\",\"$request_method\"]}'
listen() { # NAME CERTIFICATE DIRECTIVES: a server; its port in $T/NAME.port
	free_port >"$T/$1.port"
	cat <<N
	server {
		listen 127.0.0.1:$(cat "$T/$1.port") ssl ${4:-};
		ssl_certificate $C/$2.crt;
		ssl_certificate_key $C/$2.key;
		keepalive_requests 7;
		default_type application/json;
		$3
		location / { return 200 "$SEEN"; }
		location /closed/ { if (\$http_authorization != "Bearer tok2") { return 401; } return 200 "$SEEN"; }
		location = /token { root $T/static; error_page 405 =200 \$uri; }
		location /zipped/ { root $T/static; gzip_static always; }
		location /more/ { root $T/static; gzip_static always; add_header Content-Encoding br; }
		location /large/ { root $T/static; try_files /large.json =404; }
	}
N
}
{
	cat <<N
daemon off;
pid $T/nginx/pid;
error_log $T/nginx/log;
worker_processes 1;
events { worker_connections 256; }
http {
	access_log off;
	ssl_protocols TLSv1.2 TLSv1.3;
	client_body_temp_path $T/nginx/body;
	proxy_temp_path $T/nginx/proxy;
	fastcgi_temp_path $T/nginx/fastcgi;
	uwsgi_temp_path $T/nginx/uwsgi;
	scgi_temp_path $T/nginx/scgi;
N
	listen good server "" http2
	listen named named "" http2
	listen expired expired "" http2
	listen unknown unknown "" http2
	listen rotated rotated "" http2
	listen client server "ssl_verify_client on; ssl_client_certificate $C/ca.crt;" http2
	listen tls12 server "ssl_protocols TLSv1.2;"
	listen tls13 server "ssl_protocols TLSv1.3;"
	listen tls11 server "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;"
	echo '}'
} >"$T/nginx/nginx.conf"
head -c 5000000 /dev/zero | tr '\0' ' ' >"$T/static/large.json"
token() { echo "{\"access_token\":\"$1\",\"token_type\":\"bearer\",\"expires_in\":3600}" >"$T/static/token"; }
token tok1
chmod -R a+rX "$T/static" "$T/nginx"
start nginx "$NGINX" -e stderr -p "$T/nginx" -c "$T/nginx/nginx.conf"
start proxy /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/connect_proxy.py" "$T/proxy"
wait_until 20 test -s "$T/proxy/port"
P=$(cat "$T/proxy/port")

CLUSTERS=()
cluster() { # ID SERVER SETTINGS [PATH [MORE]]: written to the configuration
	CLUSTERS+=("$1")
	echo "    - {id: $1, tsdb: [{web: {url: 'https://${USERINFO:-}127.0.0.1:$(cat "$T/$2.port")${4:-}', $3}${5:-}}]}"
}
CA='ca_file: ca.crt'
T_CA="tls_config: {$CA}"
GOOD=https://127.0.0.1:$(cat "$T/good.port")
{
	echo "ceems_lb:"
	echo "  backends:"
	cluster plain good "$T_CA"
	cluster inline good "tls_config: {ca: \"$(sed ':a;N;$!ba;s/\n/\\n/g' ca.crt)\"}"
	cluster http1 good "$T_CA, enable_http2: false"
	cluster system good ""
	cluster skip unknown "tls_config: {insecure_skip_verify: true}"
	cluster unknown unknown "$T_CA"
	cluster expired expired "$T_CA"
	cluster othername named "$T_CA"
	cluster servername named "tls_config: {$CA, server_name: prom.internal}"
	cluster rotated rotated "tls_config: {ca_file: rotated_ca.crt}"
	cluster client client "tls_config: {$CA, cert_file: my.crt, key_file: my.key}"
	cluster noclient client "$T_CA"
	cluster stranger client "tls_config: {$CA, cert_file: stranger.crt, key_file: stranger.key}"
	cluster tls12 tls12 "$T_CA"
	cluster min13 tls12 "tls_config: {$CA, min_version: TLS13}"
	cluster tls13 tls13 "$T_CA"
	cluster max12 tls13 "tls_config: {$CA, max_version: TLS12}"
	cluster tls11 tls11 "$T_CA"
	cluster min11 tls11 "tls_config: {$CA, min_version: TLS11}"
	cluster basic good "$T_CA, basic_auth: {username: mira, password: pw}"
	cluster basicfile good "$T_CA, basic_auth: {username_file: username, password_file: secret}"
	USERINFO=ada:%40pw@ cluster userinfo good "$T_CA"
	cluster bearer good "$T_CA, bearer_token: old"
	cluster bearerfile good "$T_CA, bearer_token_file: secret"
	cluster authorization good "$T_CA, authorization: {type: Token, credentials: abc}"
	cluster authfile good "$T_CA, authorization: {credentials_file: secret}"
	cluster noca good "tls_config: {ca_file: absent.crt}"
	echo "    - {id: noca, tsdb: [{web: {url: '$GOOD', tls_config: {ca_file: absent.crt, cert_file: absent.crt, key_file: absent.key}}}]}"
	cluster missing good "$T_CA, authorization: {credentials_file: not_there}"
	cluster oauth2 good "$T_CA, oauth2: {client_id: me, client_secret_file: secret, token_url: '$GOOD/token', scopes: [a, b], $T_CA}" /closed
	cluster notoken good "$T_CA, oauth2: {client_id: me, client_secret: s, token_url: '$GOOD/nothing', $T_CA}"
	cluster headers good "$T_CA, http_headers: {X-One: {files: [secret]}}"
	cluster tunnel good "$T_CA, proxy_url: 'http://127.0.0.1:$P', proxy_connect_header: {X-Who: [lb]}"
	cluster noproxy good "$T_CA, proxy_url: 'http://127.0.0.1:1', no_proxy: 127.0.0.1"
	cluster deadproxy good "$T_CA, proxy_url: 'http://127.0.0.1:1'"
	cluster environment good "$T_CA, proxy_from_environment: true"
	cluster filtered good "$T_CA" /zipped ', filter_labels: [rack]'
	cluster otherwise good "$T_CA" /more ', filter_labels: [rack]'
	cluster unfiltered good "$T_CA" /zipped
	cluster large good "$T_CA" /large
	echo "ceems_api_server: {data: {path: $T/data}}"
} >"$T/config.yml"
for id in "${CLUSTERS[@]}"; do
	printf 'project %s p1 ines\nunit %s 7001 p1 %s\n' "$id" "$id" $((NOW - 3600))
done >"$T/rows"
/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/owners_database.py" "$CEEMS_SOURCE/src/api/sql" "$T/data/ceems.db" <"$T/rows"
chmod 644 "$T/config.yml" "$T/data/ceems.db"
# Files of servers are relative to the folder of this one.
: >"$C/web.yml"
chmod 644 "$C/web.yml"
HTTPS_PROXY=http://127.0.0.1:$P start lb "$BIN/ceems_lb" --config.file="$T/config.yml" --web.config.file="$C/web.yml" \
	--web.listen-address="127.0.0.1:$PORT"
ok "the load balancer runs" wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"
[ "$TAP_FAILED" = 0 ] || { cat "$T/lb.log"; exit 1; }

Q='/api/v1/query?query=m%7Buuid%3D%227001%22%7D'
ask() { # CLUSTER [CURL...]: prints the status
	local cluster=$1
	shift
	curl -sS -m 30 -g -o "$T/body" -w '%{http_code}' -H 'X-Grafana-User: ines' -H "X-Ceems-Cluster-Id: $cluster" \
		-H 'Authorization: Basic Z3JhZmFuYTpwdw==' "$@" "http://127.0.0.1:$PORT${TARGET:-$Q}"
}
gets() { # STATUS CLUSTER [CURL...]
	local status=$1 got
	shift
	got=$(ask "$@")
	[ "$got" = "$status" ] || { echo "status $got"; head -c 1000 "$T/body"; tail -n 3 "$T/lb.log"; return 1; }
}
sees() { # CLUSTER JQ [CURL...]: of what the server saw
	local cluster=$1 filter=$2
	shift 2
	gets 200 "$cluster" "$@" && { jq -e ".seen | $filter" "$T/body" || { cat "$T/body"; return 1; }; }
}
# says CLUSTER WHY: 503, and the log tells why
says() {
	gets 503 "$1" || return 1
	grep -q 'Service not available' "$T/body" || return 1
	grep -E 'Health check|Failed to handle' "$T/lb.log" | grep "id=$1 " | tee "$T/why" | grep -qiE -- "$2" || { cat "$T/why"; return 1; }
}
known() { grep -q 'level=ERROR.*Health check.*id=expired' "$T/lb.log"; }
ok "servers are looked at" wait_until 20 known

# Certificates and versions.
ok "HTTP/2 over TLS 1.3, the authority from a file" sees plain '.[0:2] == ["HTTP/2.0", "TLSv1.3"]'
ok "the Host is the client's" sees plain '.[4] == "127.0.0.1:'"$PORT"'"'
ok "the authority in the configuration" sees inline '.[0] == "HTTP/2.0"'
ok "HTTP/1.1 if HTTP/2 is switched off" sees http1 '.[0] == "HTTP/1.1"'
ok "without an authority of its own the server is unknown" says system 'certificate|verif'
ok "an unknown authority counts for those who look away" sees skip '.[0] == "HTTP/2.0"'
ok "and for nobody else" says unknown 'certificate|verif'
ok "an expired certificate" says expired 'expired'
ok "one of another name" says othername "certificate|verif|match"
ok "that name, if it is expected" sees servername '.[3] == "prom.internal" and .[4] == "127.0.0.1:'"$PORT"'"'
ok "a client certificate is shown" sees client '.[2] == "CN=client"'
ok "without one, the server says what it wants" gets 400 noclient
ok "or with one that it doesn't know" gets 400 stranger
ok "TLS 1.2" sees tls12 '.[1] == "TLSv1.2"'
ok "is not enough where more is asked for" says min13 'TLS|handshake|version|alert'
ok "TLS 1.3" sees tls13 '.[1] == "TLSv1.3"'
ok "is too much where less is asked for" says max12 'TLS|handshake|version|alert'
ok "TLS 1.1 is too old" says tls11 'TLS|handshake|version|alert'
ok "unless it is asked for" sees min11 '.[1] == "TLSv1.1"'
said_once() { [ "$(grep -c 'level=ERROR.*Health check.*id=expired' "$T/lb.log")" = 1 ]; }
many() { for _ in 1 2 3 4 5; do gets 503 expired || return 1; done; }
ok "a server that can't be trusted stays out" many
ok "which is said once" said_once

# A server whose files are not there is as if it weren't there, nor is a cluster of such servers.
not_set_up() {
	gets 400 noca && grep -q 'invalid cluster ID' "$T/body" || return 1
	[ "$(grep -c 'level=ERROR.*Could not set up backend server.*id=noca.*absent.crt.*No such file' "$T/lb.log")" = 2 ] &&
		! grep 'Health check.*id=noca' "$T/lb.log"
}
ok "an authority that isn't there" not_set_up
cp "$C/ca.crt" "$C/absent.crt"
chmod 644 "$C/absent.crt"
ok "counts as soon as it is" wait_until 40 sees noca '.[0] == "HTTP/2.0"'

# Authentication: never the client's.
basic() { printf 'Basic %s' "$(printf %s "$1" | base64)"; }
ok "none" sees plain '.[5] == ""'
ok "a name and a password" sees basic ".[5] == \"$(basic mira:pw)\""
ok "from files" sees basicfile ".[5] == \"$(basic mira:from-file)\""
ok "in the URL" sees userinfo ".[5] == \"$(basic ada:@pw)\""
ok "bearer_token" sees bearer '.[5] == "Bearer old"'
ok "bearer_token_file" sees bearerfile '.[5] == "Bearer from-file"'
ok "another type" sees authorization '.[5] == "Token abc"'
ok "credentials from a file" sees authfile '.[5] == "Bearer from-file"'
printf 'another\n' >"$C/secret"
ok "which changes" sees authfile '.[5] == "Bearer another"'
ok "as passwords do" sees basicfile ".[5] == \"$(basic mira:another)\""
ok "a file that isn't there" says missing 'not_there.*No such file'
echo now >"$C/not_there"
chmod 644 "$C/not_there"
ok "counts, too, as soon as it is" wait_until 30 sees missing '.[5] == "Bearer now"'
ok "headers of the configuration, from a file too" sees headers '.[6] == "another"' -H 'X-One: mine'
ok "the server doesn't take this token" gets 401 oauth2
token tok2
ok "so another one is had" wait_until 30 sees oauth2 '.[5] == "Bearer tok2"'
ok "without a token nothing is asked" says notoken 'oauth2: the token server answered 404|no access_token'

# Proxies.
ok "a tunnel through a proxy" sees tunnel '.[0] == "HTTP/2.0"'
asked_proxy() { jq -e --arg port "$(cat "$T/good.port")" '(.[0] | startswith("CONNECT 127.0.0.1:" + $port)) and index("X-Who: lb")' "$T/proxy/requests"; }
ok "which is asked for it" asked_proxy
ok "no_proxy" sees noproxy '.[0] == "HTTP/2.0"'
ok "a proxy that isn't there" says deadproxy 'connect|refused'
ok "the environment's" sees environment '.[0] == "HTTP/2.0"'
touch "$T/proxy/refuse"
# Connections that are there stay.
kill -HUP "$(cat "$T/nginx/pid")"
ok "a proxy that refuses" wait_until 30 says environment '403'
rm "$T/proxy/refuse"
ok "is asked again" wait_until 40 sees environment '.[0] == "HTTP/2.0"'

# Bodies.
TARGET=/api/v1/query ok "a form" sees plain '.[7] == "POST"' -X POST --data-urlencode 'query=m{uuid="7001"}'
ok "HEAD" gets 200 plain -I
large() { gets 200 large && [ "$(wc -c <"$T/body")" = 5000000 ]; }
ok "a large answer" large
filtered() { gets 200 "$1" --compressed && jq -e '.data.result[0].metric == {uuid: "7001"}' "$T/body"; }
ok "labels are taken out of what comes compressed without being asked" filtered filtered
unfiltered() { gets 200 unfiltered --compressed && jq -e '.data.result[0].metric.rack == "r9"' "$T/body"; }
ok "which passes as it is otherwise" unfiltered
ok "what can't be read goes nowhere" gets 502 otherwise
in_parallel() { # a hundred at once, over few connections, which the server closes again and again
	local i
	for i in $(seq 100); do echo "url = http://127.0.0.1:$PORT$Q"; echo "output = $T/parallel.$((i % 7))"; done >"$T/curl"
	curl -sS -m 60 --parallel --parallel-max 50 -K "$T/curl" -w '%{http_code}\n' -H 'X-Grafana-User: ines' \
		-H 'X-Ceems-Cluster-Id: plain' 2>/dev/null | sort | uniq -c | tee "$T/codes"
	grep 'WARN.*Failed to handle' "$T/lb.log" | grep 'id=plain' | tail -n 5
	[ "$(awk '{ print $1, $2 }' "$T/codes")" = "100 200" ]
}
ok "servers that end their connections cost no request" in_parallel

# Files that change.
other_client() {
	cp "$C/client2.crt" "$C/my.crt" && cp "$C/client2.key" "$C/my.key"
	kill -HUP "$(cat "$T/nginx/pid")"
	wait_until 30 sees client '.[2] == "CN=client2"'
}
ok "another client certificate is shown on the next connection" other_client
rm "$C/my.key"
kill -HUP "$(cat "$T/nginx/pid")"
ok "one that is gone" wait_until 30 gets 503 client
cp "$C/client2.key" "$C/my.key"
chmod 644 "$C/my.key"
ok "and is back" wait_until 40 sees client '.[2] == "CN=client2"'
ok "a server whose certificate will be replaced" sees rotated '.[0] == "HTTP/2.0"'
cp "$C/unknown.crt" "$C/rotated.crt"
cp "$C/unknown.key" "$C/rotated.key"
kill -HUP "$(cat "$T/nginx/pid")"
ok "by one of another authority is unknown" wait_until 30 gets 503 rotated
cp "$C/other_ca.crt" "$C/rotated_ca.crt"
ok "until that authority is in the file" wait_until 40 sees rotated '.[0] == "HTTP/2.0"'
ok "no secret is in the log" sh -c "! grep -E 'from-file|another|tok1|tok2|:pw|@pw' '$T/lb.log'"
ok "it ends well" stop lb
ok "as does nginx" stop nginx
done_testing
