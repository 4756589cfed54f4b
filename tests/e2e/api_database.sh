# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What ceems_api_server does with its database beside collecting units, without a cluster: retention.
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
done_testing
