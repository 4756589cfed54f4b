// SPDX-License-Identifier: Apache-2.0
/* The writing side of the store. */
#include "api/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "api/metric_map.h"
#include "sample_store.h"
#include "unit_test.h"

static struct sample_store s;
static struct err err;

static int setup(void **state)
{
	sample_store_open(&s);
	return 0;
}

static int teardown(void **state)
{
	sample_store_close(&s);
	return 0;
}

/* Stores window number n of hpc-a. */
static int commit(const struct unit_list *units, int n, struct store_step_result *result)
{
	struct store_step step = { .cluster_id = "hpc-a",
		.start_ms = (SAMPLE_T0_S + n * SAMPLE_WINDOW_S) * 1000,
		.end_ms = (SAMPLE_T0_S + (n + 1) * SAMPLE_WINDOW_S) * 1000,
		.units = units };
	struct store_step_result ignored;

	return store_commit_step(s.store, &step, result ? result : &ignored, &err);
}

static void commit_ok(const struct unit_list *units, int n)
{
	if (commit(units, n, NULL) < 0)
		fail_msg("%s", err.text);
}

static struct unit *add(struct unit_list *units, const char *uuid, int64_t start_s)
{
	return sample_unit(&s, units, "slurm", uuid, "mira", "astro", start_s, 0);
}

#define assert_query(sql, expected) assert_string_equal(sample_query(s.path, sql), expected)

static void a_unit_is_stored_as_ceems_writes_it(void **state)
{
	struct unit_list units = { 0 };

	sample_metric(
		&s, add(&units, "7", SAMPLE_T0_S + 1), TOTAL_CPU_EMISSIONS_GMS, "rte_total", 1.5);
	commit_ok(&units, 0);
	assert_query(
		"SELECT cluster_id || '|' || resource_manager || '|' || uuid || '|' || name || '|' || "
		"project || '|' || groupname || '|' || username || '|' || created_at || '|' || "
		"started_at || '|' || ended_at || '|' || created_at_ts || '|' || ended_at_ts || '|' || "
		"elapsed || '|' || state || '|' || allocation || '|' || tags || '|' || ignore || '|' || "
		"num_updates || '|' || last_updated_at FROM units",
		"hpc-a|slurm|7|sim <a&b>|astro|staff|mira|2031-04-09T08:00:01+0200|"
		"2031-04-09T08:00:01+0200|Unknown|1933480801000|0|00:15:00|RUNNING|"
		"{\"cpus\":1,\"mem\":1073741824}|{\"qos\":\"normal\"}|0|1|2031-04-09T08:15:00");
	assert_query("SELECT total_time_seconds || avg_cpu_usage || total_cpu_energy_usage_kwh || "
		     "total_cpu_emissions_gms || avg_gpu_usage || total_egress_stats FROM units",
		"{\"alloc_cpumemtime\":921600,\"alloc_cputime\":900,\"alloc_gpumemtime\":0,"
		"\"alloc_gputime\":0,\"walltime\":900}{\"global\":40}{\"total\":0.25000000}"
		"{\"rte_total\":1.50000000}nullnull");
	assert_query("SELECT num_units || '|' || num_updates || '|' || groupname || '|' || "
		     "last_updated_at FROM usage",
		"1|1|staff|2031-04-09T08:15:00");
	/* The day is UTC's, written in the zone. */
	assert_query("SELECT last_updated_at FROM daily_usage", "2031-04-09T02:00:00");
}

static void averages_are_weighted_and_totals_add_up(void **state)
{
	struct unit_list first = { 0 }, second = { 0 };
	struct unit *u;

	u = add(&first, "7", SAMPLE_T0_S);
	sample_metric(&s, u, TOTAL_TIME_SECONDS, "alloc_cputime", 600);
	commit_ok(&first, 0);
	u = add(&second, "7", SAMPLE_T0_S);
	sample_metric(&s, u, TOTAL_TIME_SECONDS, "alloc_cputime", 300);
	sample_metric(&s, u, AVG_CPU_USAGE, "global", 70);
	u->name = "renamed";
	u->state = "COMPLETED";
	u->ended_at = "2031-04-09T08:20:00+0200";
	u->ended_at_ms = (SAMPLE_T0_S + 1200) * 1000;
	commit_ok(&second, 1);
	assert_query(
		"SELECT avg_cpu_usage || json_extract(total_time_seconds, '$.alloc_cputime') || "
		"total_cpu_energy_usage_kwh || avg_gpu_usage || name || state || ended_at || "
		"num_updates || last_updated_at FROM units",
		"{\"global\":50}900{\"total\":0.50000000}{}sim <a&b>COMPLETED"
		"2031-04-09T08:20:00+020022031-04-09T08:30:00");
	assert_query(
		"SELECT avg_cpu_usage || num_units || num_updates FROM usage", "{\"global\":50}12");
	assert_query("SELECT avg_cpu_usage || num_units || num_updates FROM daily_usage",
		"{\"global\":50}12");
}

