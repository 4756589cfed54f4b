// SPDX-License-Identifier: Apache-2.0
#include "lb/owners/owners_api.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "lb/owners/lives.h"

enum {
	/* So that the request line stays below what servers take, 8 KiB at least. An id may have
	 * three times GATE_UNIT_MAX_BYTES. */
	UNITS_PER_CALL = 100,
	QUERY_FULL_BYTES = 4 << 10,
	REPLY_MAX_BYTES = 32 << 20,
	NS_PER_MS = 1000000,
};

const char owners_service_account[] = "ceems-int-svc";

struct owners_api {
	char *url;
	struct http_client *http;
	const struct clock *clock;
	int cancel_fd;
};

int owners_api_new(const char *url, const struct http_client_config *client, int cancel_fd,
	const struct clock *clock, struct owners_api **ret_api, struct err *err)
{
	struct owners_api *api = calloc(1, sizeof(*api));
	CLEANUP(buffer_done) struct buffer joined = { 0 };
	int r = url_join(url, "api/v1", &joined);

	if (r < 0) {
		free(api);
		return err_set(err, r, "ceems_api_server.web.url is no http or https URL");
	}
	if (api) {
		api->url = strdup(url);
		api->clock = clock;
		api->cancel_fd = cancel_fd;
	}
	r = api && api->url ? http_client_new(client, "ceems_lb", &api->http, err)
			    : err_errno(err, -ENOMEM, "client of the API server");
	if (r < 0) {
		owners_api_free(api);
		return r;
	}
	*ret_api = api;
	return 0;
}

void owners_api_free(struct owners_api *api)
{
	if (!api)
		return;
	http_client_free(api->http);
	free(api->url);
	free(api);
}

/* The calls that answer one question. */
struct asking {
	struct owners_api *api;
	int64_t deadline_ns;
	struct arena *arena;
};

static struct asking ask(struct owners_api *api, struct arena *arena)
{
	return (struct asking){ api,
		clock_monotonic_ns(api->clock) + (int64_t)OWNERS_TIMEOUT_MS * NS_PER_MS, arena };
}

/* GET as the user; the status is the caller's to judge. */
static int get(struct asking *a, const char *user, const char *path, const struct buffer *query,
	struct http_reply *ret_reply, struct err *err)
{
	CLEANUP(buffer_done) struct buffer url = { 0 };
	const char *headers[] = { arena_printf(a->arena, "X-Grafana-User: %s", user), NULL };
	struct http_call call = {
		.method = "GET",
		.headers = headers,
		.timeout_ms = (a->deadline_ns - clock_monotonic_ns(a->api->clock)) / NS_PER_MS,
		.max_response_bytes = REPLY_MAX_BYTES,
		.cancel_fd = a->api->cancel_fd,
	};
	int r = url_join(a->api->url, path, &url);

	if (call.timeout_ms <= 0)
		return err_set(err, -ETIMEDOUT, "the API server did not answer within %d ms",
			OWNERS_TIMEOUT_MS);
	if (query && query->len) {
		buffer_putc(&url, '?');
		buffer_append(&url, buffer_text(query), query->len);
	}
	if (r < 0 || buffer_error(&url) || (query && buffer_error(query)) || !headers[0])
		return err_errno(err, -ENOMEM, "asking the API server");
	call.url = buffer_text(&url);
	r = http_client_call(a->api->http, &call, ret_reply, err);
	return r < 0 ? err_prefix(err, r, "asking the API server") : 0;
}

