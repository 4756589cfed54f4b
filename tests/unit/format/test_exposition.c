// SPDX-License-Identifier: Apache-2.0
#include "format/exposition.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc_fail.h"
#include "unit_test.h"

static const struct metric plain = { "ceems_plain", "A \\ help\n\"text\".", METRIC_GAUGE };
static const struct metric unit = { "ceems_unit_seconds_total", "Time.", METRIC_COUNTER,
	{ "uuid", "manager", "hostname" } };
static const struct metric zone = { "ceems_a_zone", "Zone.", METRIC_GAUGE, { "zone" } };
static const struct metric zone_too = { "ceems_a_zone", "Other help.", METRIC_COUNTER, { "zone" } };
static const struct metric bare_counter = { "ceems_b_joules", "J.", METRIC_COUNTER };

static struct arena arena;
static struct buffer out;
static struct exposition *e;
static size_t duplicates;

static int set_up(void **state)
{
	arena_init(&arena, 256 << 20);
	buffer_init(&out, 0);
	e = exposition_new(&arena);
	duplicates = 0;
	return e ? 0 : -1;
}

static int tear_down(void **state)
{
	arena_done(&arena);
	buffer_done(&out);
	return 0;
}

#define ADD(metric, value, ...) \
	assert_int_equal(       \
		exposition_add(e, &(metric), (value), (const char *const[]){ __VA_ARGS__ }), 0)

static const char *text(enum exposition_format format)
{
	buffer_clear(&out);
	assert_int_equal(exposition_write(e, format, &out, &duplicates), 0);
	return buffer_text(&out);
}

static void nothing_gives_nothing(void **state)
{
	assert_string_equal(text(EXPOSITION_TEXT), "");
	assert_string_equal(text(EXPOSITION_OPENMETRICS), "# EOF\n");
	assert_int_equal(exposition_count(e), 0);
}

static void families_and_series_are_sorted(void **state)
{
	ADD(unit, 3, "b", "slurm", "h");
	ADD(plain, 1, NULL);
	ADD(unit, 2, "a", "slurm", "h");
	ADD(zone, 7.5, "z");
	ADD(unit, 1, "c", "libvirt", "h");
	ADD(unit, 4, "a", "slurm", "");
	assert_int_equal(exposition_count(e), 6);
	assert_string_equal(text(EXPOSITION_TEXT),
		"# HELP ceems_a_zone Zone.\n"
		"# TYPE ceems_a_zone gauge\n"
		"ceems_a_zone{zone=\"z\"} 7.5\n"
		"# HELP ceems_plain A \\\\ help\\n\"text\".\n"
		"# TYPE ceems_plain gauge\n"
		"ceems_plain 1\n"
		"# HELP ceems_unit_seconds_total Time.\n"
		"# TYPE ceems_unit_seconds_total counter\n"
		"ceems_unit_seconds_total{hostname=\"\",manager=\"slurm\",uuid=\"a\"} 4\n"
		"ceems_unit_seconds_total{hostname=\"h\",manager=\"libvirt\",uuid=\"c\"} 1\n"
		"ceems_unit_seconds_total{hostname=\"h\",manager=\"slurm\",uuid=\"a\"} 2\n"
		"ceems_unit_seconds_total{hostname=\"h\",manager=\"slurm\",uuid=\"b\"} 3\n");
	assert_int_equal(duplicates, 0);
}

static void openmetrics_has_its_own_counter_names_and_end(void **state)
{
	ADD(plain, 1, NULL);
	ADD(unit, 2, "a", "slurm", "h");
	ADD(bare_counter, 3, NULL);
	assert_string_equal(text(EXPOSITION_OPENMETRICS),
		"# HELP ceems_b_joules J.\n"
		"# TYPE ceems_b_joules counter\n"
		"ceems_b_joules_total 3\n"
		"# HELP ceems_plain A \\\\ help\\n\\\"text\\\".\n"
		"# TYPE ceems_plain gauge\n"
		"ceems_plain 1\n"
		"# HELP ceems_unit_seconds Time.\n"
		"# TYPE ceems_unit_seconds counter\n"
		"ceems_unit_seconds_total{hostname=\"h\",manager=\"slurm\",uuid=\"a\"} 2\n"
		"# EOF\n");
}

