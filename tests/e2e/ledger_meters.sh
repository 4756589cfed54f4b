# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Every meter of the whole node in the running exporter, with RAPL and a GPU inside it and units of three
# managers: one exporter for each meter and one with all of them, on one node that is played in real time.
# Meters tell nothing, the same, nonsense, begin anew and come late: the books balance to the microjoule in the answers
# that are asked for during and after each fault.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/play_tools.sh
. "$CEEMS_SOURCE/tests/lib/play_tools.sh"
TREE=$T/tree
UNITS=(slurm:7:1:900:0.9:gpu libvirt:instance-00000001:1:900:0.6 k8s:8e0c5f0e-1111-4222-8333-444455556666:1:900:0.4
	slurm:8:4:6:0.5 slurm:9:4.3:6.2:0.3)
METERS="cray_pm_counters hwmon redfish ipmi_dcmi"
declare -A PORT
BALANCED=0
unset CEEMS_EXPORTER_REDFISH_COLL_CONFIG_FILE HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy

make_bmc() {
	start bmc /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_redfish.py" "$TREE/bmc"
	wait_until 30 test -s "$TREE/bmc/port"
	printf 'redfish_collector: {protocol: http, hostname: 127.0.0.1, port: %s}\n' "$(cat "$TREE/bmc/port")" >"$T/redfish.yml"
}

exporter() { # NAME COLLECTOR...
	local name=$1 c flags=()
	shift
	for c; do flags+=(--collector."$c"); done
	PORT[$name]=$(free_port)
	NODE_NAME=n1 PATH=$T/bin:$PATH start "$name" "$BIN/ceems_exporter" --web.listen-address="127.0.0.1:${PORT[$name]}" \
		--collector.disable-defaults --collector.ledger --collector.slurm --collector.libvirt --collector.k8s "${flags[@]}" \
		--collector.cgroups.force-version=v2 --collector.slurm.gres-config-file="$T/none" \
		--collector.libvirt.xml-dir="$TREE/xml" --collector.k8s.kubeconfig.file="$T/kubeconfig" \
		--collector.redfish.config.file="$T/redfish.yml" --collector.redfish.poll-interval=1s \
		--collector.ipmi_dcmi.cmd="cat $TREE/bmc/dcmi" --collector.ipmi_dcmi.poll-interval=1s \
		--path.procfs="$TREE/proc" --path.sysfs="$TREE/sys" --path.cgroupfs="$TREE/cgroup" --ledger.interval=100ms \
		--power-model.mode=off --no-security.drop-privileges
}

