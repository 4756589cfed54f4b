#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Compute units as the exporter shows them: a whole tree over HTTP, then real control groups of v1 and
# v2 whose jobs end and vanish while they are read.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
NAME=ceemstest$$
MANAGER=slurm
PORT=
V1=(cpuacct memory)
V2=/sys/fs/cgroup/unified
SCOPE=$V2/system.slice/${NAME}_slurmstepd.scope

remove_groups() {
	local h p
	for h in /sys/fs/cgroup/cpuacct/slurm_$NAME /sys/fs/cgroup/memory/slurm_$NAME "$SCOPE" $V2/$NAME; do
		[ -d "$h" ] || continue
		while read -r p; do kill -9 "$p"; done < <(find "$h" -name cgroup.procs -exec cat {} + 2>/dev/null)
		wait_until 5 no_process_in "$h"
		find "$h" -depth -type d -exec rmdir {} \;
	done
	[ ! -f "$T/made_slice" ] || rmdir "${SCOPE%/*}" 2>/dev/null
}
no_process_in() { [ -z "$(find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null)" ]; }
cleanup() {
	remove_groups
	tap_cleanup
}
trap cleanup EXIT

exporter() { # FLAG...
	PORT=$(free_port)
	NODE_NAME=n1 start exporter "$BIN/ceems_exporter" --web.listen-address=127.0.0.1:"$PORT" --collector.disable-defaults \
		--collector."$MANAGER" --no-collector.ledger --web.disable-exporter-metrics "$@"
	wait_until 20 curl -sf "127.0.0.1:$PORT/health"
}
scrape() { curl -sf "127.0.0.1:$PORT/metrics"; }
shows() { scrape | grep -qE "$1"; }
shows_not() { ! shows "$1"; }
log_has() { grep -q -e "$1" "$T/exporter.log"; }
log_has_not() { ! log_has "$1"; }
log_has_once() { [ "$(grep -c -e "$1" "$T/exporter.log")" = 1 ]; }

unpack() { # FIXTURE: as tests/lib/tree.h does
	rm -rf "$T/tree"
	/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/unpack_tree.py" "$CEEMS_SOURCE/tests/fixtures/$1" "$T/tree"
}
answer_is_golden() { scrape | grep -a '[ {]ceems_compute\|^ceems_compute' | diff -a - "$CEEMS_SOURCE/tests/golden/$1"; }

unpack slurm/v2-mixed.tree
exporter --path.cgroupfs="$T/tree/cgroup" --path.procfs="$T/tree/proc" --path.sysfs="$T/tree/sys" \
	--collector.cgroups.force-version=v2 --collector.slurm.swap.memory.metrics --collector.slurm.psi.metrics \
	--collector.slurm.gres-config-file=/nothing --collector.slurm.gpu-order-map=0:0
ok "a tree of good, broken and hostile jobs gives the golden answer" answer_is_golden slurm/v2-mixed.prom
ok "the old names of the flags are warned of" log_has 'swap.memory.metrics'
ok "the collector succeeded" shows '^ceems_scrape_collector_success\{collector="slurm"\} 1'
ok "the exporter ends well" stop exporter

