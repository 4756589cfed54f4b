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
	/usr/bin/python3 - "$CEEMS_SOURCE/tests/fixtures/$1" "$T/tree" <<-'P'
		import os, re, sys
		def unescape(s):
		    special = {b"n": b"\n", b"t": b"\t", b"\\": b"\\"}
		    return re.sub(rb"\\(?:x(..)|(.))", lambda m: bytes([int(m[1], 16)]) if m[1] else special[m[2]], s)
		for line in open(sys.argv[1], "rb").read().split(b"\n"):
		    if not line or line.startswith(b"#"):
		        continue
		    path, _, text = line.partition(b"\t")
		    path = os.path.join(os.fsencode(sys.argv[2]), unescape(path))
		    os.makedirs(os.path.dirname(path), exist_ok=True)
		    if not path.endswith(b"/"):
		        open(path, "wb").write(unescape(text))
	P
}
arguments() {
	PORT=$(free_port)
	ARGUMENTS=(--web.listen-address=127.0.0.1:"$PORT" --collector.disable-defaults --collector.k8s --no-collector.ledger
		--path.cgroupfs="$T/tree/cgroup" --path.procfs="$T/tree/proc" --path.sysfs="$T/tree/sys")
}
exporter() { # FLAG...
	arguments
	NODE_NAME=n1 start exporter "$BIN/ceems_exporter" "${ARGUMENTS[@]}" "$@"
	wait_until 20 curl -sf "127.0.0.1:$PORT/health"
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
