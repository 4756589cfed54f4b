# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A one-node Slurm with accounting, on loopback and below $W, beside whatever else this machine runs.
# The node has a name of its own, so that its cgroups cannot be taken for another Slurm's.

NODE=ceemsqs
USERS=(qsuser1 qsuser2 qsuser3)
declare -A ACCOUNTS=([qsuser1]="astro bio" [qsuser2]="bio" [qsuser3]="astro")

cgroup_mode() {
	if grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null && [ -w /sys/fs/cgroup/cgroup.procs ] &&
		mkdir /sys/fs/cgroup/ceemsqs.probe 2>/dev/null; then
		rmdir /sys/fs/cgroup/ceemsqs.probe
		echo v2
	elif [ -w /sys/fs/cgroup/freezer/cgroup.procs ] && [ -w /sys/fs/cgroup/memory/cgroup.procs ] &&
		[ -w /sys/fs/cgroup/cpuacct/cgroup.procs ]; then
		echo v1
	else
		return 1
	fi
}

make_users() {
	local u
	for u in "${USERS[@]}"; do
		if id "$u" >/dev/null 2>&1; then
			die "the user $u exists already and is not ours; remove it or rename it first"
		fi
		undo_later "user $u"
		useradd --no-create-home --home-dir "$W/home/$u" --user-group --shell /bin/bash "$u"
		install -d -m 700 -o "$u" -g "$u" "$W/home/$u"
	done
}

# Slurm looks its own host name up and gets nothing on a machine whose only addresses are loopback ones.
make_address() {
	[ -n "$(ip -o addr show up scope global 2>/dev/null)" ] && return 0
	undo_later "address 192.0.2.77/32"
	ip addr add 192.0.2.77/32 dev lo
}

start_munge() {
	dd if=/dev/urandom of="$W/etc/munge.key" bs=1024 count=1 status=none
	chmod 400 "$W/etc/munge.key"
	daemon munged munged --foreground --force --key-file="$W/etc/munge.key" --socket="$W/run/munge.socket" \
		--pid-file="$W/run/munged.own.pid" --log-file="$W/log/munged.own.log" --seed-file="$W/run/munge.seed" \
		--num-threads=2
	wait_for 20 "munged's socket" test -S "$W/run/munge.socket"
}

start_mariadb() {
	install -d -m 700 -o mysql -g mysql "$W/db"
	mariadb-install-db --no-defaults --user=mysql --datadir="$W/db" --auth-root-authentication-method=socket \
		--skip-test-db --force >"$W/log/mariadb-install.log" 2>&1 ||
		die "mariadb-install-db failed: $(tail -n 1 "$W/log/mariadb-install.log")"
	daemon mariadbd mariadbd --no-defaults --user=mysql --datadir="$W/db" --socket="$W/db/sock" \
		--pid-file="$W/db/pid" --bind-address=127.0.0.1 --port="$PORT_SQL" --innodb-buffer-pool-size=64M \
		--innodb-lock-wait-timeout=900 --skip-name-resolve
	wait_for 60 MariaDB timeout $((20 * PATIENCE)) mariadb --no-defaults -S "$W/db/sock" -e 'select 1'
	mariadb --no-defaults -S "$W/db/sock" -e "create database slurm_acct;
		create user 'slurm'@'127.0.0.1' identified by '$SQL_PASSWORD';
		grant all on slurm_acct.* to 'slurm'@'127.0.0.1';"
}

write_slurm_conf() {
	local cpus memory_mb host auth
	cpus=$(nproc)
	memory_mb=$(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) / 1024 - 256))
	host=$(hostname -s)
	auth="AuthType=auth/munge
AuthInfo=socket=$W/run/munge.socket"
	(
		umask 077
		cat >"$W/etc/slurmdbd.conf" <<C
$auth
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$PORT_DBD
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$PORT_SQL
StorageUser=slurm
StoragePass=$SQL_PASSWORD
StorageLoc=slurm_acct
LogFile=$W/log/slurmdbd.log
PidFile=$W/run/slurmdbd.pid
C
	)
	cat >"$W/etc/slurm.conf" <<C
ClusterName=quickstart
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$PORT_CTLD
SlurmUser=root
SlurmdUser=root
$auth
StateSaveLocation=$W/state
SlurmdSpoolDir=$W/spool/%n
SlurmctldPidFile=$W/run/slurmctld.pid
SlurmdPidFile=$W/run/slurmd.%n.pid
SlurmctldLogFile=$W/log/slurmctld.log
SlurmdLogFile=$W/log/slurmd.%n.log
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
JobAcctGatherType=jobacct_gather/cgroup
JobAcctGatherFrequency=task=5
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
MinJobAge=300
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$PORT_DBD
AccountingStoragePass=$W/run/munge.socket
AccountingStorageEnforce=associations
NodeName=$NODE NodeHostname=$host NodeAddr=127.0.0.1 Port=$PORT_SLURMD CPUs=$cpus RealMemory=$memory_mb State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=10 State=UP
C
	cat >"$W/etc/cgroup.conf" <<C
CgroupPlugin=cgroup/$CGROUP_MODE
CgroupMountpoint=/sys/fs/cgroup
CgroupAutomount=no
ConstrainCores=yes
ConstrainRAMSpace=yes
ConstrainDevices=no
C
	[ "$CGROUP_MODE" = v2 ] || return 0
	echo IgnoreSystemd=yes >>"$W/etc/cgroup.conf"
	prepare_v2_slice
}

