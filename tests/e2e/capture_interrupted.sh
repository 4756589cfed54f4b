#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ceems_tool capture and signals: the first ends the recording with a whole archive, the second at once with
# none.
cd "${CEEMS_SOURCE:?}" || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
TOOL=$BIN/ceems_tool
export NODE_NAME=n1

mkdir -p "$T/m/proc" "$T/m/sys/class/hwmon/hwmon0" "$T/m/cgroup" "$T/bin"
# Large, so that the process's own count of bytes tells looks apart.
LOOK=1000000
head -c $LOOK /dev/zero | tr '\0' x >"$T/m/proc/meminfo"
echo 5 >"$T/m/sys/class/hwmon/hwmon0/power1_input"
capture() { # NAME FLAG...
	local name=$1
	shift
	PATH=$T/bin:/usr/bin:/bin start "$name" "${TRACER[@]}" "$TOOL" capture --path.procfs="$T/m/proc" --path.sysfs="$T/m/sys" \
		--path.cgroupfs="$T/m/cgroup" --output="$T/$name.tar.gz" "$@"
}
TRACER=()
hanging_tool() {
	rm -f "$T/hanging"
	printf '#!/bin/sh\necho $$ >%s.new; mv %s.new %s\nexec sleep 1000\n' "$T/hanging" "$T/hanging" "$T/hanging" >"$T/bin/ipmitool"
	chmod +x "$T/bin/ipmitool"
}
interrupted() { tar -xzOf "$T/$1.tar.gz" manifest.json | grep -q '"interrupted":true'; }
said() { grep -q 'interrupted: the archive is complete' "$T/$1.log"; }
signal() { # NAME SIGNAL STATUS
	local status=0
	kill "-$2" "$(cat "$T/$1.pid")" || return 1
	wait "$(cat "$T/$1.pid")" || status=$?
	rm -f "$T/$1.pid"
	[ "$status" = "$3" ] || { echo "status $status"; cat "$T/$1.log"; return 1; }
}
gone() { ! kill -0 "$(cat "$T/hanging")" 2>/dev/null; }

for name in INT TERM; do
	hanging_tool
	capture "tool$name" --duration=1h
	wait_until 60 test -s "$T/hanging"
	ok "SIG$name while a tool hangs: it ends well" signal "tool$name" "$name" 0
	ok "SIG$name: the archive is whole" gzip -t "$T/tool$name.tar.gz"
	ok "SIG$name: it is marked" interrupted "tool$name"
	ok "SIG$name: that is said" said "tool$name"
	ok "SIG$name: the tool is ended, too" wait_until 20 gone
	ok "SIG$name: it is replayed" "$TOOL" replay "$T/tool$name.tar.gz" "$T/replayed$name"
	ok "SIG$name: with the first look" grep -qx 5 "$T/replayed$name/sys/class/hwmon/hwmon0/power1_input"
done

# While frames are recorded
rm "$T/bin/ipmitool"
read_bytes() { awk '$1 == "rchar:" { print $2 }' "/proc/$(cat "$T/frames.pid")/io"; }
looked() { [ "$(read_bytes)" -ge "$1" ]; } # BYTES
capture frames --duration=1h --interval=10ms
wait_until 60 looked $((3 * LOOK))
echo 200 >"$T/m/sys/class/hwmon/hwmon0/power1_input"
wait_until 60 looked $(($(read_bytes) + 3 * LOOK))
ok "while frames are recorded: it ends well" signal frames INT 0
ok "frames: it is marked" interrupted frames
ok "frames: they are played" "$TOOL" replay --speed=1000 "$T/frames.tar.gz" "$T/frames"
ok "frames: what was recorded before the signal is there" grep -qx 200 "$T/frames/sys/class/hwmon/hwmon0/power1_input"

# One that nobody interrupts
capture whole --duration=0s
ok "without a signal" wait "$(cat "$T/whole.pid")"
rm -f "$T/whole.pid"
not_marked() { ! interrupted whole && ! said whole; }
ok "nothing is marked or said" not_marked

# The second signal, while the archive is written: strace makes that take long.
export ASAN_OPTIONS=detect_leaks=0 # it cannot look for leaks while somebody traces
hanging_tool
TRACER=(strace -D -o "$T/trace" -P "$T/second.tar.gz" -e trace=write -e inject=write:delay_enter=3000000:when=1)
capture second
wait_until 60 test -s "$T/hanging"
kill -INT "$(cat "$T/second.pid")"
ok "the archive is begun" wait_until 60 test -e "$T/second.tar.gz"
ok "the second signal ends the program" signal second INT 130
ok "and removes what was written" test ! -e "$T/second.tar.gz"
done_testing
