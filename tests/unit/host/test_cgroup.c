// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include "tree.h"

static struct tree tree;
static struct cgroup_walk walk;
static struct cgroup_visitor visitor;
static struct buffer seen;
static int failures;

static int visit(void *ctx, const struct cgroup_dir *dir)
{
	const char *skip = ctx;

	assert_int_equal(dir->path_len, strlen(dir->path));
	assert_true(str_ends(dir->path, dir->name));
	assert_int_equal(faccessat(dir->parent_fd, dir->name, F_OK, 0), 0);
	assert_true(dir->inode != 0);
	buffer_printf(&seen, "%s\n", dir->path);
	if (skip && str_eq(dir->name, skip))
		return CGROUP_SKIP;
	return str_eq(dir->name, "stop") ? CGROUP_STOP : CGROUP_DESCEND;
}

static void failed(void *ctx, const char *path, int r)
{
	failures++;
}

static int setup(void **state)
{
	tree_make(&tree);
	cgroup_walk_init(&walk);
	visitor = (struct cgroup_visitor){ visit, failed, NULL };
	walk.fs = cgroup_fs_of(tree.fd);
	buffer_init(&seen, 0);
	failures = 0;
	return 0;
}

static int teardown(void **state)
{
	tree_done(&tree);
	cgroup_walk_done(&walk);
	buffer_done(&seen);
	return 0;
}

/* The lines in order, whatever order the file system has. */
static const char *sorted(void)
{
	static char text[4096];
	char *lines[64];
	size_t n = 0;

	for (char *p = strtok(seen.data, "\n"); p; p = strtok(NULL, "\n"))
		lines[n++] = p;
	text[0] = '\0';
	for (size_t done = 0; done < n; done++) {
		size_t first = SIZE_MAX;

		for (size_t i = 0; i < n; i++) {
			if (lines[i] && (first == SIZE_MAX || strcmp(lines[i], lines[first]) < 0))
				first = i;
		}
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", lines[first]);
		lines[first] = NULL;
	}
	return text;
}

static void a_walk_visits_every_directory_once_and_no_file_or_link(void **state)
{
	tree_mkdirs(&tree, "a/b/c/");
	tree_mkdirs(&tree, "a/d/");
	tree_mkdirs(&tree, "e/");
	tree_put(&tree, "a/file", "x");
	assert_int_equal(symlinkat("..", tree.fd, "a/link"), 0);
	assert_int_equal(cgroup_walk(&walk, tree.fd, "", &visitor), 0);
	assert_string_equal(sorted(), "a a/b a/b/c a/d e ");
	buffer_clear(&seen);
	assert_int_equal(cgroup_walk(&walk, tree.fd, "a", &visitor), 0);
	assert_string_equal(sorted(), "a/b a/b/c a/d ");
	assert_int_equal(failures, 0);
}

static void a_visit_can_skip_what_is_below_and_stop_the_walk(void **state)
{
	static char skipped[] = "b";

	tree_mkdirs(&tree, "a/b/c/");
	tree_mkdirs(&tree, "a/d/e/");
	visitor.ctx = skipped;
	assert_int_equal(cgroup_walk(&walk, tree.fd, "", &visitor), 0);
	assert_string_equal(sorted(), "a a/b a/d a/d/e ");
	buffer_clear(&seen);
	tree_mkdirs(&tree, "a/b/stop/x/");
	visitor.ctx = NULL;
	assert_int_equal(cgroup_walk(&walk, tree.fd, "a/b", &visitor), 1);
	assert_null(strstr(buffer_text(&seen), "/x"));
}

static void a_start_that_is_not_there_is_told(void **state)
{
	assert_int_equal(cgroup_walk(&walk, tree.fd, "nothing", &visitor), -ENOENT);
	tree_put(&tree, "file", "");
	assert_int_equal(cgroup_walk(&walk, tree.fd, "file", &visitor), -ENOTDIR);
	assert_int_equal(failures, 0);
}

