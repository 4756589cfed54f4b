// SPDX-License-Identifier: Apache-2.0
/*
 * Every statement of the store. Lists of values come as one parameter, a JSON list, that is opened
 * with json_each(); NULL there means "any". Text that other programs stored is only opened if it
 * is valid JSON.
 */
#include "api/store_internal.h"

#define METRICS                                                                              \
	"total_time_seconds, avg_cpu_usage, avg_cpu_mem_usage, total_cpu_energy_usage_kwh, " \
	"total_cpu_emissions_gms, avg_gpu_usage, avg_gpu_mem_usage, "                        \
	"total_gpu_energy_usage_kwh, total_gpu_emissions_gms, total_io_write_stats, "        \
	"total_io_read_stats, total_ingress_stats, total_egress_stats"

/* The metrics are parameters 1 to 13 of every insert and update. */
#define METRIC_PARAMETERS "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13"
#define SET_METRICS "(" METRICS ") = (" METRIC_PARAMETERS ")"

/* Parameters behind the metrics: see store_usage.c. */
#define INSERT_USAGE(table)                                                          \
	"INSERT INTO " table " (" METRICS                                            \
	", last_updated_at, num_units, num_updates, cluster_id, "                    \
	"username, project, resource_manager, groupname) VALUES (" METRIC_PARAMETERS \
	", ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)"
#define UPDATE_USAGE(table)                                             \
	"UPDATE " table " SET " SET_METRICS ", last_updated_at = ?14, " \
	"num_units = coalesce(num_units, 0) + ?15, "                    \
	"num_updates = coalesce(num_updates, 0) + ?16 WHERE id = ?17"

#define WEIGHTS "weight_cpu_usage, weight_cpu_mem_usage, weight_gpu_usage, weight_gpu_mem_usage"
#define GET_PERIOD(table)                                                   \
	"SELECT num_new, num_earlier, " METRICS ", " WEIGHTS " FROM " table \
	" WHERE account = ?1 AND start_s = ?2"
#define PUT_PERIOD(table)                                                                      \
	"INSERT OR REPLACE INTO " table " (account, start_s, num_new, num_earlier, " METRICS   \
	", " WEIGHTS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, " \
	"?15, ?16, ?17, ?18, ?19, ?20, ?21)"
#define BACKFILL_COLUMNS                                                                         \
	"SELECT id, cluster_id, project, username, groupname, resource_manager, started_at_ts, " \
	"created_at_ts, ended_at_ts, last_updated_at, " METRICS " FROM units "
/* Account by account, in the order of the table, so that it isn't read as a whole. */
#define PURGE_PERIODS(table) \
	"DELETE FROM " table " WHERE account IN (SELECT id FROM ceems_accounts) AND start_s < ?1"

/* The users lists of the projects that ceems_members doesn't know yet, as rows of it. */
#define CHANGED_MEMBERS                                                                       \
	"SELECT member.value AS username, c.cluster_id AS cluster_id, c.project AS project "  \
	"FROM ceems_projects_changed c CROSS JOIN projects p ON p.cluster_id = c.cluster_id " \
	"AND p.name = c.project, json_each(CASE WHEN json_valid(p.users) THEN p.users "       \
	"ELSE '[]' END) member WHERE typeof(member.value) = 'text'"

/* A part of what is too old, so that no transaction is long. */
#define PURGE(table, condition) \
	"DELETE FROM " table " WHERE id IN (SELECT id FROM " table " WHERE " condition " LIMIT ?2)"

/* The queue of windows: see sql/own_tables.sql. */
#define QUEUE_WEIGHTS "alloc_cputime, alloc_cpumemtime, alloc_gputime, alloc_gpumemtime"
#define QUEUE_TIMES "walltime, " QUEUE_WEIGHTS
#define QUEUE_NEXT(which)                                                                            \
	"SELECT w.id, w.since_ms, w.start_ms, w.end_ms, q.attempts, w.n_units FROM ceems_windows w " \
	"JOIN ceems_queue q ON q.window_id = w.id WHERE w.cluster_id = ?1 AND q.lane = ?2 "          \
	"AND q.not_before_ms <= ?3 " which " LIMIT 1"
