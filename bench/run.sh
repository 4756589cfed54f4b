#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench/run.sh [--write] [JOBS...] (200 1000 5000): what the exporter costs on a node with so many Slurm
# jobs of 20 processes, on trees in memory, as ratios in one run:
#   CPU time and system calls of one scrape (all control group metrics, PSI, cpu and meminfo) and of one tick
#   of the sampling loop, against a bare loop that opens, reads and closes the same files, and against one
#   that reads them through descriptors that stay open (- if there are too many); memory;
#   what a job more costs, with all files open (as many jobs as may have that) and with none;
#   latency under 8 parallel scrapers; memory and descriptors over 20000 scrapes while jobs come and go;
#   a scrape of real control groups (as root).
# Exit status 1 when an aim is missed. --write puts the tables into docs/performance.md.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
WRITE=no
if [ "${1:-}" = --write ]; then
	WRITE=yes
	shift
fi
[ $# -gt 0 ] || set -- 200 1000 5000
for tool in curl strace meson ninja; do
	command -v $tool >/dev/null || { echo "bench: $tool is needed (tools/install-packages)" >&2; exit 2; }
done
B=build/bench
[ -f $B/build.ninja ] || meson setup $B --buildtype=release -Dbench=true -Dtests=false >/dev/null
ninja -C $B ceems_exporter bench/bench_units bench/bench_scrape bench/bench_real >/dev/null
T=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)/ceems-bench.XXXXXX")
PID=
trap '[ -z "$PID" ] || kill "$PID" 2>/dev/null; rm -rf "$T"' EXIT

# shellcheck source=bench/real.sh
. bench/real.sh