static void trees_deeper_than_the_limit_are_cut_off_with_a_report(void **state)
{
	char path[8 * CGROUP_DEPTH_MAX] = "";

	for (int i = 0; i < CGROUP_DEPTH_MAX + 5; i++)
		strcat(path, "d/");
	tree_mkdirs(&tree, path);
	assert_int_equal(cgroup_walk(&walk, tree.fd, "", &visitor), 0);
	assert_int_equal(failures, 1);
	assert_false(cgroup_failure_passes(-ELOOP));
}

static void an_unreadable_directory_is_reported_and_left_out(void **state)
{
	tree_mkdirs(&tree, "shut/x/");
	tree_mkdirs(&tree, "open/y/");
	assert_int_equal(fchmod(tree.fd, 0755), 0);
	assert_int_equal(fchmodat(tree.fd, "shut", 0, 0), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(cgroup_walk(&walk, tree.fd, "", &visitor), 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(fchmodat(tree.fd, "shut", 0755, 0), 0);
	assert_string_equal(sorted(), "open open/y shut ");
	assert_int_equal(failures, 1);
}

/* Between the listing that named it and its own. */
static int remove_it(void *ctx, const struct cgroup_dir *dir)
{
	tree_remove(&tree, dir->path);
	return CGROUP_DESCEND;
}

static void vanishing_directories_are_no_failure(void **state)
{
	tree_mkdirs(&tree, "a/b/");
	tree_mkdirs(&tree, "c/d/");
	visitor.visit = remove_it;
	assert_int_equal(cgroup_walk(&walk, tree.fd, "", &visitor), 0);
	assert_int_equal(failures, 0);
}

static void names_of_any_bytes_come_through(void **state)
{
	static const char name[] = "\x01 \xff\\x2d\n\"";

	assert_int_equal(mkdirat(tree.fd, name, 0755), 0);
	assert_int_equal(cgroup_walk(&walk, tree.fd, "", &visitor), 0);
	assert_memory_equal(buffer_text(&seen), name, sizeof(name) - 1);
}

static int unescape(const char *name, char text[16])
{
	return cgroup_unescape(slice_from(name), text, 16);
}

static void escapes_of_systemd_are_undone(void **state)
{
	char text[16];

	assert_int_equal(unescape("a\\x2db\\x5C", text), 4);
	assert_string_equal(text, "a-b\\");
	assert_int_equal(unescape("", text), 0);
	assert_string_equal(text, "");
	assert_int_equal(unescape("123456789012345", text), 15);
	assert_int_equal(unescape("1234567890123456", text), -E2BIG);
	assert_int_equal(unescape("\\x2d\\x2d\\x2d\\x2d", text), 4);
}

static void other_backslashes_are_refused(void **state)
{
	static const char *const bad[] = { "\\", "a\\", "\\x", "\\x2", "\\x2g", "\\n", "\\\\x2d",
		"\\X2d", "\\x2f", "\\x00" };
	char text[16];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(unescape(bad[i], text), -EBADMSG);
}

static void the_version_is_that_of_the_mount(void **state)
{
	struct statfs fs;

	assert_int_equal(cgroup_detect("/proc"), CGROUP_V1);
	assert_int_equal(cgroup_detect("/nothing/here"), CGROUP_V1);
	assert_int_equal(cgroup_fs_of(-1), CGROUP_FS_OTHER);
	for (int i = 0; i < 2; i++) {
		const char *path = i ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";

		if (statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			assert_int_equal(cgroup_detect(path), CGROUP_V2);
	}
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TREE(a_walk_visits_every_directory_once_and_no_file_or_link),
		IN_TREE(a_visit_can_skip_what_is_below_and_stop_the_walk),
		IN_TREE(a_start_that_is_not_there_is_told),
		IN_TREE(trees_deeper_than_the_limit_are_cut_off_with_a_report),
		IN_TREE(an_unreadable_directory_is_reported_and_left_out),
		IN_TREE(vanishing_directories_are_no_failure),
		IN_TREE(names_of_any_bytes_come_through),
		TEST(escapes_of_systemd_are_undone),
		TEST(other_backslashes_are_refused),
		TEST(the_version_is_that_of_the_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
