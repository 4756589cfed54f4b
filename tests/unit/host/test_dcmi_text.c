// SPDX-License-Identifier: Apache-2.0
#include "host/dcmi_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc_fail.h"
#include "basic/file.h"
#include "unit_test.h"

static struct err err;
static struct dcmi_power power;

static int parse(const char *text)
{
	power = (struct dcmi_power){ .watts = { -1, -1, -1, -1 } };
	return dcmi_text_parse(slice_from(text), &power, &err);
}

static int parse_capmc(const char *text)
{
	power = (struct dcmi_power){ .watts = { -1, -1, -1, -1 } };
	return dcmi_text_parse_capmc(slice_from(text), &power, &err);
}

static int parse_file(const char *name)
{
	CLEANUP(buffer_done) struct buffer text;
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/fixtures/ipmi/%s", getenv("CEEMS_SOURCE"), name);
	buffer_init(&text, 0);
	assert_int_equal(file_read(AT_FDCWD, path, DCMI_TEXT_MAX_BYTES, &text), 0);
	return strstr(name, ".json") ? parse_capmc(buffer_text(&text)) : parse(buffer_text(&text));
}

static void expect(double current, double min, double max, double avg)
{
	assert_float_equal(power.watts[DCMI_CURRENT], current, 0);
	assert_float_equal(power.watts[DCMI_MIN], min, 0);
	assert_float_equal(power.watts[DCMI_MAX], max, 0);
	assert_float_equal(power.watts[DCMI_AVG], avg, 0);
}

static void each_tool_is_understood(void **state)
{
	assert_int_equal(parse_file("freeipmi.txt"), 0);
	expect(312, 156, 624, 298);
	assert_int_equal(parse_file("ipmitool.txt"), 0);
	expect(332, 68, 391, 333);
	assert_int_equal(parse_file("ipmiutil.txt"), 0);
	expect(281, 190, 402, 275);
	assert_int_equal(parse_file("capmc.json"), 0);
	expect(287, 150, 412.5, 287);
}

static void tool_that_says_that_nothing_is_measured_gives_no_reading(void **state)
{
	assert_int_equal(parse_file("freeipmi-inactive.txt"), -ENODATA);
	assert_int_equal(parse_file("ipmitool-inactive.txt"), -ENODATA);
	assert_int_equal(parse_file("ipmiutil-inactive.txt"), -ENODATA);
	assert_int_equal(parse_file("capmc-error.json"), -EIO);
	assert_string_equal(err.text, "error 22: 'Invalid window length'");
}

static void output_without_a_state_gives_no_reading(void **state)
{
	assert_int_equal(parse("Current Power : 12 Watts\n"), -ENODATA);
	assert_int_equal(parse(""), -ENODATA);
	assert_int_equal(parse("\n  \n sudo: a password is required\nx"), -ENODATA);
	assert_string_equal(err.text,
		"no state of the power measurement in the output: 'sudo: a password is required'");
	assert_int_equal(parse("Power Measurement : Activex\n"), -ENODATA);
	assert_int_equal(parse("Power Measurement : ACTIVE\n"), -ENODATA);
	assert_int_equal(parse("power measurement : Active\n"), -ENODATA);
	assert_int_equal(parse("Power Measurement Active\n"), -ENODATA);
}

static void state_may_come_first_and_alone(void **state)
{
	assert_int_equal(parse("Power reading state is: active\n"), 0);
	expect(0, 0, 0, 0);
	assert_int_equal(parse("Power Measurement:Active\r\nCurrent Power:5 watts"), 0);
	expect(5, 0, 0, 0);
}

static void first_line_of_each_kind_counts(void **state)
{
	assert_int_equal(parse("Current Power : 1 Watts\nInstantaneous power reading: 2 Watts\n"
			       "Power Measurement : Active\nPower reading state is: deactivated\n"),
		0);
	expect(1, 0, 0, 0);
	assert_int_equal(
		parse("Power Measurement : Not Available\nPower Measurement : Active\n"), -ENODATA);
}

