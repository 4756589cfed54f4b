// SPDX-License-Identifier: Apache-2.0
#include "lb/access/cut.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "basic/macros.h"
#include "format/promql/re2_set.h"
#include "lb/access/text.h"

#define INDEX_MARGIN_MS ((int64_t)GATE_INDEX_MARGIN_DAYS * 24 * 60 * 60 * 1000)

enum { NS_PER_MS = 1000000, DATE_MAX = 32 };

/* Times that must not be read, or at which nothing may be evaluated; both ends belong to it. */
struct zone {
	int64_t from, to;
};

struct zones {
	struct cut *cut;
	struct zone *v;
	size_t n, cap;
};

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static int64_t sub(int64_t a, int64_t b)
{
	int64_t difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return b < 0 ? INT64_MAX : INT64_MIN;
	return difference;
}

bool cut_is_needed(const struct cut *cut)
{
	for (size_t i = 0; i < cut->units->n; i++)
		if (cut->lives[i].n_foreign)
			return true;
	return false;
}

/* The foreign time with its margin, which does not reach into what is the caller's own. */
static struct zone widened(const struct gate_unit_lives *lives, const struct gate_life *foreign)
{
	const int64_t start = MIN(foreign->start_ms, foreign->end_ms);
	const int64_t end = MAX(foreign->start_ms, foreign->end_ms);
	struct zone zone = { sub(start, GATE_LIFE_MARGIN_MS), add(end, GATE_LIFE_MARGIN_MS) };

	for (size_t i = 0; i < lives->n; i++) {
		const struct gate_life *own = &lives->v[i];

		if (own->end_ms <= start)
			zone.from = MAX(zone.from, own->end_ms);
		if (own->start_ms >= end)
			zone.to = MIN(zone.to, own->start_ms);
	}
	return zone;
}

