// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/process_opt_in.h"

#include "unit_test.h"

static void a_command_line_of_nuls_is_empty(void **state)
{
	assert_true(cmdline_is_empty(SLICE("")));
	assert_true(cmdline_is_empty(SLICE("\0\0")));
	assert_false(cmdline_is_empty(SLICE("\0a")));
}

static void slurms_own_processes_are_known(void **state)
{
	static const struct slice own[] = {
		SLICE("slurmstepd: [77.batch]\0"),
		SLICE("/usr/sbin/slurmstepd: x"),
		SLICE("sleep\00030\0"),
		SLICE("/usr/bin/sleep\0001000000\0"),
		SLICE("sleep sleep 1"),
		SLICE("/bin/bash\0/var/spool/slurmd/job00077/slurm_script\0"),
		SLICE("/usr/bin/bash /bin/bash -l /x/slurm_script arg"),
	};
	static const struct slice others[] = {
		SLICE(""),
		SLICE("slurmstepd"),
		SLICE("sleep\0"),
		SLICE("sleep"),
		SLICE("sleep\0infinity\0"),
		SLICE("sleep\0-1\0"),
		SLICE("/bin/bash\0script.sh\0"),
		SLICE("/bin/sh\0/var/spool/slurmd/job00077/slurm_script\0"),
		SLICE("/x/slurm_script\0/bin/bash\0"),
		SLICE("/bin/bash"),
		SLICE("python\0train.py\0"),
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		assert_true(cmdline_is_of_slurm(own[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(cmdline_is_of_slurm(others[i]));
}

static void variables_are_found_by_the_beginning_of_an_entry(void **state)
{
	const char *names[] = { "FOO", "BAR=1" };
	const struct strings both = { names, 2 }, none = { names, 0 };
	const char *empty_name[] = { "" };
	const struct strings empty = { empty_name, 1 };

	assert_true(environ_begins_with(SLICE("HOME=/\0FOO=\0"), &both));
	assert_true(environ_begins_with(SLICE("FOOBAR=x\0"), &both));
	assert_true(environ_begins_with(SLICE("FOO"), &both));
	assert_true(environ_begins_with(SLICE("A=B\0BAR=12\0"), &both));
	assert_false(environ_begins_with(SLICE("XFOO=1\0A=FOO\0BAR=2\0FO"), &both));
	assert_false(environ_begins_with(SLICE("foo=1\0"), &both));
	assert_false(environ_begins_with(SLICE(""), &both));
	assert_false(environ_begins_with(SLICE("FOO=1\0"), &none));
	assert_true(environ_begins_with(SLICE("A=1\0"), &empty));
	assert_false(environ_begins_with(SLICE(""), &empty));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_command_line_of_nuls_is_empty),
		TEST(slurms_own_processes_are_known),
		TEST(variables_are_found_by_the_beginning_of_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