static void units_are_counted_once_when_they_are_first_stored(void **state)
{
	struct unit_list units = { 0 };

	add(&units, "old", SAMPLE_T0_S - 5000);
	commit_ok(&units, 0);
	assert_query("SELECT num_units FROM usage", "1");
	add(&units, "older", SAMPLE_T0_S - 6000);
	add(&units, "new", SAMPLE_T0_S + SAMPLE_WINDOW_S + 1);
	commit_ok(&units, 1);
	assert_query("SELECT num_units FROM usage", "3");
	assert_query("SELECT count(*) FROM units", "3");
}

/* A Kubernetes pod that waits for a node, say. */
static struct unit *add_waiting(struct unit_list *units, const char *uuid)
{
	struct unit *u = sample_unit(&s, units, "k8s", uuid, "mira", "ns1", SAMPLE_T0_S, 0);

	u->started_at = u->ended_at = "N/A";
	u->started_at_ms = 0;
	memset(u->metrics, 0, sizeof(u->metrics));
	sample_metric(&s, u, TOTAL_TIME_SECONDS, "walltime", 0);
	return u;
}

static void a_unit_that_waited_has_one_row_when_it_begins(void **state)
{
	struct unit_list waits = { 0 }, runs = { 0 };

	add_waiting(&waits, "p");
	add_waiting(&waits, "q");
	commit_ok(&waits, 0);
	commit_ok(&waits, 1);
	assert_query("SELECT uuid || started_at || started_at_ts || num_updates FROM units "
		     "ORDER BY uuid",
		"pN/A02\nqN/A02");
	sample_unit(&s, &runs, "k8s", "p", "mira", "ns1", SAMPLE_T0_S + 2000, 0);
	commit_ok(&runs, 2);
	commit_ok(&runs, 3);
	assert_query("SELECT uuid || started_at || started_at_ts || num_updates || "
		     "json_extract(total_time_seconds, '$.walltime') FROM units ORDER BY uuid",
		"p2031-04-09T08:33:20+0200193348280000041800\nqN/A020");
	assert_query("SELECT num_units FROM usage", "2");
}

static void two_rows_that_ceems_left_of_a_unit_become_one(void **state)
{
	struct unit_list runs = { 0 }, waits = { 0 };

	sample_unit(&s, &runs, "k8s", "p", "mira", "ns1", SAMPLE_T0_S, 0);
	commit_ok(&runs, 0);
	add_waiting(&waits, "p");
	commit_ok(&waits, 1);
	assert_query("SELECT count(*) FROM units", "2");
	commit_ok(&runs, 2);
	assert_query("SELECT started_at_ts || json_extract(total_time_seconds, '$.walltime') "
		     "FROM units",
		"19334808000001800");
}

struct seen {
	char text[256];
	int answer;
};

static int note_running(void *ctx, const struct unit *unit, int64_t seen_ms)
{
	struct seen *seen = ctx;
	size_t n = strlen(seen->text);

	snprintf(seen->text + n, sizeof(seen->text) - n, "%s %s %s %s %lld %lld;", unit->cluster_id,
		unit->uuid, unit->username, unit->started_at,
		(long long)unit->started_at_ms / 1000 - SAMPLE_T0_S,
		(long long)seen_ms / 1000 - SAMPLE_T0_S);
	return seen->answer;
}

