// SPDX-License-Identifier: Apache-2.0
#include "exporter/self_metrics.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "basic/buffer.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "basic/str.h"
#include "basic/version.h"

enum { NETSTAT_MAX_BYTES = 65536 };

enum {
	BUILD_INFO,
	REQUESTS,
	IN_FLIGHT,
	ERRORS,
	CPU_SECONDS,
	MAX_FDS,
	NETWORK_RECEIVE,
	NETWORK_TRANSMIT,
	OPEN_FDS,
	RESIDENT,
	START_TIME,
	VIRTUAL,
	VIRTUAL_MAX,
	N_METRICS
};

static const struct metric metrics[N_METRICS] = {
	[BUILD_INFO] = { "ceems_exporter_build_info",
		"Always 1; the labels tell how the exporter was built.", METRIC_GAUGE,
		{ "branch", "goarch", "goos", "goversion", "revision", "tags", "version" } },
	[REQUESTS] = { "promhttp_metric_handler_requests_total", "Scrapes by HTTP status code.",
		METRIC_COUNTER, { "code" } },
	[IN_FLIGHT] = { "promhttp_metric_handler_requests_in_flight",
		"Scrapes that are being served.", METRIC_GAUGE, { NULL } },
	[ERRORS] = { "promhttp_metric_handler_errors_total", "Scrapes in which a part went wrong.",
		METRIC_COUNTER, { "cause" } },
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

const struct metric *const self_metrics[] = {
	&metrics[BUILD_INFO],
	&metrics[REQUESTS],
	&metrics[IN_FLIGHT],
	&metrics[ERRORS],
	&metrics[CPU_SECONDS],
	&metrics[MAX_FDS],
	&metrics[NETWORK_RECEIVE],
	&metrics[NETWORK_TRANSMIT],
	&metrics[OPEN_FDS],
	&metrics[RESIDENT],
	&metrics[START_TIME],
	&metrics[VIRTUAL],
	&metrics[VIRTUAL_MAX],
};
const size_t n_self_metrics = ARRAY_SIZE(self_metrics);

#define ADD(out, id, value, ...) \
	exposition_add((out), &metrics[id], (value), (const char *const[]){ __VA_ARGS__ })

int self_metrics_add_build(struct exposition *out)
{
	const struct version *v = version_info();

	return ADD(out, BUILD_INFO, 1, v->branch, v->arch, v->os, v->compiler, v->revision, v->tags,
		v->version);
}

int self_metrics_add_handler(struct exposition *out, const struct handler_counters *c)
{
	const struct {
		int metric;
		double value;
		const char *label;
	} rows[] = {
		{ REQUESTS, (double)atomic_load(&c->ok), "200" },
		{ REQUESTS, (double)atomic_load(&c->failed), "500" },
		{ REQUESTS, (double)atomic_load(&c->refused), "503" },
		{ ERRORS, (double)atomic_load(&c->encoding_errors), "encoding" },
		{ ERRORS, (double)atomic_load(&c->gathering_errors), "gathering" },
		{ IN_FLIGHT, (double)atomic_load(&c->in_flight), NULL },
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(rows); i++)
		r = ADD(out, rows[i].metric, rows[i].value, rows[i].label);
	return r;
}

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
	r = ADD(out, VIRTUAL, (double)size_pages * page, NULL);
	return r < 0 ? r : ADD(out, RESIDENT, (double)resident_pages * page, NULL);
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
	return ADD(out, OPEN_FDS, n, NULL);
}

static int add_limits(struct exposition *out)
{
	struct rusage usage;
	struct rlimit limit;
	int r = 0;

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		r = ADD(out, CPU_SECONDS,
			(double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
				(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
			NULL);
	if (r >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		r = ADD(out, MAX_FDS, (double)limit.rlim_cur, NULL);
	if (r >= 0 && getrlimit(RLIMIT_AS, &limit) == 0)
		r = ADD(out, VIRTUAL_MAX, (double)limit.rlim_cur, NULL);
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
		r = ADD(out, NETWORK_RECEIVE, (double)octets, NULL);
	if (r >= 0 && find_octets(all, "OutOctets", &octets))
		r = ADD(out, NETWORK_TRANSMIT, (double)octets, NULL);
	return r;
}

int self_metrics_add_process(struct exposition *out, double start_time_seconds)
{
	int r = ADD(out, START_TIME, start_time_seconds, NULL);

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
