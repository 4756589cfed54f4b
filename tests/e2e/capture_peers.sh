#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Captures of what no file holds: the kubelet's answer on its socket with the API server's pods, and the
# BMC's answers through the kernel's device; and the exporter running from them.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
TOOL=$BIN/ceems_tool
unset GOMAXPROCS KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT
export NODE_NAME=n1 no_proxy=127.0.0.1
chmod 755 "$T"

fails() { # TEXT COMMAND...
	local text=$1
	shift
	! "$@" >"$T/fails" 2>&1 && grep -qF -e "$text" "$T/fails" || { cat "$T/fails"; return 1; }
}
tree_flags() { TREE=(--path.procfs="$1/proc" --path.sysfs="$1/sys" --path.cgroupfs="$1/cgroup"); }
exporter() { # COMMAND...: the exporter, on a free port
	PORT=$(free_port)
	start exporter "$@" --no-security.drop-privileges --collector.disable-defaults --no-collector.ledger --web.listen-address="127.0.0.1:$PORT"
	wait_until 60 curl -fsS "http://127.0.0.1:$PORT/health" || { cat "$T/exporter.log"; return 1; }
}
scrape() { curl -m 20 -fsS "http://127.0.0.1:$PORT/metrics"; }
shows() { scrape | grep -qE "$1"; }
replay() { # ARCHIVE DIR FLAG...: until it has told how to run the exporter
	local archive=$1 dir=$2
	shift 2
	start replay "$TOOL" replay "$@" "$archive" "$dir"
	wait_until 60 grep -q ceems_exporter "$T/replay.out" || { cat "$T/replay.log"; return 1; }
}
told() { # the exporter as the replayer says it is to be run
	local command=()
	read -ra command <"$T/replay.out"
	command=("${command[@]//\$PATH/$PATH}")
	exporter env "${command[@]/ceems_exporter/$BIN/ceems_exporter}"
}

# --- A node of Kubernetes with a GPU that two pods share and a static pod that has another
A=8e0c5f0e-1111-4222-8333-444455556666
B=0b6f7a52-aaaa-4bbb-8ccc-dddd00000001
STATIC=3a7be1f5d2c94e0f8b6a1d2c3e4f5061
W=$T/world
mkdir -p "$W/kubelet" "$T/bin"
/usr/bin/python3 tests/lib/unpack_tree.py tests/fixtures/k8s/v2-systemd.tree "$T/node"
touch "$T/node/cgroup/cgroup.controllers"
mkdir -p "$T/node/sys/bus/pci/devices/0000:10:00.0"
echo 0x030200 >"$T/node/sys/bus/pci/devices/0000:10:00.0/class"
echo 0x10de >"$T/node/sys/bus/pci/devices/0000:10:00.0/vendor"
cat >"$T/bin/nvidia-smi" <<-S
	#!/bin/bash
	case "\$*" in
	"--query --xml-format") cat "$CEEMS_SOURCE/tests/fixtures/gpu/nvidia.xml" ;;
	"-L") cat "$CEEMS_SOURCE/tests/fixtures/gpu/nvidia-L.txt" ;;
	*) exit 0 ;;
	esac
S
chmod +x "$T/bin/nvidia-smi"
FULL=$(sed -n 's/^GPU 1: .*UUID: \(GPU-[^)]*\)).*/\1/p' tests/fixtures/gpu/nvidia-L.txt)
put() { # FILE of the API server and the kubelet; replaced as a whole
	cat >"$W/$1.new"
	mv "$W/$1.new" "$W/$1"
}
put pods <<-P
	secretteam training $A n1
	web training $B n1
	kube-system plugin-n1 99999999-0000-4000-8000-000000000000 n1 $STATIC
	web elsewhere 99999999-0000-4000-8000-000000000001 n2
P
put kubelet/pods <<-P
	secretteam training $FULL::0
	web training $FULL::1 $FULL::2 $FULL::3
	kube-system plugin-n1 MIG-22222222-0000-0000-0000-000000000000
P
echo apitoken >"$W/token"
start api /usr/bin/python3 tests/lib/fake_kube_api.py "$W"
start kubelet "$BIN/tests/kubelet_peer" "$T/kubelet.sock" "$W/kubelet"
wait_until 20 test -s "$W/port"
wait_until 20 test -S "$T/kubelet.sock"
cat >"$T/kubeconfig" <<-K
	current-context: test
	contexts: [{name: test, context: {cluster: test, user: test}}]
	clusters: [{name: test, cluster: {server: "http://127.0.0.1:$(cat "$W/port")"}}]
	users: [{name: test, user: {token: apitoken}}]
