// SPDX-License-Identifier: Apache-2.0
/* Servers from Nova, users and projects from Keystone (spec api-server.md 8). */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "api/managers/openstack_accounts.h"
#include "api/managers/openstack_runs.h"
#include "basic/buffer.h"
#include "format/json_writer.h"
#include "remote/openstack/nova.h"

enum {
	MS = 1000,
	US_PER_S = 1000000,
	CONFIG_ARENA_BYTES = 16 << 20,
	AUTH_MAX_BYTES = 1 << 20,
	N_LISTS = 2, /* servers that are there, servers that were */
};

/* 1,000,000 servers with their texts. */
static const size_t list_arena_bytes = (size_t)4 << 30;

struct extra {
	struct {
		const char *compute, *identity;
	} endpoints;
	const struct config_node *auth;
	int64_t request_timeout_ms;
};

struct web {
	const char *url; /* accepted, not used */
	struct http_client_config client;
};

/* What is known of servers; one for the windows that are stored, one for the window that isn't yet.
 */
struct memory {
	struct arena arena;
	struct openstack_runs runs;
};

struct openstack {
	struct manager_env env;
	struct arena arena; /* configuration */
	struct extra extra;
	struct web web; /* borrowed by the session */
	struct buffer auth; /* holds secrets; borrowed by the session */
	struct openstack_session *session;
	struct openstack_accounts *accounts;
	struct memory known, fetched;
};

#define ENDPOINT(name, help)                                     \
	{                                                        \
#name, CONFIG_STRING,                            \
			offsetof(struct extra, endpoints.name) - \
			offsetof(struct extra, endpoints),       \
			NULL, NULL, help, CONFIG_REQUIRED        \
	}
static const struct config_key endpoint_keys[] = {
	ENDPOINT(compute, "Nova, with the version: `https://nova.example.org:8774/v2.1`."),
	ENDPOINT(identity, "Keystone, without `/v3`."),
};
static const struct config_table endpoint_table = {
	.keys = endpoint_keys,
	.n_keys = ARRAY_SIZE(endpoint_keys),
};

static const struct config_key extra_keys[] = {
	{ "api_service_endpoints", CONFIG_SECTION, offsetof(struct extra, endpoints),
		&endpoint_table, NULL, "Addresses of the services.", 0 },
	{ "auth", CONFIG_NODE, offsetof(struct extra, auth), NULL, NULL,
		"Value of `auth` in the request for a token, with `identity` and perhaps `scope`.",
		CONFIG_REQUIRED | CONFIG_SECRET },
	{ "request_timeout", CONFIG_DURATION, offsetof(struct extra, request_timeout_ms), NULL,
		"2m", "Time limit of one request.", 0 },
};

static int check_extra(void *value, struct err *err)
{
	const struct extra *extra = value;

	if (extra->request_timeout_ms <= 0)
		return err_set(err, -EINVAL, "request_timeout must be more than 0s");
	if (!config_get(extra->auth, "identity"))
		return err_set(err, -EINVAL, "auth must hold 'identity'");
	return 0;
}

static const struct config_table extra_table = {
	.size = sizeof(struct extra),
	.keys = extra_keys,
	.n_keys = ARRAY_SIZE(extra_keys),
	.check = check_extra,
};

static const struct config_key web_keys[] = {
	{ "url", CONFIG_STRING, offsetof(struct web, url), NULL, NULL, "Not used.", 0 },
	{ NULL, CONFIG_INLINE, offsetof(struct web, client), &http_client_config_inline, NULL, NULL,
		0 },
};
static const struct config_table web_table = {
	.size = sizeof(struct web),
	.keys = web_keys,
	.n_keys = ARRAY_SIZE(web_keys),
};

static void forget(struct memory *memory)
{
	arena_done(&memory->arena);
	memory->runs = (struct openstack_runs){ 0 };
	arena_init(&memory->arena, list_arena_bytes);
}

static void openstack_close(void *state)
{
	struct openstack *o = state;

	if (!o)
		return;
	openstack_accounts_close(o->accounts);
	openstack_session_close(o->session);
	arena_done(&o->known.arena);
	arena_done(&o->fetched.arena);
	if (o->auth.data)
		explicit_bzero(o->auth.data, o->auth.cap);
	buffer_done(&o->auth);
	arena_done(&o->arena);
	free(o);
}

