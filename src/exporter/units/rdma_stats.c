// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/rdma_stats.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdlib.h>

#include "basic/file.h"
#include "exporter/poller.h"
#include "exporter/scrape_metrics.h"
#include "host/command.h"
#include "host/infiniband.h"
#include "host/rdma_tool.h"
#include "host/sysfs.h"

enum {
	OUTPUT_MAX_BYTES = 16 << 20, /* of one command */
	ROWS_MAX = 65536,
	LINKS_MAX = 64,
	COMMAND_TIMEOUT_MS = 5000,
	FIRST_ROWS = 64,
};
static const int64_t PERIOD_NS = 10 * 1000000000LL;
static const int64_t RETRY_NS = 10 * 1000000000LL;
static const int64_t MAX_AGE_NS = 60 * 1000000000LL;
static const int64_t FIRST_WAIT_NS = 2 * 1000000000LL;

enum { N_PORT_COUNTERS = 9, N_QP_COUNTERS = 11 };
enum {
	STATE = N_PORT_COUNTERS,
	MRS,
	MR_LENGTH,
	CQS,
	CQE_LENGTH,
	QPS,
	FIRST_QP_COUNTER,
	N_METRICS = FIRST_QP_COUNTER + N_QP_COUNTERS
};

#define PORT(name_, type_, help_)                                                      \
	{                                                                              \
		.name = "ceems_rdma_" name_, .help = help_, .type = type_, .labels = { \
			"manager",                                                     \
			"hostname",                                                    \
			"device",                                                      \
			"port"                                                         \
		}                                                                      \
	}
#define UNIT(name_, type_, help_)                                                      \
	{                                                                              \
		.name = "ceems_rdma_" name_, .help = help_, .type = type_, .labels = { \
			"manager",                                                     \
			"hostname",                                                    \
			"device",                                                      \
			"port",                                                        \
			"uuid"                                                         \
		}                                                                      \
	}
#define QP(name_) UNIT(name_, METRIC_COUNTER, "Counter " name_ " of the unit's queue pairs.")

const struct metric rdma_metrics[N_METRICS] = {
	PORT("port_constraint_errors_received_total", METRIC_COUNTER,
		"Packets received that the port discarded."),
	PORT("port_constraint_errors_transmitted_total", METRIC_COUNTER,
		"Packets not transmitted from the port."),
	PORT("port_data_received_bytes_total", METRIC_COUNTER, "Bytes that the port received."),
	PORT("port_data_transmitted_bytes_total", METRIC_COUNTER,
		"Bytes that the port transmitted."),
	PORT("port_discards_received_total", METRIC_COUNTER, "Received packets discarded."),
	PORT("port_discards_transmitted_total", METRIC_COUNTER,
		"Packets discarded instead of transmitted."),
	PORT("port_errors_received_total", METRIC_COUNTER, "Received packets with an error."),
	PORT("port_packets_received_total", METRIC_COUNTER, "Packets that the port received."),
	PORT("port_packets_transmitted_total", METRIC_COUNTER,
		"Packets that the port transmitted."),
	[STATE] = PORT("state_id", METRIC_GAUGE,
		"State of a port: 1 down, 2 init, 3 armed, 4 active, 5 active-defer."),
	[MRS] = UNIT("mrs_active", METRIC_GAUGE, "Memory regions of the unit."),
	[MR_LENGTH] = UNIT(
		"mrs_len_active", METRIC_GAUGE, "Bytes in the memory regions of the unit."),
	[CQS] = UNIT("cqs_active", METRIC_GAUGE, "Completion queues of the unit."),
	[CQE_LENGTH] = UNIT(
		"cqe_len_active", METRIC_GAUGE, "Entries in the completion queues of the unit."),
	[QPS] = UNIT("qps_active", METRIC_GAUGE, "Queue pairs of the unit."),
	[FIRST_QP_COUNTER] = QP("rx_write_requests"),
	QP("rx_read_requests"),
	QP("rx_atomic_requests"),
	QP("req_cqe_error"),
	QP("req_cqe_flush_error"),
	QP("req_remote_access_errors"),
	QP("req_remote_invalid_request"),
	QP("resp_cqe_error"),
	QP("resp_cqe_flush_error"),
	QP("resp_local_length_error"),
	QP("resp_remote_access_errors"),
};
const size_t n_rdma_metrics = N_METRICS;

