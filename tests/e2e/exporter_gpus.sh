#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# GPUs as the exporter shows them: tools that print what NVIDIA's and AMD's do (and some that hang, fail
# or flood), and units of Slurm and libvirt that hold the devices. --update rewrites the golden files.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
UPDATE=no
[ "${1:-}" != --update ] || UPDATE=yes
FIXTURES=$CEEMS_SOURCE/tests/fixtures/gpu
GOLDEN=$CEEMS_SOURCE/tests/golden/gpu
TREE=$T/tree
TOOLS=$T/bin

fresh_tree() {
	rm -rf "$TREE" "$TOOLS"
	mkdir -p "$TREE"/{proc,sys/bus/pci/devices,cgroup/system.slice/slurmstepd.scope,xml} "$TOOLS"
	printf 'MemTotal: 8388608 kB\nSwapTotal: 0 kB\nMemAvailable: 1 kB\n' >"$TREE/proc/meminfo"
	printf 'cpu  1 0 1 1 0 0 0 0 0 0\ncpu0 1 0 1 1 0 0 0 0 0 0\n' >"$TREE/proc/stat"
	: >"$TREE/proc/cpuinfo"
}
pci() { # ADDRESS VENDOR
	mkdir -p "$TREE/sys/bus/pci/devices/$1"
	echo 0x030200 >"$TREE/sys/bus/pci/devices/$1/class"
	echo "$2" >"$TREE/sys/bus/pci/devices/$1/vendor"
}
group_files() { # DIR
	mkdir -p "$1"
	echo 'user_usec 1' >"$1/cpu.stat"
	printf 'anon 1\nfile 1\n' >"$1/memory.stat"
	echo 1 >"$1/memory.current"
	echo max >"$1/memory.max"
	echo 'oom 0' >"$1/memory.events"
	: >"$1/cgroup.procs"
}
job() { # ID PID VARIABLE...
	local dir=$TREE/cgroup/system.slice/slurmstepd.scope/job_$1 pid=$2
	group_files "$dir"
	group_files "$dir/step_0/user/task_0"
	echo "$pid" >"$dir/step_0/user/task_0/cgroup.procs"
	mkdir -p "$TREE/proc/$pid"
	printf 'SLURM_JOB_ID=%s\0' "$1" >"$TREE/proc/$pid/environ"
	shift 2
	[ $# = 0 ] || printf '%s\0' "$@" >>"$TREE/proc/$pid/environ"
}
domain() { # NUMBER INSTANCE UUID HOSTDEV...
	group_files "$TREE/cgroup/machine.slice/machine-qemu\\x2d$1\\x2d${2/-/\\x2d}.scope"
	{
		echo "<domain type='kvm'><name>$2</name><uuid>$3</uuid><devices>"
		shift 3
		for d; do
			case $d in
			*:*) IFS=:. read -r dom bus slot fun <<<"$d"
				echo "<hostdev mode='subsystem' type='pci'><source><address domain='0x$dom' bus='0x$bus' slot='0x$slot' function='0x$fun'/></source></hostdev>" ;;
			*) echo "<hostdev mode='subsystem' type='mdev'><source><address uuid='$d'/></source></hostdev>" ;;
			esac
		done
		echo "</devices></domain>"
	} >"$TREE/xml/$2.xml"
}
tool() { # NAME, text of a script on stdin
	{ echo '#!/bin/bash'; echo "F='$FIXTURES'"; cat; } >"$TOOLS/$1"
	chmod +x "$TOOLS/$1"
}
nvidia_tool() { # XML
	tool nvidia-smi <<-S
		case "\$*" in
		"--query --xml-format") cat "$1" ;;
		"-L") cat "\$F/nvidia-L.txt" ;;
		"vgpu --query") cat "\$F/nvidia-vgpu.txt" ;;
		--query-gpu=*) echo \$\$ >"$T/reader"
			while sleep 0.2; do
				echo "GPU-bbbbbbbb-0000-0000-0000-000000000001, 100.00, 50"
				echo "GPU-aaaaaaaa-0000-0000-0000-000000000000, 54.00, [N/A]"
			done ;;
		*) echo "what? \$*" >&2; exit 2 ;;
		esac
	S
}
exporter() { # FLAG...
	PORT=$(free_port)
	NODE_NAME=n1 PATH=$TOOLS:$PATH start exporter "$BIN/ceems_exporter" --no-security.drop-privileges \
		--web.listen-address=127.0.0.1:"$PORT" --collector.disable-defaults \
		--web.disable-exporter-metrics --path.cgroupfs="$TREE/cgroup" --path.procfs="$TREE/proc" \
		--path.sysfs="$TREE/sys" --collector.cgroups.force-version=v2 "$@"
	wait_until 40 curl -sf "http://127.0.0.1:$PORT/health"
}
slurm() { exporter --collector.slurm --collector.slurm.gres-config-file="$T/none" "$@"; }
scrape() { curl -sf "http://127.0.0.1:$PORT/metrics"; }
gpu_series() { scrape | grep '^ceems_compute_unit_gpu_'; }
shows() { gpu_series | grep -qE "$1"; }
no_gpu_series() { scrape >"$T/answer" && ! grep -q '^ceems_compute_unit_gpu_' "$T/answer"; }
log_has() { grep -q -e "$1" "$T/exporter.log"; }
log_has_once() { [ "$(grep -c -e "$1" "$T/exporter.log")" = 1 ]; }
golden() { # NAME
	local status=0
	gpu_series >"$T/$1.prom" || return 1
	scrape | promtool check metrics >"$T/promtool" 2>&1 || status=$?
	[ "$status" = 0 ] || [ "$status" = 3 ] || { cat "$T/promtool"; return 1; }
	[ "$UPDATE" = no ] || { mkdir -p "$GOLDEN"; cp "$T/$1.prom" "$GOLDEN/$1.prom"; }
	diff -u "$GOLDEN/$1.prom" "$T/$1.prom"
}
ends() {
	ok "$1: the collector never failed" not_failed
	ok "$1: the exporter ends well" stop exporter
}
not_failed() { scrape | grep -q '^ceems_scrape_collector_success{.*} 1' && ! log_has 'collector failed'; }

