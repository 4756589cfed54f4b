#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ceems_api_server beside a real Slurm with slurmdbd and slurmrestd (make test-slurm; root): jobs with odd
# names and ends, once through sacct and once through slurmrestd, and both must give the same units.
# Needs the packages of 'slurmrest' in tools/packages, and control groups that it may write to.
# shellcheck disable=SC2016,SC2317
set -uo pipefail
SOURCE=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
SERVER=${CEEMS_BUILD:-$SOURCE/build/dev}/ceems_api_server
PORT_BASE=${PORT_BASE:-19200}
PORT_API=$((PORT_BASE + 20)) PORT_REST=$((PORT_BASE + 30))
PORT_CTLD=$((PORT_BASE + 31)) PORT_DBD=$((PORT_BASE + 32)) PORT_SQL=$((PORT_BASE + 33)) PORT_SLURMD=$((PORT_BASE + 34))
SQL_PASSWORD=slurmtest
STEPS=4
export CEEMS_QUICKSTART_PATIENCE=${CEEMS_QUICKSTART_PATIENCE:-3}
# shellcheck source=tools/quickstart/common.sh
. "$SOURCE/tools/quickstart/common.sh"
# shellcheck source=tools/quickstart/slurm.sh
. "$SOURCE/tools/quickstart/slurm.sh"
NODE=ceemsslurmtest USERS=(ceemstest1 ceemstest2)
unset ACCOUNTS
declare -A ACCOUNTS=([ceemstest1]="astro bio" [ceemstest2]="bio")
: "$PORT_CTLD$PORT_DBD$PORT_SQL$PORT_SLURMD$SQL_PASSWORD$STEPS${ACCOUNTS[*]}" # read by what was sourced

# As root a token is signed with a key that slurmctld and slurmdbd share.
eval "$(declare -f write_slurm_conf | sed '1s/write_slurm_conf/write_plain_slurm_conf/')"
write_slurm_conf() {
	write_plain_slurm_conf
	(umask 077 && head -c 32 /dev/urandom >"$W/etc/jwt.key")
	for conf in slurm slurmdbd; do
		printf 'AuthAltTypes=auth/jwt\nAuthAltParameters=jwt_key=%s\n' "$W/etc/jwt.key" >>"$W/etc/$conf.conf"
	done
}

finish() {
	local status=$?
	trap - EXIT
	undo_all
	rm -rf "$W"
	exit "$status"
}

as() { # USER SBATCH_ARGS...
	local user=$1
	shift
	(cd / && setpriv --reuid="$user" --regid="$user" --init-groups env -i HOME="$W/home/$user" USER="$user" \
		PATH=/usr/bin:/bin SLURM_CONF="$SLURM_CONF" sbatch --parsable --chdir=/tmp --output=/dev/null -n1 --mem=50 "$@")
}

FAILED=0
check() { # NAME COMMAND...
	local name=$1
	shift
	if "$@"; then
		say "ok - $name"
	else
		say "not ok - $name"
		FAILED=1
	fi
}

[ "$(id -u)" = 0 ] || die "this needs root"
for program in slurmrestd slurmctld slurmd slurmdbd sbatch munged mariadbd; do
	command -v "$program" >/dev/null || die "$program is missing: tools/install-packages run slurmrest"
done
CGROUP_MODE=$(cgroup_mode) || die "no control groups that may be written to"
: "$CGROUP_MODE"
W=$(mktemp -d /var/tmp/ceems-slurm-test.XXXXXX)
chmod 755 "$W"
mkdir "$W"/{etc,run,log,state,spool,home,api}
trap finish EXIT
trap 'exit 130' INT TERM HUP
exec 9<"$W"

step "starting Slurm, slurmdbd and slurmrestd"
BEGIN=$(date +%s)
start_slurm
scontrol token username=root lifespan=3600 | sed 's/^SLURM_JWT=//' >"$W/token"
chmod 644 "$W/token"
SLURM_JWT=daemon daemon slurmrestd slurmrestd -u nobody -s openapi/dbv0.0.38,openapi/v0.0.38 -a rest_auth/jwt \
	"127.0.0.1:$PORT_REST"
wait_for 20 slurmrestd port_taken "$PORT_REST"