static void what_runs_as_far_as_known_is_handed_out(void **state)
{
	struct unit_list units = { 0 };
	struct seen seen = { "", 0 };

	add(&units, "7", SAMPLE_T0_S + 60);
	sample_unit(&s, &units, "slurm", "8", "mira", "astro", SAMPLE_T0_S, SAMPLE_T0_S + 9);
	commit_ok(&units, 0);
	assert_int_equal(store_get_running(s.store, "hpc-a", note_running, &seen, &err), 0);
	assert_string_equal(seen.text, "hpc-a 7 mira 2031-04-09T08:01:00+0200 60 900;");
	seen.text[0] = '\0';
	assert_int_equal(store_get_running(s.store, "hpc-b", note_running, &seen, &err), 0);
	assert_string_equal(seen.text, "");
	seen.answer = -E2BIG;
	assert_int_equal(store_get_running(s.store, "hpc-a", note_running, &seen, &err), -E2BIG);
	assert_non_null(strstr(err.text, "hpc-a"));
	/* What another program wrote there may be anything. */
	seen = (struct seen){ "", 0 };
	sample_sql(s.path, "UPDATE units SET last_updated_at = NULL, username = NULL");
	assert_int_equal(store_get_running(s.store, "hpc-a", note_running, &seen, &err), 0);
	assert_string_equal(seen.text, "hpc-a 7  2031-04-09T08:01:00+0200 60 60;");
}

static int note_owner(void *ctx, const char *project, const char *user)
{
	struct seen *seen = ctx;
	size_t n = strlen(seen->text);

	snprintf(seen->text + n, sizeof(seen->text) - n, "%s/%s ", project, user);
	return seen->answer;
}

static void owners_of_units_are_handed_out_once(void **state)
{
	struct unit_list units = { 0 };
	struct seen seen = { "", 0 };

	add(&units, "7", SAMPLE_T0_S);
	add(&units, "8", SAMPLE_T0_S);
	add(&units, "9", SAMPLE_T0_S)->username = "";
	sample_unit(&s, &units, "slurm", "10", "otto", "astro", SAMPLE_T0_S, SAMPLE_T0_S + 9);
	commit_ok(&units, 0);
	assert_int_equal(store_get_owners(s.store, "hpc-a", note_owner, &seen, &err), 0);
	assert_string_equal(seen.text, "astro/mira astro/otto ");
	seen = (struct seen){ "", -E2BIG };
	assert_int_equal(store_get_owners(s.store, "hpc-a", note_owner, &seen, &err), -E2BIG);
	assert_non_null(strstr(err.text, "hpc-a"));
}

static void a_window_is_stored_exactly_once(void **state)
{
	struct unit_list units = { 0 };
	struct store_step overlap = { .cluster_id = "hpc-a",
		.start_ms = (SAMPLE_T0_S + 10) * 1000,
		.end_ms = (SAMPLE_T0_S + 5000) * 1000 };
	struct store_step_result result;
	int64_t ms;

	assert_int_equal(store_watermark(s.store, "hpc-a", &ms, &err), 0);
	assert_int_equal(ms, 0);
	add(&units, "7", SAMPLE_T0_S);
	commit_ok(&units, 0);
	assert_int_equal(commit(&units, 0, NULL), -EEXIST);
	assert_non_null(strstr(err.text, "hpc-a"));
	assert_int_equal(store_commit_step(s.store, &overlap, &result, &err), -EEXIST);
	sample_store_reopen(&s);
	assert_int_equal(commit(&units, 0, NULL), -EEXIST);
	assert_int_equal(store_watermark(s.store, "hpc-a", &ms, &err), 0);
	assert_int_equal(ms, (SAMPLE_T0_S + SAMPLE_WINDOW_S) * 1000);
	assert_query("SELECT total_cpu_energy_usage_kwh FROM units", "{\"total\":0.25000000}");
	/* Another cluster has a watermark of its own; an empty window counts as well. */
	overlap.cluster_id = "hpc-b";
	assert_int_equal(store_commit_step(s.store, &overlap, &result, &err), 0);
	assert_int_equal(store_watermark(s.store, "hpc-b", &ms, &err), 0);
	assert_int_equal(ms, overlap.end_ms);
	overlap.end_ms = overlap.start_ms;
	assert_int_equal(store_commit_step(s.store, &overlap, &result, &err), -EINVAL);
}

