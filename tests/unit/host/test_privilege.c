// SPDX-License-Identifier: Apache-2.0
/* Each case drops privileges in a child of its own. */
#include "host/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit_test.h"

static void in_child(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0); /* else the line of the check that failed */
}

#define CHECK(condition)                       \
	do {                                   \
		if (!(condition))              \
			return __LINE__ % 256; \
	} while (0)

static int drop(struct privilege_plan plan, struct privilege **ret_privilege, struct err *err)
{
	struct strings warnings;

	return privilege_drop(&plan, ret_privilege, &warnings, err);
}

static bool may_read(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int root_to_nobody(void)
{
	struct privilege *p = NULL;
	struct err err;
	capability_set raised;

	CHECK(drop((struct privilege_plan){ .needed = CAPABILITY(CAP_DAC_READ_SEARCH) }, &p,
		      &err) == 0);
	CHECK(getuid() == 65534 && geteuid() == 65534 && getgid() == 65534);
	CHECK(getgroups(0, NULL) <= 1);
	CHECK(setuid(0) < 0);
	CHECK(!may_read("/etc/shadow"));
	raised = privilege_raise(CAPABILITY(CAP_DAC_READ_SEARCH) | CAPABILITY(CAP_SYS_ADMIN));
	CHECK(raised == CAPABILITY(CAP_DAC_READ_SEARCH));
	CHECK(may_read("/etc/shadow"));
	privilege_lower(raised);
	CHECK(!may_read("/etc/shadow"));
	privilege_free(p);
	return 0;
}

static int root_keeps_effective(void)
{
	struct privilege *p = NULL;
	struct err err;

	CHECK(drop((struct privilege_plan){ .needed = CAPABILITY(CAP_DAC_READ_SEARCH),
			   .keep_effective = true,
			   .run_as_user = "65534" },
		      &p, &err) == 0);
	CHECK(getuid() == 65534);
	CHECK(may_read("/etc/shadow"));
	CHECK(privilege_raise(CAPABILITY(CAP_DAC_READ_SEARCH)) == 0);
	CHECK(may_read("/etc/shadow"));
	privilege_free(p);
	return 0;
}

static int unknown_user(void)
{
	struct privilege *p = NULL;
	struct err err;

	CHECK(drop((struct privilege_plan){ .run_as_user = "no-such-user" }, &p, &err) == -ENOENT);
	CHECK(strstr(err.text, "no-such-user"));
	CHECK(p == NULL);
	return 0;
}

static int missing_path(void)
{
	static const char *paths[] = { "/nonexistent/web.yml" };
	struct privilege *p = NULL;
	struct err err;

	CHECK(drop((struct privilege_plan){ .read_paths = { paths, 1 } }, &p, &err) == -ENOENT);
	CHECK(strstr(err.text, paths[0]));
	return 0;
}

static char secret[] = "/var/tmp/ceems-privilege.XXXXXX/web.yml";

static int path_gets_access(void)
{
	static const char *paths[] = { secret };
	struct privilege *p = NULL;
	struct err err;
	int r = drop((struct privilege_plan){ .read_paths = { paths, 1 } }, &p, &err);

	if (r == -ENOTSUP)
		return 0;
	CHECK(r == 0);
	CHECK(may_read(secret));
	privilege_free(p);
	CHECK(!may_read(secret));
	return 0;
}

static int path_cannot_be_reached(void)
{
	static const char *paths[] = { secret };
	struct privilege *p = NULL;
	struct err err;
	int r = drop((struct privilege_plan){ .read_paths = { paths, 1 } }, &p, &err);

	if (r == -ENOTSUP)
		return 0;
	CHECK(r == -EACCES);
	CHECK(strstr(err.text, secret));
	return 0;
}

static int plain_user(void)
{
	struct privilege *p = NULL;
	struct err err;

	CHECK(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
	CHECK(drop((struct privilege_plan){ .needed = CAPABILITY(CAP_DAC_READ_SEARCH) }, &p,
		      &err) == 0);
	CHECK(getuid() == 65534);
	CHECK(privilege_raise(CAPABILITY(CAP_DAC_READ_SEARCH)) == 0);
	privilege_free(p);
	return 0;
}

static int root_without_the_capability(void)
{
	struct privilege_plan plan = { .needed = CAPABILITY(CAP_SYS_PTRACE) };
	struct strings warnings = { 0 };
	struct privilege *p = NULL;
	cap_value_t cap = CAP_SYS_PTRACE;
	cap_t caps = cap_get_proc();
	struct err err;

	CHECK(cap_set_flag(caps, CAP_PERMITTED, 1, &cap, CAP_CLEAR) == 0);
	CHECK(cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_CLEAR) == 0);
	CHECK(cap_set_proc(caps) == 0);
	cap_free(caps);
	CHECK(privilege_drop(&plan, &p, &warnings, &err) == 0);
	CHECK(warnings.n == 1 && strstr(warnings.v[0], "cap_sys_ptrace"));
	privilege_free(p);
	return 0;
}

#define AS_ROOT()               \
	do {                    \
		if (geteuid())  \
			skip(); \
	} while (0)

static void root_becomes_nobody_and_raises_for_one_step(void **state)
{
	AS_ROOT();
	in_child(root_to_nobody);
}

static void capabilities_stay_effective_when_asked(void **state)
{
	AS_ROOT();
	in_child(root_keeps_effective);
}

static void an_unknown_user_is_an_error(void **state)
{
	in_child(unknown_user);
}

static void a_missing_path_is_an_error(void **state)
{
	in_child(missing_path);
}

static void in_folder(mode_t mode, int (*body)(void))
{
	char *slash = strrchr(secret, '/');
	struct stat st;
	int fd;

	*slash = '\0';
	strcpy(slash - 6, "XXXXXX");
	assert_non_null(mkdtemp(secret));
	chmod(secret, mode);
	*slash = '/';
	fd = open(secret, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	in_child(body);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* no entry, and no mask, is left */
	close(fd);
	unlink(secret);
	*slash = '\0';
	rmdir(secret);
	*slash = '/';
}

static void a_private_file_gets_an_entry_for_the_run(void **state)
{
	AS_ROOT();
	in_folder(0755, path_gets_access);
}

static void a_file_in_a_closed_folder_is_refused_without_a_trace(void **state)
{
	AS_ROOT();
	in_folder(0700, path_cannot_be_reached);
}

static void a_plain_user_stays_as_it_is(void **state)
{
	AS_ROOT();
	in_child(plain_user);
}

static void a_capability_that_is_not_held_is_a_warning(void **state)
{
	AS_ROOT();
	in_child(root_without_the_capability);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(root_becomes_nobody_and_raises_for_one_step),
		TEST(capabilities_stay_effective_when_asked),
		TEST(an_unknown_user_is_an_error),
		TEST(a_missing_path_is_an_error),
		TEST(a_private_file_gets_an_entry_for_the_run),
		TEST(a_file_in_a_closed_folder_is_refused_without_a_trace),
		TEST(a_plain_user_stays_as_it_is),
		TEST(a_capability_that_is_not_held_is_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
