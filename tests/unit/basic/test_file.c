// SPDX-License-Identifier: Apache-2.0
#include "basic/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "unit_test.h"

static char dir[PATH_MAX];
static char path[PATH_MAX + 64];
static int dirfd_ = -1;
static struct buffer buf;
static struct err err;

static int set_up(void **state)
{
	snprintf(dir, sizeof(dir), "%s/ceems-file.XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	dirfd_ = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/file", dir);
	buffer_init(&buf, 0);
	err.text[0] = '\0';
	return dirfd_ < 0;
}

static int tear_down(void **state)
{
	CLEANUP(buffer_done) struct buffer command;

	buffer_done(&buf);
	file_closep(&dirfd_);
	buffer_init(&command, 0);
	buffer_printf(&command, "rm -rf '%s'", dir);
	return system(buffer_text(&command));
}

static void write_bytes(size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		fputc('a' + (int)(i % 26), f);
	assert_int_equal(fclose(f), 0);
}

static void whole_files_are_appended(void **state)
{
	buffer_puts(&buf, "before:");
	write_bytes(100000);
	assert_int_equal(file_read(dirfd_, "file", 100000, &buf), 0);
	assert_int_equal(buf.len, 100007);
	assert_memory_equal(buf.data, "before:abc", 10);
	assert_int_equal(buf.data[buf.len], 0);
}

static void links_are_not_followed_where_they_must_not_be(void **state)
{
	write_bytes(10);
	assert_int_equal(mkdirat(dirfd_, "real", 0755), 0);
	assert_int_equal(symlinkat("../file", dirfd_, "real/link"), 0);
	assert_int_equal(symlinkat("real", dirfd_, "folder"), 0);
	assert_int_equal(linkat(dirfd_, "file", dirfd_, "real/file", 0), 0);
	assert_int_equal(file_read(dirfd_, "folder/link", 10, &buf), 0);
	assert_int_equal(buf.len, 10);
	assert_int_equal(file_read_nofollow(dirfd_, "file", 10, &buf), 0);
	assert_int_equal(file_read_nofollow(dirfd_, "real/file", 10, &buf), 0);
	assert_int_equal(buf.len, 30);
	assert_int_equal(file_read_nofollow(dirfd_, "real/file", 9, &buf), -E2BIG);
	assert_int_equal(file_read_nofollow(dirfd_, "real/link", 10, &buf), -ELOOP);
	assert_int_equal(file_read_nofollow(dirfd_, "folder/file", 10, &buf), -ENOTDIR);
	assert_int_equal(file_read_nofollow(dirfd_, "real/../file", 10, &buf), -EPERM);
	assert_int_equal(file_read_nofollow(dirfd_, path, 10, &buf), -EPERM);
	assert_int_equal(file_read_nofollow(dirfd_, "real/none", 10, &buf), -ENOENT);
	assert_int_equal(file_read_nofollow(dirfd_, "", 10, &buf), -EPERM);
	assert_int_equal(buf.len, 30);
}

static void files_over_the_limit_leave_the_buffer_as_it_was(void **state)
{
	buffer_puts(&buf, "before");
	write_bytes(100001);
	assert_int_equal(file_read(dirfd_, "file", 100000, &buf), -E2BIG);
	assert_string_equal(buffer_text(&buf), "before");
	assert_int_equal(file_read(AT_FDCWD, "/dev/zero", 1 << 20, &buf), -E2BIG);
	assert_string_equal(buffer_text(&buf), "before");
}

static void empty_missing_unreadable_and_sizeless_files_are_told_apart(void **state)
{
	write_bytes(0);
	assert_int_equal(file_read(dirfd_, "file", 10, &buf), 0);
	assert_int_equal(buf.len, 0);
	assert_int_equal(file_read(dirfd_, "missing", 10, &buf), -ENOENT);
	assert_int_equal(file_read(AT_FDCWD, dir, 10, &buf), -EISDIR);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/stat", 4096, &buf), 0);
	assert_true(buf.len > 10);
	if (geteuid() != 0) {
		chmod(path, 0);
		assert_int_equal(file_read(dirfd_, "file", 10, &buf), -EACCES);
	}
}

static void a_pipe_in_a_tree_is_not_waited_for(void **state)
{
	char text[8];

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(dirfd_, "file", 100, &buf), 0);
	assert_int_equal(buf.len, 0);
	assert_true(file_read_small(dirfd_, "file", text, sizeof(text)) < 0);
}

