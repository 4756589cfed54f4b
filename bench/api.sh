#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench/api.sh [--write] [UNITS...] (1000000 10000000): what the API server costs on databases of so many
# units of 5000 users in 3 years, as ratios in one run (of CPU times, as the machine may be busy):
#   requests over HTTP against a direct indexed select of the same rows and an empty request together, and
#   for each row from the first to the last size; memory while 100000 units are streamed; an update step of 20000 jobs; 500 parallel clients.
# Takes some minutes and 2.3 GB of CEEMS_BENCH_DIR (/var/tmp) for each million units, which are removed.
# Exit status 1 when an aim is missed. --write puts the tables into docs/performance.md.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
WRITE=no
if [ "${1:-}" = --write ]; then
	WRITE=yes
	shift
fi
[ $# -gt 0 ] || set -- 1000000 10000000
B=build/bench
[ -f $B/build.ninja ] || meson setup $B --buildtype=release -Dbench=true -Dtests=false >/dev/null
ninja -C $B >/dev/null
T=$(mktemp -d "${CEEMS_BENCH_DIR:-/var/tmp}/ceems-bench.XXXXXX")
PID=
trap '[ -z "$PID" ] || kill "$PID" 2>/dev/null; rm -rf "$T"' EXIT
# Databases that bench_store made before, by number of units; they are used and left.
READY=${CEEMS_BENCH_READY:-}

FAILED=0
aim() { # WHAT VALUE LIMIT
	if awk -v v="$2" -v l="$3" 'BEGIN { exit !(v > l) }'; then
		echo "MISSED: $1 is $2, the aim is at most $3" >&2
		FAILED=1
	fi
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f", a / b; else printf "-" }'; }
say() { echo "$*" | tee -a "$T/report"; }
# Of the threads that answer: the one for housekeeping fills in the usage of a database that it sees first.
cpu_us() {
	local task
	for task in /proc/"$PID"/task/*; do
		[ "$(<"$task/comm")" = housekeeping ] || cat "$task/schedstat"
	done | awk '{ s += $1 } END { printf "%d\n", s / 1000 }'
}
rss_kb() { awk '/^VmHWM/ { print $2 }' /proc/"$PID"/status; }

start() { # UNITS
	PORT=$(/usr/bin/python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
	cat >"$T/config.yml" <<-END
		ceems_api_server:
		  data:
		    path: $T/$1
		    retention_period: 10y
		    time_zone: UTC
		    check_interval: 0s # its reading would be counted, too
		  admin:
		    users: [admin]
	END
	$B/ceems_api_server --config.file="$T/config.yml" --web.listen-address=127.0.0.1:"$PORT" --log.level=error \
		--no-security.drop-privileges 2>"$T/log" &
	PID=$!
	for _ in $(seq 400); do
		curl -sf "http://127.0.0.1:$PORT/health" >/dev/null && return
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

NOW=$(date +%s)
MONTH="from=$((NOW - 30 * 86400))&to=$NOW"
# name, path, select to compare with (- none), limit of the median in us, requests
REQUESTS=(
	"/units of a user, 30 days|/units?$MONTH|units|5000"
	"/usage/current of a user, 30 days|/usage/current?$MONTH|user|5000"
	"/usage/current of a project, 30 days|/usage/current/admin?project={project}&$MONTH|project|5000"
	"/usage/current?exact of a user, 30 days|/usage/current?exact&$MONTH|exact-user|5000"
	"/usage/current?exact of a project, 30 days|/usage/current/admin?exact&project={project}&$MONTH|exact-project|5000"
	"/usage/global of a user|/usage/global|global|2000"
	"/stats/global|/stats/global/admin|-|-"
)

N=400
# Sets MEDIAN and CPU (of the server, for one request) in us.
measure() { # NAME PATH
	local before errors

	# Once so that what is read is in memory.
	$B/bench/bench_api "$PORT" 1 $N "$2${3:-}" >/dev/null
	before=$(cpu_us)
	read -r MEDIAN _ _ errors < <($B/bench/bench_api "$PORT" 1 $N "$2")
	CPU=$((($(cpu_us) - before) / N))
	aim "errors of $1" "$errors" 0
}

declare -A COST
requests() { # UNITS FIRST
	local row name path select limit rows cpu against growth empty

	measure "empty requests" /health
	empty=$CPU
	for row in "${REQUESTS[@]}"; do
		IFS='|' read -r name path select limit <<<"$row"
		cpu=- rows=- against=- growth=-
		measure "$name at $1 units" "/api/v1$path" "&warm"
		if [ "$select" != - ]; then
			read -r _ cpu rows < <($B/bench/bench_store select "$T/$1" "$select" $N)
			against=$(ratio "$CPU" $((cpu + empty)))
			aim "$name at $1 units against the select" "$against" 3
			COST["$name$1"]=$(ratio $((CPU - empty)) "$rows")
			if [ "$1" != "$2" ]; then
				growth=$(ratio "${COST["$name$1"]}" "${COST["$name$2"]}")
				aim "growth of $name for each row" "$growth" 2
			fi
		fi
		[ "$limit" = - ] || aim "$name at $1 units (us)" "$MEDIAN" "$limit"
		say "| $1 | $name | $rows | $MEDIAN | $CPU | $cpu + $empty | $against | $growth |"
	done
}

# The last days that have 100000 units, streamed.
stream() { # UNITS
	local days=$((100000 * 1095 / $1 + 1)) bytes before

	start "$1"
	curl -sf -o /dev/null -H "X-Grafana-User: admin" "http://127.0.0.1:$PORT/api/v1/stats/global/admin"
	before=$(rss_kb)
	bytes=$(curl -sf -H "X-Grafana-User: admin" \
		"http://127.0.0.1:$PORT/api/v1/units/admin?from=$((NOW - days * 86400))&to=$NOW" | wc -c)
	say "| $1 | $bytes | $before | $(rss_kb) |"
	aim "memory while streaming at $1 units (kB)" "$(rss_kb)" 65536
	stop
}

parallel() { # UNITS
	local median p99 errors

	start "$1"
	read -r median p99 _ errors < <($B/bench/bench_api "$PORT" 500 20000 "/api/v1/units?$MONTH")
	say "| $1 | $median | $p99 | $errors | $(rss_kb) |"
	aim "errors of 500 clients at $1 units" "$errors" 0
	aim "memory with 500 clients at $1 units (kB)" "$(rss_kb)" $((65536 + 500 * 100))
	stop
}

say "| units | request | rows | median (us) | CPU (us) | select and empty request, CPU (us) | ratio | growth for each row |"
say "| --- | --- | --- | --- | --- | --- | --- | --- |"
for units; do
	if [ -n "$READY" ] && [ -e "$READY/$units" ]; then
		ln -s "$READY/$units" "$T/$units"
	else
		mkdir "$T/$units"
		$B/bench/bench_store make "$T/$units" "$units"
	fi
	start "$units"
	requests "$units" "$1"
	stop
done
say ""
say "| units | bytes of 100000 units, streamed | resident before (kB) | peak (kB) |"
say "| --- | --- | --- | --- |"
for units; do stream "$units"; done
say ""
say "| units | median of 500 clients (us) | 99th percentile (us) | errors | peak of memory (kB) |"
say "| --- | --- | --- | --- | --- |"
for units; do parallel "$units"; done
say ""
say "| units | CPU time of an update of 20000 running jobs (ms) |"
say "| --- | --- |"
for units; do
	read -r ms _ < <($B/bench/bench_store step "$T/$units" 20000)
	say "| $units | $ms |"
	aim "CPU time of an update at $units units (ms)" "$ms" 2000
done
if [ $WRITE = yes ]; then
	{
		sed '/^<!-- api tables -->/q' docs/performance.md
		echo
		cat "$T/report"
		echo
		sed -n '/^<!-- end of api tables -->/,$p' docs/performance.md
	} >"$T/page"
	cp "$T/page" docs/performance.md
fi
exit $FAILED
