// SPDX-License-Identifier: Apache-2.0
/*
 * On a control group file system a descriptor that stays open saves nine tenths of a reading (1 us
 * instead of 9), at the price of some 4 KiB of kernel memory. So the files that are read every
 * second are kept as far as the limit allows, the others only for the first units. On any other
 * file system (a copy of a tree) a kept file may have been replaced: its link count tells.
 */
#include "exporter/unit_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "host/cgroup_parse.h"

enum {
	OPEN_MAX_OF_RARE_FILES = 2048, /* 8 MiB of kernel memory */
	V1_TICK_US = 10000, /* cpuacct.stat counts in USER_HZ */
};

/* v1's "no limit": the largest number of pages that fits, so at least this. */
#define V1_UNLIMITED (UINT64_C(0x7fffffffffffffff) - 65536)

#define BIT(name) UNIT_VALUE_BIT(UNIT_##name)
#define ALWAYS                                                                               \
	(BIT(CPU_USER) | BIT(CPU_SYSTEM) | BIT(CPUS) | BIT(MEMORY_RSS) | BIT(MEMORY_CACHE) | \
		BIT(MEMORY_USED) | BIT(MEMORY_LIMIT) | BIT(MEMORY_FAILURES))

enum { V1_CPUACCT, V1_MEMORY, V1_CPUSET, V1_RDMA };

/* A parser's context: where values go and what the host has. */
struct parse {
	const struct unit_reader *reader;
	struct unit_values *values;
};

enum row_flags {
	ROW_OPTIONAL = 1 << 0, /* says nothing about the group when it isn't there */
	ROW_LENIENT = 1 << 1, /* a failure means 0 and is no failure of the unit */
	ROW_CHAINED = 1 << 2, /* when absent, the hierarchy's rows after it count as absent */
};

struct file_row {
	int hierarchy;
	const char *name;
	unsigned set, flags;
	uint32_t values;
	int (*parse)(const struct parse *p, struct slice text); /* NULL: it only has to be there */
};

static int parse_number(const struct parse *p, enum unit_value value, struct slice text)
{
	return cgroup_parse_number(text, &p->values->v[value]);
}

static int parse_used(const struct parse *p, struct slice text)
{
	return parse_number(p, UNIT_MEMORY_USED, text);
}

static int parse_failures(const struct parse *p, struct slice text)
{
	return parse_number(p, UNIT_MEMORY_FAILURES, text);
}

static int parse_swap_used(const struct parse *p, struct slice text)
{
	return parse_number(p, UNIT_SWAP_USED, text);
}

static int parse_swap_failures(const struct parse *p, struct slice text)
{
	return parse_number(p, UNIT_SWAP_FAILURES, text);
}

/* The host's size stands for "max", if it is known. */
static int parse_limit(const struct parse *p, struct slice text)
{
	uint64_t *limit = &p->values->v[UNIT_MEMORY_LIMIT];
	int r = parse_number(p, UNIT_MEMORY_LIMIT, text);

	if (r < 0)
		return r;
	p->values->unlimited = *limit == UINT64_MAX ||
		(p->reader->version == CGROUP_V1 && *limit >= V1_UNLIMITED);
	if (*limit == UINT64_MAX && p->reader->memory_total_bytes)
		*limit = p->reader->memory_total_bytes;
	return 0;
}

static int parse_swap_limit(const struct parse *p, struct slice text)
{
	const uint64_t host = p->reader->swap_total_bytes ? p->reader->swap_total_bytes
							  : p->reader->memory_total_bytes;
	uint64_t *limit = &p->values->v[UNIT_SWAP_LIMIT];
	int r = parse_number(p, UNIT_SWAP_LIMIT, text);

	if (r >= 0 && *limit == UINT64_MAX && host)
		*limit = host;
	return r;
}

static int parse_cpus(const struct parse *p, struct slice text)
{
	unsigned n;
	int r = cgroup_parse_cpus(text, &n);

	if (r >= 0)
		p->values->v[UNIT_CPUS] = (uint64_t)n * 1000;
	return r;
}

