// SPDX-License-Identifier: Apache-2.0
/*
 * What a thread takes from the system, by the kernel's books: CPU time, and of the calls that read
 * or write (read, write, pread and their kin) how many there were and of how many bytes
 * (/proc/thread-self/io, Documentation/filesystems/proc.rst). The kernel does not count other calls
 * for each thread.
 */
#ifndef CEEMS_HOST_THREAD_USAGE_H
#define CEEMS_HOST_THREAD_USAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "basic/str.h"

struct thread_usage {
	uint64_t cpu_ns;
	bool io_known; /* the kernel counts calls, and lets us see it */
	uint64_t io_calls, io_bytes;
};

/* Of the thread that opened it, which alone reads and closes it. */
struct thread_meter {
	int io_fd;
	uint64_t own_calls, own_bytes; /* of the readings themselves, which are not counted */
};

/*
 * After a change of user the file is root's, so CAP_DAC_READ_SEARCH is raised around the open;
 * without it the calls are unknown.
 */
void thread_meter_open(struct thread_meter *meter);
void thread_meter_read(struct thread_meter *meter, struct thread_usage *ret_usage);
void thread_meter_close(struct thread_meter *meter);

/* A sum that one thread, or several, add to and another reads. Zeroed at first. */
struct usage_account {
	atomic_uint_fast64_t cpu_ns, io_calls, io_bytes, runs;
	atomic_bool io_known; /* of at least one run */
};
/* Adds what was used between two readings of one meter, as one run. */
void usage_account_add(struct usage_account *account, const struct thread_usage *before,
	const struct thread_usage *after);

/* -EBADMSG: no such file. */
int thread_usage_parse_io(struct slice text, uint64_t *ret_calls, uint64_t *ret_bytes);

#endif
