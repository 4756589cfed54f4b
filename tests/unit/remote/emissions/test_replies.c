// SPDX-License-Identifier: Apache-2.0
#include "remote/emissions/replies.h"

#include <errno.h>

#include "basic/buffer.h"
#include "remote/emissions/times.h"
#include "unit_test.h"

static struct slice text(const char *json)
{
	return slice_from(json);
}

static void rte_gives_the_first_record(void **state)
{
	struct err err;
	double v = -1;

	assert_int_equal(
		emission_reply_rte(
			text("{\"results\":[{\"taux_co2\":32},{\"taux_co2\":1}]}"), &v, &err),
		0);
	assert_true(v == 32);
	assert_int_equal(emission_reply_rte(text("{\"results\":[]}"), &v, &err), -ENODATA);
	assert_int_equal(emission_reply_rte(text("{\"results\":{}}"), &v, &err), -EBADMSG);
	assert_int_equal(emission_reply_rte(text("{\"results\":[{\"taux_co2\":null}]}"), &v, &err),
		-EBADMSG);
	assert_int_equal(emission_reply_rte(text("{\"results\":[{\"taux_co2\":\"3\"}]}"), &v, &err),
		-EBADMSG);
	assert_int_equal(emission_reply_rte(text("[3]"), &v, &err), -EBADMSG);
	assert_int_equal(emission_reply_rte(text(""), &v, &err), -EBADMSG);
	assert_true(v == 32); /* untouched by failures */
}

static void zones_are_named_by_country_and_zone(void **state)
{
	const char *json = "{\"FR\":{\"zoneName\":\"France\"},"
			   "\"IN-WE\":{\"countryName\":\"India\",\"zoneName\":\"West\"},"
			   "\"DK\":{\"countryName\":\"Denmark\"},\"XX\":{},\"\":{},\"YY\":7}";
	struct emission_zone *zones;
	struct arena arena;
	struct err err;
	size_t n;

	arena_init(&arena, 1 << 20);
	assert_int_equal(emission_reply_zones(text(json), &arena, &zones, &n, &err), 0);
	assert_int_equal(n, 4);
	assert_string_equal(zones[0].key, "FR");
	assert_string_equal(zones[0].name, "France");
	assert_string_equal(zones[1].name, "India West");
	assert_string_equal(zones[2].name, "Denmark");
	assert_string_equal(zones[3].name, "");
	assert_int_equal(emission_reply_zones(text("{}"), &arena, &zones, &n, &err), -ENODATA);
	assert_int_equal(emission_reply_zones(text("[]"), &arena, &zones, &n, &err), -EBADMSG);
	arena_done(&arena);
}

static void zones_are_limited(void **state)
{
	struct buffer json = { 0 };
	struct emission_zone *zones;
	struct arena arena;
	struct err err;
	size_t n;

	buffer_puts(&json, "{\"A\":{\"zoneName\":\"");
	for (int i = 0; i < 1000; i++)
		buffer_putc(&json, 'n');
	buffer_puts(&json, "\"}");
	for (int i = 1; i < EMISSION_ZONES_MAX; i++)
		buffer_printf(&json, ",\"Z%d\":{}", i);
	arena_init(&arena, 4 << 20);
	assert_int_equal(emission_reply_zones((struct slice){ "", EMISSION_ZONES_MAX_BYTES + 1 },
				 &arena, &zones, &n, &err),
		-E2BIG);
	buffer_puts(&json, "}");
	assert_int_equal(
		emission_reply_zones(text(buffer_text(&json)), &arena, &zones, &n, &err), 0);
	assert_int_equal(n, EMISSION_ZONES_MAX);
	assert_int_equal(strlen(zones[0].name), EMISSION_NAME_MAX);
	json.data[json.len - 1] = ',';
	buffer_puts(&json, "\"more\":{}}");
	assert_int_equal(
		emission_reply_zones(text(buffer_text(&json)), &arena, &zones, &n, &err), -E2BIG);
	arena_done(&arena);
	buffer_done(&json);
}

