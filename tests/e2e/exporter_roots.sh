#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The exporter while what it reads below is taken away, comes back, and is replaced: directories, and as
# root real mounts and cgroup v1 hierarchies, in mounts of the test's own.
if [ -z "${CEEMS_TEST_OWN_MOUNTS:-}" ] && [ "$(id -u)" = 0 ] && unshare -m --propagation private true 2>/dev/null; then
	CEEMS_TEST_OWN_MOUNTS=1 exec unshare -m --propagation private bash "$0" "$@"
fi
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
NAME=ceemsroots$$
# Hierarchies of cgroup v1 as the test uses them, and as the exporter sees them.
OWN=$T/own
CG=$T/cg
GROUP=slurm_$NAME
cleanup() {
	local h p
	for h in cpuacct memory; do
		[ -d "$OWN/$h/$GROUP" ] || continue
		while read -r p; do kill -9 "$p"; done < <(find "$OWN/$h/$GROUP" -name cgroup.procs -exec cat {} +)
		wait_until 5 no_process_in "$OWN/$h/$GROUP"
		find "$OWN/$h/$GROUP" -depth -type d -exec rmdir {} \;
	done
	while read -r p; do umount -l "$p"; done < <(awk -v t="$T/" 'index($5, t) == 1 { print $5 }' /proc/self/mountinfo | tac)
	tap_cleanup
}
no_process_in() { [ -z "$(find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null)" ]; }
trap cleanup EXIT
chmod 755 "$T"
TREE=$T/tree
mkdir "$TREE" # TREE is where the exporter looks, the others are put there
cp -r "$CEEMS_SOURCE/tests/fixtures/intel-2s/proc" "$CEEMS_SOURCE/tests/fixtures/intel-2s/sys" "$T/"

job() { # DIRECTORY NUMBER: of cgroup v2
	local d=$T/$1/system.slice/slurmstepd.scope/job_$2
	mkdir -p "$d" "$T/proc/$2"
	echo "$2" >"$d/cgroup.procs"
	printf 'usage_usec %s\nuser_usec %s\nsystem_usec 0\n' "${2}000" "${2}000" >"$d/cpu.stat"
	printf '%s\n' 4096 >"$d/memory.current"
	printf 'anon 4096\nfile 0\ninactive_file 0\n' >"$d/memory.stat"
	printf 'max\n' >"$d/memory.max"
	printf '0\n' >"$d/cpuset.cpus.effective"
	printf 'oom 0\n' >"$d/memory.events"
}
job cgroup 701
job other 702
put() { mv "$T/$1" "$TREE/${2:-$1}"; } # in the place that the exporter looks at
take() { mv "$TREE/$1" "$T/${2:-$1}"; }
for root in proc sys cgroup; do put $root; done

exporter() { # FLAG...
	PORT=$(free_port)
	NODE_NAME=n1 start exporter "$BIN/ceems_exporter" --web.listen-address=127.0.0.1:"$PORT" --collector.slurm \
		--collector.slurm.gres-config-file=/nothing --path.procfs="$TREE/proc" --path.sysfs="$TREE/sys" \
		--path.cgroupfs="$TREE/cgroup" --no-security.drop-privileges --ledger.interval=100ms "$@"
	wait_until 20 curl -sf "127.0.0.1:$PORT/health"
}
scrape() { curl -sf -m 20 "127.0.0.1:$PORT/metrics"; }
shows() { scrape >"$T/answer" && grep -E "$1" "$T/answer"; }
shows_not() { scrape >"$T/answer" && ! grep -E "$1" "$T/answer"; }
success() { shows "^ceems_scrape_collector_success\{collector=\"$1\"\} $2"; }
logged() { [ "$(grep -c -F -e "$1" "$T/exporter.log")" = "${2:-1}" ] || { cat "$T/exporter.log"; return 1; }; }
value() { scrape | grep "$1" | sed -n '1s/.* //p'; }
UNATTRIBUTED='energy_node_joules_total{.*domain="cpu".*party="unattributed"'
METER='energy_meter_joules_total{.*domain="cpu"'
AGE='energy_sample_age_seconds{.*domain="cpu"'
more_than() { awk -v a="$(value "$2")" -v b="$1" 'BEGIN { exit !(a > b) }'; } # NUMBER SERIES
energy() { echo $((258218293244 + $2)) >"$1/class/powercap/intel-rapl:0/energy_uj"; }

