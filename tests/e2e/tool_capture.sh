#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ceems_tool capture and replay: the exporter shows the same from a replayed tree as from the first one,
# what changes is played, secrets stay out, and hostile archives write nothing outside.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
TOOL=$BIN/ceems_tool
export NODE_NAME=n1
unset GOMAXPROCS

fails() { # TEXT COMMAND...
	local text=$1
	shift
	! "$@" >"$T/fails" 2>&1 && grep -qF -e "$text" "$T/fails" || { cat "$T/fails"; return 1; }
}
unpack() { # FIXTURE: as tests/lib/tree.h does
	/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/unpack_tree.py" "tests/fixtures/$1" "$T/$2"
}
capture() { # TREE ARCHIVE FLAG...
	local tree=$1 archive=$2
	shift 2
	"$TOOL" capture --path.procfs="$tree/proc" --path.sysfs="$tree/sys" --path.cgroupfs="$tree/cgroup" --output="$archive" "$@"
}
answer() { # TREE OUTPUT FLAG...
	local tree=$1 output=$2 port
	shift 2
	port=$(free_port)
	start exporter "$BIN/ceems_exporter" --no-security.drop-privileges --no-collector.ledger --web.disable-exporter-metrics \
		--web.listen-address="127.0.0.1:$port" --path.procfs="$tree/proc" --path.sysfs="$tree/sys" --path.cgroupfs="$tree/cgroup" "$@"
	wait_until 20 curl -fsS "http://127.0.0.1:$port/health" || return 1
	curl -fsS "http://127.0.0.1:$port/metrics" | grep -avE 'ceems_scrape_collector_(duration|sample_age)_seconds' | sed "s|$tree/|TREE/|" >"$output"
	stop exporter
}
same_answer() { # NAME TREE FLAG...
	local name=$1 tree=$2
	shift 2
	capture "$tree" "$T/$name.tar.gz" --no-tools && "$TOOL" replay "$T/$name.tar.gz" "$T/$name" &&
		answer "$tree" "$T/$name.first" "$@" && answer "$T/$name" "$T/$name.again" "$@" &&
		[ "$(grep -ac '^ceems_' "$T/$name.first")" -gt 1 ] && diff -a "$T/$name.first" "$T/$name.again"
}

for name in intel-2s amd-1s arm odd; do
	ok "$name: the replayed tree gives the same answer" same_answer "$name" "tests/fixtures/$name"
done
ok "sensors: the replayed tree gives the same answer" same_answer sensors tests/fixtures/sensors --collector.disable-defaults \
	--collector.hwmon
ok "cray-ex: the replayed tree gives the same answer" same_answer cray-ex tests/fixtures/cray-ex --collector.disable-defaults \
	--collector.cray_pm_counters --collector.netdev
ok "fabric: the replayed tree gives the same answer" same_answer fabric tests/fixtures/fabric --collector.disable-defaults \
	--collector.infiniband --collector.netdev
for name in v2-mixed v2-sluid v1-partial v1-two-slurmd hybrid; do
	unpack "slurm/$name.tree" "first-$name"
	mkdir -p "$T/first-$name/sys"
	version=${name%%-*}
	[ "$name" != hybrid ] || version=v1
	ok "slurm, $name: the replayed tree gives the same answer" same_answer "$name" "$T/first-$name" --collector.disable-defaults \
		--collector.slurm --collector.cgroups.force-version="$version" --collector.slurm.psi-metrics --collector.slurm.swap-memory-metrics \
		--collector.slurm.gres-config-file=/nothing
done

# A machine with secrets, links and a tool
mkdir -p "$T/m/proc/7" "$T/m/sys/devices/pci0/hwmon/hwmon3" "$T/m/sys/class/hwmon" "$T/m/cgroup/system.slice/slurmstepd.scope/job_9" "$T/tools"
cd "$T/m" || exit 1
host=$(uname -n)
host=${host%%.*}
printf 'cpu  1 2 3 4 5 6 7 8 9 10\n' >proc/stat
printf 'MemTotal: 1 kB\n' >proc/meminfo
printf 'processor\t: 0\nSerial\t\t: secretserial\n' >proc/cpuinfo
printf 'USER=lovelace\0SLURM_JOB_ID=9\0TOKEN=hunter2\0' >proc/7/environ
printf '/home/lovelace/bin/x\0--password=hunter2\0' >proc/7/cmdline
printf 'Name:\tlovelacesprog\nUid:\t1007\t1007\t1007\t1007\n' >proc/7/status
echo 7 >cgroup/system.slice/slurmstepd.scope/job_9/cgroup.procs
touch cgroup/cgroup.controllers
ln -s ../../devices/pci0/hwmon/hwmon3 sys/class/hwmon/hwmon3
ln -s /etc sys/class/hwmon/hwmon4
ln -s ../../../../../etc sys/class/hwmon/hwmon5
printf 'on %s\n' "$host" >sys/devices/pci0/hwmon/hwmon3/name
echo 5 >sys/devices/pci0/hwmon/hwmon3/power1_input
cd "${CEEMS_SOURCE:?}" || exit 1
printf '#!/bin/sh\n[ "$*" = "dcmi power reading" ] && echo "  Instantaneous power reading: 99 Watts on %s"\n' "$host" >"$T/tools/ipmitool"
chmod 755 "$T/tools/ipmitool"
ok "a machine is captured with its tools" env PATH="$T/tools:/usr/bin:/bin" "$TOOL" capture --path.procfs="$T/m/proc" \
	--path.sysfs="$T/m/sys" --path.cgroupfs="$T/m/cgroup" --output="$T/m.tar.gz"
