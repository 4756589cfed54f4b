#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds CEEMS and shows what real Slurm jobs cost on this machine. See --help.
set -uo pipefail
SOURCE=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)

usage() {
	cat <<'T'
usage: ./quickstart.sh [options]

Installs what is missing from Debian, builds CEEMS, starts a one-node Slurm with accounting, a
Prometheus, ceems_exporter and ceems_api_server, all on loopback and in one directory, runs jobs of three
users, and shows what they cost in kWh and g CO2e. Ctrl-C stops and removes all of it; packages stay.

  --once          end with status 0 as soon as the result is shown
  --jobs N        number of jobs to run (6)
  --keep DIR      keep logs, databases and configuration in DIR; what an earlier run left there is replaced
  --country CC    ISO code of the country whose emission factor is used (FR)
  --port-base N   ports N+10 ... N+90 of 127.0.0.1 are used (19000)
  -h, --help      this text

Needs root (sudo is used if it is there), Debian 12 or 13, and control groups that it may write to.
T
}

ONCE=no JOBS=6 KEEP='' COUNTRY=FR PORT_BASE=19000
bad() {
	echo "quickstart: $*; see ./quickstart.sh --help" >&2
	exit 2
}
args=("$@")
while [ $# -gt 0 ]; do
	case $1 in
	--once) ONCE=yes ;;
	--jobs | --keep | --country | --port-base)
		[ $# -gt 1 ] || bad "$1 needs a value"
		case $1 in --jobs) JOBS=$2 ;; --keep) KEEP=$2 ;; --country) COUNTRY=$2 ;; --port-base) PORT_BASE=$2 ;; esac
		shift
		;;
	--jobs=*) JOBS=${1#*=} ;;
	--keep=*) KEEP=${1#*=} ;;
	--country=*) COUNTRY=${1#*=} ;;
	--port-base=*) PORT_BASE=${1#*=} ;;
	-h | --help)
		usage
		exit 0
		;;
	*) bad "unknown argument '$1'" ;;
	esac
	shift
done
[[ $JOBS =~ ^[1-9][0-9]{0,2}$ ]] || bad "--jobs takes a number from 1 to 999, not '$JOBS'"
[[ $COUNTRY =~ ^[A-Z]{2}$ ]] || bad "--country takes two capital letters, not '$COUNTRY'"
if ! [[ $PORT_BASE =~ ^[1-9][0-9]{3,4}$ ]] || [ "$PORT_BASE" -gt 65000 ]; then
	bad "--port-base takes a number from 1000 to 65000, not '$PORT_BASE'"
fi

if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "quickstart: Slurm and the users of its jobs need root: run this as root, or install sudo" >&2
		exit 1
	}
	echo "quickstart: continuing with sudo"
	exec sudo -- "$SOURCE/quickstart.sh" "${args[@]}"
fi

STEPS=7
PORT_EXPORTER=$((PORT_BASE + 10)) PORT_API=$((PORT_BASE + 20)) PORT_PROMETHEUS=$((PORT_BASE + 90))
PORT_CTLD=$((PORT_BASE + 31)) PORT_DBD=$((PORT_BASE + 32)) PORT_SQL=$((PORT_BASE + 33)) PORT_SLURMD=$((PORT_BASE + 34))
PROM_URL=http://127.0.0.1:$PORT_PROMETHEUS
SCRAPE=5s UPDATE_SECONDS=20
# shellcheck source=tools/quickstart/common.sh
. "$SOURCE/tools/quickstart/common.sh"
# shellcheck source=tools/quickstart/slurm.sh
. "$SOURCE/tools/quickstart/slurm.sh"
# shellcheck source=tools/quickstart/stack.sh
. "$SOURCE/tools/quickstart/stack.sh"
# shellcheck source=tools/quickstart/report.sh
. "$SOURCE/tools/quickstart/report.sh"

finish() {
	local status=$?
	trap '' INT TERM HUP
	trap - EXIT
	set +e
	if [ -n "${W:-}" ]; then
		[ -s "$W/undo" ] && say "" && say "stopping what was started ..."
		undo_all
		if [ -z "$KEEP" ]; then
			rm -rf "$W"
		else
			say "kept: $W"
		fi
	fi
	exit $status
}

