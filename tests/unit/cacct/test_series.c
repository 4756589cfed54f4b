// SPDX-License-Identifier: Apache-2.0
/* Names of series, steps and queries of the dump of time series. */
#include "unit_test.h"

#include "basic/macros.h"
#include "cacct/series.h"

static void the_fingerprint_is_that_of_the_specification(void **state)
{
	struct tsdb_label up[] = { { "instance", "n1:9010" }, { "uuid", "900001" } };
	struct tsdb_label power[] = { { "__name__", "uuid:ceems_host_power_watts:pue" },
		{ "uuid", "900001" } };

	assert_true(series_fingerprint(&(struct tsdb_series){ up, ARRAY_SIZE(up) }) ==
		0x835d2f8f76c8d4a6);
	assert_true(series_fingerprint(&(struct tsdb_series){ power, ARRAY_SIZE(power) }) ==
		0x30272b5eb4c5a1be);
}

static void no_series_gets_more_points_than_prometheus_gives(void **state)
{
	assert_int_equal(series_step_ms(0), 10000);
	assert_int_equal(series_step_ms(3600 * 1000), 10000);
	assert_int_equal(series_step_ms(109990 * INT64_C(1000)), 10000);
	assert_int_equal(series_step_ms(109991 * INT64_C(1000)), 11000);
	for (int64_t days = 1; days < 400; days++) {
		int64_t span = days * 86400 * 1000;

		assert_true(span / series_step_ms(span) + 1 <= 11000);
	}
}

static void the_id_takes_its_place_in_the_query(void **state)
{
	static const struct {
		const char *format, *uuid, *query;
	} rows[] = {
		{ "x{uuid=~\"%s\"}", "900001", "x{uuid=~\"900001\"}" },
		{ "a{uuid=\"%s\"} + b{uuid=\"%s\"}", "1", "a{uuid=\"1\"} + b{uuid=\"1\"}" },
		{ "no place, 5 % 3 %", "1", "no place, 5 % 3 %" },
		{ "x{uuid=\"%s\"}", "a\"b\\c", "x{uuid=\"a\\\"b\\\\c\"}" },
		{ "", "1", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buffer_done) struct buffer query = { 0 };

		series_query(rows[i].format, rows[i].uuid, &query);
		assert_string_equal(buffer_text(&query), rows[i].query);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fingerprint_is_that_of_the_specification),
		cmocka_unit_test(no_series_gets_more_points_than_prometheus_gives),
		cmocka_unit_test(the_id_takes_its_place_in_the_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
