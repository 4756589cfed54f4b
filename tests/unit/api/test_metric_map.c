// SPDX-License-Identifier: Apache-2.0
#include "api/metric_map.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"

static struct arena arena;
static struct buffer out;

static int setup(void **state)
{
	arena_init(&arena, 16 << 20);
	buffer_init(&out, 0);
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	buffer_done(&out);
	return 0;
}

static struct metric_map parse(const char *text)
{
	struct metric_map map;

	assert_int_equal(metric_map_parse(text, &arena, &map), 0);
	return map;
}

static const char *write_map(const struct metric_map *map)
{
	buffer_clear(&out);
	metric_map_write(map, &out);
	assert_int_equal(buffer_error(&out), 0);
	return buffer_text(&out);
}

static const char *rewrite(const char *text)
{
	struct metric_map map = parse(text);

	return write_map(&map);
}

static void good_maps_come_back_as_they_were_written(void **state)
{
	assert_string_equal(rewrite("{}"), "{}");
	assert_string_equal(rewrite("{\"a\":1,\"b\":0.12500000}"), "{\"a\":1,\"b\":0.12500000}");
	assert_string_equal(rewrite(" { \"a\" : -1.5e1 } "), "{\"a\":-15}");
	assert_string_equal(rewrite("{\"a\":1e-9}"), "{\"a\":0.00000000}");
	assert_string_equal(
		rewrite("{\"a\":9223372036854775807}"), "{\"a\":9223372036854775808.00000000}");
	assert_string_equal(rewrite("{\"w<>&\\\"\\\\\\n\\u00e9\\ud83d\\ude00\":2}"),
		"{\"w\\u003c\\u003e\\u0026\\\"\\\\\\n\u00e9\U0001f600\":2}");
	assert_string_equal(rewrite("{\"\u2028\u2029\":2}"), "{\"\\u2028\\u2029\":2}");
}

static void huge_numbers_survive_without_an_exponent(void **state)
{
	struct metric_map map = { 0 };

	assert_int_equal(metric_map_put(&map, &arena, "x", 1.7e308), 0);
	map = parse(write_map(&map));
	assert_true(metric_map_get(&map, "x") == 1.7e308);
}

static void absent_maps_are_unset(void **state)
{
	assert_false(parse(NULL).set);
	assert_false(parse("").set);
	assert_false(parse("null").set);
	assert_true(parse("{}").set);
}

static void no_numbers_count_as_zero(void **state)
{
	assert_string_equal(rewrite("{\"a\":NaN,\"b\":+Inf,\"c\":-Inf,\"d\":Infinity,\"e\":null}"),
		"{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0}");
	assert_string_equal(rewrite("{\"a\":\"NaN\",\"b\":\"+Inf\",\"c\":\"-inf\",\"d\":1e999}"),
		"{\"a\":0,\"b\":0,\"c\":0,\"d\":0}");
}

static void keys_are_sorted_and_the_last_of_equal_ones_counts(void **state)
{
	assert_string_equal(
		rewrite("{\"b\":1,\"a\":2,\"b\":3,\"B\":4}"), "{\"B\":4,\"a\":2,\"b\":3}");
}

static void garbage_is_refused(void **state)
{
	static const char *const bad[] = { "{", "}", "[]", "{\"a\"", "{\"a\":", "{\"a\":}",
		"{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{\"a\":1}x", "{\"a\":\"1\"}",
		"{\"a\":{}}", "{\"a\":[]}", "{\"a\":true}", "{\"a\":1.2.3}", "{\"a\":0x10}",
		"{\"a\":--1}", "{\"a\":-}", "{\"a\":nu}", "{\"a\\x\":1}", "{\"a\\",
		"{\"\\ud800\":1}", "{\"\\u00\":1}", "{\"\\u0000\":1}", "{\"\n\":1}", "nul", "0" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct metric_map map = { .n = 77 };

		assert_int_equal(metric_map_parse(bad[i], &arena, &map), -EBADMSG);
		assert_int_equal(map.n, 77);
	}
}

static void too_many_keys_or_bytes_are_refused(void **state)
{
	struct metric_map map;

	buffer_clear(&out);
	for (int i = 0; i < 5000; i++)
		buffer_printf(&out, "%c\"k%d\":1", i ? ',' : '{', i);
	buffer_putc(&out, '}');
	assert_int_equal(metric_map_parse(buffer_text(&out), &arena, &map), -E2BIG);
	buffer_clear(&out);
	for (int i = 0; i < (1 << 20) + 10; i++)
		buffer_putc(&out, '{');
	assert_int_equal(metric_map_parse(buffer_text(&out), &arena, &map), -E2BIG);
}

static void sums_cover_the_union_of_keys(void **state)
{
	struct metric_map a = parse("{\"a\":1,\"c\":0.50000000}"), b = parse("{\"b\":2,\"c\":1}");

	assert_int_equal(metric_map_add(&a, &b, &arena), 0);
	assert_string_equal(write_map(&a), "{\"a\":1,\"b\":2,\"c\":1.50000000}");
	a = parse("null");
	b = parse("null");
	assert_int_equal(metric_map_add(&a, &b, &arena), 0);
	assert_string_equal(write_map(&a), "{}");
}

