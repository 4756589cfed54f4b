// SPDX-License-Identifier: Apache-2.0
/* Usage by user and project: ever, and in a period (spec api-server.md 5.11). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api/api_answer.h"
#include "api/api_query.h"
#include "api/usage_sum.h"

enum { ROUND_S = USAGE_QUARTER_S }; /* periods are widened to these, so that answers can be kept */

void api_get_global_usage(struct api *api, struct api_request *req, struct api_response *res)
{
	struct api_answer answer;
	struct store_query query;
	struct api_lists lists;
	struct err err = { 0 };
	uint64_t fields;
	int r;

	if (api_query_fields(req, &store_usage, &fields) < 0) {
		api_error(req, res, 400, "bad_data", "invalid query fields");
		return;
	}
	r = api_query_lists(req, &lists, &query);
	if (r < 0) {
		api_error(req, res, 500, "internal", err_name(r));
		return;
	}
	api_answer_init(&answer, &store_usage, fields, res->body);
	api_answer_begin(&answer);
	r = store_get_usage(api->store, &query, api_answer_row, &answer, &err);
	api_answer_end(&answer);
	api_answer_done(&answer);
	if (r < 0 && !buffer_error(res->body))
		api_store_error(api, req, res, &err);
}

/* The base columns that 'groupby' names; others are ignored. */
static uint64_t group_by(const struct api_request *req)
{
	uint64_t columns = 0;

	for (size_t i = 0; i < req->n_params; i++) {
		struct slice name = slice_trim(slice_from(req->params[i].value));

		if (!str_eq(req->params[i].name, "groupby"))
			continue;
		for (size_t c = 0; c < store_usage.n; c++) {
			if (store_usage.columns[c].type == STORE_TEXT &&
				slice_eq(name, store_usage.columns[c].name))
				columns |= UINT64_C(1) << c;
		}
	}
	return columns;
}

static int compare_params(const void *a, const void *b)
{
	const struct http_param *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->value, y->value);
}

/* Path, period, user and the other parameters in order; NULL: out of memory. */
static const char *cache_key(const struct api_request *req, const struct store_query *query)
{
	struct http_param *params = ARENA_ARRAY(req->arena, struct http_param, req->n_params);
	const char *copy = NULL;
	struct buffer key;
	size_t n = 0;

	if (!params)
		return NULL;
	for (size_t i = 0; i < req->n_params; i++) {
		if (!str_eq(req->params[i].name, "from") && !str_eq(req->params[i].name, "to"))
			params[n++] = req->params[i];
	}
	qsort(params, n, sizeof(*params), compare_params);
	buffer_init(&key, 0);
	buffer_printf(
		&key, "%s %lld %lld ", req->path, (long long)query->from_s, (long long)query->to_s);
	json_writer_quote(&key, req->user, strlen(req->user));
	/* Quoted, so that no value can pass for something else. */
	for (size_t i = 0; i < n; i++) {
		json_writer_quote(&key, params[i].name, strlen(params[i].name));
		json_writer_quote(&key, params[i].value, strlen(params[i].value));
	}
	if (!buffer_error(&key))
		copy = arena_strdup(req->arena, buffer_text(&key));
	buffer_done(&key);
	return copy;
}

/* Older times are kept by the day only: the answer says what it covers. */
static void widened(
	struct api_answer *answer, const struct timezone_ *zone, const struct usage_plan *plan)
{
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];

	time_format_zdt(zone, plan->from_s * 1000, from);
	time_format_zdt(zone, plan->to_s * 1000, to);
	snprintf(answer->warnings[0], sizeof(answer->warnings[0]),
		"usage is kept by the day there: the answer is for %s to %s", from, to);
}

/* What units used that CEEMS 0.10.2 stored is known for their whole time only. */
static void estimated(struct api_answer *answer, const struct timezone_ *zone,
	const struct store_estimate *estimate)
{
	char until[TIME_TEXT_MAX], pending[64] = "";

	time_format_zdt(zone, estimate->until_ms, until);
	if (estimate->pending)
		snprintf(pending, sizeof(pending), "; %lld units are still to be added",
			(long long)estimate->pending);
	snprintf(answer->warnings[1], sizeof(answer->warnings[1]),
		"usage until %s is estimated from that of whole units, spread over their time%s",
		until, pending);
}

