// SPDX-License-Identifier: Apache-2.0
#include "host/dcmi.h"

#include <errno.h>
#include <string.h>

#include "basic/macros.h"
#include "unit_test.h"

static struct err err;

/* 312 W now, 156 to 624, 298 in the mean, over 1000 ms. */
static const uint8_t POWER[] = { 0, 0xdc, 0x38, 1, 0x9c, 0, 0x70, 2, 0x2a, 1, 0, 0, 0, 0x60, 0xe8,
	3, 0, 0, 0x40 };
static const uint8_t LAN[] = { 0, 0x11, 192, 0, 2, 120 };

static void a_power_reading_is_read(void **state)
{
	struct dcmi_power power;

	assert_int_equal(dcmi_parse_power(POWER, sizeof(POWER), &power, &err), 0);
	assert_float_equal(power.watts[DCMI_CURRENT], 312, 0);
	assert_float_equal(power.watts[DCMI_MIN], 156, 0);
	assert_float_equal(power.watts[DCMI_MAX], 624, 0);
	assert_float_equal(power.watts[DCMI_AVG], 298, 0);
}

static void every_shorter_power_reading_is_refused(void **state)
{
	struct dcmi_power power = { .watts = { 1, 2, 3, 4 } };

	for (size_t n = 0; n < sizeof(POWER); n++)
		assert_int_equal(dcmi_parse_power(POWER, n, &power, &err), -EBADMSG);
	assert_float_equal(power.watts[DCMI_CURRENT], 1, 0);
}

static void a_longer_power_reading_is_fine(void **state)
{
	uint8_t answer[sizeof(POWER) + 5] = { 0 };
	struct dcmi_power power;

	memcpy(answer, POWER, sizeof(POWER));
	assert_int_equal(dcmi_parse_power(answer, sizeof(answer), &power, &err), 0);
}

static void a_measurement_that_is_not_active_is_no_reading(void **state)
{
	uint8_t answer[sizeof(POWER)];
	struct dcmi_power power;

	memcpy(answer, POWER, sizeof(answer));
	answer[18] = 0xbf;
	assert_int_equal(dcmi_parse_power(answer, sizeof(answer), &power, &err), -ENODATA);
}

static void an_answer_of_another_group_is_refused(void **state)
{
	uint8_t answer[sizeof(POWER)];
	struct dcmi_power power;

	memcpy(answer, POWER, sizeof(answer));
	answer[1] = 0x00;
	assert_int_equal(dcmi_parse_power(answer, sizeof(answer), &power, &err), -EBADMSG);
}

static void every_completion_code_but_0_is_a_failure(void **state)
{
	uint8_t answer[sizeof(POWER)];
	struct dcmi_power power;
	struct in_addr address;

	memcpy(answer, POWER, sizeof(answer));
	for (int code = 1; code < 256; code++) {
		answer[0] = (uint8_t)code;
		assert_int_equal(dcmi_parse_power(answer, sizeof(answer), &power, &err), -EIO);
		assert_int_equal(dcmi_parse_power(answer, 1, &power, &err), -EIO);
		assert_int_equal(ipmi_parse_lan_address(answer, 1, &address, &err), -EIO);
	}
	answer[0] = 0xc1;
	dcmi_parse_power(answer, 1, &power, &err);
	assert_string_equal(err.text, "completion code 0xc1: the BMC doesn't know the command");
}

static void an_address_is_read(void **state)
{
	struct in_addr address;

	assert_int_equal(ipmi_parse_lan_address(LAN, sizeof(LAN), &address, &err), 0);
	assert_int_equal(ntohl(address.s_addr), 0xc0000278);
	for (size_t n = 0; n < sizeof(LAN); n++)
		assert_int_equal(ipmi_parse_lan_address(LAN, n, &address, &err), -EBADMSG);
}

static void a_bmc_without_an_address_has_none(void **state)
{
	static const uint8_t none[] = { 0, 0x11, 0, 0, 0, 0 },
			     all[] = { 0, 0x11, 255, 255, 255, 255 };
	struct in_addr address;

	assert_int_equal(ipmi_parse_lan_address(none, sizeof(none), &address, &err), -ENODATA);
	assert_int_equal(ipmi_parse_lan_address(all, sizeof(all), &address, &err), -ENODATA);
}

static void requests_are_those_of_the_standards(void **state)
{
	static const uint8_t power[] = { 0xdc, 1, 0, 0 }, lan[] = { 1, 3, 0, 0 };

	assert_int_equal(dcmi_request_power.netfn, 0x2c);
	assert_int_equal(dcmi_request_power.cmd, 2);
	assert_int_equal(dcmi_request_power.n, 4);
	assert_memory_equal(dcmi_request_power.data, power, 4);
	assert_int_equal(ipmi_request_lan_address.netfn, 0x0c);
	assert_int_equal(ipmi_request_lan_address.cmd, 2);
	assert_int_equal(ipmi_request_lan_address.n, 4);
	assert_memory_equal(ipmi_request_lan_address.data, lan, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_power_reading_is_read),
		TEST(every_shorter_power_reading_is_refused),
		TEST(a_longer_power_reading_is_fine),
		TEST(a_measurement_that_is_not_active_is_no_reading),
		TEST(an_answer_of_another_group_is_refused),
		TEST(every_completion_code_but_0_is_a_failure),
		TEST(an_address_is_read),
		TEST(a_bmc_without_an_address_has_none),
		TEST(requests_are_those_of_the_standards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
