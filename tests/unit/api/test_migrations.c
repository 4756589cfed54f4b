// SPDX-License-Identifier: Apache-2.0
/* Databases of CEEMS of every age open, keep their contents and end at version 9. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static const char schema[] =
	"SELECT type || ' ' || name || ' ' || (SELECT group_concat(name || ' ' || "
	"lower(type) || coalesce(' ' || dflt_value, '') || CASE WHEN \"notnull\" THEN ' !' ELSE '' END, ', ') "
	"FROM pragma_table_info(m.name)) FROM sqlite_schema m WHERE type = 'table' "
	"AND name NOT LIKE 'ceems_%' UNION ALL "
	"SELECT 'index ' || name || ' ' || tbl_name || ' ' || (SELECT group_concat(name) FROM "
	"pragma_index_info(m.name)) || ' ' || (SELECT \"unique\" FROM "
	"pragma_index_list(m.tbl_name) l WHERE l.name = m.name) FROM sqlite_schema m "
	"WHERE type = 'index' AND name NOT LIKE 'ceems_%' AND name NOT LIKE 'sqlite_%' ORDER BY 1";

#define METRICS_TEXT                                                                           \
	"total_time_seconds text '{}', avg_cpu_usage text '{}', avg_cpu_mem_usage text '{}', " \
	"total_cpu_energy_usage_kwh text '{}', total_cpu_emissions_gms text '{}', "            \
	"avg_gpu_usage text '{}', avg_gpu_mem_usage text '{}', "                               \
	"total_gpu_energy_usage_kwh text '{}', total_gpu_emissions_gms text '{}', "            \
	"total_io_write_stats text '{}', total_io_read_stats text '{}', "                      \
	"total_ingress_stats text '{}', total_egress_stats text '{}', "
#define USAGE_TEXT                                                                     \
	"id integer !, resource_manager text '', cluster_id text, num_units integer, " \
	"project text, groupname text, username text, " METRICS_TEXT                   \
	"num_updates integer 0, last_updated_at text"

/* What spec api-server.md 3.3 lists. */
static const char version_9[] =
	"index idx_cluster_id_project_user_ended units cluster_id,project,username,ended_at 0\n"
	"index idx_cluster_id_usr_uuid units cluster_id,username,uuid 0\n"
	"index uq_cluster_id_admin_user admin_users cluster_id,name 1\n"
	"index uq_cluster_id_project projects cluster_id,name 1\n"
	"index uq_cluster_id_project_usr usage cluster_id,username,project 1\n"
	"index uq_cluster_id_project_usr_lastupdated daily_usage "
	"cluster_id,username,project,last_updated_at 1\n"
	"index uq_cluster_id_user users cluster_id,name 1\n"
	"index uq_cluster_id_uuid_start units cluster_id,uuid,started_at 1\n"
	"index version_unique schema_migrations version 1\n"
	"table admin_users id integer !, uid text '', cluster_id text 'all', "
	"resource_manager text '', name text, projects text '[]', tags text '[]', "
	"last_updated_at text\n"
	"table daily_usage " USAGE_TEXT "\n"
	"table projects id integer !, uid text, cluster_id text, resource_manager text, name text, "
	"users text '[]', tags text '[]', last_updated_at text\n"
	"table schema_migrations version uint64, dirty bool\n"
	"table units id integer !, resource_manager text '', cluster_id text, uuid text, name text, "
	"project text, groupname text, username text, created_at text, started_at text, "
	"ended_at text, created_at_ts integer, started_at_ts integer, ended_at_ts integer, "
	"elapsed text, state text, allocation text '{}', tags text '{}', " METRICS_TEXT
	"ignore integer, num_updates integer 0, last_updated_at text\n"
	"table usage " USAGE_TEXT "\n"
	"table users id integer !, uid text, cluster_id text, resource_manager text, name text, "
	"projects text '[]', tags text '[]', last_updated_at text";

static void a_new_file_has_the_specified_schema(void **state)
{
	assert_string_equal(sample_query(s.path, schema), version_9);
	assert_string_equal(
		sample_query(s.path, "SELECT version || ',' || dirty FROM schema_migrations"),
		"9,0");
}

static void every_older_version_becomes_version_9(void **state)
{
	for (int version = 0; version <= 9; version++) {
		sample_store_age(&s, version);
		if (version >= 1)
			sample_sql(
				s.path, "INSERT INTO units (uuid, cluster_id) VALUES ('7', 'a')");
		if (version >= 1 && version < 9)
			sample_sql(s.path, "UPDATE units SET total_outgress_stats = '{\"x\":1}'");
		sample_store_reopen(&s);
		assert_string_equal(sample_query(s.path, schema), version_9);
		assert_string_equal(
			sample_query(
				s.path, "SELECT version || ',' || dirty FROM schema_migrations"),
			"9,0");
		if (version >= 1)
			assert_string_equal(sample_query(s.path,
						    "SELECT uuid || total_egress_stats FROM units"),
				version < 9 ? "7{\"x\":1}" : "7{}");
	}
}