static void openstack_closep(struct openstack **o)
{
	openstack_close(*o);
}

/*
 * YAML knows more types than this JSON does: all scalars are texts (passwords and ids of digits
 * only, too), but for null and for true and false ("system: {all: true}") without quotes.
 */
static void write_node(struct json_writer *w, const struct config_node *node)
{
	switch (node->kind) {
	case CONFIG_SCALAR:
		if (node->is_null)
			json_writer_null(w);
		else if (!node->quoted &&
			(str_eq(node->text, "true") || str_eq(node->text, "false")))
			json_writer_bool(w, str_eq(node->text, "true"));
		else
			json_writer_string(w, node->text);
		break;
	case CONFIG_SEQUENCE:
		json_writer_open_array(w);
		for (size_t i = 0; i < node->n; i++)
			write_node(w, node->items[i]);
		json_writer_close_array(w);
		break;
	case CONFIG_MAPPING:
		json_writer_open_object(w);
		for (size_t i = 0; i < node->n; i++) {
			json_writer_key(w, node->names[i]);
			write_node(w, node->items[i]);
		}
		json_writer_close_object(w);
		break;
	}
}

static bool is_version_header(const char *name)
{
	return strcasecmp(name, "X-OpenStack-Nova-API-Version") == 0 ||
		strcasecmp(name, "OpenStack-API-Version") == 0;
}

/* The configured headers without a token, which is ours to send, and with a microversion. */
static int adjust_headers(struct http_client_config *client, struct arena *arena)
{
	static const char *const latest[] = { "latest" };
	const struct http_client_header *headers = client->http_headers.v;
	size_t n = client->http_headers.n, kept = 0;
	struct http_client_header *v = ARENA_ARRAY(arena, struct http_client_header, n + 1);
	const char **names = ARENA_ARRAY(arena, const char *, n + 1);
	bool versioned = false;

	if (!v || !names)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *name = client->http_headers.names[i];

		versioned |= is_version_header(name);
		if (strcasecmp(name, "X-Auth-Token") == 0)
			continue;
		names[kept] = name;
		v[kept++] = headers[i];
	}
	if (!versioned) {
		names[kept] = "X-OpenStack-Nova-API-Version";
		v[kept++].values = (struct strings){ (const char **)latest, 1 };
	}
	client->http_headers = (struct config_list){ v, names, kept };
	return 0;
}

static int load(struct openstack *o, struct err *err)
{
	const struct manager_env *env = &o->env;
	struct json_writer w = json_writer(&o->auth);
	int r = config_decode(env->cluster->extra_config, env->config_name, &extra_table, &o->extra,
		&o->arena, err);

	if (r >= 0)
		r = config_decode(
			env->cluster->web, env->config_name, &web_table, &o->web, &o->arena, err);
	if (r < 0)
		return r;
	o->web.client.directory = env->config_dir;
	if (adjust_headers(&o->web.client, &o->arena) < 0)
		return err_errno(err, -ENOMEM, "OpenStack manager");
	write_node(&w, o->extra.auth);
	return buffer_error(&o->auth) < 0
		? err_errno(err, buffer_error(&o->auth), "extra_config.auth")
		: 0;
}

static int openstack_open(const struct manager_env *env, void **ret_state, struct err *err)
{
	CLEANUP(openstack_closep) struct openstack *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return err_errno(err, -ENOMEM, "OpenStack manager");
	o->env = *env;
	arena_init(&o->arena, CONFIG_ARENA_BYTES);
	arena_init(&o->known.arena, list_arena_bytes);
	arena_init(&o->fetched.arena, list_arena_bytes);
	buffer_init(&o->auth, AUTH_MAX_BYTES);
	r = load(o, err);
	if (r < 0)
		return r;

	const struct openstack_session_config session = {
		.identity_url = o->extra.endpoints.identity,
		.auth = buffer_text(&o->auth),
		.client = &o->web.client,
		.user_agent = "ceems/api_server",
		.clock = env->clock,
		.timeout_ms = o->extra.request_timeout_ms,
		.cancel_fd = env->cancel_fd,
	};

	r = openstack_session_open(&session, &o->session, err);
	if (r >= 0)
		r = openstack_accounts_open(env, o->session, &o->accounts, err);
	if (r < 0)
		return r;
	*ret_state = TAKE(o);
	return 0;
}