static const char *const port_files[N_PORT_COUNTERS] = {
	"counters/port_rcv_constraint_errors",
	"counters/port_xmit_constraint_errors",
	"counters/port_rcv_data",
	"counters/port_xmit_data",
	"counters/port_rcv_discards",
	"counters/port_xmit_discards",
	"counters/port_rcv_errors",
	"counters/port_rcv_packets",
	"counters/port_xmit_packets",
};

enum kind { MR, CQ, QUEUE_PAIR, STATISTIC, N_KINDS };

static const struct {
	const char *what[3]; /* arguments of the command */
	const char *length; /* a row without it doesn't count; NULL: none */
} kinds[N_KINDS] = {
	[MR] = { { "resource", "show", "mr" }, "mrlen" },
	[CQ] = { { "resource", "show", "cq" }, "cqe" },
	[QUEUE_PAIR] = { { "resource", "show", "qp" }, NULL },
	[STATISTIC] = { { "statistic", "qp", "show" }, NULL },
};

struct row {
	uint64_t pid;
	enum kind kind;
	char device[RDMA_NAME_MAX], port[RDMA_NAME_MAX];
	uint64_t length;
	uint64_t counters[N_QP_COUNTERS];
};

struct rows {
	struct row *v;
	size_t n, cap;
};

struct rdma_stats {
	struct rdma_stats_config config;
	struct poller *poller;
	/* Of the thread, and of stop() after its end. */
	char links_on[LINKS_MAX][2 * RDMA_NAME_MAX];
	size_t n_links_on;
	bool switch_failed; /* and was said */
	pthread_mutex_t lock; /* of all below */
	struct rows rows; /* sorted by process */
	int64_t sample_ns; /* 0: none yet */
};

enum { ARGUMENTS_MAX = 8 };

/* The arguments end with NULL. */
static int run(const struct rdma_stats *stats, const char *const *args, bool as_root, int cancel_fd,
	struct buffer *out, struct err *err)
{
	const char *argv[ARGUMENTS_MAX + 2] = { stats->config.command };
	const struct command command = {
		.argv = argv,
		.timeout_ms = COMMAND_TIMEOUT_MS,
		.max_output_bytes = OUTPUT_MAX_BYTES,
		.as_root = as_root,
		.cancel_fd = cancel_fd,
	};
	capability_set raised = 0;
	int r;

	for (size_t i = 0; i < ARGUMENTS_MAX && args[i]; i++)
		argv[1 + i] = args[i];
	if (as_root)
		raised = privilege_raise(CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID));
	r = command_run(&command, out, err);
	privilege_lower(raised);
	return r;
}

static int switch_link(
	const struct rdma_stats *stats, const char *link, bool on, int cancel_fd, struct err *err)
{
	const char *const args[ARGUMENTS_MAX + 1] = { "statistic", "qp", "set", "link", link,
		"auto", on ? "type,pid" : "off", on ? "on" : NULL, NULL };
	struct buffer out;
	int r;

	buffer_init(&out, OUTPUT_MAX_BYTES);
	r = run(stats, args, true, cancel_fd, &out, err);
	buffer_done(&out);
	return r;
}

