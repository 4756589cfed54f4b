#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench/run.sh [JOBS...] (200 2000): what the exporter costs on a node with so many Slurm jobs of 20
# processes, on trees in memory. CPU time and system calls of one scrape and of one tick of the
# sampling loop, as ratios to a bare loop that opens, reads and closes the same files; memory.
# Exit status 1 when an aim is missed: ratio at most 1.5, 10 MB at 200 jobs, linear growth.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
[ $# -gt 0 ] || set -- 200 2000
for tool in curl strace meson ninja; do
	command -v $tool >/dev/null || { echo "bench: $tool is needed (tools/install-packages)" >&2; exit 2; }
done
B=build/bench
[ -f $B/build.ninja ] || meson setup $B --buildtype=release -Dbench=true -Dtests=false >/dev/null
ninja -C $B >/dev/null
T=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/ceems-bench.XXXXXX")
PID=
trap '[ -z "$PID" ] || kill "$PID" 2>/dev/null; rm -rf "$T"' EXIT

start() { # TREE FLAG...: sets PID and URL
	local tree=$1 port
	shift
	port=$(/usr/bin/python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
	URL=http://127.0.0.1:$port/metrics
	$B/ceems_exporter --web.listen-address=127.0.0.1:"$port" --collector.disable-defaults --collector.slurm \
		--web.disable-exporter-metrics --no-security.drop-privileges --collector.cgroups.force-version=v2 \
		--path.cgroupfs="$tree/cgroup" --path.procfs="$tree/proc" --path.sysfs="$tree/sys" "$@" 2>"$T/log" &
	PID=$!
	for _ in $(seq 100); do
		curl -sf "${URL%metrics}health" >/dev/null && return
		sleep 0.05
	done
	cat "$T/log" >&2
	exit 2
}
stop() {
	kill "$PID"
	wait "$PID" || true
	PID=
}
cpu_us() { awk '{ s += $1 } END { printf "%d\n", s / 1000 }' /proc/"$PID"/task/*/schedstat; }
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
# Sets US_ONE and BARE_US: medians of N measurements of each, in turns, as the machine may be busy.
measure() { # N JOBS tick|scrape DIVISOR COMMAND...
	local n=$1 jobs=$2 what=$3 divisor=$4 before bare ours=() bares=()
	shift 4
	for ((; n > 0; n--)); do
		before=$(cpu_us)
		"$@"
		ours+=($((($(cpu_us) - before) / divisor)))
		read -r bare BARE_CALLS < <($B/bench/bench_units bare "$T/$jobs" "$jobs" "$what" 3)
		bares+=("$bare")
	done
	US_ONE=$(median "${ours[@]}")
	BARE_US=$(median "${bares[@]}")
}
rss_kb() { awk '/^VmHWM/ { print $2 }' /proc/"$PID"/status; }
scrapes() { # N
	local urls=() i
	for ((i = 0; i < $1; i++)); do urls+=(-o /dev/null "$URL"); done
	curl -sf "${urls[@]}"
}
# Sets CALLS: system calls of the exporter while the command runs.
count_calls() { # COMMAND...
	local tracer
	strace -f -qq -o "$T/calls" -p "$PID" 2>/dev/null &
	tracer=$!
	for _ in $(seq 100); do
		grep -q '^TracerPid:[[:space:]]*[1-9]' /proc/"$PID"/status && break
		sleep 0.05
	done
	"$@"
	kill -INT $tracer
	wait $tracer 2>/dev/null || true
	CALLS=$(grep -vc 'resumed>' "$T/calls")
}
scans() { grep -c 'slurmstepd.scope", .*O_DIRECTORY' "$T/calls" || true; }

FAILED=0
aim() { # WHAT VALUE LIMIT
	if awk -v v="$2" -v l="$3" 'BEGIN { exit !(v > l) }'; then
		echo "MISSED: $1 is $2, the aim is at most $3"
		FAILED=1
	fi
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

declare -A US
show() { # JOBS WHAT CALLS
	printf '%-8s %-7s %10s %12s %8s %12s %12s %8s\n' "$1" "$2" "$US_ONE" "$BARE_US" "$(ratio "$US_ONE" "$BARE_US")" \
		"$3" "$BARE_CALLS" "$(ratio "$3" "$BARE_CALLS")"
	aim "CPU time of a $2 of $1 jobs" "$(ratio "$US_ONE" "$BARE_US")" 1.5
	US[$2$1]=$US_ONE
}
one() { # JOBS
	local jobs=$1 tree=$T/$1 n rss

	$B/bench/bench_units make "$tree" "$jobs"
	start "$tree" --no-collector.ledger
	scrapes 3
	measure 15 "$jobs" scrape 1 scrapes 1
	count_calls scrapes 5
	show "$jobs" scrape $((CALLS / 5))
	stop

	# A tick by itself: long enough that start and wakeups don't count.
	start "$tree" --collector.ledger --ledger.interval=500ms
	sleep 0.7
	measure 7 "$jobs" tick 3 sleep 1.5
	count_calls sleep 2
	n=$(scans)
	show "$jobs" tick $((CALLS / (n > 0 ? n : 1)))
	scrapes 3
	rss=$(rss_kb)
	US[rss$jobs]=$rss
	printf '%-8s %-7s %10s kB\n' "$jobs" memory "$rss"
	[ "$jobs" != 200 ] || aim "memory in kB at 200 jobs" "$rss" 10240
	stop
	rm -rf "$tree"
}

printf '%-8s %-7s %10s %12s %8s %12s %12s %8s\n' jobs what CPU-us bare-CPU-us ratio calls bare-calls ratio
for jobs; do one "$jobs"; done
if [ $# -gt 1 ]; then
	for what in scrape tick rss; do
		growth=$(awk -v a="${US[$what$1]}" -v b="${US[$what${!#}]}" -v m="$1" -v n="${!#}" \
			'BEGIN { printf "%.2f", (b / a) / (n / m) }')
		echo "growth of $what from $1 to ${!#} jobs: $growth of proportional"
		aim "growth of $what" "$growth" 1.3
	done
fi
exit $FAILED