/* The list under 'data' of an answer to the user; null is an empty one. -ENOENT: no such route. */
static int get_list(struct asking *a, const char *user, const char *path,
	const struct buffer *query, json_t **ret_root, json_t **ret_list, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(json_decrefp) json_t *root = NULL;
	const char *status;
	int r = get(a, user, path, query, &reply, err);

	if (r < 0)
		return r;
	if (reply.status != 200)
		return err_set(err, reply.status == 404 ? -ENOENT : -EREMOTEIO,
			"error response code %d from CEEMS API server", reply.status);
	root = json_loadb(buffer_text(&reply.body), reply.body.len, JSON_REJECT_DUPLICATES, NULL);
	status = json_string_value(json_object_get(root, "status"));
	if (json_is_null(json_object_get(root, "data")))
		json_object_set_new(root, "data", json_array());
	*ret_list = json_object_get(root, "data");
	if (!status || str_eq(status, "error") || !json_is_array(*ret_list))
		return err_set(err, -EBADMSG, "the API server's answer to %s is no list", path);
	*ret_root = TAKE(root);
	return 0;
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* As many as one call takes; where the next one begins. */
static size_t put_units(struct buffer *query, const struct owners_question *q, size_t from)
{
	const size_t end = MIN(q->units->n, from + UNITS_PER_CALL);
	size_t i = from;

	url_append_param(query, "cluster_id", q->cluster);
	do
		url_append_param(query, "uuid", q->units->v[i++]);
	while (i < end && query->len < QUERY_FULL_BYTES);
	return i;
}

/* Of the units from *at on, which it moves on. */
static int verify(struct asking *a, const struct owners_question *q, size_t *at, bool *ret_allowed,
	struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer query = { 0 };
	int r;

	*at = put_units(&query, q, *at);
	r = get(a, q->user, "api/v1/units/verify", &query, &reply, err);
	if (r < 0)
		return r;
	/* 400: a value that the server doesn't take as an id, which nobody owns. */
	if (reply.status != 200 && reply.status != 403 && reply.status != 400)
		return err_set(err, -EREMOTEIO, "error response code %d from CEEMS API server",
			reply.status);
	*ret_allowed = reply.status == 200;
	return 0;
}

/* Names of the user's projects on the cluster. */
static int fetch_projects(struct asking *a, const struct owners_question *q,
	struct strings *ret_projects, struct err *err)
{
	CLEANUP(buffer_done) struct buffer query = { 0 };
	CLEANUP(json_decrefp) json_t *root = NULL;
	json_t *list, *item;
	struct strings names = { 0 };
	size_t i;
	int r;

	url_append_param(&query, "cluster_id", q->cluster);
	r = get_list(a, q->user, "api/v1/projects", &query, &root, &list, err);
	if (r < 0)
		return r;
	names.v = ARENA_ARRAY(a->arena, const char *, json_array_size(list) + 1);
	if (!names.v)
		return err_errno(err, -ENOMEM, "projects of '%s'", q->user);
	json_array_foreach(list, i, item)
	{
		const char *name = arena_strdup(a->arena, text_of(item, "name"));

		if (!name)
			return err_errno(err, -ENOMEM, "projects of '%s'", q->user);
		if (str_eq(text_of(item, "cluster_id"), q->cluster))
			names.v[names.n++] = name;
	}
	*ret_projects = names;
	return 0;
}

static bool contains(const struct strings *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], text))
			return true;
	return false;
}

static int64_t time_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static int lives_of(struct asking *a, const char *uuid, const json_t *list,
	const struct strings *projects, struct gate_unit_lives *ret_lives, struct err *err)
{
	struct lives_row *rows;
	const json_t *item;
	size_t i, n = 0, max = json_array_size(list);

	rows = ARENA_ARRAY(a->arena, struct lives_row, MAX(max, 1));
	if (!rows)
		return err_errno(err, -ENOMEM, "unit '%s'", uuid);
	json_array_foreach(list, i, item)
	{
		if (!str_eq(text_of(item, "uuid"), uuid))
			continue;
		rows[n++] = (struct lives_row){ time_of(item, "created_at_ts"),
			time_of(item, "started_at_ts"), time_of(item, "ended_at_ts"),
			contains(projects, text_of(item, "project")) };
	}
	/* None is left if the unit was too short for the accounts: verify counts such, the routes
	 * don't list them. */
	if (lives_make(rows, n, a->arena, ret_lives) < 0)
		return err_errno(err, -ENOMEM, "unit '%s'", uuid);
	return 0;
}

