// SPDX-License-Identifier: Apache-2.0
#include "lb/access/pyro_render.h"

#include <errno.h>
#include <stdio.h>

#include "basic/civil.h"
#include "basic/macros.h"
#include "lb/access/form.h"
#include "lb/access/pyro_request.h"

static const int64_t S_MS = 1000;
static const int64_t RENDER_TIME_MAX_MS = 9999999999999;

/* Months and years as the server takes them. */
static const struct {
	const char *name;
	int64_t ms;
} units[] = {
	{ "s", 1000 },
	{ "m", 60000 },
	{ "min", 60000 },
	{ "h", 3600000 },
	{ "d", 86400000 },
	{ "w", 7 * 86400000LL },
	{ "M", 30 * 86400000LL },
	{ "mon", 30 * 86400000LL },
	{ "y", 365 * 86400000LL },
};

static size_t digits(struct slice text)
{
	size_t n = 0;

	while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
		n++;
	return n;
}

static int parse_offset(struct slice text, int64_t *ret_ms)
{
	const size_t n = digits(text);
	const struct slice unit = { text.p + n, text.n - n };
	int64_t count;

	if (slice_to_i64((struct slice){ text.p, n }, &count) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (slice_eq(unit, units[i].name))
			return __builtin_mul_overflow(count, units[i].ms, ret_ms) ? -EBADMSG : 0;
	return -EBADMSG;
}

static int parse_date(struct slice text, int64_t *ret_ms)
{
	struct tm tm = { 0 };
	char iso[16];
	struct slice rest = { iso, 10 };

	snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2s", text.p, text.p + 4, text.p + 6);
	if (!civil_take_date(&rest, &tm))
		return -EBADMSG;
	*ret_ms = (int64_t)timegm(&tm) * S_MS;
	return 0;
}

int pyro_render_time(struct slice text, int64_t now_ms, int64_t *ret_ms)
{
	int64_t number;

	if (slice_eq(text, "now")) {
		*ret_ms = now_ms;
		return 0;
	}
	if (text.n > 4 && memcmp(text.p, "now-", 4) == 0) {
		if (parse_offset((struct slice){ text.p + 4, text.n - 4 }, &number) < 0 ||
			__builtin_sub_overflow(now_ms, number, ret_ms))
			return -EBADMSG;
		return 0;
	}
	if (!text.n || digits(text) != text.n || slice_to_i64(text, &number) < 0)
		return -EBADMSG;
	switch (text.n) {
	case 8:
		return parse_date(text, ret_ms);
	case 13:
		*ret_ms = number;
		return 0;
	case 16:
		*ret_ms = number / 1000;
		return 0;
	case 19:
		*ret_ms = number / 1000000;
		return 0;
	default:
		return __builtin_mul_overflow(number, S_MS, ret_ms) ? -EBADMSG : 0;
	}
}

enum parameter {
	FROM,
	UNTIL,
	MAX_NODES,
	MAX_NODES_OLD,
	GROUP_BY,
	AGGREGATION,
	FORMAT,
	QUERY,
	N_PARAMETERS,
};

static const char *const names[N_PARAMETERS] = {
	[FROM] = "from",
	[UNTIL] = "until",
	[MAX_NODES] = "maxNodes",
	[MAX_NODES_OLD] = "max-nodes",
	[GROUP_BY] = "groupBy",
	[AGGREGATION] = "aggregation",
	[FORMAT] = "format",
	[QUERY] = "query",
};

static bool is_one_of(struct slice text, const char *const *words)
{
	while (*words && !slice_eq(text, *words))
		words++;
	return *words != NULL;
}

/* -EBADMSG: the value is none of this parameter. */
static int take(struct pyro_render *render, enum parameter which, struct slice value,
	const struct gate_request *request)
{
	static const char *const aggregations[] = { "sum", "avg", NULL };
	static const char *const formats[] = { "dot", "json", NULL };

	switch (which) {
	case FROM:
		render->from_given = true;
		return pyro_render_time(value, request->now_ms, &render->from_ms);
	case UNTIL:
		render->until_given = true;
		return pyro_render_time(value, request->now_ms, &render->until_ms);
	case MAX_NODES:
		render->max_nodes = value;
		return digits(value) == value.n && value.n < 10 ? 0 : -EBADMSG;
	case MAX_NODES_OLD:
		/* The newer name goes before. */
		if (!render->max_nodes.n)
			render->max_nodes = value;
		return digits(value) == value.n && value.n < 10 ? 0 : -EBADMSG;
	case GROUP_BY:
		if (render->n_group_by == PYRO_GROUPS_MAX)
			return -EBADMSG;
		render->group_by[render->n_group_by++] = value;
		return 0;
	case AGGREGATION:
		render->aggregation = value;
		return is_one_of(value, aggregations) ? 0 : -EBADMSG;
	case FORMAT:
		render->format = value;
		return is_one_of(value, formats) ? 0 : -EBADMSG;
	default:
		return 0;
	}
}

static int take_pair(struct pyro_render *render, const struct form_pair *pair, unsigned *seen,
	const struct gate_request *request, struct bind *bind)
{
	int which = 0;

	while (which < N_PARAMETERS && !slice_eq(pair->name, names[which]))
		which++;
	if (which == N_PARAMETERS)
		return 0;
	if (which != GROUP_BY && *seen & 1U << which)
		return bind_refuse(bind, GATE_MALFORMED, "parameter '%s' is given more than once",
			names[which]);
	*seen |= 1U << which;
	if (which == QUERY)
		return pyro_bind_selector(bind, "parameter 'query'", pair->value, &render->query);
	if (take(render, (enum parameter)which, pair->value, request) < 0)
		return bind_refuse(
			bind, GATE_MALFORMED, "parameter '%s' is not understood", names[which]);
	return 0;
}

int pyro_render_read(
	const struct gate_request *request, struct bind *bind, struct pyro_render *ret_render)
{
	struct form form = { 0 };
	const char *reason;
	unsigned seen = 0;
	int r;

	if (request->body.n)
		return bind_refuse(bind, GATE_MALFORMED, "a body has no place in this request");
	if (request->query.n > GATE_TARGET_MAX_BYTES)
		return bind_refuse(bind, GATE_TOO_LARGE, "the URL has more than %d bytes",
			GATE_TARGET_MAX_BYTES);
	r = form_read(request->query, bind->arena, &form, &reason);
	if (r == -EBADMSG || r == -E2BIG)
		return bind_refuse(bind, r == -E2BIG ? GATE_TOO_LARGE : GATE_MALFORMED,
			"the parameters have %s", reason);
	ret_render->until_ms = request->now_ms;
	for (size_t i = 0; r >= 0 && i < form.n; i++)
		r = take_pair(ret_render, &form.v[i], &seen, request, bind);
	if (r >= 0 && !(seen & 1U << QUERY))
		r = bind_refuse(bind, GATE_UNBOUND, "parameter 'query' is missing");
	return r;
}

static void put_given(struct buffer *out, const char *name, struct slice text)
{
	if (text.n)
		form_put(out, name, text);
}

/* The server tells units by the number of digits: ms have 13, so later times become the last. */
static void put_time(struct buffer *out, const char *name, int64_t ms)
{
	char text[24];

	snprintf(text, sizeof(text), "%013lld", (long long)MIN(MAX(ms, 0), RENDER_TIME_MAX_MS));
	form_put(out, name, slice_from(text));
}

void pyro_render_write(const struct pyro_render *render, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer query = { 0 };

	promql_print(render->query, &query);
	if (buffer_error(&query))
		out->error = buffer_error(&query);
	form_put(out, names[QUERY], (struct slice){ buffer_text(&query), query.len });
	if (render->from_given)
		put_time(out, names[FROM], render->from_ms);
	if (render->until_given)
		put_time(out, names[UNTIL], render->until_ms);
	put_given(out, names[MAX_NODES], render->max_nodes);
	for (size_t i = 0; i < render->n_group_by; i++)
		form_put(out, names[GROUP_BY], render->group_by[i]);
	put_given(out, names[AGGREGATION], render->aggregation);
	put_given(out, names[FORMAT], render->format);
}