# NVIDIA: MIG on the first, the other two whole; jobs of every kind.
fresh_tree
pci 0000:10:00.0 0x10de
nvidia_tool "$FIXTURES/nvidia.xml"
job 70 700 SLURM_JOB_GPUS=0,2
job 71 710 SLURM_STEP_GPUS=1
job 72 720 XSLURM_JOB_GPUS=3 'A=SLURM_JOB_GPUS=3' SLURM_JOB_GPUS SLURM_JOB_GPUS= $'J\nUNK=\xff\xfe'
job 73 730 CUDA_VISIBLE_DEVICES=GPU-cccc
job 74 740 CUDA_VISIBLE_DEVICES=0,1 SLURM_JOB_GPUS=9
slurm
ok "nvidia: jobs by ordinals and UUIDs" golden nvidia-slurm
ends nvidia
slurm --collector.slurm.gpu-order-map=' 0:1, 1:0.3,2:0.5,x,:,7:9.9'
ok "nvidia: in Slurm's order" golden nvidia-slurm-order
ends "order map"

# Shares of whole GPUs and of MIG devices: the worked example of two jobs with 6 and 2 of 8.
job 901 9010 SLURM_JOB_GPUS=3 SLURM_SHARDS_ON_NODE=6
job 902 9020 SLURM_JOB_GPUS=3 SLURM_SHARDS_ON_NODE=2
job 903 9030 SLURM_JOB_GPUS=2,3 SLURM_SHARDS_ON_NODE=4
printf 'Name=shard Count=8 File=/dev/nvidia[0-1]\nName=shard Count=4 MultipleFiles=/dev/nvidia-caps/nvidia-cap30\n' >"$T/gres.conf"
mkdir -p "$TREE/proc/driver/nvidia-caps"
printf 'gpu2/gi3/ci0/access 30\n' >"$TREE/proc/driver/nvidia-caps/mig-minors"
exporter --collector.slurm --collector.slurm.gres-config-file="$T/gres.conf"
ok "nvidia: shards" golden nvidia-slurm-shards
ends shards

# MPS: a server on each GPU, the clients in jobs. Of GPU 0's 100 parts 910 asks for 50, 911 for 25 and 914 gets
# the 25 that are left; of GPU 1's 200 parts 912 has 150, 913 the last 50 of the 100 it asks for, and 914 none.
fresh_tree
pci 0000:10:00.0 0x10de
nvidia_tool "$FIXTURES/nvidia-mps.xml"
job 910 9100 SLURM_JOB_GPUS=0 CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=50
job 911 9110 SLURM_JOB_GPUS=0 CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=25
job 912 9120 SLURM_JOB_GPUS=1 CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=150
job 913 9130 SLURM_JOB_GPUS=1 CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=100
job 914 9140 SLURM_JOB_GPUS=0,1 CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=30
printf 'Name=gpu Type=h100 File=/dev/nvidia0\nName=mps Count=100 File=/dev/nvidia0\nName=mps Count=200 File=/dev/nvidia1\n' >"$T/gres.conf"
exporter --collector.slurm --collector.slurm.gres-config-file="$T/gres.conf"
ok "nvidia: MPS" golden nvidia-slurm-mps
ends mps

