// SPDX-License-Identifier: Apache-2.0
/* A request that may go on: its servers, and what is taken out of the answer. */
#include <errno.h>

#include "lb/visit.h"

enum { NS_PER_MS = 1000000 };

static int filter_begin(void *ctx, int status, struct slice content_type)
{
	struct visit *v = ctx;
	enum filter_verdict verdict;
	int r;

	/* Each server has its own list. */
	if (!v->server || !v->server->filter_labels->n)
		return 0;
	verdict = filter_judge(status, content_type);
	if (verdict == FILTER_PASS)
		return 0;
	if (verdict == FILTER_REFUSE)
		return -EBADMSG;
	filter_free(v->filter);
	v->filter = NULL;
	r = filter_new(v->filter_kind, v->server->filter_labels, v->filter_label, &v->filter);
	return r < 0 ? r : 1;
}

static int filter_data(void *ctx, const char *data, size_t n, bool last, struct buffer *out)
{
	struct visit *v = ctx;

	return filter_feed(v->filter, (struct slice){ data, n }, last, out);
}

static const struct exchange_filter answer_filter = { filter_begin, filter_data };

void visit_forward(struct visit *v)
{
	v->out.timeout_ms = lb_config_timeout_ms(
		&v->state->settings->config, v->out.rewritten ? v->out.path : v->request.path);
	if (v->filter_kind != GATE_FILTER_NONE && v->pool->hidden_labels.n) {
		v->out.filter = &answer_filter;
		v->out.filter_ctx = v;
	}
	exchange_forward(v->x, &v->out);
}

bool visit_hides_labels(const struct visit *v)
{
	return v->kind == GATE_TSDB && v->pool->hidden_labels.n;
}

/* Their values could come back under another name, or be guessed. */
static bool asks_for_hidden_labels(struct visit *v)
{
	const struct gate_cluster cluster = visit_cluster_of(v);
	struct gate_refusal refusal;
	int r = gate_judge_hidden(
		&v->plan, v->request.path, &cluster, exchange_arena(v->x), &refusal);

	if (r == -EACCES)
		visit_refuse_as_the_gate_says(v, &refusal);
	else if (r < 0)
		visit_refuse_for_memory(v);
	return r < 0;
}

/* Whether there is a body that nobody has read, where a server might find parameters in it though
 * its type is not quite that of a form. */
static bool has_unread_parameters(const struct visit *v)
{
	const bool closed = v->plan.outcome == GATE_REFUSED &&
		v->plan.refusal.reason == GATE_RESOURCE;

	return exchange_has_body(v->x) && !v->body_read && !closed;
}

void visit_forward_as_it_came(struct visit *v)
{
	int r = 0;

	v->out.query = exchange_query(v->x);
	if (visit_hides_labels(v)) {
		if (asks_for_hidden_labels(v))
			return;
		if (has_unread_parameters(v)) {
			visit_refuse(v, REPLY_MALFORMED, "malformed",
				"the body must be of type application/x-www-form-urlencoded where "
				"labels are filtered");
			return;
		}
		r = gate_filter_of_path(
			v->request.path, exchange_arena(v->x), &v->filter_kind, &v->filter_label);
	}
	if (r == -EBADMSG)
		visit_refuse(v, REPLY_MALFORMED, "path",
			"a path that servers read in different ways, where labels are filtered");
	else if (r < 0)
		visit_refuse_for_memory(v);
	else
		visit_forward(v);
}

struct upstream *visit_pick(struct visit *v)
{
	const struct pools *pools = v->state->pools[v->kind];
	int64_t reach_ms = v->out.rewritten ? v->decided.reach_start_ms : INT64_MAX;

	v->server = pool_pick(
		pools, v->pool, &v->tried, reach_ms, clock_realtime_ns(v->lb->clock) / NS_PER_MS);
	if (!v->server)
		return NULL;
	log_debug(v->lb->log,
		pools->strategy == &strategy_round_robin ? "Round Robin strategy"
							 : "Least connection strategy",
		LOG_STR("backend_type", server_kind_name(v->kind)),
		LOG_STR("cluster_id", v->pool->id), LOG_STR("selected_backend", v->server->name));
	return v->server->upstream;
}

void visit_leave(struct visit *v)
{
	if (v->slot)
		users_leave(v->lb->users, v->slot,
			(size_t)v->state->settings->config.requests_per_user);
	filter_free(v->filter);
	state_unref(v->state);
}
