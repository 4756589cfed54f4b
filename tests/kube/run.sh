#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/kube/run.sh: the client of the Kubernetes API against a real API server with etcd, and the manifest of
# packaging/kubernetes. Not part of test.sh: KUBE_APISERVER is the path of a kube-apiserver (tried: 1.20.2), etcd is
# in PATH (Debian: etcd-server). CEEMS_BUILD names the build folder (build/dev).
CEEMS_SOURCE=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
export CEEMS_SOURCE CEEMS_BUILD=${CEEMS_BUILD:-$CEEMS_SOURCE/build/dev}
# shellcheck source=tests/lib/tap.sh
. "$CEEMS_SOURCE/tests/lib/tap.sh"
[ -x "${KUBE_APISERVER:-}" ] || { echo "1..0 # SKIP KUBE_APISERVER names no kube-apiserver"; exit 0; }
command -v etcd >/dev/null || { echo "1..0 # SKIP etcd is missing"; exit 0; }
FOLLOW=$BIN/tests/kube_follow
ETCD=$(free_port)
PEER=$(free_port)
PORT=$(free_port)
API=https://127.0.0.1:$PORT

api() { # PATH CURL-ARGUMENT...: as an administrator
	local path=$1
	shift
	curl -sSk -m 20 -H 'Authorization: Bearer admin-token' "$@" "$API$path"
}
made() { # PATH TYPE: what is on stdin
	[ "$(api "$1" -o "$T/made" -w '%{http_code}' -H "Content-Type: $2" --data-binary @-)" = 201 ] || { cat "$T/made"; return 1; }
}
start_etcd() {
	start etcd etcd --data-dir "$T/etcd" --listen-client-urls "http://127.0.0.1:$ETCD" --advertise-client-urls "http://127.0.0.1:$ETCD" \
		--listen-peer-urls "http://127.0.0.1:$PEER" --initial-advertise-peer-urls "http://127.0.0.1:$PEER" \
		--initial-cluster "default=http://127.0.0.1:$PEER" --unsafe-no-fsync=true
}
start_api() {
	start api "$KUBE_APISERVER" --etcd-servers="http://127.0.0.1:$ETCD" --bind-address=127.0.0.1 --secure-port="$PORT" --cert-dir="$T/certs" \
		--token-auth-file="$T/tokens" --authorization-mode=RBAC --service-account-issuer=https://ceems.test --allow-privileged=true \
		--service-account-key-file="$T/sa.key" --service-account-signing-key-file="$T/sa.key" \
		--service-cluster-ip-range=10.96.0.0/24 --disable-admission-plugins=ServiceAccount
	wait_until 120 is_ready
}
# Asked politely, it waits a minute for who watches.
kill_api() {
	kill -9 "$(cat "$T/api.pid")"
	wait "$(cat "$T/api.pid")" 2>/dev/null
	rm "$T/api.pid"
}
is_ready() { [ "$(api /readyz)" = ok ]; }
apply_manifest() { # every document of the file
	local n=0 document
	awk -v RS='\n---\n' -v dir="$T" '{ printf "%s\n", $0 >(dir "/document" NR) }' "$1"
	for document in "$T"/document*; do
		case $(sed -n 's/^kind: //p' "$document") in
		ServiceAccount) made /api/v1/namespaces/ceems/serviceaccounts application/yaml <"$document" ;;
		ClusterRole) made /apis/rbac.authorization.k8s.io/v1/clusterroles application/yaml <"$document" ;;
		ClusterRoleBinding) made /apis/rbac.authorization.k8s.io/v1/clusterrolebindings application/yaml <"$document" ;;
		*) return 1 ;;
		esac || return 1
		n=$((n + 1))
	done
	[ $n = 3 ]
}
pod() { # NAME NODE
	made /api/v1/namespaces/default/pods application/json <<-J
		{"metadata": {"name": "$1"}, "spec": {"nodeName": "$2", "automountServiceAccountToken": false,
		 "containers": [{"name": "c", "image": "x"}]}}
	J
}
uid_of() { api "/api/v1/namespaces/default/pods/$1" | jq -r .metadata.uid; }
remove() { api "/api/v1/namespaces/default/pods/$1?gracePeriodSeconds=0" -X DELETE -o "$T/removed"; }
said() { grep -q -e "$1" "$T/follow.out"; }
says() { wait_until 30 said "$1"; }
says_not() { ! said "$1"; }
kubeconfig() { # USER-LINE [CLUSTER-LINE]
	cat >"$T/kubeconfig" <<-K
		apiVersion: v1
		kind: Config
		current-context: test
		contexts: [{name: test, context: {cluster: test, user: test}}]
		clusters: [{name: test, cluster: {server: "$API", ${2:-certificate-authority: certs/apiserver.crt}}}]
		users: [{name: test, user: {$1}}]
	K
}

openssl genrsa -out "$T/sa.key" 2048 2>/dev/null
printf '%s\n' 'admin-token,admin,1,"system:masters"' 'nobody-token,nobody,2' >"$T/tokens"
start_etcd
ok "the API server is up" start_api
echo '{"metadata": {"name": "ceems"}}' | made /api/v1/namespaces application/json
ok "the manifest of packaging/kubernetes is taken" apply_manifest "$CEEMS_SOURCE/packaging/kubernetes/rbac.yaml"
for i in 1 2 3 4 5; do pod "pod$i" node1; done
pod other node2

kubeconfig 'token: nobody-token'
start follow "$FOLLOW" "$T/kubeconfig" node1
ok "who may not list pods is told so" says '^error .*status 403.*cannot list resource "pods"'
ok "following ends well" stop follow

kubeconfig 'token: admin-token' 'proxy-url: ""'
start follow "$FOLLOW" "$T/kubeconfig" node1
ok "a server of an unknown authority is refused" says '^error .*certificate'
stop follow

api /api/v1/namespaces/ceems/serviceaccounts/ceems-exporter/token -H 'Content-Type: application/json' \
	-d '{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}' | jq -r .status.token >"$T/good"
echo wrong >"$T/token"
kubeconfig 'tokenFile: token'
start follow "$FOLLOW" "$T/kubeconfig" node1
ok "a wrong token is refused" says '^error .*status 401'
cp "$T/good" "$T/token.new"
mv "$T/token.new" "$T/token"
ok "a token that is put right is read anew" says '^end'
ok "all pods of the node are listed, page by page" test "$(grep -c '^pod default/pod' "$T/follow.out")" = 5
ok "with their UIDs" said "^pod default/pod3 $(uid_of pod3)$"
ok "those of other nodes are not" says_not other
pod pod6 node1
pod other2 node2
ok "a new pod is told" says "^+ default/pod6 $(uid_of pod6)$"
gone=$(uid_of pod1)
remove pod1
ok "and one that goes" says "^- default/pod1 $gone$"
kill_api
ok "a server that went is told" says '^error .*connect'
start_api
pod pod7 node1
ok "and followed again when it is back" says "default/pod7 $(uid_of pod7)$"
ok "pods of other nodes were never told" says_not other
ok "following ends well in the middle of a watch" stop follow

mkdir "$T/account"
cp "$T/good" "$T/account/token"
cp "$T/certs/apiserver.crt" "$T/account/ca.crt"
KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=$PORT start follow "$FOLLOW" --in-cluster "$T/account"
ok "a pod's service account lists all nodes without a selector" says 'default/other2'
stop follow
kill_api
stop etcd 143
done_testing
