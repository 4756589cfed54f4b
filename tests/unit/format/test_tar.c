// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <stdlib.h>

#include "format/tar.h"

static struct tar_entry entry;

static void what_is_written_is_read_again(void **state)
{
	CLEANUP(buffer_done) struct buffer out = { 0 };
	char deep[400], binary[1000];
	struct slice rest;

	memset(deep, 'd', sizeof(deep));
	deep[200] = '/';
	deep[399] = '\0';
	memset(binary, 0, sizeof(binary));
	assert_int_equal(tar_append(&out, TAR_DIR, "sys", NULL, SLICE("")), 0);
	assert_int_equal(tar_append(&out, TAR_SYMLINK, "sys/l", deep, SLICE("")), 0);
	assert_int_equal(tar_append(&out, TAR_FILE, deep, NULL, SLICE("one\n")), 0);
	assert_int_equal(tar_append(&out, TAR_FILE, "b", NULL, (struct slice){ binary, 1000 }), 0);
	tar_end(&out);
	rest = (struct slice){ out.data, out.len };
	assert_int_equal(tar_next(&rest, &entry), 1);
	assert_int_equal(entry.type, TAR_DIR);
	assert_string_equal(entry.name, "sys");
	assert_int_equal(tar_next(&rest, &entry), 1);
	assert_int_equal(entry.type, TAR_SYMLINK);
	assert_string_equal(entry.target, deep);
	assert_int_equal(tar_next(&rest, &entry), 1);
	assert_string_equal(entry.name, deep);
	assert_true(slice_eq(entry.data, "one\n"));
	assert_int_equal(tar_next(&rest, &entry), 1);
	assert_int_equal(entry.data.n, 1000);
	assert_int_equal(tar_next(&rest, &entry), 0);
}

static void an_archive_cut_off_anywhere_is_refused(void **state)
{
	CLEANUP(buffer_done) struct buffer out = { 0 };

	assert_int_equal(tar_append(&out, TAR_FILE, "b", NULL, SLICE("text")), 0);
	for (size_t n = 0; n <= out.len; n++) {
		char *copy = malloc(n + 1);
		struct slice rest = { copy, n };
		int r;

		memcpy(copy, out.data, n);
		r = tar_next(&rest, &entry);
		assert_int_equal(r, n == out.len ? 1 : -EBADMSG);
		if (r == 1)
			assert_int_equal(tar_next(&rest, &entry), -EBADMSG);
		free(copy);
	}
}

static void a_changed_header_is_refused(void **state)
{
	CLEANUP(buffer_done) struct buffer out = { 0 };
	struct slice rest;

	assert_int_equal(tar_append(&out, TAR_FILE, "b", NULL, SLICE("text")), 0);
	out.data[3] ^= 1;
	rest = (struct slice){ out.data, out.len };
	assert_int_equal(tar_next(&rest, &entry), -EBADMSG);
}

static void names_and_links_that_leave_the_tree_are_told(void **state)
{
	assert_true(tar_name_is_safe("proc/1/stat"));
	assert_true(tar_name_is_safe("a/..b/.c"));
	assert_false(tar_name_is_safe(""));
	assert_false(tar_name_is_safe("/etc/passwd"));
	assert_false(tar_name_is_safe("a/../../b"));
	assert_false(tar_name_is_safe("a//b"));
	assert_false(tar_name_is_safe("./a"));
	assert_true(tar_link_is_safe("sys/class/hwmon/hwmon0", "../../devices/x/hwmon0"));
	assert_true(tar_link_is_safe("sys/a", "b"));
	assert_false(tar_link_is_safe("sys/a", "../proc"));
	assert_false(tar_link_is_safe("sys/a/b", "../../../etc"));
	assert_false(tar_link_is_safe("sys/a/b", "c/../../../../sys/x"));
	assert_false(tar_link_is_safe("sys/a", "/etc/passwd"));
	assert_false(tar_link_is_safe("a", "b/../../c"));
	/* What stands in front of ".." may be a link. */
	assert_false(tar_link_is_safe("sys/a", "b/c/d/../../e"));
	assert_false(tar_link_is_safe("sys/a/b", "../c/.."));
	assert_true(tar_link_is_safe("sys/a/b", "./.././c/d"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read_again),
		TEST(an_archive_cut_off_anywhere_is_refused),
		TEST(a_changed_header_is_refused),
		TEST(names_and_links_that_leave_the_tree_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
