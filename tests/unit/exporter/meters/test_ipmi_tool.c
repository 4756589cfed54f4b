// SPDX-License-Identifier: Apache-2.0
#include "exporter/meters/ipmi_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit_test.h"

static char dir[] = "/tmp/ceems-ipmi-tool.XXXXXX";
static const char *const nowhere[] = { NULL };
static struct ipmi_tool tool;
static struct err err;

static const char *in_dir(const char *name)
{
	static char path[2][512];
	static int i;

	i = !i;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

static void program(const char *name, const char *script)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fchmod(fileno(f), 0755), 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	return mkdtemp(dir) && mkdir(in_dir("a"), 0755) == 0 && mkdir(in_dir("b"), 0755) == 0 &&
			mkdir(in_dir("c d"), 0755) == 0
		? 0
		: -1;
}

static int teardown(void **state)
{
	char command[600];

	snprintf(command, sizeof(command), "/bin/rm -rf '%s'", dir);
	return system(command);
}

static void command_is_split_at_blanks(void **state)
{
	assert_int_equal(ipmi_tool_split("one", &tool, &err), 0);
	assert_string_equal(tool.argv[1], "one");
	assert_null(tool.argv[2]);
	assert_int_equal(ipmi_tool_split(" a  'b c' ", &tool, &err), 0);
	assert_string_equal(tool.argv[0], "sudo");
	assert_string_equal(tool.argv[1], "a");
	assert_string_equal(tool.argv[2], "'b");
	assert_string_equal(tool.argv[3], "c'");
	assert_null(tool.argv[4]);
}

static void command_without_a_word_or_too_large_is_refused(void **state)
{
	char text[IPMI_TOOL_TEXT_MAX_BYTES + 1];

	assert_int_equal(ipmi_tool_split("", &tool, &err), -EINVAL);
	assert_int_equal(ipmi_tool_split("   ", &tool, &err), -EINVAL);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(ipmi_tool_split(text, &tool, &err), -E2BIG);
	for (size_t i = 0; i < sizeof(text) - 2; i += 2)
		text[i] = ' ';
	text[sizeof(text) - 2] = '\0';
	assert_int_equal(ipmi_tool_split(text, &tool, &err), -EINVAL);
}

static void expect_found(const char *path, const char *const *further, const char *expected)
{
	char line[1024] = "";

	assert_int_equal(ipmi_tool_find(path, further, &tool, &err), 0);
	for (const char *const *word = tool.argv + 1; *word; word++) {
		strcat(line, *word);
		strcat(line, word[1] ? " " : "");
	}
	assert_string_equal(line, in_dir(expected));
}

static void tools_are_found_in_their_order_by_full_path(void **state)
{
	char path[1200], a[512];
	const char *further[] = { a, NULL };

	snprintf(a, sizeof(a), "%s/a", dir);
	snprintf(path, sizeof(path), "relative::%s/none:%s/b", dir, dir);
	assert_int_equal(ipmi_tool_find(path, further, &tool, &err), -ENOENT);
	assert_int_equal(ipmi_tool_find("", nowhere, &tool, &err), -ENOENT);
	program("b/capmc", "");
	expect_found(path, further, "b/capmc get_system_power -w 600");
	program("a/capmc", "");
	expect_found(path, further, "b/capmc get_system_power -w 600");
	program("b/ipmiutil", "");
	expect_found(path, further, "b/ipmiutil dcmi power");
	program("b/ipmitool", "");
	expect_found(path, further, "b/ipmitool dcmi power reading");
	program("a/ipmi-dcmi", ""); /* outside PATH, but earlier in the table */
	expect_found(path, further, "a/ipmi-dcmi --get-system-power-statistics");
}

static void what_is_no_program_is_not_found(void **state)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/b", dir);
	assert_int_equal(unlink(in_dir("b/ipmitool")), 0);
	assert_int_equal(mkdir(in_dir("b/ipmitool"), 0755), 0);
	assert_int_equal(chmod(in_dir("b/ipmiutil"), 0644), 0);
	expect_found(path, nowhere, "b/capmc get_system_power -w 600");
	program("c d/ipmitool", "");
	snprintf(path, sizeof(path), "%s/c d", dir);
	assert_int_equal(ipmi_tool_find(path, nowhere, &tool, &err), -ENOENT);
}

/* The program that is called sudo here lets it succeed. */
static void way_that_works_is_found_out_and_taken(void **state)
{
	static const char text[] =
		"echo 'Current Power : 5 Watts'; echo 'Power Measurement : Active'";
	struct dcmi_power power;
	char script[512];

	setenv("PATH", in_dir(""), 1);
	snprintf(script, sizeof(script), "[ \"$BY_SUDO\" = yes ] || { echo no >&2; exit 1; }; %s",
		text);
	program("power", script);
	program("sudo", "BY_SUDO=yes exec \"$@\"");
	assert_int_equal(ipmi_tool_split("power", &tool, &err), 0);
	tool.root_start = geteuid() == 0;
	assert_int_equal(ipmi_tool_probe(&tool, false, -1, &err), -EIO);
	assert_int_equal(tool.way, IPMI_TOOL_UNKNOWN);
	assert_string_equal(err.text, "'power' ended with status 1: no");
	assert_int_equal(ipmi_tool_probe(&tool, true, -1, &err), 0);
	assert_int_equal(tool.way, IPMI_TOOL_BY_SUDO);
	assert_int_equal(ipmi_tool_read(&tool, -1, &power, &err), 0);
	assert_float_equal(power.watts[DCMI_CURRENT], 5, 0);

	program("power", text);
	assert_int_equal(ipmi_tool_probe(&tool, true, -1, &err), 0);
	assert_int_equal(tool.way, IPMI_TOOL_AS_IS);

	/* sudo is not put in front of sudo */
	program("sudo", "exit 1");
	assert_int_equal(ipmi_tool_split(in_dir("sudo power"), &tool, &err), 0);
	tool.root_start = true;
	assert_int_equal(ipmi_tool_probe(&tool, true, -1, &err), -EIO);
}

static void output_is_that_of_the_program_behind_sudo(void **state)
{
	struct dcmi_power power;

	setenv("PATH", in_dir(""), 1);
	program("capmc", "echo '{\"e\":0,\"avg\":7}'");
	program("sudo", "[ \"$1\" != -n ] || shift; exec \"$@\"");
	assert_int_equal(ipmi_tool_split("sudo -n capmc x", &tool, &err), 0);
	tool.way = IPMI_TOOL_AS_IS;
	assert_int_equal(ipmi_tool_read(&tool, -1, &power, &err), 0);
	assert_float_equal(power.watts[DCMI_CURRENT], 7, 0);
	assert_int_equal(ipmi_tool_split(in_dir("capmc"), &tool, &err), 0);
	tool.way = IPMI_TOOL_AS_IS;
	assert_int_equal(ipmi_tool_read(&tool, -1, &power, &err), 0);
	assert_int_equal(ipmi_tool_split("capmc.sh", &tool, &err), 0);
	tool.way = IPMI_TOOL_AS_IS;
	program("capmc.sh", "echo '{\"e\":0,\"avg\":7}'");
	assert_int_equal(ipmi_tool_read(&tool, -1, &power, &err), -ENODATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(command_is_split_at_blanks),
		TEST(command_without_a_word_or_too_large_is_refused),
		TEST(tools_are_found_in_their_order_by_full_path),
		TEST(what_is_no_program_is_not_found),
		TEST(way_that_works_is_found_out_and_taken),
		TEST(output_is_that_of_the_program_behind_sudo),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