# libvirt: whole devices, devices cut by MIG, mediated devices of both.
fresh_tree
pci 0000:10:00.0 0x10de
nvidia_tool "$FIXTURES/nvidia.xml"
domain 1 instance-0000000a aaaaaaaa-0000-0000-0000-00000000000a 0000:30:0.0 0000:99:00.0
domain 2 instance-0000000b aaaaaaaa-0000-0000-0000-00000000000b 50000000-0000-0000-0000-000000000000
domain 3 instance-0000000c aaaaaaaa-0000-0000-0000-00000000000c 60000000-0000-0000-0000-000000000000 40000000-0000-0000-0000-000000000000
exporter --collector.libvirt --collector.libvirt.xml-dir="$TREE/xml"
ok "nvidia: virtual machines" golden nvidia-libvirt
ends libvirt

# AMD.
amd_tree() {
	fresh_tree
	pci 0000:c0:00.0 0x1002
	pci 0000:d0:00.0 0x1002
	local node=$TREE/sys/class/kfd/kfd/topology/nodes driver=$TREE/sys/module/amdgpu/drivers/pci:amdgpu i
	for i in 0 1 2 3; do mkdir -p "$node/$i"; done
	printf 'simd_count 152\nsimd_per_cu 4\nunique_id 77\ndrm_render_minor 128\n' >"$node/0/properties"
	printf 'simd_count 148\nsimd_per_cu 4\nunique_id 77\ndrm_render_minor 129\n' >"$node/1/properties"
	printf 'simd_count 144\nsimd_per_cu 4\nunique_id 77\ndrm_render_minor 130\n' >"$node/2/properties"
	printf 'simd_count 1216\nsimd_per_cu 4\nunique_id 78\ndrm_render_minor 131\n' >"$node/3/properties"
	mkdir -p "$driver"/0000:c0:00.0/drm/renderD128 "$driver"/0000:d0:00.0/drm/renderD131 \
		"$TREE"/sys/devices/platform/amdgpu_xcp_0/drm/renderD129 "$TREE"/sys/devices/platform/amdgpu_xcp_1/drm/renderD130
	job 80 800 SLURM_JOB_GPUS=0,1
	job 81 810 SLURM_JOB_GPUS=2
	job 82 820 SLURM_JOB_GPUS=3
}
amd_tool() { tool amd-smi <<<"[ \"\$*\" = 'static -a -B -b -p --json' ] && cat \"\$F/$1\""; }
amd_tree
amd_tool amd-new.json
slurm
ok "amd: partitions by the new form of amd-smi" golden amd-new
ends amd-new
rm -r "$TREE/sys/devices/platform"
amd_tool amd-old.json
slurm
ok "amd: whole devices by the old form" golden amd-old
ends amd-old
amd_tree
# shellcheck disable=SC2016 # the tool expands it
tool rocm-smi <<<'[ "$1" = --showproductname ] && cat "$F/rocm.json"'
slurm --collector.gpu.amd-smi-path="$T/none" --collector.gpu.rocm-smi-path="$TOOLS/rocm-smi"
ok "amd: cards by rocm-smi" golden amd-rocm
ends amd-rocm

# Two devices in three partitions each (TPX, MI300A), then one in four (QPX) and a whole one (MI300X).
partitions() { # MINOR SIMDS DEVICE UNIQUE_ID
	local node=$TREE/sys/class/kfd/kfd/topology/nodes/$1
	mkdir -p "$node" "$TREE/sys/$3/drm/renderD$1"
	printf 'simd_count %s\nsimd_per_cu 4\nunique_id %s\ndrm_render_minor %s\n' "$2" "$4" "$1" >"$node/properties"
}
modes_tree() { # MODE
	local driver=module/amdgpu/drivers/pci:amdgpu xcp=devices/platform/amdgpu_xcp i
	fresh_tree
	pci 0000:01:00.0 0x1002
	pci 0000:02:00.0 0x1002
	partitions 128 304 "$driver/0000:01:00.0" 77
	if [ "$1" = tpx ]; then
		partitions 129 304 "${xcp}_0" 77
		partitions 130 304 "${xcp}_1" 77
		partitions 131 304 "$driver/0000:02:00.0" 78
		partitions 132 300 "${xcp}_2" 78
		partitions 133 296 "${xcp}_3" 78
	else
		for i in 0 1 2; do partitions $((129 + i)) $((300 - 4 * i)) "${xcp}_$i" 77; done
		partitions 132 1216 "$driver/0000:02:00.0" 78
	fi
	job 80 800 SLURM_JOB_GPUS=0,1
	job 81 810 SLURM_JOB_GPUS=2
	job 82 820 SLURM_JOB_GPUS=3
	job 83 830 SLURM_JOB_GPUS=4,5
}
for mode in tpx qpx; do
	modes_tree $mode
	amd_tool amd-$mode.json
	slurm
	ok "amd: $mode by amd-smi" golden amd-$mode
	ends "amd-smi, $mode"
	modes_tree $mode
	tool rocm-smi <<<"[ \"\$1\" = --showproductname ] && cat \"\$F/rocm-$mode.json\""
	slurm --collector.gpu.amd-smi-path="$T/none" --collector.gpu.rocm-smi-path="$TOOLS/rocm-smi"
	ok "amd: $mode by rocm-smi, the same" golden amd-$mode
	ends "rocm-smi, $mode"
