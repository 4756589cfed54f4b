// SPDX-License-Identifier: Apache-2.0
#include "lb/metrics.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "basic/version.h"
#include "lb/lb.h"

/* Upper ends of the buckets of durations, in microseconds. */
static const int64_t bounds_us[] = { 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
	500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000 };

const char *const metrics_reasons[] = { "", "cluster", "hidden", "lifetime", "limit", "malformed",
	"memory", "no_server", "owner", "owner_unavailable", "path", "resource", "syntax",
	"too_large", "unbound", "user", "other", NULL };
enum { N_REASONS = ARRAY_SIZE(metrics_reasons) - 1 };

struct duration {
	_Atomic uint64_t buckets[ARRAY_SIZE(bounds_us)];
	_Atomic uint64_t count, sum_us;
};

struct metrics {
	_Atomic uint64_t requests[N_GATE_KINDS][N_OUTCOMES][N_REASONS];
	_Atomic uint64_t cut[N_GATE_KINDS], gone[N_GATE_KINDS], early[N_GATE_KINDS];
	_Atomic uint64_t request_bytes[N_GATE_KINDS], response_bytes[N_GATE_KINDS];
	_Atomic int64_t active[N_GATE_KINDS];
	struct duration durations[N_GATE_KINDS], upstream[N_GATE_KINDS];
};

static const char *const outcomes[N_OUTCOMES] = {
	[OUTCOME_REFUSED] = "refused",
	[OUTCOME_ANSWERED] = "answered",
	[OUTCOME_ALLOWED] = "allowed",
	[OUTCOME_ADMIN] = "admin",
	[OUTCOME_OPEN] = "open",
};

const char *outcome_name(enum outcome outcome)
{
	return outcomes[outcome];
}

int metrics_new(struct metrics **ret_metrics)
{
	*ret_metrics = calloc(1, sizeof(**ret_metrics));
	return *ret_metrics ? 0 : -ENOMEM;
}

void metrics_free(struct metrics *m)
{
	free(m);
}

static size_t index_of(const char *reason)
{
	for (size_t i = 0; i < N_REASONS; i++)
		if (str_eq(metrics_reasons[i], reason))
			return i;
	return N_REASONS - 1;
}

static void observe(struct duration *d, int64_t us)
{
	for (size_t i = 0; i < ARRAY_SIZE(bounds_us); i++) {
		if (us <= bounds_us[i]) {
			d->buckets[i]++;
			break;
		}
	}
	d->sum_us += (uint64_t)us;
	d->count++;
}

void metrics_begin(struct metrics *m, enum gate_kind kind)
{
	m->active[kind]++;
}

void metrics_count(struct metrics *m, enum gate_kind kind, enum outcome outcome, const char *reason,
	const struct exchange_report *report)
{
	m->active[kind]--;
	m->requests[kind][outcome][index_of(reason)]++;
	m->cut[kind] += report->outcome == EXCHANGE_CUT;
	m->gone[kind] += report->outcome == EXCHANGE_CLIENT_GONE;
	m->request_bytes[kind] += report->request_bytes;
	m->response_bytes[kind] += report->response_bytes;
	observe(&m->durations[kind], report->duration_us);
	if (report->upstream_us)
		observe(&m->upstream[kind], report->upstream_us);
}

void metrics_count_early(struct metrics *m, enum gate_kind kind)
{
	m->early[kind]++;
}

static void head(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_printf(
		out, "# HELP ceems_lb_%s %s\n# TYPE ceems_lb_%s %s\n", name, help, name, type);
}

static void label(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n') {
			buffer_puts(out, "\\n");
			continue;
		}
		if (*text == '"' || *text == '\\')
			buffer_putc(out, '\\');
		buffer_putc(out, *text);
	}
}

static const char *name_of(enum gate_kind kind)
{
	return server_kind_name(kind);
}