/* Links of Mellanox count by process only when they are told to. How many there are, or -errno. */
static int switch_links(struct rdma_stats *stats, int cancel_fd, struct err *err)
{
	const char *const args[ARGUMENTS_MAX + 1] = { "statistic", "qp", "mode", NULL };
	struct err failure = { 0 };
	struct rdma_mode mode;
	struct buffer out;
	struct slice rest;
	int n = 0, r;

	buffer_init(&out, OUTPUT_MAX_BYTES);
	r = run(stats, args, false, cancel_fd, &out, err);
	/* Otherwise those that were on are still: stop() switches them off. */
	if (r >= 0)
		stats->n_links_on = 0;
	rest = (struct slice){ buffer_text(&out), out.len };
	while (r >= 0 && stats->n_links_on < LINKS_MAX && rdma_mode_next(&rest, &mode)) {
		char *link = stats->links_on[stats->n_links_on];

		snprintf(link, sizeof(stats->links_on[0]), "%.*s", (int)mode.link.n, mode.link.p);
		n++;
		if (mode.is_on || switch_link(stats, link, true, cancel_fd, &failure) >= 0)
			stats->n_links_on++;
	}
	buffer_done(&out);
	if (failure.code && !stats->switch_failed)
		log_warn(stats->config.log, "a link can't be told to count by process",
			LOG_STR("collector", "rdma"), LOG_ERR(&failure));
	stats->switch_failed = failure.code != 0;
	return r < 0 ? r : n;
}

static struct row *new_row(struct rows *rows)
{
	if (rows->n == rows->cap) {
		size_t cap = MAX(rows->cap * 2, (size_t)FIRST_ROWS);
		struct row *v = reallocarray(rows->v, cap, sizeof(*v));

		if (!v)
			return NULL;
		rows->v = v;
		rows->cap = cap;
	}
	return &rows->v[rows->n++];
}

static int keep_row(struct rows *rows, enum kind kind, const struct rdma_row *from)
{
	uint64_t pid, length = 0;
	struct row *row;

	if (!rdma_row_value(from, "pid", &pid) ||
		(kinds[kind].length && !rdma_row_value(from, kinds[kind].length, &length)))
		return 0;
	if (rows->n == ROWS_MAX)
		return -E2BIG;
	row = new_row(rows);
	if (!row)
		return -ENOMEM;
	*row = (struct row){ .pid = pid, .kind = kind, .length = length };
	snprintf(row->device, sizeof(row->device), "%.*s", (int)from->device.n, from->device.p);
	/* Memory regions and completion queues belong to a device. */
	if (kind == QUEUE_PAIR || kind == STATISTIC)
		snprintf(row->port, sizeof(row->port), "%.*s", (int)from->port.n, from->port.p);
	for (size_t i = 0; kind == STATISTIC && i < N_QP_COUNTERS; i++)
		(void)rdma_row_value(from,
			rdma_metrics[FIRST_QP_COUNTER + i].name + strlen("ceems_rdma_"),
			&row->counters[i]);
	return 0;
}

/* How many rows were kept, or -errno. */
static int keep_rows(struct rows *rows, enum kind kind, struct slice output)
{
	bool (*const next)(struct slice *,
		struct rdma_row *) = rdma_is_json(output) ? rdma_object_next : rdma_row_next;
	const size_t before = rows->n;
	struct rdma_row row;
	int r = 0;

	while (r >= 0 && next(&output, &row))
		r = keep_row(rows, kind, &row);
	return r < 0 ? r : (int)(rows->n - before);
}

/*
 * As JSON, in which processes may be called anything; as text by a command that has no JSON. That
 * the command can't be made to refuse JSON by what processes are called: whether it begins so
 * depends on nothing else.
 */
static int read_kind(
	struct rdma_stats *stats, enum kind kind, int cancel_fd, struct rows *rows, struct err *err)
{
	const char *const args[ARGUMENTS_MAX + 1] = { "-j", kinds[kind].what[0],
		kinds[kind].what[1], kinds[kind].what[2], NULL };
	CLEANUP(buffer_done) struct buffer out;
	int r, kept = 0;

