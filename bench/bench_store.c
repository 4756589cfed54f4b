// SPDX-License-Identifier: Apache-2.0
/*
 * Databases of the API server for the benchmarks.
 *   bench_store make DIR UNITS       makes DIR/ceems.db: so many units in the 3 years before now,
 * of 5000 users in 500 projects on two clusters; few users have most bench_store step DIR JOBS
 * stores two windows of so many running jobs; prints the CPU time of the second one (ms), in which
 * each has a row, and of its commit bench_store select DIR WHAT N    median and 99th percentile
 * (us) of one select of the rows that WHAT reads, over N random users or projects, and its mean
 * rows: units, user, project, exact-user, exact-project, global
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "api/store.h"

enum {
	USERS = 5000,
	PROJECTS = 500,
	YEARS = 3,
	DAY_S = 86400,
	HOUR_S = 3600,
	QUARTER_S = 900,
	FIRST_UUID = 10000000,
	ROW_TEXT_MAX = 512,
};

static uint64_t seed = 6;

static double next_random(void)
{
	seed = seed * 6364136223846793005U + 1442695040888963407U;
	return (double)(seed >> 33) / 2147483648.0;
}

static void *checked(void *p, const char *what)
{
	if (!p) {
		fprintf(stderr, "bench_store: %s\n", what);
		exit(2);
	}
	return p;
}

static void check(sqlite3 *db, int code, int wanted)
{
	if (code == wanted)
		return;
	fprintf(stderr, "bench_store: %s\n", sqlite3_errmsg(db));
	exit(2);
}

static void run(sqlite3 *db, const char *sql)
{
	check(db, sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static struct store *open_store(const char *dir)
{
	static struct timezone_ *zone;
	struct store *store = NULL;
	struct err err = { 0 };

	if (timezone_new("UTC", &zone, &err) < 0 || store_open(dir, zone, &store, &err) < 0)
		checked(NULL, err.text);
	return store;
}

static sqlite3 *open_file(const char *dir)
{
	char path[4096];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/ceems.db", dir);
	check(db, sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

/* Users of a project are ten neighbours; one in five is in a second project. */
static int project_of(int user, bool second)
{
	return (user / 10 + (second ? 7 : 0)) % PROJECTS;
}

static const char *cluster_of(int project)
{
	return project % 2 ? "hpc-b" : "hpc-a";
}

struct columns { /* the metrics that a Slurm job on CPUs has */
	char time[ROW_TEXT_MAX], usage[64], mem[64], energy[64], emissions[128], write[128],
		read[128];
	char weight[64], mem_weight[64];
};

static void make_columns(double seconds, int cpus, struct columns *c)
{
	double cpu = seconds * cpus, mem = cpu * 4096;

	snprintf(c->time, sizeof(c->time),
		"{\"alloc_cpumemtime\":%.0f,\"alloc_cputime\":%.0f,\"alloc_gpumemtime\":0,"
		"\"alloc_gputime\":0,\"walltime\":%.0f}",
		mem, cpu, seconds);
	snprintf(c->usage, sizeof(c->usage), "{\"global\":%.8f}", next_random() * 100);
	snprintf(c->mem, sizeof(c->mem), "{\"global\":%.8f}", next_random() * 100);
	snprintf(c->energy, sizeof(c->energy), "{\"total\":%.8f}", cpu * next_random() / 1e5);
	snprintf(c->emissions, sizeof(c->emissions),
		"{\"emaps_total\":%.8f,\"owid_total\":%.8f,\"rte_total\":%.8f}",
		cpu / 1e3 * next_random(), cpu / 1e3, cpu / 2e3);
	snprintf(c->write, sizeof(c->write),
		"{\"bytes_total\":%.0f,\"errors_total\":0,\"requests_total\":%.0f}", seconds * 1e6,
		seconds * 10);
	snprintf(c->read, sizeof(c->read),
		"{\"bytes_total\":%.0f,\"errors_total\":0,\"requests_total\":%.0f}", seconds * 3e6,
		seconds * 12);
	snprintf(c->weight, sizeof(c->weight), "{\"global\":%.0f}", cpu);
	snprintf(c->mem_weight, sizeof(c->mem_weight), "{\"global\":%.0f}", mem);
}

#define METRIC_NAMES                                                                  \
	"total_time_seconds, avg_cpu_usage, avg_cpu_mem_usage, "                      \
	"total_cpu_energy_usage_kwh, total_cpu_emissions_gms, total_io_write_stats, " \
	"total_io_read_stats"

