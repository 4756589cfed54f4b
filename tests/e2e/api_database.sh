# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What ceems_api_server does with its database beside collecting units, without a cluster: retention, files
# that belong to root, and damage.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/api.sh
. "$CEEMS_SOURCE/tests/lib/api.sh"

DB=$T/data/ceems.db
# is WANTED SQL: what the database answers; other programs may hold its lock for a moment
is() { [ "$(sqlite3 -cmd '.timeout 5000' "$DB" "$2")" = "$1" ]; }

fill_api_database || exit 1

# Of three units one is old, one new, and one runs since then.
sqlite3 -bail "$DB" "DELETE FROM units; INSERT INTO units (cluster_id, uuid, username, project, started_at,
	ended_at, ended_at_ts) VALUES
	('gone', '1', 'mira', 'astro', '2001-01-01T00:00:00+0100', '2001-01-02T00:00:00+0100', 978390000000),
	('gone', '2', 'mira', 'astro', '2031-01-01T00:00:00+0100', '2031-01-02T00:00:00+0100', 1925074800000),
	('gone', '3', 'mira', 'astro', '2001-01-01T00:00:00+0100', 'Unknown', 0)"
ok "a server without clusters starts" start_api --storage.data.skip.delete.old.units
ok "with no retention nothing is deleted" is 3 'SELECT count(*) FROM units'
ok "it stops" stop api
ok "a server without clusters starts" start_api
ok "with retention, what is too old is deleted" wait_until 20 is "2 3" \
	"SELECT group_concat(uuid, ' ') FROM (SELECT uuid FROM units ORDER BY uuid)"
ok "and the log says how much" wait_until 20 grep -q 'retention period deleted.*rows=1' "$T/api.log"
ok "it stops" stop api

# What CEEMS 0.10.2 stored: a job of an hour, which began at a quarter of an hour, and no tables of ours.
BEGIN=$((($(date +%s) / 900 - 12) * 900))
ldt() { TZ=Europe/Berlin date -d "@$1" +%Y-%m-%dT%H:%M:%S; }
sqlite3 "$DB" "SELECT 'DROP ' || type || ' ' || name || ';' FROM sqlite_schema WHERE name LIKE 'ceems!_%' ESCAPE '!'
	ORDER BY type = 'table'" >"$T/drop.sql"
sqlite3 -bail "$DB" <"$T/drop.sql"
sqlite3 -bail "$DB" "DELETE FROM units; DELETE FROM usage;
	INSERT INTO units (cluster_id, resource_manager, uuid, project, username, started_at, ended_at, created_at_ts,
	started_at_ts, ended_at_ts, total_time_seconds, total_cpu_energy_usage_kwh, last_updated_at) VALUES
	('hpc-a', 'slurm', '7', 'astro', 'mira', 's', '$(ldt $((BEGIN + 3600)))+0200', $BEGIN * 1000, $BEGIN * 1000,
	($BEGIN + 3600) * 1000, '{\"walltime\":3600}', '{\"total\":8}', '$(ldt $((BEGIN + 3900)))');
	INSERT INTO usage (cluster_id, project, username, last_updated_at) VALUES
	('hpc-a', 'astro', 'mira', '$(ldt $((BEGIN + 3900)))')"
exact() { # FROM TO FILTER
	curl -sSf -m 5 -H 'X-Grafana-User: boss' \
		"$URL/api/v1/usage/current/admin?exact&from=$((BEGIN + $1))&to=$((BEGIN + $2))" | jq -e "$3"
}
ok "it starts on a file of CEEMS 0.10.2" start_api
ok "its units are spread over time" wait_until 20 grep -q 'spread over time.*units=1' "$T/api.log"
ok "a part of the time has its part of the usage" exact 900 2700 \
	'.data[0] | .num_units == 1 and .total_time_seconds.walltime == 1800 and .total_cpu_energy_usage_kwh.total == 4'
ok "and says that it is estimated" exact 900 2700 '.warnings | length == 1 and (.[0] | contains("is estimated"))'
ok "what came later isn't" exact 4500 5400 '.data == [] and .warnings == null'
ok "it stops" stop api
ok "it starts again" start_api
ok "and counts nothing twice" exact 0 3600 '.data[0] | .num_units == 1 and .total_time_seconds.walltime == 3600'
ok "it stops" stop api

