// SPDX-License-Identifier: Apache-2.0
/*
 * Whatever goes on is bound by itself: each of its selectors names units of the plan and nothing
 * else, it is decided again to the same units and the same cluster, and it is written the same.
 *
 * Input: a byte of options, then lines: method, path, query, content type; the rest is the body.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "format/promql/promql.h"
#include "format/promql/re2_set.h"
#include "lb/access/form.h"
#include "lb/access/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 64 << 20 };

static const struct gate_life lives[] = { { 1000000000, 2000000000 } };
static const struct gate_life foreign[] = { { 100000000, 500000000 }, { 3000000000, 3000000001 } };

struct written {
	struct gate_plan plan;
	struct gate_forward forward;
};

struct check {
	const struct strings *units;
	struct arena *arena;
	bool label;
};

static bool is_unit(const struct strings *units, struct slice id)
{
	for (size_t i = 0; i < units->n; i++)
		if (slice_eq(id, units->v[i]))
			return true;
	return false;
}

/* Whether the matcher can match nothing but units of the plan. */
static bool binds(const struct check *check, const struct promql_matcher *m)
{
	struct re2_set set = { &m->value, 1 };

	if (!slice_eq(m->name, "uuid"))
		return false;
	if (m->op == PROMQL_NOT_EQUAL || m->op == PROMQL_NOT_REGEX)
		return false;
	if (m->op == PROMQL_REGEX && re2_set_parse(m->value, check->arena, &set) < 0)
		return false;
	for (size_t i = 0; i < set.n; i++)
		if (!is_unit(check->units, set.members[i]))
			return false;
	return true;
}

static int check_node(void *ctx, struct promql_node *node)
{
	const struct check *check = ctx;
	bool bound = false, labelled = !check->label;

	if (node->kind == PROMQL_NODE_CALL && str_eq(node->call.function, "info"))
		abort();
	if (node->kind != PROMQL_NODE_SELECTOR)
		return 0;
	for (size_t i = 0; i < node->selector.n_matchers; i++) {
		const struct promql_matcher *m = &node->selector.matchers[i];

		bound = bound || binds(check, m);
		labelled = labelled || slice_eq(m->name, "ceems_id");
	}
	if (!bound || !labelled)
		abort();
	return 0;
}

/* Reads what goes on with the parser alone. */
static void check_forward(
	const struct written *w, enum promql_level level, bool label, struct arena *arena)
{
	const struct check check = { &w->plan.units, arena, label };
	struct form form = { NULL, 0, 0 };
	const char *reason;

	if (w->forward.query.p && w->forward.body.p)
		abort();
	if (form_read(w->forward.query, arena, &form, &reason) < 0 ||
		form_read(w->forward.body, arena, &form, &reason) < 0)
		abort();
	for (size_t i = 0; w->plan.outcome == GATE_BOUND && i < form.n; i++) {
		const bool selector = slice_eq(form.v[i].name, "match[]");
		struct promql_node *node;

		if (!selector && !slice_eq(form.v[i].name, "query"))
			continue;
		if ((selector ? promql_parse_selector : promql_parse)(form.v[i].value,
			    &(struct promql_options){ .level = level }, arena, &node, NULL) < 0)
			abort();
		promql_walk(node, check_node, (void *)&check);
	}
}

/* 0, or it was refused. */
static int decide(const struct gate_options *options, const struct gate_request *request,
	const struct gate_cluster *cluster, bool cut, struct arena *arena, struct written *ret)
{
	struct gate_unit_lives *all;
	struct gate_refusal refusal = { N_GATE_REASONS, NULL };
	int r;

	if (gate_read(options, request, arena, &ret->plan) < 0)
		abort();
	if (!ret->plan.cluster)
		abort();
	if (ret->plan.outcome == GATE_REFUSED) {
		refusal = ret->plan.refusal;
	} else {
		if ((ret->plan.outcome == GATE_BOUND) != (ret->plan.units.n > 0))
			abort();
		all = ARENA_ARRAY(arena, struct gate_unit_lives, ret->plan.units.n + 1);
		for (size_t i = 0; i < ret->plan.units.n; i++)
			all[i] = (struct gate_unit_lives){ lives, 1, foreign, cut ? 2 : 0 };
		r = gate_write(options, request, &ret->plan, ret->plan.units.n ? all : NULL,
			cluster, arena, &ret->forward, &refusal);
		if (r >= 0)
			return 0;
		if (r != -EACCES)
			abort();
	}
	if (!refusal.why || !str_is_utf8(refusal.why, strlen(refusal.why)) ||
		gate_status(refusal.reason) < 400)
		abort();
	return -EACCES;
}

static bool same(struct slice a, struct slice b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

static bool same_units(const struct strings *a, const struct strings *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!str_eq(a->v[i], b->v[i]))
			return false;
	return true;
}

static struct slice take_line(struct slice *rest)
{
	struct slice line = { NULL, 0 };

	slice_next(rest, '\n', &line);
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *hidden[] = { "rack" };
	struct slice rest = { (const char *)data + 1, size - 1 };
	struct gate_cluster cluster = { .label = NULL };
	struct gate_request request = {
		.kind = GATE_TSDB, .cluster = "alpha", .now_ms = 1900000000000
	};
	struct gate_options options = { .route_prefix = "/x" };
	struct written first, second;
	struct arena arena;
	bool cut;

	if (!size)
		return 0;
	options.experimental_functions = data[0] & 1;
	options.promql_level = data[0] & 2 ? PROMQL_2_42 : 0;
	cluster.label = data[0] & 4 ? "ceems_id" : NULL;
	cluster.hidden_labels = (struct strings){ hidden, data[0] & 8 ? 1 : 0 };
	cut = data[0] & 16;
	arena_init(&arena, ARENA_BYTES);
	{
		const struct slice method = take_line(&rest);

		request.method = arena_strndup(&arena, method.p ? method.p : "", method.n);
	}
	request.path = take_line(&rest);
	request.query = take_line(&rest);
	request.content_type = take_line(&rest);
	request.body = rest;
	if (decide(&options, &request, &cluster, cut, &arena, &first) >= 0) {
		const struct gate_forward *f = &first.forward;
		const struct gate_request again = { .kind = GATE_TSDB,
			.method = f->method,
			.path = f->path,
			.query = f->query,
			.content_type = f->content_type ? slice_from(f->content_type)
							: (struct slice){ NULL, 0 },
			.body = f->body,
			.cluster = first.plan.cluster,
			.now_ms = request.now_ms };

		check_forward(&first, options.promql_level, cluster.label, &arena);
		if (decide(&options, &again, &cluster, cut, &arena, &second) < 0 ||
			!same_units(&first.plan.units, &second.plan.units) ||
			!str_eq(first.plan.cluster, second.plan.cluster) ||
			first.plan.outcome != second.plan.outcome ||
			!str_eq(f->method, second.forward.method) ||
			!same(f->path, second.forward.path) ||
			!same(f->query, second.forward.query) ||
			!same(f->body, second.forward.body))
			abort();
	}
	arena_done(&arena);
	return 0;
}
