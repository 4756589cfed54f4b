#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ceems_api_server with Kubernetes clusters: pods of every phase, owners, ends, what happens between two windows,
# while the API server of the cluster is away and while this server is. tests/kube/run.sh has a real one.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY

NOW=$(date +%s)
PORT=$(free_port)
chmod 755 "$T"
at() { date -u -d "@$(($1))" +%Y-%m-%dT%H:%M:%SZ; }
text_at() { date -u -d "@$(($1))" +%Y-%m-%dT%H:%M:%S+0000; }

fake_api() { # NAME
	mkdir "$T/$1"
	echo '[]' >"$T/$1/objects"
	start "$1" /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_kube_api.py" "$T/$1"
	wait_until 20 test -s "$T/$1/port"
	echo "secret-$1" >"$T/$1/token"
	cat >"$T/$1/kubeconfig" <<-K
		current-context: c
		contexts: [{name: c, context: {cluster: c, user: u}}]
		clusters: [{name: c, cluster: {server: "http://127.0.0.1:$(cat "$T/$1/port")"}}]
		users: [{name: u, user: {token: secret-$1}}]
	K
	chmod 644 "$T/$1/kubeconfig"
}
put() { # API: the pod of stdin, in place of one with its UID
	jq --slurpfile new /dev/stdin 'map(select(.metadata.uid != $new[0].metadata.uid)) + $new' "$T/$1/objects" >"$T/$1/objects.new"
	mv "$T/$1/objects.new" "$T/$1/objects"
}
drop() { # API UID
	jq --arg uid "$2" 'map(select(.metadata.uid != $uid))' "$T/$1/objects" >"$T/$1/objects.new"
	mv "$T/$1/objects.new" "$T/$1/objects"
}
pod() { # NAMESPACE UID PHASE CREATED START|- [JQ-FILTER]
	jq -n --arg ns "$1" --arg uid "$2" --arg phase "$3" --arg created "$(at "$4")" --arg start "$([ "$5" = - ] || at "$5")" '
		{metadata: {namespace: $ns, name: ("pod-" + $uid), uid: $uid, creationTimestamp: $created,
			annotations: {"ceems.io/created-by": "mira"}, labels: {app: "sim"}},
		spec: {nodeName: "n1", containers: [
			{name: "a", resources: {limits: {cpu: "1500m", memory: "1Gi", "nvidia.com/gpu": "2"}}},
			{name: "b", resources: {limits: {cpu: "500m", memory: "512Mi"}}}]},
		status: {phase: $phase, qosClass: "Burstable", conditions: [{type: "Ready", status: "True"}]}}
		| if $start == "" then . else .status.startTime = $start end | '"${6:-.}"
}
fault() { # API FAULT
	echo "$2" >"$T/$1/fault.new"
	mv "$T/$1/fault.new" "$T/$1/fault"
}
write_config() { # DATA_DIR
	cat <<-C
		ceems_api_server:
		  data: {path: $1, update_interval: 1s, settle_delay: 1s, time_zone: UTC, update_from: "$(text_at NOW-1800 | cut -c1-19)"}
		  admin: {users: [boss]}
		clusters:
		  - id: kube-a
		    manager: k8s
		    extra_config: {kubeconfig_file: $T/a/kubeconfig, ns_users_list_file: $T/users.yaml, project_annotations: [team/project]}
		  - id: kube-b
		    manager: k8s
		    extra_config: {kubeconfig_file: $T/b/kubeconfig}
	C
}
server() { start api "$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT" --log.level=debug; }
api() { curl -sSf -m 5 -H "X-Grafana-User: $1" "http://127.0.0.1:$PORT/$2"; }
healthy() { curl -sSf -m 5 "http://127.0.0.1:$PORT/health"; }
unit() { # CLUSTER UID FILTER: of the only row of the pod
	api boss "api/v1/units/admin?cluster_id=$1&uuid=$2" | jq -e ".data | length == 1 and (.[0] | $3)"
}
soon() { wait_until 30 "$@"; }
sql() { sqlite3 "$T/data/ceems.db" "$@"; }
stored() { [ "$(sql "SELECT end_ms / 1000 FROM ceems_watermarks WHERE cluster_id = '$1'")" -ge "$2" ]; } # CLUSTER TIME
logged() { [ "$(grep -c "$2" "$T/api.log")" -ge "$1" ]; }
logged_times() { [ "$(grep -c "$2" "$T/api.log")" = "$1" ]; }