exporter --collector.cgroups.force-version=v2
ok "a job is there" shows 'unit_cpu_user_seconds_total\{.*uuid="701"\} 0.701'

# --- control groups
take cgroup
ok "without control groups no job is shown" shows_not '^ceems_compute_'
ok "nor that there are none" success slurm 0
ok "that they are gone is said" logged "path=$TREE/cgroup"
before=$(value "$UNATTRIBUTED")
energy "$TREE/sys" 5000000
ok "energy is of unknown use meanwhile" wait_until 10 more_than "$before" "$UNATTRIBUTED"
put other cgroup
ok "those that come in their place are found by the next scrape" shows 'unit_cpu_user_seconds_total\{.*uuid="702"\} 0.702'
ok "and no other" shows '^ceems_compute_units\{.*\} 1'
ok "the collector succeeds" success slurm 1
take cgroup other
put cgroup
ok "one that is replaced at once is found, too" shows 'unit_cpu_user_seconds_total\{.*uuid="701"\} 0.701'
ok "without the jobs of before" shows_not 'compute_.*uuid="702"'

# --- procfs
echo 'cpu 1 2 3 4' >>"$T/stat"
take proc
ok "without procfs there are no CPUs" shows_not '^ceems_cpu_'
ok "nor jobs whose processes can't be seen" shows_not '^ceems_compute_'
ok "which is told" success cpu 0
ok "by each that needs it" success slurm 0
ok "and is no error of a job" logged 'units without processes' 0
ok "memory has no value of before" shows_not '^ceems_meminfo_'
put proc
ok "procfs is found again" success cpu 1
ok "with its values" shows '^ceems_cpu_count\{hostname="n1"\} 8'
ok "and so are the jobs" shows '^ceems_compute_units\{.*\} 1'

# --- sysfs
take sys
ok "without sysfs there is no energy counter" shows_not '^ceems_rapl_'
ok "which is told, too" success rapl 0
ok "the ledger's sample gets older" wait_until 10 more_than 0.25 "$AGE"
energy "$T/sys" 9000000
before=$(value "$METER")
put sys
ok "sysfs is found again" success rapl 1
ok "with its values" shows '^ceems_rapl_package_joules_total\{.*index="0".*\} 258227.293244$'
ok "and by the ledger" wait_until 10 more_than "$before" "$METER"

swaps() {
	local n
	scrape >/dev/null
	n=$(find "/proc/$(cat "$T/exporter.pid")/fd" -mindepth 1 | wc -l)
	for _ in $(seq 20); do
		for root in proc sys cgroup; do take $root; scrape >/dev/null; put $root; scrape >/dev/null; done
	done
	wait_until 10 shows 'unit_cpu_user_seconds_total\{.*uuid="701"\} 0.701'
	echo "$n" "$(find "/proc/$(cat "$T/exporter.pid")/fd" -mindepth 1 | wc -l)"
	[ "$(find "/proc/$(cat "$T/exporter.pid")/fd" -mindepth 1 | wc -l)" -le $((n + 3)) ] # connections
}
ok "no descriptor is left over" swaps
ok "nothing of it was an error" logged 'level=ERROR' 0
ok "the exporter ends well" stop exporter

