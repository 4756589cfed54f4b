// SPDX-License-Identifier: Apache-2.0
#include "api/admins.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "api/ticker.h"

enum {
	ARENA_BYTES = 64 << 20,
	CONNECT_TIMEOUT_MS = 10000,
	CALL_TIMEOUT_MS = 30000,
	HTTP_NOT_FOUND = 404
};

/* A team of Grafana, as it was seen last. */
struct team {
	const char *id;
	struct buffer members; /* Grafana's list, JSON */
	bool known; /* members holds one */
	bool failing; /* said so already */
};

struct admins {
	struct admins_env env;
	struct http_client *http; /* NULL: no Grafana */
	struct team *teams; /* one for each of the configuration's teams_ids */
	size_t n_teams;
	struct arena arena;
	struct ticker *ticker;
	bool store_failing; /* said so already */
};

int admins_parse_members(struct slice text, struct arena *arena, struct strings *names)
{
	json_t *root = text.n ? json_loadb(text.p, text.n, 0, NULL) : NULL, *member;
	int r = json_is_array(root) ? 0 : -EBADMSG;
	size_t i;

	json_array_foreach(root, i, member)
	{
		const char *login = json_string_value(json_object_get(member, "login"));
		const char **v;

		if (!login || !*login)
			continue;
		v = arena_grow(arena, names->v, names->n, names->n + 1, sizeof(*v));
		if (v)
			v[names->n] = arena_strdup(arena, login);
		if (!v || !v[names->n]) {
			r = -ENOMEM;
			break;
		}
		*names = (struct strings){ v, names->n + 1 };
	}
	json_decref(root);
	return r;
}

static int get(struct admins *a, const char *path, int64_t timeout_ms, struct http_reply *ret_reply,
	struct err *err)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	CLEANUP(buffer_done) struct buffer url = { 0 };
	int r = url_join(a->env.config->admin.grafana.url, path, &url);
	const struct http_call call = {
		.method = "GET",
		.url = buffer_text(&url),
		.headers = headers,
		.timeout_ms = timeout_ms,
		.max_response_bytes = ADMINS_REPLY_MAX_BYTES,
		.cancel_fd = a->env.cancel_fd,
	};

	if (r < 0)
		return err_errno(err, r, "URL of Grafana");
	return http_client_call(a->http, &call, ret_reply, err);
}

static int fetch_team(struct admins *a, struct team *team, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	const char *path = arena_printf(&a->arena, "api/teams/%s/members", team->id);
	struct strings names = { 0 };
	int r;

	if (!path)
		return err_errno(err, -ENOMEM, "team '%s'", team->id);
	r = get(a, path, CALL_TIMEOUT_MS, &reply, err);
	if (r < 0)
		return err_prefix(err, r, "team '%s'", team->id);
	r = admins_parse_members(
		(struct slice){ buffer_text(&reply.body), reply.body.len }, &a->arena, &names);
	if (r >= 0) {
		buffer_done(&team->members);
		team->members = reply.body;
		reply.body = (struct buffer){ 0 };
		team->known = true;
		return 0;
	}
	err_set(err, r, "team '%s': HTTP status %d without a list of members", team->id,
		reply.status);
	/* A team that was removed has no members any more, all else may be a fault. */
	if (reply.status == HTTP_NOT_FOUND) {
		buffer_clear(&team->members);
		buffer_puts(&team->members, "[]");
		team->known = buffer_error(&team->members) == 0;
	}
	return r;
}

static void refresh_team(struct admins *a, struct team *team)
{
	struct err err = { 0 };
	int r = fetch_team(a, team, &err);

	if (r < 0 && !team->failing)
		log_error(a->env.log,
			"members of a Grafana team cannot be had, they count as they were known last",
			LOG_ERR(&err));
	else if (r >= 0 && team->failing)
		log_info(a->env.log, "members of a Grafana team can be had again",
			LOG_STR("team", team->id));
	team->failing = r < 0;
}

/* False: some team was never seen since the start, the table keeps those that it has. */
static bool grafana_members(struct admins *a, struct strings *ret_names)
{
	struct strings names = { 0 };
	bool all = true;

	for (size_t i = 0; i < a->n_teams; i++) {
		struct team *team = &a->teams[i];

		refresh_team(a, team);
		all &= team->known &&
			admins_parse_members(
				(struct slice){ team->members.data, team->members.len }, &a->arena,
				&names) >= 0;
	}
	*ret_names = names;
	return all;
}

/* members NULL: not known now. */
static void store_admins(struct admins *a, const struct strings *members)
{
	struct err err = { 0 };
	int r = store_set_admins(a->env.store, &a->env.config->admin.users, members,
		clock_realtime_ns(a->env.clock) / 1000000, &err);

	if (r < 0 && !a->store_failing)
		log_error(a->env.log, "administrators could not be stored", LOG_ERR(&err));
	a->store_failing = r < 0;
}

static void refresh(void *ctx)
{
	struct admins *a = ctx;
	struct strings members;
	bool known;

	arena_reset(&a->arena);
	known = grafana_members(a, &members);
	store_admins(a, known ? &members : NULL);
}

static int make_teams(struct admins *a)
{
	const struct strings *ids = &a->env.config->admin.grafana.teams_ids;

	if (!*a->env.config->admin.grafana.url || !ids->n)
		return 0;
	a->teams = calloc(ids->n, sizeof(*a->teams));
	if (!a->teams)
		return -ENOMEM;
	for (; a->n_teams < ids->n; a->n_teams++)
		a->teams[a->n_teams].id = ids->v[a->n_teams];
	return 0;
}

static int connect_grafana(struct admins *a, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer shown = { 0 };
	int r = http_client_new(
		&a->env.config->admin.grafana.client, "ceems/api_server", &a->http, err);

	if (r < 0)
		return err_prefix(err, r, "ceems_api_server.admin.grafana");
	r = get(a, "api/health", CONNECT_TIMEOUT_MS, &reply, err);
	if (r >= 0)
		return 0;
	url_redact(a->env.config->admin.grafana.url, &shown);
	return err_prefix(err, r, "Grafana at %s is unreachable", buffer_text(&shown));
}

int admins_open(const struct admins_env *env, struct admins **ret_admins, struct err *err)
{
	static const struct strings nobody = { 0 };
	struct admins *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return err_errno(err, -ENOMEM, "administrators");
	a->env = *env;
	arena_init(&a->arena, ARENA_BYTES);
	r = make_teams(a) < 0 ? err_errno(err, -ENOMEM, "administrators") : 0;
	if (r >= 0 && a->n_teams)
		r = connect_grafana(a, err);
	if (r < 0) {
		admins_close(a);
		return r;
	}
	/* Before the first request: who was taken out of the configuration has no rights left. */
	store_admins(a, a->n_teams ? NULL : &nobody);
	*ret_admins = a;
	return 0;
}

int admins_start(struct admins *admins, struct err *err)
{
	int64_t interval_ms = admins->env.config->data.update_interval_ms;

	refresh(admins);
	return ticker_start("admins", interval_ms, interval_ms, admins->env.cancel_fd, refresh,
		admins, &admins->ticker, err);
}

void admins_close(struct admins *admins)
{
	if (!admins)
		return;
	ticker_join(admins->ticker);
	http_client_free(admins->http);
	for (size_t i = 0; i < admins->n_teams; i++)
		buffer_done(&admins->teams[i].members);
	free(admins->teams);
	arena_done(&admins->arena);
	free(admins);
}
