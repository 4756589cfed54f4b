// SPDX-License-Identifier: Apache-2.0
#include "host/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/file.h"
#include "unit_test.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct buffer out;
static struct err err;

static int run(struct command c)
{
	if (!c.timeout_ms)
		c.timeout_ms = 20000;
	if (!c.max_output_bytes)
		c.max_output_bytes = 1 << 20;
	buffer_clear(&out);
	err = (struct err){ 0 };
	return command_run(&c, &out, &err);
}

static int sh(const char *script)
{
	return run((struct command){ .argv = ARGV("sh", "-c", script) });
}

static void output_of_a_good_end_comes_back(void **state)
{
	assert_int_equal(sh("echo one; echo two; echo noise >&2"), 0);
	assert_string_equal(buffer_text(&out), "one\ntwo\n");
	assert_int_equal(run((struct command){ .argv = ARGV("sh", "-c", "echo a; echo b >&2"),
				 .merge_stderr = true }),
		0);
	assert_string_equal(buffer_text(&out), "a\nb\n");
}

static int take_piece(void *ctx, struct slice piece)
{
	size_t *total = ctx;

	*total += piece.n;
	return *total > 4 << 20 ? -E2BIG : 0;
}

static void output_can_be_taken_piece_by_piece(void **state)
{
	size_t total = 0;

	assert_int_equal(
		run((struct command){ .argv = ARGV("sh", "-c", "head -c 3000000 /dev/zero"),
			.output = take_piece,
			.output_ctx = &total }),
		0);
	assert_int_equal(total, 3000000);
	assert_int_equal(out.len, 0);
	assert_int_equal(run((struct command){ .argv = ARGV("cat", "/dev/zero"),
				 .output = take_piece,
				 .output_ctx = &total }),
		-ECANCELED);
}

static void a_bad_end_tells_status_and_first_line(void **state)
{
	assert_int_equal(sh("echo 'no such job' >&2; echo more >&2; exit 3"), -EIO);
	assert_string_equal(err.text, "'sh' ended with status 3: no such job");
	assert_int_equal(sh("exit 4"), -EIO);
	assert_string_equal(err.text, "'sh' ended with status 4");
	assert_int_equal(sh("kill -9 $$"), -EIO);
	assert_string_equal(err.text, "'sh' was ended by signal 9");
}

static void programs_that_cannot_run_are_named(void **state)
{
	assert_int_equal(run((struct command){ .argv = ARGV("ceems-no-such-program") }), -ENOENT);
	assert_non_null(strstr(err.text, "ceems-no-such-program"));
	assert_int_equal(run((struct command){ .argv = ARGV("/nonexistent/x") }), -ENOENT);
	assert_int_equal(run((struct command){ .argv = ARGV("/etc/passwd") }), -EACCES);
}

/* Zombies are not: whoever inherited them may never reap them. */
static bool is_running(int pid)
{
	char path[64], stat[1024];
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read_small(AT_FDCWD, path, stat, sizeof(stat)) < 0)
		return false;
	state = strrchr(stat, ')');
	return state && state[1] && state[2] != 'Z' && state[2] != 'X';
}

static void a_hanging_command_and_its_children_are_killed_in_time(void **state)
{
	int64_t start = clock_monotonic_ns(clock_system());

	assert_int_equal(run((struct command){ .argv = ARGV("sh", "-c", "sleep 30 & echo $!; wait"),
				 .timeout_ms = 300 }),
		-ETIMEDOUT);
	assert_true(clock_monotonic_ns(clock_system()) - start < 10 * INT64_C(1000000000));
	assert_true(atoi(buffer_text(&out)) > 1);
	for (int i = 0; i < 500 && is_running(atoi(buffer_text(&out))); i++)
		usleep(10000);
	assert_false(is_running(atoi(buffer_text(&out))));
}

static void endless_output_is_cut(void **state)
{
	assert_int_equal(
		run((struct command){
			.argv = ARGV("sh", "-c", "while :; do echo yyyyyyyyyyyyyyyyyyyyyy; done"),
			.max_output_bytes = 4096 }),
		-E2BIG);
	assert_int_equal(sh("while :; do echo e >&2; done & sleep 0.2; kill $!"), 0);
}

static void giving_up_ends_it(void **state)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(run((struct command){ .argv = ARGV("sleep", "30"), .cancel_fd = fds[0] }),
		-ECANCELED);
	close(fds[0]);
	close(fds[1]);
}

static void environment_and_descriptors_are_what_was_asked_for(void **state)
{
	static const char *const env[] = { "CEEMS_TEST_A=new", "CEEMS_TEST_B=b", NULL };
	int fd = dup(1); /* not close-on-exec */

	setenv("CEEMS_TEST_A", "old", 1);
	setenv("CEEMS_TEST_C", "kept", 1);
	assert_int_equal(
		run((struct command){ .argv = ARGV("sh", "-c",
					      "echo $CEEMS_TEST_A $CEEMS_TEST_B $CEEMS_TEST_C; "
					      "cat; ls /proc/self/fd | wc -l"),
			.env = env }),
		0);
	/* ls has 0, 1, 2 and the directory */
	assert_string_equal(buffer_text(&out), "new b kept\n4\n");
	close(fd);
}

static void a_new_session_has_no_terminal(void **state)
{
	assert_int_equal(run((struct command){ .argv = ARGV("sh", "-c",
						       "test $(cut -d' ' -f6 /proc/$$/stat) = $$"),
				 .new_session = true }),
		0);
}

/* As the programs are after the change of user: nobody, with just these two capabilities. */
static bool become_nobody(void)
{
	const cap_value_t kept[] = { CAP_SETUID, CAP_SETGID };
	cap_t caps = cap_init();

	return caps && prctl(PR_SET_KEEPCAPS, 1) == 0 && setresuid(65534, 65534, 65534) == 0 &&
		cap_set_flag(caps, CAP_PERMITTED, 2, kept, CAP_SET) == 0 &&
		cap_set_flag(caps, CAP_EFFECTIVE, 2, kept, CAP_SET) == 0 &&
		cap_set_proc(caps) == 0 && cap_free(caps) == 0;
}

static void nobody_can_end_what_it_ran_as_root(void **state)
{
	int status = 0;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int64_t start = clock_monotonic_ns(clock_system());
		int r;

		if (!become_nobody())
			_exit(3);
		r = run((struct command){ .argv = ARGV("sh", "-c", "id -u; sleep 30 & wait"),
			.as_root = true,
			.timeout_ms = 500 });
		if (r != -ETIMEDOUT || strcmp(buffer_text(&out), "0\n") != 0)
			_exit(2);
		_exit(clock_monotonic_ns(clock_system()) - start > 20 * INT64_C(1000000000));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int teardown(void **state)
{
	buffer_done(&out);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(output_of_a_good_end_comes_back),
		TEST(output_can_be_taken_piece_by_piece),
		TEST(a_bad_end_tells_status_and_first_line),
		TEST(programs_that_cannot_run_are_named),
		TEST(a_hanging_command_and_its_children_are_killed_in_time),
		TEST(endless_output_is_cut),
		TEST(giving_up_ends_it),
		TEST(environment_and_descriptors_are_what_was_asked_for),
		TEST(a_new_session_has_no_terminal),
		TEST(nobody_can_end_what_it_ran_as_root),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