fake_api a
fake_api b
pod ns1 run Running NOW-400 NOW-300 | put a
pod ns1 wait Pending NOW-200 - '.metadata.annotations = {} | .status.conditions = []' | put a
pod ns1 over Succeeded NOW-900 NOW-850 ".status.containerStatuses = [{state: {terminated: {finishedAt: \"$(at NOW-700)\"}}}]" | put a
pod ns2 team Running NOW-100 NOW-90 '.metadata.annotations = {"team/project": "astro", "ceems.io/created-by": "system:serviceaccount:ns2:x"}' | put a
pod ns1 run Running NOW-60 NOW-50 | put b
echo 'users: {ns1: [ann, mira], ns9: [ann], broken: 7}' >"$T/users.yaml"
cat >"$T/a/rolebindings" <<-'J'
	[{"metadata": {"namespace": "ns2", "name": "x"}, "subjects": [{"kind": "User", "name": "zoe"}, {"kind": "Group", "name": "all"}]},
	 {"metadata": {"namespace": "ns3", "name": "y"}}]
J
write_config "$T/data" >"$T/config.yml"
chmod 644 "$T/config.yml" "$T/users.yaml"

server
ok "the server answers" wait_until 20 healthy
ok "a running pod is a unit" soon unit kube-a run ".name == \"pod-run\" and .state == \"Running/Ready\" and .project == \"ns1\"
	and .username == \"mira\" and .started_at == \"$(text_at NOW-300)\" and .created_at == \"$(text_at NOW-400)\"
	and .ended_at == \"N/A\" and .resource_manager == \"k8s\" and .total_time_seconds.walltime >= 299
	and .total_time_seconds.alloc_cputime == 2 * .total_time_seconds.walltime
	and .total_time_seconds.alloc_cpumemtime == 1610612736 * .total_time_seconds.walltime
	and .total_time_seconds.alloc_gpumemtime == 2 * .total_time_seconds.walltime"
ok "with its limits and tags" unit kube-a run '(.allocation == {"mem": 1610612736, "nvidia.com/gpu": 2, "vcpus": 2})
	and .tags == {"annotations": {"ceems.io/created-by": "mira"}, "labels": {"app": "sim"}, "qos": "Burstable"}'
ok "one that waits has no start" unit kube-a wait '.state == "Pending" and .started_at == "N/A" and .elapsed == "N/A"
	and .username == "ns1:svc" and .total_time_seconds.walltime == 0'
ok "one that ended has exactly its time" unit kube-a over ".state == \"Succeeded\" and .ended_at == \"$(text_at NOW-700)\"
	and .total_time_seconds.walltime == 150 and .elapsed == \"00:03:20\""
