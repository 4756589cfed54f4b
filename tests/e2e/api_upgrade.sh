# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The first start of ceems_api_server on a database of CEEMS 0.10.2 that takes a while: HTTP tells so, a stop ends
# it at once, and the next start goes on.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/api.sh
. "$CEEMS_SOURCE/tests/lib/api.sh"

DB=$T/data/ceems.db
OLD=$T/old.db
sql() { sqlite3 -bail -cmd '.timeout 5000' "$@"; }

# As many units as it takes for the upgrade not to be over before anybody can look.
UNITS=50000
more_units() {
	sql "$OLD" "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $UNITS)
		INSERT INTO units (cluster_id, uuid, username, project, started_at, ended_at, ended_at_ts, last_updated_at, ignore)
		SELECT 'old', $UNITS || '-' || i, 'user' || i % 500, 'p' || i % 70, 's',
			'2031-04-09T08:10:00+0200', 1933481400000 * (i % 3), '2031-04-09T08:15:00', 0 FROM n"
	UNITS=$((UNITS * 2))
}

# The server runs on a copy of the old file and is in the middle of the upgrade, or as far as it is.
status() { # PATH [FILE]
	curl -sS -m 5 -o "$T/${2:-answer}" -w '%{http_code}' "$URL$1" -H 'X-Grafana-User: boss'
}
upgrades_or_is_done() {
	case $(status /health) in
	200) ;;
	503) grep -q 'KO: the database is being upgraded' "$T/answer" ;;
	*) return 1 ;;
	esac
}
begin() { start api "$BIN/ceems_api_server" --config.file="$T/config.yml" --web.listen-address=127.0.0.1:"$PORT"; }
begin_upgrade() {
	begin
	wait_until 60 upgrades_or_is_done && [ "$(status /health text) $(status '/health?format=json' json) $(
		status /api/v1/units/admin units)" = "503 503 503" ]
}
put_old() {
	rm -f "$DB-wal" "$DB-shm"
	cp "$OLD" "$DB"
}
catch_upgrade() { # as the file is, or with ever more units
	until begin_upgrade; do
		stop api && [ "$UNITS" -lt 10000000 ] || return 1
		more_units
		put_old
	done
}
is_sound() { # as CEEMS 0.10.2 needs it
	[ "$(sql "$DB" 'PRAGMA quick_check; SELECT version, dirty FROM schema_migrations')" = $'ok\n9|0' ] &&
		[ "$(sql "$DB" 'SELECT count(*) FROM units')" = "$(sql "$OLD" 'SELECT count(*) FROM units')" ]
}
answers() { [ "$(status /health)" = 200 ]; }
# All that the upgrade made.
outcome() {
	sql "$1" "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY 1; SELECT * FROM ceems_accounts ORDER BY 2, 3, 4;
		SELECT * FROM ceems_members; SELECT * FROM ceems_backfills; SELECT * FROM ceems_estimates"
}

fill_api_database || exit 1
sql "$DB" "SELECT 'DROP ' || type || ' ' || name || ';' FROM sqlite_schema WHERE name LIKE 'ceems!_%' ESCAPE '!'
	ORDER BY type = 'table'" >"$T/drop.sql"
sql "$DB" <"$T/drop.sql"
sql "$DB" 'DELETE FROM usage; DELETE FROM daily_usage; PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
cp "$DB" "$OLD"
more_units
put_old

ok "HTTP answers while the database is upgraded" catch_upgrade
ok "health tells it" grep -q 'KO: the database is being upgraded' "$T/text"
ok "so does its JSON" grep -q '"error":"the database is being upgraded' "$T/json"
ok "data is refused for now" grep -q '"errorType":"unavailable"' "$T/units"
ok "a stop ends it" stop api
ok "the log told how far it was" grep -q 'the database is being upgraded.*step=.*steps=' "$T/api.log"
ok "and that it was stopped" grep -q 'msg=stopping' "$T/api.log"
ok "the file is one of CEEMS 0.10.2 as it was" is_sound

ok "the next start goes on" catch_upgrade
kill -9 "$(cat "$T/api.pid")"
wait "$(cat "$T/api.pid")" 2>/dev/null
rm -f "$T/api.pid"
ok "killed in the middle, it leaves a sound file, too" is_sound

begin
ok "the next start goes on until it is done" wait_until 300 answers
ok "then there is data" test "$(status '/api/v1/units?uuid=101&field=uuid')" = 200
ok "it stops" stop api
outcome "$DB" >"$T/disturbed"
put_old
begin
ok "an undisturbed start is done as well" wait_until 300 answers
ok "it stops" stop api
outcome "$DB" >"$T/undisturbed"
ok "the outcome is the same" diff "$T/undisturbed" "$T/disturbed"
ok "and not empty" test "$(wc -l <"$T/disturbed")" -gt 100
ok "it starts again" start_api
ok "and upgrades nothing" sh -c "! grep -q upgraded '$T/api.log'"
ok "it stops" stop api
done_testing
