#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The k8s collector in the exporter: whole trees over HTTP, its flags, what fails the start and what is
# only warned of.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
PORT=
unset KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT NODE_NAME

unpack() { # FIXTURE: as tests/lib/tree.h does
	rm -rf "$T/tree"
	/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/unpack_tree.py" "$CEEMS_SOURCE/tests/fixtures/$1" "$T/tree"
}
arguments() {
	PORT=$(free_port)
	ARGUMENTS=(--web.listen-address=127.0.0.1:"$PORT" --collector.disable-defaults --collector.k8s --no-collector.ledger
		--path.cgroupfs="$T/tree/cgroup" --path.procfs="$T/tree/proc" --path.sysfs="$T/tree/sys")
}
exporter() { # FLAG...
	arguments
	NODE_NAME=n1 start exporter "$BIN/ceems_exporter" "${ARGUMENTS[@]}" "$@"
	wait_until 40 curl -sf "127.0.0.1:$PORT/health"
}
fails() { # TEXT FLAG...
	local text=$1
	shift
	arguments
	"$BIN/ceems_exporter" "${ARGUMENTS[@]}" "$@" >"$T/fails" 2>&1
	[ $? = 1 ] && tail -n 1 "$T/fails" | grep -qE "^[0-9/]{10} [0-9:]{8} collector k8s: .*$text"
}
scrape() { curl -sf "127.0.0.1:$PORT/metrics"; }
shows() { scrape | grep -qE "$1"; }
answer_is_golden() { scrape | grep '[ {]ceems_compute\|^ceems_compute' | diff - "$CEEMS_SOURCE/tests/golden/k8s/$1"; }
valid() {
	local status=0
	scrape >"$T/answer"
	promtool check metrics <"$T/answer" >"$T/promtool" 2>&1 || status=$?
	[ "$status" = 0 ] || [ "$status" = 3 ] || { cat "$T/promtool"; return 1; }
}
log_has() { grep -q -e "$1" "$T/exporter.log"; }
log_has_not() { ! log_has "$1"; }
log_has_once() { [ "$(grep -c -e "$1" "$T/exporter.log")" = 1 ]; }
kubeconfig() { # USER
	cat >"$T/kubeconfig" <<-K
		current-context: test
		contexts: [{name: test, context: {cluster: test, user: test}}]
		clusters: [{name: test, cluster: {server: "http://127.0.0.1:1"}}]
		users: [{name: test, user: {$1}}]
	K
}

kubeconfig 'token: x'
for tree in v2-systemd:v2:--collector.k8s.psi-metrics v2-cgroupfs:v2: v1-systemd:v1:--collector.k8s.psi-metrics \
	v1-cgroupfs:v1:--collector.cgroups.active-subsystem=cpu; do
	IFS=: read -r name version flag <<<"$tree"
	unpack "k8s/$name.tree"
	exporter --collector.k8s.kubeconfig.file="$T/kubeconfig" --collector.cgroups.force-version="$version" ${flag:+"$flag"}
	ok "$name gives the golden answer" answer_is_golden "$name.prom"
	ok "$name's answer is valid exposition" valid
	ok "$name: nothing is wrong with its layout" log_has_not 'kubepods'
	ok "$name: nobody was asked for devices" log_has_not 'level=ERROR'
	stop exporter
done

unpack k8s/v2-hostile.tree
exporter --collector.k8s.kube-config-file="$T/kubeconfig" --collector.k8s.kubelet-socket-file="$T/no.sock" \
	--collector.cgroups.force-version=v2 --collector.k8s.psi-metrics
ok "hostile names and contents give the golden answer" answer_is_golden v2-hostile.prom
ok "whose exposition is valid" valid
ok "the old names of the flags are warned of" log_has 'kube-config-file is deprecated'
ok "each of them" log_has 'kubelet-socket-file is deprecated'
ok "two roots are warned of once" log_has_once 'both kubepods and kubepods.slice'
ok "and containers outside of them" log_has_once 'system.slice/kubepods'
ok "the collector succeeded" shows '^ceems_scrape_collector_success\{collector="k8s"\} 1'
ok "the exporter ends well" stop exporter

rm -rf "$T/tree/cgroup"
mkdir "$T/tree/cgroup"
exporter --collector.k8s.kubeconfig.file="$T/kubeconfig" --collector.cgroups.force-version=v2
ok "without roots there are no pods" shows '^ceems_compute_units\{.*\} 0'
mkdir -p "$T/tree/cgroup/kubepods.slice/kubepods-pod1_2.slice"
ok "roots that appear are found" shows 'uuid="1-2"'
ok "the socket's new flag is not warned of" log_has_not deprecated
stop exporter

