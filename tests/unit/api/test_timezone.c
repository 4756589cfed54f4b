// SPDX-License-Identifier: Apache-2.0
#include "api/timezone.h"

#include <errno.h>
#include <stdlib.h>

#include "unit_test.h"

static struct timezone_ *zone(const char *name)
{
	struct timezone_ *z = NULL;
	struct err err;
	int r = timezone_new(name, &z, &err);

	if (r < 0)
		fail_msg("%s", err.text);
	return z;
}

static void known_zones_open_and_unknown_ones_are_refused(void **state)
{
	static const char *const good[] = { "", "UTC", "Local", "Europe/Paris", "Asia/Kathmandu",
		"Etc/GMT+5" };
	static const char *const bad[] = { "Mars/Olympus", "+02:00", "../../etc/passwd",
		"/etc/localtime", "Europe/../UTC", "local", " UTC", "Europe/Paris\n" };

	static const char *const names[] = { "UTC", "UTC", NULL, "Europe/Paris", "Asia/Kathmandu",
		"Etc/GMT+5" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct timezone_ *z = zone(good[i]);

		if (names[i])
			assert_string_equal(timezone_name(z), names[i]);
		else
			assert_null(timezone_name(z));
		timezone_free(z);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct timezone_ *z = NULL;
		struct err err;

		assert_int_equal(timezone_new(bad[i], &z, &err), -EINVAL);
		assert_null(z);
		assert_non_null(strstr(err.text, "unknown time zone"));
	}
	timezone_free(NULL);
}

static void times_are_written_as_wall_time_with_and_without_offset(void **state)
{
	static const struct {
		const char *zone;
		int64_t ms;
		const char *ldt, *zdt;
	} rows[] = {
		{ "", 0, "1970-01-01T00:00:00", "1970-01-01T00:00:00+0000" },
		{ "", -1, "1969-12-31T23:59:59", "1969-12-31T23:59:59+0000" },
		{ "Europe/Paris", 1933481100999, "2031-04-09T08:05:00",
			"2031-04-09T08:05:00+0200" },
		{ "America/St_Johns", 1924992000000, "2030-12-31T20:30:00",
			"2030-12-31T20:30:00-0330" },
		{ "Asia/Kathmandu", 1924992000000, "2031-01-01T05:45:00",
			"2031-01-01T05:45:00+0545" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct timezone_ *z = zone(rows[i].zone);
		char text[TIME_TEXT_MAX];

		time_format_ldt(z, rows[i].ms, text);
		assert_string_equal(text, rows[i].ldt);
		time_format_zdt(z, rows[i].ms, text);
		assert_string_equal(text, rows[i].zdt);
		timezone_free(z);
	}
}

static void extreme_times_are_written_without_harm(void **state)
{
	struct timezone_ *z = zone("Europe/Paris");
	char text[TIME_TEXT_MAX];

	time_format_zdt(z, INT64_MAX, text);
	assert_true(strlen(text) > 20);
	time_format_zdt(z, INT64_MIN, text);
	assert_true(strlen(text) > 20);
	timezone_free(z);
}

static void wall_time_comes_back_through_every_change_of_clocks(void **state)
{
	static const char *const names[] = { "Europe/Paris", "America/Sao_Paulo", "Pacific/Apia",
		"Australia/Lord_Howe", "UTC" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct timezone_ *z = zone(names[i]);

		for (int64_t ms = 1293836400000; ms < 1388530800000; ms += 1800000) {
			char text[TIME_TEXT_MAX], again[TIME_TEXT_MAX];
			int64_t back;

			time_format_zdt(z, ms, text);
			assert_int_equal(time_parse_zdt(slice_from(text), &back), 0);
			assert_int_equal(back, ms);
			time_format_ldt(z, ms, text);
			assert_int_equal(time_parse_ldt(z, slice_from(text), &back), 0);
			time_format_ldt(z, back, again);
			assert_string_equal(again, text);
			assert_true(back <= ms); /* of a repeated hour the first */
		}
		timezone_free(z);
	}
}

static void skipped_and_repeated_wall_times_take_the_earlier_offset(void **state)
{
	struct timezone_ *z = zone("Europe/Paris");
	int64_t ms;

	assert_int_equal(time_parse_ldt(z, SLICE("2031-03-30T02:30:00"), &ms), 0);
	assert_int_equal(ms, 1932600600000); /* read as +0100: 01:30 UTC */
	assert_int_equal(time_parse_ldt(z, SLICE("2031-10-26T02:30:00"), &ms), 0);
	assert_int_equal(ms, 1950741000000); /* read as +0200: 00:30 UTC */
	timezone_free(z);
}

static void malformed_times_are_refused(void **state)
{
	static const char *const bad[] = { "", "Unknown", "2031", "2031-04-09", "2031-04-09T08:05",
		"2031-04-09 08:05:00", "2031-13-09T08:05:00", "2031-00-09T08:05:00",
		"2031-02-29T08:05:00", "2031-04-31T08:05:00", "2031-04-00T08:05:00",
		"2031-04-09T24:00:00", "2031-04-09T08:60:00", "2031-04-09T08:05:60",
		"+031-04-09T08:05:00", "2031-04-09T08:05:0x", "2031-04-09T08:05:00 " };
	static const char *const bad_offsets[] = { "", "Z", "+02", "+02:00", "0200", "+2400",
		"+0260", "+02000", "+02x0" };
	struct timezone_ *z = zone("");
	int64_t ms = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(time_parse_ldt(z, slice_from(bad[i]), &ms), -EBADMSG);
	for (size_t i = 0; i < ARRAY_SIZE(bad_offsets); i++) {
		char text[64] = "2031-04-09T08:05:00";

		strcat(text, bad_offsets[i]);
		assert_int_equal(time_parse_zdt(slice_from(text), &ms), -EBADMSG);
	}
	assert_int_equal(ms, 7);
	assert_int_equal(time_parse_ldt(z, SLICE("2032-02-29T08:05:00"), &ms), 0);
	timezone_free(z);
}

static void rfc3339_takes_fractions_and_offsets(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "1970-01-01T00:00:01Z", 1000 },
		{ "1970-01-01T00:00:01.5Z", 1500 },
		{ "1970-01-01T00:00:01.123456789Z", 1123 },
		{ "1970-01-01T02:00:00+02:00", 0 },
		{ "1969-12-31T23:00:00.25-01:00", 250 },
	};
	static const char *const bad[] = { "1970-01-01T00:00:01", "1970-01-01T00:00:01.Z",
		"1970-01-01T00:00:01+0200", "1970-01-01T00:00:01Zx", "1970-01-01T00:00:01.5" };
	int64_t ms;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(time_parse_rfc3339(slice_from(rows[i].text), &ms), 0);
		assert_int_equal(ms, rows[i].ms);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(time_parse_rfc3339(slice_from(bad[i]), &ms), -EBADMSG);
}

