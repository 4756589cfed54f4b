// SPDX-License-Identifier: Apache-2.0
/*
 * bench_real ROOT JOBS: reads the files that a scrape needs of real control groups (v1) below
 * ROOT/CONTROLLER/slurm_bench/uid_1/job_N/; prints microseconds of CPU time of the best of some
 * rounds: opened, read and closed; and through descriptors that stay open. (A list of processes is
 * opened anew in both: the kernel keeps an open one for as long as it is read.)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "basic/macros.h"

enum { FIRST_JOB = 9000, ROUNDS = 20, PATH_BYTES = 512, READ_BYTES = 65536 };

static const struct {
	const char *controller, *name;
} files[] = {
	{ "memory", "step_0/cgroup.procs" },
	{ "cpuacct", "cpuacct.usage_percpu" },
	{ "cpuacct", "cpuacct.usage" },
	{ "cpuacct", "cpuacct.stat" },
	{ "memory", "memory.stat" },
	{ "memory", "memory.usage_in_bytes" },
	{ "memory", "memory.failcnt" },
	{ "memory", "memory.limit_in_bytes" },
	{ "cpuset", "cpuset.cpus" },
};
enum { N_FILES = ARRAY_SIZE(files) };

static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int open_file(const char *root, unsigned job, size_t i)
{
	char path[PATH_BYTES];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/slurm_bench/uid_1/job_%u/%s", root, files[i].controller,
		FIRST_JOB + job, files[i].name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "bench_real: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

/* kept: the descriptors, or NULL. */
static double round_us(const char *root, unsigned jobs, const int *kept)
{
	static char text[READ_BYTES];
	const double start = cpu_us();

	for (unsigned job = 0; job < jobs; job++) {
		for (size_t i = 0; i < N_FILES; i++) {
			const int fd = kept && i ? kept[job * N_FILES + i]
						 : open_file(root, job, i);

			if (pread(fd, text, sizeof(text), 0) < 0)
				exit(1);
			if (!kept || !i)
				close(fd);
		}
	}
	return cpu_us() - start;
}

int main(int argc, char **argv)
{
	const unsigned jobs = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	double bare = 1e18, kept = 1e18;
	int *fds = calloc((size_t)jobs * N_FILES + 1, sizeof(*fds));

	if (!jobs || !fds)
		return 2;
	for (unsigned job = 0; job < jobs; job++)
		for (size_t i = 1; i < N_FILES; i++)
			fds[job * N_FILES + i] = open_file(argv[1], job, i);
	for (unsigned round = 0; round < ROUNDS; round++) {
		bare = MIN(bare, round_us(argv[1], jobs, NULL));
		kept = MIN(kept, round_us(argv[1], jobs, fds));
	}
	printf("%.0f %.0f\n", bare, kept);
	free(fds);
	return 0;
}
