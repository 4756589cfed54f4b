// SPDX-License-Identifier: Apache-2.0
/* A file of CEEMS 0.10.2 becomes ours in steps, wherever a start ends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sample_store.h"
#include "unit_test.h"

/* Enough that steps are long: some 125 calls of the watch. */
#define MANY_UNITS "10000"

static struct sample_store s;
static struct err err;

static void make_old_file(void)
{
	sample_store_open(&s);
	sample_store_fill(&s);
	sample_sql(s.path,
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " MANY_UNITS
		") INSERT INTO units (cluster_id, uuid, username, project, started_at, ended_at, "
		"ended_at_ts, last_updated_at) SELECT 'hpc-a', 'x' || i, 'user' || i % 50, 'p' || i % 7, "
		"'s', '2031-04-09T08:10:00+0200', 1933481400000 * (i % 3), '2031-04-09T08:15:00' "
		"FROM n");
	sample_store_forget(&s);
	store_close(s.store);
	s.store = NULL;
}

static int setup(void **state)
{
	make_old_file();
	return 0;
}

static int teardown(void **state)
{
	sample_store_close(&s);
	return 0;
}

struct watched {
	int calls, last; /* the call that cancels; 0: none */
	size_t done;
	char names[2048];
};

static bool watch(void *ctx, const struct store_upgrade_step *step)
{
	struct watched *w = ctx;

	assert_true(step->done >= w->done && step->done < step->n);
	w->done = step->done;
	if (!strstr(w->names, step->name)) {
		strcat(w->names, step->name);
		strcat(w->names, ";");
	}
	return ++w->calls == w->last;
}

static int open_it(struct watched *w)
{
	const struct store_watch watching = { w, watch };

	return store_open_watched(s.dir, s.zone, &watching, &s.store, &err);
}

/* What the upgrade makes. */
static const char outcome[] =
	"SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL UNION ALL SELECT cluster_id || project || username || groupname "
	"|| resource_manager || num_units || ' ' || num_ended FROM ceems_accounts UNION ALL "
	"SELECT username || cluster_id || project FROM ceems_members UNION ALL "
	"SELECT backfill || cluster_id || from_ms || to_ms FROM ceems_estimates UNION ALL "
	"SELECT id || ' ' || next_id || ' ' || last_id FROM ceems_backfills UNION ALL "
	"SELECT cluster_id || end_ms || label FROM ceems_watermarks ORDER BY 1";

static char *undisturbed(void)
{
	struct watched w = { 0 };
	char *found;

	assert_int_equal(open_it(&w), 0);
	assert_true(w.calls > 50);
	assert_non_null(strstr(w.names, "index 3 of 8;"));
	assert_non_null(strstr(w.names, "own tables;"));
	found = strdup(sample_query(s.path, outcome));
	sample_store_close(&s);
	make_old_file();
	return found;
}

static void an_upgrade_goes_on_wherever_it_was_ended(void **state)
{
	char *wanted = undisturbed();
	struct watched w;
	int starts = 0, r;

	do {
		w = (struct watched){ .last = 5 + 5 * starts++ };
		r = open_it(&w);
		if (r >= 0)
			break;
		assert_int_equal(r, -ECANCELED);
		assert_null(s.store);
		/* As CEEMS 0.10.2 finds it. */
		assert_string_equal(sample_query(s.path,
					    "SELECT version || ',' || dirty || ',' || ((SELECT "
					    "count(*) FROM units) > " MANY_UNITS
					    ") || ',' || (SELECT quick_check FROM "
					    "pragma_quick_check) FROM schema_migrations"),
			"9,0,1,ok");
	} while (starts < 100);
	assert_int_equal(r, 0);
	assert_true(starts > 5);
	assert_string_equal(sample_query(s.path, outcome), wanted);
	free(wanted);
}

/* Steps that were done stay done. */
static void each_step_counts(void **state)
{
	struct watched w = { .last = 30 }, again = { 0 };

	assert_int_equal(open_it(&w), -ECANCELED);
	assert_true(w.done > 3);
	assert_int_equal(open_it(&again), 0);
	assert_null(strstr(again.names, "index 3 of 8;"));
}

/* CEEMS 0.10.2 may go on in between. */
static void units_that_are_stored_between_two_starts_count(void **state)
{
	struct watched w = { .last = 30 }, again = { 0 };

	assert_int_equal(open_it(&w), -ECANCELED);
	sample_sql(s.path,
		"INSERT INTO units (cluster_id, uuid, username, project, started_at) "
		"VALUES ('hpc-a', 'late', 'user1', 'other', 's')");
	assert_int_equal(open_it(&again), 0);
	assert_string_equal(sample_query(s.path,
				    "SELECT num_units FROM ceems_accounts WHERE project = 'other'"),
		"1");
}

/* Its step 6 makes an index. */
static void a_migration_that_is_ended_is_undone(void **state)
{
	struct watched w = { .last = 2 }, again = { 0 };

	sample_store_age(&s, 5);
	sample_sql(s.path,
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " MANY_UNITS
		") INSERT INTO units (cluster_id, uuid, username) SELECT 'a', i, 'mira' FROM n");
	assert_int_equal(open_it(&w), -ECANCELED);
	assert_string_equal(w.names, "migrations;");
	assert_string_equal(
		sample_query(s.path, "SELECT version || ',' || dirty FROM schema_migrations"),
		"5,0");
	assert_int_equal(open_it(&again), 0);
	assert_string_equal(
		sample_query(s.path, "SELECT version || ',' || dirty FROM schema_migrations"),
		"9,0");
}

static void a_file_that_is_ours_is_opened_without_more_ado(void **state)
{
	struct watched w = { 0 }, again = { 0 };

	assert_int_equal(open_it(&w), 0);
	store_close(s.store);
	s.store = NULL;
	assert_int_equal(open_it(&again), 0);
	assert_int_equal(again.calls, 0);
}

int main(void)
{
#define UPGRADE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		UPGRADE_TEST(an_upgrade_goes_on_wherever_it_was_ended),
		UPGRADE_TEST(each_step_counts),
		UPGRADE_TEST(units_that_are_stored_between_two_starts_count),
		UPGRADE_TEST(a_migration_that_is_ended_is_undone),
		UPGRADE_TEST(a_file_that_is_ours_is_opened_without_more_ado),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
