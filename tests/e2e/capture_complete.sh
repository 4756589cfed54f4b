#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ceems_tool capture has lists of its own of what the exporter reads. Here the system calls of a running
# exporter say what it opened, and each file of that must be in the archive.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
unset GOMAXPROCS
export ASAN_OPTIONS=detect_leaks=0 # it cannot look for leaks while somebody traces

unpack() { # FIXTURE TREE
	/usr/bin/python3 tests/lib/unpack_tree.py "tests/fixtures/$1" "$T/$2"
	mkdir -p "$T/$2/proc" "$T/$2/sys" "$T/$2/cgroup"
	# The ledger wants the whole node.
	cp -n tests/fixtures/intel-2s/proc/{stat,meminfo,cpuinfo} "$T/$2/proc"
}
roots() { # TREE
	printf -- '--path.procfs=%s/proc --path.sysfs=%s/sys --path.cgroupfs=%s/cgroup' "$1" "$1" "$1"
}

# The files that were opened below the tree, without its name; -y makes strace show where a descriptor
# leads, so that relative names are told as well.
opened() { # TREE TRACE
	sed -nE 's/.* = [0-9]+<([^>]*)>.*/\1/p' "$2" | sort -u | while read -r path; do
		if [ -f "$path" ] && [[ $path == "$1"/* ]]; then echo "${path#"$1"/}"; fi
	done
}
# UUIDs and long ids are others in an archive.
unnamed() {
	sed -E 's/[0-9a-f]{8}([-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}/UUID/g; s/[0-9a-f]{32,}/HEX/g' | sort -u
}
trace() { # TREE FLAG...
	local tree=$1 port
	shift
	port=$(free_port)
	# shellcheck disable=SC2046
	start exporter strace -D -f -y -e trace=open,openat,openat2 -o "$T/trace" "$BIN/ceems_exporter" --no-security.drop-privileges \
		--web.listen-address="127.0.0.1:$port" $(roots "$tree") --ledger.interval=100ms "$@"
	wait_until 60 curl -fsS "http://127.0.0.1:$port/health" || return 1
	curl -fsS "http://127.0.0.1:$port/metrics" >"$T/first" && curl -fsS "http://127.0.0.1:$port/metrics" >"$T/second" || return 1
	stop exporter
}
complete() { # TREE FLAG...
	local tree
	tree=$(realpath "$1")
	shift
	rm -f "$T/trace" "$T/archive.tar.gz"
	trace "$tree" "$@" || return 1
	# shellcheck disable=SC2046
	"$BIN/ceems_tool" capture $(roots "$tree") --no-tools --output="$T/archive.tar.gz" || return 1
	tar -tzf "$T/archive.tar.gz" | unnamed >"$T/recorded"
	opened "$tree" "$T/trace" | unnamed >"$T/opened"
	[ -s "$T/opened" ] && comm -23 "$T/opened" "$T/recorded" | diff /dev/null -
}

for name in intel-2s amd-1s arm; do
	ok "$name: all that is read is recorded" complete "tests/fixtures/$name" --collector.meminfo.all-stats
done
ok "sensors: all that is read is recorded" complete tests/fixtures/sensors --collector.disable-defaults --collector.hwmon
ok "cray-ex: all that is read is recorded" complete tests/fixtures/cray-ex --collector.disable-defaults \
	--collector.cray_pm_counters --collector.netdev
ok "fabric: all that is read is recorded" complete tests/fixtures/fabric --collector.disable-defaults --collector.infiniband \
	--collector.netdev
for name in v2-mixed v2-sluid v1-partial v1-two-slurmd; do
	unpack "slurm/$name.tree" "slurm-$name"
	ok "slurm, $name: all that is read is recorded" complete "$T/slurm-$name" --collector.disable-defaults --collector.slurm \
		--collector.cgroups.force-version="${name%%-*}" --collector.slurm.psi-metrics --collector.slurm.swap-memory-metrics \
		--collector.slurm.gres-config-file=/nothing --collector.ledger
done
for name in v2-systemd v1-plain; do
	unpack "libvirt/$name.tree" "libvirt-$name"
	ok "libvirt, $name: all that is read is recorded" complete "$T/libvirt-$name" --collector.disable-defaults --collector.libvirt \
		--collector.cgroups.force-version="${name%%-*}" --collector.libvirt.psi-metrics --collector.libvirt.swap-memory-metrics \
		--collector.libvirt.blkio-metrics
done
cat >"$T/kubeconfig" <<-K
	current-context: test
	contexts: [{name: test, context: {cluster: test, user: test}}]
	clusters: [{name: test, cluster: {server: "http://127.0.0.1:1"}}]
	users: [{name: test, user: {token: x}}]
K
for name in v2-systemd v1-cgroupfs; do
	unpack "k8s/$name.tree" "k8s-$name"
	ok "k8s, $name: all that is read is recorded" complete "$T/k8s-$name" --collector.disable-defaults --collector.k8s \
		--collector.k8s.kubeconfig.file="$T/kubeconfig" --collector.cgroups.force-version="${name%%-*}" --collector.k8s.psi-metrics
done
done_testing