static int fetch_lives(struct asking *a, const struct owners_question *q, size_t *at,
	const struct strings *projects, struct gate_unit_lives *lives, struct err *err)
{
	static const char *const fields[] = { "uuid", "project", "created_at_ts", "started_at_ts",
		"ended_at_ts" };
	CLEANUP(buffer_done) struct buffer query = { 0 };
	CLEANUP(json_decrefp) json_t *root = NULL;
	const size_t from = *at;
	json_t *list;
	int r;

	*at = put_units(&query, q, from);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		url_append_param(&query, "field", fields[i]);
	r = get_list(a, owners_service_account, "api/v1/units/admin", &query, &root, &list, err);
	for (size_t i = from; r >= 0 && i < *at; i++)
		r = lives_of(a, q->units->v[i], list, projects, &lives[i], err);
	return r;
}

/* Of an API server without the routes that tell them: as of units that it doesn't list. */
static int no_lives(const struct asking *a, size_t n, struct gate_unit_lives *lives)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = lives_make(NULL, 0, a->arena, &lives[i]);
	return r;
}

int owners_api_lookup(struct owners_api *api, const struct owners_question *q, struct arena *arena,
	enum owners_verdict *ret_verdict, const struct gate_unit_lives **ret_lives, struct err *err)
{
	struct asking a = ask(api, arena);
	struct gate_unit_lives *lives = ARENA_ARRAY(arena, struct gate_unit_lives, q->units->n);
	struct strings projects = { 0 };
	bool allowed = true;
	int r = lives ? 0 : err_errno(err, -ENOMEM, "looking up units");

	for (size_t i = 0; r >= 0 && allowed && i < q->units->n;)
		r = verify(&a, q, &i, &allowed, err);
	if (r >= 0 && !allowed) {
		*ret_verdict = OWNERS_DENY;
		return 0;
	}
	if (r >= 0)
		r = fetch_projects(&a, q, &projects, err);
	for (size_t i = 0; r >= 0 && i < q->units->n;)
		r = fetch_lives(&a, q, &i, &projects, lives, err);
	if (r == -ENOENT)
		r = no_lives(&a, q->units->n, lives);
	if (r < 0)
		return r;
	*ret_verdict = OWNERS_ALLOW;
	*ret_lives = lives;
	return 0;
}

int owners_api_is_admin(struct owners_api *api, const char *user, bool *ret_admin, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = { 0 };
	CLEANUP(buffer_done) struct buffer query = { 0 };
	CLEANUP(json_decrefp) json_t *root = NULL;
	json_t *list, *item;
	struct asking a;
	bool admin = false;
	size_t i;
	int r;

	arena_init(&arena, 64 << 10);
	a = ask(api, &arena);
	url_append_param(&query, "role", "admin");
	r = get_list(&a, owners_service_account, "api/v1/users/admin", &query, &root, &list, err);
	if (r < 0)
		return r;
	json_array_foreach(list, i, item) admin |= str_eq(text_of(item, "name"), user);
	*ret_admin = admin;
	return 0;
}

int owners_api_clusters(
	struct owners_api *api, struct arena *arena, struct strings *ret_clusters, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	json_t *list, *item;
	struct asking a = ask(api, arena);
	struct strings ids = { 0 };
	size_t i;
	int r = get_list(
		&a, owners_service_account, "api/v1/clusters/admin", NULL, &root, &list, err);

	if (r < 0)
		return r;
	ids.v = ARENA_ARRAY(arena, const char *, json_array_size(list) + 1);
	if (!ids.v)
		return err_errno(err, -ENOMEM, "listing clusters");
	json_array_foreach(list, i, item)
	{
		const char *id = arena_strdup(arena, text_of(item, "id"));

		if (!id)
			return err_errno(err, -ENOMEM, "listing clusters");
		ids.v[ids.n++] = id;
	}
	*ret_clusters = ids;
	return 0;
}
