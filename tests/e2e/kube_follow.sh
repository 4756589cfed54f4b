#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The client of the Kubernetes API against a server that has faults; tests/kube/run.sh has a real one.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
API=$T/api

said() { grep -q -e "$1" "$T/follow.out"; }
says() { wait_until 30 said "$1"; }
says_not() { ! said "$1"; }
pods() { # of stdin; replaced as a whole
	cat >"$API/pods.new"
	mv "$API/pods.new" "$API/pods"
}
fault() {
	echo "$1" >"$API/fault.new"
	mv "$API/fault.new" "$API/fault"
}
lists() { grep -vc watch= "$API/requests"; }
listed_again() { [ "$(grep -c '^end$' "$T/follow.out")" -gt "$1" ]; }

mkdir "$API"
pods <<-P
	ml train-0 uid-a n1
	ml train-1 uid-b n1
	web front uid-c n1 hash-c
	web other uid-d n2
P
start api /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_kube_api.py" "$API"
wait_until 20 test -s "$API/port"
cat >"$T/kubeconfig" <<-K
	current-context: test
	contexts: [{name: test, context: {cluster: test}}]
	clusters: [{name: test, cluster: {server: "http://127.0.0.1:$(cat "$API/port")"}}]
K
start follow "$BIN/tests/kube_follow" "$T/kubeconfig" n1
ok "a list has an end" says '^end$'
ok "it came in two pages" test "$(lists)" = 2
ok "all of the node's pods are in it" test "$(grep -c '^pod ' "$T/follow.out")" = 3
ok "those of another are not" says_not uid-d
pods <<-P
	ml train-0 uid-a2 n1
	ml train-1 uid-b n1
	ml late uid-e n1
	web other2 uid-f n2
P
ok "a pod that comes is told" says '^+ ml/late uid-e$'
ok "one that goes is told" says '^- web/front uid-c$'
ok "one whose name is used again, too" says '^+ ml/train-0 uid-a2$'
fault gone
ok "a version that is too old leads to a new list" wait_until 30 listed_again 1
ok "a server that says so forever is an error, not a loop" says '^error .*410: too old'
fault garbage
ok "events that are no JSON are told" says '^error .*no JSON'
fault 403
ok "a refusal is told in the server's words" says '^error .*status 403: pods is forbidden'
n=$(grep -c '^end$' "$T/follow.out")
fault none
ok "it goes on when all is well again" wait_until 30 listed_again "$n"
fault cut
ok "a connection that breaks off is told" says '^error watching'
fault none
echo 'ml last uid-g n1' | pods
ok "and is no reason to miss anything" says '^+ ml/last uid-g$'
fault hang
ok "it ends well while the server hangs" stop follow
ok "pods of other nodes were never told" says_not 'other'
stop api 143
done_testing
