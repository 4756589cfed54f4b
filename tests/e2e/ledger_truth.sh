# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The running exporter on a node that is played in real time: what the zones counted is on its books to
# the microjoule, wraps included, and a job of two seconds gets its share, as does one that holds a GPU.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

PORT=$(free_port)
TREE=$T/tree
PLAY=$CEEMS_SOURCE/tests/lib/play_power.py
SCOPE=$TREE/cgroup/system.slice/slurmstepd.scope

zone() { # ENTRY NAME MICROJOULES
	mkdir -p "$TREE/sys/class/powercap/$1"
	echo "$2" >"$TREE/sys/class/powercap/$1/name"
	echo 262143328850 >"$TREE/sys/class/powercap/$1/max_energy_range_uj"
	echo "$3" >"$TREE/sys/class/powercap/$1/energy_uj"
}

make_tree() {
	mkdir -p "$TREE/proc/700" "$SCOPE" "$TREE/sys/bus/pci/devices/0000:20:00.0" "$T/bin"
	zone intel-rapl:0 package-0 262143000000 # wraps after a third of a joule
	zone intel-rapl:1 package-1 000000000005
	printf 'MemTotal: 8000 kB\nMemAvailable: 4000 kB\nSwapTotal: 0 kB\n' >"$TREE/proc/meminfo"
	printf 'cpu  000000000000 0 0 1000000 0 0 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\n' >"$TREE/proc/stat"
	: >"$TREE/proc/cpuinfo"
	printf 'usage_usec %015d\nuser_usec %015d\nsystem_usec 0\n' 0 0 >"$SCOPE/cpu.stat"
	printf 'SLURM_JOB_ID=7\0SLURM_JOB_GPUS=0\0' >"$TREE/proc/700/environ"
	printf '0x030200\n' >"$TREE/sys/bus/pci/devices/0000:20:00.0/class"
	printf '0x10de\n' >"$TREE/sys/bus/pci/devices/0000:20:00.0/vendor"
}

make_gpu() {
	cat >"$T/gpu.xml" <<-X
		<?xml version="1.0" ?>
		<nvidia_smi_log><attached_gpus>1</attached_gpus>
		<gpu id="00000000:20:00.0"><product_name>NVIDIA H100 PCIe</product_name><uuid>GPU-1</uuid>
		<minor_number>0</minor_number><mig_mode><current_mig>N/A</current_mig></mig_mode></gpu></nvidia_smi_log>
	X
	cat >"$T/bin/nvidia-smi" <<-S
		#!/bin/bash
		case "\$*" in
		"--query --xml-format") cat "$T/gpu.xml" ;;
		"-L") echo "GPU 0: NVIDIA H100 PCIe (UUID: GPU-1)" ;;
		--query-gpu=*) while echo "GPU-1, 100.00, 50"; do sleep 0.1; done ;;
		*) exit 2 ;;
		esac
	S
	chmod +x "$T/bin/nvidia-smi"
}

metrics() {
	curl -fsS "http://127.0.0.1:$PORT/metrics"
}

# microjoules REGEX: of the first series that matches
microjoules() {
	metrics | awk -v re="^$1" '$0 ~ re { printf "%.0f", $NF * 1e6; exit }'
}

is_there() {
	[ -n "$(microjoules "$1")" ]
}

positive() {
	[ "$(microjoules "$1")" -gt 0 ]
}

meter_is() {
	[ "$(microjoules 'ceems_energy_meter_joules_total{domain="cpu"')" = "$1" ]
}

unit_is_near() { # DOMAIN MICROJOULES
	microjoules "ceems_energy_unit_joules_total.*domain=\"$1\".*uuid=\"7\"" |
		awk -v want="$2" '{ print "is " $1 " instead of " want; exit !($1 > 0.9 * want && $1 < 1.1 * want) }'
}

balances() {
	metrics | /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/ledger_books.py" cpu gpu
}

make_tree
make_gpu
NODE_NAME=n1 PATH=$T/bin:$PATH start exporter "$BIN/ceems_exporter" --web.listen-address="127.0.0.1:$PORT" \
	--collector.disable-defaults --collector.ledger --collector.slurm --collector.cgroups.force-version=v2 \
	--collector.slurm.gres-config-file="$T/none" --path.procfs="$TREE/proc" --path.sysfs="$TREE/sys" \
	--path.cgroupfs="$TREE/cgroup" --ledger.interval=100ms --ledger.static-watts=cpu=40 \
	--ledger.static-watts=gpu=20 --power-model.mode=off --no-security.drop-privileges
wait_until 20 curl -fsS "http://127.0.0.1:$PORT/health"
ok "the GPU is on the books" wait_until 20 is_there 'ceems_energy_meter_joules_total{domain="gpu"'
start play /usr/bin/python3 "$PLAY" "$TREE" 0.6 2 0.6
balanced=0
unbalanced=0
while kill -0 "$(cat "$T/play.pid")" 2>/dev/null; do
	if balances >"$T/balance" 2>&1; then
		balanced=$((balanced + 1))
	elif [ $balanced -gt 0 ]; then # not of the first moment, when nothing flowed yet
		unbalanced=$((unbalanced + 1))
		cat "$T/balance" >>"$T/unbalanced"
	fi
	sleep 0.05
done
all_balanced() {
	[ $balanced -gt 0 ] && [ $unbalanced = 0 ] || { echo "$balanced and not $unbalanced"; cat "$T/unbalanced"; return 1; }
}
valid() {
	local status=0
	metrics | promtool check metrics || status=$?
	[ "$status" = 0 ] || [ "$status" = 3 ]
}
ok "the books balance in every answer" all_balanced
wait "$(cat "$T/play.pid")"
rm "$T/play.pid"
flowed=$(awk '$1 == "flowed" { print $2 }' "$T/play.out")
job=$(awk '$1 == "job" { print $2 }' "$T/play.out")
ok "all that flowed is on the books, to the microjoule" wait_until 10 meter_is "$flowed"
ok "the job has its share of the processors' energy" unit_is_near cpu "$job"
ok "the job has energy of its GPU" positive 'ceems_energy_unit_joules_total.*domain="gpu".*uuid="7"'
ok "the answer is valid exposition" valid
ok "nothing was refused" [ "$(microjoules 'ceems_energy_refused_samples_total{.*source="gpu"')" = 0 ]
ok "the books balance in the end" balances
ok "the exporter stops" stop exporter
done_testing
