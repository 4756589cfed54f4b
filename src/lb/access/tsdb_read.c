// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <strings.h>

#include "basic/macros.h"
#include "lb/access/bind.h"
#include "lb/access/form.h"
#include "lb/access/text.h"
#include "lb/access/tsdb.h"
#include "lb/access/tsdb_request.h"

static const char *const unit_labels[] = { GATE_UNIT_LABEL, NULL };
/*
 * Prometheus's feature "type-and-unit-labels" writes two of them; Grafana asks for
 * __ignore_usage__="", which no series has, and which only Mimir's statistics read.
 */
static const char *const own_labels[] = { "__name__", "__type__", "__unit__", "__ignore_usage__",
	NULL };

struct reader {
	const struct gate_request *request;
	struct promql_options promql;
	struct arena *arena;
	struct bind bind; /* also keeps the first refusal of any kind */
	struct form form;
	struct tsdb_request *parsed;
};

#define REFUSE(r, ...) bind_refuse(&(r)->bind, __VA_ARGS__)

/* 0: it is fine, or it was refused. Where values come from: spec promql.md 6.3. */
static int judge_body(struct reader *r)
{
	const struct gate_request *request = r->request;
	const bool post = r->parsed->match.method == ROUTE_POST;

	if (request->body.n > GATE_BODY_MAX_BYTES)
		return REFUSE(
			r, GATE_TOO_LARGE, "the body has more than %d bytes", GATE_BODY_MAX_BYTES);
	if (request->query.n > GATE_TARGET_MAX_BYTES)
		return REFUSE(
			r, GATE_TOO_LARGE, "the URL has more than %d bytes", GATE_TARGET_MAX_BYTES);
	if (!request->body.n)
		return 0;
	if (!post)
		return REFUSE(r, GATE_MALFORMED, "a body has no place in this request");
	if (!form_is_type(request->content_type))
		return REFUSE(r, GATE_MALFORMED,
			"the body must be of type application/x-www-form-urlencoded");
	if (request->content_encoding.n &&
		(request->content_encoding.n != strlen("identity") ||
			strncasecmp(request->content_encoding.p, "identity",
				request->content_encoding.n) != 0))
		return REFUSE(r, GATE_MALFORMED, "a form must not be compressed");
	return 0;
}

static int read_form(struct reader *r)
{
	const struct slice texts[] = { r->request->body, r->request->query };
	int result = 0;

	for (size_t i = 0; result >= 0 && i < ARRAY_SIZE(texts); i++) {
		const char *reason;

		if (i == 0 && r->parsed->match.method != ROUTE_POST)
			continue;
		result = form_read(texts[i], r->arena, &r->form, &reason);
		if (result == -EBADMSG || result == -E2BIG)
			return REFUSE(r, result == -E2BIG ? GATE_TOO_LARGE : GATE_MALFORMED,
				"the parameters have %s", reason);
	}
	return result;
}

static int read_query(struct reader *r, struct tsdb_value *value)
{
	const bool selector = value->param->kind == PARAM_SELECTOR;
	struct err err = { 0 };
	int result;

	result = (selector ? promql_parse_selector : promql_parse)(
		value->text, &r->promql, r->arena, &value->node, &err);
	if (result == -EBADMSG)
		return REFUSE(r, GATE_SYNTAX, "parameter '%s': %s", value->param->name, err.text);
	if (result == -E2BIG)
		return REFUSE(
			r, GATE_TOO_LARGE, "parameter '%s': %s", value->param->name, err.text);
	return result < 0 ? result : bind_node(&r->bind, value->node);
}

static int read_value(struct reader *r, struct tsdb_value *value)
{
	const char *reason;

	switch (value->param->kind) {
	case PARAM_EXPR:
	case PARAM_SELECTOR:
		return read_query(r, value);
	case PARAM_TEXT:
		return 0;
	default:
		if (param_parse(value->param->kind, value->text, &value->number, &reason) < 0)
			return REFUSE(r, GATE_MALFORMED, "parameter '%s': %s", value->param->name,
				reason);
		return 0;
	}
}