#define SET_METRICS_BY_ID(table) "UPDATE " table " SET " SET_METRICS " WHERE id = ?14"
#define COUNT_MISSING(key)                                                                  \
	"SELECT q.lane, " key ", count(*), sum(u.alloc_cputime), sum(u.alloc_cpumemtime), " \
	"sum(u.alloc_gputime), sum(u.alloc_gpumemtime) FROM ceems_queue q "                 \
	"JOIN ceems_window_units u ON u.window_id = q.window_id "                           \
	"JOIN ceems_windows w ON w.id = q.window_id GROUP BY 1, 2, 3, 4"

const char *const store_index_sql[] = {
	"DROP INDEX IF EXISTS ceems_units_uuid",
	"DROP INDEX IF EXISTS ceems_units_updated",
	"CREATE INDEX IF NOT EXISTS ceems_units_user_ended ON units (username, ended_at)",
	"CREATE INDEX IF NOT EXISTS ceems_units_ended ON units (ended_at)",
	"CREATE INDEX IF NOT EXISTS ceems_units_project_updated "
	"ON units (cluster_id, project, last_updated_at)",
	"CREATE INDEX IF NOT EXISTS ceems_units_running ON units (username) WHERE ended_at_ts = 0",
	"CREATE INDEX IF NOT EXISTS ceems_usage_project ON usage (cluster_id, project)",
	"CREATE INDEX IF NOT EXISTS ceems_daily_usage_project "
	"ON daily_usage (cluster_id, project, last_updated_at)",
};
const size_t store_index_sql_count = ARRAY_SIZE(store_index_sql);

