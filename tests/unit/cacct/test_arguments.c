// SPDX-License-Identifier: Apache-2.0
/* Times and lists on the command line, and the table of fields. */
#include "unit_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "basic/macros.h"
#include "cacct/field.h"
#include "cacct/time_arg.h"

static void zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static void times_are_wall_time_of_the_local_zone(void **state)
{
	static const struct {
		const char *zone, *text;
		int64_t seconds;
	} cases[] = {
		{ "UTC0", "2023-11-14T22:13:20", 1700000000 },
		{ "UTC0", "2023-11-14T22:13:20.999", 1700000000 },
		{ "UTC0", "2023-11-14T22:13", 1699999980 },
		{ "UTC0", "2023-11-14", 1699920000 },
		{ "UTC0", "2024-02-29", 1709164800 },
		{ "UTC0", "1969-12-31T23:59:59", -1 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2023-11-14T23:13:20", 1700000000 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2023-07-01", 1688162400 },
		/* Skipped by the change to summer time: the hour after it. */
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2023-03-26T02:30", 1679794200 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t seconds = 42;

		zone(cases[i].zone);
		assert_int_equal(time_arg_parse(slice_from(cases[i].text), &seconds), 0);
		assert_int_equal(seconds, cases[i].seconds);
	}
	zone("UTC0");
}

static void other_times_are_refused(void **state)
{
	static const char *const bad[] = { "", "today", "2023", "2023-1-1", "2023-13-01",
		"2023-02-29", "2023-00-01", "2023-01-00", "2023-01-01T", "2023-01-01T10",
		"2023-01-01T24:00", "2023-01-01T10:60", "2023-01-01T10:00:60", "2023-01-01 10:00",
		"2023-01-01T10:00:00.", "2023-01-01T10:00:00Z", "2023-01-01T10:00:00+01:00",
		"2023-01-01T10:00:00.5x", " 2023-01-01", "1700000000" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t seconds = 42;

		assert_int_equal(time_arg_parse(slice_from(bad[i]), &seconds), -EBADMSG);
		assert_int_equal(seconds, 42);
	}
}

static void today_begins_at_local_midnight(void **state)
{
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	assert_int_equal(time_arg_today(1700000000), 1699916400);
	zone("UTC0");
	assert_int_equal(time_arg_today(1700000000), 1699920000);
}

static void field_lists_ignore_case_and_empty_items(void **state)
{
	bool wanted[N_FIELDS];

	assert_int_equal(field_list_parse("jobid,,CPUUSAGE, account ,", wanted, NULL), 0);
	for (int i = 0; i < N_FIELDS; i++)
		assert_int_equal(
			wanted[i], i == FIELD_JOB_ID || i == FIELD_CPU_USAGE || i == FIELD_ACCOUNT);
}

static void unknown_fields_are_named(void **state)
{
	bool wanted[N_FIELDS] = { false };
	struct err err = { 0 };
	char *huge = malloc(FIELD_LIST_MAX_BYTES + 2);

	assert_int_equal(field_list_parse("jobid,cpu%s", wanted, &err), -EINVAL);
	assert_non_null(strstr(err.text, "'cpu%s'"));
	assert_int_equal(field_list_parse("", wanted, &err), -EINVAL);
	assert_int_equal(field_list_parse(",,", wanted, &err), -EINVAL);
	memset(huge, ',', FIELD_LIST_MAX_BYTES + 1);
	huge[FIELD_LIST_MAX_BYTES + 1] = '\0';
	assert_int_equal(field_list_parse(huge, wanted, &err), -EINVAL);
	assert_false(wanted[FIELD_JOB_ID]);
	free(huge);
}

static void lists_drop_empty_items(void **state)
{
	struct strings items;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	assert_int_equal(list_parse("a,, b c ,", &arena, &items), 0);
	assert_int_equal(items.n, 2);
	assert_string_equal(items.v[0], "a");
	assert_string_equal(items.v[1], "b c");
	assert_int_equal(list_parse("", &arena, &items), 0);
	assert_int_equal(items.n, 0);
	arena_done(&arena);
}

static void each_field_is_complete_and_unique(void **state)
{
	int n_default = 0;

	for (int i = 0; i < N_FIELDS; i++) {
		assert_non_null(fields[i].name);
		assert_non_null(fields[i].help);
		assert_true(fields[i].min_width >= 3 && fields[i].max_width >= fields[i].min_width);
		n_default += fields[i].by_default;
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(fields[i].api, fields[j].api);
			assert_int_not_equal(strcasecmp(fields[i].name, fields[j].name), 0);
		}
	}
	assert_int_equal(n_default, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(times_are_wall_time_of_the_local_zone),
		TEST(other_times_are_refused),
		TEST(today_begins_at_local_midnight),
		TEST(field_lists_ignore_case_and_empty_items),
		TEST(unknown_fields_are_named),
		TEST(lists_drop_empty_items),
		TEST(each_field_is_complete_and_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
