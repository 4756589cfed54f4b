# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Backups of the running server: each interval, whole, on the disk, pruned; directories that fail; a server that
# is stopped or killed in the middle of one; and a database that is put back as docs/operations.md says.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/fake_slurm.sh
. "$CEEMS_SOURCE/tests/lib/fake_slurm.sh"

PORT=$(free_port)
B=$T/backups
DB=$T/data/ceems.db

write_config() { # INTERVAL [BACKUP_PATH]
	cat >"$T/config.yml" <<C
ceems_api_server:
  data:
    path: $T/data
    backup_path: ${2:-$B}
    backup_interval: $1
    backups_kept: 2
    update_interval: 1s
    settle_delay: 1s
    time_zone: UTC
    update_from: "$(date -u -d "@$((NOW - 1800))" +%Y-%m-%dT%H:%M:%S)"
  admin: {users: [boss]}
clusters:
  - {id: slurm-0, manager: slurm, cli: {path: $T/bin}}
C
	chmod 644 "$T/config.yml"
}
healthy() { curl -sSf -m 5 "http://127.0.0.1:$PORT/health"; }
# An interval below a day needs --test.disable.checks.
server() {
	start api "$@" "$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address="127.0.0.1:$PORT" \
		--log.level=debug --test.disable.checks && wait_until 20 healthy
}
# Opened as it is: a reader that makes a WAL would leave files beside it.
query() { sqlite3 "file:$1?immutable=1" "$2"; }
sums() { query "$1" "SELECT count(*), sum(json_extract(total_time_seconds, '\$.walltime')) FROM units WHERE ended_at_ts > 0"; }
list() { ls -A "$B"; }
is_whole() { # FILE
	[ "$(query "$1" 'PRAGMA integrity_check')" = ok ] && [ "$(sums "$1")" = "$ENDED" ]
}
all_whole() { # no file that is called a backup and is none
	local file
	for file in "$B"/ceems-*.db; do
		[ -e "$file" ] || continue
		is_whole "$file" || { echo "$file is half"; return 1; }
	done
}
log_count() { [ "$(grep -c "$2" "$T/api.log")" = "$1" ]; }
log_at_least() { [ "$(grep -c "$2" "$T/api.log")" -ge "$1" ]; }
new_backups() { wait_until 30 log_at_least $(($(grep -c 'backup made' "$T/api.log") + $1)) 'backup made'; }
part_is_there() { [ -s "$B/.ceems-backup.part" ]; }

list_jobs <<'J'
101 mira -900 -600
102 zoe -900 -300
103 zoe -300 0
J
write_config 1s
server
wait_until 20 grep -q 'units stored.*rows=[1-9]' "$T/api.log"
ENDED='2|900'
wait_until 20 sh -c "[ \"\$(sqlite3 -cmd '.timeout 5000' '$DB' 'SELECT count(*) FROM units')\" = 3 ]"
for i in 0 1 2; do touch "$B/ceems-20200101000$i.db"; done
touch "$B/notes.txt"
BEFORE=$(date -u +%Y%m%d%H%M)
new_backups 2
AFTER=$(date -u +%Y%m%d%H%M)
ok "backups are made at the interval" log_at_least 2 'backup made'
NEWEST=$(list | grep '^ceems-.*\.db$' | tail -n 1)
ok "and named by the time in time_zone" sh -c \
	"s=${NEWEST:6:12}; [ \$s -ge $BEFORE ] && [ \$s -le $AFTER ]"
ok "one opens and has the rows" is_whole "$B/$NEWEST"
ok "readable for its owner and group only" test "$(stat -c %a "$B/$NEWEST")" = 640
pruned() { [ "$(list | grep -c '^ceems-.*\.db$')" = 2 ] && [ -e "$B/notes.txt" ] && [ ! -e "$B/ceems-202001010000.db" ]; }
ok "older ones are removed, other files are not" wait_until 20 pruned