static void by_kind(struct lb *lb, struct buffer *out, const char *name, const char *type,
	const char *help, const _Atomic uint64_t *values)
{
	head(out, name, type, help);
	for (size_t i = 0; i < lb->n_kinds; i++)
		buffer_printf(out, "ceems_lb_%s{backend_type=\"%s\"} %llu\n", name,
			name_of(lb->kinds[i]), (unsigned long long)values[lb->kinds[i]]);
}

static void write_requests(struct lb *lb, struct buffer *out)
{
	head(out, "requests_total", "counter", "Requests by what was decided and why.");
	for (size_t i = 0; i < lb->n_kinds; i++) {
		for (int o = 0; o < N_OUTCOMES; o++) {
			for (size_t r = 0; r < N_REASONS; r++) {
				uint64_t n = lb->metrics->requests[lb->kinds[i]][o][r];

				if (n)
					buffer_printf(out,
						"ceems_lb_requests_total{backend_type=\"%s\","
						"outcome=\"%s\",reason=\"%s\"} %llu\n",
						name_of(lb->kinds[i]), outcomes[o],
						metrics_reasons[r], (unsigned long long)n);
			}
		}
	}
}

static void write_duration(struct lb *lb, struct buffer *out, const char *name, const char *help,
	const struct duration *all)
{
	head(out, name, "histogram", help);
	for (size_t i = 0; i < lb->n_kinds; i++) {
		const struct duration *d = &all[lb->kinds[i]];
		const char *kind = name_of(lb->kinds[i]);
		uint64_t below = 0, count = d->count;

		for (size_t b = 0; b < ARRAY_SIZE(bounds_us); b++) {
			below += d->buckets[b];
			buffer_printf(out,
				"ceems_lb_%s_bucket{backend_type=\"%s\",le=\"%g\"} %llu\n", name,
				kind, (double)bounds_us[b] / 1e6, (unsigned long long)below);
		}
		/* Counted meanwhile by others, it must not be less than its parts. */
		count = MAX(count, below);
		buffer_printf(out,
			"ceems_lb_%s_bucket{backend_type=\"%s\",le=\"+Inf\"} %llu\n"
			"ceems_lb_%s_sum{backend_type=\"%s\"} %.6f\n"
			"ceems_lb_%s_count{backend_type=\"%s\"} %llu\n",
			name, kind, (unsigned long long)count, name, kind, (double)d->sum_us / 1e6,
			name, kind, (unsigned long long)count);
	}
}

static void backend(struct buffer *out, const char *name, const struct server *s)
{
	buffer_printf(out, "ceems_lb_%s{backend_type=\"%s\",cluster_id=\"", name, name_of(s->kind));
	label(out, s->cluster);
	buffer_puts(out, "\",backend=\"");
	label(out, s->name);
	buffer_puts(out, "\"");
}

/* Two entries of the configuration with one address would be one series twice. */
static bool is_first(const struct pool *pool, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_eq(pool->servers[i]->name, pool->servers[at]->name))
			return false;
	return true;
}

static void each_server(struct lb *lb, const struct state *state, struct buffer *out,
	void (*write)(struct buffer *out, const struct server *server))
{
	for (size_t k = 0; k < lb->n_kinds; k++) {
		const struct pools *pools = state->pools[lb->kinds[k]];

		for (size_t i = 0; i < pools->n; i++)
			for (size_t j = 0; j < pools->v[i].n; j++)
				if (is_first(&pools->v[i], j))
					write(out, pools->v[i].servers[j]);
	}
}

static void write_up(struct buffer *out, const struct server *s)
{
	backend(out, "backend_up", s);
	buffer_printf(out, "} %d\n", s->alive);
}

static void write_active(struct buffer *out, const struct server *s)
{
	backend(out, "backend_active_requests", s);
	buffer_printf(out, "} %u\n", upstream_active(s->upstream));
}

static void write_attempts(struct buffer *out, const struct server *s)
{
	static const char *const results[] = {
		[ATTEMPT_ANSWERED] = "answered",
		[ATTEMPT_UNREACHABLE] = "unreachable",
		[ATTEMPT_BROKEN] = "broken",
		[ATTEMPT_TIMEOUT] = "timeout",
		[ATTEMPT_CLIENT_GONE] = "client_gone",
	};

	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		backend(out, "backend_requests_total", s);
		buffer_printf(out, ",result=\"%s\"} %llu\n", results[i],
			(unsigned long long)s->attempts[i]);
	}
}

