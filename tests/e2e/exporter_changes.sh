#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Control groups that change in every way under an exporter: what it keeps (descriptors, roots, units) must not
# show. CHANGES_SEEDS tries more of them (default 1).
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
unset GOMAXPROCS CEEMS_EXPORTER_WEB_CONFIG_FILE
STEPS=8
FLAGS=()

# changes FIXTURE VERSION, with FLAGS
changes() {
	local seed
	for ((seed = 1; seed <= ${CHANGES_SEEDS:-1}; seed++)); do
		rm -rf "$T/tree"
		/usr/bin/python3 "$CEEMS_SOURCE/tests/lib/changing_tree.py" "$BIN/ceems_exporter" \
			"$CEEMS_SOURCE/tests/fixtures/$1.tree" "$T/tree" "$seed" "$STEPS" --collector.cgroups.force-version="$2" \
			"${FLAGS[@]}" || return 1
	done
}

FLAGS=(--collector.slurm --collector.slurm.swap-memory-metrics --collector.slurm.psi-metrics)
ok "jobs of v1" changes slurm/v1-two-slurmd v1
ok "jobs of v1 with files missing" changes slurm/v1-partial v1
ok "jobs of v2" changes slurm/v2-two-slurmd v2
FLAGS=(--collector.libvirt --collector.libvirt.swap-memory-metrics --collector.libvirt.blkio-metrics
	--collector.libvirt.psi-metrics --collector.libvirt.xml-dir="$T/tree/qemu")
ok "virtual machines of v1" changes libvirt/v1-systemd v1
ok "virtual machines of v2" changes libvirt/v2-systemd v2
ok "virtual machines without systemd" changes libvirt/v2-plain v2
cat >"$T/kubeconfig" <<-K
	current-context: test
	contexts: [{name: test, context: {cluster: test, user: test}}]
	clusters: [{name: test, cluster: {server: "http://127.0.0.1:1"}}]
	users: [{name: test, user: {token: x}}]
K
FLAGS=(--collector.k8s --collector.k8s.psi-metrics --collector.k8s.kubeconfig.file="$T/kubeconfig")
ok "pods of v1" changes k8s/v1-cgroupfs v1
ok "pods of v2" changes k8s/v2-systemd v2
done_testing
