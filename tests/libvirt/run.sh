#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/libvirt/run.sh: the exporter beside a real libvirtd with QEMU domains (TCG, firmware only), on whatever
# control groups this machine has. The daemon has its own mount namespace, configuration and log; one that
# already runs is not touched. Not part of test.sh: needs root and the packages of group 'libvirt'
# (tools/install-packages libvirt). CEEMS_BUILD names the build folder (build/dev), RECORD a file for the tree of
# both domains, in the form of tests/fixtures/.
CEEMS_SOURCE=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
export CEEMS_SOURCE CEEMS_BUILD=${CEEMS_BUILD:-$CEEMS_SOURCE/build/dev}
export LIBVIRT_DEFAULT_URI=qemu:///system
# shellcheck source=tests/lib/tap.sh
. "$CEEMS_SOURCE/tests/lib/tap.sh"
PATIENCE=${PATIENCE:-30}
PORT=$(free_port)

[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
for tool in libvirtd virsh qemu-system-x86_64; do
	command -v $tool >/dev/null || { echo "1..0 # SKIP $tool is missing: tools/install-packages libvirt"; exit 0; }
done
! timeout 5 virsh version >/dev/null 2>&1 || { echo "1..0 # SKIP a libvirtd is running"; exit 0; }

cleanup() {
	local d
	for d in instance-0000000a "my vm_1..x--y." instance-0000000b; do virsh destroy "$d" >/dev/null 2>&1; done
	[ ! -s "$T/libvirtd.pid" ] || kill "$(cat "$T/libvirtd.pid")" 2>/dev/null
	wait 2>/dev/null
	rm -f "$T/libvirtd.pid"
	tap_cleanup
}
trap cleanup EXIT

chmod 755 "$T" # QEMU may run as another user
cat >"$T/libvirtd.conf" <<-C
	unix_sock_group = "root"
	unix_sock_rw_perms = "0700"
	auth_unix_ro = "none"
	auth_unix_rw = "none"
	log_outputs = "2:file:$T/daemon.log"
C
cat >"$T/qemu.conf" <<-C
	stdio_handler = "file"
	security_driver = "none"
	user = "root"
	group = "root"
	remember_owner = 0
	namespaces = []
C
start libvirtd unshare -m --propagation private sh -c "mount --bind '$T/qemu.conf' /etc/libvirt/qemu.conf && exec libvirtd -f '$T/libvirtd.conf'"
wait_until "$PATIENCE" timeout 5 virsh version || { cat "$T"/libvirtd.log "$T/daemon.log"; exit 1; }

domain() { # NAME UUID VCPUS
	cat >"$T/domain.xml" <<-X
		<domain type='qemu'><name>$1</name><uuid>$2</uuid>
		<memory unit='MiB'>64</memory><vcpu>$3</vcpu><iothreads>1</iothreads>
		<os><type arch='x86_64' machine='pc'>hvm</type></os><on_poweroff>destroy</on_poweroff>
		<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><memballoon model='none'/></devices></domain>
	X
	virsh -q create "$T/domain.xml"
}
scrape() { curl -sf "127.0.0.1:$PORT/metrics"; }
shows() { scrape | grep -qE "$1"; }
shows_not() { ! shows "$1"; }
grows() { # REGEX: a series that is larger in a later answer
	local first
	first=$(scrape | grep -E "$1" | awk '{ print $2 }')
	[ -n "$first" ] && wait_until "$PATIENCE" larger "$1" "$first"
}
larger() { scrape | grep -E "$1" | awk -v first="$2" '{ exit !($2 > first) }'; }
log_has_not() { ! grep -q -e "$1" "$T/exporter.log"; }

A=11111111-0000-4000-8000-00000000000a
B=22222222-0000-4000-8000-00000000000b
NODE_NAME=n1 start exporter "$BIN/ceems_exporter" --web.listen-address=127.0.0.1:"$PORT" --collector.disable-defaults \
	--collector.ledger --collector.libvirt --collector.libvirt.swap-memory-metrics --collector.libvirt.blkio-metrics --collector.libvirt.psi-metrics \
	--web.disable-exporter-metrics
wait_until "$PATIENCE" curl -sf "127.0.0.1:$PORT/health"
echo "# $(virsh --version) on $(stat -fc %T /sys/fs/cgroup), kernel $(uname -r)"
ok "a domain of OpenStack's template is started" domain instance-0000000a $A 2
labels="cgrouphostname=\"\",hostname=\"n1\",manager=\"libvirt\",uuid=\"$A\""
ok "it is a unit by its definition's uuid" wait_until "$PATIENCE" shows "^ceems_compute_unit_cpus\{$labels\} 2$"
ok "iothreads are no units" shows '^ceems_compute_units\{.*\} 1$'
ok "its CPU time is shown and grows" grows "^ceems_compute_unit_cpu_user_seconds_total\{$labels\} "
ok "so is its memory" shows "^ceems_compute_unit_memory_used_bytes\{$labels\} [1-9]"
ok "the ledger gives it energy" wait_until "$PATIENCE" shows "^ceems_energy_unit_joules_total\{.*manager=\"libvirt\",uuid=\"$A\"\} [0-9.]*[1-9]"
ok "a domain of an odd name is started" domain "my vm_1..x--y." $B 1
ok "it is a unit by its definition's uuid too" wait_until "$PATIENCE" shows "uuid=\"$B\""
ok "there are two" shows '^ceems_compute_units\{.*\} 2$'
scrape | grep "^ceems_compute_unit.*$B" | sed 's/^/# /'
if [ -n "${RECORD:-}" ]; then
	groups=()
	for g in $(cd /sys/fs/cgroup && find . -maxdepth 2 -type d -name 'machine*' | sort); do
		groups+=("cgroup/${g#./}=/sys/fs/cgroup/${g#./}=cgroup.procs,cpu.stat,cpu.shares,cpu.weight,*.pressure,cpuacct.*,cpuset.cpus*,memory.*,io.stat,blkio.*")
	done
	{
		"$CEEMS_SOURCE/tests/lib/record_tree.py" "${groups[@]}" "qemu=/run/libvirt/qemu=*.xml" \
			proc/meminfo=/proc/meminfo proc/diskstats=/proc/diskstats
		echo sys/
	} >"$RECORD"
fi
ok "the first one is ended" virsh -q destroy instance-0000000a
ok "it is left out" wait_until "$PATIENCE" shows_not "^ceems_compute_unit.*$A"
ok "the other one stays" shows "uuid=\"$B\""
ok "nothing was an error" log_has_not level=ERROR
ok "no definition was missed" log_has_not 'no definition'
ok "the exporter ends well" stop exporter
done_testing