static int parse_v2_cpu(const struct parse *p, struct slice text)
{
	static const char *const keys[] = { "usage_usec", "user_usec", "system_usec" };
	uint64_t v[ARRAY_SIZE(keys)], sum;
	uint32_t found;
	int r = cgroup_parse_keyed(text, keys, ARRAY_SIZE(keys), v, &found);

	if (r < 0)
		return r;
	if (__builtin_add_overflow(v[1], v[2], &sum))
		sum = UINT64_MAX;
	p->values->v[UNIT_CPU_USAGE] = found & 1 ? v[0] : sum;
	p->values->v[UNIT_CPU_USER] = v[1];
	p->values->v[UNIT_CPU_SYSTEM] = v[2];
	return 0;
}

static int parse_v1_cpu(const struct parse *p, struct slice text)
{
	static const char *const keys[] = { "user", "system" };
	uint64_t v[ARRAY_SIZE(keys)];
	int r = cgroup_parse_keyed(text, keys, ARRAY_SIZE(keys), v, NULL);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (__builtin_mul_overflow(v[i], V1_TICK_US, &v[i]))
			v[i] = UINT64_MAX;
	}
	p->values->v[UNIT_CPU_USER] = v[0];
	p->values->v[UNIT_CPU_SYSTEM] = v[1];
	return 0;
}

static int parse_v1_usage(const struct parse *p, struct slice text)
{
	int r = parse_number(p, UNIT_CPU_USAGE, text);

	p->values->v[UNIT_CPU_USAGE] /= 1000;
	return r;
}

static int parse_memory_stat(const struct parse *p, const char *const keys[3], struct slice text)
{
	uint64_t v[3];
	int r = cgroup_parse_keyed(text, keys, 3, v, NULL);

	if (r < 0)
		return r;
	p->values->v[UNIT_MEMORY_RSS] = v[0];
	p->values->v[UNIT_MEMORY_CACHE] = v[1];
	p->values->v[UNIT_INACTIVE_FILE] = v[2];
	return 0;
}

static int parse_v2_memory_stat(const struct parse *p, struct slice text)
{
	static const char *const keys[] = { "anon", "file", "inactive_file" };

	return parse_memory_stat(p, keys, text);
}

static int parse_v1_memory_stat(const struct parse *p, struct slice text)
{
	static const char *const keys[] = { "total_rss", "total_cache", "total_inactive_file" };

	return parse_memory_stat(p, keys, text);
}

static int parse_events(const struct parse *p, struct slice text)
{
	static const char *const keys[] = { "oom" };

	return cgroup_parse_keyed(text, keys, 1, &p->values->v[UNIT_MEMORY_FAILURES], NULL);
}

static int parse_cpu_pressure(const struct parse *p, struct slice text)
{
	return cgroup_parse_pressure(text, &p->values->v[UNIT_CPU_PRESSURE]);
}

static int parse_memory_pressure(const struct parse *p, struct slice text)
{
	return cgroup_parse_pressure(text, &p->values->v[UNIT_MEMORY_PRESSURE]);
}

static size_t count_lines(struct slice text)
{
	struct slice line;
	size_t n = 0;

	while (slice_next_line(&text, &line))
		n++;
	return n;
}

static int parse_rdma(const struct parse *p, struct slice text)
{
	struct unit_values *values = p->values;
	struct cgroup_rdma line;

	values->rdma_lines = count_lines(text);
	while (cgroup_rdma_next(&text, &line)) {
		struct unit_rdma *rdma = &values->rdma[values->n_rdma];

		if (values->n_rdma == UNIT_RDMA_DEVICES_MAX || line.device.n >= UNIT_RDMA_NAME_MAX)
			return -E2BIG;
		memcpy(rdma->device, line.device.p, line.device.n);
		rdma->device[line.device.n] = '\0';
		rdma->handles = line.handles;
		rdma->objects = line.objects;
		values->n_rdma++;
	}
	return 0;
}

/* v1: use and limit have to name equally many devices, else the answer is of two moments. */
static int parse_v1_rdma_max(const struct parse *p, struct slice text)
{
	if (count_lines(text) != p->values->rdma_lines)
		p->values->n_rdma = 0;
	return 0;
}