static void the_first_of_equal_samples_is_kept(void **state)
{
	char one[] = "same", two[] = "same";

	ADD(zone, 1, one);
	ADD(zone, 0, "other");
	ADD(zone, 2, two);
	ADD(zone, 3, one);
	assert_string_equal(text(EXPOSITION_TEXT),
		"# HELP ceems_a_zone Zone.\n"
		"# TYPE ceems_a_zone gauge\n"
		"ceems_a_zone{zone=\"other\"} 0\n"
		"ceems_a_zone{zone=\"same\"} 1\n");
	assert_int_equal(duplicates, 2);
	/* Writing changes nothing. */
	text(EXPOSITION_TEXT);
	assert_int_equal(duplicates, 2);
}

/* The order found for one family is tried on the next one. */
static void the_first_is_kept_after_a_family_in_another_order(void **state)
{
	ADD(zone, 1, "b");
	ADD(zone, 2, "a");
	ADD(unit, 1, "same", "slurm", "h");
	ADD(unit, 2, "same", "slurm", "h");
	assert_non_null(strstr(text(EXPOSITION_TEXT), "uuid=\"same\"} 1\n"));
	assert_int_equal(duplicates, 1);
}

static void descriptors_of_one_name_are_one_family(void **state)
{
	ADD(zone, 1, "b");
	ADD(zone_too, 2, "a");
	ADD(zone_too, 3, "b");
	assert_string_equal(text(EXPOSITION_TEXT),
		"# HELP ceems_a_zone Zone.\n"
		"# TYPE ceems_a_zone gauge\n"
		"ceems_a_zone{zone=\"a\"} 2\n"
		"ceems_a_zone{zone=\"b\"} 1\n");
	assert_int_equal(duplicates, 1);
}

static void label_values_are_escaped_and_made_utf8(void **state)
{
	static const struct {
		const char *value, *expected;
	} rows[] = {
		{ "a\\b\"c\nd", "a\\\\b\\\"c\\nd" },
		{ "\xc3\xa9\t", "\xc3\xa9\t" },
		{ "x\xffy", "x\xef\xbf\xbdy" },
		{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char expected[128];

		e = exposition_new(&arena);
		ADD(zone, 1, rows[i].value);
		snprintf(expected, sizeof(expected), "\nceems_a_zone{zone=\"%s\"} 1\n",
			rows[i].expected);
		assert_non_null(strstr(text(EXPOSITION_TEXT), expected));
	}
}

static void values_have_the_specified_form(void **state)
{
	static const struct {
		double value;
		const char *expected;
	} rows[] = { { 100000, "100000" }, { 1000000, "1e+06" }, { 7654321.5, "7.6543215e+06" },
		{ 0.00002, "2e-05" }, { NAN, "NaN" }, { INFINITY, "+Inf" }, { -INFINITY, "-Inf" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char expected[64];

		e = exposition_new(&arena);
		ADD(plain, rows[i].value, NULL);
		snprintf(expected, sizeof(expected), "\nceems_plain %s\n", rows[i].expected);
		assert_non_null(strstr(text(EXPOSITION_TEXT), expected));
	}
	e = exposition_new(&arena);
	assert_int_equal(exposition_add_micro(e, &bare_counter, 12345678900001, NULL), 0);
	assert_non_null(strstr(text(EXPOSITION_TEXT), "\nceems_b_joules 12345678.900001\n"));
}

/* A simple model: lines of one family as text, sorted by their sort key. */
static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void shuffled_samples_come_out_sorted(void **state)
{
	enum { N = 3000 };
	static char *names[N], *lines[N];
	unsigned seed = 99;
	size_t i = 0;
	char *p;

	for (i = 0; i < N; i++) {
		names[i] = arena_printf(&arena, "%05u", (seed = seed * 1103515245 + 12345) >> 15);
		ADD(unit, 1, names[i], (seed >> 10 & 1) ? "k8s" : "slurm", "h");
		lines[i] = arena_printf(&arena,
			"ceems_unit_seconds_total{hostname=\"h\",manager=\"%s\",uuid=\"%s\"} 1",
			(seed >> 10 & 1) ? "k8s" : "slurm", names[i]);
	}
	qsort(lines, N, sizeof(*lines), compare_lines);
	text(EXPOSITION_TEXT);
	strtok(out.data, "\n");
	strtok(NULL, "\n");
	for (i = 0; (p = strtok(NULL, "\n")); i++) {
		while (i && strcmp(lines[i], lines[i - 1]) == 0)
			i++;
		assert_string_equal(p, lines[i]);
	}
	assert_int_equal(i, N);
}

static void many_families_are_found_again(void **state)
{
	static struct metric metrics[500];

	for (size_t i = 0; i < 500; i++)
		metrics[i] = (struct metric){ arena_printf(&arena, "m%03zu", i), "h", METRIC_GAUGE,
			{ "l" } };
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 500; i++)
			ADD(metrics[i * 7 % 500], round, (const char *[]){ "a", "b", "c" }[round]);
	}
	text(EXPOSITION_TEXT);
	assert_int_equal(duplicates, 0);
	assert_non_null(strstr(out.data, "m499{l=\"a\"} 0\nm499{l=\"b\"} 1\nm499{l=\"c\"} 2\n"));
	assert_memory_equal(out.data, "# HELP m000 h\n", 14);
}

