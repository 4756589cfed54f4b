// SPDX-License-Identifier: Apache-2.0
#include "basic/duration.h"

#include <errno.h>

#include "basic/macros.h"
#include "unit_test.h"

#define SECOND INT64_C(1000000000)

static void prometheus_durations_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "90s", 90000 },
		{ "1d12h", 129600000 },
		{ "1y2w3d4h5m6s7ms", 365 * 86400000LL + 17 * 86400000LL + 14706007 },
		{ "15m", 900000 },
		{ "007ms", 7 },
		{ "292y", 292 * 365 * 86400000LL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t ms = -1;

		assert_int_equal(duration_parse_prometheus(slice_from(rows[i].text), &ms), 0);
		assert_true(ms == rows[i].ms);
	}
}

static void malformed_prometheus_durations_are_refused(void **state)
{
	static const char *const rows[] = { "", "1", "s", "-1s", "+1s", "1s1m", "1m1m", "1.5s",
		" 1s", "1s ", "1h 5m", "1ns", "1H", "00", "ms1", "1sm" };
	int64_t ms = 7;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(duration_parse_prometheus(slice_from(rows[i]), &ms), -EBADMSG);
	assert_int_equal(duration_parse_prometheus(SLICE("293y"), &ms), -ERANGE);
	assert_int_equal(duration_parse_prometheus(SLICE("99999999999y"), &ms), -ERANGE);
	assert_int_equal(duration_parse_prometheus(SLICE("99999999999999999999ms"), &ms), -ERANGE);
	assert_int_equal(ms, 7);
}

static void go_durations_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} rows[] = {
		{ "0", 0 },
		{ "-0", 0 },
		{ "1h30m", 5400 * SECOND },
		{ "1.5s", 3 * SECOND / 2 },
		{ ".5s", SECOND / 2 },
		{ "5.s", 5 * SECOND },
		{ "250ms", SECOND / 4 },
		{ "1us2\xc2\xb5s3\xce\xbcs", 6000 },
		{ "7ns", 7 },
		{ "-1m", -60 * SECOND },
		{ "+1m", 60 * SECOND },
		{ "1w2d", 9 * 86400 * SECOND },
		{ "1s1h", 3601 * SECOND },
		{ "0.000000001s", 1 },
		{ "0.1234567890123456789012345s", 123456789 },
		{ "8760h", 8760 * 3600 * SECOND },
		{ "9223372036854775807ns", INT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t ns = -1;

		assert_int_equal(duration_parse_go(slice_from(rows[i].text), &ns), 0);
		assert_true(ns == rows[i].ns);
	}
}

static void malformed_go_durations_are_refused(void **state)
{
	static const char *const rows[] = { "", "-", "+", "1", "s", ".", ".s", "1.5", "1x", "1y",
		" 1s", "1s ", "1h 5m", "--1s", "1S", "00", "1.5.5s" };
	int64_t ns = 7;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(duration_parse_go(slice_from(rows[i]), &ns), -EBADMSG);
	assert_int_equal(duration_parse_go(SLICE("9223372036854775808ns"), &ns), -ERANGE);
	assert_int_equal(duration_parse_go(SLICE("9999999w"), &ns), -ERANGE);
	assert_int_equal(duration_parse_go(SLICE("9223372036s9223372036s"), &ns), -ERANGE);
	assert_int_equal(ns, 7);
}

static void go_durations_are_printed(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0s" },
		{ 1, "1ns" },
		{ 1100, "1.1\xc2\xb5s" },
		{ SECOND / 4, "250ms" },
		{ 2200000, "2.2ms" },
		{ 15 * SECOND, "15s" },
		{ 3 * SECOND / 2, "1.5s" },
		{ 60 * SECOND, "1m0s" },
		{ 3600 * SECOND, "1h0m0s" },
		{ 3600 * SECOND + 1, "1h0m0.000000001s" },
		{ -90 * SECOND, "-1m30s" },
		{ INT64_MAX, "2562047h47m16.854775807s" },
		{ INT64_MIN, "-2562047h47m16.854775808s" },
	};
	char text[DURATION_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t back;

		assert_int_equal(duration_format_go(rows[i].ns, text), strlen(rows[i].text));
		assert_string_equal(text, rows[i].text);
		if (rows[i].ns != INT64_MIN) {
			assert_int_equal(duration_parse_go(slice_from(text), &back), 0);
			assert_true(back == rows[i].ns);
		}
	}
}

static void prometheus_durations_are_printed(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "0s" },
		{ 1, "1ms" },
		{ 90000, "1m30s" },
		{ 3600000, "1h" },
		{ 90 * 86400000LL, "90d" },
		{ 14 * 86400000LL, "2w" },
		{ 365 * 86400000LL, "1y" },
		{ 365 * 86400000LL + 1, "365d1ms" },
		{ -1500, "-1s500ms" },
		{ INT64_MIN, "-106751991167d7h12m55s808ms" },
	};
	char text[DURATION_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			duration_format_prometheus(rows[i].ms, text), strlen(rows[i].text));
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(prometheus_durations_are_read),
		TEST(malformed_prometheus_durations_are_refused),
		TEST(go_durations_are_read),
		TEST(malformed_go_durations_are_refused),
		TEST(go_durations_are_printed),
		TEST(prometheus_durations_are_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