static void what_ceems_wrote_meanwhile_is_not_stored_again(void **state)
{
	struct unit_list units = { 0 };
	int64_t ms;

	add(&units, "7", SAMPLE_T0_S);
	commit_ok(&units, 0);
	store_close(s.store);
	s.store = NULL;
	sample_sql(s.path, "UPDATE usage SET last_updated_at = '2031-04-09T09:00:00'");
	sample_store_reopen(&s);
	assert_int_equal(store_watermark(s.store, "hpc-a", &ms, &err), 0);
	assert_int_equal(ms, (SAMPLE_T0_S + 3600) * 1000);
	/* Garbage there is ignored. */
	store_close(s.store);
	s.store = NULL;
	sample_sql(s.path, "UPDATE usage SET last_updated_at = 'tomorrow'");
	sample_store_reopen(&s);
	assert_int_equal(store_watermark(s.store, "hpc-a", &ms, &err), 0);
	assert_int_equal(ms, (SAMPLE_T0_S + 3600) * 1000);
}

static void a_bad_row_is_left_out_and_the_rest_goes_on(void **state)
{
	struct unit_list units = { 0 };
	struct store_step_result result;

	add(&units, "bad", SAMPLE_T0_S);
	units.v[0].username = "otto";
	add(&units, "good", SAMPLE_T0_S);
	commit_ok(&units, 0);
	sample_sql(s.path, "UPDATE units SET avg_cpu_usage = '{broken' WHERE uuid = 'bad'");
	add(&units, "", SAMPLE_T0_S);
	assert_int_equal(commit(&units, 1, &result), 0);
	assert_int_equal(result.stored, 1);
	assert_int_equal(result.failed, 1);
	assert_non_null(strstr(result.first_failure.text, "unit 'bad': stored avg_cpu_usage"));
	assert_query("SELECT num_updates FROM units ORDER BY uuid", "1\n2");
	assert_query("SELECT num_updates FROM usage ORDER BY username", "2\n1");
}

static void users_and_projects_are_replaced_but_never_deleted(void **state)
{
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct store_step step = { .cluster_id = "hpc-a",
		.start_ms = 1000,
		.end_ms = 2000,
		.users = &users,
		.projects = &projects };
	struct store_step_result result;

	sample_account(&s, &users, &projects, "mira", "astro");
	sample_account(&s, &users, &projects, "otto", "x\"<y>");
	users.v[1].last_updated_at = "then";
	assert_int_equal(store_commit_step(s.store, &step, &result, &err), 0);
	assert_query("SELECT name || projects || tags || last_updated_at FROM users ORDER BY name",
		"mira[\"astro\"][]1970-01-01T01:00:02\notto[\"x\\\"\\u003cy\\u003e\"][]then");
	users.n = projects.n = 1;
	users.v[0].projects.n = 0;
	step.start_ms = 2000;
	step.end_ms = 3000;
	assert_int_equal(store_commit_step(s.store, &step, &result, &err), 0);
	assert_query("SELECT name || projects FROM users ORDER BY name",
		"mira[]\notto[\"x\\\"\\u003cy\\u003e\"]");
	assert_query("SELECT name || users FROM projects ORDER BY name",
		"astro[\"mira\"]\nx\"<y>[\"otto\"]");
}

static void the_admin_table_equals_the_current_names(void **state)
{
	const char *ceems_names[] = { "boss", "both", "" }, *grafana_names[] = { "both", "gwen" };
	struct strings ceems = { ceems_names, 3 }, grafana = { grafana_names, 2 };
	static const char all[] =
		"SELECT cluster_id || name || tags FROM admin_users ORDER BY name";

	sample_sql(s.path,
		"INSERT INTO admin_users (name, tags) VALUES ('gone', '[\"ceems\"]'); "
		"INSERT INTO admin_users (cluster_id, name) VALUES ('x', 'boss')");
	assert_int_equal(store_set_admins(s.store, &ceems, &grafana, 0, &err), 0);
	assert_query(all, "allboss[\"ceems\"]\nallboth[\"grafana\"]\nallgwen[\"grafana\"]");
	/* Grafana is down: its names stay. */
	ceems.n = 1;
	assert_int_equal(store_set_admins(s.store, &ceems, NULL, 0, &err), 0);
	assert_query(all, "allboss[\"ceems\"]\nallboth[\"grafana\"]\nallgwen[\"grafana\"]");
	grafana.n = 0;
	assert_int_equal(store_set_admins(s.store, &ceems, &grafana, 0, &err), 0);
	assert_query(all, "allboss[\"ceems\"]");
	ceems.n = 0;
	assert_int_equal(store_set_admins(s.store, &ceems, &grafana, 0, &err), 0);
	assert_query(all, "");
}

