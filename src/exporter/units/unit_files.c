// SPDX-License-Identifier: Apache-2.0
/*
 * On a control group file system a descriptor that stays open saves nine tenths of a reading (1 us
 * instead of 9), at the price of some 4 KiB of kernel memory. So the files that are read every
 * second are kept as far as the limit allows, the others only with what these leave, and files that
 * weren't there are looked for now and then only. On any other file system (a copy of a tree) a
 * file may be replaced or come at any time: the time of the last change of its directory tells.
 */
#include "exporter/units/unit_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "host/cgroup_parse.h"
#include "host/procfs.h"

enum {
	OPEN_MAX_OF_RARE_FILES = 16384, /* 64 MiB of kernel memory, with 5,000 units */
	READS_PER_SEARCH = 64, /* for files that weren't there */
};

#define NS_PER_S INT64_C(1000000000)
#define SETTLED_NS (NS_PER_S / 10)
#define BIT(name) UNIT_VALUE_BIT(UNIT_##name)
#define SHOWN_AS_0                                                                                \
	(BIT(CPU_USER) | BIT(CPU_SYSTEM) | BIT(CPUS) | BIT(MEMORY_RSS) | BIT(MEMORY_CACHE) |      \
		BIT(MEMORY_USED) | BIT(MEMORY_LIMIT) | BIT(MEMORY_FAILURES) | BIT(CPU_PRESSURE) | \
		BIT(MEMORY_PRESSURE) | BIT(SWAP_USED) | BIT(SWAP_LIMIT) | BIT(SWAP_FAILURES))

/* In the slot behind all rows. */
static const struct unit_row v2_populated = { V2_ONLY, "cgroup.events", UNIT_FILES_USAGE, 0, 0,
	NULL };

/* What can't be read leaves what was known. */
static void read_host_memory(struct unit_reader *reader, int procfs_fd)
{
	struct procfs_file file = { .fd = -1 };
	struct procfs_meminfo_field field;
	struct slice text;

	if (procfs_file_open(&file, procfs_fd, "meminfo") < 0)
		return;
	if (procfs_file_read(&file, &text) >= 0) {
		while (procfs_meminfo_next(&text, &field) > 0) {
			if (slice_eq(field.name, "MemTotal"))
				reader->memory_total_bytes = (uint64_t)field.value;
			if (slice_eq(field.name, "SwapTotal"))
				reader->swap_total_bytes = (uint64_t)field.value;
		}
	}
	procfs_file_close(&file);
}

void unit_reader_learn_host(struct unit_reader *reader)
{
	const int procfs_fd = reader->hierarchies.host->procfs_fd;

	block_devices_done(&reader->block_devices);
	block_devices_init(&reader->block_devices, procfs_fd);
	read_host_memory(reader, procfs_fd);
}

void unit_reader_init(struct unit_reader *reader, const struct host_root *host,
	enum cgroup_version version, size_t open_max)
{
	*reader = (struct unit_reader){ .version = version, .open_max = open_max };
	unit_hierarchies_init(&reader->hierarchies, host, version);
	unit_reader_learn_host(reader);
}

void unit_reader_done(struct unit_reader *reader)
{
	unit_hierarchies_done(&reader->hierarchies);
	block_devices_done(&reader->block_devices);
}

bool unit_reader_is_real(const struct unit_reader *reader)
{
	return reader->fs == CGROUP_FS_V1 || reader->fs == CGROUP_FS_V2;
}

void unit_files_init(struct unit_files *files)
{
	*files = (struct unit_files){ 0 };
	for (size_t i = 0; i < UNIT_FILES_MAX; i++)
		files->fd[i] = -1;
}

static bool is_rare(const struct unit_reader *reader, size_t i)
{
	size_t n;
	const struct unit_row *rows = unit_rows(reader->version, &n);

	return i < n && !(rows[i].set & UNIT_FILES_USAGE);
}

static void drop(struct unit_files *files, struct unit_reader *reader, size_t i)
{
	if (files->fd[i] >= 0) {
		reader->n_open--;
		reader->n_rare -= is_rare(reader, i);
	}
	file_closep(&files->fd[i]);
}