/* Parameters that are not in the row are left out. */
static int read_param(struct reader *r, const struct param *param)
{
	size_t given = 0;
	int result = 0;

	for (size_t i = 0; result >= 0 && i < r->form.n; i++) {
		struct tsdb_value *value = &r->parsed->values[r->parsed->n_values];

		if (!slice_eq(r->form.v[i].name, param->name))
			continue;
		if (given++ && !param->repeated)
			return REFUSE(r, GATE_MALFORMED, "parameter '%s' is given more than once",
				param->name);
		/* The server takes these for absent. */
		if (!r->form.v[i].value.n && !param->required)
			continue;
		*value = (struct tsdb_value){ .param = param, .text = r->form.v[i].value };
		r->parsed->n_values++;
		result = read_value(r, value);
	}
	if (result < 0 || given || !param->required)
		return result;
	return REFUSE(r, param->kind == PARAM_SELECTOR ? GATE_UNBOUND : GATE_MALFORMED,
		"parameter '%s' is missing", param->name);
}

static int read_params(struct reader *r)
{
	const struct route *route = r->parsed->match.route;
	int result;

	if (r->parsed->match.method == ROUTE_OPTIONS)
		return 0;
	result = read_form(r);
	if (result < 0)
		return result;
	r->parsed->values = ARENA_ARRAY(r->arena, struct tsdb_value, r->form.n + 1);
	if (!r->parsed->values)
		return -ENOMEM;
	for (const struct param *param = route->params; result >= 0 && param->name; param++)
		result = read_param(r, param);
	return result;
}

/*
 * Administrators may ask for anything, also of a cluster that the query names: what can be read is.
 */
static int read_cluster_only(struct reader *r)
{
	const struct slice texts[] = { r->request->body, r->request->query };
	const char *reason;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int result;

		if (texts[i].n > GATE_BODY_MAX_BYTES)
			continue;
		if (i == 0 && !form_is_type(r->request->content_type))
			continue;
		result = form_read(texts[i], r->arena, &r->form, &reason);
		if (result == -ENOMEM)
			return result;
	}
	for (size_t i = 0; i < r->form.n; i++) {
		const struct form_pair *pair = &r->form.v[i];
		struct promql_node *node;
		int result = -EBADMSG;

		if (slice_eq(pair->name, "match[]"))
			result = promql_parse_selector(
				pair->value, &r->promql, r->arena, &node, NULL);
		else if (slice_eq(pair->name, "query"))
			result = promql_parse(pair->value, &r->promql, r->arena, &node, NULL);
		if (result >= 0)
			result = bind_node(&r->bind, node);
		if (result == -ENOMEM)
			return result;
	}
	return 0;
}

static void conclude(const struct reader *r, struct gate_plan *ret_plan)
{
	const bool free_route = r->parsed->match.route &&
		(r->parsed->match.route->scope == ROUTE_FREE ||
			r->parsed->match.method == ROUTE_OPTIONS);

	r->parsed->reasons = r->bind.reasons;
	*ret_plan = (struct gate_plan){
		.outcome = GATE_BOUND,
		.cluster = r->bind.cluster ? r->bind.cluster : r->request->cluster,
		.units = { r->bind.units, r->bind.n_units },
		.parsed = r->parsed,
	};
	if (r->bind.refused) {
		ret_plan->outcome = GATE_REFUSED;
		ret_plan->refusal = r->bind.refusal;
	} else if (free_route || !r->bind.n_selectors) {
		ret_plan->outcome = GATE_FREE;
	}
}

int tsdb_read(const struct gate_options *options, const struct gate_request *request,
	struct arena *arena, struct gate_plan *ret_plan)
{
	struct reader r = {
		.request = request,
		.promql = { .level = (enum promql_level)options->promql_level,
			.no_experimental_functions = !options->experimental_functions,
			.no_fill_modifiers = !options->experimental_functions },
		.arena = arena,
		.bind = { .arena = arena, .unit_labels = unit_labels, .own_labels = own_labels },
		.parsed = ARENA_NEW(arena, struct tsdb_request),
	};
	const char *reason = NULL;
	int result;

	if (!r.parsed)
		return -ENOMEM;
	result = route_find(request->method, request->path, options->route_prefix, arena,
		&r.parsed->match, &reason);
	if (result == -EACCES) {
		result = REFUSE(&r, GATE_RESOURCE, "%s", reason);
		if (result >= 0)
			result = read_cluster_only(&r);
	} else if (result >= 0) {
		result = judge_body(&r);
		if (result >= 0 && !r.bind.refused)
			result = read_params(&r);
	}
	if (result < 0)
		return result;
	conclude(&r, ret_plan);
	return 0;
}
