// SPDX-License-Identifier: Apache-2.0
/*
 * /proc/stat, /proc/meminfo and /proc/cpuinfo (Documentation/filesystems/proc.rst). Parsers are
 * pure; a procfs_file keeps its descriptor and buffer, for loops that read every second.
 */
#ifndef CEEMS_HOST_PROCFS_H
#define CEEMS_HOST_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/str.h"

enum {
	PROCFS_FILE_MAX_BYTES = 16 << 20, /* cpuinfo of some thousand CPUs fits */
	PROCFS_TICK_US = 10000, /* USER_HZ is 100 on every architecture that we know */
	PROCFS_SOCKETS_MAX = 1024,
};

/*
 * A file below the procfs root that stays open. One user at a time. Made for stat and meminfo: the
 * kernel renders those in one piece, so a read that doesn't fill the buffer was the whole file.
 */
struct procfs_file {
	int fd; /* -1: closed */
	char *data;
	size_t cap;
};

int procfs_file_open(struct procfs_file *file, int procfs_fd, const char *path);
/* The text is valid until the next call. No allocation once the buffer has its size. -E2BIG. */
int procfs_file_read(struct procfs_file *file, struct slice *ret_text);
void procfs_file_close(struct procfs_file *file);

/* Order of the columns of /proc/stat. Guest time is part of user and nice and has no mode here. */
enum procfs_cpu_mode {
	CPU_USER,
	CPU_NICE,
	CPU_SYSTEM,
	CPU_IDLE,
	CPU_IOWAIT,
	CPU_IRQ,
	CPU_SOFTIRQ,
	CPU_STEAL,
	N_CPU_MODES
};
extern const char *const procfs_cpu_mode_names[N_CPU_MODES]; /* "user", ... */

struct procfs_cpu_times {
	uint64_t ticks[N_CPU_MODES]; /* of PROCFS_TICK_US, all CPUs together, since boot */
	unsigned n_cpus; /* cpuN lines: CPUs that are online */
};

/* -EBADMSG: no aggregate line or a value that is no number. Missing columns are 0. */
int procfs_parse_stat(struct slice text, struct procfs_cpu_times *ret_times);
int procfs_read_stat(struct procfs_file *file, struct procfs_cpu_times *ret_times);

/* All modes but idle, iowait and steal. */
uint64_t procfs_cpu_busy_us(const struct procfs_cpu_times *times);

struct procfs_meminfo_field {
	struct slice name; /* as in the file: "Inactive(file)" */
	double value; /* bytes if the line has a unit, else the number as it stands */
	bool in_bytes;
};

/* Cuts the next field off *rest: 1, 0 at the end, -EBADMSG for a line of another form. */
int procfs_meminfo_next(struct slice *rest, struct procfs_meminfo_field *ret_field);

struct procfs_memory {
	uint64_t total_bytes, free_bytes;
	uint64_t available_bytes; /* without MemAvailable (before Linux 3.14): free_bytes */
};

/* -EBADMSG: no MemTotal, or a line of another form. */
int procfs_parse_memory(struct slice text, struct procfs_memory *ret_memory);
int procfs_read_memory(struct procfs_file *file, struct procfs_memory *ret_memory);

struct procfs_topology {
	unsigned logical; /* 'processor' entries */
	unsigned physical; /* cores: sum of 'cpu cores' over the distinct 'physical id's; 0 = not
			      told */
};

/* -E2BIG: more than PROCFS_SOCKETS_MAX sockets. An empty text has no processors. */
int procfs_parse_cpuinfo(struct slice text, struct procfs_topology *ret_topology);

#endif
