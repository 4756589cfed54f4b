# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by bench/run.sh: the same on real control groups of this machine (v2, or v1), with a sleeping process
# for each job. What the kernel needs to render its files is in both sides here.
CG=/sys/fs/cgroup
REAL_PIDS=()
real_version() { # sets REAL: v1, v2 or nothing
	REAL=
	[ "$(id -u)" = 0 ] || return 0
	if [ -w $CG/cgroup.subtree_control ] && grep -qw memory $CG/cgroup.subtree_control; then
		REAL=v2
	elif [ -w $CG/cpuacct ] && [ -w $CG/memory ] && [ -w $CG/cpuset ]; then
		REAL=v1
	fi
}

real_v1_dir() { # PATH: the group in all three, usable
	local c f
	for c in cpuacct memory cpuset; do mkdir -p "$CG/$c/$1"; done
	for f in cpus mems; do cat "$CG/cpuset/cpuset.$f" >"$CG/cpuset/$1/cpuset.$f"; done
}
real_v1_job() { # NUMBER PID
	local c step=slurm_bench/uid_1/job_$1/step_0
	real_v1_dir "${step%/*}"
	real_v1_dir "$step"
	for c in cpuacct memory cpuset; do echo "$2" >"$CG/$c/$step/cgroup.procs"; done
}

SCOPE=system.slice/slurmstepd.scope
real_v2_job() { # NUMBER PID
	local task=$CG/$SCOPE/job_$1/step_0/user/task_0
	mkdir -p "$task"
	echo "+cpu +cpuset +memory" >"${task%/step_0/*}/cgroup.subtree_control"
	echo "$2" >"$task/cgroup.procs"
}

real_make() { # JOBS
	local i d
	if [ "$REAL" = v1 ]; then
		real_v1_dir slurm_bench
		real_v1_dir slurm_bench/uid_1
	else
		[ ! -d $CG/$SCOPE ] || { echo "bench: $CG/$SCOPE is in use" >&2; exit 2; }
		for d in "" system.slice $SCOPE; do
			mkdir -p "$CG/$d"
			echo "+cpu +cpuset +memory" >"$CG/$d/cgroup.subtree_control"
		done
	fi
	for ((i = 0; i < $1; i++)); do
		sleep 6000 &
		REAL_PIDS+=($!)
		"real_${REAL}_job" $((9000 + i)) $!
	done
}

real_remove() {
	local d
	[ ${#REAL_PIDS[@]} -eq 0 ] || kill "${REAL_PIDS[@]}" 2>/dev/null || true
	wait "${REAL_PIDS[@]}" 2>/dev/null || true
	REAL_PIDS=()
	for d in $CG/{cpuacct,memory,cpuset}/slurm_bench $CG/$SCOPE; do
		[ ! -d "$d" ] || find "$d" -depth -type d -exec rmdir {} \;
	done
}

real_groups() { # JOBS
	local jobs=$1 before bare kept i ours=() bares=() kepts=()
	real_version
	if [ -z "$REAL" ]; then
		say ""
		say "Real control groups: not measured (root and writable hierarchies are needed)."
		return
	fi
	trap 'real_remove; [ -z "$PID" ] || kill "$PID" 2>/dev/null; rm -rf "$T"' EXIT
	trap "exit 1" INT TERM
	real_make "$jobs"
	start_real
	$B/bench/bench_scrape "$PORT" 1 20 >/dev/null
	for ((i = 0; i < 7; i++)); do
		before=$(cpu_us)
		$B/bench/bench_scrape "$PORT" 1 10 >/dev/null
		ours+=($((($(cpu_us) - before) / 10)))
		read -r bare kept < <($B/bench/bench_real "$REAL" $CG "$jobs")
		bares+=("$bare")
		kepts+=("$kept")
	done
	stop
	real_remove
	US_ONE=$(median "${ours[@]}")
	BARE_US=$(median "${bares[@]}")
	KEPT_US=$(median "${kepts[@]}")
	say ""
	say "| real control groups, $REAL | CPU (us) | to open-read-close | to pread |"
	say "| --- | --- | --- | --- |"
	say "| scrape of $jobs jobs | $US_ONE | $(ratio "$US_ONE" "$BARE_US") | $(ratio "$US_ONE" "$KEPT_US") |"
	aim "CPU time of a scrape of real groups against pread" "$(ratio "$US_ONE" "$KEPT_US")" 1.4
}
