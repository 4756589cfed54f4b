#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/kube/run.sh: the client of the Kubernetes API and ceems_api_server against a real API server with etcd, with the
# rights of the manifest of packaging/kubernetes. Not part of test.sh: KUBE_APISERVER is the path of a kube-apiserver (tried: 1.20.2), etcd is
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
	[ $n = 6 ]
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

# ceems_api_server, with the rights of its own service account.
NOW=$(date +%s)
CEEMS=$(free_port)
bind() { # USER: of the namespace default
	made /apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings application/json <<-J
		{"metadata": {"name": "of-$1"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
		 "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "$1"},
		              {"kind": "ServiceAccount", "name": "default", "namespace": "default"}]}
	J
}
owned_pod() { # NAME: with limits, of mira
	made /api/v1/namespaces/default/pods application/json <<-J
		{"metadata": {"name": "$1", "annotations": {"ceems.io/created-by": "mira"}, "labels": {"app": "sim"}},
		 "spec": {"nodeName": "node1", "automountServiceAccountToken": false, "containers": [{"name": "c", "image": "x",
		 "resources": {"limits": {"cpu": "1500m", "memory": "1.5Gi", "nvidia.com/gpu": "2"}}}]}}
	J
}
status() { # NAME JSON
	api "/api/v1/namespaces/default/pods/$1/status" -X PATCH -H 'Content-Type: application/merge-patch+json' -d "{\"status\": $2}" -o "$T/patched" &&
		jq -e '.status.phase' "$T/patched"
}
at() { date -u -d "@$(($1))" +%Y-%m-%dT%H:%M:%SZ; }
unit() { # NAME FILTER: of the only row of the pod
	curl -sSf -m 5 -H 'X-Grafana-User: boss' "http://127.0.0.1:$CEEMS/api/v1/units/admin?uuid=$(cat "$T/uid.$1")" |
		jq -e ".data | length == 1 and (.[0] | $2)"
}
soon() { wait_until 40 "$@"; }
for name in worker batch waits; do
	owned_pod $name
	uid_of $name >"$T/uid.$name"
done
bind zoe
status worker "{\"phase\": \"Running\", \"startTime\": \"$(at NOW-300)\", \"conditions\": [{\"type\": \"Ready\", \"status\": \"True\"}]}"
status batch "{\"phase\": \"Succeeded\", \"startTime\": \"$(at NOW-300)\", \"containerStatuses\": [{\"name\": \"c\", \"image\": \"x\",
	\"imageID\": \"\", \"ready\": false, \"restartCount\": 0, \"state\": {\"terminated\": {\"exitCode\": 0, \"finishedAt\": \"$(at NOW-100)\"}}}]}"
api /api/v1/namespaces/ceems/serviceaccounts/ceems-api-server/token -H 'Content-Type: application/json' \
	-d '{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}' | jq -r .status.token >"$T/token"
kubeconfig 'tokenFile: token'
chmod 755 "$T"
chmod 644 "$T/kubeconfig" "$T/token" "$T/certs/apiserver.crt"
chmod 755 "$T/certs"
cat >"$T/ceems.yml" <<-C
	ceems_api_server:
	  data: {path: $T/data, update_interval: 1s, settle_delay: 1s, time_zone: UTC, update_from: "$(at NOW-600 | cut -c1-19)"}
	  admin: {users: [boss]}
	clusters:
	  - {id: kube, manager: k8s, extra_config: {kubeconfig_file: $T/kubeconfig}}
C
chmod 644 "$T/ceems.yml"
server() { start ceems "$BIN/ceems_api_server" --config.file="$T/ceems.yml" --web.listen-address="127.0.0.1:$CEEMS"; }
server
ok "a running pod is a unit" soon unit worker ".state == \"Running/Ready\" and .username == \"mira\" and .project == \"default\"
	and .started_at_ts == $((NOW - 300)) * 1000 and .ended_at == \"N/A\" and .total_time_seconds.walltime >= 300"
ok "with its limits and tags" soon unit worker '.allocation == {"mem": 1610612736, "nvidia.com/gpu": 2, "vcpus": 1.5}
	and .tags == {"annotations": {"ceems.io/created-by": "mira"}, "labels": {"app": "sim"}, "qos": "Guaranteed"}'
ok "one that ended has exactly its time" soon unit batch ".state == \"Succeeded\" and .ended_at_ts == $((NOW - 100)) * 1000
	and .total_time_seconds.walltime == 200"
ok "one that waits has none" soon unit waits '.state == "Pending" and .started_at == "N/A" and .total_time_seconds.walltime == 0'
ok "users of role bindings are members" soon sh -c "curl -sSf -H 'X-Grafana-User: boss' 'http://127.0.0.1:$CEEMS/api/v1/projects/admin?project=default' |
	jq -e '.data[0].users == [\"default:svc\", \"mira\", \"zoe\"]'"
status waits "{\"phase\": \"Running\", \"startTime\": \"$(at "$(date +%s)")\"}"
ok "when it runs it keeps one row" soon unit waits '.started_at_ts > 0'
remove waits
ok "and when it is deleted it has an end" soon unit waits '.ended_at_ts > 0'
ok "and exactly the time between" soon unit waits '.total_time_seconds.walltime == (.ended_at_ts - .started_at_ts) / 1000'
kill_api
ok "an API server that went is told" soon grep -q 'collection fails.*onnect' "$T/ceems.log"
start_api
ok "and followed again when it is back" soon grep -q 'collection works again' "$T/ceems.log"
remove worker
ok "what is deleted then has an end" soon unit worker '.ended_at_ts > 0'
ok "it ends well in the middle of a watch" stop ceems
owned_pod between
remove between
remove batch
server
ok "a restart goes on" soon grep -q 'units stored' "$T/ceems.log"
ok "and changes nothing of what had ended" soon unit batch ".ended_at_ts == $((NOW - 100)) * 1000 and .total_time_seconds.walltime == 200"
ok "nothing was refused" test -z "$(grep -i 'forbidden\|can.t be listed' "$T/ceems.log")"
stop ceems
kill_api
stop etcd 143
done_testing
