# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# ceems_api_server with stand-ins for sacct, sacctmgr and Prometheus: start, answers, failures of each
# of them, restart, stop, and configurations that it refuses.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/fake_slurm.sh
. "$CEEMS_SOURCE/tests/lib/fake_slurm.sh"

BEGIN=$((NOW - 1800)) # of the collection
mkdir -p "$T/prom" "$T/old"
echo "1s 1s" >"$T/prom/intervals"
echo '{"host_power_watts:pue": 0.5, "ratio_irate": 40}' >"$T/prom/values"
PORT=$(free_port)

write_config() { # DATA_DIR [MORE]
	cat <<C
ceems_api_server:
  data:
    path: $1
    update_interval: 1s
    settle_delay: 1s
    time_zone: UTC
    update_from: "$(date -u -d "@$BEGIN" +%Y-%m-%dT%H:%M:%S)"
  admin: {users: [boss]}
clusters:
  - id: slurm-0
    manager: slurm
    updaters: [prom]
    cli: {path: $T/bin}
updaters:
  - id: prom
    updater: tsdb
    web: {url: "http://127.0.0.1:$(cat "$T/prom/port")"}
C
}

api() { curl -sSf -m 5 -H "X-Grafana-User: $1" "http://127.0.0.1:$PORT/$2"; }
server() { start api "$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT"; }
healthy() { curl -sSf -m 5 "http://127.0.0.1:$PORT/health"; }
unit() { # USER FILTER
	api "$1" "api/v1/units?from=$((NOW - 3600))&to=$((NOW + 3600))&cluster_id=slurm-0&running" | jq -e "$2"
}
# wait until the stand-ins were asked: Prometheus N times more, sacct in a mode
lines() { wc -l <"$1"; }
more_lines() { [ "$(lines "$1")" -ge "$2" ]; }
asked() { wait_until 20 more_lines "$T/prom/requests" $(($(lines "$T/prom/requests") + $1)); }
sacct_called() { wait_until 20 grep -qx "$1" "$T/sacct-calls"; }
log_count() { [ "$(grep -c "$2" "$T/api.log")" = "$1" ]; }
refused() { # TEXT COMMAND...: exit status 1 and a sentence
	local text=$1 out status=0
	shift
	out=$(timeout 20 "$@" 2>&1) || status=$?
	printf '%s\n' "$out"
	[ "$status" = 1 ] && grep -qF -- "$text" <<<"$out"
}
server_refuses() { # TEXT FLAGS...: with the configuration of stdin
	local text=$1
	shift
	cat >"$T/bad.yml"
	refused "$text" "$BIN/ceems_api_server" --config.file="$T/bad.yml" \
		--web.listen-address="127.0.0.1:$(free_port)" "$@"
}

start prom /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_prometheus.py" "$T/prom"
wait_until 20 test -s "$T/prom/port"
list_jobs <<'J'
101 mira -900 -600
102 zoe -300 0
J
write_config "$T/data" >"$T/config.yml"
chmod 644 "$T/config.yml"

server
ok "the server answers" wait_until 20 healthy
ok "ended jobs are served to their user" wait_until 20 unit mira \
	'.data[0] | .uuid == "101" and .state == "COMPLETED" and .name == "a|b"
	and .total_time_seconds.walltime == 300 and .total_time_seconds.alloc_cputime == 1200
	and .total_cpu_energy_usage_kwh.total > 0 and .avg_cpu_usage.global == 40'
ok "a job is served to nobody else" unit zoe '[.data[].uuid] == ["102"]'
ok "administrators see all users" sh -c "curl -sSf -H 'X-Grafana-User: boss' \
	'http://127.0.0.1:$PORT/api/v1/users/admin' | jq -e '[.data[].name] == [\"mira\", \"zoe\"]'"

# Each of the three fails for a while. Nothing may be lost or said twice.
energy() { unit mira '.data[0].total_cpu_energy_usage_kwh.total'; }
walltime_zoe() { unit zoe '.data[0].total_time_seconds.walltime'; }
stored_windows() { grep -c 'units stored' "$T/api.log"; }
more_windows() { [ "$(stored_windows)" -ge "$1" ]; }
echo down >"$T/prom/mode"
ok "Prometheus that is down is said" wait_until 20 grep -q 'an updater fails' "$T/api.log"
ok "and units are stored all the same" wait_until 20 more_windows $(($(stored_windows) + 3))
ok "and said once" log_count 1 'an updater fails'
BACK=$(date +%s)
rm "$T/prom/mode"
ok "when it is back, so are metrics" wait_until 20 grep -q 'updater works again' "$T/api.log"
ok "for all windows" wait_until 30 sh -c "[ \"\$(sqlite3 '$T/data/ceems.db' 'select count(*) from ceems_windows
	where end_ms <= $BACK * 1000')\" = 0 ]"