# --- mounts
if [ -n "${CEEMS_TEST_OWN_MOUNTS:-}" ]; then
	exporter --collector.cgroups.force-version=v2
	ok "before a mount" shows 'uuid="701"'
	mount --bind "$T/other" "$TREE/cgroup"
	ok "what is mounted over a root is read" shows 'unit_cpu_user_seconds_total\{.*uuid="702"\} 0.702'
	ok "and nothing below it" shows_not 'compute_.*uuid="701"'
	umount -l "$TREE/cgroup"
	ok "what was below it is read again" shows 'unit_cpu_user_seconds_total\{.*uuid="701"\} 0.701'
	mount --bind "$T/other" "$TREE/cgroup"
	scrape >/dev/null
	mkdir "$T/third"
	cp -r "$T/other/." "$T/third"
	umount -l "$TREE/cgroup"
	mount --bind "$T/third" "$TREE/cgroup"
	rm -r "$T/other"
	ok "another bind mount in its place is read" shows 'unit_cpu_user_seconds_total\{.*uuid="702"\} 0.702'
	umount -l "$TREE/cgroup"
	mount -t proc proc "$TREE/proc"
	ok "the kernel's own procfs is found" shows "^ceems_cpu_count\{hostname=\"n1\"\} $(grep -c '^cpu[0-9]' /proc/stat)$"
	ok "in which the fixture's processes aren't" shows '^ceems_compute_units\{.*\} 0'
	ok "the exporter ends well, too" stop exporter
	umount -l "$TREE/proc"
else
	skip "what is mounted over a root is read" "not root, or no mounts of one's own"
fi

# --- hierarchies of cgroup v1 that are mounted later, and again
mount_v1() { mkdir -p "$1/$2" && mount -t cgroup -o "$2" cgroup "$1/$2"; } # DIRECTORY CONTROLLER
if [ -n "${CEEMS_TEST_OWN_MOUNTS:-}" ] && mount_v1 "$OWN" cpuacct 2>/dev/null && mount_v1 "$OWN" memory 2>/dev/null; then
	mkdir -p "$CG/cpuacct" "$CG/memory"
	for h in cpuacct memory; do mkdir -p "$OWN/$h/$GROUP/uid_0/job_9001"; done
	(
		for h in cpuacct memory; do echo $BASHPID >"$OWN/$h/$GROUP/uid_0/job_9001/cgroup.procs" || exit 1; done
		exec sleep 300
	) &
	disown
	wait_until 10 grep -q . "$OWN/memory/$GROUP/uid_0/job_9001/cgroup.procs"
	PORT=$(free_port)
	NODE_NAME=n1 start exporter "$BIN/ceems_exporter" --web.listen-address=127.0.0.1:"$PORT" --collector.disable-defaults \
		--collector.slurm --collector.ledger --ledger.interval=100ms --path.cgroupfs="$CG" --collector.cgroups.force-version=v1
	wait_until 20 curl -sf "127.0.0.1:$PORT/health"
	labels="cgrouphostname=\"$NAME\",hostname=\"n1\",manager=\"slurm\",uuid=\"9001\""
	ok "v1: directories on which nothing is mounted have no jobs" shows_not "$labels"
	mount_v1 "$CG" cpuacct
	ok "v1: a hierarchy that is mounted later is found" shows "^ceems_compute_unit_cpu_user_seconds_total\{$labels\}"
	ok "v1: without what another one counts" shows_not "^ceems_compute_unit_memory_used_bytes\{$labels\} [1-9]"
	mount_v1 "$CG" memory
	ok "v1: that one as well" shows "^ceems_compute_unit_memory_used_bytes\{$labels\} [1-9]"
	umount -l "$CG/memory"
	ok "v1: what is unmounted counts no more" shows_not "^ceems_compute_unit_memory_used_bytes\{$labels\} [1-9]"
	mount_v1 "$CG" memory
	umount -l "$CG/cpuacct"
	ok "v1: without the hierarchy of the jobs none is shown" shows_not "^ceems_compute_"
	ok "v1: nor that there are none" success slurm 0
	mount_v1 "$CG" cpuacct
	ok "v1: mounted again they are back" shows "^ceems_compute_unit_memory_used_bytes\{$labels\} [1-9]"
	umount -l "$CG/cpuacct"
	mount_v1 "$CG" cpuacct
	ok "v1: so they are when nobody saw them gone" shows "^ceems_compute_unit_cpu_user_seconds_total\{$labels\}"
	ok "v1: and the collector succeeds" success slurm 1
	ok "v1: nothing of it was an error" logged 'level=ERROR' 0
	ok "v1: the exporter ends well" stop exporter
else
	skip "v1: a hierarchy that is mounted later is found" "not root, no mounts of one's own, or no cgroup v1"
fi
done_testing
