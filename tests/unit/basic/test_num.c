// SPDX-License-Identifier: Apache-2.0
#include "basic/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"
#include "unit_test.h"

static char text[NUM_TEXT_MAX];

struct row {
	double value;
	const char *text;
};

static void check(size_t (*format)(double, char *), const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(format(rows[i].value, text), strlen(rows[i].text));
		assert_string_equal(text, rows[i].text);
	}
}

static void exposition_form_is_as_specified(void **state)
{
	static const struct row rows[] = {
		{ 0, "0" },
		{ -0.0, "-0" },
		{ 1, "1" },
		{ -1.5, "-1.5" },
		{ 100000, "100000" },
		{ 123456, "123456" },
		{ 999999.5, "999999.5" },
		{ 1000000, "1e+06" },
		{ 7654321.5, "7.6543215e+06" },
		{ 1073741824, "1.073741824e+09" },
		{ 0.0001, "0.0001" },
		{ 0.00012345, "0.00012345" },
		{ 0.00002, "2e-05" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 5e-324, "5e-324" },
		{ 1.7976931348623157e308, "1.7976931348623157e+308" },
		{ 9007199254740991.0, "9.007199254740991e+15" },
		{ 9007199254740993.0, "9.007199254740992e+15" },
		{ 1e22, "1e+22" },
		{ 1e23, "1e+23" },
		{ 123456789.01, "1.2345678901e+08" },
		{ 0.07, "0.07" },
		{ 2.675, "2.675" },
		{ NAN, "NaN" },
		{ -NAN, "NaN" },
		{ INFINITY, "+Inf" },
		{ -INFINITY, "-Inf" },
	};

	check(num_exposition, rows, ARRAY_SIZE(rows));
}

static void plain_form_has_no_exponent(void **state)
{
	static const struct row rows[] = {
		{ 0.00002, "0.00002" },
		{ 1000000, "1000000" },
		{ -12.25, "-12.25" },
		{ 1e22, "10000000000000000000000" },
		{ 1.5e-7, "0.00000015" },
	};

	check(num_plain, rows, ARRAY_SIZE(rows));
	assert_int_equal(num_plain(-1.7976931348623157e308, text), 310);
	assert_int_equal(num_plain(-2.2250738585072014e-308, text), 327);
}

static void fifteen_digits_are_close_and_plain(void **state)
{
	static const struct row rows[] = {
		{ 0, "0" },
		{ -0.0, "0" },
		{ 900, "900" },
		{ -0.25, "-0.25" },
		{ 0.1, "0.1" },
		{ 1.0 / 3, "0.333333333333333" },
		{ 200.0 / 3, "66.6666666666667" },
		{ 0.99999999999999994, "1" },
		{ 999999999999999.9, "1000000000000000" },
		{ 1e15, "1000000000000000" },
		{ 12345678901234567890.0, "12345678901234567168" },
		{ 1e-20, "0.00000000000000000001" },
		{ 1e-40, "0" },
	};
	uint64_t random = 6;

	check(num_15_digits, rows, ARRAY_SIZE(rows));
	for (int i = 0; i < 100000; i++) {
		double value;

		random = random * 6364136223846793005U + 1442695040888963407U;
		value = (double)(int64_t)random / pow(10, i % 30);
		num_15_digits(value, text);
		assert_null(strpbrk(text, "eE+"));
		assert_true(fabs(strtod(text, NULL) - value) <= 1e-14 * fabs(value) + 1e-27);
	}
}

static void eight_decimals_are_rounded_as_printf_does(void **state)
{
	uint64_t random = 6;
	char expected[NUM_TEXT_MAX];

	for (int i = 0; i < 200000; i++) {
		double value;

		random = random * 6364136223846793005U + 1442695040888963407U;
		/* Of all sizes, and close to the middle between two texts. */
		value = (double)(int64_t)random / pow(10, 8 + i % 20);
		if (i % 3 == 0)
			value = (floor(value * 1e8) + 0.5) / 1e8;
		if (value == trunc(value))
			continue;
		snprintf(expected, sizeof(expected), "%.8f", value);
		num_metric_map(value, text);
		assert_string_equal(text, expected);
	}
}

static void metric_map_form_has_eight_decimals_or_none(void **state)
{
	static const struct row rows[] = {
		{ 0.125, "0.12500000" },
		{ 7, "7" },
		{ -7, "-7" },
		{ 1e-9, "0.00000000" },
		{ 1e18, "1000000000000000000" },
		{ 9223372036854775808.0, "9223372036854775808.00000000" },
		{ NAN, "0" },
		{ INFINITY, "0" },
	};

	check(num_metric_map, rows, ARRAY_SIZE(rows));
}

static void millionths_are_exact(void **state)
{
	static const struct {
		int64_t micro;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 1, "0.000001" },
		{ -1, "-0.000001" },
		{ 1500000, "1.5" },
		{ 1000000, "1" },
		{ 100000, "0.1" },
		{ 12345678900001, "12345678.900001" },
		{ 1050000, "1.05" },
		{ INT64_MAX, "9223372036854.775807" },
		{ INT64_MIN, "-9223372036854.775808" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(num_micro(rows[i].micro, text), strlen(rows[i].text));
		assert_string_equal(text, rows[i].text);
	}
}

static uint64_t seed = 20310506;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int digits_of(const char *number)
{
	int n = 0, zeros = 0;

	for (const char *p = number; *p && *p != 'e'; p++) {
		if (*p < '0' || *p > '9' || (*p == '0' && n == 0))
			continue;
		n++;
		zeros = *p == '0' ? zeros + 1 : 0;
	}
	return n - zeros;
}

/* Reads back, and no printf with one digit less does. */
static void check_shortest(double value)
{
	char other[64];
	int digits;

	num_exposition(value, text);
	if (strtod(text, NULL) != value)
		fail_msg("%s is not %.17g", text, value);
	digits = digits_of(text);
	if (digits < 2)
		return;
	snprintf(other, sizeof(other), "%.*e", digits - 2, value);
	if (strtod(other, NULL) == value)
		fail_msg("%s is longer than %s", text, other);
	num_plain(value, text);
	assert_true(strtod(text, NULL) == value);
	assert_null(strchr(text, 'e'));
}

static void random_doubles_are_shortest_and_read_back(void **state)
{
	for (int i = 0; i < 100000; i++) {
		uint64_t bits = next_random();
		double value;

		memcpy(&value, &bits, sizeof(value));
		if (isfinite(value))
			check_shortest(value);
	}
}

static void random_decimals_are_shortest_and_read_back(void **state)
{
	for (int i = 0; i < 100000; i++) {
		double scale = pow(10, (double)(next_random() % 12));
		double value = (double)(next_random() >> (next_random() % 54 + 10)) / scale;

		check_shortest(value);
		check_shortest(nextafter(value, INFINITY));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(exposition_form_is_as_specified),
		TEST(plain_form_has_no_exponent),
		TEST(metric_map_form_has_eight_decimals_or_none),
		TEST(eight_decimals_are_rounded_as_printf_does),
		TEST(fifteen_digits_are_close_and_plain),
		TEST(millionths_are_exact),
		TEST(random_doubles_are_shortest_and_read_back),
		TEST(random_decimals_are_shortest_and_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
