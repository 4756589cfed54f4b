// SPDX-License-Identifier: Apache-2.0
#include "host/root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tree.h"

static struct host_root root;
static struct tree tree;
static struct err err;

static int teardown(void **state)
{
	host_root_close(&root);
	return 0;
}

static int setup_tree(void **state)
{
	char proc[128], sys[128], cgroup[128];

	tree_make(&tree);
	tree_put(&tree, "proc/stat", "1\n");
	tree_put(&tree, "sys/x", "1\n");
	tree_mkdirs(&tree, "cgroup/");
	snprintf(proc, sizeof(proc), "%s/proc", tree.path);
	snprintf(sys, sizeof(sys), "%s/sys", tree.path);
	snprintf(cgroup, sizeof(cgroup), "%s/cgroup", tree.path);
	assert_int_equal(host_root_open(&root, proc, sys, cgroup, NULL), 0);
	return 0;
}

static int teardown_tree(void **state)
{
	host_root_close(&root);
	tree_done(&tree);
	return 0;
}

static void rename_in_tree(const char *from, const char *to)
{
	assert_int_equal(renameat(tree.fd, from, tree.fd, to), 0);
}

static bool has(int fd, const char *path)
{
	return faccessat(fd, path, F_OK, 0) == 0;
}

static void what_is_there_is_open_and_clean(void **state)
{
	assert_int_equal(
		host_root_open(&root, "/proc/./", "/sys//", "/proc/self/../self", &err), 0);
	assert_string_equal(root.procfs, "/proc");
	assert_string_equal(root.sysfs, "/sys");
	assert_string_equal(root.cgroupfs, "/proc/self");
	for (int kind = 0; kind < N_HOST_ROOTS; kind++)
		assert_int_equal(host_root_error(&root, kind), 0);
	assert_string_equal(host_root_path(&root, HOST_SYSFS), "/sys");
	assert_true(has(root.procfs_fd, "stat"));
	assert_true(root.cgroupfs_fd >= 0);
	assert_int_equal(host_root_follow(&root), 0);
}

