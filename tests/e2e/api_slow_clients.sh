# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Clients that take their answers slowly (spec api-server.md 5.1): what is ready and not long has ten
# seconds, units and usage that has to be summed up have minutes.
# shellcheck source=tests/lib/tap.sh
. "${CEEMS_SOURCE:?}/tests/lib/tap.sh"
# shellcheck source=tests/lib/api.sh
. "$CEEMS_SOURCE/tests/lib/api.sh"

fill_api_database || exit 1
# Some 20 MB of users and of units: more than the kernel keeps of an answer.
sqlite3 -bail "$T/data/ceems.db" <<'SQL'
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
insert into users (cluster_id, resource_manager, name, projects, tags, last_updated_at)
select 'hpc-a', 'slurm', printf('user%05d-%0900d', i, i), '[]', '[]', '2031-04-09T10:00:00' from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
insert into units (cluster_id, resource_manager, uuid, name, project, groupname, username, created_at, started_at,
	ended_at, created_at_ts, started_at_ts, ended_at_ts, elapsed, state, ignore)
select 'hpc-a', 'slurm', printf('9%07d', i), printf('%0900d', i), 'astro', 'staff', 'mira', '2031-04-09T08:00:00+0200',
	'2031-04-09T08:00:00+0200', '2031-04-09T09:00:00+0200', 1933480800000, 1933480800000, 1933484400000, '01:00:00',
	'COMPLETED', 0 from n;
SQL
start_api
ok "a short answer is cut off, one of many units is not" /usr/bin/python3 "$CEEMS_SOURCE/tests/lib/slow_clients.py" \
	"$URL" boss /api/v1/users/admin "/api/v1/units/admin?from=1933480000&to=1933490000"
ok "it ends well" stop api
done_testing