void unit_files_done(struct unit_files *files, struct unit_reader *reader)
{
	for (size_t i = 0; i < UNIT_FILES_MAX; i++)
		drop(files, reader, i);
}

/* The kernel renders each of these files in one piece, so one read that fits is all of it. */
static int read_once(struct unit_reader *reader, int fd, struct slice *ret_text)
{
	ssize_t n;

	do {
		n = pread(fd, reader->text, sizeof(reader->text), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(reader->text))
		return -E2BIG;
	*ret_text = (struct slice){ reader->text, (size_t)n };
	return 0;
}

static int join(const char *dir, const char *name, char path[PATH_MAX])
{
	size_t dir_len = strlen(dir), name_len = strlen(name);

	if (dir_len + name_len + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path, dir, dir_len);
	path[dir_len] = '/';
	memcpy(path + dir_len + 1, name, name_len + 1);
	return 0;
}

static bool was_replaced(int fd)
{
	struct stat st;

	return fd >= 0 && (fstat(fd, &st) < 0 || st.st_nlink == 0);
}

/* Looks again at what is known of a directory's files; all: it is another directory. */
static void forget_changes(struct unit_reader *reader, struct unit_files *files,
	enum unit_hierarchy hierarchy, bool all)
{
	const struct unit_row *rows;
	size_t n;

	rows = unit_rows(reader->version, &n);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].hierarchy != hierarchy)
			continue;
		if (all || was_replaced(files->fd[i]))
			drop(files, reader, i);
		files->seen &= ~(UINT32_C(1) << i);
		files->absent &= ~(UINT32_C(1) << i);
	}
}

/* Changes within this time of now may be followed by others that leave the same time stamp. */
static bool is_settled(int64_t changed_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec - changed_ns > SETTLED_NS;
}

static void check_dir(struct unit_reader *reader, struct unit_files *files, const char *path,
	enum unit_hierarchy hierarchy)
{
	struct unit_dir *dir = &files->dirs[hierarchy], found = { 0 };
	struct stat st;

	if (reader->hierarchies.fd[hierarchy] < 0)
		return;
	if (fstatat(reader->hierarchies.fd[hierarchy], path, &st, 0) == 0)
		found = (struct unit_dir){ st.st_ino,
			st.st_ctim.tv_sec * NS_PER_S + st.st_ctim.tv_nsec };
	if (dir->inode != found.inode || !dir->changed_ns || dir->changed_ns != found.changed_ns)
		forget_changes(reader, files, hierarchy, dir->inode != found.inode);
	if (!is_settled(found.changed_ns))
		found.changed_ns = 0;
	*dir = found;
}

/* Before the group's files are read: forgets what may have changed. */
static void check_dirs(struct unit_reader *reader, struct unit_files *files, const char *path)
{
	if (unit_reader_is_real(reader)) {
		if (++files->reads % READS_PER_SEARCH == 0)
			files->absent = 0;
		return;
	}
	for (int h = 0; h < (reader->version == CGROUP_V2 ? 1 : UNIT_HIERARCHIES); h++)
		check_dir(reader, files, path, h);
}

/* How many descriptors the files of each second lack. */
static size_t lacking(const struct unit_reader *reader)
{
	const size_t wanted = reader->n_units * UNIT_FILES_OF_EACH_SECOND;

	return wanted - MIN(wanted, reader->n_open - reader->n_rare);
}

static bool may_keep(const struct unit_reader *reader, size_t i)
{
	if (!is_rare(reader, i))
		return reader->n_open < reader->open_max;
	return reader->n_open < OPEN_MAX_OF_RARE_FILES &&
		reader->n_open + lacking(reader) < reader->open_max;
}

/* One that was kept when there were fewer units leaves its place to a file of each second. */
static bool must_yield(const struct unit_reader *reader, size_t i)
{
	return is_rare(reader, i) && reader->n_open + lacking(reader) > reader->open_max;
}

