// SPDX-License-Identifier: Apache-2.0
#include "host/sysfs.h"

#include "tree.h"

static int setup(void **state)
{
	static struct tree tree;

	tree_make(&tree);
	*state = &tree;
	return 0;
}

static int teardown(void **state)
{
	tree_done(*state);
	return 0;
}

static void an_attribute_is_read_without_its_blanks(void **state)
{
	struct tree *tree = *state;
	char text[SYSFS_TEXT_MAX];
	struct slice value;

	tree_put(tree, "a", " 4: ACTIVE\n");
	assert_int_equal(sysfs_read(tree->fd, "a", text, &value), 0);
	assert_true(slice_eq(value, "4: ACTIVE"));
	tree_put(tree, "a", "");
	assert_int_equal(sysfs_read(tree->fd, "a", text, &value), 0);
	assert_int_equal(value.n, 0);
}

static void what_is_no_attribute_fails_and_never_waits(void **state)
{
	struct tree *tree = *state;
	uint64_t number = 7;

	tree_mkdirs(tree, "dir/");
	assert_int_equal(mkfifoat(tree->fd, "fifo", 0600), 0);
	assert_int_equal(sysfs_read_u64(tree->fd, "none", &number), -ENOENT);
	assert_int_equal(sysfs_read_u64(tree->fd, "dir", &number), -EISDIR);
	assert_true(sysfs_read_u64(tree->fd, "fifo", &number) < 0);
	tree_put(tree, "text", "N/A (no PMA)\n");
	assert_int_equal(sysfs_read_u64(tree->fd, "text", &number), -EBADMSG);
	tree_put(tree, "text", "18446744073709551616\n");
	assert_int_equal(sysfs_read_u64(tree->fd, "text", &number), -EBADMSG);
	assert_int_equal(number, 7);
	tree_put(tree, "text", "18446744073709551615");
	assert_int_equal(sysfs_read_u64(tree->fd, "text", &number), 0);
	assert_true(number == UINT64_MAX);
}

static void only_the_front_of_a_long_text_is_looked_at(void **state)
{
	struct tree *tree = *state;
	char text[SYSFS_TEXT_MAX], content[4 * SYSFS_TEXT_MAX];
	struct slice value;

	memset(content, '1', sizeof(content));
	tree_put_bytes(tree, "long", content, sizeof(content));
	assert_int_equal(sysfs_read(tree->fd, "long", text, &value), 0);
	assert_int_equal(value.n, SYSFS_TEXT_MAX);
}

static void a_kept_descriptor_follows_a_file_that_goes_and_returns(void **state)
{
	struct tree *tree = *state;
	char text[SYSFS_TEXT_MAX];
	struct slice value;
	int fd = -1, kept;

	assert_int_equal(sysfs_read_kept(tree->fd, "k", &fd, text, &value), -ENOENT);
	assert_int_equal(fd, -1);
	tree_put(tree, "k", "1\n");
	assert_int_equal(sysfs_read_kept(tree->fd, "k", &fd, text, &value), 0);
	kept = fd;
	tree_put(tree, "k", "2\n");
	assert_int_equal(sysfs_read_kept(tree->fd, "k", &fd, text, &value), 0);
	assert_true(slice_eq(value, "2"));
	assert_int_equal(fd, kept);
	tree_put(tree, "new", "3\n");
	assert_int_equal(renameat(tree->fd, "new", tree->fd, "k"), 0);
	assert_int_equal(sysfs_read_kept(tree->fd, "k", &fd, text, &value), 0);
	assert_true(slice_eq(value, "3"));
	tree_remove(tree, "k");
	assert_int_equal(sysfs_read_kept(tree->fd, "k", &fd, text, &value), -ENOENT);
	assert_int_equal(fd, -1);
	tree_mkdirs(tree, "k/");
	assert_int_equal(sysfs_read_kept(tree->fd, "k", &fd, text, &value), -EISDIR);
	assert_int_equal(fd, -1);
}

static void names_are_sorted_and_bounded(void **state)
{
	struct tree *tree = *state;
	struct sysfs_names names;
	struct arena arena;
	char path[64];

	arena_init(&arena, 4 << 20);
	assert_int_equal(sysfs_list(tree->fd, "d", &arena, &names), -ENOENT);
	tree_mkdirs(tree, "d/");
	assert_int_equal(sysfs_list(tree->fd, "d", &arena, &names), 0);
	assert_int_equal(names.n, 0);
	for (int i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		tree_put(tree, path, "");
	}
	tree_put(tree, "d/.hidden", "");
	assert_int_equal(sysfs_list(tree->fd, "d", &arena, &names), 0);
	assert_int_equal(names.n, 200);
	assert_string_equal(names.v[2], "10");
	assert_string_equal(names.v[199], "99");
	assert_int_equal(sysfs_list(tree->fd, "d/0", &arena, &names), -ENOTDIR);
	for (int i = 0; i <= SYSFS_ENTRIES_MAX; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		tree_put(tree, path, "");
	}
	assert_int_equal(sysfs_list(tree->fd, "d", &arena, &names), -E2BIG);
	arena_done(&arena);
	arena_init(&arena, 1024);
	assert_int_equal(sysfs_list(tree->fd, "d", &arena, &names), -ENOMEM);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_attribute_is_read_without_its_blanks),
		TEST(what_is_no_attribute_fails_and_never_waits),
		TEST(only_the_front_of_a_long_text_is_looked_at),
		TEST(a_kept_descriptor_follows_a_file_that_goes_and_returns),
		TEST(names_are_sorted_and_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
