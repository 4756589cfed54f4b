// SPDX-License-Identifier: Apache-2.0
#include "host/net_dev.h"

#include <stdio.h>

#include "unit_test.h"

#define NUMBERS "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"

static void an_interface_has_its_sixteen_columns(void **state)
{
	struct slice rest = SLICE("header\nheader\n  eth0:" NUMBERS "\n");
	struct net_dev_line line;

	net_dev_skip_header(&rest);
	assert_true(net_dev_next(&rest, &line));
	assert_true(slice_eq(line.name, "eth0"));
	for (uint64_t i = 0; i < NET_DEV_COLUMNS; i++)
		assert_int_equal(line.columns[i], i + 1);
	assert_false(net_dev_next(&rest, &line));
}

static void odd_lines_are_passed_over(void **state)
{
	static const char *const odd[] = {
		"",
		":",
		": " NUMBERS,
		"   : " NUMBERS,
		"eth0 " NUMBERS,
		"eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
		"eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 -16",
		"eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 0x10",
		"eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 18446744073709551616",
		"eth0: 1 2 3.5 4 5 6 7 8 9 10 11 12 13 14 15 16",
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		char text[256];
		struct slice rest = { text, 0 };
		struct net_dev_line line;

		rest.n = (size_t)snprintf(text, sizeof(text), "%s\nlo:" NUMBERS " 17\r\n", odd[i]);
		assert_true(net_dev_next(&rest, &line));
		assert_true(slice_eq(line.name, "lo"));
		assert_false(net_dev_next(&rest, &line));
	}
}

static void a_short_file_has_no_interfaces(void **state)
{
	static const char *const texts[] = { "", "\n", "header", "header\nheader", "a\nb\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct slice rest = slice_from(texts[i]);
		struct net_dev_line line;

		net_dev_skip_header(&rest);
		assert_false(net_dev_next(&rest, &line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_interface_has_its_sixteen_columns),
		TEST(odd_lines_are_passed_over),
		TEST(a_short_file_has_no_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