/* What is to be summed up: plan NULL for whole units. */
struct usage_job {
	const struct store_query *query;
	const struct usage_plan *plan;
	uint64_t fields, group_by;
	struct store_estimate estimate; /* with a plan */
};

static int sum_usage(struct api *api, struct usage_job *job, struct buffer *body,
	size_t *ret_groups, struct err *err)
{
	CLEANUP(usage_sum_freep) struct usage_sum *sum = NULL;
	struct api_answer answer;
	int r;

	r = usage_sum_new(
		job->plan ? USAGE_SUM_SHARES : USAGE_SUM_SOURCES, job->fields, job->group_by, &sum);
	if (r >= 0 && job->plan)
		r = store_get_estimate(api->store, job->query->clusters, job->plan->from_s,
			job->plan->to_s, &job->estimate, err);
	if (r >= 0 && job->plan)
		r = store_get_usage_shares(
			api->store, job->query, job->plan, usage_sum_add, sum, err);
	else if (r >= 0)
		r = store_get_usage_sources(api->store, job->query, usage_sum_add, sum, err);
	if (r < 0)
		return r;
	api_answer_init(&answer, &store_usage, job->fields, body);
	answer.unreadable = usage_sum_unreadable(sum);
	if (job->plan &&
		(job->plan->from_s != job->query->from_s || job->plan->to_s != job->query->to_s))
		widened(&answer, api->config->zone, job->plan);
	if (job->estimate.until_ms)
		estimated(&answer, api->config->zone, &job->estimate);
	api_answer_begin(&answer);
	r = usage_sum_write(sum, &answer.json);
	api_answer_end(&answer);
	api_answer_done(&answer);
	*ret_groups = usage_sum_groups(sum);
	return r;
}

static void answer_usage(struct api *api, struct api_request *req, struct api_response *res,
	struct usage_job *job, const char *key)
{
	struct err err = { 0 };
	size_t groups = 0;
	int r;

	r = sum_usage(api, job, res->body, &groups, &err);
	if (buffer_error(res->body))
		return;
	if (r < 0) {
		if (!err.code)
			err_errno(&err, r, "summing up usage");
		api_store_error(api, req, res, &err);
	} else if (groups && !job->estimate.pending) {
		result_cache_put(api->usage_cache, key, api_now_s(api),
			(struct slice){ res->body->data, res->body->len });
	}
}

static void answer_kept(struct api_request *req, struct api_response *res, int64_t expires_s)
{
	time_t t = (time_t)expires_s;
	char text[64];
	struct tm tm;

	if (gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm))
		api_header(req, res, "Expires", "%s", text);
	res->write_s = API_WRITE_S;
}

void api_get_current_usage(struct api *api, struct api_request *req, struct api_response *res)
{
	struct store_query query;
	struct api_lists lists;
	struct usage_plan plan;
	struct usage_job job = { .query = &query, .group_by = group_by(req) };
	struct err err = { 0 };
	int64_t expires_s;
	const char *key;

	if (api_query_fields(req, &store_usage, &job.fields) < 0) {
		api_error(req, res, 400, "bad_data", "invalid query fields");
		return;
	}
	if (api_query_lists(req, &lists, &query) < 0) {
		api_error(req, res, 500, "internal", err_name(-ENOMEM));
		return;
	}
	query.daily = api_query_has(req, "experimental");
	query.terminated = api_query_has(req, "__terminated");
	if (api_query_window(req, api_now_s(api), api->config->max_period_ms, &query.from_s,
		    &query.to_s, &err) < 0) {
		api_error(req, res, 400, "bad_data", err.text);
		return;
	}
	query.from_s -= query.from_s % ROUND_S;
	query.to_s += (ROUND_S - query.to_s % ROUND_S) % ROUND_S;
	if (api_query_has(req, "exact")) {
		usage_plan_make(api->config->zone, api_now_s(api), query.from_s, query.to_s, &plan);
		job.plan = &plan;
	}
	key = cache_key(req, &query);
	if (!key)
		api_error(req, res, 500, "internal", err_name(-ENOMEM));
	else if (result_cache_get(api->usage_cache, key, api_now_s(api), res->body, &expires_s))
		answer_kept(req, res, expires_s);
	else
		answer_usage(api, req, res, &job, key);
}
