#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the exporter says of its own cost, and the budget of its collectors.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
export NODE_NAME=node1
# No request of this script may wait for ever.
curl() { command curl -m 20 "$@"; }
unset GOMAXPROCS CEEMS_EXPORTER_WEB_CONFIG_FILE
TREE=tests/fixtures/intel-2s

up() { # NAME FLAG...
	local name=$1
	shift
	PORT=$(free_port)
	URL=http://127.0.0.1:$PORT
	start "$name" "$BIN/ceems_exporter" --web.listen-address="127.0.0.1:$PORT" --path.procfs="$TREE/proc" \
		--path.sysfs="$TREE/sys" --path.cgroupfs="$TREE/cgroup" "$@"
	wait_until 20 curl -fsS "$URL/health"
}
scrape() { curl -fsS "$URL/metrics"; }
# value SERIES: of the last answer
value() { awk -v series="$1" '$1 == series { print $2; found = 1 } END { exit !found }' "$T/answer"; }
is() { [ "$(value "$1")" = "$2" ] || { grep -F "${1%%\{*}" "$T/answer"; return 1; }; }
above() { awk -v got="$(value "$1")" -v least="$2" 'BEGIN { exit !(got > least) }' || { value "$1"; return 1; }; }
lacks() { ! grep -E -- "$1" "$T/answer"; }
# Names of other families are given by the reference, and the linter dislikes some.
valid() { grep -E '^(# [A-Z]+ )?ceems_(exporter_(collector|thread|tools)|scrape)_' "$T/answer" | promtool check metrics; }
logged_once() { [ "$(grep -cF -- "$2" "$T/$1.log")" = 1 ] || { cat "$T/$1.log"; return 1; }; }

up plain
for _ in 1 2 3; do scrape >"$T/answer"; done
for c in cpu ledger meminfo rapl; do
	# What a scrape shows of itself is that of all scrapes before and its own collectors.
	ok "the runs of $c are counted" is "ceems_exporter_collector_runs_total{collector=\"$c\"}" 3
	ok "it takes CPU time" above "ceems_exporter_collector_cpu_seconds_total{collector=\"$c\"}" 0
done
can_count() { [ "$(id -u)" != 0 ] || [ -r /proc/thread-self/io ]; }
if can_count; then
	ok "meminfo is one call a scrape" is 'ceems_exporter_collector_syscalls_total{collector="meminfo"}' 3
	ok "of the file's bytes" is 'ceems_exporter_collector_io_bytes_total{collector="meminfo"}' $((3 * $(stat -c %s "$TREE/proc/meminfo")))
else
	skip "meminfo is one call a scrape" "the kernel does not count calls"
fi
ticked() { scrape >"$T/answer" && above 'ceems_exporter_thread_runs_total{thread="ledger"}' 1; }
ok "the ledger's thread is there" wait_until 20 ticked
ok "and takes CPU time" above 'ceems_exporter_thread_cpu_seconds_total{thread="ledger"}' 0
ok "tools took none" is ceems_exporter_tools_cpu_seconds_total 0
ok "without a budget none is over it" lacks 'over_budget|repeated'
ok "the answer is valid" valid
ok "it ends" stop plain

up off --web.disable-exporter-metrics
scrape >"$T/answer"
ok "without the exporter's metrics nothing of it is there" lacks ceems_exporter_collector
ok "of threads neither" lacks ceems_exporter_thread
ok "it ends" stop off

# --- a budget that nothing can keep
up tight --collector.cpu-budget=1ns --web.disable-exporter-metrics --no-collector.ledger
for _ in 1 2; do scrape >"$T/answer"; done
ok "the second scrape is collected" lacks 'source="repeated"'
ok "and over the budget" is 'ceems_exporter_collector_over_budget{collector="meminfo"}' 1
cp "$T/answer" "$T/before"
scrape >"$T/answer"
ok "the third shows the same again" diff <(grep ^ceems_meminfo "$T/before") <(grep ^ceems_meminfo "$T/answer")
ok "with its age" above 'ceems_scrape_collector_sample_age_seconds{collector="meminfo",source="repeated"}' 0
ok "as a success" is 'ceems_scrape_collector_success{collector="meminfo"}' 1
for _ in 1 2 3 4 5 6 7 8; do scrape >"$T/answer"; done
ok "nine in a row are" is 'ceems_exporter_collector_repeated_total{collector="meminfo"}' 9
scrape >"$T/answer"
ok "then it is collected" lacks 'source="repeated"'
ok "that is said once" logged_once tight 'msg="collector is over its CPU budget, its samples are repeated" collector=meminfo'
ok "the answer is valid" valid
ok "it ends" stop tight

up wide --collector.cpu-budget=1h
for _ in 1 2 3; do scrape >"$T/answer"; done
ok "a budget that is kept repeats nothing" is 'ceems_exporter_collector_repeated_total{collector="cpu"}' 0
ok "it ends" stop wide
negative() { ! "$BIN/ceems_exporter" --collector.cpu-budget=-1s 2>&1 | grep -vF 'cannot be negative'; }
ok "a negative one is an error" negative
done_testing
