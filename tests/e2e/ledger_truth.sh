# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The running exporter on a node that is played in real time with the recorded load of a build: what the zones
# counted is on its books to the microjoule, wraps included, and units of three managers get their shares: one of two
# seconds that holds a GPU, two that end in the same second, two that stay.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/play_tools.sh
. "$CEEMS_SOURCE/tests/lib/play_tools.sh"

PORT=$(free_port)
TREE=$T/tree
POD=8e0c5f0e-1111-4222-8333-444455556666
VM=00000000-0000-4000-8000-000000000703

metrics() {
	curl -m 20 -fsS "http://127.0.0.1:$PORT/metrics"
}

# microjoules REGEX: of the first series that matches; there must be one
microjoules() {
	local answer
	answer=$(metrics) || return
	awk -v re="^$1" '$0 ~ re { printf "%.0f", $NF * 1e6; n++; exit } END { exit !n }' <<<"$answer"
}
is_there() { microjoules "$1"; }
positive() { [ "$(microjoules "$1")" -gt 0 ]; }
meter_is() { [ "$(microjoules 'ceems_energy_meter_joules_total{domain="cpu"')" = "$1" ]; }

# The machine may be busy with something else while units end: how near they are then depends on it.
# tests/unit/exporter/ledger/test_truth.c holds them to less, on a clock of its own.
unit_is_near() { # UUID ID DOMAIN PERCENT
	local field=4 is want
	[ "$3" = cpu ] || field=6
	is=$(microjoules "ceems_energy_unit_joules_total.*domain=\"$3\".*uuid=\"$1\"") || return
	want=$(awk -v id="$2" -v f=$field '$1 == "unit" && $2 == id { print $f; n++ } END { exit n != 1 }' "$T/play.out") || return
	awk -v is="$is" -v want="$want" -v percent="$4" 'BEGIN {
		printf "is %d instead of %d: %.2f %% off\n", is, want, (is / want - 1) * 100
		exit !(is > want * (1 - percent / 100) && is < want * (1 + percent / 100)) }' >"$T/share" || { cat "$T/share"; return 1; }
	cat "$T/share" >>"$T/shares"
}

balances() {
	metrics | /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/ledger_books.py" cpu gpu
}

start play /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/play_node.py" "$TREE" 20 \
	"$CEEMS_SOURCE/tests/fixtures/curves/build.txt" slurm:7:1:3:0.9:gpu slurm:8:4:7.2:0.8 slurm:9:5:7.5:0.5 \
	libvirt:instance-00000001:2:18:0.6 "k8s:$POD:1.5:19:0.4"
wait_until 20 test -e "$TREE/ready"
make_tools
NODE_NAME=n1 PATH=$T/bin:$PATH start exporter "$BIN/ceems_exporter" --web.listen-address="127.0.0.1:$PORT" \
	--collector.disable-defaults --collector.ledger --collector.slurm --collector.libvirt --collector.k8s \
	--collector.cgroups.force-version=v2 --collector.slurm.gres-config-file="$T/none" \
	--collector.libvirt.xml-dir="$TREE/xml" --collector.k8s.kubeconfig.file="$T/kubeconfig" \
	--path.procfs="$TREE/proc" --path.sysfs="$TREE/sys" --path.cgroupfs="$TREE/cgroup" \
	--ledger.static-watts=cpu=40 --ledger.static-watts=gpu=20 --power-model.mode=off --no-security.drop-privileges
wait_until 20 curl -m 5 -fsS "http://127.0.0.1:$PORT/health"
touch "$TREE/go"
ok "the GPU is on the books" wait_until 20 is_there 'ceems_energy_meter_joules_total{domain="gpu"'
balanced=0
unbalanced=0
while kill -0 "$(cat "$T/play.pid")" 2>/dev/null; do
	if balances >"$T/balance" 2>&1; then
		balanced=$((balanced + 1))
	elif [ $balanced -gt 0 ]; then # not of the first moment, when nothing flowed yet
		unbalanced=$((unbalanced + 1))
		cat "$T/balance" >>"$T/unbalanced"
	fi
	sleep 0.2
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
flowed=$(awk '$1 == "flowed" && $2 == "cpu" { print $3 }' "$T/play.out")
ok "all that flowed is on the books, to the microjoule" wait_until 10 meter_is "$flowed"
ok "a unit of two seconds has its share of the processors' energy" unit_is_near 7 7 cpu 25
ok "and of its GPU" positive 'ceems_energy_unit_joules_total.*domain="gpu".*uuid="7"'
ok "a unit that ends in the same second as another has its share" unit_is_near 8 8 cpu 25
ok "as has the other one" unit_is_near 9 9 cpu 25
ok "and a virtual machine" unit_is_near "$VM" instance-00000001 cpu 10
ok "and a pod" unit_is_near "$POD" "$POD" cpu 10
nothing_is_not_near() { ! unit_is_near nobody 7 cpu 100 && ! unit_is_near 7 nobody cpu 100; }
ok "a unit without a series, or without a share, is near nothing" nothing_is_not_near
sed 's/^/# a unit /' "$T/shares"
ok "the answer is valid exposition" valid
ok "nothing was refused" [ "$(microjoules 'ceems_energy_refused_samples_total{.*source="gpu"')" = 0 ]
ok "the books balance in the end" balances
ok "the exporter stops" stop exporter
done_testing