static void small_files_fit_or_are_refused(void **state)
{
	char text[11];

	write_bytes(10);
	assert_int_equal(file_read_small(dirfd_, "file", text, sizeof(text)), 10);
	assert_string_equal(text, "abcdefghij");
	assert_int_equal(file_read_small(dirfd_, "file", text, 10), -E2BIG);
	assert_int_equal(file_read_small(dirfd_, "missing", text, sizeof(text)), -ENOENT);
	write_bytes(0);
	assert_int_equal(file_read_small(dirfd_, "file", text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

static void open_files_are_read_again_from_the_start(void **state)
{
	CLEANUP(file_closep) int fd = -1;
	char text[32];

	write_bytes(3);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_reread(fd, text, sizeof(text)), 3);
	write_bytes(5);
	assert_int_equal(file_reread(fd, text, sizeof(text)), 5);
	assert_string_equal(text, "abcde");
	assert_int_equal(file_reread(-1, text, sizeof(text)), -EBADF);
}

static void replaced_files_have_the_new_contents_and_mode(void **state)
{
	struct stat st;

	assert_int_equal(file_replace(path, 0600, "one", 3, &err), 0);
	assert_int_equal(file_replace(path, 0644, "second", 6, &err), 0);
	assert_int_equal(file_read(dirfd_, "file", 100, &buf), 0);
	assert_string_equal(buffer_text(&buf), "second");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(file_replace("/nonexistent/x", 0600, "x", 1, &err), -ENOENT);
	assert_string_equal(err.text, "writing '/nonexistent/x': No such file or directory");
}

static size_t count_entries(void)
{
	CLEANUP(buffer_done) struct buffer command;
	char line[32] = "";
	FILE *p;

	buffer_init(&command, 0);
	buffer_printf(&command, "ls -A '%s' | wc -l", dir);
	p = popen(buffer_text(&command), "r");
	assert_non_null(fgets(line, sizeof(line), p));
	pclose(p);
	return strtoul(line, NULL, 10);
}

/* A limit on file sizes fails write(2) in the middle, as a full disk does. */
static void full_disk_leaves_the_old_contents(void **state)
{
	struct rlimit old, limit;
	char data[8192];

	memset(data, 'n', sizeof(data));
	assert_int_equal(file_replace(path, 0600, "old", 3, &err), 0);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = (struct rlimit){ 4096, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(file_replace(path, 0600, data, sizeof(data), &err), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_non_null(strstr(err.text, "File too large"));
	assert_int_equal(file_read(dirfd_, "file", 100, &buf), 0);
	assert_string_equal(buffer_text(&buf), "old");
	assert_int_equal(count_entries(), 1);
}

static void directories_are_made_with_their_parents(void **state)
{
	char deep[PATH_MAX + 128], longer[PATH_MAX + 10];
	struct stat st;

	snprintf(deep, sizeof(deep), "%s/a//b/c/", dir);
	assert_int_equal(file_mkdirs(deep, 0750, &err), 0);
	assert_int_equal(file_mkdirs(deep, 0750, &err), 0);
	assert_int_equal(stat(deep, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	write_bytes(1);
	assert_int_equal(file_mkdirs(path, 0750, &err), -ENOTDIR);
	snprintf(deep, sizeof(deep), "%s/below", path);
	assert_int_equal(file_mkdirs(deep, 0750, &err), -ENOTDIR);
	assert_non_null(strstr(err.text, "making directory"));
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(file_mkdirs(longer, 0750, &err), -ENAMETOOLONG);
	assert_int_equal(file_mkdirs("", 0750, &err), -EINVAL);
	assert_int_equal(file_mkdirs("/", 0750, &err), 0);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(whole_files_are_appended),
		FILE_TEST(links_are_not_followed_where_they_must_not_be),
		FILE_TEST(files_over_the_limit_leave_the_buffer_as_it_was),
		FILE_TEST(empty_missing_unreadable_and_sizeless_files_are_told_apart),
		FILE_TEST(a_pipe_in_a_tree_is_not_waited_for),
		FILE_TEST(small_files_fit_or_are_refused),
		FILE_TEST(open_files_are_read_again_from_the_start),
		FILE_TEST(replaced_files_have_the_new_contents_and_mode),
		FILE_TEST(full_disk_leaves_the_old_contents),
		FILE_TEST(directories_are_made_with_their_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