# A page of a table that nobody reads is damaged.
damaged() { [ "$(curl -sS -m 5 "$URL/metrics" | awk '$1 == "ceems_api_server_database_damaged" { print $2 }')" = "$1" ]; }
ok "it starts" start_api
ok "a database without damage is found so" wait_until 60 grep -q 'no damage found' "$T/api.log"
ok "which a metric tells" damaged 0
ok "it stops" stop api
cp "$DB" "$T/good.db"
sqlite3 "$DB" 'CREATE TABLE spoilt (x); INSERT INTO spoilt VALUES (zeroblob(9000))'
PAGE=$(sqlite3 "$DB" "SELECT rootpage FROM sqlite_schema WHERE name = 'spoilt'")
sqlite3 "$DB" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
head -c 64 /dev/urandom | dd of="$DB" bs=1 seek=$(((PAGE - 1) * 4096)) conv=notrunc status=none
ok "it starts with a damaged table" start_api
ok "the damage is found, and what to do is said" wait_until 60 grep -q 'the database is damaged.*restore a backup' "$T/api.log"
ok "a metric tells it" wait_until 10 damaged 1
ok "it answers all the same" curl -sSf -m 5 "$URL/health"
ok "it stops" stop api
head -c 4096 /dev/urandom | dd of="$DB" conv=notrunc status=none
ok "with a damaged beginning it doesn't start, and says why" sh -c "! timeout 60 '$BIN/ceems_api_server' \
	--config.file='$T/config.yml' --web.listen-address=127.0.0.1:$PORT 2>'$T/refused' &&
	grep -q 'ceems.db.*restore a backup' '$T/refused' || { cat '$T/refused'; false; }"
cp "$T/good.db" "$DB"
truncate -s 20480 "$DB"
ok "nor with one that was cut off" sh -c "! timeout 60 '$BIN/ceems_api_server' \
	--config.file='$T/config.yml' --web.listen-address=127.0.0.1:$PORT 2>'$T/refused' &&
	grep -q 'ceems.db.*restore a backup' '$T/refused' || { cat '$T/refused'; false; }"
cp "$T/good.db" "$DB"

# Root's sqlite3 has the database open. SQLite makes the files beside it as root's, and gives them to the
# database's owner a moment later, in which the server must not fail.
if [ "$(id -u)" = 0 ]; then
	mkfifo "$T/sql"
	exec 9<>"$T/sql"
	sqlite3 "$DB" <"$T/sql" >"$T/sqlite.out" 2>&1 &
	SQLITE=$!
	echo 'SELECT count(*) FROM units; SELECT 1 FROM missing;' >&9
	wait_until 20 test -e "$DB-shm"
	chown root:root "$DB" "$DB-wal" "$DB-shm"
	chmod 600 "$DB" "$DB-wal" "$DB-shm"
	sqlite3 "$DB" "INSERT INTO units (cluster_id, uuid, started_at, ended_at) VALUES ('a', 'b', 's', '2001-01-01')"
	ok "it starts while root's sqlite3 has a database of root's open" start_api
	ok "and writes" wait_until 20 is 0 "SELECT count(*) FROM units WHERE cluster_id = 'a'"
	ok "it stops" stop api
	kill "$SQLITE"
	wait "$SQLITE" 2>/dev/null
	exec 9>&-
	rm -f "$DB-wal" "$DB-shm"
	chown nobody "$DB"

	is_roots() { [ "$(stat -c %u "$1")" = 0 ]; }
	for file in wal shm; do
		if ! strace -o "$T/probe" -e trace=fchown -e inject=fchown:delay_enter=1 true 2>/dev/null; then
			skip "it waits until root's -$file is given away" "strace is not allowed here"
			continue
		fi
		when=1
		[ $file = wal ] || when=2
		strace -o "$T/probe" -e trace=fchown -e inject=fchown:delay_enter=2000000:when=$when \
			sqlite3 "$DB" 'SELECT count(*) FROM units' >"$T/sqlite.out" 2>&1 &
		SQLITE=$!
		wait_until 20 is_roots "$DB-$file"
		ok "it waits until root's -$file is given away" start_api
		wait "$SQLITE"
		ok "it stops" stop api
	done

	# What doesn't pass.
	: >"$DB-wal"
	chmod 600 "$DB-wal"
	chmod 777 "$T/data"
	ok "a file that stays another's is named" sh -c "! timeout 60 setpriv --reuid=65534 --regid=65534 --clear-groups \
		'$BIN/ceems_api_server' --config.file='$T/config.yml' --web.listen-address=127.0.0.1:$PORT 2>'$T/refused' &&
		grep -q 'uid 65534 may not write .*ceems.db-wal.*belongs to uid 0' '$T/refused' || { cat '$T/refused'; false; }"
	rm -f "$DB-wal"
else
	skip "files of root's" "needs root"
fi
done_testing
