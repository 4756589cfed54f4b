// SPDX-License-Identifier: Apache-2.0
/*
 * The two halves of bench/run.sh that aren't the exporter itself:
 *
 *   bench_units make DIR JOBS     a tree DIR/{cgroup,proc,sys} of JOBS Slurm jobs with 20 processes
 *                                 each, cgroup v2, with file contents as a real node has them
 *   bench_units bare DIR JOBS tick|scrape ROUNDS
 *                                 a loop that opens, reads and closes the files that the exporter
 *                                 needs; prints microseconds of CPU time and system calls a round,
 *                                 then the same of a loop that reads them through descriptors that
 *                                 stay open
 *   bench_units churn DIR JOBS N  N times: a job is removed and another one comes, 100 a second
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/macros.h"

enum { PROCESSES = 20, FIRST_JOB = 1000, FIRST_PID = 10000, PATH_BYTES = 512, READ_BYTES = 65536 };

#define SCOPE "cgroup/system.slice/slurmstepd.scope"

static const char memory_stat[] =
	"anon 5246976\nfile 196608\nkernel 1568768\nkernel_stack 278528\npagetables 446464\n"
	"sec_pagetables 0\npercpu 11520\nsock 0\nvmalloc 0\nshmem 0\nzswap 0\nzswapped 0\n"
	"file_mapped 180224\nfile_dirty 0\nfile_writeback 0\nswapcached 0\nanon_thp 0\nfile_thp 0\n"
	"shmem_thp 0\ninactive_anon 5226496\nactive_anon 20480\ninactive_file 131072\n"
	"active_file 65536\nunevictable 0\nslab_reclaimable 281384\nslab_unreclaimable 440272\n"
	"slab 721656\nworkingset_refault_anon 0\nworkingset_refault_file 0\n"
	"workingset_activate_anon 0\nworkingset_activate_file 0\nworkingset_restore_anon 0\n"
	"workingset_restore_file 0\nworkingset_nodereclaim 0\npgscan 0\npgsteal 0\n"
	"pgscan_kswapd 0\npgscan_direct 0\npgsteal_kswapd 0\npgsteal_direct 0\npgfault 14210\n"
	"pgmajfault 4\npgrefill 0\npgactivate 0\npgdeactivate 0\npglazyfree 0\npglazyfreed 0\n"
	"zswpin 0\nzswpout 0\nthp_fault_alloc 0\nthp_collapse_alloc 0\n";

/* In the order in which they are wanted: the first ones by a tick, all by a scrape. */
static const struct {
	const char *name, *text;
} files[] = {
	{ "cpu.stat",
		"usage_usec 17838448\nuser_usec 4657762\nsystem_usec 13180686\nnr_periods 0\n"
		"nr_throttled 0\nthrottled_usec 0\nnr_bursts 0\nburst_usec 0\n" },
	{ "memory.stat", memory_stat },
	{ "memory.current", "7000064\n" },
	{ "memory.max", "314572800\n" },
	{ "cpuset.cpus.effective", "0-3\n" },
	{ "step_0/user/task_0/cgroup.procs", NULL },
	{ "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n" },
	{ "cpu.pressure",
		"some avg10=0.00 avg60=0.12 avg300=0.05 total=18000\n"
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=9000\n" },
	{ "memory.pressure",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=700\n"
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=350\n" },
};
enum { TICK_FILES = 6 };

static void die(const char *what)
{
	fprintf(stderr, "bench_units: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(const char *path, const char *text)
{
	char copy[PATH_BYTES];
	FILE *file;

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			die(copy);
		*p = '/';
	}
	if (!text)
		return;
	file = fopen(path, "we");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		die(path);
}

static void make_job(const char *dir, unsigned job)
{
	const unsigned first = FIRST_PID + job * PROCESSES;
	char path[PATH_BYTES], pids[PROCESSES * 12] = "";

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/" SCOPE "/job_%u/%s", dir, FIRST_JOB + job,
			files[i].name);
		put(path, files[i].text ? files[i].text : "");
	}
	for (unsigned pid = first; pid < first + PROCESSES; pid++) {
		snprintf(pids + strlen(pids), sizeof(pids) - strlen(pids), "%u\n", pid);
		snprintf(path, sizeof(path), "%s/proc/%u/", dir, pid);
		put(path, NULL);
	}
	snprintf(path, sizeof(path), "%s/" SCOPE "/job_%u/%s", dir, FIRST_JOB + job,
		"step_0/user/task_0/cgroup.procs");
	put(path, pids);
	for (size_t i = 0; i < 4; i++) {
		static const char *const empty[] = { "", "step_0/", "step_0/slurm/",
			"step_0/user/" };

		snprintf(path, sizeof(path), "%s/" SCOPE "/job_%u/%scgroup.procs", dir,
			FIRST_JOB + job, empty[i]);
		put(path, "");
	}
}

static void make(const char *dir, unsigned jobs)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/proc/meminfo", dir);
	put(path,
		"MemTotal:       263856000 kB\nMemFree:        200000000 kB\n"
		"MemAvailable:   230000000 kB\nSwapTotal:             0 kB\n");
	snprintf(path, sizeof(path), "%s/proc/stat", dir);
	put(path, "cpu  1000 0 500 90000 0 0 0 0 0 0\ncpu0 1000 0 500 90000 0 0 0 0 0 0\n");
	snprintf(path, sizeof(path), "%s/proc/cpuinfo", dir);
	put(path, "processor\t: 0\n");
	snprintf(path, sizeof(path), "%s/sys/", dir);
	put(path, NULL);
	snprintf(path, sizeof(path), "%s/" SCOPE "/cpu.stat", dir);
	put(path, "usage_usec 99999999\nuser_usec 60000000\nsystem_usec 39999999\n");
	for (unsigned job = 0; job < jobs; job++)
		make_job(dir, job);
}