ok "annotations name the project" unit kube-a team '.project == "astro" and .username == "astro:svc"'
ok "two clusters don't mix" soon unit kube-b run ".started_at == \"$(text_at NOW-50)\""
ok "users come from pods, the users file and role bindings" sh -c "curl -sSf -H 'X-Grafana-User: boss' \
	'http://127.0.0.1:$PORT/api/v1/users/admin?cluster_id=kube-a' | jq -e '[.data[] | .name + \"=\" + (.projects | join(\",\"))]
	== [\"ann=ns1,ns9\", \"astro:svc=astro\", \"mira=ns1\", \"ns1:svc=ns1\", \"zoe=ns2\"]'"
ok "so do projects" test "$(api boss 'api/v1/projects/admin?cluster_id=kube-a' | jq -c '[.data[] | [.name] + .users]')" = \
	'[["astro","astro:svc"],["ns1","ann","mira","ns1:svc"],["ns2","zoe"],["ns9","ann"]]'
ok "their times have an offset" test "$(sql "SELECT DISTINCT substr(last_updated_at, 20) FROM users")" = +0000
ok "a member of the namespace sees its service's pods" sh -c "curl -sSf -H 'X-Grafana-User: ann' \
	'http://127.0.0.1:$PORT/api/v1/units?running&project=ns1' | jq -e '[.data[].uuid] == [\"wait\"]'"

pod ns1 wait Running NOW-200 NOW-5 | put a
ok "a pod that waited and runs has one row" soon unit kube-a wait ".state == \"Running/Ready\" and .started_at == \"$(text_at NOW-5)\""
ok "which says the whole time" soon unit kube-a wait '.total_time_seconds.walltime >= 5'
S=$(date +%s)
pod ns1 short Running "$S" "$S" | put a
soon grep -q '"short"' "$T/a/objects"
wait_until 20 unit kube-a short '.ended_at == "N/A"'
drop a short
ok "a pod that is deleted has an end" soon unit kube-a short '.ended_at_ts > 0 and .state == "Running/Ready"'
ok "and exactly the time between" soon unit kube-a short '.total_time_seconds.walltime == (.ended_at_ts - .started_at_ts) / 1000'
E=$(date +%s)
pod ns1 graceful Running "$S-20" "$S-20" ".metadata.deletionTimestamp = \"$(at E+3600)\" | .metadata.deletionGracePeriodSeconds = 3600" | put a
ok "a pod that will be deleted still runs" soon unit kube-a graceful '.ended_at == "N/A"'
pod ns1 graceful Running "$S-20" "$S-20" ".metadata.deletionTimestamp = \"$(at E-1)\" | .metadata.deletionGracePeriodSeconds = 0" | put a
ok "until its time has come" soon unit kube-a graceful ".ended_at_ts >= $((E - 1)) * 1000"

fault a bindings
ok "role bindings that may not be listed are said" soon logged 1 'role bindings can.t be listed'
stored_later() { soon stored kube-a $(($(date +%s) + 2)); }
ok "and hold nothing up" stored_later
ok "and said once" logged_times 1 'role bindings can.t be listed'
ok "the users that they named stay" test "$(api boss 'api/v1/users/admin?user=zoe' | jq -c '.data[0].projects')" = '["ns2"]'
fault a none

# What a source takes back. Who has pods stays a member of their namespaces.
projects_of() { api boss "api/v1/users/admin?cluster_id=kube-a&user=$1" | jq -c '.data[0].projects'; }
has_projects() { [ "$(projects_of "$1")" = "$2" ]; }
members_of() { api boss "api/v1/projects/admin?cluster_id=kube-a&project=$1" | jq -c '.data[0].users'; }
echo 'users: {ns1: [ann' >"$T/users.yaml"
ok "a broken users file is said" soon logged 1 "users file can.t be read"
stored_later
ok "and takes nothing back" has_projects ann '["ns1","ns9"]'
echo 'users: {ns1: [mira], ns8: [lee]}' >"$T/users.yaml"
ok "who isn't named any more has no projects" soon has_projects ann null
ok "a namespace without users has none" test "$(members_of ns9)" = null
ok "another one keeps its own" test "$(members_of ns1)" = '["mira","ns1:svc"]'
ok "the last user of a namespace is still one" has_projects zoe '["ns2"]'
echo '[]' >"$T/a/rolebindings"
ok "until the role binding is gone" soon has_projects zoe null
ok "and sees nothing of it" sh -c "curl -sSf -H 'X-Grafana-User: zoe' 'http://127.0.0.1:$PORT/api/v1/projects' | jq -e '.data == []'"
echo 'users: {ns1: [ann, mira], ns9: [ann], broken: 7}' >"$T/users.yaml"
ok "what is given back is there again" soon has_projects ann '["ns1","ns9"]'

# The API server of one cluster is away; a pod vanishes meanwhile, and the history, too.
fault a 403
ok "a server that refuses is said in its words" soon logged 1 'collection fails.*pods is forbidden'
BROKEN=$(sql "SELECT end_ms / 1000 FROM ceems_watermarks WHERE cluster_id = 'kube-a'")
ok "the other cluster goes on" soon stored kube-b $(($(date +%s) + 1))
ok "of this one nothing is stored" test "$(sql "SELECT end_ms / 1000 FROM ceems_watermarks WHERE cluster_id = 'kube-a'")" = "$BROKEN"
drop a wait
pod ns1 late Running "$(date +%s)" "$(date +%s)" | put a
fault a compact
wait_until 20 test ! -e "$T/a/fault"
ok "with the server back, the collection is" soon logged 1 'collection works again'
ok "a pod that vanished meanwhile has an end" soon unit kube-a wait '.ended_at_ts > 0'
ok "and exactly the time up to it" soon unit kube-a wait '.total_time_seconds.walltime == (.ended_at_ts - .started_at_ts) / 1000'
ok "one that came meanwhile is there" soon unit kube-a late '.state == "Running/Ready"'

pod ns1 past Succeeded "$S-30" "$S-20" ".metadata.annotations = {\"ceems.io/created-by\": \"lena\"} | .status.containerStatuses = [{state: {terminated: {finishedAt: \"$(at "$S-10")\"}}}]" | put a
ok "a pod that ended is a unit, too" soon unit kube-a past '.username == "lena" and .ended_at_ts > 0'
drop a past

# A watch that hangs without a word: what happens then is heard of when the server is back.
fault a hang
ok "it stops with status 0 while the server hangs" stop api
fault a none
LAST=$(sql "SELECT end_ms FROM ceems_watermarks WHERE cluster_id = 'kube-a'")
drop a run
pod ns1 between Succeeded "$(date +%s)" "$(date +%s)" ".status.containerStatuses = [{state: {terminated: {finishedAt: \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"}}}]" | put a
server
wait_until 20 healthy
ok "a pod that vanished while this server was away ended when it was seen last" soon unit kube-a run ".ended_at_ts == $LAST"
ok "with the time until then" soon unit kube-a run ".total_time_seconds.walltime == ($LAST - .started_at_ts) / 1000"
ok "one that came and ended meanwhile is there" soon unit kube-a between '.state == "Succeeded" and .ended_at_ts > 0'
ok "whose pods are gone is a member as before" test "$(api boss 'api/v1/projects/admin?cluster_id=kube-a&project=ns1' | jq -c '.data[0].users')" = '["ann","lena","mira","ns1:svc"]'
ok "one that lives on has the whole time" soon unit kube-a team ".ended_at == \"N/A\" and .total_time_seconds.walltime >= $(($(date +%s) - NOW + 88))"
ok "no pod has two rows" test -z "$(sql 'SELECT uuid FROM units GROUP BY cluster_id, uuid HAVING count(*) > 1')"
ok "sums of usage are those of the units" test "$(sql "SELECT sum(json_extract(total_time_seconds, '$.walltime')) FROM units")" = \
	"$(sql "SELECT sum(json_extract(total_time_seconds, '$.walltime')) FROM usage")"
