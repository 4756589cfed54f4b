#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Envoy in front, with the configuration of docs/load-balancer.md: ceems_lb decides, Envoy forwards. Envoy is in no Debian
# release, so this is no part of ./test.sh. ENVOY is the path of an envoy (tried: 1.40.0), CEEMS_BUILD names the build folder (build/dev).
CEEMS_SOURCE=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
export CEEMS_SOURCE CEEMS_BUILD="${CEEMS_BUILD:-$CEEMS_SOURCE/build/dev}"
# shellcheck source=tests/lib/tap.sh
. "$CEEMS_SOURCE/tests/lib/tap.sh"
[ -x "${ENVOY:-}" ] || { echo "1..0 # SKIP ENVOY names no envoy"; exit 0; }

# shellcheck source=tests/lib/front.sh
. "$CEEMS_SOURCE/tests/lib/front.sh"
# shellcheck disable=SC2016 # backquotes of Markdown
sed -n '/^```yaml envoy/,/^```$/p' "$CEEMS_SOURCE/docs/load-balancer.md" | grep -v '^```' |
	sed "s/port_value: 8080/port_value: $FRONT/; s/port_value: 9030/port_value: $PORT/; s/port_value: 9090/port_value: $SERVER_PORT/; s/127.0.0.1:9030/127.0.0.1:$PORT/" >"$T/envoy.yml"
start lb "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"
ok "the configuration is one" "$ENVOY" --mode validate -c "$T/envoy.yml" -l error
start envoy "$ENVOY" -c "$T/envoy.yml" -l warn --concurrency 1 --base-id "$((RANDOM + 1))"
ok "the load balancer runs" wait_until 20 curl -sf "http://127.0.0.1:$PORT/health"

ok "one's own unit passes" wait_until 20 ask 200 ines "$Q"
rewritten() { jq -e . "$T/body"; jq -e '.[0] == "GET" and .[1] == "/api/v1/query" and (.[2] | startswith("query=m%7Buuid%3D%227001%22%7D")) and .[3] == ""' "$T/body"; }
ok "as it was written anew" rewritten
clean() { jq -e '.[2] + .[3] | (contains("evil") or contains("x")) | not' "$T/body"; }
ok "comments and all else stay away" ask 200 ines '/api/v1/query?query=m%7Buuid%3D%227001%22%7D%23x&evil=1'
ok "from the server" clean
ok "another's unit doesn't pass" ask 403 ines '/api/v1/query?query=m%7Buuid%3D%227002%22%7D'
said() { jq -e '.errorType == "forbidden" or (.error | length > 0)' "$T/body" || grep -i forbidden "$T/body"; }
ok "and the client is told" said
ok "a form" ask 200 ines /api/v1/query -d 'query=m{uuid="7001"}&evil=1'
ok "is decided, and goes on as a query without a body" rewritten
ok "of nothing else" clean
ok "another's unit in a form" ask 403 ines /api/v1/query -d 'query=m{uuid="7002"}'
ok "a good query before a bad form" ask 400 ines "$Q" -d 'query=m{uuid="7002"}'
ok "a body behind a GET" ask 400 ines "$Q" -X GET -d 'query=m'
ok "headers of the decision are not the client's" ask 200 ines "$Q" -H 'X-Ceems-Path: /api/v1/admin/tsdb/delete_series' -H 'X-Ceems-Query: match[]=m' \
	-H 'X-Ceems-Admin: 1' -H 'X-Ceems-Logged-User: ops'
ok "but what was decided" rewritten
ok "a path that means another" ask 403 ines '/api/v1/../v1/targets'
ok "what is for administrators" ask 403 ines '/api/v1/targets'
ok "nobody is nobody" ask 401 '' "$Q"
ok "administrators see all" ask 200 ops '/api/v1/query?query=m'
large() { head -c 200000 /dev/zero | tr '\0' 'a' | ask 413 ines /api/v1/query -H 'Expect:' --data-binary @-; }
ok "a body that Envoy can't show as a whole is not decided" large
ok "HTTP/2 before it" ask 200 ines "$Q" --http2-prior-knowledge
ok "the load balancer ends" stop lb
ok "without it nothing passes" ask 403 ines "$Q"
ok "the front ends" stop envoy

# Envoy goes on with a request whose script fails.
start lb "$BIN/ceems_lb" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"
sed 's/local body = handle:body()/error("no")/' "$T/envoy.yml" >"$T/failing.yml"
ok "a script that fails" grep -q 'error("no")' "$T/failing.yml"
start envoy "$ENVOY" -c "$T/failing.yml" -l critical --concurrency 1 --base-id "$((RANDOM + 1))"
ok "lets nothing through" wait_until 20 ask 500 ines "$Q"
ok "also when the client says that it was decided" ask 500 ines "$Q" -H 'X-Ceems-Decided: 1'
ok "the front ends again" stop envoy
ok "and the load balancer" stop lb
done_testing