metrics() { # NAME
	curl -m 20 -fsS "http://127.0.0.1:${PORT[$1]}/metrics"
}
# value NAME REGEX: of the first series that matches, in millionths; status 3: there is none
value() {
	local answer
	answer=$(metrics "$1") || return 1
	awk -v re="^$2" '$0 ~ re { printf "%.0f", $NF * 1e6; n++; exit } END { if (!n) exit 3 }' <<<"$answer"
}
is_not_there() { local status=0; value "$1" "$2" || status=$?; [ $status = 3 ]; }
positive() { at_least "$1" "$2" 1; }
at_least() { local v; v=$(value "$1" "$2") && [ "$v" -ge "$3" ]; }
below() { local v; v=$(value "$1" "$2") && [ "$v" -lt "$3" ]; }
active() { [ "$(value "$1" "ceems_energy_node_meter_active{.*source=\"$2\"")" = 1000000 ]; }
age() { echo 'ceems_energy_sample_age_seconds{.*domain="rest"'; }
node_joules() { value "$1" ceems_energy_node_meter_joules_total; }

# Of all exporters; what doesn't balance ends the case.
balances() {
	local name
	for name in $METERS all; do
		metrics "$name" >"$T/answer" || return
		/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/ledger_books.py" "$@" <"$T/answer" || { echo "$name"; return 1; }
		BALANCED=$((BALANCED + 1))
	done
}
faults() { # 'METER FAULT'...: until the next call
	printf '%s\n' "$@" >"$TREE/faults.new" && mv "$TREE/faults.new" "$TREE/faults"
}
grows() { # NAME: the energy of the node's meter
	local before
	before=$(node_joules "$1") || return
	wait_until 30 at_least "$1" ceems_energy_node_meter_joules_total $((before + 100000000))
}
refuses() { # NAME SOURCE: more readings than before
	wait_until 30 at_least "$1" "ceems_energy_refused_samples_total{.*source=\"$2\"" $((${REFUSED[$1]} + 1000000))
}
declare -A REFUSED
note_refused() {
	local name
	for name in $METERS; do
		REFUSED[$name]=$(value "$name" "ceems_energy_refused_samples_total{.*source=\"$name\"") || return
	done
}

mkdir "$TREE"
faults "cray gone" # it comes late
start play /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/play_node.py" "$TREE" 900 - "${UNITS[@]}"
wait_until 30 test -e "$TREE/ready"
make_tools
make_bmc
for c in $METERS; do exporter "$c" "$c"; done
# shellcheck disable=SC2086 # words
exporter all $METERS
for c in $METERS all; do wait_until 60 curl -m 5 -fsS "http://127.0.0.1:${PORT[$c]}/health"; done
touch "$TREE/go"

# --- as it should be
for c in hwmon redfish ipmi_dcmi; do
	ok "$c is the node's meter" wait_until 30 active "$c" "$c"
done
ok "of several the best that speaks is" wait_until 30 active all redfish
ok "one that says nothing yet has no rest" is_not_there cray_pm_counters 'ceems_energy_meter_joules_total{domain="rest"'
faults ""
ok "Cray's counter comes late, and is used" wait_until 30 active cray_pm_counters cray_pm_counters
ok "and takes over from a lesser one" wait_until 30 active all cray_pm_counters
ok "which is counted" at_least all ceems_energy_node_meter_switches_total 1000000
for c in $METERS all; do
	for unit in slurm:7 libvirt:instance-00000001 k8s:8e0c5f0e-1111-4222-8333-444455556666; do
		uuid=${unit#*:}
		[ "${unit%%:*}" != libvirt ] || uuid=00000000-0000-4000-8000-000000000701
		ok "$c: a unit of ${unit%%:*} has its part of the rest" wait_until 30 positive "$c" \
			"ceems_energy_unit_joules_total{.*domain=\"rest\",.*manager=\"${unit%%:*}\",uuid=\"$uuid\""
	done
	ok "$c: and of the GPU who holds it" wait_until 30 positive "$c" 'ceems_energy_unit_joules_total{.*domain="gpu",.*uuid="7"'
	ok "$c: the rest is covered" wait_until 30 positive "$c" 'ceems_energy_covered_seconds_total{.*domain="rest"'
	ok "$c: and recent" wait_until 30 below "$c" "$(age)" 2500000
	ok "$c: its resolution is told" below "$c" 'ceems_energy_source_resolution_seconds{.*domain="rest"' 1500000
done
ok "all books balance" balances cpu gpu rest
valid() {
	local status=0
	metrics all | promtool check metrics || status=$?
	[ "$status" = 0 ] || [ "$status" = 3 ]
}
ok "the answer is valid exposition" valid

# --- faults
ok "what was refused so far is told" note_refused
faults "cray much" "hwmon much" "bmc much"
for c in $METERS; do ok "$c: more than a node can take is refused" refuses "$c" "$c"; done
ok "too much: the books balance" balances
faults ""
for c in $METERS; do ok "$c: the energy after it comes in" grows "$c"; done
for fault in zero negative huge frozen gone; do
	ok "$fault: what was refused before is told" note_refused
	faults "cray $fault" "hwmon $fault" "bmc $fault"
	for c in $METERS; do
		case $fault:$c in
		frozen:cray_pm_counters) ;;
		frozen:*) continue ;; # a power that stays the same
		zero:cray_pm_counters | huge:cray_pm_counters | huge:hwmon)
			ok "$c, $fault: it is refused" refuses "$c" "$c"
			continue ;;
		esac
		ok "$c, $fault: its age grows" wait_until 30 at_least "$c" "$(age)" 3000000
	done
	ok "$fault: the books balance" balances
	faults ""
	for c in $METERS; do
		ok "$c, $fault: it returns" wait_until 30 below "$c" "$(age)" 2500000
		ok "$c, $fault: the energy comes in" grows "$c"
	done
	ok "$fault, over: the books balance" balances
done
ok "what was refused before it begins anew is told" note_refused
faults "cray back"
ok "a counter that begins anew is told" refuses cray_pm_counters cray_pm_counters
ok "and goes on from there" grows cray_pm_counters
faults "rapl frozen" "gpu gone"
ok "parts that tell nothing: their age grows" wait_until 30 at_least all 'ceems_energy_sample_age_seconds{.*domain="cpu"' 2000000
ok "and the books balance" balances
faults ""
ok "parts that return: the energy comes in" wait_until 30 below all 'ceems_energy_sample_age_seconds{.*domain="cpu"' 1000000
ok "and the books balance" balances cpu gpu rest

# --- the end
kill -TERM "$(cat "$T/play.pid")"
wait "$(cat "$T/play.pid")"
rm "$T/play.pid"
flowed=$(awk '$1 == "flowed" && $2 == "cpu" { print $3 }' "$T/play.out")
cpu_is() { [ "$(value "$1" 'ceems_energy_meter_joules_total{domain="cpu"')" = "$2" ]; }
for c in $METERS all; do
	ok "$c: RAPL's energy is on the books to the microjoule" wait_until 30 cpu_is "$c" "$flowed"
done
ok "the books balance in the end" balances
ok "of all answers" test "$BALANCED" -gt 50
for c in $METERS all; do ok "$c ends well" stop "$c"; done
done_testing