static int add_zone(struct zones *zones, struct zone zone)
{
	if (zones->n == CUT_ZONES_MAX) {
		zones->cut->why = "too many selectors and units whose ids were used again";
		return -EACCES;
	}
	if (zones->n == zones->cap) {
		const size_t cap = zones->cap ? zones->cap * 2 : 16;
		struct zone *v = arena_grow(zones->cut->arena, zones->v, zones->n, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		zones->v = v;
		zones->cap = cap;
	}
	zones->v[zones->n++] = zone;
	return 0;
}

static const char *date(int64_t ms, char text[static DATE_MAX])
{
	const time_t seconds = ms / 1000;
	struct tm tm;

	if (ms == INT64_MAX || !gmtime_r(&seconds, &tm) ||
		!strftime(text, DATE_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return "now";
	return text;
}

/* Says what is the caller's own, never when the id was whose else. */
static int refuse(struct cut *cut, const struct promql_node *selector, size_t unit)
{
	const struct gate_unit_lives *lives = &cut->lives[unit];
	char shown[TEXT_EXCERPT_MAX], id[TEXT_EXCERPT_MAX], from[DATE_MAX], to[DATE_MAX];
	const struct gate_life *own = lives->n ? &lives->v[lives->n - 1] : NULL;

	text_excerpt(selector->text, shown);
	text_excerpt(slice_from(cut->units->v[unit]), id);
	if (own)
		cut->why = arena_printf(cut->arena,
			"selector '%s' reads times at which the id '%s' was another unit's; yours "
			"is from %s to %s",
			shown, id, date(own->start_ms, from), date(own->end_ms, to));
	else
		cut->why = arena_printf(cut->arena,
			"selector '%s' reads times at which the id '%s' was another unit's", shown,
			id);
	return cut->why ? -EACCES : -ENOMEM;
}

/* -1: not one of the request's units. */
static ssize_t find_unit(const struct cut *cut, struct slice id)
{
	for (size_t i = 0; i < cut->units->n; i++)
		if (slice_eq(id, cut->units->v[i]))
			return (ssize_t)i;
	return -1;
}

/* At which evaluations the selector would read foreign times of the unit. */
static int judge_unit(struct zones *zones, const struct promql_node *selector,
	const struct reach *reach, size_t unit)
{
	const struct gate_unit_lives *lives = &zones->cut->lives[unit];

	for (size_t i = 0; i < lives->n_foreign; i++) {
		const struct zone zone = widened(lives, &lives->foreign[i]);
		int r;

		if (!reach->known)
			return refuse(zones->cut, selector, unit);
		if (reach->fixed) {
			if (reach->to_ms >= zone.from && reach->from_ms <= zone.to)
				return refuse(zones->cut, selector, unit);
			continue;
		}
		r = add_zone(zones,
			(struct zone){
				sub(zone.from, reach->to_ms), sub(zone.to, reach->from_ms) });
		if (r < 0)
			return r;
	}
	return 0;
}

static int judge_selector(void *ctx, const struct promql_node *selector, const struct reach *reach)
{
	struct zones *zones = ctx;

	for (size_t i = 0; i < selector->selector.n_matchers; i++) {
		const struct promql_matcher *m = &selector->selector.matchers[i];
		struct re2_set set = { &m->value, 1 };
		int r = 0;

		if (!slice_eq(m->name, GATE_UNIT_LABEL) ||
			(m->op != PROMQL_EQUAL && m->op != PROMQL_REGEX))
			continue;
		if (m->op == PROMQL_REGEX)
			r = re2_set_parse(m->value, zones->cut->arena, &set);
		if (r == -ERANGE)
			continue; /* it only narrows */
		for (size_t k = 0; r >= 0 && k < set.n; k++) {
			const ssize_t unit = find_unit(zones->cut, set.members[k]);

			if (unit >= 0)
				r = judge_unit(zones, selector, reach, (size_t)unit);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct zone *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

/* Whether one of the ids that were used again was the caller's in this time. */
static bool has_own(const struct cut *cut, struct zone gap)
{
	for (size_t i = 0; i < cut->units->n; i++) {
		const struct gate_unit_lives *lives = &cut->lives[i];

		for (size_t k = 0; lives->n_foreign && k < lives->n; k++)
			if (lives->v[k].start_ms <= gap.to && lives->v[k].end_ms >= gap.from)
				return true;
	}
	return false;
}

struct choice {
	const struct cut *cut;
	int64_t start, step; /* of the grid */
	struct zone best;
	bool found, best_has_own;
};

/* Later ones are better, and ones with something of the caller's. */
static void offer(struct choice *choice, int64_t from, int64_t to)
{
	const int64_t past = from > choice->start ? (from - choice->start) % choice->step : 0;
	const struct zone gap = { past ? add(from, choice->step - past) : from, to };
	bool own;

	if (gap.from > gap.to)
		return;
	own = has_own(choice->cut, gap);
	if (choice->found && choice->best_has_own && !own)
		return;
	choice->best = gap;
	choice->best_has_own = own;
	choice->found = true;
}

/* The best piece of start to end without a zone in it. */
static bool best_gap(
	struct zones *zones, int64_t start, int64_t end, int64_t step, struct zone *ret_gap)
{
	struct choice choice = { zones->cut, start, step, { 0, 0 }, false, false };
	int64_t from = start;

	if (zones->n)
		qsort(zones->v, zones->n, sizeof(*zones->v), by_start);
	for (size_t i = 0; i < zones->n && from <= end; i++) {
		if (zones->v[i].from > from)
			offer(&choice, from, MIN(sub(zones->v[i].from, 1), end));
		from = MAX(from, add(zones->v[i].to, 1));
	}
	if (from <= end)
		offer(&choice, from, end);
	*ret_gap = choice.best;
	return choice.found;
}

static bool has_range(const struct promql_duration *d)
{
	if (!d)
		return false;
	return d->kind == PROMQL_DURATION_RANGE || has_range(d->left) || has_range(d->right);
}

/* What another start or end would give another meaning. */
static int depends_on_bounds(void *ctx, struct promql_node *node)
{
	bool depends = false;

	if (node->kind == PROMQL_NODE_CALL)
		depends = str_eq(node->call.function, "start") ||
			str_eq(node->call.function, "end") || str_eq(node->call.function, "range");
	if (node->kind == PROMQL_NODE_SELECTOR)
		depends = has_range(node->selector.range) ||
			has_range(node->selector.modifiers.offset);
	if (node->kind == PROMQL_NODE_SUBQUERY)
		depends = has_range(node->subquery.range) || has_range(node->subquery.step) ||
			has_range(node->subquery.modifiers.offset);
	return depends ? -EACCES : 0;
}

static int pin_bounds(void *ctx, struct promql_node *node)
{
	const struct reach_query *query = ctx;
	struct promql_modifiers *m;

	if (node->kind == PROMQL_NODE_SELECTOR)
		m = &node->selector.modifiers;
	else if (node->kind == PROMQL_NODE_SUBQUERY)
		m = &node->subquery.modifiers;
	else
		return 0;
	if (m->at == PROMQL_AT_START)
		m->at_ms = query->start_ms;
	else if (m->at == PROMQL_AT_END)
		m->at_ms = query->end_ms;
	if (m->at != PROMQL_AT_NONE)
		m->at = PROMQL_AT_TIME;
	return 0;
}

int cut_query(struct cut *cut, struct promql_node *node, struct reach_query *query)
{
	struct zones zones = { .cut = cut };
	struct reach_query evaluated = *query;
	struct zone gap;
	int r;

	evaluated.fetched = true;
	r = reach_walk(node, &evaluated, judge_selector, &zones);
	if (r < 0)
		return r;
	if (!best_gap(&zones, query->start_ms, query->end_ms, MAX(query->step_ns / NS_PER_MS, 1),
		    &gap))
		return -ENODATA;
	if (gap.from == query->start_ms && gap.to == query->end_ms)
		return 0;
	if (promql_walk(node, depends_on_bounds, NULL) < 0) {
		cut->why = "a query that asks for its own bounds cannot be cut to the times at "
			   "which its units are yours";
		return -EACCES;
	}
	promql_walk(node, pin_bounds, query);
	query->start_ms = gap.from;
	query->end_ms = gap.to;
	return 0;
}

int cut_window(struct cut *cut, bool index, int64_t *start_ms, int64_t *end_ms)
{
	struct zones zones = { .cut = cut };
	struct zone gap;

	for (size_t i = 0; i < cut->units->n; i++) {
		const struct gate_unit_lives *lives = &cut->lives[i];

		for (size_t k = 0; k < lives->n_foreign; k++) {
			const struct gate_life *foreign = &lives->foreign[k];
			struct zone zone = widened(lives, foreign);
			int r;

			if (index) {
				zone.from = sub(foreign->start_ms, INDEX_MARGIN_MS);
				zone.to = add(foreign->end_ms, INDEX_MARGIN_MS);
			}
			r = add_zone(&zones, zone);
			if (r < 0)
				return r;
		}
	}
	if (!best_gap(&zones, *start_ms, *end_ms, 1, &gap))
		return -ENODATA;
	*start_ms = gap.from;
	*end_ms = gap.to;
	return 0;
}
