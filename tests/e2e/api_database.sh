# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What ceems_api_server does with its database beside collecting units, without a cluster: retention, files
# that belong to root.
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
