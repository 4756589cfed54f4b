#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Targets for Grafana Alloy: real processes in a tree of control groups made for them.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
export NODE_NAME=node1
# No request of this script may wait for ever.
curl() { command curl -m 20 "$@"; }
unset GOMAXPROCS CEEMS_EXPORTER_WEB_CONFIG_FILE
chmod 0755 "$T" # for the user that the exporter becomes
TREE=$T/tree
SCOPE=$TREE/cgroup/system.slice/slurmstepd.scope
mkdir -p "$SCOPE/job_77/step_0/user/task_0" "$SCOPE/job_8" "$TREE/sys"
: >"$SCOPE/job_77/cgroup.procs"

# Programs of a job; the names that ps shows are those that Slurm's own parts have.
start opted env PROFILE_ME=yes tail -f /dev/null
start plain tail -f /dev/null
start stepd env PROFILE_ME=yes bash -c 'exec -a "slurmstepd: [77.0]" tail -f /dev/null'
start other env PROFILE_ME= tail -f /dev/null
pid() { cat "$T/$1.pid"; }
is_called() { tr '\0' ' ' <"/proc/$(pid "$1")/cmdline" | grep -q "^$2"; }
wait_until 20 is_called opted tail && wait_until 20 is_called stepd slurmstepd && wait_until 20 is_called other tail && wait_until 20 is_called plain tail
printf '%s\n' "$(pid stepd)" "$(pid opted)" "$(pid plain)" >"$SCOPE/job_77/step_0/user/task_0/cgroup.procs"
printf '%s\n' "$(pid other)" >"$SCOPE/job_8/cgroup.procs"

up() { # NAME FLAG...
	local name=$1
	shift
	PORT=$(free_port)
	URL=http://127.0.0.1:$PORT
	start "$name" "$BIN/ceems_exporter" --web.listen-address="127.0.0.1:$PORT" --collector.disable-defaults \
		--collector.cgroups.force-version=v2 --path.sysfs="$TREE/sys" --path.cgroupfs="$TREE/cgroup" "$@"
	wait_until 20 curl -fsS "$URL/health"
}
target() { printf '{"targets":["%s"],"labels":{"__process_pid__":"%s","service_name":"%s"}}' "$1" "$2" "$1"; }
# shows TARGET...: the whole answer.
shows() {
	local IFS=,
	printf '[%s]\n' "$*" >"$T/wanted"
	curl -fsS "$URL${TARGETS:-/alloy-targets}" | diff "$T/wanted" -
}
status_is() { local got; got=$(curl -s -o "$T/body" -w '%{http_code}' "${@:2}"); [ "$got" = "$1" ] || { echo "status $got"; cat "$T/body"; return 1; }; }
logged() { grep -F -- "$2" "$T/$1.log" || { cat "$T/$1.log"; return 1; }; }
fails() {
	local text=$1 status=0
	shift
	timeout 20 "$BIN/ceems_exporter" --web.listen-address=127.0.0.1:0 "$@" >"$T/fails.out" 2>"$T/fails.err" || status=$?
	cat "$T/fails.err"
	[ "$status" = 1 ] && tail -n 1 "$T/fails.err" | grep -F -- "$text"
}

up all --collector.slurm --discoverer.alloy-targets
ok "every process of a unit is a target, in the order of a walk" shows "$(target 77 "$(pid stepd)")" "$(target 77 "$(pid opted)")" \
	"$(target 77 "$(pid plain)")" "$(target 8 "$(pid other)")"
ok "the answer is JSON by its type" grep -i '^content-type: application/json' <(curl -sD - -o /dev/null "$URL/alloy-targets")
ok "POST is answered as well" status_is 200 -X POST "$URL/alloy-targets"
ok "HEAD too" status_is 200 -I "$URL/alloy-targets"
ok "the landing page links to the targets" grep -F '<a href="/alloy-targets">Grafana Alloy Targets</a>' <(curl -s "$URL/")
ok "no other path is" status_is 404 "$URL/alloy-targets/"
end_plain() { kill -9 "$(pid plain)"; wait "$(pid plain)"; rm "$T/plain.pid"; }
end_plain 2>/dev/null
gone() { ! curl -fsS "$URL/alloy-targets" | grep -F '"__process_pid__":"'"$PLAIN"'"'; }
PLAIN=$(sed -n 3p "$SCOPE/job_77/step_0/user/task_0/cgroup.procs")
ok "a process that ended is none any more" wait_until 20 gone
ok "it ends" stop all