no_secrets() { ! zcat "$T/m.tar.gz" | grep -aE "lovelace|hunter2|secretserial|$host|1007"; }
ok "names, secrets and what the exporter does not read stay out" no_secrets
ok "tar reads the archive, too" tar -tzf "$T/m.tar.gz"
ok "it is replayed" "$TOOL" replay "$T/m.tar.gz" "$T/m2"
ok "a link inside stays a link" test "$(readlink "$T/m2/sys/class/hwmon/hwmon3")" = ../../devices/pci0/hwmon/hwmon3
ok "what it leads to is there" grep -qx 5 "$T/m2/sys/class/hwmon/hwmon3/power1_input"
ok "links that leave the tree are not kept" test ! -e "$T/m2/sys/class/hwmon/hwmon4" -a ! -e "$T/m2/sys/class/hwmon/hwmon5"
ok "and are told" grep -q hwmon4 "$T/m2/manifest.json"
ok "the tool's output is printed again" test "$("$T/m2/bin/ipmitool" dcmi power reading | grep -c '99 Watts on host-')" = 1
ok "another command line fails" fails 'not captured' "$T/m2/bin/ipmitool" chassis status
ok "an archive is not overwritten" fails 'File exists' capture "$T/m" "$T/m.tar.gz" --no-tools
ok "nor a folder with something in it" fails 'must be empty' "$TOOL" replay "$T/m.tar.gz" "$T/m2"

# What changes while it is recorded: a tool, which runs behind the first look, does it here
cat >"$T/tools/ipmitool" <<-E
	#!/bin/sh
	rm -r "$T/m/cgroup/system.slice/slurmstepd.scope/job_9"
	echo 200 >"$T/m/sys/devices/pci0/hwmon/hwmon3/power1_input"
	mkdir -p "$T/m/cgroup/system.slice/slurmstepd.scope/job_10"
E
ok "what changes is recorded" env PATH="$T/tools:/usr/bin:/bin" "$TOOL" capture --path.procfs="$T/m/proc" --path.sysfs="$T/m/sys" \
	--path.cgroupfs="$T/m/cgroup" --output="$T/f.tar.gz" --duration=100ms --interval=50ms
ok "what changed is played" "$TOOL" replay --speed=100 "$T/f.tar.gz" "$T/f"
ok "until the last value" grep -qx 200 "$T/f/sys/class/hwmon/hwmon3/power1_input"
ok "what is new is there" test -d "$T/f/cgroup/system.slice/slurmstepd.scope/job_10"
ok "what is gone is taken away" test ! -e "$T/f/cgroup/system.slice/slurmstepd.scope/job_9" -a -d "$T/f/cgroup/system.slice/slurmstepd.scope"
ok "--speed=0 leaves the first look" "$TOOL" replay --speed=0 "$T/f.tar.gz" "$T/f0"
ok "with the job in it" test -d "$T/f0/cgroup/system.slice/slurmstepd.scope/job_9"

# What services answer, given out again
export no_proxy=127.0.0.1
factors='ceems_redfish_|ceems_emissions_gCo2_kWh.*provider="(rte|emaps|wt)"'
mkdir -p "$T/bmc" "$T/web"
cp -r tests/fixtures/redfish/server "$T/bmc/tree"
echo admin:hunter2 >"$T/bmc/login"
start bmc /usr/bin/python3 tests/lib/fake_redfish.py "$T/bmc"
start web /usr/bin/python3 tests/lib/fake_emissions.py "$T/web"
wait_until 20 test -s "$T/bmc/port"
wait_until 20 test -s "$T/web/port"
printf 'redfish_collector: {protocol: http, hostname: 127.0.0.1, port: %s, username: admin, password: hunter2, use_session_token: true}\n' \
	"$(cat "$T/bmc/port")" >"$T/bmc.yml"