static void retention_deletes_up_to_the_boundary(void **state)
{
	struct store_purge_result result;

	sample_sql(s.path,
		"INSERT INTO units (cluster_id, uuid, started_at, ended_at) VALUES "
		"('a', '1', 's', '2031-04-06T23:59:59+0200'), ('a', '2', 's', '2031-04-07'), "
		"('a', '3', 's', '2031-04-07T00:00:00+0200'), ('a', '4', 's', 'Unknown'), "
		"('a', '5', 's', 'N/A'); "
		"INSERT INTO usage (cluster_id, username, last_updated_at) VALUES "
		"('a', 'old', '2031-04-06T23:59:59'), ('a', 'new', '2031-04-07T00:00:00'); "
		"INSERT INTO daily_usage (cluster_id, username, last_updated_at) VALUES "
		"('a', 'old', '2031-04-06T02:00:00'), ('a', 'new', '2031-04-07T02:00:00'); "
		"INSERT INTO users (cluster_id, name, last_updated_at) VALUES ('a', 'u', '2001')");
	/* Now is 2031-04-09. */
	assert_int_equal(store_purge(s.store, 2, SAMPLE_T0_S * 1000, &result, &err), 0);
	assert_int_equal(result.rows, 4);
	assert_false(result.more);
	assert_query("SELECT uuid FROM units ORDER BY uuid", "3\n4\n5");
	assert_query("SELECT username FROM usage", "new");
	assert_query("SELECT username FROM daily_usage", "new");
	assert_query("SELECT name FROM users", "u");
}

static void retention_goes_on_where_it_stopped(void **state)
{
	struct store_purge_result result;

	sample_sql(s.path,
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
		"INSERT INTO units (cluster_id, uuid, started_at, ended_at) "
		"SELECT 'a', i, 's', '2031-01-01T00:00:00+0100' FROM n");
	assert_int_equal(store_purge(s.store, 2, SAMPLE_T0_S * 1000, &result, &err), 0);
	assert_true(result.more);
	assert_int_equal(store_purge(s.store, 2, SAMPLE_T0_S * 1000, &result, &err), 0);
	assert_false(result.more);
	assert_query("SELECT count(*) FROM units", "0");
}

