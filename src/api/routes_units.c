// SPDX-License-Identifier: Apache-2.0
/*
 * Units (spec api-server.md 5.8, 5.9). An answer may hold years of units, so only their ids are
 * gathered at first; rows are then read and written in batches, as fast as the client takes them
 * and without holding a database connection in between.
 */
#include <errno.h>
#include <stdlib.h>

#include "api/api_answer.h"
#include "api/api_query.h"

enum {
	AT_ONCE = 100, /* units of an answer that is sent as a whole */
	BATCH = 20, /* of one that is sent while it is read, to many clients at once perhaps */
	IDS_MAX_BYTES = 64 << 20,
	BATCH_MAX_BYTES = 256 << 20,
};

struct unit_stream {
	struct store *store;
	struct timezone_ *zone; /* owned */
	struct buffer ids; /* int64_t each */
	size_t next; /* index of the next id */
	struct buffer text; /* written, but not yet taken */
	size_t taken;
	struct api_answer answer; /* into text */
	bool ended;
};

static void unit_stream_free(void *ctx)
{
	struct unit_stream *s = ctx;

	if (!s)
		return;
	api_answer_done(&s->answer);
	timezone_free(s->zone);
	buffer_done(&s->ids);
	buffer_done(&s->text);
	free(s);
}

static struct unit_stream *unit_stream_new(struct store *store, uint64_t fields)
{
	struct unit_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->store = store;
	buffer_init(&s->ids, IDS_MAX_BYTES);
	buffer_init(&s->text, BATCH_MAX_BYTES);
	api_answer_init(&s->answer, &store_units, fields, &s->text);
	return s;
}

/* Writes the next batch behind what is in text. */
static int next_batch(struct unit_stream *s, struct err *err)
{
	const int64_t *ids = (const int64_t *)(const void *)s->ids.data;
	size_t all = s->ids.len / sizeof(*ids), n = all - s->next;
	size_t max = all <= AT_ONCE ? AT_ONCE : BATCH;
	int r;

	r = store_get_units(
		s->store, ids ? ids + s->next : NULL, MIN(n, max), api_answer_row, &s->answer, err);
	if (r < 0)
		return r;
	s->next += MIN(n, max);
	if (n <= max) {
		api_answer_end(&s->answer);
		s->ended = true;
	}
	return buffer_error(&s->text);
}

static ssize_t unit_stream_next(void *ctx, char *data, size_t max)
{
	struct unit_stream *s = ctx;
	size_t n;

	if (s->taken == s->text.len) {
		int r;

		if (s->ended)
			return 0;
		r = next_batch(s, NULL);
		if (r < 0)
			return r;
	}
	n = MIN(max, s->text.len - s->taken);
	memcpy(data, s->text.data + s->taken, n);
	s->taken += n;
	/* Nothing is kept for clients that take their time. */
	if (s->taken == s->text.len) {
		buffer_done(&s->text);
		s->taken = 0;
	}
	return (ssize_t)n;
}

/* The query behind the parameters; false: an error was answered. */
static bool unit_query(struct api *api, struct api_request *req, struct api_response *res,
	struct api_lists *lists, struct store_query *query)
{
	struct err err = { 0 };

	if (api_query_lists(req, lists, query) < 0) {
		api_error(req, res, 500, "internal", err_name(-ENOMEM));
		return false;
	}
	query->running = api_query_has(req, "running");
	if (!lists->uuids.n &&
		api_query_window(req, api_now_s(api), api->config->max_period_ms, &query->from_s,
			&query->to_s, &err) < 0) {
		api_error(req, res, 400, "bad_data", err.text);
		return false;
	}
	return true;
}

void api_get_units(struct api *api, struct api_request *req, struct api_response *res)
{
	const char *zone = api_query_first(req, "timezone");
	struct unit_stream *s;
	struct store_query query;
	struct api_lists lists;
	struct err err = { 0 };
	uint64_t fields;
	int r;

	if (api_query_fields(req, &store_units, &fields) < 0) {
		api_error(req, res, 400, "bad_data", "invalid query fields");
		return;
	}
	if (!unit_query(api, req, res, &lists, &query))
		return;
	s = unit_stream_new(api->store, fields);
	if (!s) {
		api_error(req, res, 500, "internal", err_name(-ENOMEM));
		return;
	}
	/* An unknown zone leaves the times as they are. */
	if (zone && *zone && timezone_new(zone, &s->zone, NULL) >= 0)
		s->answer.zone = s->zone;
	api_answer_begin(&s->answer);
	r = store_find_units(api->store, &query, &s->ids, &err);
	if (r >= 0)
		r = next_batch(s, &err);
	if (r < 0) {
		if (!err.code)
			err_errno(&err, r, "answering a query");
		api_store_error(api, req, res, &err);
	} else if (s->ended) {
		buffer_append(res->body, s->text.data, s->text.len);
	} else {
		res->next = unit_stream_next;
		res->free_ctx = unit_stream_free;
		res->ctx = TAKE(s);
	}
	unit_stream_free(s);
}

void api_verify_units(struct api *api, struct api_request *req, struct api_response *res)
{
	struct store_query query;
	struct api_lists lists;
	struct err err = { 0 };
	bool passes = false;
	int r;

	r = api_query_lists(req, &lists, &query);
	if (r < 0) {
		api_error(req, res, 500, "internal", err_name(r));
		return;
	}
	if (!lists.uuids.n) {
		api_error(req, res, 400, "bad_data", "uuids missing in the request");
		return;
	}
	/*
	 * Administrators may see every unit. The internal account has none, but a program of ours
	 * may ask here on behalf of a person who goes by its name.
	 */
	if (!str_eq(req->user, API_INTERNAL_ACCOUNT))
		r = store_is_admin(api->store, req->user, &passes, &err);
	if (r >= 0 && !passes)
		r = store_owns_units(
			api->store, req->user, &lists.clusters, &lists.uuids, &passes, &err);
	if (r < 0)
		api_store_error(api, req, res, &err);
	else if (!passes)
		api_error(req, res, 403, "forbidden", "user do not have permissions on uuids");
	else
		buffer_puts(res->body, "{\"status\":\"success\",\"data\":null}\n");
}
