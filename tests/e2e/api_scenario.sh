#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A whole site: two SLURM clusters, an OpenStack cloud and a Kubernetes cluster with one Prometheus, at a time that stands still.
# Every route as user and as administrator, and what the stock sqlite3 shell finds in the database, are compared with
# tests/golden/api/; --update rewrites these.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
GOLDEN=$CEEMS_SOURCE/tests/golden/api
UPDATE=${1:-}
BEGIN=1933480800 # 2031-04-09T06:00:00Z
ZONE=Europe/Berlin
PORT=$(free_port)
mkdir -p "$T/prom" "$T/cloud" "$T/kube" "$T/hpc-a" "$T/hpc-b"
chmod 755 "$T" "$T"/*
: >"$T/violations"

set_clock() { # SECONDS since BEGIN
	echo $((BEGIN + $1)) >"$T/clock.new"
	mv "$T/clock.new" "$T/clock"
}
utc() { date -u -d "@$((BEGIN + $1))" +%Y-%m-%dT%H:%M:%S"${2-Z}"; }

# job ID USER ACCOUNT START END STATE TRES NAME: END - = it runs; the file of stdin becomes what sacct lists.
list_jobs() { # CLUSTER
	local id user account start end state tres name text
	while IFS=';' read -r id user account start end state tres name; do
		text=Unknown
		[ "$end" = - ] || text=$(utc "$end" +0000)
		printf '%s|%s|%s|batch|normal|%s|staff|501|%s|1207|%s|%s|%s|00:05:00|300|0:0|%s|%s|n[1-2]|%s|/home/%s\n' \
			"$((BEGIN + start))" "$([ "$end" = - ] && echo 0 || echo $((BEGIN + end)))" "$id" "$account" "$user" \
			"$(utc $((start - 30)) +0000)" "$(utc "$start" +0000)" "$text" "$state" "$tres" "$name" "$user"
	done >"$T/$1/jobs.new"
	mv "$T/$1/jobs.new" "$T/$1/jobs"
}
for cluster in hpc-a hpc-b; do
	cat >"$T/$cluster/sacct" <<-S
		#!/bin/bash
		[ "\$1" = --version ] && echo "slurm 22.05.8" && exit 0
		while [ \$# -gt 0 ]; do
			case \$1 in --starttime) from=\$(date -d "\$2" +%s) ;; --endtime) to=\$(date -d "\$2" +%s) ;; esac
			shift
		done
		while IFS='|' read -r start end line; do
			[ "\$start" -lt "\$to" ] && { [ "\$end" = 0 ] || [ "\$end" -ge "\$from" ]; } && echo "\$line"
		done <"$T/$cluster/jobs"
		exit 0
	S
	printf '#!/bin/bash\ncat "%s"\n' "$T/$cluster/associations" >"$T/$cluster/sacctmgr"
	chmod 755 "$T/$cluster"/sacct*
done
printf '%s\n' 'root|root' 'astro|' 'astro|mira' 'astro|otto' 'bio|zoe' >"$T/hpc-a/associations"
printf '%s\n' 'astro|eve' 'bio|mira' >"$T/hpc-b/associations"
list_jobs hpc-a <<-'J'
	101;mira;astro;-1800;-;RUNNING;billing=8,cpu=8,mem=16G,node=1;long
	102;mira;astro;60;960;COMPLETED;billing=4,cpu=4,mem=2G,node=2;a|b <c>
	103;otto;astro;100;130;FAILED;billing=4,cpu=4,gres/gpu=2,gres/gpu:h2=2,mem=512M,node=1;gpu
	104;zoe;bio;1000;1900;CANCELLED by 1207;billing=1,cpu=1,mem=1.5G,node=1;stopped
J
list_jobs hpc-b <<-'J'
	101;eve;astro;300;600;COMPLETED;billing=2,cpu=2,mem=4G,node=1;same id
	202;mira;bio;1500;-;RUNNING;billing=2,cpu=2,mem=4G,node=1;other
J

pod() { # UID NAMESPACE PHASE CREATED START|- [JQ-FILTER]
	jq -n --arg uid "$1" --arg ns "$2" --arg phase "$3" --arg created "$(utc "$4")" --arg start "$([ "$5" = - ] || utc "$5")" '
		{metadata: {namespace: $ns, name: ("pod-" + $uid), uid: $uid, creationTimestamp: $created,
			annotations: {"ceems.io/created-by": "mira"}, labels: {app: "sim"}},
		spec: {containers: [{resources: {limits: {cpu: "1500m", memory: "1Gi", "nvidia.com/gpu": "2"}}}, {resources: {limits: {cpu: "0.1"}}}]},
		status: {phase: $phase, qosClass: "Burstable", conditions: [{type: "Ready", status: "True"}]}}
		| if $start == "" then . else .status.startTime = $start end | '"${6:-.}"
}
pods() { # of stdin
	jq -s . >"$T/kube/objects.new"
	mv "$T/kube/objects.new" "$T/kube/objects"
}
{
	pod train ml Running -600 -590
	pod waits ml Pending 100 - '.status.conditions = []'
	pod batch ml Succeeded 200 210 ".status.containerStatuses = [{state: {terminated: {finishedAt: \"$(utc 1210)\"}}}]"
	pod web www Running 900 910 '.metadata.annotations = {"ceems.io/created-by": "system:serviceaccount:www:x"} | .status.conditions[0] = {type: "Ready", status: "False", reason: "ContainersNotReady"}'
} | pods
echo '[{"metadata": {"namespace": "www", "name": "x"}, "subjects": [{"kind": "User", "name": "zoe"}, {"kind": "Group", "name": "all"}]}]' >"$T/kube/rolebindings"
echo 'users: {ml: [otto]}' >"$T/users.yaml"

jq -n --argjson t $BEGIN '{password: "secret",
	users: [{id: "u1", name: "mira"}, {id: "u2", name: "zoe"}, {id: "u3", name: "idle"}],
	projects: [{id: "p1", name: "astro"}, {id: "p2", name: "lab"}], members: {u1: ["p1", "p2"], u2: ["p2"]},
	servers: [
		{id: "vm-web", tenant_id: "p1", user_id: "u1", "OS-SRV-USG:launched_at": ($t - 3600), tags: ["x"], metadata: {k: "<v>"},
			flavor: {vcpus: 4, ram: 8192, disk: 20, swap: 512, original_name: "m1.large", extra_specs: {"resources:VGPU": "1"}}},
		{id: "vm-db", tenant_id: "p2", user_id: "u2", status: "SHUTOFF", "OS-EXT-STS:power_state": 4,
			"OS-SRV-USG:launched_at": ($t - 3600), updated: ($t + 500)},
		{id: "vm-gone", tenant_id: "p2", user_id: "u2", status: "DELETED", "OS-EXT-STS:power_state": 0,
			"OS-SRV-USG:launched_at": ($t + 300), "OS-SRV-USG:terminated_at": ($t + 1200), updated: ($t + 1200)}]}' >"$T/cloud/cloud.json"

cat >"$T/prom/values" <<-'J'
	{"uuid:ceems_cpu_usage:ratio_irate": 40, "uuid:ceems_cpu_memory_usage:ratio": 12.5, "uuid:ceems_host_power_watts:pue": 0.25,
	 "provider=\"rte\"": 1.0625, "provider=\"emaps\"": 2e-9, "provider=\"owid\"": -1, "uuid:ceems_gpu_usage:ratio": 33.333333333,
	 "uuid:ceems_gpu_power_watts:pue": 1e16, "ceems_ebpf_write_bytes_total": 4096, "ceems_ebpf_write_requests_total": 1}
J

start prom /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_prometheus.py" "$T/prom"
start cloud /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_openstack.py" "$T/cloud"
start kube /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_kube_api.py" "$T/kube"
for name in prom cloud kube; do wait_until 20 test -s "$T/$name/port"; done
cat >"$T/kubeconfig" <<-K
	current-context: c
	contexts: [{name: c, context: {cluster: c}}]
	clusters: [{name: c, cluster: {server: "http://127.0.0.1:$(cat "$T/kube/port")"}}]
K
cat >"$T/config.yml" <<-C
	ceems_api_server:
	  data: {path: $T/data, update_interval: 1s, max_update_interval: 15m, settle_delay: 25s, time_zone: $ZONE, update_from: "$(TZ=$ZONE date -d @$BEGIN +%Y-%m-%dT%H:%M:%S)"}
	  admin: {users: [boss]}
	clusters:
	  - {id: hpc-a, manager: slurm, updaters: [prom], cli: {path: $T/hpc-a}}
	  - {id: hpc-b, manager: slurm, updaters: [prom], cli: {path: $T/hpc-b}}
	  - id: cloud-a
	    manager: openstack
	    updaters: [prom]
	    extra_config:
	      api_service_endpoints: {compute: "http://127.0.0.1:$(cat "$T/cloud/port")/v2.1", identity: "http://127.0.0.1:$(cat "$T/cloud/port")"}
	      auth: {identity: {methods: [password], password: {user: {name: admin, domain: {id: default}, password: secret}}}}
	  - id: kube-a
	    manager: k8s
	    updaters: [prom]
	    extra_config: {kubeconfig_file: $T/kubeconfig, ns_users_list_file: $T/users.yaml}
	updaters:
	  - {id: prom, updater: tsdb, web: {url: "http://127.0.0.1:$(cat "$T/prom/port")"}, extra_config: {cutoff_duration: 1m}}
C
chmod 644 "$T"/*.yml "$T/kubeconfig"

server() {
	start api env LD_PRELOAD="$BIN/tests/libset_clock.so" CEEMS_TEST_CLOCK="$T/clock" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
		"$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"
}
sql() { sqlite3 -cmd '.timeout 5000' "$T/data/ceems.db" "$@"; }
# until all clusters are, with what the server has to say if they aren't
reaches() { wait_until 60 collected "$1" || { tail -n 5 "$T/api.log"; return 1; }; }
# Of the log: a root's sqlite3 that opens the file while the server does may be the one that makes its -shm.
collected() { [ "$(grep -c "units stored.*window_end=$((BEGIN + $1)) " "$T/api.log")" = 4 ]; } # SECONDS
ask() { # USER TARGET [CURL-ARGUMENT...]: the answer, an object on each line
	local user=$1 target=$2
	shift 2
	printf '== GET /%s as %s\n' "$target" "${user:-nobody}"
	curl -sS -g -m 10 -o "$T/body" -w '%{http_code} %{content_type}\n' ${user:+-H "X-Grafana-User: $user"} "$@" "http://127.0.0.1:$PORT/$target"
	sed 's/},{"/},\n{"/g' "$T/body"
}
ask_all() {
	local period="from=$((BEGIN - 7200))&to=$((BEGIN + 7200))" user
	for user in mira zoe; do
		for route in users projects "units?$period&running" "units?$period" "usage/current?$period" "usage/global"; do
			ask $user "api/v1/$route"
		done
	done
	for route in users/admin "users/admin?role=admin" "users/admin?user=mira" projects/admin "projects/admin?project=astro" "units/admin?$period&running" \
		"units/admin?$period&cluster_id=cloud-a&running" "units/admin?project=www&running&$period" clusters/admin "usage/current/admin?$period" \
		"usage/current/admin?$period&groupby=cluster_id" "usage/current/admin?$period&exact" "usage/current/admin?$period&experimental" \
		"usage/current/admin?$period&__terminated" usage/global/admin "usage/global/admin?user=zoe" "stats/current/admin?$period" stats/global/admin; do
		ask boss "api/v1/$route"
	done
}
ask_special() {
	ask '' api/v1/units
	ask mira api/v1/units/admin
	ask mira 'api/v1/units?field=nonsense'
	ask mira 'api/v1/units?from=yesterday'
	ask mira 'api/v1/units?uuid=101&uuid=104&field=uuid&field=cluster_id&field=state'
	ask mira 'api/v1/units?uuid=102&field=started_at&field=ended_at&timezone=Asia/Tokyo'
	ask mira 'api/v1/units?uuid=102&field=allocation&field=total_time_seconds&field=tags'
	ask mira 'api/v1/units/verify'
	ask mira 'api/v1/units/verify?cluster_id=hpc-a&uuid=101&uuid=102'
	ask mira 'api/v1/units/verify?cluster_id=hpc-a&uuid=104'
	ask zoe 'api/v1/units/verify?cluster_id=cloud-a&uuid=vm-db'
	ask mira 'api/v1/usage/current?field=num_units&field=avg_cpu_usage'
	ask mira 'api/v1/nonsense'
	ask '' health
	printf '\n== demo\n'
	curl -sS -m 10 "http://127.0.0.1:$PORT/api/v1/demo/units" | jq -c '[.status, (.data | length)]'
	printf '== OPTIONS /api/v1/units\n'
	curl -sS -m 10 -X OPTIONS -H 'Origin: http://grafana.test' -D - "http://127.0.0.1:$PORT/api/v1/units" | tr -d '\r' | grep -iv '^date:' | sort
}
same() { # FILE: what is on stdin is what it says
	cat >"$T/now"
	if [ "$UPDATE" = --update ]; then
		mkdir -p "$GOLDEN"
		cp "$T/now" "$GOLDEN/$1"
	fi
	diff -u "$GOLDEN/$1" "$T/now" >"$T/diff" || { head -n 40 "$T/diff" | cut -c 1-300; return 1; }
}
answers() { "$2" >"$T/answers" 2>&1; same "$1" <"$T/answers"; } # FILE FUNCTION
schema() { # tables and indexes of CEEMS 0.10.2
	local table index
	for table in schema_migrations units usage daily_usage users projects admin_users; do
		sql "SELECT '$table', name, lower(type), \"notnull\", dflt_value, pk FROM pragma_table_info('$table')"
		for index in $(sql "SELECT name FROM pragma_index_list('$table') WHERE name NOT LIKE 'ceems%' ORDER BY name"); do
			sql "SELECT '$index', \"unique\", (SELECT group_concat(name) FROM pragma_index_info('$index')) FROM pragma_index_list('$table') WHERE name = '$index'"
		done
	done
	sql 'SELECT * FROM schema_migrations; PRAGMA integrity_check'
}
rows() {
	local table
	sql "SELECT cluster_id, uuid, created_at, started_at, ended_at, elapsed, state, num_updates, ignore, last_updated_at, allocation, tags, total_time_seconds,
		avg_cpu_usage, avg_cpu_mem_usage, total_cpu_energy_usage_kwh, total_cpu_emissions_gms, avg_gpu_usage, avg_gpu_mem_usage,
		total_gpu_energy_usage_kwh, total_io_write_stats, total_io_read_stats FROM units ORDER BY 1, 2, 4"
	for table in usage daily_usage; do
		sql "SELECT '$table', cluster_id, project, username, num_units, num_updates, last_updated_at, total_time_seconds, total_cpu_emissions_gms FROM $table ORDER BY 2, 3, 4, 7"
	done
	sql "SELECT 'user', cluster_id, name, uid, projects, tags, last_updated_at FROM users ORDER BY 2, 3;
		SELECT 'project', cluster_id, name, uid, users, tags, last_updated_at FROM projects ORDER BY 2, 3;
		SELECT 'admin', cluster_id, name, projects, tags FROM admin_users ORDER BY 3;
		SELECT cluster_id, end_ms, label FROM ceems_watermarks ORDER BY 1"
}

set_clock 2400
server
# Windows end when Prometheus has all samples: two scrapes and a rule later.
ok "all four clusters are collected" reaches 2375
ok "every route answers as ever" answers scenario.txt ask_all
ok "so it does to special requests" answers special.txt ask_special
ok "the tables are those of CEEMS 0.10.2" answers schema.txt schema
ok "the rows, too" answers rows.txt rows
ok "it ends with status 0" stop api

# Things go on while it is away.
set_clock 3600
list_jobs hpc-a <<-'J'
	101;mira;astro;-1800;3000;TIMEOUT;billing=8,cpu=8,mem=16G,node=1;long
	102;mira;astro;60;960;COMPLETED;billing=4,cpu=4,mem=2G,node=2;a|b <c>
	105;otto;astro;2500;-;RUNNING;billing=4,cpu=4,mem=2G,node=1;next
J
{
	pod waits ml Running 100 2700
	pod web www Running 900 910 '.metadata.annotations = {"ceems.io/created-by": "system:serviceaccount:www:x"}'
} | pods
jq --argjson t $BEGIN '.servers[0] += {status: "SHUTOFF", "OS-EXT-STS:power_state": 4, updated: ($t + 3000)}' "$T/cloud/cloud.json" >"$T/cloud/new" && mv "$T/cloud/new" "$T/cloud/cloud.json"
server
ok "a restart goes on where it was" reaches 3575
ok "and says the rest" answers restart.txt ask_all
ok "in the database as well" answers restart_rows.txt rows
ok "no unit has two rows" test -z "$(sql 'SELECT uuid FROM units GROUP BY cluster_id, uuid HAVING count(*) > 1')"
ok "sums of usage are those of the units" test "$(sql "SELECT sum(json_extract(total_time_seconds, '$.alloc_cputime')) FROM units")" = \
	"$(sql "SELECT sum(json_extract(total_time_seconds, '$.alloc_cputime')) FROM usage")"
ok "nothing was asked that the cloud refuses" test ! -s "$T/cloud/violations"
ok "it ends with status 0 again" stop api
for name in prom cloud kube; do stop $name 143; done
done_testing