# What has the name is on the disk: the file was synced before, the directory after.
if strace -o "$T/probe" true 2>/dev/null; then
	start trace strace -f -y -e trace=fsync,rename,renameat,renameat2 -o "$T/trace" -p "$(cat "$T/api.pid")"
	wait_until 30 grep -q '^[0-9]* *rename.*ceems-backup' "$T/trace"
	new_backups 1
	stop trace 143
	# shellcheck disable=SC2016
	ok "a backup is synced, renamed, and its directory synced" awk -v dir="$B" '
		/fsync\(/ && index($0, "<" dir "/.ceems-backup.part>") { synced = 1 }
		/rename/ && /ceems-backup.part/ { if (!synced) bad = 1; renamed = 1; synced = 0; next }
		/fsync\(/ && index($0, "<" dir ">") && renamed { n++; renamed = 0 }
		END { exit bad || !n }' "$T/trace"
else
	skip "a backup is synced, renamed, and its directory synced" "strace is not allowed here"
fi

# A directory that goes away and comes back.
mv "$B" "$B.away"
ok "a directory that is gone is said" wait_until 20 log_count 1 "no backup was made.*$B"
ok "tried again" wait_until 20 log_at_least 2 'still no backup'
ok "but said once" log_count 1 'no backup was made'
mv "$B.away" "$B"
ok "and backups work again" wait_until 20 log_count 1 'backups work again'
ok "it stops" stop api

# A backup that takes a while.
sqlite3 "$DB" "CREATE TABLE padding (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
	INSERT INTO padding SELECT zeroblob(500000) FROM n"
rm -f "$B"/*
server
wait_until 30 part_is_there
ok "it stops in the middle of a backup" stop api
ok "and leaves no half one" all_whole
ok "nor the part" test ! -e "$B/.ceems-backup.part"

rm -f "$B"/*
server
wait_until 30 part_is_there
kill -9 "$(cat "$T/api.pid")"
wait "$(cat "$T/api.pid")" 2>/dev/null
ok "killed in the middle, the part has no backup's name" all_whole
server
new_backups 1
ok "the next one is whole" all_whole
ok "it stops" stop api
ok "and no part is left" test ! -e "$B/.ceems-backup.part"
sqlite3 "$DB" 'DROP TABLE padding; VACUUM'

# docs/operations.md: stop, put the file there, remove the two beside it, start.
rm -f "$B"/*
server
new_backups 1
COPY=$B/$(list | tail -n 1)
cp "$COPY" "$T/copy.db"
list_jobs <<J
101 mira -900 -600
102 zoe -900 -300
103 zoe -300 $(($(date +%s) - NOW))
J
wait_until 30 sh -c "[ \"\$(sqlite3 -cmd '.timeout 5000' '$DB' 'SELECT count(*) FROM units WHERE ended_at_ts > 0')\" = 3 ]"
kill -9 "$(cat "$T/api.pid")" # so that there is a WAL which must not be put to the copy
wait "$(cat "$T/api.pid")" 2>/dev/null
LOST=$(sqlite3 "$DB" "SELECT uuid, total_time_seconds FROM units ORDER BY uuid")
cp "$T/copy.db" "$DB"
rm -f "$DB-wal" "$DB-shm"
server
restored() { [ "$(sqlite3 -cmd '.timeout 5000' "$DB" "SELECT uuid, total_time_seconds FROM units ORDER BY uuid")" = "$LOST" ]; }
ok "from a backup it goes on, and what came after it is fetched again, once" wait_until 30 restored
ok "it stops" stop api

# A file system of its own, on which the backup has no room.
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	mkdir -p "$T/small"
	write_config 1s "$T/small"
	server unshare -m sh -c "mount -t tmpfs -o size=3m,mode=1777 none '$T/small' &&
		head -c 4M /dev/zero >'$T/small/fill' 2>/dev/null; exec \"\$@\"" sh
	DISK=/proc/$(cat "$T/api.pid")/root$T/small
	ok "a full disk is said, with the place" wait_until 20 log_count 1 "no backup was made.*$T/small/.*space"
	ok "tried again" wait_until 20 log_at_least 2 'still no backup'
	ok "but said once" log_count 1 'no backup was made'
	ok "units are stored meanwhile" log_at_least 2 'units stored'
	rm "$DISK/fill"
	ok "with room again there is one" wait_until 20 log_count 1 'backups work again'
	ok "it opens" sh -c "[ \"\$(sqlite3 \"file:\$(ls '$DISK'/ceems-*.db)?immutable=1\" 'PRAGMA integrity_check')\" = ok ]"
	ok "it stops" stop api
else
	skip "a full disk" "needs root and a mount namespace"
fi

write_config 1h
ok "intervals below a day are refused" sh -c "! timeout 20 '$BIN/ceems_api_server' --config.file='$T/config.yml' \
	--web.listen-address=127.0.0.1:$PORT 2>'$T/refused' && grep -q 'backup_interval of less than 1 day' '$T/refused'"
done_testing