static void what_is_missing_is_empty_and_stays_so(void **state)
{
	assert_int_equal(
		host_root_open(&root, "/nonexistent", "/dev/null", "/nonexistent", &err), 0);
	assert_int_equal(host_root_error(&root, HOST_PROCFS), -ENOENT);
	assert_int_equal(host_root_error(&root, HOST_SYSFS), -ENOTDIR);
	assert_int_equal(host_root_error(&root, HOST_CGROUPFS), -ENOENT);
	assert_int_equal(host_root_follow(&root), 0);
	assert_int_equal(openat(root.procfs_fd, "stat", O_RDONLY | O_CLOEXEC), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(openat(root.sysfs_fd, "class", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), -1);
	assert_int_equal(errno, ENOENT);
}

static void one_that_is_made_anew_is_behind_the_same_descriptor(void **state)
{
	const int fd = root.sysfs_fd;
	const unsigned generation = host_root_generation(&root, HOST_SYSFS);

	rename_in_tree("sys", "old");
	tree_put(&tree, "sys/y", "2\n");
	assert_true(has(fd, "x")); /* until somebody looks */
	assert_int_equal(host_root_follow(&root), 1 << HOST_SYSFS);
	assert_int_equal(root.sysfs_fd, fd);
	assert_true(has(fd, "y") && !has(fd, "x"));
	assert_true(host_root_generation(&root, HOST_SYSFS) != generation);
	assert_int_equal(host_root_error(&root, HOST_SYSFS), 0);
	assert_int_equal(host_root_generation(&root, HOST_PROCFS), 0);
	assert_int_equal(host_root_follow(&root), 0); /* once */
}

static void one_that_is_gone_is_empty_until_it_is_back(void **state)
{
	unsigned generation;

	rename_in_tree("proc", "old");
	assert_int_equal(host_root_follow(&root), 1 << HOST_PROCFS);
	generation = host_root_generation(&root, HOST_PROCFS);
	assert_int_equal(host_root_error(&root, HOST_PROCFS), -ENOENT);
	assert_false(has(root.procfs_fd, "stat"));
	assert_int_equal(host_root_follow(&root), 0);
	tree_put(&tree, "proc", ""); /* no directory */
	assert_int_equal(host_root_follow(&root), 0);
	assert_int_equal(unlinkat(tree.fd, "proc", 0), 0);
	rename_in_tree("old", "proc");
	assert_int_equal(host_root_follow(&root), 1 << HOST_PROCFS);
	assert_int_equal(host_root_error(&root, HOST_PROCFS), 0);
	assert_true(host_root_generation(&root, HOST_PROCFS) != generation);
	assert_true(has(root.procfs_fd, "stat"));
}

static void one_that_comes_after_the_start_is_found(void **state)
{
	host_root_close(&root);
	assert_int_equal(
		host_root_open(&root, "/tmp/none-of-these", "/proc", "/tmp/none-of-these", NULL),
		0);
	free((char *)root.cgroupfs);
	root.cgroupfs = strdup(tree.path);
	assert_int_equal(host_root_follow(&root), 1 << HOST_CGROUPFS);
	assert_true(has(root.cgroupfs_fd, "sys/x"));
}

static void no_descriptor_is_left_over(void **state)
{
	const size_t before = tree_descriptors();

	for (int i = 0; i < 20; i++) {
		rename_in_tree("sys", "old");
		assert_int_equal(host_root_follow(&root), 1 << HOST_SYSFS);
		rename_in_tree("old", "sys");
		assert_int_equal(host_root_follow(&root), 1 << HOST_SYSFS);
	}
	assert_int_equal(tree_descriptors(), before);
	assert_true(fcntl(root.sysfs_fd, F_GETFD) & FD_CLOEXEC);
}

/* In a child, whose exit status tells: 0, 77 for what can't be tried here. */
static void in_child(int (*run)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int mount_over(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	(void)host_root_follow(&root); /* the mounts of another namespace are others */
	if (mount("tmpfs", root.sysfs, "tmpfs", 0, NULL) < 0)
		return 77;
	if (host_root_follow(&root) != 1 << HOST_SYSFS || has(root.sysfs_fd, "x"))
		return 1;
	/* The same file system mounted again is the same directory, but what is mounted in it need
	 * not be. */
	if (umount2(root.sysfs, MNT_DETACH) < 0 || host_root_follow(&root) != 1 << HOST_SYSFS ||
		!has(root.sysfs_fd, "x"))
		return 2;
	if (mount(root.sysfs, root.sysfs, NULL, MS_BIND, NULL) < 0 ||
		host_root_follow(&root) != 1 << HOST_SYSFS || !has(root.sysfs_fd, "x"))
		return 3;
	return host_root_follow(&root) == 0 ? 0 : 4;
}

static void mounts_over_it_are_noticed(void **state)
{
	in_child(mount_over);
}

static int lose_sight(void)
{
	if (geteuid() != 0)
		return 77;
	if (chmod(tree.path, 0700) < 0 || setresuid(65534, 65534, 65534) < 0)
		return 77;
	if (access(root.sysfs, F_OK) == 0)
		return 1;
	return host_root_follow(&root) == 0 && has(root.sysfs_fd, "x") ? 0 : 2;
}

static void what_may_not_be_looked_at_stays(void **state)
{
	in_child(lose_sight);
}

static void roots_of_a_test_stay(void **state)
{
	const struct host_root still = { .procfs_fd = 0, .sysfs_fd = 0, .cgroupfs_fd = -1 };

	assert_int_equal(host_root_follow(&still), 0);
	assert_int_equal(host_root_error(&still, HOST_PROCFS), 0);
	assert_int_equal(host_root_error(&still, HOST_CGROUPFS), -ENOENT);
	assert_int_equal(host_root_generation(&still, HOST_CGROUPFS), 0);
}

#define IN_TREE(name) cmocka_unit_test_setup_teardown(name, setup_tree, teardown_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_there_is_open_and_clean, teardown),
		cmocka_unit_test_teardown(what_is_missing_is_empty_and_stays_so, teardown),
		IN_TREE(one_that_is_made_anew_is_behind_the_same_descriptor),
		IN_TREE(one_that_is_gone_is_empty_until_it_is_back),
		IN_TREE(one_that_comes_after_the_start_is_found),
		IN_TREE(no_descriptor_is_left_over),
		IN_TREE(mounts_over_it_are_noticed),
		IN_TREE(what_may_not_be_looked_at_stays),
		TEST(roots_of_a_test_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