static const struct file_row v2_rows[] = {
	{ 0, "cpu.stat", UNIT_FILES_USAGE, 0, BIT(CPU_USER) | BIT(CPU_SYSTEM) | BIT(CPU_USAGE),
		parse_v2_cpu },
	{ 0, "memory.stat", UNIT_FILES_USAGE, 0,
		BIT(MEMORY_RSS) | BIT(MEMORY_CACHE) | BIT(INACTIVE_FILE), parse_v2_memory_stat },
	{ 0, "memory.current", UNIT_FILES_USAGE, 0, BIT(MEMORY_USED), parse_used },
	{ 0, "memory.max", UNIT_FILES_USAGE, 0, BIT(MEMORY_LIMIT), parse_limit },
	{ 0, "cpuset.cpus.effective", UNIT_FILES_USAGE, ROW_LENIENT, BIT(CPUS), parse_cpus },
	{ 0, "memory.events", UNIT_FILES_MORE, 0, BIT(MEMORY_FAILURES), parse_events },
	{ 0, "memory.swap.current", UNIT_FILES_SWAP, ROW_OPTIONAL, BIT(SWAP_USED),
		parse_swap_used },
	{ 0, "memory.swap.max", UNIT_FILES_SWAP, ROW_OPTIONAL, BIT(SWAP_LIMIT), parse_swap_limit },
	{ 0, "cpu.pressure", UNIT_FILES_PRESSURE, ROW_OPTIONAL, BIT(CPU_PRESSURE),
		parse_cpu_pressure },
	{ 0, "memory.pressure", UNIT_FILES_PRESSURE, ROW_OPTIONAL, BIT(MEMORY_PRESSURE),
		parse_memory_pressure },
	{ 0, "rdma.current", UNIT_FILES_MORE, ROW_OPTIONAL, 0, parse_rdma },
};
enum { V2_CPU_STAT = 0, V2_POPULATED = ARRAY_SIZE(v2_rows) };
static const struct file_row v2_populated = { 0, "cgroup.events", UNIT_FILES_USAGE, 0, 0, NULL };

static const struct file_row v1_rows[] = {
	{ V1_CPUACCT, "cpuacct.usage_percpu", UNIT_FILES_USAGE, ROW_CHAINED, 0, NULL },
	{ V1_CPUACCT, "cpuacct.usage", UNIT_FILES_USAGE, ROW_CHAINED, BIT(CPU_USAGE),
		parse_v1_usage },
	{ V1_CPUACCT, "cpuacct.stat", UNIT_FILES_MORE, ROW_CHAINED, BIT(CPU_USER) | BIT(CPU_SYSTEM),
		parse_v1_cpu },
	{ V1_MEMORY, "memory.stat", UNIT_FILES_USAGE, ROW_CHAINED,
		BIT(MEMORY_RSS) | BIT(MEMORY_CACHE) | BIT(INACTIVE_FILE), parse_v1_memory_stat },
	{ V1_MEMORY, "memory.oom_control", UNIT_FILES_USAGE, ROW_CHAINED, 0, NULL },
	{ V1_MEMORY, "memory.usage_in_bytes", UNIT_FILES_USAGE, ROW_CHAINED, BIT(MEMORY_USED),
		parse_used },
	{ V1_MEMORY, "memory.max_usage_in_bytes", UNIT_FILES_USAGE, ROW_CHAINED, 0, NULL },
	{ V1_MEMORY, "memory.failcnt", UNIT_FILES_MORE, ROW_CHAINED, BIT(MEMORY_FAILURES),
		parse_failures },
	{ V1_MEMORY, "memory.limit_in_bytes", UNIT_FILES_USAGE, ROW_CHAINED, BIT(MEMORY_LIMIT),
		parse_limit },
	{ V1_MEMORY, "memory.memsw.usage_in_bytes", UNIT_FILES_SWAP, ROW_CHAINED | ROW_OPTIONAL,
		BIT(SWAP_USED), parse_swap_used },
	{ V1_MEMORY, "memory.memsw.max_usage_in_bytes", UNIT_FILES_SWAP, ROW_CHAINED | ROW_OPTIONAL,
		0, NULL },
	{ V1_MEMORY, "memory.memsw.failcnt", UNIT_FILES_SWAP, ROW_CHAINED | ROW_OPTIONAL,
		BIT(SWAP_FAILURES), parse_swap_failures },
	{ V1_MEMORY, "memory.memsw.limit_in_bytes", UNIT_FILES_SWAP, ROW_CHAINED | ROW_OPTIONAL,
		BIT(SWAP_LIMIT), parse_swap_limit },
	{ V1_CPUSET, "cpuset.cpus", UNIT_FILES_USAGE, ROW_LENIENT, BIT(CPUS), parse_cpus },
	{ V1_RDMA, "rdma.current", UNIT_FILES_MORE, ROW_OPTIONAL | ROW_CHAINED, 0, parse_rdma },
	{ V1_RDMA, "rdma.max", UNIT_FILES_MORE, ROW_OPTIONAL, 0, parse_v1_rdma_max },
};
enum { V1_USAGE = 1 };

