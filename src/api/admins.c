// SPDX-License-Identifier: Apache-2.0
#include "api/admins.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "api/ticker.h"

enum { ARENA_BYTES = 64 << 20, CONNECT_TIMEOUT_MS = 10000, CALL_TIMEOUT_MS = 30000 };

struct admins {
	struct admins_env env;
	struct http_client *http; /* NULL: no Grafana */
	struct arena arena;
	struct ticker *ticker;
	bool grafana_failing, store_failing; /* said so already */
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

static int team_members(struct admins *a, const char *team, struct strings *names, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	const char *path = arena_printf(&a->arena, "api/teams/%s/members", team);
	int r;

	if (!path)
		return err_errno(err, -ENOMEM, "team '%s'", team);
	r = get(a, path, CALL_TIMEOUT_MS, &reply, err);
	if (r < 0)
		return err_prefix(err, r, "team '%s'", team);
	r = admins_parse_members(
		(struct slice){ buffer_text(&reply.body), reply.body.len }, &a->arena, names);
	if (r < 0)
		return err_set(err, r, "team '%s': HTTP status %d without a list of members", team,
			reply.status);
	return 0;
}

/* False: not all teams are known now, the table keeps those that it has. */
static bool grafana_members(struct admins *a, struct strings *ret_names)
{
	const struct strings *teams = &a->env.config->admin.grafana.teams_ids;
	struct strings names = { 0 };
	struct err err = { 0 };
	bool all = true;

	for (size_t i = 0; a->http && i < teams->n; i++)
		all &= team_members(a, teams->v[i], &names, &err) >= 0;
	if (!all && !a->grafana_failing)
		log_error(a->env.log,
			"members of Grafana teams cannot be had, administrators stay as they are",
			LOG_ERR(&err));
	else if (all && a->grafana_failing)
		log_info(a->env.log, "members of Grafana teams can be had again");
	a->grafana_failing = !all;
	*ret_names = names;
	return all;
}

static void refresh(void *ctx)
{
	struct admins *a = ctx;
	struct strings members;
	bool known;
	struct err err;
	int r;

	arena_reset(&a->arena);
	known = grafana_members(a, &members);
	r = store_set_admins(a->env.store, &a->env.config->admin.users, known ? &members : NULL,
		clock_realtime_ns(a->env.clock) / 1000000, &err);
	if (r < 0 && !a->store_failing)
		log_error(a->env.log, "administrators could not be stored", LOG_ERR(&err));
	a->store_failing = r < 0;
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
	struct admins *a = calloc(1, sizeof(*a));
	int r = 0;

	if (!a)
		return err_errno(err, -ENOMEM, "administrators");
	a->env = *env;
	arena_init(&a->arena, ARENA_BYTES);
	if (*env->config->admin.grafana.url && env->config->admin.grafana.teams_ids.n)
		r = connect_grafana(a, err);
	if (r < 0)
		admins_close(a);
	else
		*ret_admins = a;
	return r;
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
	arena_done(&admins->arena);
	free(admins);
}
