// SPDX-License-Identifier: Apache-2.0
/*
 * Scratch trees of small files in the shape of /proc, /sys or a control group mount. A whole tree
 * comes from a text in tests/fixtures/, one line each: PATH, a tab and the contents; a PATH that
 * ends in '/' is a directory; '#' begins a comment. \n, \t, \\ and \xHH stand for bytes in both.
 */
#ifndef CEEMS_TESTS_TREE_H
#define CEEMS_TESTS_TREE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/buffer.h"
#include "basic/file.h"
#include "basic/str.h"
#include "unit_test.h"

struct tree {
	char path[64];
	int fd;
};

static inline void tree_make(struct tree *tree)
{
	strcpy(tree->path, "/tmp/ceems-tree.XXXXXX");
	assert_non_null(mkdtemp(tree->path));
	tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(tree->fd >= 0);
}

static inline void tree_mkdirs(const struct tree *tree, const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = strchr(copy, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		assert_true(mkdirat(tree->fd, copy, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
}

/* Writes in place, as an editor that keeps the inode. */
static inline void tree_put_bytes(
	const struct tree *tree, const char *path, const void *data, size_t len)
{
	int fd;

	tree_mkdirs(tree, path);
	fd = openat(tree->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static inline void tree_put(const struct tree *tree, const char *path, const char *text)
{
	tree_put_bytes(tree, path, text, strlen(text));
}

static inline int tree_remove_one(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline void tree_remove(const struct tree *tree, const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", tree->path, path);
	assert_int_equal(nftw(full, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void tree_done(struct tree *tree)
{
	close(tree->fd);
	assert_int_equal(nftw(tree->path, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline size_t tree_unescape(struct slice s, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned byte = (unsigned char)s.p[i];

		if (byte == '\\' && i + 1 < s.n) {
			i++;
			if (s.p[i] == 'x' && i + 2 < s.n) {
				assert_int_equal(sscanf(s.p + i + 1, "%2x", &byte), 1);
				i += 2;
			} else {
				byte = s.p[i] == 'n' ? '\n' : s.p[i] == 't' ? '\t' : '\\';
			}
		}
		out[n++] = (char)byte;
	}
	out[n] = '\0';
	return n;
}

static inline void tree_load(const struct tree *tree, const char *fixture)
{
	struct buffer text = { 0 }, path = { 0 };
	struct slice rest, line;

	buffer_printf(&path, "%s/tests/fixtures/%s", getenv("CEEMS_SOURCE"), fixture);
	assert_int_equal(file_read(AT_FDCWD, buffer_text(&path), 16 << 20, &text), 0);
	rest = (struct slice){ buffer_text(&text), text.len };
	while (slice_next_line(&rest, &line)) {
		struct slice name;
		char *file, *data;
		size_t len;

		if (!line.n || line.p[0] == '#')
			continue;
		slice_next(&line, '\t', &name);
		file = malloc(name.n + 1);
		data = malloc(line.n + 1);
		tree_unescape(name, file);
		len = tree_unescape(line, data);
		if (file[strlen(file) - 1] == '/')
			tree_mkdirs(tree, file);
		else
			tree_put_bytes(tree, file, data, len);
		free(file);
		free(data);
	}
	buffer_done(&text);
	buffer_done(&path);
}

/* How many descriptors this process has open. */
static inline size_t tree_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	if (!dir)
		abort();
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

#endif