static void line_that_is_no_value_does_not_count(void **state)
{
	assert_int_equal(parse("Current Power : N/A Watts\nCurrent Power : 5 mW\n"
			       "Current Power : -5 Watts\nCurrent Power : 1.2.3 Watts\n"
			       "Current Power : Watts\nCurrent Power : 1e3 Watts\n"
			       "Current Power : 99999999 Watts\nMy Current Power : 4 Watts\n"
			       "Current Power 4 Watts\nCurrent Power : 6.25 Watts.\n"
			       "Power Measurement : Active\n"),
		0);
	expect(6.25, 0, 0, 0);
}

static void blanks_are_allowed_in_front_and_around_the_colon(void **state)
{
	assert_int_equal(
		parse("\t Current Power\t :\t 7\tWatts \r\n   Power Measurement\t:  Active  \r\n"),
		0);
	expect(7, 0, 0, 0);
	assert_int_equal(parse("Current Power:7watts\nPower Measurement:Active"), 0);
	expect(7, 0, 0, 0);
}

static void bytes_of_any_kind_are_passed_over(void **state)
{
	static const char text[] =
		"\0\xff:\n::\nCurrent Power : 8 Watts\nPower Measurement : Active";

	assert_int_equal(
		dcmi_text_parse((struct slice){ text, sizeof(text) - 1 }, &power, &err), 0);
	expect(8, 0, 0, 0);
}

static void output_over_the_limit_is_refused(void **state)
{
	size_t n = DCMI_TEXT_MAX_BYTES + 1;
	char *text = calloc(1, n);

	assert_int_equal(dcmi_text_parse((struct slice){ text, n }, &power, &err), -E2BIG);
	assert_int_equal(dcmi_text_parse_capmc((struct slice){ text, n }, &power, &err), -E2BIG);
	free(text);
}

static void capmc_has_errors_of_its_own(void **state)
{
	assert_int_equal(parse_capmc("{\"e\":1,\"err_msg\":\"no\",\"avg\":5}"), -EIO);
	assert_int_equal(parse_capmc("{\"e\":1,\"avg\":5}"), 0);
	expect(5, 0, 0, 5);
	assert_int_equal(parse_capmc("{\"e\":1,\"err_msg\":7,\"avg\":5}"), 0);
	assert_int_equal(parse_capmc("{\"e\":0,\"err_msg\":\"fine\",\"avg\":5}"), 0);
	assert_int_equal(parse_capmc("{\"e\":\"1\",\"err_msg\":\"no\",\"avg\":5}"), 0);
	assert_int_equal(parse_capmc(""), -EBADMSG);
	assert_int_equal(parse_capmc("[]"), -EBADMSG);
	assert_int_equal(parse_capmc("{\"avg\":5"), -EBADMSG);
	assert_int_equal(parse_capmc("{\"avg\":5} x"), -EBADMSG);
}

static void capmc_values_that_are_no_power_do_not_count(void **state)
{
	assert_int_equal(parse_capmc("{}"), 0);
	expect(0, 0, 0, 0);
	assert_int_equal(parse_capmc("{\"avg\":\"5\",\"min\":-3,\"max\":1e200}"), 0);
	expect(0, 0, 0, 0);
	assert_int_equal(parse_capmc("{\"avg\":0,\"min\":1,\"max\":2}"), 0);
	expect(0, 1, 2, 0);
	assert_int_equal(parse_capmc("{\"avg\":123456789012345678901234567890}"), 0);
	expect(0, 0, 0, 0);
}

static void memory_that_cannot_be_had_is_an_error(void **state)
{
	size_t n = 0;
	int r;

	do {
		alloc_fail_at(++n);
		r = parse_capmc("{\"e\":0,\"avg\":5}");
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_int_equal(r, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_tool_is_understood),
		TEST(tool_that_says_that_nothing_is_measured_gives_no_reading),
		TEST(output_without_a_state_gives_no_reading),
		TEST(state_may_come_first_and_alone),
		TEST(first_line_of_each_kind_counts),
		TEST(line_that_is_no_value_does_not_count),
		TEST(blanks_are_allowed_in_front_and_around_the_colon),
		TEST(bytes_of_any_kind_are_passed_over),
		TEST(output_over_the_limit_is_refused),
		TEST(capmc_has_errors_of_its_own),
		TEST(capmc_values_that_are_no_power_do_not_count),
		TEST(memory_that_cannot_be_had_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
