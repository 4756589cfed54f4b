#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What all programs have in common on the command line: help, version, manual page, completion.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"

on_stdout() { # PATTERN COMMAND...: exit 0, the pattern on stdout, nothing on stderr
	local pattern=$1
	shift
	"$@" >"$T/out" 2>"$T/err" </dev/null || return 1
	[ ! -s "$T/err" ] && grep -q -- "$pattern" "$T/out"
}
refused() { # PATTERN COMMAND...: exit 1, one line on stderr that matches, nothing on stdout
	local pattern=$1 status=0
	shift
	"$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	cat "$T/out" "$T/err"
	[ $status = 1 ] && [ ! -s "$T/out" ] && [ "$(wc -l <"$T/err")" = 1 ] && grep -q -- "$pattern" "$T/err"
}
manual_is_clean() {
	"$BIN/$1" --help-man >"$T/$1.man" && mandoc -T lint "$T/$1.man"
}
fits_a_terminal() {
	"$BIN/$1" --help-long | awk 'length($0) > 100 { print; bad = 1 } END { exit bad }'
}
# What bash itself makes of the script, with the words of a half-typed line.
completes() { # PROGRAM EXPECTED WORD...
	local program=$1 expected=$2 got
	shift 2
	got=$(PATH=$BIN:$PATH bash -c 'eval "$("$1" --completion-script-bash)"
		read -r _ _ _ _ function _ <<<"$(complete -p "$1")"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		"$function"; echo "${COMPREPLY[*]}"' bash "$program" "$@")
	[ "$got" = "$expected" ] || { echo "got '$got'"; return 1; }
}

for p in ceems_exporter ceems_api_server ceems_lb ceems_tool cacct; do
	if [ ! -x "$BIN/$p" ]; then
		skip "$p" "not built"
		continue
	fi
	ok "$p --help is on stdout" on_stdout "^usage: $p" "$BIN/$p" --help
	ok "$p -h is the same" on_stdout "^usage: $p" "$BIN/$p" -h
	ok "$p --help-long fits a terminal" fits_a_terminal $p
	ok "$p --version has its first line" on_stdout "^$p, version [0-9.]* (branch: .*, revision: .*)\$" "$BIN/$p" --version
	ok "$p --version acts where it stands" on_stdout "^$p, version" "$BIN/$p" --version --no-such-flag
	ok "$p has a clean manual page" manual_is_clean $p
	ok "$p completes --vers" completes $p --version --vers
	ok "$p refuses what it does not know" refused "unknown long flag '--no-such-flag'" "$BIN/$p" --no-such-flag
	ok "$p refuses it before --version, too" refused "unknown long flag" "$BIN/$p" --no-such-flag --version
	ok "$p refuses it after --help, too" refused "unknown long flag" "$BIN/$p" --help --no-such-flag
	ok "$p refuses arguments from a missing file" refused "argument file '/nonexistent'" "$BIN/$p" @/nonexistent
done
for p in ceems_exporter ceems_api_server ceems_lb; do
	if [ ! -x "$BIN/$p" ]; then
		skip "$p, as a daemon" "not built"
		continue
	fi
	ok "$p dates its complaint" refused '^[0-9]\{4\}/[0-9][0-9]/[0-9][0-9] [0-9:]\{8\} failed to parse CLI flags: ' "$BIN/$p" --log.level=loud
	ok "$p completes values" completes $p "warn" --log.level w
	ok "$p refuses arguments" refused 'unexpected stray' "$BIN/$p" stray
done
if [ -x "$BIN/ceems_tool" ]; then
	ok "ceems_tool alone shows its usage" on_stdout '^usage: ceems_tool' "$BIN/ceems_tool"
	ok "ceems_tool help shows a command" on_stdout 'create-recording-rules' "$BIN/ceems_tool" help tsdb
	ok "ceems_tool points to its help" refused '^ceems_tool: error: .*, try --help$' "$BIN/ceems_tool" tsdb
	ok "ceems_tool completes commands" completes ceems_tool "create-recording-rules" tsdb create-rec
else
	skip "ceems_tool" "not built"
fi
done_testing