K
KUBE=(--collector.k8s.kubeconfig.file="$T/kubeconfig" --collector.k8s.kubelet-podresources-socket.file="$T/kubelet.sock")
tree_flags "$T/node"
capture() { # ARCHIVE FLAG...
	local archive=$1
	shift
	PATH=$T/bin:/usr/bin:/bin "$TOOL" capture "${TREE[@]}" --output="$archive" "$@"
}
# UUIDs and hashes are others in an archive; which is which shows by the values.
masked() { # OUTPUT
	scrape | grep -a '^ceems_compute_unit' | sed -E 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g; s/[0-9a-f]{32}/HEX/g' | sort >"$1"
}
index_flags() { [ "$(scrape | grep -c '^ceems_compute_unit_gpu_index_flag')" = "$1" ]; }
seen_first() {
	PATH=$T/bin:$PATH exporter "$BIN/ceems_exporter" --collector.k8s --collector.cgroups.force-version=v2 "${TREE[@]}" "${KUBE[@]}" &&
		wait_until 30 index_flags 3 && masked "$T/first" && stop exporter
}
seen_again() {
	told && wait_until 30 index_flags 3 && masked "$T/again" && stop exporter && diff "$T/first" "$T/again"
}
ok "kubernetes: the exporter shows who holds the GPUs" seen_first
ok "kubernetes: the node is captured" capture "$T/k.tar.gz" "${KUBE[@]}"
ok "kubernetes: with the devices, and the pods of the node" test "$(tar -xzOf "$T/k.tar.gz" kubernetes/pods.json | grep -o '"uid"' | wc -l)" = 3
no_names() { ! zcat "$T/k.tar.gz" | grep -aE "secretteam|training|plugin-n1|apitoken|$A|${A//-/_}|$B|$STATIC|$FULL"; }
ok "kubernetes: names, UIDs and logins stay out" no_names
stop kubelet
stop api 143
ok "kubernetes: it is replayed" replay "$T/k.tar.gz" "$T/k"
ok "kubernetes: the exporter shows the same from the replayed answers" seen_again
asked_for_all() { ! grep -E 'listing and watching|asking the kubelet' "$T/exporter.log"; }
ok "kubernetes: nothing of it failed" asked_for_all
# A list that is another one is listed anew: the exporter's watch ends at once, and looks again after a while.
other_list() {
	curl -fsS "127.0.0.1:$1/api/v1/pods?watch=true&resourceVersion=$2" >"$T/watched"
	grep -c '"code":410' "$T/watched"
}
port_of() { sed -n 's/.*http:.*:\([0-9]*\)".*/\1/p' "$T/k/kubeconfig.yml"; }
ok "kubernetes: a watch of the recorded list has no news" test "$(other_list "$(port_of)" 1)" = 0
ok "kubernetes: a watch of another one is told so" test "$(other_list "$(port_of)" 7)" = 1
printf 'garbage' >"$T/k/kubernetes/devices.json"
broken() {
	told && wait_until 30 grep -q 'asking the kubelet.*state 14' "$T/exporter.log" && shows '^ceems_compute_units' && stop exporter
}
ok "kubernetes: a recording that is none costs the devices only" broken
# The replayer outlives clients that speak something else, or too much.
odd_client() {
	/usr/bin/python3 - "$T/k/kubelet.sock" <<-'P'
		import socket, sys
		for text in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 1000, b""):
		    s = socket.socket(socket.AF_UNIX)
		    s.settimeout(20)
		    s.connect(sys.argv[1])
		    try:
		        s.sendall(text)
		        s.shutdown(socket.SHUT_WR)
		        while s.recv(4096):
		            pass
		    except (BrokenPipeError, ConnectionResetError):
		        pass
		    s.close()
		held = []
		for _ in range(20):
		    s = socket.socket(socket.AF_UNIX)
		    s.connect(sys.argv[1])
		    held.append(s)
	P
}
ok "kubernetes: odd clients are cut off" odd_client
printf '{"pods":[]}' >"$T/k/kubernetes/devices.json"
served() { told && stop exporter && ! grep 'asking the kubelet' "$T/exporter.log"; }
ok "kubernetes: and others are served after them" served
ok "kubernetes: the replayer ends well" stop replay
ok "kubernetes: and takes the socket away" test ! -e "$T/k/kubelet.sock"
long=$T/$(printf 'x%.0s' {1..120})
ok "kubernetes: a folder whose name is too long for a socket is refused" fails 'too long for the name of a socket' "$TOOL" replay "$T/k.tar.gz" "$long"
# Neither answers any more.
away() {
	capture "$T/away.tar.gz" --no-tools "${KUBE[@]}" --duration=0s && tar -xzOf "$T/away.tar.gz" manifest.json >"$T/manifest" &&
		grep -q '"kubernetes/pods.json"' "$T/manifest"
}
ok "kubernetes: an API server that is away is told in the manifest" away
ok "kubernetes: a kubeconfig that is none is an error" fails "$T/none" capture "$T/none.tar.gz" --no-tools --collector.k8s.kubeconfig.file="$T/none"