const char *const store_writer_sql[N_WRITER_STATEMENTS] = {
	[W_WATERMARK] = "SELECT end_ms FROM ceems_watermarks WHERE cluster_id = ?1",
	[W_SET_WATERMARK] =
		"INSERT INTO ceems_watermarks (cluster_id, end_ms, label) VALUES (?1, ?2, ?3) "
		"ON CONFLICT (cluster_id) DO UPDATE SET end_ms = excluded.end_ms, "
		"label = max(label, excluded.label)",
	[W_LATEST_LABELS] = "SELECT (SELECT max(last_updated_at) FROM usage), "
			    "(SELECT max(label) FROM ceems_watermarks)",
	[W_ADOPT_WATERMARKS] =
		"INSERT INTO ceems_watermarks (cluster_id, end_ms, label) "
		"SELECT cluster_id, ?1, ?2 FROM (SELECT cluster_id FROM usage "
		"WHERE cluster_id IS NOT NULL UNION SELECT cluster_id FROM ceems_watermarks) WHERE true "
		"ON CONFLICT (cluster_id) DO UPDATE SET end_ms = max(end_ms, excluded.end_ms), "
		"label = excluded.label",

	/* A placeholder such as 'Unknown' sorts after every date. */
	[W_PURGE_UNITS] = PURGE(
		"units", "ended_at <= ?1 AND id NOT IN (SELECT unit_id FROM ceems_window_units)"),
	[W_PURGE_USAGE] = PURGE("usage", "last_updated_at <= ?1"),
	[W_PURGE_DAILY] = PURGE("daily_usage", "last_updated_at <= ?1"),
	[W_PURGE_DAYS] = PURGE_PERIODS("ceems_usage_days"),
	[W_PURGE_QUARTERS] = PURGE_PERIODS("ceems_usage_quarters"),

	[W_UNIT] = "SELECT id, " METRICS " FROM units "
		   "WHERE cluster_id = ?1 AND uuid = ?2 AND started_at = ?3",
	[W_INSERT_UNIT] =
		"INSERT INTO units (" METRICS
		", ended_at, ended_at_ts, elapsed, state, tags, ignore, "
		"last_updated_at, cluster_id, uuid, started_at, started_at_ts, resource_manager, name, "
		"project, groupname, username, created_at, created_at_ts, allocation, num_updates) "
		"VALUES (" METRIC_PARAMETERS
		", ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, "
		"?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, 1)",
	[W_UPDATE_UNIT] =
		"UPDATE units SET " SET_METRICS ", ended_at = ?14, ended_at_ts = ?15, "
		"elapsed = ?16, state = ?17, tags = ?18, ignore = ?19, last_updated_at = ?20, "
		"num_updates = coalesce(num_updates, 0) + 1 WHERE id = ?21",
	[W_BEGIN_UNIT] = "UPDATE units SET started_at = ?2, started_at_ts = ?3 WHERE id = ?1",
	[W_DELETE_UNIT] = "DELETE FROM units WHERE id = ?1",

	[W_USAGE] = "SELECT id, " METRICS " FROM usage "
		    "WHERE cluster_id = ?1 AND username = ?2 AND project = ?3",
	[W_INSERT_USAGE] = INSERT_USAGE("usage"),
	[W_UPDATE_USAGE] = UPDATE_USAGE("usage"),
	[W_DAILY] = "SELECT id, " METRICS " FROM daily_usage WHERE cluster_id = ?1 "
		    "AND username = ?2 AND project = ?3 AND last_updated_at = ?4",
	[W_INSERT_DAILY] = INSERT_USAGE("daily_usage"),
	[W_UPDATE_DAILY] = UPDATE_USAGE("daily_usage"),

	/* Made by the trigger unless somebody deleted it since. */
	[W_ACCOUNT] =
		"INSERT INTO ceems_accounts (cluster_id, project, username, groupname, "
		"resource_manager) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (cluster_id, project, "
		"username) DO UPDATE SET resource_manager = excluded.resource_manager RETURNING id",
	[W_DAY] = GET_PERIOD("ceems_usage_days"),
	[W_PUT_DAY] = PUT_PERIOD("ceems_usage_days"),
	[W_QUARTER] = GET_PERIOD("ceems_usage_quarters"),
	[W_PUT_QUARTER] = PUT_PERIOD("ceems_usage_quarters"),

	[W_PUT_USER] =
		"INSERT INTO users (cluster_id, name, uid, resource_manager, projects, tags, "
		"last_updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
		"ON CONFLICT (cluster_id, name) DO UPDATE SET uid = excluded.uid, "
		"resource_manager = excluded.resource_manager, projects = excluded.projects, "
		"tags = excluded.tags, last_updated_at = excluded.last_updated_at",
	[W_PUT_PROJECT] =
		"INSERT INTO projects (cluster_id, name, uid, resource_manager, users, tags, "
		"last_updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
		"ON CONFLICT (cluster_id, name) DO UPDATE SET uid = excluded.uid, "
		"resource_manager = excluded.resource_manager, users = excluded.users, "
		"tags = excluded.tags, last_updated_at = excluded.last_updated_at",
	/* Rows stay, as those of CEEMS 0.10.2 do, but give no rights. */
	[W_REVOKE_USERS] = "UPDATE users SET projects = '[]' WHERE cluster_id = ?1 AND projects <> "
			   "'[]' AND name NOT IN (SELECT value FROM json_each(?2))",
	[W_REVOKE_PROJECTS] =
		"UPDATE projects SET users = '[]' WHERE cluster_id = ?1 AND users <> '[]' AND name NOT "
		"IN (SELECT value FROM json_each(?2))",
	[W_FILL_MEMBERS] =
		"INSERT OR IGNORE INTO ceems_members (username, cluster_id, project) " CHANGED_MEMBERS,
	[W_CLEAR_CHANGED] = "DELETE FROM ceems_projects_changed",
	[W_PUT_ADMIN] =
		"INSERT INTO admin_users (cluster_id, name, projects, tags, last_updated_at) "
		"VALUES ('all', ?1, '[]', ?2, ?3) ON CONFLICT (cluster_id, name) DO UPDATE SET "
		"projects = excluded.projects, tags = excluded.tags, "
		"last_updated_at = excluded.last_updated_at",
	/* ?1, ?2: the names that stay; ?3: tags that are left alone. */
	[W_DELETE_ADMINS] = "DELETE FROM admin_users WHERE coalesce(cluster_id <> 'all', 1) OR "
			    "(coalesce(name, '') NOT IN (SELECT value FROM json_each(?1) UNION ALL "
			    "SELECT value FROM json_each(?2)) AND coalesce(tags <> ?3, 1))",

	[W_QUEUE_WINDOW] = "INSERT INTO ceems_windows (cluster_id, since_ms, start_ms, end_ms, "
			   "n_units) VALUES (?1, ?2, ?3, ?4, ?5)",
	[W_QUEUE_LANE] = "INSERT INTO ceems_queue (window_id, lane, attempts, not_before_ms) "
			 "VALUES (?1, ?2, 0, 0)",
	[W_QUEUE_UNIT] =
		"INSERT INTO ceems_window_units (window_id, seq, unit_id, account, " QUEUE_TIMES
		") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[W_QUEUE_DELAY] = "UPDATE ceems_queue SET attempts = ?3, not_before_ms = ?4 "
			  "WHERE window_id = ?1 AND lane = ?2",
	[W_QUEUE_DONE] = "DELETE FROM ceems_queue WHERE window_id = ?1 AND lane = ?2",
	[W_QUEUE_SWEEP_UNITS] = "DELETE FROM ceems_window_units WHERE window_id = ?1 "
				"AND NOT EXISTS (SELECT 1 FROM ceems_queue WHERE window_id = ?1)",
	[W_QUEUE_SWEEP_WINDOW] = "DELETE FROM ceems_windows WHERE id = ?1 "
				 "AND NOT EXISTS (SELECT 1 FROM ceems_queue WHERE window_id = ?1)",
	[W_MISSING] = "SELECT " QUEUE_WEIGHTS " FROM ceems_missing "
		      "WHERE lane = ?1 AND kind = ?2 AND row_id = ?3 AND day = ?4",
	[W_ADD_MISSING] =
		"INSERT INTO ceems_missing (lane, kind, row_id, day, n, " QUEUE_WEIGHTS ") VALUES "
		"(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (lane, kind, row_id, day) DO "
		"UPDATE SET n = n + excluded.n, alloc_cputime = alloc_cputime + "
		"excluded.alloc_cputime, alloc_cpumemtime = alloc_cpumemtime + "
		"excluded.alloc_cpumemtime, alloc_gputime = alloc_gputime + excluded.alloc_gputime, "
		"alloc_gpumemtime = alloc_gpumemtime + excluded.alloc_gpumemtime",
	[W_SWEEP_MISSING] = "DELETE FROM ceems_missing WHERE n <= 0",
	[W_UNIT_BY_ID] = "SELECT id, " METRICS " FROM units WHERE id = ?1",
	[W_UNIT_METRICS] = SET_METRICS_BY_ID("units"),
	[W_USAGE_METRICS] = SET_METRICS_BY_ID("usage"),
	[W_DAILY_METRICS] = SET_METRICS_BY_ID("daily_usage"),

	/* Windows that ended before ?1 are given up. */
	[W_EXPIRE_QUEUE] = "DELETE FROM ceems_queue WHERE window_id IN "
			   "(SELECT id FROM ceems_windows WHERE end_ms <= ?1)",
	[W_EXPIRE_UNITS] = "DELETE FROM ceems_window_units WHERE window_id NOT IN "
			   "(SELECT window_id FROM ceems_queue)",
	[W_EXPIRE_WINDOWS] = "DELETE FROM ceems_windows WHERE id NOT IN "
			     "(SELECT window_id FROM ceems_queue)",
	[W_CLEAR_MISSING] = "DELETE FROM ceems_missing",
	[W_COUNT_MISSING] =
		"INSERT INTO ceems_missing (lane, kind, row_id, day, n, " QUEUE_WEIGHTS
		") " COUNT_MISSING("0, u.unit_id, 0") " UNION ALL " COUNT_MISSING(
			"1, u.account, 0") " UNION ALL " COUNT_MISSING("2, u.account, w.end_ms / 86400000"),

	[W_ADD_BACKFILL] = "INSERT INTO ceems_backfills (next_id, last_id) "
			   "SELECT coalesce(min(id), 1), coalesce(max(id), 0) FROM units",
	/*
	 * ?2: the table is new. Then a cluster has what was stored before anything in it, else
	 * what another program stored after our last window.
	 */
	[W_ADD_ESTIMATES] =
		"INSERT INTO ceems_estimates (backfill, cluster_id, from_ms, to_ms) "
		"SELECT ?1, cluster_id, since, until FROM (SELECT c.cluster_id AS cluster_id, "
		"CASE WHEN ?2 OR w.end_ms IS NULL THEN 0 ELSE max(w.end_ms, ?3) END AS since, "
		"coalesce(CASE WHEN ?2 THEN CASE WHEN quarter < day + 90000 THEN quarter ELSE day END "
		"END * 1000, ?4) AS until FROM (SELECT cluster_id, "
		"min((SELECT min(start_s) FROM ceems_usage_days WHERE account = a.id)) AS day, "
		"min((SELECT min(start_s) FROM ceems_usage_quarters WHERE account = a.id)) AS quarter "
		"FROM ceems_accounts a GROUP BY cluster_id) c LEFT JOIN ceems_watermarks w "
		"ON w.cluster_id = c.cluster_id) WHERE since < until",
	[W_ESTIMATE] = "SELECT from_ms, to_ms FROM ceems_estimates "
		       "WHERE backfill = ?1 AND cluster_id = ?2",
	[W_NEXT_BACKFILL] = "SELECT id, next_id, last_id FROM ceems_backfills "
			    "WHERE next_id <= last_id ORDER BY id LIMIT 1",
	[W_ADVANCE_BACKFILL] = "UPDATE ceems_backfills SET next_id = ?2 WHERE id = ?1",
	[W_BACKFILLS_OF_UNIT] = "SELECT id FROM ceems_backfills "
				"WHERE ?1 BETWEEN next_id AND last_id ORDER BY id",
	[W_BACKFILL_UNITS] = BACKFILL_COLUMNS "WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
	[W_BACKFILL_UNIT] = BACKFILL_COLUMNS "WHERE id = ?1",
	[W_IS_BACKFILLED] = "SELECT 1 FROM ceems_backfilled WHERE backfill = ?1 AND unit_id = ?2",
	[W_SET_BACKFILLED] = "INSERT INTO ceems_backfilled (backfill, unit_id) VALUES (?1, ?2)",
	[W_SWEEP_BACKFILLED] = "DELETE FROM ceems_backfilled WHERE backfill NOT IN "
			       "(SELECT id FROM ceems_backfills WHERE next_id <= last_id)",
	[W_PURGE_ESTIMATES] = "DELETE FROM ceems_estimates WHERE to_ms < 1000 * ?1",
};

