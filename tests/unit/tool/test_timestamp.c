// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <string.h>

#include "basic/macros.h"
#include "tool/tsdb/timestamp.h"

static void times_of_both_forms_are_read(void **state)
{
	static const struct {
		const char *text;
		double seconds;
	} good[] = {
		{ "0", 0 },
		{ "1700000000", 1700000000 },
		{ "1700000000.25", 1700000000.25 },
		{ "-1.5", -1.5 },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2023-11-14T22:13:20Z", 1700000000 },
		{ "2023-11-14T22:13:20.5Z", 1700000000.5 },
		{ "2023-11-15T00:13:20+02:00", 1700000000 },
		{ "2023-11-14T17:43:20-04:30", 1700000000 },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "2000-02-29T12:00:00Z", 951825600 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "0001-01-01T00:00:00Z", -62135596800 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		double seconds = 42;

		assert_int_equal(timestamp_parse(slice_from(good[i].text), &seconds), 0);
		assert_true(seconds == good[i].seconds);
	}
}

static void anything_else_is_refused(void **state)
{
	static const char *const bad[] = { "", " ", "now", "2023-11-14", "1e400", "1e300",
		"2023-11-14T22:13:20", "2023-11-14 22:13:20Z", "2023-13-14T22:13:20Z",
		"2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2023-11-00T00:00:00Z",
		"2023-00-10T00:00:00Z", "0000-01-01T00:00:00Z", "2023-11-14T24:00:00Z",
		"2023-11-14T22:13:60Z", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20z",
		"2023-11-14T22:13:20+0200", "2023-11-14T22:13:20Zx", "1700000000s", "0x10", "nan",
		"inf" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		double seconds = 42;

		assert_int_equal(timestamp_parse(slice_from(bad[i]), &seconds), -EBADMSG);
		assert_true(seconds == 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(times_of_both_forms_are_read),
		TEST(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