# The v2 plugin makes its scope below system.slice, but neither the slice nor its controllers.
prepare_v2_slice() {
	local dir controller
	if [ ! -d /sys/fs/cgroup/system.slice ]; then
		undo_later "slice /sys/fs/cgroup/system.slice"
		mkdir /sys/fs/cgroup/system.slice
	fi
	for dir in /sys/fs/cgroup /sys/fs/cgroup/system.slice; do
		for controller in cpuset cpu memory pids; do
			echo "+$controller" >"$dir/cgroup.subtree_control" 2>/dev/null || true
		done
	done
}

make_accounts() {
	local u a
	sacctmgr -i add cluster quickstart >>"$W/log/sacctmgr.log" 2>&1 || true
	for a in astro bio; do
		sacctmgr -i add account "$a" Description="$a" Organization=quickstart >>"$W/log/sacctmgr.log" 2>&1
	done
	for u in "${USERS[@]}"; do
		for a in ${ACCOUNTS[$u]}; do
			sacctmgr -i add user "$u" Account="$a" >>"$W/log/sacctmgr.log" 2>&1
		done
	done
}

node_ready() { timeout $((20 * PATIENCE)) sinfo -h -n "$NODE" -o %T | grep -qE '^(idle|mixed|allocated)$'; }

start_slurm() {
	export SLURM_CONF=$W/etc/slurm.conf
	undo_later "cgroups $NODE"
	make_users
	make_address
	start_munge
	start_mariadb
	write_slurm_conf
	slurmdbd 9<&-
	adopt slurmdbd "$W/run/slurmdbd.pid"
	wait_for 30 slurmdbd timeout $((20 * PATIENCE)) sacctmgr -n show cluster
	make_accounts
	slurmctld 9<&-
	adopt slurmctld "$W/run/slurmctld.pid"
	wait_for 30 slurmctld timeout $((20 * PATIENCE)) scontrol ping
	slurmd -N "$NODE" 9<&-
	adopt slurmd "$W/run/slurmd.$NODE.pid"
	wait_for 60 "the Slurm node" node_ready
	undo_later jobs
}

cancel_jobs() {
	local jobs i
	export SLURM_CONF=$W/etc/slurm.conf
	jobs=$(timeout 5 squeue -h -o %A 2>/dev/null)
	[ -n "$jobs" ] || return 0
	# shellcheck disable=SC2086
	timeout 10 scancel $jobs
	for ((i = 0; i < 160; i++)); do
		[ -n "$(timeout 5 squeue -h 2>/dev/null)" ] || return 0
		sleep 0.25
	done
}

write_job_scripts() {
	install -d -m 755 "$W/jobs"
	cat >"$W/jobs/burn.sh" <<'J'
#!/bin/bash
# Full load on every CPU of the job for $1 seconds.
for ((i = 0; i < SLURM_CPUS_ON_NODE; i++)); do timeout "$1" bash -c 'while :; do :; done' & done
wait
exit 0
J
	cat >"$W/jobs/half.sh" <<'J'
#!/bin/bash
# About half load on one CPU for $1 seconds.
end=$((SECONDS + $1))
while [ $SECONDS -lt $end ]; do
	timeout 0.2 bash -c 'while :; do :; done'
	sleep 0.2
done
J
	cat >"$W/jobs/memory.sh" <<'J'
#!/bin/bash
# Holds 60 MB for $1 seconds and computes little.
(head -c 60000000 /dev/zero; sleep "$1") | tail -c 60000000 >/dev/null
J
	chmod 755 "$W/jobs"/*.sh
}

# user account name cpus seconds script; the third is shorter than the scrape interval.
JOB_TABLE=(
	"qsuser1 astro burn 1 14 burn.sh"
	"qsuser2 bio half 1 14 half.sh"
	"qsuser1 bio short 1 3 burn.sh"
	"qsuser3 astro memory 1 10 memory.sh"
	"qsuser2 bio wide 2 8 burn.sh"
	"qsuser3 astro burn 1 10 burn.sh"
)

submit_jobs() { # N [FIRST]: rows FIRST..N-1 of the table, over and over; fills JOB_IDS
	local i user account name cpus seconds script id
	JOB_IDS=()
	for ((i = ${2:-0}; i < $1; i++)); do
		read -r user account name cpus seconds script <<<"${JOB_TABLE[i % ${#JOB_TABLE[@]}]}"
		[ "$cpus" -le "$(nproc)" ] || cpus=$(nproc)
		id=$(cd / && setpriv --reuid="$user" --regid="$user" --init-groups env -i HOME="$W/home/$user" USER="$user" \
			PATH=/usr/bin:/bin SLURM_CONF="$SLURM_CONF" sbatch --parsable --chdir=/tmp --output=/dev/null \
			-A "$account" -J "$name" -n1 -c "$cpus" --mem=$((100 * cpus)) "$W/jobs/$script" "$seconds" 9<&-) ||
			die "sbatch refused a job of $user; see $W/log/slurmctld.log"
		JOB_IDS+=("$id")
		say "  job $id: $user, account $account, $name, $cpus CPU, about $seconds s"
	done
}

jobs_over() { local left; left=$(timeout $((20 * PATIENCE)) squeue -h) && [ -z "$left" ]; }