static int read_row(struct unit_reader *reader, struct unit_files *files, const char *dir,
	const struct unit_row *row, size_t i, struct slice *ret_text)
{
	char path[PATH_MAX];
	int fd, r;

	if (files->fd[i] >= 0) {
		r = read_once(reader, files->fd[i], ret_text);
		if (must_yield(reader, i))
			drop(files, reader, i);
		return r;
	}
	if (reader->hierarchies.fd[row->hierarchy] < 0 || files->absent & 1U << i)
		return -ENOENT;
	r = join(dir, row->name, path);
	if (r < 0)
		return r;
	fd = openat(reader->hierarchies.fd[row->hierarchy], path,
		O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		r = -errno;
		if (r == -ENOENT && row->flags & UNIT_ROW_OPTIONAL)
			files->absent |= UINT32_C(1) << i;
		return r;
	}
	r = read_once(reader, fd, ret_text);
	if (r >= 0 && may_keep(reader, i)) {
		files->fd[i] = fd;
		reader->n_open++;
		reader->n_rare += is_rare(reader, i);
	} else {
		close(fd);
	}
	return r;
}

static int look_for(struct unit_reader *reader, struct unit_files *files, const char *dir,
	const struct unit_row *row, size_t i)
{
	char path[PATH_MAX];
	int r;

	if (files->seen & 1U << i)
		return 0;
	if (reader->hierarchies.fd[row->hierarchy] < 0)
		return -ENOENT;
	r = join(dir, row->name, path);
	if (r < 0)
		return r;
	if (faccessat(reader->hierarchies.fd[row->hierarchy], path, F_OK, 0) < 0)
		return -errno;
	files->seen |= UINT32_C(1) << i;
	return 0;
}

/* A file of a feature that is there but switched off counts as none. */
static bool absent(int r)
{
	return r == -ENOENT || r == -EOPNOTSUPP || r == -ENOTDIR;
}

/* Nothing in v1 holds the path: then there is nothing to read, which is a failure. */
static bool in_any_hierarchy(const struct unit_reader *reader, const char *path)
{
	for (size_t i = 0; i < V1_ACTIVE; i++) {
		if (reader->hierarchies.fd[i] >= 0 &&
			faccessat(reader->hierarchies.fd[i], path, F_OK, 0) == 0)
			return true;
	}
	return false;
}

