// SPDX-License-Identifier: Apache-2.0
#include "api/api_query.h"

#include <assert.h>
#include <errno.h>

enum { DAY_S = 24 * 3600 };
#define LAST_SECOND INT64_C(253402128000) /* 9999-12-30: four digits of a year in every zone */

static bool is_declared(const struct api_request *req, const char *name)
{
	for (size_t i = 0; i < N_API_PARAMS; i++) {
		if (str_eq(api_params[i].name, name))
			return req->route->params >> i & 1;
	}
	return false;
}

int api_query_values(struct api_request *req, const char *name, struct strings *ret_values)
{
	struct strings values = { 0 };

	assert(is_declared(req, name));
	for (size_t i = 0; i < req->n_params; i++)
		values.n += str_eq(req->params[i].name, name);
	if (values.n) {
		values.v = ARENA_ARRAY(req->arena, const char *, values.n);
		if (!values.v)
			return -ENOMEM;
	}
	values.n = 0;
	for (size_t i = 0; i < req->n_params; i++) {
		if (str_eq(req->params[i].name, name))
			values.v[values.n++] = req->params[i].value;
	}
	*ret_values = values;
	return 0;
}

const char *api_query_first(const struct api_request *req, const char *name)
{
	assert(is_declared(req, name));
	for (size_t i = 0; i < req->n_params; i++) {
		if (str_eq(req->params[i].name, name))
			return req->params[i].value;
	}
	return NULL;
}

static uint64_t column_bit(const struct store_table *table, struct slice name)
{
	for (size_t i = 0; i < table->n; i++) {
		if (slice_eq(name, table->columns[i].name))
			return UINT64_C(1) << i;
	}
	return 0;
}

int api_query_fields(
	const struct api_request *req, const struct store_table *table, uint64_t *ret_fields)
{
	uint64_t fields = 0;
	bool asked = false;

	for (size_t i = 0; i < req->n_params; i++) {
		if (!str_eq(req->params[i].name, "field"))
			continue;
		asked = true;
		fields |= column_bit(table, slice_trim(slice_from(req->params[i].value)));
	}
	if (asked && !fields)
		return -EINVAL;
	*ret_fields = asked ? fields : (UINT64_C(1) << table->n) - 1;
	return 0;
}

/* 1: it is there. */
static int time_parameter(
	const struct api_request *req, const char *name, int64_t *ret_s, struct err *err)
{
	const char *text = api_query_first(req, name);

	if (!text || !*text)
		return 0;
	if (slice_to_i64(slice_from(text), ret_s) < 0)
		return err_set(err, -EINVAL, "query parameter '%s': malformed timestamp", name);
	return 1;
}

static int64_t keep_to_calendar(int64_t s)
{
	return s < 0 ? 0 : MIN(s, LAST_SECOND);
}

int api_query_window(const struct api_request *req, int64_t now_s, int64_t max_period_ms,
	int64_t *ret_from_s, int64_t *ret_to_s, struct err *err)
{
	int64_t from_s = 0, to_s = 0;
	int has_from, has_to;

	has_from = time_parameter(req, "from", &from_s, err);
	if (has_from < 0)
		return has_from;
	has_to = time_parameter(req, "to", &to_s, err);
	if (has_to < 0)
		return has_to;
	from_s = keep_to_calendar(from_s);
	to_s = keep_to_calendar(to_s);
	if (!has_to)
		to_s = has_from ? keep_to_calendar(from_s + DAY_S) : now_s;
	if (!has_from)
		from_s = keep_to_calendar(to_s - DAY_S);
	if (max_period_ms > 0 && to_s - from_s > max_period_ms / 1000)
		return err_set(err, -EINVAL, "maximum query window exceeded");
	*ret_from_s = from_s;
	*ret_to_s = to_s;
	return 0;
}

int api_query_lists(struct api_request *req, struct api_lists *lists, struct store_query *query)
{
	const struct {
		enum api_param_id id;
		struct strings *values;
	} wanted[] = {
		{ API_PARAM_USER, &lists->users },
		{ API_PARAM_PROJECT, &lists->projects },
		{ API_PARAM_CLUSTER_ID, &lists->clusters },
		{ API_PARAM_UUID, &lists->uuids },
	};

	*lists = (struct api_lists){ 0 };
	*query = (struct store_query){
		.caller = req->admin ? NULL : req->user,
		.users = &lists->users,
		.projects = &lists->projects,
		.clusters = &lists->clusters,
		.uuids = &lists->uuids,
	};
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		/* Whom to see, for one, is for administrators to say: others' routes don't take it.
		 */
		if (req->route->params >> wanted[i].id & 1 &&
			api_query_values(req, api_params[wanted[i].id].name, wanted[i].values) < 0)
			return -ENOMEM;
	}
	return 0;
}