static void zone_values_may_have_decimals(void **state)
{
	struct err err;
	double v;

	assert_int_equal(emission_reply_zone(text("{\"carbonIntensity\":41.5}"), &v, &err), 0);
	assert_true(v == 41.5);
	assert_int_equal(
		emission_reply_zone(text("{\"carbonIntensity\":null}"), &v, &err), -EBADMSG);
	assert_int_equal(
		emission_reply_zone(text("{\"carbonIntensity\":1e999}"), &v, &err), -EBADMSG);
	assert_int_equal(emission_reply_zone(text("{}"), &v, &err), -EBADMSG);
}

static void tokens_fit_into_a_header(void **state)
{
	const char *token = NULL;
	struct arena arena;
	struct err err;

	arena_init(&arena, 1 << 20);
	assert_int_equal(
		emission_reply_login(text("{\"token\":\"a.b\"}"), &arena, &token, &err), 0);
	assert_string_equal(token, "a.b");
	assert_int_equal(
		emission_reply_login(text("{\"token\":\"\"}"), &arena, &token, &err), -EBADMSG);
	assert_int_equal(
		emission_reply_login(text("{\"token\":7}"), &arena, &token, &err), -EBADMSG);
	assert_int_equal(
		emission_reply_login(text("{\"token\":\"a\\r\\nX: y\"}"), &arena, &token, &err),
		-EBADMSG);
	arena_done(&arena);
}

static void history_gives_its_last_value_or_its_warning(void **state)
{
	struct err err = { 0 };
	double v;

	assert_int_equal(emission_reply_historical(
				 text("{\"data\":[{\"value\":1},{\"value\":870.5}]}"), &v, &err),
		0);
	assert_true(v == 870.5);
	assert_int_equal(
		emission_reply_historical(
			text("{\"data\":[],\"meta\":{\"warnings\":[{\"message\":\"late\"}]}}"), &v,
			&err),
		-ENODATA);
	assert_non_null(strstr(err.text, "late"));
	assert_int_equal(emission_reply_historical(text("{}"), &v, &err), -ENODATA);
	assert_int_equal(emission_reply_historical(text("[]"), &v, &err), -EBADMSG);
	assert_int_equal(emission_reply_historical(text("{\"data\":[{}]}"), &v, &err), -EBADMSG);
}

static void days_begin_in_paris(void **state)
{
	static const struct {
		int64_t unix_s;
		const char *date;
	} cases[] = {
		{ 1735685999, "2024-12-31" }, /* 2024-12-31T22:59:59Z */
		{ 1735686000, "2025-01-01" },
		{ 1743289199, "2025-03-29" }, /* 2025-03-29T22:59:59Z: the last winter's day */
		{ 1743289200, "2025-03-30" },
		{ 1743371999, "2025-03-30" }, /* 2025-03-30T21:59:59Z: summer time since 01:00Z */
		{ 1743372000, "2025-03-31" },
		{ 1761429599, "2025-10-25" }, /* 2025-10-25T21:59:59Z */
		{ 1761429600, "2025-10-26" },
		{ 1761519599, "2025-10-26" }, /* 2025-10-26T22:59:59Z: winter time since 01:00Z */
		{ 1761519600, "2025-10-27" },
	};
	char date[EMISSION_TIME_TEXT];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		emission_date_paris(cases[i].unix_s, date);
		assert_string_equal(date, cases[i].date);
	}
	emission_time_utc(1743372000, date);
	assert_string_equal(date, "2025-03-30T22:00:00Z");
	/* Whatever a clock says. */
	emission_date_paris(INT64_MAX / 4, date);
	emission_time_utc(INT64_MIN / 4, date);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rte_gives_the_first_record),
		TEST(zones_are_named_by_country_and_zone),
		TEST(zones_are_limited),
		TEST(zone_values_may_have_decimals),
		TEST(tokens_fit_into_a_header),
		TEST(history_gives_its_last_value_or_its_warning),
		TEST(days_begin_in_paris),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