static void administrators_of_both_sources_become_one_row(void **state)
{
	sample_store_age(&s, 7);
	sample_sql(s.path,
		"INSERT INTO admin_users (source, users, last_updated_at) VALUES "
		"('ceems', '[\"ann\",\"\",\"both\"]', 't1'), ('grafana', '[\"both\",\"gus\"]', 't2'), "
		"('x', 'null', 't3'), ('y', 'broken', 't4'), ('z', NULL, 't5')");
	sample_store_reopen(&s);
	assert_string_equal(sample_query(s.path,
				    "SELECT name || tags || last_updated_at || cluster_id "
				    "|| projects || uid FROM admin_users ORDER BY name"),
		"ann[\"ceems\"]t1all[]\nboth[\"grafana\"]t2all[]\ngus[\"grafana\"]t2all[]");
}

static void dirty_and_newer_files_are_refused_untouched(void **state)
{
	struct store *again = NULL;

	sample_store_age(&s, 8);
	sample_sql(s.path, "UPDATE schema_migrations SET dirty = 1");
	assert_int_equal(store_open(s.dir, s.zone, &again, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "dirty"));
	assert_string_equal(
		sample_query(s.path, "SELECT version || ',' || dirty FROM schema_migrations"),
		"8,1");
	sample_sql(s.path, "UPDATE schema_migrations SET dirty = 0, version = 10");
	assert_int_equal(store_open(s.dir, s.zone, &again, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "version 10"));
	sample_sql(s.path, "UPDATE schema_migrations SET version = 8");
	sample_store_reopen(&s);
}

/* Rows in the words of CEEMS 0.10.2: null maps, no tables of ours, a running and an ended unit. */
static void a_file_of_ceems_opens_and_goes_on(void **state)
{
	struct unit_list units = { 0 };
	struct store_step step = { .cluster_id = "hpc-a", .units = &units };
	struct store_step_result result;
	struct unit *u;
	int64_t ms;

	sample_store_age(&s, 9);
	sample_sql(s.path,
		"INSERT INTO units (resource_manager, cluster_id, uuid, name, project, groupname, "
		"username, created_at, started_at, ended_at, created_at_ts, started_at_ts, ended_at_ts, "
		"elapsed, state, total_time_seconds, avg_cpu_usage, avg_gpu_usage, "
		"total_gpu_energy_usage_kwh, ignore, num_updates, last_updated_at) VALUES "
		"('slurm', 'hpc-a', '70113', 'sim', 'astro', 'staff', 'mira', "
		"'2031-04-09T08:00:00+0200', '2031-04-09T08:00:00+0200', 'Unknown', 1933480800000, "
		"1933480800000, 0, '00:10:00', 'RUNNING', "
		"'{\"alloc_cputime\":600,\"walltime\":600}', '{\"global\":40}', 'null', 'null', 0, 1, "
		"'2031-04-09T08:10:00'); "
		"INSERT INTO usage (resource_manager, cluster_id, num_units, project, groupname, username, "
		"total_time_seconds, avg_cpu_usage, num_updates, last_updated_at) VALUES ('slurm', "
		"'hpc-a', 1, 'astro', 'staff', 'mira', '{\"alloc_cputime\":600}', '{\"global\":40}', 1, "
		"'2031-04-09T08:10:00')");
	sample_store_reopen(&s);
	assert_int_equal(store_watermark(s.store, "hpc-a", &ms, &err), 0);
	assert_int_equal(ms, (SAMPLE_T0_S + 600) * 1000);
	assert_int_equal(store_watermark(s.store, "hpc-z", &ms, &err), 0);
	assert_int_equal(ms, 0);

	u = sample_unit(&s, &units, "slurm", "70113", "mira", "astro", SAMPLE_T0_S, 0);
	sample_metric(&s, u, TOTAL_TIME_SECONDS, "alloc_cputime", 300);
	sample_metric(&s, u, AVG_CPU_USAGE, "global", 70);
	step.start_ms = (SAMPLE_T0_S + 600) * 1000;
	step.end_ms = (SAMPLE_T0_S + 900) * 1000;
	assert_int_equal(store_commit_step(s.store, &step, &result, &err), 0);
	assert_string_equal(sample_query(s.path,
				    "SELECT avg_cpu_usage || avg_gpu_usage || num_updates "
				    "FROM units"),
		"{\"global\":50}{}2");
	assert_string_equal(sample_query(s.path,
				    "SELECT avg_cpu_usage || num_units || last_updated_at "
				    "FROM usage"),
		"{\"global\":50}12031-04-09T08:15:00");
}

int main(void)
{
#define MIGRATION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		MIGRATION_TEST(a_new_file_has_the_specified_schema),
		MIGRATION_TEST(every_older_version_becomes_version_9),
		MIGRATION_TEST(administrators_of_both_sources_become_one_row),
		MIGRATION_TEST(dirty_and_newer_files_are_refused_untouched),
		MIGRATION_TEST(a_file_of_ceems_opens_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
