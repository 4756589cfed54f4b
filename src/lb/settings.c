// SPDX-License-Identifier: Apache-2.0
#include "lb/settings.h"

#include <errno.h>
#include <stdlib.h>

enum { ARENA_BYTES = 64 << 20 };

static void set_directories(struct lb_config *config, const char *directory)
{
	struct lb_backend_config *backends = config->backends.v;

	config->api.client.directory = directory;
	for (size_t i = 0; i < config->backends.n; i++) {
		for (int kind = 0; kind < N_GATE_KINDS; kind++) {
			struct lb_server_config *servers = backends[i].servers[kind].v;

			for (size_t j = 0; j < backends[i].servers[kind].n; j++)
				servers[j].web.client.directory = directory;
		}
	}
}

int settings_load(const char *path, bool expand_env, const char *directory,
	struct settings **ret_settings, struct err *err)
{
	struct settings *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_errno(err, -ENOMEM, "configuration");
	s->refs = 1;
	arena_init(&s->arena, ARENA_BYTES);
	r = lb_config_load(path, expand_env, &s->arena, &s->config, err);
	if (r >= 0) {
		s->strategy = strategy_find(s->config.strategy ? s->config.strategy : "");
		if (!s->strategy && s->config.backends.n)
			r = err_set(err, -EINVAL, "invalid strategy");
	}
	if (r >= 0) {
		directory = arena_strdup(&s->arena, directory);
		if (!directory)
			r = err_errno(err, -ENOMEM, "configuration");
	}
	if (r < 0) {
		settings_unref(s);
		return r;
	}
	set_directories(&s->config, directory);
	*ret_settings = s;
	return 0;
}

struct settings *settings_ref(struct settings *s)
{
	s->refs++;
	return s;
}

void settings_unref(struct settings *s)
{
	if (!s || --s->refs > 0)
		return;
	arena_done(&s->arena);
	free(s);
}
