// SPDX-License-Identifier: Apache-2.0
#include "lb/state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEEP_MS = 5000, MAX_ANSWERS = 20000, CLUSTERS_ARENA_BYTES = 4 << 20 };

const char *state_database(const struct settings *settings, struct arena *arena)
{
	const char *path = settings->config.data_path;
	char cwd[PATH_MAX];

	if (!path || !*path)
		return NULL;
	if (path[0] == '/')
		return arena_printf(arena, "%s/ceems.db", path);
	return getcwd(cwd, sizeof(cwd)) ? arena_printf(arena, "%s/%s/ceems.db", cwd, path) : NULL;
}

/*
 * Spec lb-and-proxies.md 2.4. A directory that is named and holds no database means that somebody
 * wants access control: everything is refused until it is there.
 */
static int open_owners(struct state *s, const struct state_config *config, struct err *err)
{
	const struct lb_config *lb = &s->settings->config;
	struct owners_config owners = {
		.database = state_database(s->settings, &s->settings->arena),
		.api_url = *lb->api.url ? lb->api.url : NULL,
		.api_client = &lb->api.client,
		.keep_ms = KEEP_MS,
		.max_answers = MAX_ANSWERS,
		.clock = config->clock,
		.log = config->log,
		.cancel_fd = config->cancel_fd,
	};
	bool exists = owners.database && access(owners.database, F_OK) == 0;

	if (!owners.database && lb->data_path && *lb->data_path)
		return err_errno(err, -ENOMEM, "database");
	if (!owners.database && !owners.api_url) {
		log_warn(config->log,
			"Neither CEEMS API server DB nor web config found. Skipping "
			"cluster validation");
		return 0;
	}
	if (!exists && owners.api_url) {
		log_debug(config->log, "CEEMS API server web config found");
		owners.database = NULL;
	} else if (exists) {
		log_debug(config->log, "CEEMS API server DB config found");
	} else {
		log_warn(config->log,
			"ceems_api_server.data.path holds no database: all requests of users are "
			"refused until it does",
			LOG_STR("database", owners.database));
	}
	return owners_new(&owners, &s->owners, err);
}

/* Two clusters on one server show each other's series where their units have equal ids. */
static void warn_of_shared_servers(const struct pools *pools, const struct log *log)
{
	for (size_t i = 0; i < pools->n; i++) {
		const struct pool *a = &pools->v[i];

		for (size_t j = 0; j < i; j++) {
			const struct pool *b = &pools->v[j];

			if (!str_eq(a->servers[0]->name, b->servers[0]->name) ||
				(a->cluster_label && b->cluster_label))
				continue;
			log_warn(log,
				"clusters share a server without a cluster_label: units with "
				"equal ids are not told apart",
				LOG_STR("cluster_id", b->id), LOG_STR("other", a->id),
				LOG_STR("backend", a->servers[0]->name));
		}
	}
}

int state_new(const struct state_config *config, struct settings *settings,
	const struct state *before, struct state **ret_state, struct err *err)
{
	struct state *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_errno(err, -ENOMEM, "configuration");
	s->refs = 1;
	s->settings = settings_ref(settings);
	s->gate = (struct gate_options){ .route_prefix = settings->config.route_prefix,
		.promql_level = settings->config.promql_level,
		.experimental_functions = settings->config.experimental_functions };
	for (int kind = 0; r >= 0 && kind < N_GATE_KINDS; kind++)
		r = pools_new(s->settings, kind, before ? before->pools[kind] : NULL, config->log,
			&s->pools[kind], err);
	if (r >= 0)
		r = open_owners(s, config, err);
	if (r < 0) {
		state_unref(s);
		return r;
	}
	s->known = !s->owners;
	if (s->owners)
		warn_of_shared_servers(s->pools[GATE_TSDB], config->log);
	*ret_state = s;
	return 0;
}

int state_start(struct state *s, struct err *err)
{
	int r = 0;

	for (int kind = 0; r >= 0 && kind < N_GATE_KINDS; kind++)
		r = pools_start(s->pools[kind], err);
	return r;
}

static bool contains(const struct strings *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], text))
			return true;
	return false;
}

static const char *join(const struct strings *list, struct arena *arena)
{
	const char *text = "";

	for (size_t i = 0; text && i < list->n; i++)
		text = arena_printf(arena, "%s%s%s", text, i ? "," : "", list->v[i]);
	return text ? text : "";
}

void state_check_clusters(struct state *s, const struct log *log)
{
	CLEANUP(arena_done) struct arena arena = { 0 };
	struct strings ids = { 0 };
	struct err err = { 0 };
	bool known = true;

	arena_init(&arena, CLUSTERS_ARENA_BYTES);
	if (!s->owners || s->known || owners_clusters(s->owners, &arena, &ids, &err) < 0)
		return;
	for (int kind = 0; kind < N_GATE_KINDS; kind++) {
		for (size_t i = 0; i < s->pools[kind]->n; i++) {
			const char *id = s->pools[kind]->v[i].id;

			if (contains(&ids, id))
				continue;
			known = false;
			if (s->told)
				continue;
			log_warn(log,
				"unknown cluster ID: no unit was ever recorded there, so users are "
				"refused",
				LOG_STR("cluster_id", id), LOG_STR("known", join(&ids, &arena)));
		}
	}
	s->known = known;
	s->told = true;
}

void state_rest(struct state *s)
{
	for (int kind = 0; kind < N_GATE_KINDS; kind++)
		pools_stop(s->pools[kind]);
	if (s->owners)
		owners_forget(s->owners, true);
}

struct state *state_ref(struct state *s)
{
	s->refs++;
	return s;
}

bool state_is_idle(const struct state *s)
{
	return s->refs == 1;
}

void state_unref(struct state *s)
{
	if (!s || --s->refs > 0)
		return;
	for (int kind = 0; kind < N_GATE_KINDS; kind++)
		pools_free(s->pools[kind]);
	owners_free(s->owners);
	settings_unref(s->settings);
	free(s);
}