	buffer_init(&out, OUTPUT_MAX_BYTES);
	for (size_t skipped = 0; skipped <= 1; skipped++) {
		struct slice output;

		buffer_clear(&out);
		r = run(stats, args + skipped, false, cancel_fd, &out, err);
		if (r < 0 && (r != -EIO || skipped))
			return r;
		output = (struct slice){ buffer_text(&out), out.len };
		if (r >= 0)
			kept = keep_rows(rows, kind, output);
		if (kept || (r >= 0 && rdma_is_json(output)))
			break;
	}
	return kept < 0 ? err_errno(err, kept, "rdma %s %s %s", args[1], args[2], args[3]) : 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int poll_tool(void *ctx, int cancel_fd, struct err *err)
{
	struct rdma_stats *stats = ctx;
	struct rows rows = { 0 }, old;
	/* Where modes can't be told there are resources all the same; without a tool, neither. */
	int links = switch_links(stats, cancel_fd, err), r = links == -ECANCELED ? links : 0;

	for (enum kind kind = 0; r >= 0 && kind < N_KINDS; kind++)
		if (kind != STATISTIC || links > 0)
			r = read_kind(stats, kind, cancel_fd, &rows, err);
	if (r < 0) {
		free(rows.v);
		return r;
	}
	if (rows.n)
		qsort(rows.v, rows.n, sizeof(*rows.v), by_pid);
	pthread_mutex_lock(&stats->lock);
	old = stats->rows;
	stats->rows = rows;
	stats->sample_ns = clock_monotonic_ns(stats->config.clock);
	pthread_mutex_unlock(&stats->lock);
	free(old.v);
	return 0;
}

int rdma_stats_new(const struct rdma_stats_config *config, struct rdma_stats **ret_stats)
{
	struct rdma_stats *stats = calloc(1, sizeof(*stats));

	if (!stats)
		return -ENOMEM;
	stats->config = *config;
	pthread_mutex_init(&stats->lock, NULL);
	*ret_stats = stats;
	return 0;
}

int rdma_stats_start(struct rdma_stats *stats, struct err *err)
{
	const struct poller_config config = {
		.name = "rdma",
		.what = "running the rdma command",
		.clock = stats->config.clock,
		.log = stats->config.log,
		.period_ns = PERIOD_NS,
		.retry_ns = RETRY_NS,
		.poll = poll_tool,
		.ctx = stats,
		.account = stats->config.account,
	};
	CLEANUP(file_closep)
	int fd = sysfs_open_dir(stats->config.host->sysfs_fd, "class/infiniband");

	return fd < 0 ? 0 : poller_start(&config, FIRST_WAIT_NS, &stats->poller, err);
}

void rdma_stats_stop(struct rdma_stats *stats)
{
	struct err err;

	if (!stats)
		return;
	poller_stop(TAKE(stats->poller));
	for (size_t i = 0; i < stats->n_links_on; i++)
		if (switch_link(stats, stats->links_on[i], false, -1, &err) < 0)
			log_warn(stats->config.log, "a link still counts by process",
				LOG_STR("collector", "rdma"), LOG_ERR(&err));
	stats->n_links_on = 0;
}

void rdma_stats_free(struct rdma_stats *stats)
{
	if (!stats)
		return;
	rdma_stats_stop(stats);
	free(stats->rows.v);
	pthread_mutex_destroy(&stats->lock);
	free(stats);
}

struct collecting {
	struct rdma_stats *stats;
	struct scrape *s;
	const char *manager;
};

static int add_port(void *ctx, const char *device, const char *port, int port_fd)
{
	const struct collecting *c = ctx;
	uint64_t value;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < N_PORT_COUNTERS; i++) {
		const bool words = str_ends(rdma_metrics[i].name, "_bytes_total");

		if (infiniband_read_counter(port_fd, port_files[i], &value) < 0 || !value)
			continue;
		r = scrape_add(c->s, &rdma_metrics[i],
			(double)value * (words ? INFINIBAND_WORDS_TO_BYTES : 1), c->manager,
			c->s->env->hostname, device, port);
	}
	if (r >= 0 && infiniband_read_state(port_fd, "state", &value) >= 0 && value)
		r = scrape_add(c->s, &rdma_metrics[STATE], (double)value, c->manager,
			c->s->env->hostname, device, port);
	return r;
}

/* What a unit holds of a port. */
struct sum {
	const char *device, *port;
	uint64_t rows[N_KINDS], lengths[N_KINDS], counters[N_QP_COUNTERS];
	struct sum *next;
};

static struct sum *sum_of(struct arena *arena, struct sum **sums, const struct row *row)
{
	struct sum *sum;

