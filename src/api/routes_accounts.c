// SPDX-License-Identifier: Apache-2.0
/* Users, projects, clusters and their counts (spec api-server.md 5.10, 5.12). */
#include <errno.h>

#include "api/api_answer.h"
#include "api/api_query.h"

/* One of the store's queries, with what it needs beside the rows' destination. */
struct listing {
	struct api *api;
	const struct store_query *query;
	bool current;
};
typedef int (*listing_fn)(const struct listing *l, struct api_answer *answer, struct err *err);

static void list_rows(struct listing *l, listing_fn run, const struct store_table *table,
	struct api_request *req, struct api_response *res)
{
	struct api_answer answer;
	struct err err = { 0 };
	uint64_t fields;
	int r;

	if (api_query_fields(req, table, &fields) < 0) {
		api_error(req, res, 400, "bad_data", "invalid query fields");
		return;
	}
	api_answer_init(&answer, table, fields, res->body);
	api_answer_begin(&answer);
	r = run(l, &answer, &err);
	api_answer_end(&answer);
	api_answer_done(&answer);
	/* A full buffer is told by the caller. */
	if (r < 0 && !buffer_error(res->body))
		api_store_error(l->api, req, res, &err);
}

static bool lists(struct api_request *req, struct api_response *res, struct api_lists *l,
	struct store_query *query)
{
	if (api_query_lists(req, l, query) >= 0)
		return true;
	api_error(req, res, 500, "internal", err_name(-ENOMEM));
	return false;
}

static int run_users(const struct listing *l, struct api_answer *answer, struct err *err)
{
	return store_get_users(l->api->store, l->query, api_answer_row, answer, err);
}

static int run_admins(const struct listing *l, struct api_answer *answer, struct err *err)
{
	return store_get_admins(l->api->store, api_answer_row, answer, err);
}

void api_get_users(struct api *api, struct api_request *req, struct api_response *res)
{
	const char *role = req->admin ? api_query_first(req, "role") : NULL;
	bool admins = role && str_eq(role, "admin");
	struct store_query query;
	struct api_lists l;

	if (lists(req, res, &l, &query))
		list_rows(&(struct listing){ .api = api, .query = &query },
			admins ? run_admins : run_users, &store_users, req, res);
}

static int run_projects(const struct listing *l, struct api_answer *answer, struct err *err)
{
	return store_get_projects(l->api->store, l->query, api_answer_row, answer, err);
}

void api_get_projects(struct api *api, struct api_request *req, struct api_response *res)
{
	struct store_query query;
	struct api_lists l;

	if (lists(req, res, &l, &query))
		list_rows(&(struct listing){ .api = api, .query = &query }, run_projects,
			&store_projects, req, res);
}

static int run_clusters(const struct listing *l, struct api_answer *answer, struct err *err)
{
	return store_get_clusters(l->api->store, api_answer_row, answer, err);
}

void api_get_clusters(struct api *api, struct api_request *req, struct api_response *res)
{
	list_rows(&(struct listing){ .api = api }, run_clusters, &store_clusters, req, res);
}

static int run_stats(const struct listing *l, struct api_answer *answer, struct err *err)
{
	return store_get_stats(l->api->store, l->query, l->current, api_answer_row, answer, err);
}

static void get_stats(
	struct api *api, struct api_request *req, struct api_response *res, bool current)
{
	struct store_query query;
	struct api_lists l;
	struct err err = { 0 };

	if (!lists(req, res, &l, &query))
		return;
	if (current &&
		api_query_window(req, api_now_s(api), api->config->max_period_ms, &query.from_s,
			&query.to_s, &err) < 0)
		api_error(req, res, 400, "bad_data", err.text);
	else
		list_rows(&(struct listing){ .api = api, .query = &query, .current = current },
			run_stats, &store_stats, req, res);
}

void api_get_current_stats(struct api *api, struct api_request *req, struct api_response *res)
{
	get_stats(api, req, res, true);
}

void api_get_global_stats(struct api *api, struct api_request *req, struct api_response *res)
{
	get_stats(api, req, res, false);
}
