// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_quantity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/macros.h"
#include "unit_test.h"

static void every_suffix_and_form_is_known(void **state)
{
	static const struct {
		const char *text;
		int decimals;
		int64_t value;
	} rows[] = {
		{ "0", 0, 0 },
		{ "2", 3, 2000 },
		{ "500m", 3, 500 },
		{ "0.5", 3, 500 },
		{ ".5", 3, 500 },
		{ "5.", 0, 5 },
		{ "+1", 0, 1 },
		{ "1n", 9, 1 },
		{ "1u", 9, 1000 },
		{ "1m", 9, 1000000 },
		{ "3k", 0, 3000 },
		{ "3M", 0, 3000000 },
		{ "3G", 0, 3000000000 },
		{ "3T", 0, 3000000000000 },
		{ "3P", 0, 3000000000000000 },
		{ "3E", 0, 3000000000000000000 },
		{ "1Ki", 0, 1024 },
		{ "1Mi", 0, 1 << 20 },
		{ "1.5Gi", 0, 1610612736 },
		{ "1Ti", 0, INT64_C(1) << 40 },
		{ "1Pi", 0, INT64_C(1) << 50 },
		{ "1Ei", 0, INT64_C(1) << 60 },
		{ "2e3", 0, 2000 },
		{ "2E3", 0, 2000 },
		{ "2e+3", 0, 2000 },
		{ "2500e-3", 3, 2500 },
		{ "0.1e1", 0, 1 },
		/* Fractions go up, however small they are. */
		{ "1n", 3, 1 },
		{ "1500u", 3, 2 },
		{ "0.0001Ki", 0, 1 },
		{ "-0.1", 0, -1 },
		{ "1.000000000000000000000000000000001", 0, 2 },
		{ "1.000000000000000000000000000000000", 0, 1 },
		{ "0.000000000000000000000000000000000000000000001", 0, 1 },
		{ "1e-999", 0, 1 },
		{ "0e999", 0, 0 },
		{ "0000000000000000000000000000000000012", 0, 12 },
		/* Too much is the most. */
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", 0, INT64_MAX },
		{ "-9223372036854775809", 0, INT64_MIN },
		{ "8Ei", 0, INT64_MAX },
		{ "9.3E", 0, INT64_MAX },
		{ "1e9999999", 0, INT64_MAX },
		{ "99999999999999999999999999999999999", 0, INT64_MAX },
		{ "999999999999999999Ei", 9, INT64_MAX },
	};
	int64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		value = -7;
		if (kube_quantity_parse(slice_from(rows[i].text), rows[i].decimals, &value) < 0 ||
			value != rows[i].value)
			fail_msg("%s: %" PRId64 " instead of %" PRId64, rows[i].text, value,
				rows[i].value);
	}
}

static void what_is_no_quantity_is_refused(void **state)
{
	static const char *const bad[] = { "", "-", "+", ".", "m", "Ki", "1K", "1ki", "1mi", "1 Gi",
		" 1", "1 ", "1e", "1e+", "1e-", "1e+-3", "1e1.5", "--1", "1.2.3", "1Gi1", "0x10",
		"inf", "nan", "1EE", "1Eib" };
	char zeros[2500];
	int64_t value = -7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (kube_quantity_parse(slice_from(bad[i]), 0, &value) != -EBADMSG)
			fail_msg("'%s' is taken", bad[i]);
	memset(zeros, '0', sizeof(zeros));
	zeros[0] = '1';
	assert_int_equal(
		kube_quantity_parse((struct slice){ zeros, sizeof(zeros) }, 0, &value), -EBADMSG);
	assert_int_equal(value, -7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_suffix_and_form_is_known),
		TEST(what_is_no_quantity_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