up some --collector.slurm --discoverer.alloy-targets --discoverer.alloy-targets.env-var=PROFILE \
	--discoverer.alloy-targets.env-var=NEVER_SET --web.targets-path=here --discoverer.alloy-targets.self-profiler
TARGETS=/here ok "a variable whose name begins so opts in, but not for Slurm's own processes" shows "$(target 77 "$(pid opted)")" "$(target 8 "$(pid other)")" \
	"$(target __internal_ceems_exporter "$(pid some)")"
ok "the usual path is not there then" status_is 404 "$URL/alloy-targets"
ok "it ends" stop some

up none --collector.slurm --discoverer.alloy-targets --discoverer.alloy-targets.env-var=NEVER_SET
ok "nothing is an empty list" shows
ok "it ends" stop none

# --- virtual machines: the name in the control groups, and the uuid of the definition
VM="$TREE/cgroup/machine.slice/machine-qemu\\x2d3\\x2dinstance\\x2d0000000a.scope/libvirt/emulator"
UUID=0000000a-0000-4000-8000-00000000000a
mkdir -p "$VM" "$T/qemu"
cat "$T/other.pid" >"$VM/cgroup.procs"
echo "<domain type='kvm'><name>instance-0000000a</name><uuid>$UUID</uuid></domain>" >"$T/qemu/instance-0000000a.xml"
machine() { target instance-0000000a "$(pid other)" | sed "s/\(service_name\":\"\)[^\"]*/\1$UUID/"; }
up machines --collector.libvirt --collector.libvirt.xml-dir="$T/qemu" --discoverer.alloy-targets
ok "a virtual machine is a unit as well" shows "$(machine)"
ok "it ends" stop machines
up both --collector.libvirt --collector.slurm --collector.libvirt.xml-dir="$T/qemu" --discoverer.alloy-targets \
	--discoverer.alloy-targets.env-var=PROFILE_ME
ok "machines come after jobs" shows "$(target 77 "$(pid opted)")" "$(target 8 "$(pid other)")" "$(machine)"
ok "it ends" stop both

up off --collector.slurm
ok "without the flag there are no targets" status_is 404 "$URL/alloy-targets"
ok "it ends" stop off
up unitless --discoverer.alloy-targets
ok "without units neither" status_is 404 "$URL/alloy-targets"
ok "which is said" logged unitless "there are no targets for Alloy"
ok "it ends" stop unitless
ok "a path that is taken is an error" fails "'--web.targets-path' cannot be /metrics, which is taken" \
	--discoverer.alloy-targets --web.targets-path=/metrics
ok "/health too" fails "cannot be /health" --discoverer.alloy-targets --web.targets-path=health

# --- many targets, asked for by many at a time
mkdir "$TREE/proc"
seq 4000 | (cd "$TREE/proc" && xargs mkdir)
seq 4000 >"$SCOPE/job_8/cgroup.procs"
up busy --collector.slurm --path.procfs="$TREE/proc" --discoverer.alloy-targets --web.max-requests=1 --runtime.gomaxprocs=8
many() {
	local pids=()
	for _ in $(seq 8); do
		curl -s "$URL/alloy-targets" | head -c 200 >>"$T/answers" &
		pids+=($!)
	done
	wait "${pids[@]}"
	grep -F 'Limit of concurrent requests reached (1), try again later.' "$T/answers"
}
ok "more than the limit are refused" wait_until 60 many
ok "the next one is answered" status_is 200 "$URL/alloy-targets"
ok "metrics have a limit of their own" grep -E '^promhttp_metric_handler_requests_total\{code="503"\} 0' <(curl -s "$URL/metrics")
ok "it ends" stop busy

rm -r "$TREE/cgroup"
up blind --collector.slurm --discoverer.alloy-targets
ok "units that cannot be found are an error" status_is 500 "$URL/alloy-targets"
body_is() { printf 'An error has occurred while looking for targets:\n\nfinding the units of slurm: No data available\n' | diff - "$T/body"; }
ok "which says why" body_is
ok "it ends" stop blind
done_testing
