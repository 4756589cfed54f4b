// SPDX-License-Identifier: Apache-2.0
#include "lb/access/reach.h"

#include <math.h>

#include "basic/macros.h"

/* A duration longer than this is not one that can be reasoned about: 10,000 years. */
#define DURATION_MAX_S 3.2e11

enum {
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
	NS_PER_S = 1000000000,
	SILENCE_MIN_MS = 5 * 60 * 1000, /* what VictoriaMetrics fetches more, at the least */
};

struct walk {
	const struct reach_query *query;
	reach_fn each;
	void *ctx;
};

/* When something is evaluated: between from and to. */
struct times {
	bool known, fixed;
	int64_t from_ms, to_ms;
	int64_t step_ms; /* between evaluations; at least 1 */
};

/* In seconds; NaN: not known. */
static double seconds(const struct promql_duration *d, const struct reach_query *query)
{
	double left, right;

	switch (d->kind) {
	case PROMQL_DURATION_LITERAL:
		return (double)d->ns / NS_PER_S;
	case PROMQL_DURATION_STEP:
		return query->step_ns ? (double)query->step_ns / NS_PER_S : NAN;
	case PROMQL_DURATION_RANGE:
		return (double)(query->end_ms - query->start_ms) / MS_PER_S;
	case PROMQL_DURATION_PAREN:
		return seconds(d->right, query);
	case PROMQL_DURATION_UNARY:
		right = seconds(d->right, query);
		return d->op == '-' ? -right : right;
	case PROMQL_DURATION_MAX_OF:
	case PROMQL_DURATION_MIN_OF:
	case PROMQL_DURATION_BINARY:
		break;
	}
	left = seconds(d->left, query);
	right = seconds(d->right, query);
	if (isnan(left) || isnan(right))
		return NAN;
	if (d->kind == PROMQL_DURATION_MAX_OF)
		return MAX(left, right);
	if (d->kind == PROMQL_DURATION_MIN_OF)
		return MIN(left, right);
	switch (d->op) {
	case '+':
		return left + right;
	case '-':
		return left - right;
	case '*':
		return left * right;
	case '/':
		return left / right;
	case '%':
		return fmod(left, right);
	case '^':
		return pow(left, right);
	default:
		return NAN;
	}
}

/* Whole ms that hold the duration; false: not known. */
static bool duration_ms(const struct promql_duration *d, const struct walk *w, int64_t *ret_ms)
{
	const double s = seconds(d, w->query);

	if (!(fabs(s) < DURATION_MAX_S))
		return false;
	*ret_ms = (int64_t)(s < 0 ? floor(s * MS_PER_S) : ceil(s * MS_PER_S));
	return true;
}

/* How much earlier an evaluation is that is moved to a multiple of the query's step. */
static int64_t moved_ms(const struct reach_query *query, int64_t time_ms)
{
	const int64_t step_ms = query->step_ns / NS_PER_MS;
	int64_t past_ms;

	if (!query->fetched || !step_ms)
		return 0;
	past_ms = time_ms % step_ms;
	return past_ms < 0 ? past_ms + step_ms : past_ms;
}

/* What offset and '@' make of the times of evaluation. */
static struct times modified(struct times t, const struct promql_modifiers *m, const struct walk *w)
{
	int64_t offset = 0;

	if (m->at != PROMQL_AT_NONE) {
		int64_t at = m->at_ms, from = at;

		if (m->at != PROMQL_AT_TIME) {
			at = m->at == PROMQL_AT_START ? w->query->start_ms : w->query->end_ms;
			from = at - moved_ms(w->query, at);
		}
		t = (struct times){ true, true, from, at, t.step_ms };
	}
	if (m->offset && !duration_ms(m->offset, w, &offset))
		t.known = false;
	if (__builtin_sub_overflow(t.from_ms, offset, &t.from_ms) ||
		__builtin_sub_overflow(t.to_ms, offset, &t.to_ms))
		t.known = false;
	return t;
}