# --- A BMC by the kernel's device, which a recording stands for
mkdir -p "$T/m/proc" "$T/m/sys" "$T/m/cgroup"
printf 'MemTotal: 1 kB\n' >"$T/m/proc/meminfo"
tree_flags "$T/m"
answer() { # WATTS in two hexadecimal bytes, the low one first
	printf '# a BMC\n2c 02 dc 01 00 00 = 00 dc %s 9c 00 70 02 2a 01 00 00 00 60 e8 03 00 00 40\n' "$1" >"$T/bmc.new"
	mv "$T/bmc.new" "$T/bmc"
}
watts() { # CURRENT MIN MAX AVG
	scrape >"$T/answer"
	local v all=
	for v in current min max avg; do
		all+=" $(sed -n "s/^ceems_ipmi_dcmi_${v}_watts{hostname=\"n1\"} //p" "$T/answer" | grep . || echo -)"
	done
	[ "${all# }" = "$1" ] || { echo "$all"; return 1; }
}
device() { exporter "$BIN/ceems_exporter" --collector.ipmi_dcmi --collector.ipmi_dcmi.poll-interval=1s --collector.ipmi_dcmi.max-age=3s \
	--collector.ipmi_dcmi.device="$1"; }
answer '38 01'
cp "$T/bmc" "$T/played"
ok "device: a recording is one" device "$T/played"
ok "device: its answer is in the first scrape" watts "312 156 624 298"
answer '00 02'
cat "$T/bmc" >"$T/played"
ok "device: a new answer comes by itself" wait_until 20 watts "512 156 624 298"
says() { # LINE TEXT
	echo "$1" >"$T/played"
	wait_until 40 grep -qF "$2" "$T/exporter.log" && wait_until 20 watts "- - - -"
}
again() {
	cat "$T/bmc" >"$T/played"
	wait_until 40 watts "512 156 624 298"
}
ok "device: silence is no answer" says '2c 02 dc 01 00 00 =' 'no answer of the BMC within 1000 ms'
ok "device: after it there is one again" again
ok "device: a refusal says its code" says '2c 02 dc 01 00 00 = c1' 'completion code 0xc1'
ok "device: and again" again
ok "device: what is no recording is told" says 'Current Power : 5 Watts' 'the IPMI driver: Malformed contents'
ok "device: and again" again
told_once() { [ "$(grep -c 'power is read' "$T/exporter.log")" = 1 ] && grep 'power is read' "$T/exporter.log" | grep -F "path=$T/played" | grep -vF number=; }
ok "device: what is read is told once, by its path" told_once
ok "device: the exporter ends well" stop exporter
ok "device: one that is missing fails the start" fails "opening '$T/nothing': No such file or directory" "$BIN/ceems_exporter" \
	--collector.disable-defaults --collector.ipmi_dcmi --collector.ipmi_dcmi.device="$T/nothing" --web.listen-address=127.0.0.1:0
ok "device: so does what is none" fails "opening '$T': Inappropriate ioctl" "$BIN/ceems_exporter" \
	--collector.disable-defaults --collector.ipmi_dcmi --collector.ipmi_dcmi.device="$T" --web.listen-address=127.0.0.1:0

answer '38 01'
# A tool, which runs behind the first look, changes the answer while it is recorded.
rm "$T/bin/nvidia-smi"
printf '#!/bin/sh\ncat %s >%s\n' "$T/next" "$T/bmc" >"$T/bin/rdma"
chmod +x "$T/bin/rdma"
cp "$T/bmc" "$T/keep"
answer '00 02'
mv "$T/bmc" "$T/next"
mv "$T/keep" "$T/bmc"
ok "device: its answers are captured" capture "$T/i.tar.gz" --collector.ipmi_dcmi.device="$T/bmc" --duration=6s --interval=3s
ok "device: the first" test "$(tar -xzOf "$T/i.tar.gz" ipmi/answers | grep -c '= 00 dc 38 01 9c 00')" = 1
ok "device: and the one that changed" test "$(tar -tzf "$T/i.tar.gz" | grep -c '^frames/.*/ipmi/answers')" = 1
"$TOOL" replay --speed=0 "$T/i.tar.gz" "$T/i" >"$T/replay.out"
ok "device: replay says how to use them" grep -qF -e "--collector.ipmi_dcmi.device=$T/i/ipmi/answers" "$T/replay.out"
ok "device: the exporter runs so" told
ok "device: and shows what the BMC answered" watts "312 156 624 298"
ok "device: it ends well" stop exporter
ok "device: what changed is played" "$TOOL" replay --speed=100 "$T/i.tar.gz" "$T/i2"
ok "device: until the last answer" grep -q '= 00 dc 00 02' "$T/i2/ipmi/answers"
# Where a tool was recorded, it comes first, as on the machine.
printf '#!/bin/sh\necho nothing\n' >"$T/bin/ipmitool"
chmod +x "$T/bin/ipmitool"
capture "$T/both.tar.gz" --collector.ipmi_dcmi.device="$T/bmc"
"$TOOL" replay "$T/both.tar.gz" "$T/both" >"$T/replay.out"
tool_first() { grep -q -- '--collector.ipmi_dcmi' "$T/replay.out" && ! grep -q 'ipmi_dcmi.device' "$T/replay.out"; }
ok "device: a tool that was recorded, too, comes first" tool_first
done_testing