static int bind_columns(sqlite3_stmt *q, int i, const struct columns *c)
{
	const char *const texts[] = { c->time, c->usage, c->mem, c->energy, c->emissions, c->write,
		c->read };

	for (size_t t = 0; t < ARRAY_SIZE(texts); t++)
		sqlite3_bind_text(q, i++, texts[t], -1, SQLITE_TRANSIENT);
	return i;
}

static void finish(sqlite3 *db, sqlite3_stmt *q)
{
	check(db, sqlite3_step(q), SQLITE_DONE);
	sqlite3_reset(q);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *q = NULL;

	check(db, sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
	return q;
}

static void zdt(int64_t s, char text[32])
{
	time_t t = (time_t)s;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, 32, "%Y-%m-%dT%H:%M:%S+0000", &tm);
}

static void insert_unit(sqlite3 *db, sqlite3_stmt *q, int64_t i, int64_t end_s)
{
	double r = next_random();
	int user = (int)(USERS * r * r), cpus = 1 + (int)(next_random() * 32);
	int project = project_of(user, user % 5 == 0 && next_random() < 0.5);
	int64_t seconds = 60 + (int64_t)(next_random() * next_random() * 12 * HOUR_S);
	char start[32], end[32], text[ROW_TEXT_MAX];
	struct columns c = { 0 };
	int p = 1;

	make_columns((double)seconds, cpus, &c);
	zdt(end_s - seconds, start);
	zdt(end_s, end);
	sqlite3_bind_text(q, p++, cluster_of(project), -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, p++, FIRST_UUID + i);
	sqlite3_bind_int(q, p++, project);
	sqlite3_bind_int(q, p++, user);
	sqlite3_bind_text(q, p++, start, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(q, p++, end, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(q, p++, (end_s - seconds) * 1000);
	sqlite3_bind_int64(q, p++, end_s * 1000);
	snprintf(text, sizeof(text),
		"{\"billing\":%d,\"cpus\":%d,\"gpus\":0,\"mem\":%lld,\"nodes\":1}", cpus, cpus,
		(long long)cpus << 32);
	sqlite3_bind_text(q, p++, text, -1, SQLITE_TRANSIENT);
	snprintf(text, sizeof(text),
		"{\"exit_code\":\"0:0\",\"gid\":%d,\"nodelist\":\"n%04d\",\"nodelistexp\":\"n%04d\","
		"\"partition\":\"cpu\",\"qos\":\"normal\",\"uid\":%d,\"workdir\":\"/home/user%d/work\"}",
		project, project, project, user, user);
	sqlite3_bind_text(q, p++, text, -1, SQLITE_TRANSIENT);
	end_s += QUARTER_S - end_s % QUARTER_S;
	zdt(end_s, end);
	end[19] = '\0';
	sqlite3_bind_text(q, p++, end, -1, SQLITE_TRANSIENT);
	bind_columns(q, p, &c);
	finish(db, q);
}

static void insert_units(sqlite3 *db, int64_t n, int64_t now_s)
{
	sqlite3_stmt *q = prepare(db,
		"INSERT INTO units (resource_manager, cluster_id, uuid, name, project, groupname, "
		"username, created_at, started_at, ended_at, created_at_ts, started_at_ts, "
		"ended_at_ts, elapsed, state, allocation, tags, ignore, num_updates, last_updated_at, " METRIC_NAMES
		") VALUES ('slurm', ?1, ?2, 'simulation-' || ?2, 'project' || ?3, "
		"'group' || ?3, 'user' || ?4, ?5, ?5, ?6, ?7, ?7, ?8, '01:00:00', 'COMPLETED', ?9, "
		"?10, 0, 2, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)");
	int64_t span_s = (int64_t)YEARS * 365 * DAY_S;

	run(db, "BEGIN");
	for (int64_t i = 0; i < n; i++)
		insert_unit(db, q, i,
			now_s - span_s + (int64_t)((double)span_s * (double)i / (double)n));
	run(db, "COMMIT");
	sqlite3_finalize(q);
}

/* Usage of the accounts: ever, by UTC day, and by quarter of the last 35 days. */
static void insert_usage(sqlite3 *db, int64_t now_s)
{
	static const char *const periods[] = {
		"INSERT INTO ceems_usage_days SELECT a.id, u.ended_at_ts / 86400000 * 86400 AS d, count(*), 0, ",
		"INSERT INTO ceems_usage_quarters SELECT a.id, u.ended_at_ts / 900000 * 900 AS d, count(*), 0, ",
	};
	char sql[4096], where[64];

	run(db,
		"INSERT INTO usage (resource_manager, cluster_id, num_units, project, groupname, "
		"username, num_updates, last_updated_at, " METRIC_NAMES
		") SELECT resource_manager, "
		"cluster_id, count(*), project, max(groupname), username, count(*), "
		"max(last_updated_at), " METRIC_NAMES
		" FROM units GROUP BY cluster_id, username, project");
	run(db,
		"INSERT INTO daily_usage (resource_manager, cluster_id, num_units, project, groupname, "
		"username, num_updates, last_updated_at, " METRIC_NAMES
		") SELECT resource_manager, "
		"cluster_id, count(*), project, max(groupname), username, count(*), "
		"substr(last_updated_at, 1, 10) || 'T00:00:00' AS d, " METRIC_NAMES
		" FROM units GROUP BY cluster_id, username, project, d");
	for (size_t i = 0; i < ARRAY_SIZE(periods); i++) {
		snprintf(where, sizeof(where), "%lld",
			i ? (long long)(now_s - USAGE_QUARTERS_KEPT_S) * 1000 : 0LL);
		snprintf(sql, sizeof(sql),
			"%s u.total_time_seconds, u.avg_cpu_usage, u.avg_cpu_mem_usage, "
			"u.total_cpu_energy_usage_kwh, u.total_cpu_emissions_gms, NULL, NULL, NULL, NULL, "
			"u.total_io_write_stats, u.total_io_read_stats, NULL, NULL, '{\"global\":3600}', "
			"'{\"global\":14745600}', NULL, NULL FROM units u JOIN ceems_accounts a USING "
			"(cluster_id, project, username) WHERE u.ended_at_ts >= %s GROUP BY a.id, d",
			periods[i], where);
		run(db, sql);
	}
}

static void insert_projects(sqlite3 *db)
{
	sqlite3_stmt *q = prepare(db,
		"INSERT INTO projects (cluster_id, resource_manager, name, users) "
		"VALUES (?1, 'slurm', 'project' || ?2, ?3)");

	for (int p = 0; p < PROJECTS; p++) {
		char users[4096];
		size_t n = 0;

		for (int u = 0; u < USERS; u++) {
			if (project_of(u, false) == p || (u % 5 == 0 && project_of(u, true) == p))
				n += (size_t)snprintf(users + n, sizeof(users) - n, "%c\"user%d\"",
					n ? ',' : '[', u);
		}
		snprintf(users + n, sizeof(users) - n, "]");
		sqlite3_bind_text(q, 1, cluster_of(p), -1, SQLITE_STATIC);
		sqlite3_bind_int(q, 2, p);
		sqlite3_bind_text(q, 3, users, -1, SQLITE_TRANSIENT);
		finish(db, q);
	}
	sqlite3_finalize(q);
	run(db,
		"INSERT INTO admin_users (cluster_id, name, projects, tags) "
		"VALUES ('all', 'admin', '[]', '[\"ceems\"]')");
}

/* Indexes and triggers are made behind the rows, which is much faster. */
static void make(const char *dir, int64_t n)
{
	int64_t now_s = (int64_t)time(NULL);
	sqlite3_stmt *q;
	char indexes[8192], drops[2048];
	sqlite3 *db;

	store_close(open_store(dir));
	db = open_file(dir);
	run(db,
		"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; "
		"PRAGMA temp_store = FILE; PRAGMA threads = 2");
	q = prepare(db,
		"SELECT group_concat(sql, ';'), group_concat('DROP INDEX ' || name, ';') FROM "
		"sqlite_schema WHERE type = 'index' AND tbl_name = 'units' AND name NOT LIKE 'ceems_%'");
	check(db, sqlite3_step(q), SQLITE_ROW);
	snprintf(indexes, sizeof(indexes), "%s", (const char *)sqlite3_column_text(q, 0));
	snprintf(drops, sizeof(drops), "%s", (const char *)sqlite3_column_text(q, 1));
	sqlite3_finalize(q);
	run(db, drops);
	run(db,
		"DROP INDEX ceems_units_user_ended; DROP INDEX ceems_units_ended; "
		"DROP INDEX ceems_units_project_updated; DROP INDEX ceems_units_running; "
		"DROP TRIGGER ceems_unit_added");
	insert_units(db, n, now_s);
	run(db, indexes);
	insert_projects(db);
	sqlite3_close(db);
	/* The store makes what is ours, and fills the accounts. */
	store_close(open_store(dir));
	db = open_file(dir);
	run(db,
		"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; "
		"PRAGMA temp_store = FILE");
	insert_usage(db, now_s);
	sqlite3_close(db);
	store_close(open_store(dir));
}

static double cpu_ms(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e3 +
		(double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e3;
}

static void put(struct unit *u, struct arena *arena, enum unit_metric m, const char *key, double v)
{
	if (metric_map_put(&u->metrics[m], arena, key, v) < 0)
		checked(NULL, "out of memory");
}

static void add_job(struct unit_list *units, struct arena *arena, int i, int64_t start_s)
{
	static const char *const io[] = { "bytes_total", "errors_total", "requests_total" };
	static const char *const emissions[] = { "emaps_total", "owid_total", "rte_total" };
	static const char *const times[] = { "walltime", "alloc_cputime", "alloc_cpumemtime",
		"alloc_gputime", "alloc_gpumemtime" };
	struct unit *u = checked(unit_list_push(units, arena), "out of memory");
	int user = (i * 7) % USERS, project = project_of(user, false);
	char text[32];

	zdt(start_s - 7777, text);
	u->resource_manager = "slurm";
	u->uuid = arena_printf(arena, "%d", i);
	u->name = "simulation";
	u->username = arena_printf(arena, "user%d", user);
	u->project = arena_printf(arena, "project%d", project);
	u->groupname = arena_printf(arena, "group%d", project);
	u->created_at = u->started_at = arena_strdup(arena, text);
	u->created_at_ms = u->started_at_ms = (start_s - 7777) * 1000;
	u->ended_at = "Unknown";
	u->elapsed = "02:30:00";
	u->state = "RUNNING";
	u->allocation = "{\"billing\":8,\"cpus\":8,\"gpus\":0,\"mem\":34359738368,\"nodes\":1}";
	u->tags =
		"{\"exit_code\":\"0:0\",\"nodelist\":\"n0001\",\"partition\":\"cpu\",\"qos\":\"normal\"}";
	for (size_t k = 0; k < ARRAY_SIZE(times); k++)
		put(u, arena, TOTAL_TIME_SECONDS, times[k], k < 3 ? 900 : 0);
	put(u, arena, AVG_CPU_USAGE, "global", next_random() * 100);
	put(u, arena, AVG_CPU_MEM_USAGE, "global", next_random() * 100);
	put(u, arena, TOTAL_CPU_ENERGY_USAGE_KWH, "total", next_random());
	for (size_t k = 0; k < 3; k++) {
		put(u, arena, TOTAL_CPU_EMISSIONS_GMS, emissions[k], next_random());
		put(u, arena, TOTAL_IO_WRITE_STATS, io[k], next_random() * 1e9);
		put(u, arena, TOTAL_IO_READ_STATS, io[k], next_random() * 1e9);
	}
}

static void step(const char *dir, int jobs)
{
	struct store *store = open_store(dir);
	int64_t first_s = (int64_t)time(NULL), start_s = 0;
	struct store_step_result result;
	struct err err = { 0 };
	struct arena arena;
	double ms = 0;

	/* Behind what earlier runs stored. */
	if (store_watermark(store, "hpc-a", &start_s, &err) < 0)
		checked(NULL, err.text);
	start_s = MAX(first_s, start_s / 1000);
	first_s = start_s;
	arena_init(&arena, (size_t)1 << 30);
	for (int window = 0; window < 2; window++) {
		struct unit_list units = { 0 };
		struct store_step s = { .cluster_id = "hpc-a",
			.start_ms = start_s * 1000,
			.end_ms = (start_s + 937) * 1000,
			.units = &units,
			.now_ms = (start_s + 937) * 1000 };

		arena_reset(&arena);
		for (int i = 0; i < jobs; i++)
			add_job(&units, &arena, i, first_s);
		ms = cpu_ms();
		if (store_commit_step(store, &s, &result, &err) < 0)
			checked(NULL, err.text);
		ms = cpu_ms() - ms;
		start_s += 937;
	}
	printf("%.0f %zu\n", ms, result.stored);
	arena_done(&arena);
	store_close(store);
}

static const struct selection {
	const char *what;
	bool by_project;
	const char *sql;
} selections[] = {
	{ "units", false,
		"SELECT * FROM units INDEXED BY ceems_units_user_ended WHERE username = 'user' || ?1 AND "
		"ended_at BETWEEN ?3 AND ?4 AND ignore = 0 ORDER BY cluster_id, uuid" },
	{ "user", false,
		"SELECT u.cluster_id, u.resource_manager, u.project, u.groupname, u.username, " METRIC_NAMES
		" FROM ceems_members m CROSS JOIN units u ON u.cluster_id = m.cluster_id "
		"AND u.project = m.project WHERE m.username = 'user' || ?1 AND u.last_updated_at BETWEEN ?3 AND ?4" },
	{ "project", true,
		"SELECT u.cluster_id, u.resource_manager, u.project, u.groupname, u.username, " METRIC_NAMES
		" FROM units u WHERE u.cluster_id = ?5 AND u.project = 'project' || ?2 "
		"AND u.last_updated_at BETWEEN ?3 AND ?4" },
	{ "exact-user", false,
		"SELECT a.*, d.* FROM ceems_members m CROSS JOIN ceems_accounts a ON a.cluster_id = "
		"m.cluster_id AND a.project = m.project CROSS JOIN ceems_usage_days d ON d.account = a.id "
		"WHERE m.username = 'user' || ?1 AND d.start_s BETWEEN ?6 AND ?7" },
	{ "exact-project", true,
		"SELECT a.*, d.* FROM ceems_accounts a CROSS JOIN ceems_usage_days d ON d.account = a.id "
		"WHERE a.cluster_id = ?5 AND a.project = 'project' || ?2 AND d.start_s BETWEEN ?6 AND ?7" },
	{ "global", false,
		"SELECT u.* FROM ceems_members m CROSS JOIN usage u ON u.cluster_id = m.cluster_id "
		"AND u.project = m.project WHERE m.username = 'user' || ?1 "
		"ORDER BY u.cluster_id, u.username, u.project" },
};

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* All rows with all their columns. */
static int64_t read_all(sqlite3 *db, sqlite3_stmt *q)
{
	int64_t rows = 0;
	int code;

	while ((code = sqlite3_step(q)) == SQLITE_ROW) {
		for (int i = sqlite3_column_count(q); i-- > 0;)
			(void)sqlite3_column_text(q, i);
		rows++;
	}
	check(db, code, SQLITE_DONE);
	sqlite3_reset(q);
	return rows;
}

static void measure(const char *dir, const struct selection *s, int n)
{
	sqlite3 *db = open_file(dir);
	sqlite3_stmt *q = prepare(db, s->sql);
	double *us = checked(calloc((size_t)n, sizeof(*us)), "out of memory");
	int *users = checked(calloc((size_t)n, sizeof(*users)), "out of memory");
	int64_t to_s = (int64_t)time(NULL), from_s = to_s - (int64_t)30 * DAY_S, rows = 0;
	double cpu = 0;
	char from[32], to[32];

	zdt(from_s, from);
	zdt(to_s, to);
	for (int i = 0; i < n; i++)
		users[i] = (int)(next_random() * USERS);
	/* Twice, so that all is in memory, as for the server. */
	for (int i = 0; i < 2 * n; i++) {
		int user = users[i % n], project = project_of(user, false);
		double start;
		int64_t found;

		sqlite3_bind_int(q, 1, user);
		sqlite3_bind_int(q, 2, project);
		sqlite3_bind_text(q, 3, from, 19, SQLITE_STATIC);
		sqlite3_bind_text(q, 4, to, 19, SQLITE_STATIC);
		sqlite3_bind_text(q, 5, cluster_of(project), -1, SQLITE_STATIC);
		sqlite3_bind_int64(q, 6, from_s);
		sqlite3_bind_int64(q, 7, to_s);
		if (i == n)
			cpu = cpu_ms();
		start = now_us();
		found = read_all(db, q);
		us[i % n] = now_us() - start;
		rows += i < n ? found : 0;
	}
	cpu = cpu_ms() - cpu;
	qsort(us, (size_t)n, sizeof(*us), compare);
	printf("%.0f %.0f %.0f\n", us[n / 2], cpu * 1e3 / n, (double)rows / n);
	free(us);
	free(users);
	sqlite3_finalize(q);
	sqlite3_close(db);
}

int main(int argc, char **argv)
{
	if (argc == 4 && str_eq(argv[1], "make")) {
		make(argv[2], atoll(argv[3]));
		return 0;
	}
	if (argc == 4 && str_eq(argv[1], "step")) {
		step(argv[2], atoi(argv[3]));
		return 0;
	}
	for (size_t i = 0; argc == 5 && i < ARRAY_SIZE(selections); i++) {
		if (str_eq(argv[1], "select") && str_eq(argv[3], selections[i].what)) {
			measure(argv[2], &selections[i], atoi(argv[4]));
			return 0;
		}
	}
	fprintf(stderr, "usage: bench_store make DIR UNITS | step DIR JOBS | select DIR WHAT N\n");
	return 2;
}