done

# Both vendors: NVIDIA's first.
amd_tree
pci 0000:10:00.0 0x10de
nvidia_tool "$FIXTURES/nvidia.xml"
amd_tool amd-old.json
slurm
ok "both vendors" golden both
ends both
slurm --collector.gpu.type=amd
ok "a type that is given is the only one" golden amd-only
ends type
slurm --collector.gpu.type=nogpu
ok "none is none" no_gpu_series
ends nogpu

# What devices take goes to who holds them; the tool that tells it ends with the exporter.
fresh_tree
pci 0000:10:00.0 0x10de
pci 0000:c0:00.0 0x1002
nvidia_tool "$FIXTURES/nvidia.xml"
amd_tool amd-new.json
mkdir -p "$TREE/sys/bus/pci/devices/0000:c0:00.0/hwmon/hwmon1"
echo 90000000 >"$TREE/sys/bus/pci/devices/0000:c0:00.0/hwmon/hwmon1/power1_average"
job 70 700 SLURM_JOB_GPUS=2
slurm --collector.ledger --ledger.interval=100ms
has_energy() { scrape | grep -qE "^ceems_energy_$1 [0-9.e+]*[1-9]"; }
ok "GPUs have energy" wait_until 30 has_energy 'meter_joules_total\{domain="gpu",.*\}'
ok "and who holds one is charged" wait_until 30 has_energy 'unit_joules_total\{.*domain="gpu",.*uuid="70"\}'
reader=$(cat "$T/reader")
ok "the tool is left running" kill -0 "$reader"
ends energy
gone() { ! kill -0 "$reader" 2>/dev/null; }
ok "it ends with the exporter" wait_until 10 gone

# Tools that are not there, fail, flood, hang or lie cost the series, not the start; a device that
# appears is found, and what one vendor's tool does is no matter of the other's.
fresh_tree
pci 0000:10:00.0 0x10de
job 70 700 SLURM_JOB_GPUS=0
slurm
ok "a missing tool: no series" no_gpu_series
ok "a missing tool is told" wait_until 10 log_has_once "nvidia-smi"
ends missing
tool nvidia-smi <<<'echo "Unable to determine the device handle"; echo "broken card" >&2; exit 15'
slurm
ok "a failing tool: no series" no_gpu_series
ok "a failing tool is told with its words" wait_until 10 log_has_once 'status 15: broken card'
ends failing
tool nvidia-smi <<<'exec cat /dev/zero'
slurm
ok "a tool that prints without end: no series" no_gpu_series
ends flood
tool nvidia-smi <<-'S'
	echo '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><nvidia_smi_log>&b;</nvidia_smi_log>'
S
slurm
ok "an XML bomb: no series" no_gpu_series
ends bomb
nvidia_tool "$FIXTURES/nvidia.xml"
pci 0000:c0:00.0 0x1002
tool amd-smi <<<'head -c 5000000 /dev/zero | tr "\0" "["'
slurm
ok "a JSON bomb of one vendor leaves the other" shows 'uuid="70"'
ends json-bomb
rm -r "$TREE/sys/bus/pci/devices/0000:c0:00.0" "$TREE/sys/bus/pci/devices/0000:10:00.0"
slurm
ok "no device: no series" no_gpu_series
pci 0000:10:00.0 0x10de
ok "a device that appears is found" wait_until 40 shows 'uuid="70"'
ends appears
tool nvidia-smi <<<'exec sleep 600'
before=$SECONDS
slurm
ok "a tool that hangs holds the start up for a bounded time" [ $((SECONDS - before)) -lt 60 ]
ok "a tool that hangs: no series" no_gpu_series
ends hangs
done_testing
