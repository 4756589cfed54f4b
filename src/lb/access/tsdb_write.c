// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>

#include "basic/macros.h"
#include "lb/access/bind.h"
#include "lb/access/cut.h"
#include "lb/access/form.h"
#include "lb/access/hidden.h"
#include "lb/access/reach.h"
#include "lb/access/text.h"
#include "lb/access/tsdb.h"
#include "lb/access/tsdb_request.h"

enum {
	NS_PER_MS = 1000000,
	MS_PER_DAY = 24 * 3600 * 1000,
	INDEX_DAYS_MAX = 39,
};

#define HIDDEN_ANSWER "{\"status\":\"success\"}\n"

struct writer {
	const struct gate_request *request;
	const struct gate_plan *plan;
	const struct gate_unit_lives *lives;
	const struct gate_cluster *cluster;
	struct arena *arena;
	const struct tsdb_request *parsed;
	const struct route *route;
	struct gate_forward forward;
	struct gate_refusal *refusal;
	/* What the times were cut to. */
	bool pin_time, cut_start, cut_end;
	int64_t start_ms, end_ms;
	int64_t exact_lookback_ms; /* 0: the query needn't be cut */
};

/* -EACCES, or -ENOMEM. */
static int refuse(struct writer *w, enum gate_reason reason, const char *why)
{
	if (!why)
		return -ENOMEM;
	*w->refusal = (struct gate_refusal){ reason, why };
	return -EACCES;
}

static int judge_hidden(const struct tsdb_value *value, const struct gate_cluster *cluster,
	struct arena *arena, struct gate_refusal *ret_refusal)
{
	char shown[TEXT_EXCERPT_MAX];
	struct slice where;
	const char *label, *why;

	if (!hidden_find(value->node, &cluster->hidden_labels, &label, &where))
		return 0;
	why = arena_printf(arena, "'%s' asks for label '%s', which is hidden here",
		text_excerpt(where, shown), label);
	if (!why)
		return -ENOMEM;
	*ret_refusal = (struct gate_refusal){ GATE_HIDDEN, why };
	return -EACCES;
}

/* Of a path that is not known here: some servers take queries behind prefixes of their own. */
static int judge_unknown_path(
	struct slice path, struct arena *arena, struct gate_refusal *ret_refusal)
{
	enum gate_filter filter;
	const char *label;
	int r = gate_filter_of_path(path, arena, &filter, &label);

	if (r == -EBADMSG)
		return 0; /* it goes nowhere */
	if (r < 0 || filter == GATE_FILTER_NONE)
		return r;
	*ret_refusal = (struct gate_refusal){ GATE_RESOURCE,
		"what is asked for on this path cannot be told, and labels are hidden" };
	return -EACCES;
}

int tsdb_judge_hidden(const struct gate_plan *plan, struct slice path,
	const struct gate_cluster *cluster, struct arena *arena, struct gate_refusal *ret_refusal)
{
	const struct tsdb_request *parsed = plan->parsed;
	int r = 0;

	if (!cluster->hidden_labels.n)
		return 0;
	if (parsed->reasons & 1U << GATE_RESOURCE) {
		/* Some servers take any method where labels can be asked for. */
		if (!parsed->match.route)
			return judge_unknown_path(path, arena, ret_refusal);
		*ret_refusal = plan->refusal;
		return -EACCES;
	}
	for (size_t i = 0; r >= 0 && i < parsed->n_values; i++)
		if (parsed->values[i].node)
			r = judge_hidden(&parsed->values[i], cluster, arena, ret_refusal);
	if (r >= 0 && parsed->reasons & ~(1U << GATE_UNBOUND)) {
		*ret_refusal = plan->refusal;
		if (ret_refusal->reason == GATE_UNBOUND)
			*ret_refusal = (struct gate_refusal){ GATE_SYNTAX,
				"the request could not be read where labels are hidden" };
		return -EACCES;
	}
	return r;
}