	for (sum = *sums; sum; sum = sum->next)
		if (str_eq(sum->device, row->device) && str_eq(sum->port, row->port))
			return sum;
	sum = ARENA_NEW(arena, struct sum);
	if (!sum)
		return NULL;
	sum->device = arena_strdup(arena, row->device);
	sum->port = arena_strdup(arena, row->port);
	sum->next = *sums;
	*sums = sum;
	return sum->device && sum->port ? sum : NULL;
}

static int sum_process(struct collecting *c, uint64_t pid, struct sum **sums)
{
	const struct rows *rows = &c->stats->rows;
	size_t low = 0, high = rows->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (rows->v[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < rows->n && rows->v[low].pid == pid; low++) {
		const struct row *row = &rows->v[low];
		struct sum *sum = sum_of(c->s->arena, sums, row);

		if (!sum)
			return -ENOMEM;
		sum->rows[row->kind]++;
		sum->lengths[row->kind] += row->length;
		for (size_t i = 0; i < N_QP_COUNTERS; i++)
			sum->counters[i] += row->counters[i];
	}
	return 0;
}

static int add_value(struct collecting *c, size_t metric, uint64_t value, const struct sum *sum,
	const char *uuid)
{
	return scrape_add(c->s, &rdma_metrics[metric], (double)value, c->manager,
		c->s->env->hostname, sum->device, sum->port, uuid);
}

static int add_sum(struct collecting *c, const struct sum *sum, const char *uuid)
{
	/* One that only the statistics know is one all the same. */
	const uint64_t qps = sum->rows[QUEUE_PAIR] ? sum->rows[QUEUE_PAIR]
						   : sum->rows[STATISTIC] != 0;
	int r = 0;

	if (sum->rows[MR]) {
		r = add_value(c, MRS, sum->rows[MR], sum, uuid);
		if (r >= 0)
			r = add_value(c, MR_LENGTH, sum->lengths[MR], sum, uuid);
	}
	if (r >= 0 && sum->rows[CQ]) {
		r = add_value(c, CQS, sum->rows[CQ], sum, uuid);
		if (r >= 0)
			r = add_value(c, CQE_LENGTH, sum->lengths[CQ], sum, uuid);
	}
	if (r >= 0 && qps)
		r = add_value(c, QPS, qps, sum, uuid);
	for (size_t i = 0; r >= 0 && i < N_QP_COUNTERS; i++)
		if (sum->counters[i])
			r = add_value(c, FIRST_QP_COUNTER + i, sum->counters[i], sum, uuid);
	return r;
}

static int add_unit(
	void *ctx, const struct unit_key *key, const char *id, const uint64_t *pids, size_t n)
{
	struct collecting *c = ctx;
	struct sum *sums = NULL;
	const char *uuid;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = sum_process(c, pids[i], &sums);
	uuid = sums ? arena_strdup(c->s->arena, key->uuid) : "";
	if (!uuid)
		return -ENOMEM;
	for (const struct sum *sum = sums; r >= 0 && sum; sum = sum->next)
		r = add_sum(c, sum, uuid);
	return r;
}

static int add_units(struct collecting *c, struct unit_table *table)
{
	struct rdma_stats *stats = c->stats;
	const int64_t now_ns = clock_monotonic_ns(stats->config.clock);
	int r = 0;

	pthread_mutex_lock(&stats->lock);
	if (stats->sample_ns && now_ns - stats->sample_ns <= MAX_AGE_NS) {
		if (stats->rows.n)
			r = unit_table_processes(table, add_unit, c);
		if (r >= 0 || r == -ENODATA)
			r = scrape_add_age(c->s, c->manager, "rdma", stats->sample_ns);
	}
	pthread_mutex_unlock(&stats->lock);
	return r;
}

int rdma_stats_collect(
	struct rdma_stats *stats, struct unit_table *table, const char *manager, struct scrape *s)
{
	struct collecting c = { stats, s, manager };
	const struct infiniband_visitor visitor = { NULL, add_port, &c };
	int r = infiniband_walk(s->env->host->sysfs_fd, s->arena, &visitor);

	return r < 0 ? r : add_units(&c, table);
}