BASE=http://127.0.0.1:$(cat "$T/web/port")
SERVICES=(env __RTE_BASE_URL="$BASE/rte" __EMAPS_BASE_URL="$BASE/emaps" __WT_BASE_URL="$BASE/wt" EMAPS_API_TOKEN=emaps-secret
	WT_USERNAME=alice WT_PASSWORD=wt-secret WT_REGION=CAISO_NORTH)
shown() { # OUTPUT COUNT COMMAND...: what the exporter shows of services, once so many series are there
	local output=$1 count=$2 port
	shift 2
	port=$(free_port)
	start exporter "$@" --no-security.drop-privileges --collector.disable-defaults --web.listen-address="127.0.0.1:$port"
	wait_until 20 curl -fsS "http://127.0.0.1:$port/health" || return 1
	wait_until 40 eval "[ \"\$(curl -fsS http://127.0.0.1:$port/metrics | grep -cE '^($factors)')\" -ge $count ]" || return 1
	curl -fsS "http://127.0.0.1:$port/metrics" | grep -E "^($factors)" >"$output"
	stop exporter
}
seen_first() { # how many there are is not known before
	shown "$T/services.first" 8 "${SERVICES[@]}" "$BIN/ceems_exporter" --collector.emissions --collector.redfish --collector.redfish.config.file="$T/bmc.yml" || { cat "$T/exporter.log"; return 1; }
}
seen_again() {
	local command=()
	read -ra command <"$T/replay.out"
	shown "$T/services.again" "$(wc -l <"$T/services.first")" env "${command[@]/ceems_exporter/$BIN/ceems_exporter}" || { cat "$T/exporter.log"; return 1; }
	diff "$T/services.first" "$T/services.again"
}
no_login() { ! zcat "$T/s.tar.gz" | grep -aE 'hunter2|wt-secret|emaps-secret|alice'; }
ok "services: the exporter shows them" seen_first
ok "services: they are captured" "${SERVICES[@]}" "$TOOL" capture --path.procfs="$T/m/proc" --path.sysfs="$T/m/sys" --path.cgroupfs="$T/m/cgroup" \
	--no-tools --output="$T/s.tar.gz" --collector.redfish.config.file="$T/bmc.yml" --emissions
ok "services: no login is in the archive" no_login
stop bmc 143
stop web 143
start replay "$TOOL" replay "$T/s.tar.gz" "$T/s"
ok "services: they are given out" wait_until 20 test -s "$T/replay.out"
ok "services: the exporter shows the same from the replayed ones" seen_again
ok "services: until the replayer is ended" stop replay
ok "services: one that is away is told in the manifest" "${SERVICES[@]}" "$TOOL" capture --path.procfs="$T/m/proc" --path.sysfs="$T/m/sys" \
	--path.cgroupfs="$T/m/cgroup" --no-tools --output="$T/away.tar.gz" --collector.redfish.config.file="$T/bmc.yml"
named_in_manifest() { tar -xzOf "$T/away.tar.gz" manifest.json | grep -q '"replies/redfish"'; }
ok "services: by its name" named_in_manifest
ok "services: a file that is none is an error" fails 'none.yml' capture "$T/m" "$T/x.tar.gz" --collector.redfish.config.file="$T/none.yml"

# Virtual machines, by their definitions
unpack libvirt/hybrid.tree vms
mkdir -p "$T/vms/sys" "$T/vms/proc"
printf 'Name=gpu File=/dev/nvidia0\n# of node lovelace\n' >"$T/gres.conf"
libvirt_answer() { # TREE OUTPUT FLAG...
	answer "$@" --collector.disable-defaults --collector.libvirt --collector.cgroups.force-version=v1 &&
		sed -i -E 's/[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}/UUID/g; s/\\x2d/-/g' "$2" && sort -o "$2" "$2"
}
same_machines() {
	capture "$T/vms" "$T/vms.tar.gz" --no-tools --collector.libvirt.xml-dir="$T/vms/qemu" --collector.slurm.gres-config-file="$T/gres.conf" &&
		"$TOOL" replay "$T/vms.tar.gz" "$T/vms2" >"$T/vms.out" && grep -q 'xml-dir=.*/libvirt.*gres-config-file=.*/slurm/gres.conf' "$T/vms.out" &&
		libvirt_answer "$T/vms" "$T/vms.first" --collector.libvirt.xml-dir="$T/vms/qemu" &&
		libvirt_answer "$T/vms2" "$T/vms.again" --collector.libvirt.xml-dir="$T/vms2/libvirt" &&
		grep -q UUID "$T/vms.first" && diff -a "$T/vms.first" "$T/vms.again"
}
ok "libvirt: the replayed tree gives the same answer" same_machines
no_owner() { ! zcat "$T/vms.tar.gz" | grep -aE 'alice|proj1|00000001-0000-4000-8000'; }
ok "libvirt: owners and UUIDs stay out" no_owner
ok "gres.conf is there" grep -q '^Name=gpu File=/dev/nvidia0' "$T/vms2/slurm/gres.conf"

