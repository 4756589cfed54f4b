// SPDX-License-Identifier: Apache-2.0
#include "format/exposition_copy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alloc_fail.h"
#include "basic/macros.h"
#include "unit_test.h"

static const struct metric unit = { "ceems_unit_seconds_total", "Time.", METRIC_COUNTER,
	{ "uuid", "manager", "hostname" } };
static const struct metric plain = { "ceems_plain", "Plain.", METRIC_GAUGE };

static struct arena arena;
static struct buffer out;
static struct exposition *e;
static struct exposition_copy copy;

static int set_up(void **state)
{
	arena_init(&arena, 64 << 20);
	buffer_init(&out, 0);
	exposition_copy_init(&copy, 64 << 20);
	e = exposition_new(&arena);
	return e ? 0 : -1;
}

static int tear_down(void **state)
{
	exposition_copy_done(&copy);
	arena_done(&arena);
	buffer_done(&out);
	return 0;
}

#define ADD(metric, value, ...) \
	assert_int_equal(       \
		exposition_add(e, (metric), (value), (const char *const[]){ __VA_ARGS__ }), 0)

static const char *text(void)
{
	size_t duplicates;

	buffer_clear(&out);
	assert_int_equal(exposition_write(e, EXPOSITION_TEXT, &out, &duplicates), 0);
	return buffer_text(&out);
}

/* The next scrape: all of this one's memory is used for something else. */
static void next_scrape(void)
{
	for (struct arena *a = &arena; a; a = NULL)
		memset(arena_alloc(a, 1 << 16), 'x', 1 << 16);
	arena_done(&arena);
	e = exposition_new(&arena);
	assert_non_null(e);
}

static void samples_since_the_mark_are_shown_again(void **state)
{
	struct metric *made = ARENA_NEW(&arena, struct metric);

	*made = (struct metric){ arena_strdup(&arena, "ceems_made"), arena_strdup(&arena, "Made."),
		METRIC_GAUGE, { arena_strdup(&arena, "zone") } };
	ADD(&unit, 1, "before", "slurm", "n");
	ADD(&plain, 1, NULL);
	exposition_mark(e);
	ADD(&unit, 2, arena_strdup(&arena, "77"), "slurm", "n");
	ADD(&unit, 3, arena_strdup(&arena, "78"), "slurm", "n");
	ADD(made, 0.5, arena_strdup(&arena, "package"));
	assert_int_equal(exposition_add_micro(
				 e, &unit, 1500000, (const char *const[]){ "79", "slurm", "n" }),
		0);
	assert_int_equal(exposition_copy_take(&copy, e), 0);
	assert_int_equal(copy.n, 4);
	next_scrape();
	for (int i = 0; i < 2; i++) {
		ADD(&plain, 7, NULL);
		assert_int_equal(exposition_copy_add(&copy, e, &arena), 0);
		assert_string_equal(text(),
			"# HELP ceems_made Made.\n# TYPE ceems_made gauge\n"
			"ceems_made{zone=\"package\"} 0.5\n"
			"# HELP ceems_plain Plain.\n# TYPE ceems_plain gauge\nceems_plain 7\n"
			"# HELP ceems_unit_seconds_total Time.\n"
			"# TYPE ceems_unit_seconds_total counter\n"
			"ceems_unit_seconds_total{hostname=\"n\",manager=\"slurm\",uuid=\"77\"} 2\n"
			"ceems_unit_seconds_total{hostname=\"n\",manager=\"slurm\",uuid=\"78\"} 3\n"
			"ceems_unit_seconds_total{hostname=\"n\",manager=\"slurm\",uuid=\"79\"} "
			"1.5\n");
		next_scrape();
	}
}

static void nothing_since_the_mark_is_nothing(void **state)
{
	ADD(&unit, 1, "1", "slurm", "n");
	assert_int_equal(exposition_copy_take(&copy, e), 0);
	assert_int_equal(copy.n, 0); /* there was no mark at all */
	exposition_mark(e);
	assert_int_equal(exposition_copy_take(&copy, e), 0);
	assert_int_equal(copy.n, 0);
	ADD(&unit, 1, "2", "slurm", "n");
	exposition_mark(e);
	ADD(&plain, 1, NULL);
	assert_int_equal(exposition_copy_take(&copy, e), 0);
	assert_int_equal(copy.n, 1);
	assert_string_equal(copy.v[0].metric->name, "ceems_plain");
}

static void a_copy_is_limited(void **state)
{
	struct exposition_copy small;

	exposition_copy_init(&small, 64 << 10);
	exposition_mark(e);
	for (int i = 0; i < 10000; i++)
		ADD(&unit, i, arena_printf(&arena, "%d", i), "slurm", "n");
	assert_int_equal(exposition_copy_take(&small, e), -ENOMEM);
	assert_int_equal(small.n, 0);
	assert_int_equal(exposition_copy_take(&copy, e), 0);
	assert_int_equal(copy.n, 10000);
	exposition_copy_done(&small);
}

static void failing_allocations_keep_nothing(void **state)
{
	size_t n = 0;
	int r;

	exposition_mark(e);
	for (int i = 0; i < 1000; i++)
		ADD(&unit, i, arena_printf(&arena, "%d", i), "slurm", "n");
	do {
		exposition_copy_done(&copy);
		alloc_fail_at(++n);
		r = exposition_copy_take(&copy, e);
		assert_int_equal(copy.n, r < 0 ? 0 : 1000);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_true(n > 2);
	n = 0;
	do {
		next_scrape();
		alloc_fail_at(++n);
		r = exposition_copy_add(&copy, e, &arena);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_int_equal(r, 0);
	assert_int_equal(exposition_count(e), 1000);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(samples_since_the_mark_are_shown_again),
		WITH(nothing_since_the_mark_is_nothing),
		WITH(a_copy_is_limited),
		WITH(failing_allocations_keep_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