static int openstack_recall(void *state, const struct unit *unit, int64_t seen_ms)
{
	struct openstack *o = state;
	struct openstack_runs *runs = &o->known.runs;

	/* From the first unit on once more. */
	if (runs->n && str_eq(runs->v[0].id, unit->uuid) &&
		runs->v[0].launched_us == MAX(unit->started_at_ms, 0) * MS)
		forget(&o->known);
	return openstack_runs_recall(runs, unit, seen_ms, &o->known.arena);
}

/*
 * Servers that are there, then those that are deleted: in this order a server that is deleted
 * meanwhile is in both lists, and in the other one it might be in none. Deleted ones are asked for
 * without an end (CEEMS 0.10.2 sends changes-before), for the same reason; what they did in the
 * window is found out here.
 */
static int get_servers(struct openstack *o, const struct window *window, struct arena *arena,
	struct openstack_servers *ret_servers, struct err *err)
{
	const char *compute = o->extra.endpoints.compute;
	CLEANUP(buffer_done) struct buffer deleted = { 0 };
	struct nova_servers lists[N_LISTS] = { 0 };
	char since[TIME_TEXT_MAX];
	int r;

	time_format_zdt(o->env.zone, window->since_ms, since);
	url_append_param(&deleted, "all_tenants", "true");
	url_append_param(&deleted, "deleted", "true");
	url_append_param(&deleted, "changes-since", since);
	if (buffer_error(&deleted) < 0)
		return err_errno(err, -ENOMEM, "servers");
	r = nova_servers(o->session, compute, "all_tenants=true", arena, &lists[0], err);
	if (r >= 0)
		r = nova_servers(o->session, compute, deleted.data, arena, &lists[1], err);
	if (r < 0)
		return r;
	r = openstack_servers_join(lists, N_LISTS, arena, ret_servers);
	return r < 0 ? err_errno(err, r, "servers") : 0;
}

/* Users and projects that were made since they were asked for. */
static int learn_names(struct openstack *o, const struct openstack_servers *servers, int64_t now_ms,
	struct err *err)
{
	bool any = false;

	for (size_t i = 0; i < servers->n; i++) {
		const char *ids[] = { servers->v[i]->user_id, servers->v[i]->project_id };

		for (size_t k = 0; k < ARRAY_SIZE(ids); k++) {
			if (!openstack_accounts_is_new(o->accounts, ids[k]))
				continue;
			any = true;
			if (openstack_accounts_learn(o->accounts, ids[k]) < 0)
				return err_errno(err, -ENOMEM, "names of users and projects");
		}
	}
	return any ? openstack_accounts_refresh(o->accounts, now_ms, err) : 0;
}

static const char *user_name(void *ctx, const char *id)
{
	return openstack_accounts_user(ctx, id);
}

static const char *project_name(void *ctx, const char *id)
{
	return openstack_accounts_project(ctx, id);
}

static const char *format_time(const struct openstack *o, int64_t us, struct arena *arena)
{
	char text[TIME_TEXT_MAX];

	if (!us)
		return "N/A";
	time_format_zdt(o->env.zone, us / MS, text);
	return arena_strdup(arena, text);
}

static const char *format_elapsed(
	const struct openstack_run *run, int64_t end_us, struct arena *arena)
{
	char text[TIME_TEXT_MAX];

	if (!run->launched_us)
		return "N/A";
	time_format_span(
		((run->ended_us ? run->ended_us : end_us) - run->launched_us) / US_PER_S, text);
	return arena_strdup(arena, text);
}

static int put_times(struct unit *unit, const struct openstack_amounts *amounts, double seconds,
	struct arena *arena)
{
	struct metric_map *map = &unit->metrics[TOTAL_TIME_SECONDS];
	const double gpu_seconds = (double)amounts->vgpus * seconds;
	int r;

	map->set = true;
	r = metric_map_put(map, arena, "walltime", seconds);
	if (r >= 0)
		r = metric_map_put(map, arena, "alloc_cputime", (double)amounts->vcpus * seconds);
	if (r >= 0)
		r = metric_map_put(
			map, arena, "alloc_cpumemtime", (double)amounts->memory_mib * seconds);
	if (r >= 0)
		r = metric_map_put(map, arena, "alloc_gputime", gpu_seconds);
	if (r >= 0)
		r = metric_map_put(map, arena, "alloc_gpumemtime", gpu_seconds);
	return r;
}