LIMIT=$(ulimit -Hn)
launch() { # FLAG...: sets PID, PORT and URL; with at most LIMIT descriptors
	PORT=$(/usr/bin/python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
	URL=http://127.0.0.1:$PORT/metrics
	(
		ulimit -n "$LIMIT"
		exec $B/ceems_exporter --web.listen-address=127.0.0.1:"$PORT" --collector.disable-defaults --collector.slurm \
			--web.disable-exporter-metrics --no-security.drop-privileges "$@"
	) 2>"$T/log" &
	PID=$!
	for _ in $(seq 100); do
		curl -sf "${URL%metrics}health" >/dev/null && return
		sleep 0.05
	done
	cat "$T/log" >&2
	exit 2
}
start() { # TREE FLAG...
	local tree=$1
	shift
	launch --collector.cgroups.force-version=v2 --path.cgroupfs="$tree/cgroup" --path.procfs="$tree/proc" \
		--path.sysfs="$tree/sys" "$@"
}
start_real() { launch --no-collector.ledger --collector.slurm.psi-metrics; }
stop() {
	kill "$PID"
	wait "$PID" || true
	PID=
}
cpu_us() { awk '{ s += $1 } END { printf "%d\n", s / 1000 }' /proc/"$PID"/task/*/schedstat; }
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
# Sets US_ONE, BARE_US, KEPT_US: medians of N measurements of each, in turns, as the machine may be busy.
measure() { # N JOBS tick|scrape DIVISOR COMMAND...
	local n=$1 jobs=$2 what=$3 divisor=$4 before bare kept ours=() bares=() kepts=()
	shift 4
	for ((; n > 0; n--)); do
		before=$(cpu_us)
		"$@"
		ours+=($((($(cpu_us) - before) / divisor)))
		read -r bare BARE_CALLS kept _ < <($B/bench/bench_units bare "$T/$jobs" "$jobs" "$what" 3)
		bares+=("$bare")
		kepts+=("$kept")
	done
	US_ONE=$(median "${ours[@]}")
	BARE_US=$(median "${bares[@]}")
	KEPT_US=$(median "${kepts[@]}")
}
rss_now_kb() { awk '/^VmRSS/ { print $2 }' /proc/"$PID"/status; }
rss_kb() { awk '/^VmHWM/ { print $2 }' /proc/"$PID"/status; }
scrapes() { # N
	local urls=() i
	for ((i = 0; i < $1; i++)); do urls+=(-o /dev/null "$URL"); done
	curl -sf "${urls[@]}"
}
# Sets CALLS: system calls of the exporter while the command runs; the trace is in $T/calls.
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
# Ticks begin with a look at the root of procfs.
# shellcheck disable=SC2317 # called by what count_calls runs
ticks_traced() { grep -c "statx(AT_FDCWD, \"$1/proc\"" "$T/calls" || true; } # TREE
# shellcheck disable=SC2317
three_ticks() { # TREE
	for _ in $(seq 600); do
		[ "$(ticks_traced "$1")" -lt 3 ] || return 0
		sleep 0.1
	done
}
count_tick_calls() { # TREE: sets CALLS to those of one whole tick
	count_calls three_ticks "$1"
	CALLS=$(grep -v 'resumed>' "$T/calls" | awk -v mark="statx(AT_FDCWD, \"$1/proc\"" '
		index($0, mark) { if (!n) first = NR; last = NR; n++ } END { printf "%d", (n > 1) ? (last - first) / (n - 1) : 0 }')
}

FAILED=0
aim() { # WHAT VALUE LIMIT
	if awk -v v="$2" -v l="$3" 'BEGIN { exit !(v > l) }'; then
		echo "MISSED: $1 is $2, the aim is at most $3" >&2
		FAILED=1
	fi
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f", a / b; else printf "-" }'; }
say() { echo "$*" | tee -a "$T/report"; }

declare -A US
show() { # JOBS WHAT CALLS
	say "| $1 | $2 | $US_ONE | $(ratio "$US_ONE" "$BARE_US") | $(ratio "$US_ONE" "$KEPT_US") | $3 | $(ratio "$3" "$BARE_CALLS") |"
	aim "CPU time of a $2 of $1 jobs against the bare loop" "$(ratio "$US_ONE" "$BARE_US")" 1
	US[$2$1]=$US_ONE
}
scrape_flags=(--collector.slurm.psi-metrics --collector.cpu --collector.meminfo)
one() { # JOBS
	local jobs=$1 tree=$T/$1

	$B/bench/bench_units make "$tree" "$jobs"
	start "$tree" --no-collector.ledger "${scrape_flags[@]}"
	scrapes 3
	measure 15 "$jobs" scrape 1 scrapes 1
	count_calls scrapes 5
	show "$jobs" scrape $((CALLS / 5))
	stop

	# A tick by itself: long enough that start and wakeups don't count.
	start "$tree" --collector.ledger --ledger.interval=500ms "${scrape_flags[@]}"
	sleep 0.7
	measure 7 "$jobs" tick 3 sleep 1.5
	count_tick_calls "$tree"
	show "$jobs" tick "$CALLS"
	scrapes 3
	US[rss$jobs]=$(rss_kb)
	stop

	one_way anew "$jobs" 256
	# Nine for each job, half of the limit and at most 16384 (src/exporter/units/unit_files.c).
	[ $((jobs * 9)) -gt $((LIMIT / 2 < 16384 ? LIMIT / 2 : 16384)) ] || one_way kept "$jobs" "$LIMIT"
	rm -rf "$tree"
}

per_job() { awk -v a="$1" -v n="$2" 'BEGIN { printf "%.2f", a / n }'; }
# The cost of a job with its files all open, or all opened anew: the same at each number of jobs.
declare -A FIRST
cell() { # WAY WHAT JOBS US CALLS: sets CELL, checks it against the first number of jobs
	local us calls
	us=$(per_job "$4" "$3")
	calls=$(per_job "$5" "$3")
	: "${FIRST[$1$2]:=$us} ${FIRST[$1$2calls]:=$calls}"
	CELL="$us | $(ratio "$us" "${FIRST[$1$2]}") | $calls"
	aim "CPU time of a $2 for each of $3 jobs, files $1, against fewer jobs" "$(ratio "$us" "${FIRST[$1$2]}")" 1.3
	aim "system calls of a $2 for each of $3 jobs, files $1, against fewer jobs" "$(ratio "$calls" "${FIRST[$1$2calls]}")" 1.1
}
one_way() { # kept|anew JOBS LIMIT
	local way=$1 jobs=$2 tree=$T/$2 ours=() i before row LIMIT=$3

	start "$tree" --no-collector.ledger "${scrape_flags[@]}"
	scrapes 3
	for ((i = 0; i < 9; i++)); do
		before=$(cpu_us)
		scrapes 1
		ours+=($(($(cpu_us) - before)))
	done
	count_calls scrapes 3
	cell "$way" scrape "$jobs" "$(median "${ours[@]}")" $((CALLS / 3))
	row="| $way | $jobs | $(find /proc/"$PID"/fd -mindepth 1 | wc -l) | $CELL"
	stop
	start "$tree" --collector.ledger --ledger.interval=500ms "${scrape_flags[@]}"
	sleep 2.7
	ours=()
	for ((i = 0; i < 5; i++)); do
		before=$(cpu_us)
		sleep 1.5
		ours+=($((($(cpu_us) - before) / 3)))
	done
	count_tick_calls "$tree"
	cell "$way" tick "$jobs" "$(median "${ours[@]}")" "$CALLS"
	echo "$row | $CELL |" >>"$T/ways"
	stop
}

load() { # latency and steadiness at 200 jobs
	local tree=$T/load alone median p99 bytes before after churner

	$B/bench/bench_units make "$tree" 200
	# Ended jobs are shown for a while; a short one, as 100 a second is more than any node has.
	start "$tree" --collector.ledger --ledger.keep-ended=1s "${scrape_flags[@]}"
	read -r alone _ bytes < <($B/bench/bench_scrape "$PORT" 1 300)
	read -r median p99 _ < <($B/bench/bench_scrape "$PORT" 8 4000)
	say ""
	say "| latency at 200 jobs, answers of $bytes bytes | |"
	say "| --- | --- |"
	say "| median, one scraper | $alone us |"
	say "| median, 8 parallel scrapers | $median us |"
	say "| 99th percentile, 8 parallel scrapers | $p99 us = $(ratio "$p99" "$median") medians |"
	aim "99th percentile in medians" "$(ratio "$p99" "$median")" 3

	$B/bench/bench_units churn "$tree" 200 100000 &
	churner=$!
	$B/bench/bench_scrape "$PORT" 2 2000 >/dev/null
	before="$(rss_now_kb) $(find /proc/"$PID"/fd -mindepth 1 | wc -l)"
	$B/bench/bench_scrape "$PORT" 4 20000 >/dev/null
	after="$(rss_now_kb) $(find /proc/"$PID"/fd -mindepth 1 | wc -l)"
	kill $churner
	wait $churner 2>/dev/null || true
	say ""
	say "| 20000 scrapes while 100 jobs a second come and go | before | after |"
	say "| --- | --- | --- |"
	say "| resident memory (kB) | ${before% *} | ${after% *} |"
	say "| descriptors | ${before#* } | ${after#* } |"
	aim "growth of memory over 20000 scrapes" "$(ratio "${after% *}" "${before% *}")" 1.1
	aim "growth of descriptors over 20000 scrapes" "$(ratio "${after#* }" "${before#* }")" 1.1
	stop
	rm -rf "$tree"
}

say "| jobs | what | CPU (us) | to open-read-close | to pread | system calls | to open-read-close |"
say "| --- | --- | --- | --- | --- | --- | --- |"
for jobs; do one "$jobs"; done
say ""
say "| jobs | peak of resident memory (kB) | a tick each second, of one core |"
say "| --- | --- | --- |"
for jobs; do
	say "| $jobs | ${US[rss$jobs]} | $(awk -v us="${US[tick$jobs]}" 'BEGIN { printf "%.2f %%", us / 10000 }') |"
	[ "$jobs" != 200 ] || aim "memory in kB at 200 jobs" "${US[rss200]}" 12288
	[ "$jobs" != 200 ] || aim "a tick's CPU time in us at 200 jobs" "${US[tick200]}" 5000
done
say ""
say "| files | jobs | descriptors | scrape, CPU for each job (us) | to fewer jobs | system calls for each job | tick, CPU for each job (us) | to fewer jobs | system calls for each job |"
say "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
for way in kept anew; do
	grep "^| $way " "$T/ways" | while read -r row; do say "$row"; done
done
if [ $# -gt 1 ]; then
	say ""
	growth=$(awk -v a="${US[rss$1]}" -v b="${US[rss${!#}]}" -v m="$1" -v n="${!#}" 'BEGIN { printf "%.2f", (b / a) / (n / m) }')
	say "Growth of memory from $1 to ${!#} jobs: $growth of proportional."
	aim "growth of memory" "$growth" 1.3
fi
load
real_groups 200
if [ $WRITE = yes ]; then
	{
		sed '/^<!-- tables -->/q' docs/performance.md
		echo
		cat "$T/report"
		echo
		sed -n '/^<!-- end of tables -->/,$p' docs/performance.md
	} >"$T/page"
	cp "$T/page" docs/performance.md
fi
exit $FAILED