#define LIST(text) "(SELECT value FROM json_each(" text "))"
#define ANY_OR_IN(column, parameter) "(" parameter " IS NULL OR " column " IN " LIST(parameter) ")"

#define MEMBERS \
	"(SELECT username, cluster_id, project FROM ceems_members UNION ALL " CHANGED_MEMBERS ")"

/* The (cluster_id, project) pairs that the caller belongs to. */
#define MEMBERSHIPS(caller) \
	"(SELECT cluster_id, project FROM " MEMBERS " WHERE username = " caller ")"

/*
 * Parameters of all queries of units, usage, users and projects: 1 caller (NULL: sees all),
 * 2 users, 3 projects, 4 clusters, 5 uuids, 6 from, 7 to, 8 flag.
 */
#define IN_PROJECTS ANY_OR_IN("project", "?3")
#define IN_CLUSTERS ANY_OR_IN("cluster_id", "?4")
/* The list of users may hold service users of projects (NAME:svc): theirs are shown to members. */
#define CALLERS_OWN \
	"(?1 IS NULL OR username = ?1 OR (cluster_id, project) IN " MEMBERSHIPS("?1") ")"
#define UNIT_PERIOD "(ended_at BETWEEN ?6 AND ?7 OR (?8 AND ended_at_ts = 0))"
/* The same by two indexes, for those who see everybody's. */
#define IDS_IN_PERIOD                                                   \
	"id IN (SELECT id FROM units WHERE ended_at BETWEEN ?6 AND ?7 " \
	"UNION ALL SELECT id FROM units WHERE ?8 AND ended_at_ts = 0)"
