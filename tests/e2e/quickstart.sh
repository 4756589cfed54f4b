#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job on a real Slurm and a real Prometheus, with the programs of this build (sanitizers on); and
# what quickstart.sh says and leaves behind when it cannot go on.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
Q=$CEEMS_SOURCE/quickstart.sh
chmod 755 "$T"
export CEEMS_QUICKSTART_BIN=$CEEMS_BUILD
# The programs change their user; the leak checker cannot trace them then.
export ASAN_OPTIONS=detect_leaks=0
PORTS=$((20000 + RANDOM % 20 * 100))

nothing_left() { # of a run in $1
	local left=0
	getent passwd qsuser1 qsuser2 qsuser3 && left=1
	compgen -G '/sys/fs/cgroup/*/slurm_ceemsqs' && left=1
	ls -d /sys/fs/cgroup/system.slice/ceemsqs_slurmstepd.scope 2>/dev/null && left=1
	# shellcheck disable=SC2009
	ps -eo stat=,pid=,args= | grep -v '^Z' | grep -F "$1" | grep -vE 'grep|quickstart\.sh' && left=1
	[ -e /var/tmp/ceems-quickstart ] && { echo "/var/tmp/ceems-quickstart is still there"; left=1; }
	[ $left = 0 ]
}
says() { # STATUS TEXT COMMAND...
	local want=$1 text=$2 out status=0
	shift 2
	out=$("$@" 2>&1 </dev/null) || status=$?
	[ "$status" = "$want" ] && grep -qF -- "$text" <<<"$out" && return 0
	printf 'status %s (wanted %s):\n%s\n' "$status" "$want" "$out"
	return 1
}
taken_port() {
	local status=0
	/usr/bin/python3 -c 'import socket,sys; s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); print("up", flush=True); sys.stdin.read()' $((PORTS + 20)) \
		>"$T/up" < <(sleep 60) &
	local pid=$!
	wait_until 10 grep -q up "$T/up"
	says 1 "port $((PORTS + 20)) of 127.0.0.1 is taken" "$Q" --once --port-base $PORTS || status=1
	kill $pid
	return $status
}
other_system() { # a mount namespace with another os-release
	echo 'ID=plan9
PRETTY_NAME="Plan 9"' >"$T/os-release"
	says 1 "this is Plan 9; only Debian 12 and 13 are supported" unshare -m sh -c \
		"mount --bind '$T/os-release' \$(readlink -f /etc/os-release) && exec '$Q' --once"
}
no_mirror() { # a network namespace without a network, and a package that is missing
	cp -r "$CEEMS_SOURCE/tools" "$T/tools"
	echo "run hello-debhelper" >>"$T/tools/packages"
	says 1 "the package lists could not be fetched" unshare -n "$T/tools/install-packages" run
}
full_run() {
	timeout 280 "$Q" --once --jobs 6 --keep "$T/kept" --port-base $PORTS </dev/null >"$T/full.out" 2>&1 && return 0
	tail -n 25 "$T/full.out"
	tail -n 3 "$T"/kept/log/ceems_*.log
	return 1
}
table_lists_jobs() { grep -q '│ JOB ID' "$T/full.out" && [ "$(grep -cE '^│ [1-6] ' "$T/full.out")" -ge 2 ]; }
interrupted() { # SIGNAL after the line with TEXT was printed
	local status=0 pid
	# The shell starts background programs with SIGINT ignored.
	env --default-signal=INT "$Q" --once --port-base $PORTS </dev/null >"$T/int.out" 2>&1 &
	pid=$!
	wait_until 90 grep -qF "$2" "$T/int.out" || { cat "$T/int.out"; return 1; }
	kill -s "$1" $pid
	wait $pid || status=$?
	[ $status = "$3" ] || { echo "status $status"; cat "$T/int.out"; return 1; }
}
killed_then_again() {
	interrupted KILL "job 1:" 137
	getent passwd qsuser1 >/dev/null || { echo "the killed run had made no user yet"; return 1; }
	"$Q" --once --port-base $PORTS </dev/null >"$T/again.out" 2>&1 &
	local pid=$! status=0
	wait_until 60 grep -qF 'building an optimised' "$T/again.out" || { cat "$T/again.out"; return 1; }
	kill -TERM $pid
	wait $pid || status=$?
	grep -qF 'was killed; cleaning up after it' "$T/again.out" && [ $status = 143 ] || { echo "status $status"; cat "$T/again.out"; return 1; }
}

# shellcheck source=tools/quickstart/slurm.sh
. "$CEEMS_SOURCE/tools/quickstart/slurm.sh"
if [ "$(id -u)" != 0 ] || ! cgroup_mode >/dev/null; then
	skip "quickstart" "needs root and control groups that it may write to"
	done_testing
	exit
fi
ok "an unknown argument is named" says 2 "unknown argument '--onec'" "$Q" --onec
ok "a number of jobs that is none is refused" says 2 "--jobs takes a number" "$Q" --jobs many
# A copy, as the checkout may lie where others cannot read.
chmod 755 "$T"
install -m 755 "$Q" "$T/quickstart.sh"
ok "without root or sudo it says so" says 1 "need root" \
	setpriv --reuid=65534 --clear-groups env PATH=/nowhere /bin/bash "$T/quickstart.sh" --once
ok "a taken port is named" taken_port
if unshare -m true 2>/dev/null; then
	ok "an unsupported system is named" other_system
else
	skip "an unsupported system is named" "no mount namespace here (a chroot whose root is no mount point)"
fi
ok "an unreachable mirror is told" no_mirror
ok "a directory with other files is left alone" says 1 "was not made by quickstart.sh" "$Q" --once --keep /etc
ok "six real jobs get CPU time, energy and emissions" full_run
ok "the table of one user lists that user's jobs" table_lists_jobs
ok "the parts of the ledger add up to the meter" grep -q 'difference -\?0.0[0-9]* %' "$T/full.out"
ok "nothing is left behind" nothing_left "$T/kept"
ok "Ctrl-C while Slurm starts ends it" interrupted INT "starting Slurm" 130
ok "nothing is left behind after Ctrl-C" nothing_left /var/tmp/ceems-quickstart
ok "Ctrl-C while jobs run ends it" interrupted TERM "job 3:" 143
ok "nothing is left behind after SIGTERM" nothing_left /var/tmp/ceems-quickstart
ok "a run after a killed one cleans up first" killed_then_again
ok "nothing is left behind then" nothing_left /var/tmp/ceems-quickstart
done_testing
