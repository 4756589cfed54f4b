# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Messages, and the journal of what a run has made on this machine. Each line of $W/undo is one thing to
# take back; it is written before the thing is made, so that a run that was killed can be undone by
# the next one.

say() { printf '%s\n' "$*"; }

step_number=0
step() {
	step_number=$((step_number + 1))
	printf '\n[%d/%d] %s (%d s)\n' "$step_number" "$STEPS" "$*" "$SECONDS"
}

die() {
	printf 'quickstart: %s\n' "$*" >&2
	exit 1
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds. A slow machine (an emulator) may ask for
# more patience by a factor.
PATIENCE=${CEEMS_QUICKSTART_PATIENCE:-1}
wait_for() {
	local end=$((SECONDS + $1 * PATIENCE)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		if [ -s "$W/run/$what.pid" ] && ! alive "$what"; then
			die "$what ended: $(tail -n 1 "$W/log/$what.log")"
		fi
		[ $SECONDS -lt "$end" ] || die "timed out waiting for $what (logs are in $W/log; --keep DIR keeps them)"
		sleep 0.2
	done
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_ticks() { # of a process; tells a recycled pid from the one that was started
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	set -- ${stat##*) }
	echo "${20}"
}

undo_later() { printf '%s\n' "$*" >>"$W/undo"; }

# daemon NAME COMMAND...: in a session of its own, with its log in $W/log/NAME.log.
daemon() {
	local name=$1 pid
	shift
	BUSY=yes
	setsid "$@" >>"$W/log/$name.log" 2>&1 </dev/null 9<&- &
	pid=$!
	undo_later "process $pid $(start_ticks "$pid" || echo 0) $name"
	printf '%s\n' "$pid" >"$W/run/$name.pid"
	BUSY=no
	[ -z "$ENDING" ] || exit "$ENDING"
}

# end_with STATUS: of a signal. One that comes between the start of a program and the note that it must be
# ended has to wait for the note.
BUSY=no
ENDING=
end_with() {
	ENDING=$1
	[ $BUSY = yes ] || exit "$1"
}

# adopt NAME PIDFILE: a program that put itself into the background.
adopt() {
	wait_for 30 "$1" test -s "$2"
	local pid
	pid=$(cat "$2")
	undo_later "process $pid $(start_ticks "$pid" || echo 0) $1"
}

alive() {
	local pid
	pid=$(cat "$W/run/$1.pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null
}

end_process() { # PID TICKS NAME
	local i
	[ "$(start_ticks "$1")" = "$2" ] || return 0
	kill -TERM "$1" 2>/dev/null
	for ((i = 0; i < 150; i++)); do
		[ "$(start_ticks "$1")" = "$2" ] || return 0
		[ "$(awk '{print $3}' "/proc/$1/stat" 2>/dev/null)" = Z ] && return 0
		sleep 0.1
	done
	say "  $3 does not end, killing it"
	kill -KILL "$1" 2>/dev/null
}

remove_cgroups() { # NODE: directories that the Slurm daemons of this run made
	local dir i
	for ((i = 0; i < 20; i++)); do
		for dir in /sys/fs/cgroup/*/"slurm_$1" /sys/fs/cgroup/system.slice/"$1"_slurmstepd.scope; do
			[ -d "$dir" ] && find "$dir" -depth -type d -exec rmdir {} \; 2>/dev/null
		done
		compgen -G "/sys/fs/cgroup/*/slurm_$1" >/dev/null || [ -d "/sys/fs/cgroup/system.slice/$1_slurmstepd.scope" ] || return 0
		sleep 0.25
	done
	say "  a cgroup of node $1 could not be removed: its processes have not ended"
}

undo_all() {
	local line
	[ -f "$W/undo" ] || return 0
	tac "$W/undo" >"$W/undo.now"
	while read -r line; do
		# shellcheck disable=SC2086
		set -- $line
		case $1 in
		jobs) cancel_jobs ;;
		process) end_process "$2" "$3" "$4" ;;
		cgroups) remove_cgroups "$2" ;;
		slice) rmdir "$2" 2>/dev/null ;;
		address) ip addr del "$2" dev lo 2>/dev/null ;;
		user) userdel "$2" 2>/dev/null; groupdel "$2" 2>/dev/null ;;
		esac
	done <"$W/undo.now"
	rm -f "$W/undo" "$W/undo.now"
}