/* What was asked of one label is answered from here if it is hidden, as the filter would. */
static int judge_label(struct writer *w)
{
	const struct slice name = w->parsed->match.label;
	struct slice unescaped;
	int r;

	if (!name.n)
		return 0;
	r = route_unescape_label(name, w->arena, &unescaped);
	if (r < 0)
		return r;
	if (hidden_has(&w->cluster->hidden_labels, name) ||
		hidden_has(&w->cluster->hidden_labels, unescaped))
		w->forward.answer = HIDDEN_ANSWER;
	w->forward.filter_label = arena_strndup(w->arena, unescaped.p, unescaped.n);
	return w->forward.filter_label ? 0 : -ENOMEM;
}

static int prepare_queries(struct writer *w)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < w->parsed->n_values; i++) {
		const struct tsdb_value *value = &w->parsed->values[i];

		if (!value->node)
			continue;
		r = judge_hidden(value, w->cluster, w->arena, w->refusal);
		if (r >= 0 && w->cluster->label)
			r = bind_add_cluster(
				value->node, w->cluster->label, w->plan->cluster, w->arena);
		if (r == -E2BIG)
			return refuse(w, GATE_TOO_LARGE, "a selector has too many matchers");
	}
	return r;
}

static struct reach_query evaluation(const struct writer *w)
{
	const struct tsdb_value *time = tsdb_value_find(w->parsed, PARAM_TIME);
	const struct tsdb_value *start = tsdb_value_find(w->parsed, PARAM_START);
	const struct tsdb_value *end = tsdb_value_find(w->parsed, PARAM_END);
	const struct tsdb_value *step = tsdb_value_find(w->parsed, PARAM_STEP);
	const struct tsdb_value *lookback = tsdb_value_find(w->parsed, PARAM_LOOKBACK);
	const bool instant = w->route->time == ROUTE_INSTANT;
	const int64_t now = time ? time->number : w->request->now_ms;
	struct reach_query query = {
		.start_ms = instant ? now : -PARAM_TIME_MAX_MS,
		.end_ms = instant ? now : PARAM_TIME_MAX_MS,
		.step_ns = step ? step->number : 0,
		.lookback_ms = w->cluster->lookback_ms ? w->cluster->lookback_ms
						       : GATE_LOOKBACK_DEFAULT_MS,
	};

	if (!instant && start)
		query.start_ms = start->number;
	if (!instant && end)
		query.end_ms = end->number;
	/* A server that doesn't know this parameter looks back as far as ever. */
	if (lookback)
		query.lookback_ms = MAX(query.lookback_ms, (lookback->number - 1) / NS_PER_MS + 1);
	return query;
}

struct hint {
	const struct reach_query *query;
	int64_t from, to;
};

static int widen(void *ctx, const struct promql_node *selector, const struct reach *reach)
{
	struct hint *hint = ctx;
	int64_t from = reach->from_ms, to = reach->to_ms;

	if (!reach->known) {
		from = INT64_MIN;
		to = INT64_MAX;
	} else if (!reach->fixed) {
		if (__builtin_add_overflow(hint->query->start_ms, from, &from))
			from = INT64_MIN;
		if (__builtin_add_overflow(hint->query->end_ms, to, &to))
			to = INT64_MAX;
	}
	hint->from = MIN(hint->from, from);
	hint->to = MAX(hint->to, to);
	return 0;
}

static void set_reach(struct writer *w, const struct reach_query *query)
{
	struct hint hint = { query, INT64_MAX, INT64_MIN };

	if (w->route->time == ROUTE_INDEX || w->route->time == ROUTE_WINDOW) {
		hint.from = query->start_ms;
		hint.to = query->end_ms;
	} else {
		for (size_t i = 0; i < w->parsed->n_values; i++)
			if (w->parsed->values[i].node)
				reach_walk(w->parsed->values[i].node, query, widen, &hint);
	}
	if (hint.from > hint.to)
		return;
	w->forward.reach_start_ms = hint.from;
	w->forward.reach_end_ms = hint.to;
}