echo fail >"$T/sacct-mode"
ok "sacct that fails is said with its words" wait_until 20 grep -q 'slurmdbd is away' "$T/api.log"
rm "$T/sacct-mode"
ok "and forgiven" wait_until 20 log_count 1 'collection works again'

list_jobs <<J
101 mira -900 -600
102 zoe -300 $(($(date +%s) - NOW))
J
ENDED=$(awk -F'|' 'NR == 2 { print $2 - $1 }' "$T/jobs")
ok "a job that ended has exactly its time" wait_until 30 unit zoe \
	".data[0] | .state == \"COMPLETED\" and .total_time_seconds.walltime == $ENDED"

echo hang >"$T/sacct-mode"
sacct_called hang
STOPPING=$SECONDS
ok "it stops with status 0 while sacct hangs" stop api
ok "and at once" test $((SECONDS - STOPPING)) -lt 8
rm "$T/sacct-mode"

BEFORE=$(sqlite3 "$T/data/ceems.db" 'select num_units, total_time_seconds from usage order by username')
server
wait_until 20 healthy
ok "a restart goes on" wait_until 20 grep -q 'units stored' "$T/api.log"
asked 6
AFTER=$(sqlite3 "$T/data/ceems.db" 'select num_units, total_time_seconds from usage order by username')
ok "and counts nothing twice" test "$BEFORE" = "$AFTER"
ok "SIGTERM ends it with status 0" stop api

# A file system of its own, which is full when the first window is stored.
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	mkdir -p "$T/small"
	write_config "$T/small" >"$T/small.yml"
	chmod 644 "$T/small.yml"
	echo fail >"$T/sacct-mode"
	start full unshare -m sh -c "mount -t tmpfs -o size=600k,mode=1777 none '$T/small' &&
		exec '$BIN/ceems_api_server' --config.file='$T/small.yml' --web.listen-address=127.0.0.1:$PORT"
	wait_until 20 healthy
	DISK=/proc/$(cat "$T/full.pid")/root$T/small
	head -c 1M /dev/zero >"$DISK/fill" 2>/dev/null
	wait_until 20 grep -q slurmdbd "$T/full.log"
	: >"$T/sacct-calls"
	rm "$T/sacct-mode"
	wait_until 20 more_lines "$T/sacct-calls" 3 # so two windows were tried to the end
	ok "while the disk is full nothing is stored" unit mira '.data == []'
	ok "and it answers" healthy
	rm "$DISK/fill"
	ok "with room again all is stored" wait_until 20 unit mira '.data[0].total_time_seconds.walltime == 300'
	ok "and the cause was said once" test "$(grep -c 'collection fails.*ceems.db\|collection fails.*full\|collection fails.*space' "$T/full.log")" = 1
	ok "it ends well" stop full
else
	skip "a full disk" "needs root and a mount namespace"
fi

cp "$T/config.yml" "$T/good.yml"
C() { sed "$1" "$T/good.yml"; }
ok "no configuration is refused" refused "failed to parse config file" "$BIN/ceems_api_server"
C 's/manager: slurm/manager: pbs/' >"$T/in"
ok "an unknown manager is refused" server_refuses "unknown resource manager found in the config: pbs" <"$T/in"
C 's/updater: tsdb/updater: x/' >"$T/in"
ok "an unknown updater is refused" server_refuses "unknown updater found in the config: x" <"$T/in"
C "s|path: $T/bin|path: /nonexistent|" >"$T/in"
ok "a directory without sacct is refused" server_refuses "/nonexistent" <"$T/in"
{ cat "$T/good.yml"; printf '    extra_config:\n      queries:\n        avg_cpu_usage:\n          global: "{{.Range"\n'; } >"$T/in"
ok "a bad query template is refused with its line" server_refuses "bad.yml:$(wc -l <"$T/in")" <"$T/in"
C 's/time_zone: UTC/time_zone: Mars\/Olympus/' >"$T/in"
ok "an unknown time zone is refused" server_refuses "Mars/Olympus" <"$T/in"
C 's/update_from: .*/update_from: yesterday/' >"$T/in"
ok "a bad start is refused" server_refuses "failed to parse time string: yesterday" <"$T/in"
C '' >"$T/in"
ok "a bad web configuration is refused" server_refuses "web" --web.config.file="$T/web.yml" <"$T/in"
ok "an unknown flag is refused" server_refuses "failed to parse CLI flags" --nonsense <"$T/in"
start other /usr/bin/python3 -m http.server --bind 127.0.0.1 "$PORT"
wait_until 20 curl -s "http://127.0.0.1:$PORT/"
ok "a taken port is refused" refused "127.0.0.1:$PORT" "$BIN/ceems_api_server" \
	--config.file="$T/good.yml" --web.listen-address="127.0.0.1:$PORT"
done_testing