#define UNIT_ORDER " ORDER BY cluster_id, uuid, started_at"

#define USAGE_COLUMNS \
	"SELECT cluster_id, resource_manager, num_units, project, groupname, username, " METRICS
#define UNIT_USAGE_COLUMNS \
	"SELECT cluster_id, resource_manager, 1, project, groupname, username, " METRICS
#define BY_USERS_PROJECTS                                                      \
	"(?2 IS NULL OR (cluster_id, project) IN (SELECT cluster_id, project " \
	"FROM " MEMBERS " WHERE username IN " LIST("?2") "))"
#define USAGE_ORDER " ORDER BY cluster_id, username, project"

/*
 * Projects that are asked for, as (c, p): a query goes from one to the next by an index of
 * (cluster_id, project, ...), however much there is of others.
 */
#define ASKED_OF_MEMBER                                       \
	"(SELECT cluster_id AS c, project AS p FROM " MEMBERS \
	" WHERE username = ?1 AND " IN_PROJECTS " AND " IN_CLUSTERS ")"
/* From one cluster to the next by an index. */
#define CLUSTERS_OF(table)                                                             \
	"SELECT id FROM (WITH RECURSIVE k (id) AS (SELECT min(cluster_id) FROM " table \
	" UNION ALL SELECT (SELECT min(cluster_id) FROM " table                        \
	" WHERE cluster_id > k.id) FROM k WHERE k.id IS NOT NULL) SELECT id FROM k "   \
	"WHERE id IS NOT NULL)"