_Static_assert(ARRAY_SIZE(v2_rows) < UNIT_FILES_MAX, "a slot for each v2 file");
_Static_assert(ARRAY_SIZE(v1_rows) <= UNIT_FILES_MAX, "a slot for each v1 file");

/* Names of a v1 hierarchy's directory; two controllers in one mount have a link each, if at all. */
static const char *const v1_hierarchies[UNIT_HIERARCHIES][3] = {
	[V1_CPUACCT] = { "cpuacct", "cpu,cpuacct", "cpuacct,cpu" },
	[V1_MEMORY] = { "memory" },
	[V1_CPUSET] = { "cpuset" },
	[V1_RDMA] = { "rdma" },
};

void unit_reader_find_hierarchies(struct unit_reader *reader, const struct host_root *host)
{
	if (host->cgroupfs_fd < 0)
		return;
	if (reader->version == CGROUP_V2) {
		if (reader->hierarchy_fd[0] < 0)
			reader->hierarchy_fd[0] = openat(
				host->cgroupfs_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		return;
	}
	for (size_t i = 0; i < UNIT_HIERARCHIES; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(v1_hierarchies[i]); k++) {
			if (reader->hierarchy_fd[i] < 0 && v1_hierarchies[i][k])
				reader->hierarchy_fd[i] = openat(host->cgroupfs_fd,
					v1_hierarchies[i][k], O_PATH | O_DIRECTORY | O_CLOEXEC);
		}
	}
}

void unit_reader_init(struct unit_reader *reader, const struct host_root *host,
	enum cgroup_version version, size_t open_max)
{
	*reader = (struct unit_reader){ .version = version, .open_max = open_max };
	for (size_t i = 0; i < UNIT_HIERARCHIES; i++)
		reader->hierarchy_fd[i] = -1;
	unit_reader_find_hierarchies(reader, host);
}

void unit_reader_done(struct unit_reader *reader)
{
	for (size_t i = 0; i < UNIT_HIERARCHIES; i++)
		file_closep(&reader->hierarchy_fd[i]);
}

void unit_files_init(struct unit_files *files)
{
	*files = (struct unit_files){ 0 };
	for (size_t i = 0; i < UNIT_FILES_MAX; i++)
		files->fd[i] = -1;
}

static void drop(struct unit_files *files, struct unit_reader *reader, size_t i)
{
	if (files->fd[i] >= 0)
		reader->n_open--;
	file_closep(&files->fd[i]);
}

void unit_files_done(struct unit_files *files, struct unit_reader *reader)
{
	for (size_t i = 0; i < UNIT_FILES_MAX; i++)
		drop(files, reader, i);
}

