# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# nginx in front, with the configuration of docs/load-balancer.md: ceems_lb decides, nginx forwards.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

NGINX=$(PATH=$PATH:/usr/sbin command -v nginx) || {
	skip "nginx as a front" "nginx is not installed"
	done_testing
	exit
}
# shellcheck source=tests/lib/front.sh
. "$CEEMS_SOURCE/tests/lib/front.sh"
mkdir "$T/nginx"
{
	cat <<C
daemon off;
pid $T/nginx/pid;
error_log stderr;
worker_processes 1;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path $T/nginx/body;
	proxy_temp_path $T/nginx/proxy;
	fastcgi_temp_path $T/nginx/fastcgi;
	uwsgi_temp_path $T/nginx/uwsgi;
	scgi_temp_path $T/nginx/scgi;
	server {
		listen 127.0.0.1:$FRONT;
C
	# shellcheck disable=SC2016 # backquotes of Markdown
	sed -n '/^```nginx/,/^```$/p' "$CEEMS_SOURCE/docs/load-balancer.md" | grep -v '^```' |
		sed "s|127.0.0.1:9090|127.0.0.1:$SERVER_PORT|; s|127.0.0.1:9030|127.0.0.1:$PORT|"
	echo '}}'
} >"$T/nginx/nginx.conf"
start lb "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"
start nginx "$NGINX" -e stderr -p "$T/nginx" -c "$T/nginx/nginx.conf"
ok "the load balancer runs" wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"

ok "one's own unit passes" wait_until 20 ask 200 ines "$Q"
rewritten() { jq -e '.[1] == "/api/v1/query" and (.[2] | startswith("query=m%7Buuid%3D%227001%22%7D"))' "$T/body"; }
ok "as it was written anew" rewritten
ok "comments and all else stay away" ask 200 ines '/api/v1/query?query=m%7Buuid%3D%227001%22%7D%23x&evil=1'
clean() { jq -e '.[2] | (contains("evil") or contains("x")) | not' "$T/body"; }
ok "from the server" clean
ok "another's unit doesn't" ask 403 ines '/api/v1/query?query=m%7Buuid%3D%227002%22%7D'
ok "a body behind a good query" ask 200 ines "$Q" -X GET -d 'query=m'
no_body() { [ "$(jq -r '.[3]' "$T/body")" = "" ]; }
ok "doesn't go on" no_body
ok "a POST can't be decided, and isn't" ask 500 ines "$Q" -d 'query=m'
ok "nobody is nobody" ask 401 '' "$Q"
ok "administrators see all" ask 200 ops '/api/v1/query?query=m'
ok "the front ends" stop nginx
ok "and so does the load balancer" stop lb
done_testing
