#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds with sanitizers and with both compilers, runs all tests, and ends
# with the line 'N passed, N failed, N skipped'. Arguments are names or '--suite NAME' for meson test.
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit 1

fail() { # nothing could be run at all
	echo "test.sh: $*" >&2
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
}

setup() { # DIR OPTIONS...
	local dir=$1
	shift
	[ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >"$dir.log" 2>&1 || {
		tail -n 20 "$dir.log" >&2
		fail "meson could not set up $dir"
	}
}

build() {
	ninja -C "$1" >"$1.log" 2>&1 || {
		grep -E 'error|warning|FAILED|undefined' -A 4 "$1.log" | head -n 80 >&2
		fail "the build in $1 failed"
	}
}

tools/install-packages build run test || fail "packages are missing"
mkdir -p build
echo "building with gcc and sanitizers"
setup build/dev --buildtype=debug --werror -Db_sanitize=address,undefined
build build/dev
echo "building with clang"
CC=clang setup build/clang --buildtype=debugoptimized --werror
build build/clang
echo "running the tests"
meson test -C build/dev --no-rebuild --num-processes "$(nproc)" --print-errorlogs "$@"
/usr/bin/python3 tests/lib/count_results.py build/dev/meson-logs/testlog.json