/* From the first to the last time at which one of the units existed, as far as that is known. */
static void own_span(const struct writer *w, int64_t *ret_from_ms, int64_t *ret_to_ms)
{
	const int64_t now_ms = w->request->now_ms;
	int64_t from_ms = INT64_MAX, to_ms = INT64_MIN;

	for (size_t i = 0; i < w->plan->units.n; i++) {
		const struct gate_unit_lives *lives = &w->lives[i];

		if (!lives->n) {
			from_ms = -PARAM_TIME_MAX_MS;
			to_ms = now_ms;
		}
		for (size_t k = 0; k < lives->n; k++) {
			from_ms = MIN(from_ms, MIN(lives->v[k].start_ms, now_ms));
			to_ms = MAX(to_ms, MIN(lives->v[k].end_ms, now_ms));
		}
	}
	*ret_from_ms = from_ms - GATE_LIFE_MARGIN_MS;
	*ret_to_ms = to_ms + GATE_LIFE_MARGIN_MS;
}

/* VictoriaMetrics answers from its index of all times if a window has more days than 40. */
static int shorten_index_window(const struct writer *w, struct reach_query *query)
{
	int64_t from_ms, to_ms;

	own_span(w, &from_ms, &to_ms);
	query->end_ms = MIN(query->end_ms, to_ms);
	from_ms = MAX(from_ms, query->end_ms - (int64_t)INDEX_DAYS_MAX * MS_PER_DAY);
	query->start_ms = MAX(query->start_ms, from_ms);
	return query->start_ms > query->end_ms ? -ENODATA : 0;
}

static int cut(struct writer *w, struct reach_query *query)
{
	struct cut cut = { w->arena, &w->plan->units, w->lives, NULL };
	const struct reach_query asked = *query;
	const bool evaluates = w->route->time == ROUTE_INSTANT || w->route->time == ROUTE_RANGE;
	int r = 0;

	if (!w->lives || !cut_is_needed(&cut))
		return 0;
	if (evaluates)
		r = cut_query(&cut, tsdb_value_find(w->parsed, PARAM_EXPR)->node, query);
	else
		r = cut_window(
			&cut, w->route->time == ROUTE_INDEX, &query->start_ms, &query->end_ms);
	if (r >= 0 && w->route->time == ROUTE_INDEX)
		r = shorten_index_window(w, query);
	if (r == -ENODATA && w->route->empty_answer) {
		w->forward.answer = w->route->empty_answer;
		return 0;
	}
	if (r == -ENODATA)
		return refuse(w, GATE_LIFETIME,
			"the query reads times at which the id of a unit was another unit's");
	if (r == -EACCES)
		return refuse(w, GATE_LIFETIME, cut.why);
	if (evaluates)
		w->exact_lookback_ms = query->lookback_ms;
	/* The server's clock may be another. */
	w->pin_time = w->route->time == ROUTE_INSTANT && !tsdb_value_find(w->parsed, PARAM_TIME);
	w->cut_start = query->start_ms != asked.start_ms;
	w->cut_end = query->end_ms != asked.end_ms;
	w->start_ms = query->start_ms;
	w->end_ms = query->end_ms;
	return r;
}

/* What a time was cut to, whether or not it was given. */
static bool was_cut(const struct writer *w, enum param_kind kind, int64_t *ret_ms)
{
	const bool start = kind == PARAM_START && w->cut_start;
	const bool end = kind == PARAM_END && w->cut_end;

	if (start || (kind == PARAM_TIME && w->pin_time))
		*ret_ms = w->start_ms;
	else if (end)
		*ret_ms = w->end_ms;
	else
		return false;
	return true;
}

/* A value, or NULL for a time that was not given and goes on all the same. */
static int put_value(struct writer *w, const struct param *param, const struct tsdb_value *value,
	struct buffer *form, struct buffer *text)
{
	int64_t number;

	buffer_clear(text);
	if (value && value->node) {
		promql_print(value->node, text);
		/* It must stay something that can be read again. */
		if (text->len > PROMQL_TEXT_MAX)
			return refuse(w, GATE_TOO_LARGE, "the query is too long");
	} else if (was_cut(w, param->kind, &number)) {
		param_print(param->kind, number, text);
	} else if (!value && param->kind == PARAM_LOOKBACK && w->exact_lookback_ms) {
		/* The server's own may be longer than is known here. */
		param_print(param->kind, w->exact_lookback_ms * NS_PER_MS, text);
	} else if (!value) {
		return 0;
	} else if (param->kind == PARAM_TEXT) {
		buffer_append(text, value->text.p, value->text.n);
	} else {
		param_print(param->kind, value->number, text);
	}
	if (buffer_error(text))
		return buffer_error(text);
	form_put(form, param->name, (struct slice){ buffer_text(text), text->len });
	return 0;
}