#define ASKED_OF_ALL                                                                                           \
	"(SELECT k.id AS c, value AS p FROM (" CLUSTERS_OF("ceems_accounts") " UNION " CLUSTERS_OF(            \
		"usage") ") k, json_each(?3) WHERE ?2 IS NULL AND ?3 IS NOT NULL AND " ANY_OR_IN("k.id",       \
		"?4") " UNION SELECT cluster_id, project FROM ceems_accounts WHERE ?2 IS NULL AND ?3 IS NULL " \
		      "AND " IN_CLUSTERS                                                                       \
		      " UNION SELECT cluster_id, project FROM usage WHERE ?2 IS NULL "                         \
		      "AND ?3 IS NULL AND " IN_CLUSTERS                                                        \
		      " UNION SELECT cluster_id, project FROM " MEMBERS                                        \
		      " WHERE ?2 IS NOT NULL AND username IN " LIST("?2") " AND " IN_PROJECTS                  \
									  " AND " IN_CLUSTERS ")"
#define UNIT_SOURCES(asked)                                              \
	UNIT_USAGE_COLUMNS                                               \
	" FROM " asked " CROSS JOIN units INDEXED BY "                   \
	"ceems_units_project_updated ON cluster_id = c AND project = p " \
	"AND last_updated_at BETWEEN ?6 AND ?7 WHERE (NOT ?8 OR ended_at_ts > 0)"
#define DAILY_SOURCES(asked)                                                         \
	USAGE_COLUMNS " FROM " asked " CROSS JOIN daily_usage INDEXED BY "           \
		      "ceems_daily_usage_project ON cluster_id = c AND project = p " \
		      "AND last_updated_at BETWEEN ?6 AND ?7"
/* 9 to 14 are limits of three ranges of time; units that were there before count in the first. */
#define SHARES_OF_RANGE(table, from, to)                                               \
	"SELECT cluster_id, resource_manager, num_new + CASE WHEN start_s = ?15 THEN " \
	"num_earlier ELSE 0 END, project, groupname, username, " METRICS ", " WEIGHTS  \
	" FROM a CROSS JOIN " table " ON account = a.id AND start_s >= " from " AND start_s < " to
#define SHARES(asked)                                                                           \
	"WITH a AS MATERIALIZED (SELECT id, cluster_id, resource_manager, project, groupname, " \
	"username FROM " asked                                                                  \
	" CROSS JOIN ceems_accounts ON cluster_id = c AND project = p) " SHARES_OF_RANGE(       \
		"ceems_usage_days", "?9",                                                       \
		"?10") " UNION ALL " SHARES_OF_RANGE("ceems_usage_quarters", "?11",             \
		"?12") " UNION ALL " SHARES_OF_RANGE("ceems_usage_quarters", "?13", "?14")