static void back(struct times *t, int64_t ms)
{
	if (__builtin_sub_overflow(t->from_ms, ms, &t->from_ms))
		t->known = false;
}

static void ahead(struct times *t, int64_t ms)
{
	if (__builtin_add_overflow(t->to_ms, ms, &t->to_ms))
		t->known = false;
}

static int64_t silence_ms(const struct walk *w)
{
	return MAX(w->query->lookback_ms, (int64_t)SILENCE_MIN_MS);
}

static int reach_node(const struct walk *w, const struct promql_node *node, struct times t);

static int reach_selector(const struct walk *w, const struct promql_node *node, struct times t)
{
	const struct promql_modifiers *m = &node->selector.modifiers;
	int64_t range = 0;

	t = modified(t, m, w);
	if (node->selector.range && !duration_ms(node->selector.range, w, &range))
		t.known = false;
	if (node->selector.range && w->query->fetched) {
		back(&t, MAX(range, t.step_ms));
		back(&t, silence_ms(w));
	} else {
		back(&t, range);
		/* Both take the last sample before the range. */
		if (!node->selector.range || m->anchored || m->smoothed)
			back(&t, w->query->lookback_ms);
	}
	if (m->smoothed) /* and the first one after it */
		ahead(&t, w->query->lookback_ms);
	return w->each(w->ctx, node, &(struct reach){ t.known, t.fixed, t.from_ms, t.to_ms });
}

static int reach_subquery(const struct walk *w, const struct promql_node *node, struct times t)
{
	int64_t range = 0;

	t = modified(t, &node->subquery.modifiers, w);
	if (!duration_ms(node->subquery.range, w, &range))
		t.known = false;
	back(&t, range);
	if (w->query->fetched) {
		if (node->subquery.step && !duration_ms(node->subquery.step, w, &t.step_ms))
			t.known = false;
		t.step_ms = MAX(t.step_ms, 1);
		back(&t, silence_ms(w));
		/* One more, and one to the next multiple of it, on both sides. */
		for (int i = 0; i < 2; i++) {
			back(&t, t.step_ms);
			ahead(&t, t.step_ms);
		}
	}
	return reach_node(w, node->subquery.expr, t);
}

static int reach_node(const struct walk *w, const struct promql_node *node, struct times t)
{
	int r = 0;

	switch (node->kind) {
	case PROMQL_NODE_NUMBER:
	case PROMQL_NODE_STRING:
		return 0;
	case PROMQL_NODE_SELECTOR:
		return reach_selector(w, node, t);
	case PROMQL_NODE_SUBQUERY:
		return reach_subquery(w, node, t);
	case PROMQL_NODE_UNARY:
		return reach_node(w, node->unary.expr, t);
	case PROMQL_NODE_BINARY:
		r = reach_node(w, node->binary.left, t);
		return r < 0 ? r : reach_node(w, node->binary.right, t);
	case PROMQL_NODE_AGGREGATION:
		if (node->aggregation.param)
			r = reach_node(w, node->aggregation.param, t);
		return r < 0 ? r : reach_node(w, node->aggregation.expr, t);
	case PROMQL_NODE_CALL:
		for (size_t i = 0; r >= 0 && i < node->call.n_args; i++)
			r = reach_node(w, node->call.args[i], t);
		return r;
	case PROMQL_NODE_PAREN:
		return reach_node(w, node->paren, t);
	}
	return 0;
}

int reach_walk(
	const struct promql_node *node, const struct reach_query *query, reach_fn each, void *ctx)
{
	const struct walk w = { query, each, ctx };
	struct times t = { .known = true, .step_ms = query->lookback_ms };

	if (query->step_ns)
		t.step_ms = (query->step_ns - 1) / NS_PER_MS + 1;
	/* All of them, as the first one is. */
	back(&t, moved_ms(query, query->start_ms));
	return reach_node(&w, node, t);
}