# Limits, and another user
head -c 3000000 /dev/zero | tr '\0' x >"$T/m/proc/meminfo"
ok "a small archive is cut" capture "$T/m" "$T/small.tar.gz" --no-tools --max-size=1
cut_is_told() { grep -q 'see --max-size' "$T/ok.out" || tar -xzOf "$T/small.tar.gz" manifest.json | grep -q '"cut":true'; }
ok "which is told" cut_is_told
chmod 600 "$T/m/proc/7/environ"
chmod 755 "$T" "$T/m" "$T/m/proc" "$T/m/proc/7"
mkdir "$T/nobody"
chown nobody "$T/nobody"
ok "another user captures what they may read" setpriv --reuid=nobody --clear-groups "$TOOL" capture --path.procfs="$T/m/proc" \
	--path.sysfs="$T/m/sys" --path.cgroupfs="$T/m/cgroup" --no-tools --output="$T/nobody/n.tar.gz"

# Archives of strangers
hostile() { # NAME PYTHON: t is the tar file, add(name, type, target, text) adds to it
	/usr/bin/python3 - "$T/$1.tar.gz" "$2" <<-'P'
		import io, sys, tarfile
		t = tarfile.open(sys.argv[1], "w:gz")
		def add(name, type=tarfile.REGTYPE, target="", text=b"x\n"):
		    i = tarfile.TarInfo(name)
		    i.type, i.linkname, i.size = type, target, len(text) if type == tarfile.REGTYPE else 0
		    t.addfile(i, io.BytesIO(text))
		exec(sys.argv[2])
		t.close()
	P
}
refused() { # NAME PYTHON TEXT
	hostile "$1" "$2"
	ok "refused: $1" fails "$3" "$TOOL" replay "$T/$1.tar.gz" "$T/out-$1"
}
refused up 'add("proc/../../up")' 'does not belong'
refused absolute 'add("/proc/stat")' 'does not belong'
refused program 'add("bin/nvidia-smi")' 'does not belong'
refused link 'add("sys/a", tarfile.SYMTYPE, "../../up")' 'Operation not permitted'
refused link-elsewhere 'add("kubernetes/x"); add("kubernetes/pods.json", tarfile.SYMTYPE, "x")' "'kubernetes/pods.json'"
refused link-of-replies 'add("replies/redfish/0.body", tarfile.SYMTYPE, "1.body")' "'replies/redfish/0.body'"
refused link-in-a-frame 'add("frames/000000000000/kubernetes/pods.json", tarfile.SYMTYPE, "x")' "'frames/000000000000/kubernetes/pods.json'"
# By its text it stays inside; through the first one it leaves the folder.
refused link-chain 'add("sys/p/q/r", tarfile.SYMTYPE, "../../x"); add("sys/x/f"); add("sys/l", tarfile.SYMTYPE, "p/q/r/../../../etc")' "'sys/l'"
refused through 'add("sys/a", tarfile.SYMTYPE, "b"); add("sys/b/c"); add("sys/a/d")' "'sys/a/d'"
hostile link-of-v1 'add("cgroup/cpu,cpuacct/tasks"); add("cgroup/cpu", tarfile.SYMTYPE, "cpu,cpuacct")'
ok "a controller's other name stays" "$TOOL" replay "$T/link-of-v1.tar.gz" "$T/v1"
ok "and leads to it" test -f "$T/v1/cgroup/cpu/tasks"
refused frame 'add("frames/000000000000/../up")' 'does not belong'
refused frame-program 'add("tools/ipmitool/0.out"); add("frames/000000000000/bin/ipmitool")' "'frames/000000000000/bin/ipmitool'"
refused frame-tool 'add("frames/000000000000/tools/ipmitool/0.out")' "'frames/000000000000/tools/ipmitool/0.out'"
refused device 'add("proc/null", tarfile.CHRTYPE)' 'damaged'
head -c 300 "$T/f.tar.gz" >"$T/cut.tar.gz"
ok "refused: one that is cut off" fails 'cut.tar.gz' "$TOOL" replay "$T/cut.tar.gz" "$T/out-cut"
head -c 1200000000 /dev/zero | gzip -1 >"$T/bomb.tar.gz"
ok "refused: a bomb" fails 'is larger than' "$TOOL" replay "$T/bomb.tar.gz" "$T/out-bomb"
ok "nothing was written outside" test ! -e "$T/up" -a ! -e "$T/out-link/up" -a ! -e "${T%/*}/up"
ok "this machine is captured" "$TOOL" capture --output="$T/here.tar.gz"
ok "and replayed" "$TOOL" replay "$T/here.tar.gz" "$T/here"
done_testing
