// SPDX-License-Identifier: Apache-2.0
/* Recorded answers of a BMC: as text, and played in the driver's place. */
#include "host/ipmi_recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/ipmi.h"
#include "unit_test.h"

#define LINE "2c 02 dc 01 00 00 = 00 dc 38 01 9c 00 70 02 2a 01 00 00 00 60 e8 03 00 00 40\n"

#define GARBAGE_AND_LINE ("garbage\n" LINE)

static struct err err;

static int find(const char *text, struct ipmi_answer *ret_answer)
{
	return ipmi_recording_find(slice_from(text), &dcmi_request_power, ret_answer);
}

static void what_is_put_is_found(void **state)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct ipmi_answer answer = { .n = IPMI_ANSWER_MAX_BYTES }, found = { .n = 0 };

	for (size_t i = 0; i < answer.n; i++)
		answer.data[i] = (uint8_t)(i * 7);
	ipmi_recording_put(&text, &ipmi_request_lan_address, NULL);
	ipmi_recording_put(&text, &dcmi_request_power, &answer);
	assert_int_equal(find(buffer_text(&text), &found), 0);
	assert_int_equal(found.n, answer.n);
	assert_memory_equal(found.data, answer.data, answer.n);
	assert_int_equal(ipmi_recording_find(
				 slice_from(buffer_text(&text)), &ipmi_request_lan_address, &found),
		-ENODATA);
}

static void the_form_is_that_of_the_documentation(void **state)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct ipmi_answer answer;

	assert_int_equal(find("# comment\n\n0c 02 01 03 00 00 = 00 11\n" LINE, &answer), 0);
	ipmi_recording_put(&text, &dcmi_request_power, &answer);
	assert_string_equal(buffer_text(&text), LINE);
	assert_int_equal(find("2C\t02  DC 01 00 00=c1", &answer), 0);
	assert_int_equal(answer.n, 1);
	assert_int_equal(answer.data[0], 0xc1);
}

static void what_has_no_answer_is_no_data(void **state)
{
	static const char *const texts[] = { "", "\n", "# 2c 02 dc 01 00 00 = 00",
		"2c 02 dc 01 00 00 =\n", "2c 02 dc 01 00 = 00\n", "2c 02 dc 01 00 00 00 = 00\n",
		"2c 03 dc 01 00 00 = 00\n", " = 00\n" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct ipmi_answer answer = { .n = 3 };

		assert_int_equal(find(texts[i], &answer), -ENODATA);
		assert_int_equal(answer.n, 3);
	}
}

static void what_is_no_recording_is_refused(void **state)
{
	static const char *const texts[] = { "x", "2c 02 dc 01 00 00\n", "2c 2 = 00\n",
		"2c 002 = 00\n", "2c 0g = 00\n", "2c 02 = 0x00\n", "2c 02 = 00 = 00\n",
		GARBAGE_AND_LINE, "2c 02 = \x80\xff\n" };
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct ipmi_answer answer;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(find(texts[i], &answer), -EBADMSG);
	buffer_puts(&text, "2c 02 =");
	for (int i = 0; i <= IPMI_ANSWER_MAX_BYTES; i++)
		buffer_puts(&text, " 00");
	assert_int_equal(find(buffer_text(&text), &answer), -EBADMSG);
}

static int open_played(const char *text, char path[static 32], struct ipmi **ret_ipmi)
{
	int fd;

	strcpy(path, "/tmp/ceems-ipmi.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return ipmi_open_path(path, ret_ipmi, &err);
}

static void rewrite(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void file_plays_the_bmc_and_is_read_anew_for_each_request(void **state)
{
	struct dcmi_power power;
	struct ipmi *ipmi;
	char path[32];

	assert_int_equal(open_played(LINE, path, &ipmi), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ipmi_read_power(ipmi, -1, &power, &err), 0);
		assert_float_equal(power.watts[DCMI_CURRENT], 312, 0);
	}
	rewrite(path, "2c 02 dc 01 00 00 = c0\n");
	assert_int_equal(ipmi_read_power(ipmi, -1, &power, &err), -EIO);
	assert_non_null(strstr(err.text, "completion code 0xc0"));
	rewrite(path, "2c 02 dc 01 00 00 =\n");
	assert_int_equal(ipmi_read_power(ipmi, -1, &power, &err), -ETIMEDOUT);
	rewrite(path, LINE);
	assert_int_equal(ipmi_read_power(ipmi, -1, &power, &err), 0);
	rewrite(path, "garbage");
	assert_int_equal(ipmi_read_power(ipmi, -1, &power, &err), -EBADF);
	ipmi_close(ipmi);
	unlink(path);
}

static void what_is_neither_device_nor_file_is_refused(void **state)
{
	struct ipmi *ipmi;

	assert_int_equal(ipmi_open_path("/nothing/there", &ipmi, &err), -ENOENT);
	assert_int_equal(ipmi_open_path("/tmp", &ipmi, &err), -ENOTTY);
	assert_string_equal(err.text, "opening '/tmp': Inappropriate ioctl for device");
}

static void device_that_is_no_bmc_refuses_requests(void **state)
{
	struct dcmi_power power;
	struct ipmi *ipmi;

	assert_int_equal(ipmi_open_path("/dev/null", &ipmi, &err), 0);
	assert_int_equal(ipmi_read_power(ipmi, -1, &power, &err), -EBADF);
	ipmi_close(ipmi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_put_is_found),
		TEST(the_form_is_that_of_the_documentation),
		TEST(what_has_no_answer_is_no_data),
		TEST(what_is_no_recording_is_refused),
		TEST(file_plays_the_bmc_and_is_read_anew_for_each_request),
		TEST(what_is_neither_device_nor_file_is_refused),
		TEST(device_that_is_no_bmc_refuses_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
