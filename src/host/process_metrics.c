// SPDX-License-Identifier: Apache-2.0
#include "host/process_metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "basic/buffer.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "basic/str.h"

enum { NETSTAT_MAX_BYTES = 65536 };

enum {
	CPU_SECONDS,
	MAX_FDS,
	NETWORK_RECEIVE,
	NETWORK_TRANSMIT,
	OPEN_FDS,
	RESIDENT,
	START_TIME,
	VIRTUAL,
	VIRTUAL_MAX,
};

const struct metric process_metrics[N_PROCESS_METRICS] = {
	[CPU_SECONDS] = { "process_cpu_seconds_total", "User and system CPU time of the process.",
		METRIC_COUNTER, { NULL } },
	[MAX_FDS] = { "process_max_fds", "Limit on open file descriptors.", METRIC_GAUGE,
		{ NULL } },
	[NETWORK_RECEIVE] = { "process_network_receive_bytes_total",
		"Bytes that the network namespace of the process received.", METRIC_COUNTER,
		{ NULL } },
	[NETWORK_TRANSMIT] = { "process_network_transmit_bytes_total",
		"Bytes that the network namespace of the process sent.", METRIC_COUNTER, { NULL } },
	[OPEN_FDS] = { "process_open_fds", "Open file descriptors.", METRIC_GAUGE, { NULL } },
	[RESIDENT] = { "process_resident_memory_bytes", "Resident memory of the process.",
		METRIC_GAUGE, { NULL } },
	[START_TIME] = { "process_start_time_seconds",
		"When the process started, in seconds since 1970.", METRIC_GAUGE, { NULL } },
	[VIRTUAL] = { "process_virtual_memory_bytes", "Virtual memory of the process.",
		METRIC_GAUGE, { NULL } },
	[VIRTUAL_MAX] = { "process_virtual_memory_max_bytes",
		"Limit on the virtual memory of the process.", METRIC_GAUGE, { NULL } },
};

#define ADD(out, id, value) exposition_add((out), &process_metrics[id], (value), NULL)

static int add_memory(struct exposition *out)
{
	char text[256];
	ssize_t n = file_read_small(AT_FDCWD, "/proc/self/statm", text, sizeof(text));
	struct slice rest = { text, n > 0 ? (size_t)n : 0 }, size, resident;
	uint64_t size_pages, resident_pages;
	double page = (double)sysconf(_SC_PAGESIZE);
	int r;

	if (!slice_next_word(&rest, &size) || !slice_next_word(&rest, &resident) ||
		slice_to_u64(size, &size_pages) < 0 || slice_to_u64(resident, &resident_pages) < 0)
		return 0;
	r = ADD(out, VIRTUAL, (double)size_pages * page);
	return r < 0 ? r : ADD(out, RESIDENT, (double)resident_pages * page);
}

static int add_open_fds(struct exposition *out)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *d;
	int n = -1; /* dir itself is no descriptor that stays */

	if (!dir)
		return 0;
	while ((d = readdir(dir)))
		n += d->d_name[0] != '.';
	closedir(dir);
	return ADD(out, OPEN_FDS, n);
}

static int add_limits(struct exposition *out)
{
	struct rusage usage;
	struct rlimit limit;
	int r = 0;

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		r = ADD(out, CPU_SECONDS,
			(double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
				(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	if (r >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		r = ADD(out, MAX_FDS, (double)limit.rlim_cur);
	if (r >= 0 && getrlimit(RLIMIT_AS, &limit) == 0)
		r = ADD(out, VIRTUAL_MAX, (double)limit.rlim_cur);
	return r;
}

/* Pairs of lines: names, then values in the same order (net/ipv4/proc.c in the kernel). */
static bool find_octets(struct slice text, const char *wanted, uint64_t *ret_value)
{
	struct slice names, values, name, value;

	while (slice_next_line(&text, &names) && slice_next_line(&text, &values)) {
		if (names.n < 6 || memcmp(names.p, "IpExt:", 6) != 0)
			continue;
		while (slice_next_word(&names, &name) && slice_next_word(&values, &value))
			if (slice_eq(name, wanted))
				return slice_to_u64(value, ret_value) >= 0;
	}
	return false;
}

static int add_network(struct exposition *out)
{
	CLEANUP(buffer_done) struct buffer text;
	struct slice all;
	uint64_t octets;
	int r = 0;

	buffer_init(&text, 0);
	if (file_read(AT_FDCWD, "/proc/self/net/netstat", NETSTAT_MAX_BYTES, &text) < 0)
		return 0;
	all = (struct slice){ buffer_text(&text), text.len };
	if (find_octets(all, "InOctets", &octets))
		r = ADD(out, NETWORK_RECEIVE, (double)octets);
	if (r >= 0 && find_octets(all, "OutOctets", &octets))
		r = ADD(out, NETWORK_TRANSMIT, (double)octets);
	return r;
}

int process_metrics_add(struct exposition *out, double start_time_seconds)
{
	int r = ADD(out, START_TIME, start_time_seconds);

	if (r >= 0)
		r = add_limits(out);
	if (r >= 0)
		r = add_memory(out);
	if (r >= 0)
		r = add_open_fds(out);
	if (r >= 0)
		r = add_network(out);
	return r;
}