# The directory must be one that other users can enter: jobs and daemons of theirs read from it.
open_work_directory() {
	W=$(realpath -m "${KEEP:-/var/tmp/ceems-quickstart}")
	[[ $W =~ ^/[A-Za-z0-9._/-]+$ ]] || { local odd=$W; W=''; die "the directory '$odd' has characters that Slurm's files cannot take"; }
	if [ -d "$W" ] && [ -n "$(ls -A "$W")" ] && [ ! -f "$W/.ceems-quickstart" ]; then
		local other=$W
		W=''
		die "$other is not empty and was not made by quickstart.sh; give --keep a new directory"
	fi
	mkdir -p "$W" || { W=''; die "cannot make the directory"; }
	exec 9<"$W"
	flock -n 9 || { local busy=$W; W=''; die "another quickstart.sh runs in $busy; stop it first (Ctrl-C there)"; }
	: >"$W/.ceems-quickstart"
	chmod 755 "$W"
	setpriv --reuid=65534 --clear-groups test -x "$W" ||
		die "$W cannot be entered by other users, but jobs and daemons must; use a directory such as /var/tmp/x"
	if [ -s "$W/undo" ]; then
		say "an earlier run in $W was killed; cleaning up after it"
		undo_all
	fi
	# Job ids start at 1 again, so nothing of an earlier run may stay.
	for name in etc run log state spool db jobs home api prometheus; do
		rm -rf "${W:?}/$name"
	done
	install -d -m 755 "$W"/{etc,run,log,state,spool,home}
}

check_ports() {
	local port
	for port in $PORT_EXPORTER $PORT_API $PORT_PROMETHEUS $PORT_CTLD $PORT_DBD $PORT_SQL $PORT_SLURMD; do
		port_taken "$port" && die "port $port of 127.0.0.1 is taken; choose others with --port-base"
	done
	return 0
}

build() {
	local as=()
	BIN=${CEEMS_QUICKSTART_BIN:-$SOURCE/build/quickstart}
	if [ -z "${CEEMS_QUICKSTART_BIN:-}" ]; then
		[ -n "${SUDO_UID:-}" ] && as=(setpriv --reuid="$SUDO_UID" --regid="$SUDO_GID" --init-groups env HOME="$(getent passwd "$SUDO_UID" | cut -d: -f6)")
		cd "$SOURCE" || die "cannot enter $SOURCE"
		if [ ! -f "$BIN/build.ninja" ]; then
			"${as[@]}" meson setup "$BIN" --buildtype=release -Dtests=false >"$W/log/build.log" 2>&1 9<&- || {
				tail -n 15 "$W/log/build.log" >&2
				die "meson could not set up the build"
			}
		fi
		"${as[@]}" ninja -C "$BIN" >>"$W/log/build.log" 2>&1 9<&- || {
			grep -E 'error|FAILED' "$W/log/build.log" | head -n 15 >&2
			die "the build failed; the whole log: run 'ninja -C $BIN'"
		}
	fi
	# The user's cacct must be reachable for the user, whatever the checkout's permissions are.
	install -m 755 "$BIN/cacct" "$W/run/cacct"
	say "  $("$BIN/ceems_exporter" --version | head -n 1)"
}

main() {
	trap finish EXIT
	trap 'end_with 130' INT
	trap 'end_with 143' TERM HUP
	umask 022

	step "installing missing packages"
	"$SOURCE/tools/install-packages" build run || exit 1
	open_work_directory
	check_ports
	CGROUP_MODE=$(cgroup_mode) || die "Slurm needs control groups that root may write to (v2 with the memory controller," \
		"or v1 freezer, memory and cpuacct below /sys/fs/cgroup); a container needs them delegated"
	SQL_PASSWORD=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')

	step "building an optimised release"
	build

	step "starting Slurm with accounting (cgroup $CGROUP_MODE)"
	START_UNIX=$(date +%s)
	START_TIME=$(date +%Y-%m-%dT%H:%M:%S)
	start_slurm
	write_job_scripts

	step "starting ceems_exporter and Prometheus (scraping every $SCRAPE)"
	start_exporter
	start_prometheus
	wait_for 60 "the first scrape" prom_has 'ceems_energy_meter_joules_total'
	submit_jobs 1
	wait_for 60 "the first job's series" prom_has 'ceems_energy_unit_joules_total'
	first_job=("${JOB_IDS[@]}")

	step "recording rules and updater queries, ceems_api_server"
	make_rules
	wait_for 60 "Prometheus to load the rules" rules_loaded
	make_queries
	start_api_server

	step "running $JOBS jobs of ${#USERS[@]} users"
	submit_jobs "$JOBS" 1
	JOB_IDS=("${first_job[@]}" "${JOB_IDS[@]}")
	wait_for $((60 + 20 * JOBS)) "the jobs to end" jobs_over
	say "  all jobs have ended; waiting until the API server has their sums"
	wait_for 180 "the API server to serve all jobs with energy and emissions" units_ready

	step "what it cost"
	say "" && say "Jobs of qsuser1, as cacct shows them to that user:"
	show_cacct qsuser1
	say "" && say "Totals per project and user (API server, usage/global/admin):"
	show_projects
	say "" && say "The node's energy ledger:"
	show_ledger
	check_ledger
	say "" && say "To look further:"
	show_addresses
	say "" && say "done in $SECONDS s"
	if [ "$ONCE" = no ]; then
		say "Ctrl-C stops everything."
		while :; do
			for name in ceems_exporter ceems_api_server prometheus mariadbd munged; do
				alive "$name" || die "$name has ended unexpectedly; its last words: $(tail -n 1 "$W/log/$name.log")"
			done
			sleep 1
		done
	fi
}

main