static bool real_fs(const struct unit_reader *reader)
{
	return reader->fs == CGROUP_FS_V1 || reader->fs == CGROUP_FS_V2;
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

static int read_row(struct unit_reader *reader, struct unit_files *files, const char *dir,
	const struct file_row *row, size_t i, struct slice *ret_text)
{
	const size_t open_max = row->set & UNIT_FILES_USAGE
		? reader->open_max
		: MIN(reader->open_max, OPEN_MAX_OF_RARE_FILES);
	char path[PATH_MAX];
	struct stat st;
	int fd, r;

	if (files->fd[i] >= 0 && !real_fs(reader) &&
		(fstat(files->fd[i], &st) < 0 || st.st_nlink == 0))
		drop(files, reader, i);
	if (files->fd[i] >= 0)
		return read_once(reader, files->fd[i], ret_text);
	if (reader->hierarchy_fd[row->hierarchy] < 0)
		return -ENOENT;
	r = join(dir, row->name, path);
	if (r < 0)
		return r;
	fd = openat(reader->hierarchy_fd[row->hierarchy], path,
		O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = read_once(reader, fd, ret_text);
	if (r >= 0 && reader->n_open < open_max) {
		files->fd[i] = fd;
		reader->n_open++;
	} else {
		close(fd);
	}
	return r;
}

static int look_for(struct unit_reader *reader, struct unit_files *files, const char *dir,
	const struct file_row *row, size_t i)
{
	char path[PATH_MAX];
	int r;

	if (files->seen & 1U << i && real_fs(reader))
		return 0;
	if (reader->hierarchy_fd[row->hierarchy] < 0)
		return -ENOENT;
	r = join(dir, row->name, path);
	if (r < 0)
		return r;
	if (faccessat(reader->hierarchy_fd[row->hierarchy], path, F_OK, 0) < 0)
		return -errno;
	files->seen |= (uint16_t)(1U << i);
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
	for (size_t i = 0; i < UNIT_HIERARCHIES; i++) {
		if (reader->hierarchy_fd[i] >= 0 &&
			faccessat(reader->hierarchy_fd[i], path, F_OK, 0) == 0)
			return true;
	}
	return false;
}

int unit_files_read(struct unit_reader *reader, struct unit_files *files, const char *path,
	unsigned sets, struct unit_values *values, unit_files_failed_fn failed, void *ctx)
{
	const bool v2 = reader->version == CGROUP_V2;
	const struct file_row *rows = v2 ? v2_rows : v1_rows;
	const size_t n = v2 ? ARRAY_SIZE(v2_rows) : ARRAY_SIZE(v1_rows);
	const struct parse parse = { reader, values };
	unsigned broken_hierarchies = 0;
	bool missing = false;

	memset(values, 0, offsetof(struct unit_values, rdma));
	values->n_rdma = 0;
	for (size_t i = 0; i < n; i++) {
		const struct file_row *row = &rows[i];
		struct slice text = { NULL, 0 };
		int r;

		if (!(row->set & sets) || broken_hierarchies & 1U << row->hierarchy)
			continue;
		r = row->parse ? read_row(reader, files, path, row, i, &text)
			       : look_for(reader, files, path, row, i);
		if (r == -ENODEV)
			return r;
		if (absent(r)) {
			if (row->flags & ROW_CHAINED)
				broken_hierarchies |= 1U << row->hierarchy;
			missing |= !(row->flags & ROW_OPTIONAL);
			continue;
		}
		if (r >= 0 && row->parse)
			r = row->parse(&parse, text);
		if (r >= 0) {
			values->present |= row->values;
			continue;
		}
		failed(ctx, row->name, r);
		if (row->flags & ROW_LENIENT)
			values->v[UNIT_CPUS] = 0;
		else
			values->failed |= row->values;
	}
	if (missing && !v2 && !in_any_hierarchy(reader, path)) {
		failed(ctx, "", -ENOENT);
		values->failed |= ALWAYS;
	}
	return missing;
}

int unit_files_populated(struct unit_reader *reader, struct unit_files *files, const char *path)
{
	static const char *const keys[] = { "populated" };
	struct slice text;
	uint64_t populated = 0;
	uint32_t found = 0;
	int r = read_row(reader, files, path, &v2_populated, V2_POPULATED, &text);

	if (r >= 0)
		r = cgroup_parse_keyed(text, keys, 1, &populated, &found);
	if (r >= 0 && !found)
		r = -EBADMSG;
	return r < 0 ? r : populated != 0;
}

int unit_files_cpu_usage(
	struct unit_reader *reader, struct unit_files *files, const char *path, uint64_t *ret_us)
{
	const bool v2 = reader->version == CGROUP_V2;
	const size_t i = v2 ? (size_t)V2_CPU_STAT : (size_t)V1_USAGE;
	const struct file_row *row = v2 ? &v2_rows[i] : &v1_rows[i];
	struct unit_values values = { 0 };
	const struct parse parse = { reader, &values };
	struct slice text;
	int r = read_row(reader, files, path, row, i, &text);

	if (r >= 0)
		r = row->parse(&parse, text);
	if (r >= 0)
		*ret_us = values.v[UNIT_CPU_USAGE];
	return r;
}