static int open_dir(const struct unit_reader *reader, const char *path, const char *name)
{
	int fd = reader->hierarchies.fd[reader->hierarchies.base];
	char joined[PATH_MAX];
	int r = join(path, name, joined);

	if (r >= 0)
		r = openat(fd, joined, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r == -1 ? -errno : r;
}

/* Directories vcpu*, below libvirt/ where that is. */
static int count_vcpus(const struct unit_reader *reader, const char *path)
{
	CLEANUP(file_closep) int fd = open_dir(reader, path, "libvirt");
	union {
		struct dirent64 align;
		char data[4096];
	} chunk;
	int count = 0;
	ssize_t n;

	if (fd == -ENOENT)
		fd = open_dir(reader, path, ".");
	if (fd < 0)
		return fd;
	while ((n = getdents64(fd, chunk.data, sizeof(chunk.data))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(chunk.data + at);

			count += (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
				str_starts(entry->d_name, "vcpu");
			at += entry->d_reclen;
		}
	}
	return n < 0 ? -errno : count;
}

static int read_vcpus(
	const struct unit_reader *reader, const char *path, struct unit_values *values)
{
	int n = count_vcpus(reader, path);

	if (n < 0)
		return n;
	values->v[UNIT_CPUS] = (uint64_t)n * 1000;
	values->present |= BIT(CPUS);
	return 0;
}

struct reading {
	struct unit_reader *reader;
	struct unit_files *files;
	const char *path;
	struct unit_values *values;
	unit_files_failed_fn failed;
	void *ctx;
	unsigned broken_hierarchies;
	bool missing; /* some that should be there */
	bool previous_there; /* the file of the row before */
};

static bool row_wanted(const struct reading *g, const struct unit_row *row, bool previous_there)
{
	const struct unit_values *values = g->values;

	if (g->broken_hierarchies & 1U << row->hierarchy)
		return false;
	if (row->flags & UNIT_ROW_INSTEAD)
		return !((values->present | values->failed) & row->values);
	if (row->flags & UNIT_ROW_WITHOUT_BLKIO)
		return values->n_blkio == 0;
	return !(row->flags & UNIT_ROW_WITH_PREVIOUS) || previous_there;
}

/* 0, or -ENODEV: the group has vanished. */
static int read_one(struct reading *g, const struct unit_row *row, size_t i)
{
	struct unit_values *values = g->values;
	const struct unit_parse parse = { g->reader->version, g->reader->memory_total_bytes,
		g->reader->swap_total_bytes, &g->reader->block_devices, values };
	struct slice text = { NULL, 0 };
	int r = row->parse ? read_row(g->reader, g->files, g->path, row, i, &text)
			   : look_for(g->reader, g->files, g->path, row, i);

	if (r == -ENODEV)
		return r;
	if (absent(r)) {
		if (row->flags & UNIT_ROW_CHAINED)
			g->broken_hierarchies |= 1U << row->hierarchy;
		g->missing |= !(row->flags & UNIT_ROW_OPTIONAL);
		return 0;
	}
	g->previous_there = true;
	if (r >= 0 && row->parse)
		r = row->parse(&parse, text);
	if (r >= 0) {
		values->present |= row->values;
		return 0;
	}
	g->failed(g->ctx, row->name, r);
	if (row->flags & UNIT_ROW_LENIENT)
		values->v[UNIT_CPUS] = 0;
	else
		values->failed |= row->values;
	return 0;
}

int unit_files_read(struct unit_reader *reader, struct unit_files *files, const char *path,
	unsigned sets, struct unit_values *values, unit_files_failed_fn failed, void *ctx)
{
	struct reading g = { reader, files, path, values, failed, ctx, 0, false, false };
	const struct unit_row *rows;
	size_t n;

	check_dirs(reader, files, path);
	rows = unit_rows(reader->version, &n);
	memset(values, 0, offsetof(struct unit_values, rdma));
	values->n_rdma = 0;
	values->rdma_lines = 0;
	values->blkio = reader->blkio;
	values->n_blkio = 0;
	for (size_t i = 0; i < n; i++) {
		bool previous_there = g.previous_there;

		g.previous_there = false;
		if (rows[i].set & sets && row_wanted(&g, &rows[i], previous_there) &&
			read_one(&g, &rows[i], i) < 0)
			return -ENODEV;
	}
	if (sets & UNIT_FILES_VCPU_DIRS) {
		int r = read_vcpus(reader, path, values);

		g.missing |= absent(r);
		if (r < 0 && !absent(r))
			failed(ctx, "vcpu*", r);
	}
	if (g.missing && reader->version == CGROUP_V1 && !in_any_hierarchy(reader, path)) {
		failed(ctx, "", -ENOENT);
		values->failed |= SHOWN_AS_0;
	}
	return g.missing;
}

int unit_files_populated(struct unit_reader *reader, struct unit_files *files, const char *path)
{
	static const char *const keys[] = { "populated" };
	struct slice text;
	uint64_t populated = 0;
	uint32_t found = 0;
	int r = read_row(reader, files, path, &v2_populated, UNIT_FILES_MAX - 1, &text);

	if (r >= 0)
		r = cgroup_parse_keyed(text, keys, 1, &populated, &found);
	if (r >= 0 && !found)
		r = -EBADMSG;
	return r < 0 ? r : populated != 0;
}

int unit_files_cpu_usage(
	struct unit_reader *reader, struct unit_files *files, const char *path, uint64_t *ret_us)
{
	struct unit_values values = { 0 };
	const struct unit_parse parse = { .version = reader->version, .values = &values };
	const struct unit_row *rows;
	int r = -ENOENT;
	size_t n;

	check_dirs(reader, files, path);
	rows = unit_rows(reader->version, &n);
	for (size_t i = 0; i < n; i++) {
		struct slice text;

		if (!(rows[i].values & BIT(CPU_USAGE)))
			continue;
		r = read_row(reader, files, path, &rows[i], i, &text);
		if (absent(r))
			continue;
		if (r >= 0)
			r = rows[i].parse(&parse, text);
		if (r >= 0)
			*ret_us = values.v[UNIT_CPU_USAGE];
		return r;
	}
	return r;
}