static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void file_path(const char *dir, unsigned job, size_t file, char path[static PATH_BYTES])
{
	snprintf(
		path, PATH_BYTES, "%s/" SCOPE "/job_%u/%s", dir, FIRST_JOB + job, files[file].name);
}

static void read_one(const char *path)
{
	static char text[READ_BYTES];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text)) < 0)
		die(path);
	close(fd);
}

static double bare_round(const char *dir, unsigned jobs, size_t n)
{
	const double start = cpu_us();
	char path[PATH_BYTES];

	for (unsigned job = 0; job < jobs; job++) {
		for (size_t i = 0; i < n; i++) {
			file_path(dir, job, i, path);
			read_one(path);
		}
	}
	return cpu_us() - start;
}

static double kept_round(const int *fds, size_t n)
{
	static char text[READ_BYTES];
	const double start = cpu_us();

	for (size_t i = 0; i < n; i++)
		if (pread(fds[i], text, sizeof(text), 0) < 0)
			die("pread");
	return cpu_us() - start;
}

static int *open_all(const char *dir, unsigned jobs, size_t n)
{
	int *fds = calloc((size_t)jobs * n, sizeof(*fds));
	char path[PATH_BYTES];

	for (size_t k = 0; fds && k < (size_t)jobs * n; k++) {
		file_path(dir, (unsigned)(k / n), k % n, path);
		fds[k] = open(path, O_RDONLY | O_CLOEXEC);
		if (fds[k] < 0 && errno != EMFILE)
			die(path);
		if (fds[k] < 0) { /* more than a process may keep here */
			while (k-- > 0)
				close(fds[k]);
			free(fds);
			return NULL;
		}
	}
	return fds;
}

static void bare(const char *dir, unsigned jobs, bool tick, unsigned rounds)
{
	const size_t n = tick ? (size_t)TICK_FILES : ARRAY_SIZE(files);
	const struct rlimit all = { 1 << 20, 1 << 20 };
	double best = 1e18, best_kept = 1e18;
	int *fds;

	setrlimit(RLIMIT_NOFILE, &all);
	fds = open_all(dir, jobs, n);
	for (unsigned round = 0; round < rounds; round++) {
		best = MIN(best, bare_round(dir, jobs, n));
		if (fds)
			best_kept = MIN(best_kept, kept_round(fds, jobs * n));
	}
	printf("%.0f %zu %.0f %zu\n", best, jobs * n * 3, fds ? best_kept : 0, jobs * n);
	free(fds);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

/* Jobs beyond the first ones take turns. */
static void churn(const char *dir, unsigned jobs, unsigned n)
{
	enum { LIVING = 20, PAUSE_US = 10000 };
	char path[PATH_BYTES];

	for (unsigned i = 0; i < n; i++) {
		make_job(dir, jobs + i);
		usleep(PAUSE_US);
		if (i < LIVING)
			continue;
		snprintf(path, sizeof(path), "%s/" SCOPE "/job_%u", dir,
			FIRST_JOB + jobs + i - LIVING);
		nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		make(argv[2], (unsigned)atoi(argv[3]));
	else if (argc == 6 && strcmp(argv[1], "bare") == 0)
		bare(argv[2], (unsigned)atoi(argv[3]), strcmp(argv[4], "tick") == 0,
			(unsigned)atoi(argv[5]));
	else if (argc == 5 && strcmp(argv[1], "churn") == 0)
		churn(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
	else
		return 2;
	return 0;
}
