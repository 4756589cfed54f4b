# SPDX-License-Identifier: Apache-2.0
# Sourced by end-to-end tests: TAP output, a scratch folder, processes that end with the test.
#   ok NAME COMMAND...       runs the command, prints ok or not ok with its output
#   skip NAME REASON         a case that this machine cannot run
#   done_testing             prints the plan; the exit status tells whether all passed
#   wait_until SECONDS COMMAND...   until it succeeds; no fixed sleeps
#   start NAME COMMAND...    in the background, log in $T/NAME.log, pid in $T/NAME.pid
#   stop NAME [STATUS]       SIGTERM, waits, checks the exit status (0)
#   free_port                a TCP port that nobody listens on
# shellcheck shell=bash
set -u
T=$(mktemp -d "${TMPDIR:-/tmp}/ceems-test.XXXXXX")
TAP_N=0
TAP_FAILED=0
BIN=${CEEMS_BUILD:?}
trap tap_cleanup EXIT

tap_cleanup() {
	local f
	for f in "$T"/*.pid; do
		[ -s "$f" ] && kill -9 "$(cat "$f")" 2>/dev/null
	done
	# What a test mounted is not its own.
	[ -n "${KEEP_SCRATCH:-}" ] && echo "# scratch kept: $T" || rm -rf --one-file-system "$T"
}

# In this shell and not in a subshell, so that a case can wait for what was started.
ok() {
	local name=$1
	shift
	TAP_N=$((TAP_N + 1))
	if "$@" >"$T/ok.out" 2>&1; then
		echo "ok $TAP_N - $name"
	else
		echo "not ok $TAP_N - $name"
		{ printf '%s\n' "\$ $*"; cat "$T/ok.out"; } | head -n 60 | sed 's/^/# /'
		TAP_FAILED=$((TAP_FAILED + 1))
	fi
}

skip() {
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $1 # SKIP $2"
}

done_testing() {
	echo "1..$TAP_N"
	[ "$TAP_FAILED" = 0 ]
}

# jq 1.6 calls it a success if there was nothing to read, as when curl failed in front of it: jq -e fails
# then, also in what is run by sh -c.
guard_jq() {
	local real
	real=$(command -v jq) || return
	mkdir "$T/tap-bin"
	cat >"$T/tap-bin/jq" <<-EOF
		#!/bin/sh
		for a; do
			case \$a in
			--exit-status) guarded=yes ;;
			--*) ;;
			-*e*) guarded=yes ;;
			esac
		done
		[ -n "\$guarded" ] || exec $real "\$@"
		out=\$($real "\$@")
		status=\$?
		[ -z "\$out" ] || printf '%s\n' "\$out"
		[ -n "\$out" ] || [ \$status != 0 ] || status=4
		exit \$status
	EOF
	chmod 755 "$T/tap-bin/jq"
	PATH=$T/tap-bin:$PATH
}
guard_jq

wait_until() {
	local end=$((SECONDS + $1))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { echo "timed out waiting for: $*" >&2; return 1; }
		sleep 0.05
	done
}

start() {
	local name=$1
	shift
	"$@" >"$T/$name.out" 2>"$T/$name.log" </dev/null &
	echo $! >"$T/$name.pid"
}

stop() {
	local pid status=0
	pid=$(cat "$T/$1.pid")
	kill -TERM "$pid" || return 1
	wait "$pid" || status=$?
	rm -f "$T/$1.pid"
	[ "$status" = "${2:-0}" ] || { echo "$1 ended with status $status" >&2; tail -n 20 "$T/$1.log" >&2; return 1; }
}

free_port() {
	/usr/bin/python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'
}