/* The texts of the run live in o->fetched until the window is stored and another one fetched. */
static int push_unit(const struct openstack *o, const struct openstack_run *run,
	const struct window *window, struct arena *arena, struct unit_list *units)
{
	const int64_t end_us = window->end_ms * MS;
	struct unit *unit = unit_list_push(units, arena);

	if (!unit)
		return -ENOMEM;
	unit->resource_manager = "openstack";
	unit->cluster_id = o->env.cluster->id;
	unit->uuid = run->id;
	unit->name = run->name;
	unit->project = run->project;
	unit->username = run->username;
	unit->created_at = format_time(o, run->created_us, arena);
	unit->created_at_ms = run->created_us / MS;
	unit->started_at = format_time(o, run->launched_us, arena);
	unit->started_at_ms = run->launched_us / MS;
	unit->ended_at = format_time(o, run->ended_us, arena);
	unit->ended_at_ms = run->ended_us / MS;
	unit->elapsed = format_elapsed(run, end_us, arena);
	unit->state = run->status;
	unit->allocation = run->allocation;
	unit->tags = run->tags;
	if (!unit->created_at || !unit->started_at || !unit->ended_at || !unit->elapsed)
		return -ENOMEM;
	return put_times(unit, &run->amounts,
		openstack_run_seconds(run, window->start_ms * MS, end_us), arena);
}

static int push_units(const struct openstack *o, const struct window *window, struct arena *arena,
	struct unit_list *units)
{
	const struct openstack_runs *runs = &o->fetched.runs;

	for (size_t i = 0; i < runs->n; i++) {
		const struct openstack_run *run = &runs->v[i];

		/* What began since the end of the window has its turn later. (One that was being
		 * built in the window has time in it, although it was launched afterwards.) */
		if (MAX(run->created_us, run->launched_us) >= window->end_ms * MS &&
			openstack_run_seconds(run, window->start_ms * MS, window->end_ms * MS) == 0)
			continue;
		if (push_unit(o, run, window, arena, units) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int openstack_fetch_units(void *state, const struct window *window, struct arena *arena,
	struct unit_list *units, struct err *err)
{
	struct openstack *o = state;
	const struct openstack_names names = { o->accounts, user_name, project_name };
	struct openstack_servers servers = { 0 };
	struct arena lists;
	int r;

	forget(&o->fetched);
	openstack_runs_sort(&o->known.runs);
	arena_init(&lists, list_arena_bytes);
	r = get_servers(o, window, &lists, &servers, err);
	if (r >= 0)
		r = learn_names(o, &servers, window->end_ms, err);
	if (r >= 0) {
		r = openstack_runs_update(&o->known.runs, &servers, &names, window->since_ms * MS,
			window->end_ms * MS, &o->fetched.arena, &o->fetched.runs);
		if (r >= 0)
			r = push_units(o, window, arena, units);
		if (r < 0)
			err_errno(err, r, "%zu servers", servers.n);
	}
	arena_done(&lists);
	return r;
}

static int openstack_fetch_accounts(void *state, int64_t now_ms, struct arena *arena,
	struct user_list *users, struct project_list *projects, struct err *err)
{
	struct openstack *o = state;
	int r = openstack_accounts_refresh(o->accounts, now_ms, err);

	if (r < 0)
		return r;
	r = openstack_accounts_list(o->accounts, arena, users, projects);
	return r < 0 ? err_errno(err, r, "users and projects") : 1;
}

static void openstack_stored(void *state, const struct window *window)
{
	struct openstack *o = state;
	struct memory stored = o->fetched;

	o->fetched = o->known;
	o->known = stored;
	forget(&o->fetched);
}

const struct manager manager_openstack = {
	.name = "openstack",
	.extra_config = &extra_table,
	.open = openstack_open,
	.recall = openstack_recall,
	.fetch_units = openstack_fetch_units,
	.fetch_accounts = openstack_fetch_accounts,
	.stored = openstack_stored,
	.close = openstack_close,
};