static void averages_are_weighted_by_what_each_side_has(void **state)
{
	struct metric_map a = parse("{\"global\":40,\"old\":3}");
	struct metric_map b = parse("{\"global\":70,\"new\":5}");

	assert_int_equal(metric_map_average(&a, &b, 600, 300, &arena), 0);
	assert_string_equal(write_map(&a), "{\"global\":50,\"new\":5,\"old\":3}");
	a = parse("{\"global\":40}");
	assert_int_equal(metric_map_average(&a, &b, 0, 0, &arena), 0);
	assert_string_equal(write_map(&a), "{\"global\":0,\"new\":0}");
}

static void the_quick_reader_takes_what_is_written(void **state)
{
	static const struct {
		const char *text;
		int n; /* entries, or -EBADMSG */
		double sum;
	} cases[] = {
		{ "{}", 0, 0 },
		{ "{\"a\":1}", 1, 1 },
		{ "{\"a\":-1,\"b b\":0.12500000,\"c\":12345678901234567890}", 3,
			12345678901234567890.0 - 0.875 },
		{ "{\"a\":0.000000000000000012345}", 1, 0.000000000000000012345 },
		{ "{\"a\":1e3}", 1, 1000 },
		{ "", -EBADMSG, 0 },
		{ "null", -EBADMSG, 0 },
		{ "{\"a\": 1}", -EBADMSG, 0 },
		{ "{\"a\\n\":1}", -EBADMSG, 0 },
		{ "{\"a\":NaN}", -EBADMSG, 0 },
		{ "{\"a\":0x10}", -EBADMSG, 0 },
		{ "{\"a\":1", -EBADMSG, 0 },
		{ "{\"a\":1}}", -EBADMSG, 0 },
		{ "{\"a\":1,}", -EBADMSG, 0 },
		{ "{\"a\":1e999}", -EBADMSG, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct slice rest = slice_from(cases[i].text), key;
		double value, sum = 0;
		int r, n = 0;

		while ((r = metric_map_next(&rest, &key, &value)) == 1) {
			assert_true(key.n > 0);
			sum += value;
			n++;
		}
		assert_int_equal(r < 0 ? r : n, cases[i].n);
		if (r == 0)
			assert_true(sum == cases[i].sum);
	}
}

static void put_keeps_order_and_replaces(void **state)
{
	struct metric_map map = { 0 };

	assert_int_equal(metric_map_put(&map, &arena, "b", 1), 0);
	assert_int_equal(metric_map_put(&map, &arena, "c", 2), 0);
	assert_int_equal(metric_map_put(&map, &arena, "a", 3), 0);
	assert_int_equal(metric_map_put(&map, &arena, "b", NAN), 0);
	assert_true(map.set);
	assert_string_equal(write_map(&map), "{\"a\":3,\"b\":0,\"c\":2}");
	assert_true(metric_map_get(&map, "zz") == 0);
}

static void only_averages_have_a_weight(void **state)
{
	for (int i = 0; i < N_UNIT_METRICS; i++)
		assert_int_equal(unit_metric_weight((enum unit_metric)i) != NULL,
			strncmp(unit_metric_names[i], "avg_", 4) == 0);
}

static void out_of_memory_is_reported_and_changes_nothing(void **state)
{
	static const char text[] =
		"{\"a\":1,\"b\\n\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9}";
	struct metric_map map = { .n = 77 }, one = parse("{\"x\":1}"),
			  two = parse("{\"x\":1,\"y\":2}");
	struct arena none;

	arena_init(&none, 0);
	assert_int_equal(metric_map_parse(text, &none, &map), -ENOMEM);
	assert_int_equal(map.n, 77);
	assert_int_equal(metric_map_put(&one, &none, "y", 1), -ENOMEM);
	assert_int_equal(metric_map_add(&one, &two, &none), -ENOMEM);
	assert_string_equal(write_map(&one), "{\"x\":1}");
	/* A map that has all keys needs no memory. */
	assert_int_equal(metric_map_add(&two, &one, &none), 0);
	assert_int_equal(metric_map_average(&two, &one, 1, 1, &none), 0);
	assert_string_equal(write_map(&two), "{\"x\":1.50000000,\"y\":2}");
	assert_int_equal(metric_map_increase(&two, &none, "y", 1), 0);
	assert_int_equal(metric_map_increase(&two, &none, "z", 1), -ENOMEM);
	arena_done(&none);
}

static void lists_push_empty_strings(void **state)
{
	struct unit_list units = { 0 };
	struct user_list users = { 0 };
	struct project_list projects = { 0 };

	for (int i = 0; i < 200; i++) {
		struct unit *u = unit_list_push(&units, &arena);

		assert_non_null(u);
		assert_string_equal(u->tags, "");
		assert_int_equal(u->ended_at_ms, 0);
		u->ended_at_ms = i;
	}
	for (int i = 0; i < 200; i++)
		assert_int_equal(units.v[i].ended_at_ms, i);
	assert_string_equal(user_list_push(&users, &arena)->name, "");
	assert_string_equal(project_list_push(&projects, &arena)->name, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(good_maps_come_back_as_they_were_written),
		TEST(huge_numbers_survive_without_an_exponent),
		TEST(absent_maps_are_unset),
		TEST(no_numbers_count_as_zero),
		TEST(keys_are_sorted_and_the_last_of_equal_ones_counts),
		TEST(garbage_is_refused),
		TEST(too_many_keys_or_bytes_are_refused),
		TEST(sums_cover_the_union_of_keys),
		TEST(averages_are_weighted_by_what_each_side_has),
		TEST(the_quick_reader_takes_what_is_written),
		TEST(put_keeps_order_and_replaces),
		TEST(only_averages_have_a_weight),
		TEST(out_of_memory_is_reported_and_changes_nothing),
		TEST(lists_push_empty_strings),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