/* The disk is a tmpfs that is too small. */
static void a_full_disk_changes_nothing_and_is_survived(void **state)
{
	struct unit_list units = { 0 };
	struct store *normal = s.store;
	char dir[] = "/tmp/ceems-full-XXXXXX", *big = arena_alloc(&s.arena, 2 << 20);
	int64_t ms;

	assert_non_null(mkdtemp(dir));
	if (mount("tmpfs", dir, "tmpfs", 0, "size=1m") < 0) {
		rmdir(dir);
		print_message("no mount allowed here\n");
		skip();
	}
	s.store = NULL;
	assert_int_equal(store_open(dir, s.zone, &s.store, &err), 0);
	add(&units, "7", SAMPLE_T0_S);
	commit_ok(&units, 0);
	memset(big, 'x', 2 << 20);
	big[(2 << 20) - 1] = '\0';
	units.v[0].state = big;
	assert_int_equal(commit(&units, 1, NULL), -ENOSPC);
	assert_non_null(strstr(err.text, "no space"));
	assert_int_equal(store_ping(s.store), 0);
	assert_int_equal(store_watermark(s.store, "hpc-a", &ms, &err), 0);
	assert_int_equal(ms, (SAMPLE_T0_S + SAMPLE_WINDOW_S) * 1000);
	assert_int_equal(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=16m"), 0);
	commit_ok(&units, 1);
	assert_int_equal(store_watermark(s.store, "hpc-a", &ms, &err), 0);
	assert_int_equal(ms, (SAMPLE_T0_S + 2 * SAMPLE_WINDOW_S) * 1000);
	store_close(s.store);
	s.store = normal;
	assert_int_equal(umount(dir), 0);
	rmdir(dir);
}

static void a_read_only_disk_is_told(void **state)
{
	struct unit_list units = { 0 };
	struct store *normal = s.store, *again = NULL;
	char dir[] = "/tmp/ceems-ro-XXXXXX";

	assert_non_null(mkdtemp(dir));
	if (mount("tmpfs", dir, "tmpfs", 0, "size=4m") < 0) {
		rmdir(dir);
		print_message("no mount allowed here\n");
		skip();
	}
	s.store = NULL;
	assert_int_equal(store_open(dir, s.zone, &s.store, &err), 0);
	add(&units, "7", SAMPLE_T0_S);
	commit_ok(&units, 0);
	store_close(s.store);
	assert_int_equal(mount("tmpfs", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=4m"), 0);
	assert_int_equal(store_open(dir, s.zone, &again, &err), -EROFS);
	assert_non_null(strstr(err.text, dir));
	assert_null(again);
	s.store = normal;
	assert_int_equal(umount(dir), 0);
	rmdir(dir);
}

static void a_damaged_file_is_told_with_what_to_do(void **state)
{
	struct store *again = NULL;

	sample_store_fill(&s);
	store_close(s.store);
	s.store = NULL;
	assert_int_equal(truncate(s.path, 5000), 0);
	assert_int_equal(store_open(s.dir, s.zone, &again, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "restore a backup"));
	assert_null(again);
}

static int count_row(void *ctx, const struct store_row *row)
{
	++*(size_t *)ctx;
	return 0;
}

static atomic_bool writer_done;

/* Energy and time of a unit must come from the same step. */
static int check_row(void *ctx, const struct store_row *row)
{
	struct metric_map time, energy;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	assert_int_equal(metric_map_parse(store_row_text(row, 16).p, &arena, &time), 0);
	assert_int_equal(metric_map_parse(store_row_text(row, 19).p, &arena, &energy), 0);
	assert_true(
		metric_map_get(&time, "walltime") == metric_map_get(&energy, "total") * 4 * 900);
	arena_done(&arena);
	return 0;
}

static void *read_all_the_time(void *ctx)
{
	struct store_query query = { .from_s = 0, .to_s = SAMPLE_T0_S + 100000, .running = true };

	while (!atomic_load(&writer_done)) {
		struct buffer ids;
		struct err e = { 0 };
		size_t n = 0;

		buffer_init(&ids, 0);
		if (store_find_units(s.store, &query, &ids, &e) < 0 ||
			store_get_units(s.store, (const int64_t *)(const void *)ids.data,
				ids.len / sizeof(int64_t), check_row, NULL, &e) < 0 ||
			store_get_usage_sources(s.store, &query, count_row, &n, &e) < 0 ||
			store_ping(s.store) < 0)
			fail_msg("%s", e.text);
		buffer_done(&ids);
	}
	return NULL;
}

static void readers_and_the_writer_work_at_the_same_time(void **state)
{
	pthread_t threads[6]; /* more than the store has connections */

	atomic_store(&writer_done, false);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, NULL), 0);
	for (int window = 0; window < 12; window++) {
		struct unit_list units = { 0 };

		for (int i = 0; i < 30; i++)
			add(&units, arena_printf(&s.arena, "%d", i), SAMPLE_T0_S);
		commit_ok(&units, window);
	}
	atomic_store(&writer_done, true);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_unit_is_stored_as_ceems_writes_it),
		STORE_TEST(averages_are_weighted_and_totals_add_up),
		STORE_TEST(units_are_counted_once_when_they_are_first_stored),
		STORE_TEST(a_unit_that_waited_has_one_row_when_it_begins),
		STORE_TEST(two_rows_that_ceems_left_of_a_unit_become_one),
		STORE_TEST(what_runs_as_far_as_known_is_handed_out),
		STORE_TEST(owners_of_units_are_handed_out_once),
		STORE_TEST(a_window_is_stored_exactly_once),
		STORE_TEST(what_ceems_wrote_meanwhile_is_not_stored_again),
		STORE_TEST(a_bad_row_is_left_out_and_the_rest_goes_on),
		STORE_TEST(users_and_projects_are_replaced_but_never_deleted),
		STORE_TEST(the_admin_table_equals_the_current_names),
		STORE_TEST(retention_deletes_up_to_the_boundary),
		STORE_TEST(retention_goes_on_where_it_stopped),
		STORE_TEST(a_full_disk_changes_nothing_and_is_survived),
		STORE_TEST(a_read_only_disk_is_told),
		STORE_TEST(a_damaged_file_is_told_with_what_to_do),
		STORE_TEST(readers_and_the_writer_work_at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