ok "and each pod counted once" test "$(sql 'SELECT count(*) FROM units')" = "$(sql 'SELECT sum(num_units) FROM usage')"
ok "SIGTERM ends it with status 0" stop api

# A list that doesn't come.
fault a hang
write_config "$T/other" >"$T/config.yml"
server
ok "without a list it answers" wait_until 20 healthy
ok "the other cluster's units, too" soon sh -c "curl -sSf -H 'X-Grafana-User: boss' 'http://127.0.0.1:$PORT/api/v1/units/admin?running' | jq -e '[.data[].cluster_id] == [\"kube-b\"]'"
ok "and it ends well" stop api
fault a none

echo wrong >"$T/a/token"
server
ok "a wrong token is said" soon logged 1 'collection fails.*Unauthorized'
echo secret-a >"$T/a/token"
ok "and no reason to start again" soon logged 1 'collection works again'
ok "it ends well then" stop api
refused() { # TEXT: with the configuration of stdin
	local status=0
	cat >"$T/bad.yml"
	timeout 20 "$BIN/ceems_api_server" --config.file="$T/bad.yml" --web.listen-address="127.0.0.1:$(free_port)" 2>"$T/bad.log" || status=$?
	cat "$T/bad.log"
	[ $status = 1 ] && grep -q -e "$1" "$T/bad.log"
}
sed "s|$T/a/kubeconfig|$T/nowhere|" "$T/config.yml" >"$T/in"
ok "a kubeconfig that isn't there ends the start" refused "kube-a.*$T/nowhere" <"$T/in"
sed "s|kubeconfig_file: $T/a/kubeconfig|kubeconfig_file: ''|" "$T/config.yml" >"$T/in"
ok "so does none at all outside a cluster" refused 'kube-a.*kubeconfig_file.*no pod' <"$T/in"
stop a 143
stop b 143
done_testing