static void dates_may_leave_out_the_time_of_day(void **state)
{
	struct timezone_ *z = zone("Europe/Paris");
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "2031-04-09", 1933452000000 },
		{ "2031-04-09T08:05", 1933481100000 },
		{ "2031-04-09T08:05:07", 1933481107000 },
	};
	static const char *const bad[] = { "2031-04-09T", "2031-04-09T08",
		"2031-04-09T08:05:", "2031-04-09T08:05:07Z", "today", "" };
	int64_t ms;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(time_parse_date(z, slice_from(rows[i].text), &ms), 0);
		assert_int_equal(ms, rows[i].ms);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(time_parse_date(z, slice_from(bad[i]), &ms), -EBADMSG);
	timezone_free(z);
}

static void a_day_starts_at_midnight_of_the_zone(void **state)
{
	struct timezone_ *paris = zone("Europe/Paris"), *sao = zone("America/Sao_Paulo");

	assert_int_equal(time_day_start(paris, 1933481107000), 1933452000000);
	assert_int_equal(time_day_start(paris, 1933452000000), 1933452000000);
	assert_int_equal(time_day_start(paris, 1933451999999), 1933365600000);
	/* 2011-10-16 began at 01:00 there. */
	assert_int_equal(time_day_start(sao, 1318734000000 + 3600000), 1318734000000);
	timezone_free(paris);
	timezone_free(sao);
}

static void spans_have_days_above_24_hours(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{ 0, "00:00:00" },
		{ -5, "00:00:00" },
		{ 61, "00:01:01" },
		{ 86399, "23:59:59" },
		{ 86400, "00:00:00" },
		{ 86401, "1-00:00:01" },
		{ 10 * 86400 + 3600, "10-01:00:00" },
		{ INT64_MAX, "106751991167300-15:30:07" },
	};
	char text[TIME_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		time_format_span(rows[i].seconds, text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(known_zones_open_and_unknown_ones_are_refused),
		TEST(times_are_written_as_wall_time_with_and_without_offset),
		TEST(extreme_times_are_written_without_harm),
		TEST(wall_time_comes_back_through_every_change_of_clocks),
		TEST(skipped_and_repeated_wall_times_take_the_earlier_offset),
		TEST(malformed_times_are_refused),
		TEST(rfc3339_takes_fractions_and_offsets),
		TEST(dates_may_leave_out_the_time_of_day),
		TEST(a_day_starts_at_midnight_of_the_zone),
		TEST(spans_have_days_above_24_hours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