step "running jobs"
printf '#!/bin/sh\nexec sleep "$1"\n' >"$W/sleep.sh"
printf '#!/bin/sh\nexec python3 -c "x = bytearray(300 << 20); print(len(x))"\n' >"$W/hog.sh"
chmod 755 "$W"/*.sh
ODD=$(as ceemstest1 -A astro -J $'odd|name\nwith <lines> & more' "$W/sleep.sh" 2)
ARRAY=$(as ceemstest2 -A bio --array=1-2 "$W/sleep.sh" 1)
HOG=$(as ceemstest1 -A bio "$W/hog.sh")
KILLED=$(as ceemstest1 -A astro "$W/sleep.sh" 300)
LONG=$(as ceemstest2 -A bio "$W/sleep.sh" 300)
SUSPENDED=$(as ceemstest2 -A bio "$W/sleep.sh" 300)
state_is() { [ "$(sacct -X -n -P -o state -j "$1" | head -n 1)" = "$2" ]; }
# Two CPUs are enough for this order.
wait_for 60 "job $KILLED" state_is "$KILLED" RUNNING
scancel "$KILLED"
for job in "$LONG" "$SUSPENDED"; do wait_for 60 "job $job" state_is "$job" RUNNING; done
scontrol suspend "$SUSPENDED"
wait_for 60 "an end" state_is "$ODD" COMPLETED
wait_for 60 "the array" state_is "$ARRAY" COMPLETED
wait_for 60 "a job out of memory" state_is "$HOG" OUT_OF_MEMORY
wait_for 60 "a suspended job" state_is "$SUSPENDED" SUSPENDED

step "collecting them twice"
cat >"$W/config.yml" <<C
ceems_api_server:
  data: {path: $W/api, update_interval: 1s, settle_delay: 8s, time_zone: UTC,
    update_from: "$(date -u -d "@$BEGIN" +%Y-%m-%dT%H:%M:%S)"}
clusters:
  - id: cli
    manager: slurm
    cli: {environment_variables: {SLURM_CONF: $SLURM_CONF}}
    extra_config: {slurm_cluster: quickstart}
  - id: rest
    manager: slurm
    web:
      url: http://127.0.0.1:$PORT_REST
      http_headers:
        X-SLURM-USER-NAME: {values: [root]}
        X-SLURM-USER-TOKEN: {files: [$W/token]}
    extra_config: {slurm_cluster: quickstart}
C
daemon api "$SERVER" --config.file="$W/config.yml" --web.listen-address="127.0.0.1:$PORT_API" \
	--no-security.drop-privileges
sql() { sqlite3 "$W/api/ceems.db" "$1"; }
NOW=$(date +%s)
reached() { [ "$(sql "select min(end_ms) / 1000 >= $NOW and count(*) = 2 from ceems_watermarks")" = 1 ]; }
wait_for 90 "both clusters" reached

step "comparing"
# While a job runs, elapsed and time are as of the moment; the API tells no uid and gid, and who cancelled
# by name.
COLUMNS="uuid, name, project, groupname, username, created_at, started_at, ended_at, created_at_ts, started_at_ts,
	ended_at_ts, replace(state, 'by root', 'by 0'), allocation, json_remove(tags, '\$.uid', '\$.gid')"
units() { sql "select $COLUMNS from units where cluster_id = '$1' order by uuid, started_at"; }
same() {
	local left right
	left=$(units cli) right=$(units rest)
	[ -n "$left" ] && [ "$left" = "$right" ] || { diff <(printf '%s' "$left") <(printf '%s' "$right"); return 1; }
}
state() { sql "select state from units where cluster_id = 'cli' and uuid = '$1'"; }
walltime() { sql "select json_extract(total_time_seconds, '\$.walltime') from units where cluster_id = '$2' and uuid = '$1'"; }
check "sacct and slurmrestd give the same units" same
check "and accounts" test "$(sql "select group_concat(cluster_id || name || projects) from
	(select * from users order by cluster_id, name)")" = \
	'cliceemstest1["astro","bio"],cliceemstest2["bio"],restceemstest1["astro","bio"],restceemstest2["bio"]'
check "a name keeps its line feed and its bar" test "$(sql "select count(*) from units where
	uuid = '$ODD' and name = 'odd|name' || char(10) || 'with <lines> & more'")" = 2
check "each task of an array is a unit" test "$(sql "select count(*) from units where cluster_id = 'rest' and
	username = 'ceemstest2' and ended_at_ts > 0")" = 2
check "a job out of memory has ended" test "$(state "$HOG")" = OUT_OF_MEMORY
case $(state "$KILLED") in CANCELLED*) killed=0 ;; *) killed=1 ;; esac
check "a job that was killed is cancelled" test $killed = 0
check "a suspended job is listed" test "$(state "$SUSPENDED")" = SUSPENDED
check "a running job runs" test "$(state "$LONG")" = RUNNING
check "times are those of the windows" test "$(walltime "$ODD" cli)" = "$(walltime "$ODD" rest)"
[ "$FAILED" = 0 ] || tail -n 20 "$W/log/api.log"
exit $FAILED
