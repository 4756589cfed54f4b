#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fuzz/run.sh [SECONDS [TARGET...]]: builds the fuzz targets with clang's libFuzzer, AddressSanitizer
# and UBSan, and runs each for SECONDS (300) from its corpus. A finding is left as
# build/fuzz/findings/TARGET-...; add it to fuzz/corpus/TARGET/ with the fix.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seconds=${1:-300}
[ $# -gt 0 ] && shift
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: fuzz/run.sh [SECONDS [TARGET...]]" >&2; exit 2; }
jobs=${FUZZ_JOBS:-$(nproc)}
tools/install-packages build fuzz
B=build/fuzz
[ -f $B/build.ninja ] || CC=clang meson setup $B -Dfuzz=true -Dtests=false --buildtype=debugoptimized \
	-Db_sanitize=address,undefined -Db_lundef=false >/dev/null
ninja --quiet -C $B
if [ $# -eq 0 ]; then
	for f in "$B"/fuzz/fuzz_*; do
		[ -f "$f" ] && [ -x "$f" ] && set -- "$@" "${f##*/fuzz_}"
	done
fi
mkdir -p $B/findings $B/log

one() { # TARGET
	local t=$1 work
	work=$(mktemp -d)
	if "$B/fuzz/fuzz_$t" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
		-artifact_prefix="$B/findings/$t-" "$work" "fuzz/corpus/$t" >"$B/log/$t" 2>&1; then
		echo "ok   $t: $(sed -n 's/^stat::number_of_executed_units: *//p' "$B/log/$t") inputs in $seconds s"
	else
		echo "FAIL $t: see $B/log/$t"
	fi
	rm -rf "$work"
}
export -f one
export B seconds
printf '%s\n' "$@" | xargs -P "$jobs" -I{} bash -c 'one {}' | tee $B/result
! grep -q '^FAIL' $B/result