# Names are given by the reference: the linter's opinion on them (status 3) is no failure.
golden_files_are_valid() {
	local file status
	for file in "$CEEMS_SOURCE"/tests/golden/{slurm,libvirt}/*.prom; do
		status=0
		promtool check metrics <"$file" >"$T/promtool" 2>&1 || status=$?
		[ "$status" = 0 ] || [ "$status" = 3 ] || { echo "$file"; cat "$T/promtool"; return 1; }
	done
}
ok "the golden answers are valid exposition" golden_files_are_valid

libvirt() { # FIXTURE GOLDEN VERSION FLAG...
	local fixture=$1 golden=$2 version=$3
	shift 3
	unpack "libvirt/$fixture.tree"
	chmod 755 "$T"
	chmod 600 "$T"/tree/qemu/*.xml "$T"/tree/qemu/.xml 2>/dev/null # as libvirt does
	exporter --path.cgroupfs="$T/tree/cgroup" --path.procfs="$T/tree/proc" --path.sysfs="$T/tree/sys" \
		--collector.libvirt.xml-dir="$T/tree/qemu" --collector.cgroups.force-version="$version" "$@"
	ok "libvirt, $golden: the golden answer" answer_is_golden "libvirt/$golden.prom"
	ok "libvirt, $golden: the collector succeeded" shows '^ceems_scrape_collector_success\{collector="libvirt"\} 1'
	ok "libvirt, $golden: the exporter ends well" stop exporter
}
MANAGER=libvirt
all=(--collector.libvirt.swap-memory-metrics --collector.libvirt.psi-metrics --collector.libvirt.blkio-metrics)
libvirt v2-systemd v2-systemd v2 "${all[@]}"
libvirt v2-systemd v2-systemd-plain v2
libvirt v2-plain v2-plain v2 "${all[@]}"
libvirt v1-systemd v1-systemd v1 "${all[@]}"
libvirt v1-plain v1-plain v1 "${all[@]}" --collector.cgroups.active-subsystem=cpu
libvirt hybrid hybrid v1 "${all[@]}"
libvirt odd odd v2 "${all[@]}"
ok "hostile definitions are told once each" test "$(grep -c 'no definition of the virtual machine' "$T/exporter.log")" = 9
rm -rf "$T/tree"
mkdir -p "$T/tree/cgroup/blkio" "$T/tree/proc" "$T/tree/sys"
exporter --path.cgroupfs="$T/tree/cgroup" --path.procfs="$T/tree/proc" --path.sysfs="$T/tree/sys" --collector.libvirt.xml-dir="$T/tree" \
	--collector.cgroups.force-version=v1 --collector.cgroups.active-subsystem=pids
ok "libvirt: no hierarchy that may have a root is there: no machines" shows '^ceems_compute_units\{.*\} 0'
ok "libvirt: which is no failure" shows '^ceems_scrape_collector_success\{collector="libvirt"\} 1'
mkdir -p "$T/tree/cgroup/pids/machine/qemu-1-instance-00000001.libvirt-qemu"
ok "libvirt: a hierarchy that appears is found" shows '^ceems_compute_units\{.*\} 1'
ok "libvirt: the exporter ends well" stop exporter
MANAGER=slurm

# A process in the groups given, which are made.
run_in() { # USER-ID VARIABLE GROUP...
	local uid=$1 variable=$2 g
	shift 2
	mkdir -p "$@"
	(
		for g; do echo $BASHPID >"$g/cgroup.procs" || exit 1; done
		exec setpriv --reuid="$uid" --clear-groups env "$variable" sleep 300
	) &
	LAST=$!
	disown
	wait_until 10 grep -qx "$LAST" "$1/cgroup.procs"
	wait_until 10 grep -q sleep "/proc/$LAST/cmdline"
}
end_of() { # PID
	kill -9 "$1"
	wait_until 10 test ! -d "/proc/$1"
}

if [ -w /sys/fs/cgroup/cpuacct ] && [ -w /sys/fs/cgroup/memory ] && [ "$(id -u)" = 0 ]; then
	job_v1() { # JOB
		local h g=()
		for h in "${V1[@]}"; do g+=("/sys/fs/cgroup/$h/slurm_$NAME/uid_0/job_$1/step_0/task_0"); done
		run_in 0 A=1 "${g[@]}"
	}
	remove_job_v1() {
		local h
		for h in "${V1[@]}"; do
			find "/sys/fs/cgroup/$h/slurm_$NAME/uid_0/job_$1" -depth -type d -exec rmdir {} \;
		done
	}
	exporter --collector.cgroups.force-version=v1
	job_v1 1001
	first=$LAST
	job_v1 1002
	labels="cgrouphostname=\"$NAME\",hostname=\"n1\",manager=\"slurm\",uuid=\"1001\""
	ok "v1: a job appears" shows "^ceems_compute_unit_memory_used_bytes\{$labels\} [1-9]"
	ok "v1: with the time that it used" shows "^ceems_compute_unit_cpu_user_seconds_total\{$labels\} 0"
	end_of "$first"
	ok "v1: a job without processes is left out" shows_not "$labels"
	ok "v1: the other one stays" shows "$NAME.*uuid=\"1002\""
	remove_job_v1 1001
	churn() {
		for _ in $(seq 30); do
			job_v1 2000
			kill -9 "$LAST"
			wait_until 10 no_process_in "/sys/fs/cgroup/cpuacct/slurm_$NAME/uid_0/job_2000"
			wait_until 10 no_process_in "/sys/fs/cgroup/memory/slurm_$NAME/uid_0/job_2000"
			remove_job_v1 2000
		done
	}
	churn &
	churner=$!
	while kill -0 $churner 2>/dev/null; do scrape >"$T/last"; done
	wait $churner
	ok "v1: jobs that come and go while they are read are no failure" log_has_not level=ERROR
	ok "v1: and no error of a unit" shows_not collect_error
	ok "v1: the job that stayed is there" shows "$NAME.*uuid=\"1002\""
	stop exporter
	remove_groups
else
	skip "v1: jobs in real control groups" "no writable cgroup v1 hierarchies, or not root"
fi

if [ -w $V2 ] && [ "$(id -u)" = 0 ]; then
	[ -d $V2/system.slice ] || touch "$T/made_slice"
	exporter --path.cgroupfs=$V2 --collector.cgroups.force-version=v2
	ok "v2: without a scope there are no jobs" shows '^ceems_compute_units\{.*\} 0'
	ok "v2: which is told once" log_has_once 'no control group of the manager'
	run_in 65533 SLURM_JOB_ID=4711 "$SCOPE/s5K1KKYAYG5D00/step_0/user/task_0"
	sluid=$LAST
	run_in 65533 A=1 "$SCOPE/job_3001/step_0/user/task_0"
	job=$LAST
	ok "v2: a scope that appears is found" shows "cgrouphostname=\"$NAME\".*uuid=\"3001\""
	ok "v2: another user's process tells the number behind a SLUID" shows "cgrouphostname=\"$NAME\".*uuid=\"4711\""
	ok "v2: its CPU time is shown" shows '^ceems_compute_unit_cpu_system_seconds_total\{.*uuid="3001"\} [0-9.e-]+$'
	end_of "$job"
	ok "v2: a job without processes is left out" shows_not 'uuid="3001"'
	ok "v2: which is warned of once" log_has_once 'ids=3001 count=1'
	end_of "$sluid"
	find "$SCOPE" -depth -type d -exec rmdir {} \;
	ok "v2: a scope that vanished is no failure" shows '^ceems_scrape_collector_success\{collector="slurm"\} 1'
	ok "v2: nothing was logged as an error" log_has_not level=ERROR
	stop exporter

	# Machines of libvirt that come and go while they are read, in a tree of their own.
	mkdir "$V2/$NAME"
	MANAGER=libvirt exporter --path.cgroupfs="$V2/$NAME" --collector.cgroups.force-version=v2 --collector.libvirt.psi-metrics \
		--collector.libvirt.xml-dir="$T/none"
	churn() {
		local i d
		mkdir "$V2/$NAME/machine"
		for i in $(seq 100); do
			d=$V2/$NAME/machine/qemu-$i-instance-$(printf %08x "$i").libvirt-qemu
			mkdir -p "$d/emulator" "$d/vcpu0" "$d/iothread1"
			[ $((i % 2)) = 0 ] || scrape >/dev/null
			rmdir "$d"/*/ "$d"
		done
		mkdir -p "$V2/$NAME/machine/qemu-7-stays.libvirt-qemu/vcpu0"
	}
	churn &
	churner=$!
	while kill -0 $churner 2>/dev/null; do scrape >"$T/last"; done
	wait $churner
	ok "libvirt: machines that come and go while they are read are no failure" log_has_not level=ERROR
	ok "libvirt: and no error of a unit" shows_not collect_error
	ok "libvirt: the last one is there" shows '^ceems_compute_unit_cpus\{.*uuid="stays"\} 1'
	ok "libvirt: and no other" shows '^ceems_compute_units\{.*\} 1'
	ok "libvirt: the exporter ends well" stop exporter
else
	skip "v2: jobs in real control groups" "no writable cgroup v2 mount beside v1, or not root"
fi
done_testing
