// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include "unit_test.h"

static int parse(struct daemon_flags *flags, struct options *parsed, int argc, char **argv)
{
	struct option_group group = daemon_flag_group(flags);
	const struct program_def program = { .name = "d", .groups = &group, .n_groups = 1 };

	return options_parse(&program, argc, argv, parsed, stdout, stderr);
}

static void the_flags_are_filled(void **state)
{
	char *argv[] = { (char *)"d", (char *)"--log.level=WARN", (char *)"--log.format=json",
		(char *)"--security.run-as-user=ceems", (char *)"--no-security.drop-privileges",
		NULL };
	struct daemon_flags flags;
	struct options parsed;
	struct log log;

	assert_int_equal(parse(&flags, &parsed, 5, argv), OPTIONS_RUN);
	log = daemon_log(&flags);
	assert_int_equal(log.level, LOG_LEVEL_WARN);
	assert_int_equal(log.format, LOG_FORMAT_JSON);
	assert_string_equal(flags.run_as_user, "ceems");
	assert_false(flags.drop_privileges);
	options_done(&parsed);

	assert_int_equal(parse(&flags, &parsed, 1, argv), OPTIONS_RUN);
	assert_int_equal(daemon_log(&flags).level, LOG_LEVEL_INFO);
	assert_true(flags.drop_privileges);
	options_done(&parsed);
}

static void privileges_stay_if_the_flags_say_so(void **state)
{
	const struct daemon_flags flags = { .run_as_user = "no such user" };
	struct privilege_plan plan = { 0 };
	struct privilege *privilege = NULL;
	struct err err = { 0 };

	assert_int_equal(daemon_drop_privileges(&flags, &plan, NULL, &privilege, &err), 0);
	assert_null(privilege);
}

static bool is_blocked(int sig)
{
	sigset_t mask;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	return sigismember(&mask, sig);
}

static bool is_ignored(int sig)
{
	struct sigaction action;

	sigaction(sig, NULL, &action);
	return action.sa_handler == SIG_IGN;
}

static void signals_are_taken(void **state)
{
	sigset_t signals;

	daemon_take_signals(&signals, false);
	assert_true(is_blocked(SIGTERM) && is_blocked(SIGINT));
	assert_false(is_blocked(SIGHUP));
	assert_true(is_ignored(SIGHUP) && is_ignored(SIGPIPE));
	assert_false(sigismember(&signals, SIGHUP));
	daemon_take_signals(&signals, true);
	assert_true(is_blocked(SIGHUP));
	assert_true(sigismember(&signals, SIGHUP));
}

static void the_soft_limit_rises_to_the_hard_one_at_most(void **state)
{
	struct rlimit before, low;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = MIN(before.rlim_max, (rlim_t)64);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(daemon_allow_descriptors(32), low.rlim_cur);
	assert_int_equal(daemon_allow_descriptors(80), MIN(before.rlim_max, (rlim_t)80));
	assert_true(daemon_allow_descriptors(RLIM_INFINITY) <= before.rlim_max);
	setrlimit(RLIMIT_NOFILE, &before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_flags_are_filled),
		cmocka_unit_test(privileges_stay_if_the_flags_say_so),
		cmocka_unit_test(signals_are_taken),
		cmocka_unit_test(the_soft_limit_rises_to_the_hard_one_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
