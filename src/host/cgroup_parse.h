// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of a control group say (Documentation/admin-guide/cgroup-v2.rst and
 * cgroup-v1/). All pure; -EBADMSG stands for any text of another form, numbers of 2^64 and more
 * included.
 */
#ifndef CEEMS_HOST_CGROUP_PARSE_H
#define CEEMS_HOST_CGROUP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/str.h"

enum { CGROUP_CPU_MAX = 8192 }; /* as the kernel's largest NR_CPUS */

/*
 * "key number" lines (cpu.stat, memory.stat, memory.events, cgroup.events, cpuacct.stat). Values of
 * keys that don't stand there are 0; ret_found has bit i set for keys[i] (at most 32) and may be
 * NULL. Negative numbers, which v1 may show, are 0. Every line must have the form.
 */
int cgroup_parse_keyed(struct slice text, const char *const *keys, size_t n, uint64_t *ret_values,
	uint32_t *ret_found);

/* A single number; "max" is UINT64_MAX, a negative one 0. */
int cgroup_parse_number(struct slice text, uint64_t *ret_value);

/* How many CPUs a list as "0-3,8" names; an empty list 0. */
int cgroup_parse_cpus(struct slice text, unsigned *ret_n);

/* Total of the line 'full' of a pressure file, in microseconds; without the line 0. */
int cgroup_parse_pressure(struct slice text, uint64_t *ret_total_us);

struct cgroup_rdma {
	struct slice device;
	uint64_t handles, objects; /* UINT32_MAX for "max" */
};

/* Cuts the next line of an rdma.current off *rest; lines of another form are passed over. */
bool cgroup_rdma_next(struct slice *rest, struct cgroup_rdma *ret_line);

enum cgroup_io_field {
	CGROUP_IO_READ_BYTES = 1 << 0,
	CGROUP_IO_WRITE_BYTES = 1 << 1,
	CGROUP_IO_READS = 1 << 2,
	CGROUP_IO_WRITES = 1 << 3,
};

struct cgroup_io {
	uint32_t major, minor;
	unsigned fields; /* those that are there; the others are 0 */
	uint64_t read_bytes, write_bytes, reads, writes;
};

/* Cuts the next line off an io.stat; lines and fields of another form are passed over. */
bool cgroup_io_next(struct slice *rest, struct cgroup_io *ret_line);

enum cgroup_blkio_operation { CGROUP_BLKIO_OTHER, CGROUP_BLKIO_READ, CGROUP_BLKIO_WRITE };

struct cgroup_blkio {
	uint32_t major, minor;
	enum cgroup_blkio_operation operation;
	uint64_t value;
};

/*
 * Cuts the next row of a device off one of v1's blkio.*io_service* files; the total at the end is
 * no row. 1, 0 at the end, -EBADMSG.
 */
int cgroup_blkio_next(struct slice *rest, struct cgroup_blkio *ret_row);

/* Thousandths of a CPU that v1's cpu.shares stand for: 1024 are one. */
uint64_t cgroup_shares_to_milli_cpus(uint64_t shares);
/* The shares that v2's cpu.weight was made from (Kubernetes' formula). */
uint64_t cgroup_weight_to_shares(uint64_t weight);

/* Cuts the next process off a cgroup.procs. 0, which stands for one that we can't see, is left out.
 */
bool cgroup_pid_next(struct slice *rest, uint64_t *ret_pid);

#endif