static void full_arena_and_buffer_are_errors(void **state)
{
	static const char *const value[] = { "z" };
	struct arena small;
	struct exposition *s;
	int r = 0;

	arena_init(&small, 16 << 10);
	s = exposition_new(&small);
	for (int i = 0; i < 1000 && r == 0; i++)
		r = exposition_add(s, &zone, 1, value);
	assert_int_equal(r, -ENOMEM);
	assert_int_equal(exposition_write(s, EXPOSITION_TEXT, &out, &duplicates), -ENOMEM);
	arena_done(&small);

	ADD(zone, 1, "z");
	buffer_done(&out);
	buffer_init(&out, 20);
	assert_int_equal(exposition_write(e, EXPOSITION_TEXT, &out, &duplicates), -E2BIG);
}

static void steady_scrapes_allocate_nothing(void **state)
{
	for (int round = 0; round < 4; round++) {
		if (round == 3)
			alloc_fail_at(0);
		arena_reset(&arena);
		e = exposition_new(&arena);
		for (int i = 0; i < 2000; i++)
			ADD(unit, i, "uuid", "slurm", i & 1 ? "a" : "b");
		text(EXPOSITION_TEXT);
	}
	assert_int_equal(alloc_count(), 0);
}

#define EXPOSITION_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPOSITION_TEST(nothing_gives_nothing),
		EXPOSITION_TEST(families_and_series_are_sorted),
		EXPOSITION_TEST(openmetrics_has_its_own_counter_names_and_end),
		EXPOSITION_TEST(the_first_of_equal_samples_is_kept),
		EXPOSITION_TEST(the_first_is_kept_after_a_family_in_another_order),
		EXPOSITION_TEST(descriptors_of_one_name_are_one_family),
		EXPOSITION_TEST(label_values_are_escaped_and_made_utf8),
		EXPOSITION_TEST(values_have_the_specified_form),
		EXPOSITION_TEST(shuffled_samples_come_out_sorted),
		EXPOSITION_TEST(many_families_are_found_again),
		EXPOSITION_TEST(full_arena_and_buffer_are_errors),
		EXPOSITION_TEST(steady_scrapes_allocate_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