#define USER_COLUMNS "SELECT uid, cluster_id, resource_manager, name, projects, tags"
#define STATS                                                                        \
	"SELECT cluster_id, max(resource_manager), count(*), sum(ended_at_ts > 0), " \
	"sum(ended_at_ts = 0), count(DISTINCT project), count(DISTINCT username) FROM units "

const char *const store_reader_sql[N_READER_STATEMENTS] = {
	[R_PING] = "SELECT count(*) FROM schema_migrations",
	[R_WATERMARKS] = "SELECT cluster_id, end_ms FROM ceems_watermarks ORDER BY cluster_id",
	[R_BACKLOGS] = "SELECT w.cluster_id, q.lane, count(*), min(w.start_ms) FROM ceems_queue q "
		       "JOIN ceems_windows w ON w.id = q.window_id GROUP BY 1, 2 ORDER BY 1, 2",
	[R_QUEUE_OLDEST] = QUEUE_NEXT("ORDER BY w.start_ms"),
	[R_QUEUE_NEWEST] = QUEUE_NEXT("ORDER BY w.start_ms DESC"),
	[R_QUEUE_AT] = QUEUE_NEXT("AND w.start_ms = ?4"),
	[R_QUEUE_LOAD] =
		"SELECT q.unit_id, q.account, " QUEUE_TIMES ", u.uuid, u.started_at, "
		"u.started_at_ts, u.ended_at, u.ended_at_ts, a.resource_manager, a.groupname, "
		"a.username, a.project, u.ignore FROM ceems_window_units q JOIN units u ON u.id = q.unit_id "
		"JOIN ceems_accounts a ON a.id = q.account WHERE q.window_id = ?1 ORDER BY q.seq",
	[R_QUEUE_LANES] = "SELECT q.lane, count(*), min(w.start_ms), "
			  "coalesce(sum(q.not_before_ms <= ?2), 0) FROM ceems_windows w "
			  "JOIN ceems_queue q ON q.window_id = w.id WHERE w.cluster_id = ?1 "
			  "GROUP BY q.lane ORDER BY q.lane",
	[R_QUEUE_STATE] = "SELECT count(*), coalesce(sum(n_units), 0), coalesce(min(start_ms), 0) "
			  "FROM ceems_windows WHERE cluster_id = ?1",
	/* Until when usage between ?6 and ?7 is estimated, and how many units are to come. */
	[R_ESTIMATES] =
		"WITH e AS (SELECT backfill, to_ms FROM ceems_estimates WHERE from_ms < ?7 AND "
		"to_ms > ?6 AND " IN_CLUSTERS ") SELECT coalesce(max(min(to_ms, ?7)), 0), "
		"(SELECT coalesce(sum(last_id - next_id + 1), 0) FROM ceems_backfills "
		"WHERE next_id <= last_id AND id IN (SELECT backfill FROM e)) FROM e",
	[R_IS_ADMIN] = "SELECT 1 FROM admin_users WHERE name = ?1 LIMIT 1",
	/* Distinct uuids that are known, and whether all of them are the caller's, per cluster. */
	[R_OWNS_UNITS] =
		"SELECT count(DISTINCT uuid), coalesce(min(own), 0) FROM (SELECT uuid, max(coalesce("
		"(cluster_id, project) IN " MEMBERSHIPS("?1") ", 0)) AS own FROM units WHERE uuid IN " LIST(
			"?5") " AND cluster_id IN " LIST("?4") " GROUP BY cluster_id, uuid)",

	[R_FIND_UNITS_BY_UUID] = "SELECT id FROM units WHERE uuid IN " LIST(
		"?5") " AND cluster_id IN (SELECT DISTINCT cluster_id FROM ceems_accounts) "
		      "AND ignore = 0 AND " ANY_OR_IN(
			      "username", "?2") " AND " IN_PROJECTS " AND " IN_CLUSTERS
						" AND " CALLERS_OWN UNIT_ORDER,
	[R_FIND_UNITS_OF_USERS] = "SELECT id FROM units WHERE username IN " LIST(
		"?2") " AND " UNIT_PERIOD " AND ignore = 0 AND " IN_PROJECTS " AND " IN_CLUSTERS
		      " AND " CALLERS_OWN UNIT_ORDER,
	[R_FIND_UNITS_OF_ALL] = "SELECT id FROM units WHERE " IDS_IN_PERIOD
				" AND ignore = 0 AND " IN_PROJECTS " AND " IN_CLUSTERS UNIT_ORDER,
	[R_UNIT] =
		"SELECT cluster_id, resource_manager, uuid, name, project, groupname, username, "
		"created_at, started_at, ended_at, created_at_ts, started_at_ts, ended_at_ts, elapsed, "
		"state, allocation, " METRICS ", tags FROM units WHERE id = ?1",

	[R_OWNERS] = "SELECT DISTINCT project, username FROM units WHERE cluster_id = ?1 "
		     "AND project <> '' AND username <> ''",
	[R_RUNNING_UNITS] =
		"SELECT uuid, name, project, username, created_at, started_at, created_at_ts, "
		"started_at_ts, elapsed, state, allocation, tags, last_updated_at FROM units "
		"WHERE ended_at_ts = 0 AND cluster_id = ?1",

	[R_USAGE_OF_MEMBER] = USAGE_COLUMNS
	" FROM " ASKED_OF_MEMBER " CROSS JOIN usage INDEXED BY "
	"ceems_usage_project ON cluster_id = c AND project = p" USAGE_ORDER,
	[R_USAGE_OF_ALL] = USAGE_COLUMNS " FROM usage WHERE " BY_USERS_PROJECTS " AND " IN_PROJECTS
					 " AND " IN_CLUSTERS USAGE_ORDER,
	[R_UNIT_SOURCES_OF_MEMBER] = UNIT_SOURCES(ASKED_OF_MEMBER),
	[R_UNIT_SOURCES_OF_ALL] = UNIT_SOURCES(ASKED_OF_ALL),
	[R_DAILY_SOURCES_OF_MEMBER] = DAILY_SOURCES(ASKED_OF_MEMBER),
	[R_DAILY_SOURCES_OF_ALL] = DAILY_SOURCES(ASKED_OF_ALL),
	[R_SHARES_OF_MEMBER] = SHARES(ASKED_OF_MEMBER),
	[R_SHARES_OF_ALL] = SHARES(ASKED_OF_ALL),

	/* 'X:svc' is shown to the members of X on that cluster. */
	[R_USERS_OF_CALLER] = USER_COLUMNS " FROM users WHERE (name = ?1 OR (name IN " LIST(
		"?2") " AND (cluster_id, substr(name, 1, length(name) - 4)) IN " MEMBERSHIPS("?1") ")) AND " IN_CLUSTERS
												   " ORDER BY cluster_id, name",
	[R_USERS] = USER_COLUMNS " FROM users WHERE " ANY_OR_IN(
		"name", "?2") " AND " IN_CLUSTERS " ORDER BY cluster_id, name",
	[R_ADMINS] = USER_COLUMNS " FROM admin_users ORDER BY id",
	[R_PROJECTS] =
		"SELECT uid, cluster_id, resource_manager, name, users, tags FROM projects WHERE CASE WHEN ?1 IS NULL "
		"THEN coalesce(users <> '[]', 0) ELSE (cluster_id, name) IN " MEMBERSHIPS(
			"?1") " END AND " ANY_OR_IN("name", "?3") " AND " IN_CLUSTERS
								  " ORDER BY cluster_id, name",
	[R_CLUSTERS] = "SELECT cluster_id, max(resource_manager) FROM ceems_accounts "
		       "WHERE num_units > 0 GROUP BY cluster_id ORDER BY cluster_id",

	[R_STATS_ALL] =
		"SELECT cluster_id, max(resource_manager), sum(num_units), sum(num_ended), "
		"sum(num_units - num_ended), count(DISTINCT project), count(DISTINCT username) "
		"FROM ceems_accounts WHERE num_units > 0 AND " IN_CLUSTERS
		" GROUP BY cluster_id ORDER BY cluster_id",
	[R_STATS_CURRENT] = STATS "WHERE " IDS_IN_PERIOD " AND " IN_CLUSTERS
				  " GROUP BY cluster_id ORDER BY cluster_id",
};
