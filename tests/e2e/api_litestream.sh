# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A program that replicates the database as Litestream does (tests/lib/fake_litestream.py) beside the server: the
# WAL isn't taken away under it, its locks and checkpoints fail nothing, nothing is lost on either side.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/fake_slurm.sh
. "$CEEMS_SOURCE/tests/lib/fake_slurm.sh"

PORT=$(free_port)
DB=$T/data/ceems.db
JOBS=150
PAGES=150 # between its checkpoints

write_config() { # WAL_AUTOCHECKPOINT
	cat >"$T/config.yml" <<C
ceems_api_server:
  data:
    path: $T/data
    update_interval: 1s
    max_update_interval: 30s
    catch_up_pause: 50ms
    settle_delay: 1s
    wal_autocheckpoint: $1
    time_zone: UTC
    update_from: "$(date -u -d "@$((NOW - 900))" +%Y-%m-%dT%H:%M:%S)"
  admin: {users: [boss]}
clusters:
  - {id: slurm-0, manager: slurm, cli: {path: $T/bin}}
C
	chmod 644 "$T/config.yml"
}
healthy() { curl -sSf -m 5 "http://127.0.0.1:$PORT/health"; }
server() {
	start api "$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT" &&
		wait_until 20 healthy
}
litestream() { # [hold]
	rm -rf "$T/replica"
	mkdir "$T/replica"
	[ -z "${1:-}" ] || touch "$T/replica/hold"
	start replica /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/fake_litestream.py" "$DB" "$T/replica" $PAGES
	wait_until 30 test -e "$T/replica/ready"
}
# After the server has stopped: all that it wrote is in the replica.
end_litestream() {
	touch "$T/replica/stop"
	wait "$(cat "$T/replica.pid")" || { cat "$T/replica.log"; return 1; }
	rm "$T/replica.pid"
	cat "$T/replica.out"
	[ "$(sqlite3 "$T/replica/restored.db" 'PRAGMA integrity_check')" = ok ] &&
		[ "$(sqlite3 "$T/replica/restored.db" .dump | sha256sum)" = "$(sqlite3 "$DB" .dump | sha256sum)" ]
}
reported() { cat "$T/replica.out"; jq -e "$1" "$T/replica.out"; }
windows() { [ "$(grep -c 'units stored' "$T/api.log")" -ge "$1" ]; }
wal_pages() { [ "$(stat -c %s "$DB-wal")" -ge $(($1 * 4120)) ]; }
# Each job ran from its start to the end of the last window, and each second counts once.
nothing_lost() {
	[ "$(sqlite3 "$DB" "SELECT count(*), sum(json_extract(total_time_seconds, '\$.walltime') =
		(SELECT end_ms FROM ceems_watermarks) / 1000 - started_at_ts / 1000) FROM units")" = "$JOBS|$JOBS" ]
}
no_failure() { ! grep -E 'level=(ERROR|WARN)' "$T/api.log"; }

for i in $(seq $JOBS); do echo "$i user$((i % 20)) -800 0"; done | list_jobs

# Litestream holds the WAL and checkpoints nothing for a while, and dies.
write_config 1000
server
litestream hold
ok "the WAL grows while somebody reads" wait_until 120 wal_pages 700
kill -9 "$(cat "$T/replica.pid")"
wait "$(cat "$T/replica.pid")" 2>/dev/null
rm "$T/replica.pid"
ok "windows are stored after it died" wait_until 120 windows $(($(grep -c 'units stored' "$T/api.log") + 2))

# With SQLite's own checkpoints in between.
litestream
ok "windows are stored beside it" wait_until 120 windows $(($(grep -c 'units stored' "$T/api.log") + 12))
ok "the server stops" stop api
ok "and nothing failed" no_failure
ok "the replica is the database" end_litestream
ok "it checkpointed" reported '.passive + .restart > 1'
ok "each second is counted once" nothing_lost

# As docs/operations.md has it.
rm -rf "$T/data"
write_config 250000
server
litestream
ok "windows are stored beside it" wait_until 240 windows 25
ok "the server stops" stop api
ok "and nothing failed" no_failure
ok "the replica is the database" end_litestream
ok "no frame was missing and no WAL was begun anew but by itself" reported \
	'.generations == 1 and .restart > 0 and .passive > 1 and .frames > 700'
ok "each second is counted once" nothing_lost
done_testing