# The active hierarchy of v1 is not there: neither are roots, which is no failure.
rm -rf "$T/tree/cgroup"
mkdir -p "$T/tree/cgroup/memory/kubepods"
exporter --collector.k8s.kubeconfig.file="$T/kubeconfig" --collector.cgroups.force-version=v1 --collector.cgroups.active-subsystem=pids
ok "v1: without the active hierarchy there are no pods" shows '^ceems_compute_units\{.*\} 0'
ok "v1: which is no failure" shows '^ceems_scrape_collector_success\{collector="k8s"\} 1'
mkdir -p "$T/tree/cgroup/pids/kubepods/pod1-2"
ok "v1: a hierarchy that appears is found" shows '^ceems_compute_units\{.*\} 1'
stop exporter
mv "$T/tree/cgroup" "$T/tree/elsewhere"
exporter --collector.k8s.kubeconfig.file="$T/kubeconfig" --collector.cgroups.force-version=v1
ok "no control groups at all are a failure" shows '^ceems_scrape_collector_success\{collector="k8s"\} 0'
stop exporter

# A node with GPUs: who holds them is asked of an API server and a kubelet.
A=8e0c5f0e-1111-4222-8333-444455556666
B=0b6f7a52-aaaa-4bbb-8ccc-dddd00000001
STATIC=3a7be1f5d2c94e0f8b6a1d2c3e4f5061
W=$T/world
put() { # FILE of the API server and the kubelet; replaced as a whole
	cat >"$W/$1.new"
	mv "$W/$1.new" "$W/$1"
}
flag() { # UID GPU VALUE
	shows "^ceems_compute_unit_gpu_index_flag\{.*gpuuuid=\"$2\".*manager=\"k8s\",uuid=\"$1\"\} $3\$"
}
no_flag() { ! shows "^ceems_compute_unit_gpu_index_flag.*uuid=\"$1\""; }
mkdir -p "$W/kubelet" "$T/bin"
unpack k8s/v2-systemd.tree
mkdir -p "$T/tree/sys/bus/pci/devices/0000:10:00.0"
echo 0x030200 >"$T/tree/sys/bus/pci/devices/0000:10:00.0/class"
echo 0x10de >"$T/tree/sys/bus/pci/devices/0000:10:00.0/vendor"
cat >"$T/bin/nvidia-smi" <<-S
	#!/bin/bash
	case "\$*" in
	"--query --xml-format") cat "$CEEMS_SOURCE/tests/fixtures/gpu/nvidia.xml" ;;
	"-L") cat "$CEEMS_SOURCE/tests/fixtures/gpu/nvidia-L.txt" ;;
	*) exit 2 ;;
	esac
S
chmod +x "$T/bin/nvidia-smi"
FULL=$(sed -n 's/^GPU 1: .*UUID: \(GPU-[^)]*\)).*/\1/p' "$CEEMS_SOURCE/tests/fixtures/gpu/nvidia-L.txt")
start api /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_kube_api.py" "$W"
wait_until 20 test -s "$W/port"
sed "s#http://127.0.0.1:1#http://127.0.0.1:$(cat "$W/port")#" "$T/kubeconfig" >"$T/kubeconfig-gpu"
put pods <<-P
	ml train $A n1
	web train $B n1
	kube-system plugin-n1 99999999-0000-4000-8000-000000000000 n1 $STATIC
P
put kubelet/pods <<-P
	ml train $FULL::0
	web train $FULL::1 $FULL::2 $FULL::3
P
echo 403 | put fault
start kubelet "$BIN/tests/kubelet_peer" "$T/kubelet.sock" "$W/kubelet"
wait_until 20 test -S "$T/kubelet.sock"
OLD_PATH=$PATH
PATH=$T/bin:$PATH
exporter --no-security.drop-privileges --collector.k8s.kubeconfig.file="$T/kubeconfig-gpu" --collector.cgroups.force-version=v2 \
	--collector.k8s.kubelet-podresources-socket.file="$T/kubelet.sock"
PATH=$OLD_PATH
ok "GPUs: while the API server refuses, nobody holds one" no_flag "$A"
ok "GPUs: which is told" wait_until 20 log_has 'pods is forbidden'
echo none | put fault
ok "GPUs: two pods of the same name in two namespaces share one" wait_until 30 flag "$A" "$FULL" 0.25
ok "GPUs: by how often each is given it" flag "$B" "$FULL" 0.75
ok "GPUs: only the pods of this node were asked for" grep -q 'fieldSelector=spec.nodeName%3Dn1' "$W/requests"
put kubelet/pods <<-P
	kube-system plugin-n1 MIG-22222222-0000-0000-0000-000000000000 $FULL
