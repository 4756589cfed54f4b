# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by bench/run.sh: the same on real control groups of this machine, v1, with a sleeping process for each
# job. What the kernel needs to render its files is in both sides here.
CG=/sys/fs/cgroup
real_possible() { [ "$(id -u)" = 0 ] && [ -w $CG/cpuacct ] && [ -w $CG/memory ] && [ -w $CG/cpuset ]; }

real_dir() { # PATH: the group in all three, usable
	local c f
	for c in cpuacct memory cpuset; do mkdir -p "$CG/$c/$1"; done
	for f in cpus mems; do cat "$CG/cpuset/cpuset.$f" >"$CG/cpuset/$1/cpuset.$f"; done
}

real_make() { # JOBS
	local i c
	REAL_PIDS=()
	real_dir slurm_bench
	real_dir slurm_bench/uid_1
	for ((i = 0; i < $1; i++)); do
		real_dir slurm_bench/uid_1/job_$((9000 + i))
		real_dir slurm_bench/uid_1/job_$((9000 + i))/step_0
		sleep 600 &
		REAL_PIDS+=($!)
		for c in cpuacct memory cpuset; do echo $! >"$CG/$c/slurm_bench/uid_1/job_$((9000 + i))/step_0/cgroup.procs"; done
	done
}

real_remove() {
	[ ${#REAL_PIDS[@]} -eq 0 ] || kill "${REAL_PIDS[@]}" 2>/dev/null || true
	wait "${REAL_PIDS[@]}" 2>/dev/null || true
	for c in cpuacct memory cpuset; do
		[ ! -d $CG/$c/slurm_bench ] || find $CG/$c/slurm_bench -depth -type d -exec rmdir {} \;
	done
}

real_groups() { # JOBS
	local jobs=$1 before bare kept i ours=() bares=() kepts=()
	if ! real_possible; then
		say ""
		say "Real control groups: not measured (root and writable v1 hierarchies are needed)."
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
		read -r bare kept < <($B/bench/bench_real $CG "$jobs")
		bares+=("$bare")
		kepts+=("$kept")
	done
	stop
	real_remove
	US_ONE=$(median "${ours[@]}")
	BARE_US=$(median "${bares[@]}")
	KEPT_US=$(median "${kepts[@]}")
	say ""
	say "| real control groups, v1 | CPU (us) | to open-read-close | to pread |"
	say "| --- | --- | --- | --- |"
	say "| scrape of $jobs jobs | $US_ONE | $(ratio "$US_ONE" "$BARE_US") | $(ratio "$US_ONE" "$KEPT_US") |"
	aim "CPU time of a scrape of real groups against pread" "$(ratio "$US_ONE" "$KEPT_US")" 1.4
}