/*
 * VictoriaMetrics would look back by a whole step where that is longer, and move the times to
 * multiples of the step; Thanos might take downsampled data, in which a sample is as old as an hour
 * more. Prometheus has no such parameters and passes them over.
 */
static int put_exactness(const struct writer *w, struct buffer *form)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };

	buffer_printf(&text, "%" PRId64 "ms", w->exact_lookback_ms);
	form_put(form, "max_lookback", (struct slice){ buffer_text(&text), text.len });
	form_put(form, "nocache", SLICE("1"));
	form_put(form, "max_source_resolution", SLICE("0s"));
	return buffer_error(&text) ? buffer_error(&text) : buffer_error(form);
}

/* In the order of the route's row, so that the same request is always written the same. */
static int put_form(struct writer *w, struct buffer *form)
{
	CLEANUP(buffer_done) struct buffer text;
	int r = 0;

	buffer_init(&text, 0);
	for (const struct param *param = w->route->params; r >= 0 && param->name; param++) {
		bool given = false;

		for (size_t i = 0; r >= 0 && i < w->parsed->n_values; i++) {
			if (w->parsed->values[i].param != param)
				continue;
			given = true;
			r = put_value(w, param, &w->parsed->values[i], form, &text);
		}
		if (r >= 0 && !given)
			r = put_value(w, param, NULL, form, &text);
	}
	return r >= 0 && w->exact_lookback_ms ? put_exactness(w, form) : r;
}

static int put_request(struct writer *w)
{
	static const char *const methods[] = { [ROUTE_GET] = "GET",
		[ROUTE_HEAD] = "HEAD",
		[ROUTE_POST] = "POST",
		[ROUTE_OPTIONS] = "OPTIONS" };
	const bool post = w->parsed->match.method == ROUTE_POST;
	struct slice form = { NULL, 0 };
	struct buffer out;
	int r;

	buffer_init(&out, 0);
	route_print_path(&w->parsed->match, &out);
	r = text_keep(&out, w->arena, &w->forward.path);
	if (r < 0)
		return r;
	buffer_init(&out, 0);
	r = put_form(w, &out);
	if (r < 0)
		buffer_done(&out);
	else
		r = text_keep(&out, w->arena, &form);
	if (r < 0)
		return r;
	if (form.n > (post ? GATE_BODY_MAX_BYTES : GATE_TARGET_MAX_BYTES))
		return refuse(w, GATE_TOO_LARGE, "the parameters are too long");
	w->forward.method = methods[w->parsed->match.method];
	if (post) {
		w->forward.body = form;
		w->forward.content_type = "application/x-www-form-urlencoded";
	} else if (form.n) {
		w->forward.query = form;
	}
	return 0;
}

int tsdb_write(const struct gate_options *options, const struct gate_request *request,
	const struct gate_plan *plan, const struct gate_unit_lives *lives,
	const struct gate_cluster *cluster, struct arena *arena, struct gate_forward *ret_forward,
	struct gate_refusal *ret_refusal)
{
	const struct tsdb_request *parsed = plan->parsed;
	struct writer w = {
		.request = request,
		.plan = plan,
		.lives = plan->outcome == GATE_BOUND ? lives : NULL,
		.cluster = cluster,
		.arena = arena,
		.parsed = parsed,
		.route = parsed->match.route,
		.forward = { .reach_start_ms = INT64_MIN, .reach_end_ms = INT64_MAX },
		.refusal = ret_refusal,
	};
	struct reach_query query = evaluation(&w);
	int r = prepare_queries(&w);

	if (cluster->hidden_labels.n)
		w.forward.filter = w.route->filter;
	if (r >= 0)
		r = judge_label(&w);
	if (r >= 0)
		r = cut(&w, &query);
	if (r < 0)
		return r;
	set_reach(&w, &query);
	r = put_request(&w);
	if (r < 0)
		return r;
	*ret_forward = w.forward;
	return 0;
}
