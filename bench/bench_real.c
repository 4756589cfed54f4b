// SPDX-License-Identifier: Apache-2.0
/*
 * bench_real v1|v2 ROOT JOBS: reads the files that a scrape needs of the real control groups that
 * bench/real.sh made below ROOT; prints microseconds of CPU time of the best of some rounds:
 * opened, read and closed; and through descriptors that stay open. (A list of processes is opened
 * anew in both: the kernel keeps an open one for as long as it is read.)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "basic/macros.h"

enum { FIRST_JOB = 9000, ROUNDS = 20, PATH_BYTES = 512, READ_BYTES = 65536, N_FILES = 9 };

struct group_file {
	const char *jobs, *name; /* ROOT/jobs/job_N/name */
};

/* The list of processes is the first. */
#define V1(controller) controller "/slurm_bench/uid_1"
static const struct group_file files_v1[N_FILES] = {
	{ V1("memory"), "step_0/cgroup.procs" },
	{ V1("cpuacct"), "cpuacct.usage_percpu" },
	{ V1("cpuacct"), "cpuacct.usage" },
	{ V1("cpuacct"), "cpuacct.stat" },
	{ V1("memory"), "memory.stat" },
	{ V1("memory"), "memory.usage_in_bytes" },
	{ V1("memory"), "memory.failcnt" },
	{ V1("memory"), "memory.limit_in_bytes" },
	{ V1("cpuset"), "cpuset.cpus" },
};

#define V2 "system.slice/slurmstepd.scope"
static const struct group_file files_v2[N_FILES] = {
	{ V2, "step_0/user/task_0/cgroup.procs" },
	{ V2, "cpu.stat" },
	{ V2, "memory.stat" },
	{ V2, "memory.current" },
	{ V2, "memory.max" },
	{ V2, "cpuset.cpus.effective" },
	{ V2, "memory.events" },
	{ V2, "cpu.pressure" },
	{ V2, "memory.pressure" },
};

static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int open_file(const char *root, unsigned job, const struct group_file *file)
{
	char path[PATH_BYTES];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/job_%u/%s", root, file->jobs, FIRST_JOB + job,
		file->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "bench_real: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

/* kept: the descriptors, or NULL. */
static double round_us(
	const struct group_file *files, const char *root, unsigned jobs, const int *kept)
{
	static char text[READ_BYTES];
	const double start = cpu_us();

	for (unsigned job = 0; job < jobs; job++) {
		for (size_t i = 0; i < N_FILES; i++) {
			const int fd = kept && i ? kept[job * N_FILES + i]
						 : open_file(root, job, &files[i]);

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
	const unsigned jobs = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	double bare = 1e18, kept = 1e18;
	int *fds = calloc((size_t)jobs * N_FILES + 1, sizeof(*fds));
	const struct group_file *files;

	if (!jobs || !fds)
		return 2;
	files = strcmp(argv[1], "v2") == 0 ? files_v2 : files_v1;
	for (unsigned job = 0; job < jobs; job++)
		for (size_t i = 1; i < N_FILES; i++)
			fds[job * N_FILES + i] = open_file(argv[2], job, &files[i]);
	for (unsigned round = 0; round < ROUNDS; round++) {
		bare = MIN(bare, round_us(files, argv[2], jobs, NULL));
		kept = MIN(kept, round_us(files, argv[2], jobs, fds));
	}
	printf("%.0f %.0f\n", bare, kept);
	free(fds);
	return 0;
}