P
put pods <<-P
	kube-system plugin-n1 99999999-0000-4000-8000-000000000000 n1 $STATIC
P
ok "GPUs: a static pod is known by its hash" wait_until 40 flag "$STATIC" "$FULL" 1
ok "GPUs: a MIG device is its GPU's" flag "$STATIC" GPU-aaaaaaaa-0000-0000-0000-000000000000 1
ok "GPUs: who has it no more is not shown" no_flag "$A"
echo hang | put fault
echo 1 >"$W/kubelet/fault"
ok "GPUs: no scrape waits for an API server or a kubelet that hang" shows '^ceems_compute_units\{.*\} 4'
ok "GPUs: the exporter ends well while they do" stop exporter
stop kubelet
stop api 143

# The node has a GPU and no tool for it: a pod has one.
rm -rf "$W" "$T/tree"
mkdir -p "$W/bin" "$W/empty"
unpack k8s/v2-systemd.tree
mkdir -p "$T/tree/sys/bus/pci/devices/0000:10:00.0"
echo 0x030200 >"$T/tree/sys/bus/pci/devices/0000:10:00.0/class"
echo 0x10de >"$T/tree/sys/bus/pci/devices/0000:10:00.0/vendor"
sed "s/exit 2/exit 0/" "$T/bin/nvidia-smi" >"$W/bin/nvidia-smi"
chmod +x "$W/bin/nvidia-smi"
start api /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_kube_exec.py" "$W"
wait_until 20 test -s "$W/port"
sed "s#http://127.0.0.1:1#http://127.0.0.1:$(cat "$W/port")#" "$T/kubeconfig" >"$T/kubeconfig-exec"
GPUS=(--no-security.drop-privileges --collector.k8s.kubeconfig.file="$T/kubeconfig-exec" --collector.cgroups.force-version=v2)
in_pod() { # FAULT
	echo "$1" >"$W/fault"
	exporter "${GPUS[@]}"
}
asked() { grep -qF "$1" "$W/requests"; }
in_pod none
ok "pods/exec: the tool is run in a pod of this node" asked 'labelSelector=app%3Dgpu-feature-discovery&fieldSelector=status.phase%3DRunning%2Cspec.nodeName%3Dn1'
ok "pods/exec: in its container, with its arguments" asked 'exec?stdout=true&stderr=true&container=gpu-feature-discovery&command=nvidia-smi&command=--query&command=--xml-format Bearer x'
ok "pods/exec: MIG devices are asked for as well" asked 'command=nvidia-smi&command=-L '
ok "pods/exec: nothing is wrong with it" log_has_not 'listing GPUs'
stop exporter
for fault in 403:'is forbidden' plain:'HTTP status 200' key:'Protocol error' cut:'Input/output error' mute:'its end was not told'; do
	in_pod "${fault%%:*}"
	ok "pods/exec: ${fault%%:*} costs the GPUs and is told" wait_until 20 log_has "listing GPUs.*nvidia-smi.*${fault#*:}"
	ok "pods/exec: ${fault%%:*} costs nothing else" shows '^ceems_compute_units\{.*\} 4'
	stop exporter
done
in_pod hang
ok "pods/exec: one that hangs holds nobody up" shows '^ceems_compute_units\{.*\} 4'
ok "pods/exec: the exporter ends well then" stop exporter
printf '#!/bin/sh\necho no driver >&2\nexit 9\n' >"$W/bin/nvidia-smi"
in_pod none
ok "pods/exec: a tool that fails is told with its status" wait_until 20 log_has 'listing GPUs.*exit code 9'
stop exporter
stop api 143

ok "neither kubeconfig nor pod: no start" fails 'KUBERNETES_SERVICE_HOST'
export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=1
[ -e /var/run/secrets/kubernetes.io ] || ok "no service account: no start" fails 'serviceaccount'
unset KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT
ok "a kubeconfig that is missing: no start" fails "$T/none" --collector.k8s.kubeconfig.file="$T/none"
kubeconfig 'exec: {command: aws}'
ok "a credential plug-in: no start, and advice" fails 'plug-in' --collector.k8s.kubeconfig.file="$T/kubeconfig"
kubeconfig 'tokenFile: none'
ok "a token file that is missing: no start" fails "$T/none" --collector.k8s.kubeconfig.file="$T/kubeconfig"
done_testing