static void write_backends(struct lb *lb, const struct state *state, struct buffer *out)
{
	head(out, "backend_up", "gauge", "Whether the server could be connected to.");
	each_server(lb, state, out, write_up);
	head(out, "backend_active_requests", "gauge", "Requests that the server works on.");
	each_server(lb, state, out, write_active);
	head(out, "backend_requests_total", "counter",
		"Attempts at the server by their result, since the configuration was loaded.");
	each_server(lb, state, out, write_attempts);
}

static void value(
	struct buffer *out, const char *name, const char *type, const char *help, uint64_t n)
{
	head(out, name, type, help);
	buffer_printf(out, "ceems_lb_%s %llu\n", name, (unsigned long long)n);
}

static void write_owners(struct owners *owners, struct buffer *out)
{
	struct owners_stats stats;

	owners_stats(owners, &stats);
	value(out, "owner_cache_hits_total", "counter",
		"Lookups of ownership answered from memory.", stats.hits);
	value(out, "owner_cache_misses_total", "counter",
		"Lookups of ownership that the source was asked for.", stats.misses);
	value(out, "owner_cache_entries", "gauge", "Answers about ownership in memory.",
		stats.entries);
	value(out, "owner_failures_total", "counter",
		"Lookups of ownership that failed; such requests are refused.", stats.failures);
	value(out, "owner_source_up", "gauge", "Whether ownership can be looked up.",
		!stats.failing);
}

static void write_gauges(struct lb *lb, struct buffer *out)
{
	struct proxy_stats stats = { 0 };
	size_t active, waiting;

	head(out, "active_requests", "gauge", "Requests under way.");
	for (size_t i = 0; i < lb->n_kinds; i++)
		buffer_printf(out, "ceems_lb_active_requests{backend_type=\"%s\"} %lld\n",
			name_of(lb->kinds[i]), (long long)lb->metrics->active[lb->kinds[i]]);
	users_count(lb->users, &active, &waiting);
	value(out, "queued_requests", "gauge",
		"Requests that wait until an earlier one of their user is answered.", waiting);
	if (!lb->proxy)
		return;
	proxy_stats(lb->proxy, &stats);
	value(out, "connections", "gauge", "Connections of clients.", stats.connections);
	value(out, "accepted_connections_total", "counter", "Connections of clients so far.",
		stats.accepted);
}

void metrics_write(struct lb *lb, struct buffer *out)
{
	const struct version *v = version_info();
	struct metrics *m = lb->metrics;
	struct state *state = lb_state(lb);

	head(out, "build_info", "gauge", "What this build is; always 1.");
	buffer_printf(out, "ceems_lb_build_info{version=\"%s\",branch=\"%s\",revision=\"%s\"} 1\n",
		v->version, v->branch, v->revision);
	write_requests(lb, out);
	by_kind(lb, out, "malformed_requests_total", "counter",
		"Requests that were refused before they were looked at: bad syntax, failed logins.",
		m->early);
	by_kind(lb, out, "cut_answers_total", "counter",
		"Answers whose end is missing, because a server failed in their middle.", m->cut);
	by_kind(lb, out, "left_clients_total", "counter",
		"Clients that left before their answer was complete.", m->gone);
	by_kind(lb, out, "request_body_bytes_total", "counter", "Bodies of requests.",
		m->request_bytes);
	by_kind(lb, out, "response_body_bytes_total", "counter", "Bodies of answers.",
		m->response_bytes);
	write_duration(lb, out, "request_duration_seconds",
		"From the head of a request to the end of its answer.", m->durations);
	write_duration(lb, out, "upstream_duration_seconds",
		"From the head of a request to the head of the server's answer.", m->upstream);
	write_gauges(lb, out);
	write_backends(lb, state, out);
	if (state->owners)
		write_owners(state->owners, out);
	state_unref(state);
}
