// SPDX-License-Identifier: Apache-2.0
#include "lb/pool.h"

#include <errno.h>
#include <stdlib.h>

static struct pool *find(struct pools *pools, const char *id)
{
	for (size_t i = 0; i < pools->n; i++)
		if (str_eq(pools->v[i].id, id))
			return &pools->v[i];
	return NULL;
}

struct pool *pools_find(const struct pools *pools, const char *id)
{
	struct pool *pool = find((struct pools *)pools, id);

	for (size_t i = 0; pool && i < pool->n; i++)
		if (pool->servers[i]->set_up)
			return pool;
	return NULL;
}

/* What was known of a server of the same cluster and address; the one being there longer counts. */
static void take_over(struct server *server, const struct pools *before, const char *id)
{
	const struct pool *pool = before ? find((struct pools *)before, id) : NULL;

	for (size_t i = 0; pool && i < pool->n; i++) {
		const struct server *old = pool->servers[i];

		if (!str_eq(old->name, server->name))
			continue;
		server->alive = old->alive;
		server->retention_ms = old->retention_ms;
		server->lookback_ms = old->lookback_ms;
		return;
	}
}

static int add_hidden_labels(
	struct pool *pool, const struct strings *labels, struct arena *arena, struct err *err)
{
	struct strings *hidden = &pool->hidden_labels;
	const char **v;

	if (!labels->n)
		return 0;
	v = arena_grow(arena, hidden->v, hidden->n, hidden->n + labels->n, sizeof(*v));
	if (!v)
		return err_errno(err, -ENOMEM, "filter_labels");
	memcpy(v + hidden->n, labels->v, labels->n * sizeof(*v));
	*hidden = (struct strings){ v, hidden->n + labels->n };
	return 0;
}

static void log_no_server(const struct pools *pools, const struct pool *pool, const struct log *log,
	const struct err *why)
{
	log_error(log, "Could not set up backend server",
		LOG_STR("backend_type", server_kind_name(pools->kind)), LOG_STR("id", pool->id),
		LOG_ERR(why));
}

static int add_server(struct pools *pools, struct pool *pool, struct settings *settings,
	const struct lb_server_config *config, const struct pools *before, const struct log *log,
	struct err *err)
{
	struct server *server;
	struct err why = { 0 };
	int r;

	if (pool->n == POOL_SERVERS_MAX)
		return err_set(err, -E2BIG, "cluster %s has more than %d servers", pool->id,
			POOL_SERVERS_MAX);
	r = server_new(settings, pools->kind, pool->id, config, true, log, &server, &why);
	if (r == -ENOMEM)
		return err_errno(err, r, "server of cluster %s", pool->id);
	if (r < 0) {
		log_no_server(pools, pool, log, &why);
		return 0;
	}
	take_over(server, before, pool->id);
	if (server_set_up(server, &why) < 0)
		log_no_server(pools, pool, log, &why);
	pool->servers[pool->n++] = server;
	log_debug(log, "Backend added", LOG_STR("backend_type", server_kind_name(pools->kind)),
		LOG_STR("strategy", pools->strategy->name), LOG_STR("cluster_id", pool->id),
		LOG_STR("backend", server->name));
	return pools->kind == GATE_TSDB
		? add_hidden_labels(pool, &config->filter_labels, &settings->arena, err)
		: 0;
}

static int add_backend(struct pools *pools, struct settings *settings,
	const struct lb_backend_config *backend, const struct pools *before, const struct log *log,
	struct err *err)
{
	const struct config_list *list = &backend->servers[pools->kind];
	struct lb_server_config *servers = list->v;
	struct pool *pool = find(pools, backend->id);
	int r = 0;

	if (!pool) {
		pool = &pools->v[pools->n++];
		pool->id = backend->id;
	}
	if (*backend->cluster_label)
		pool->cluster_label = backend->cluster_label;
	for (size_t i = 0; r >= 0 && i < list->n; i++)
		r = add_server(pools, pool, settings, &servers[i], before, log, err);
	return r;
}

static void drop_empty(struct pools *pools)
{
	size_t n = 0;

	for (size_t i = 0; i < pools->n; i++) {
		if (pools->v[i].n) {
			if (n != i)
				memcpy(&pools->v[n], &pools->v[i], sizeof(pools->v[n]));
			n++;
		}
	}
	pools->n = n;
}

int pools_new(struct settings *settings, enum gate_kind kind, const struct pools *before,
	const struct log *log, struct pools **ret_pools, struct err *err)
{
	const struct lb_config *config = &settings->config;
	const struct lb_backend_config *backends = config->backends.v;
	struct pools *pools = calloc(1, sizeof(*pools));
	int r = 0;

	if (pools)
		pools->v = calloc(MAX(config->backends.n, 1), sizeof(*pools->v));
	if (!pools || !pools->v) {
		free(pools);
		return err_errno(err, -ENOMEM, "clusters");
	}
	pools->kind = kind;
	pools->strategy = settings->strategy;
	for (size_t i = 0; r >= 0 && i < config->backends.n; i++)
		r = add_backend(pools, settings, &backends[i], before, log, err);
	if (r < 0) {
		pools_free(pools);
		return r;
	}
	drop_empty(pools);
	*ret_pools = pools;
	return 0;
}

void pools_free(struct pools *pools)
{
	if (!pools)
		return;
	for (size_t i = 0; i < pools->n; i++) {
		for (size_t j = 0; j < pools->v[i].n; j++) {
			server_stop(pools->v[i].servers[j]);
			server_unref(pools->v[i].servers[j]);
		}
	}
	free(pools->v);
	free(pools);
}

void pools_stop(struct pools *pools)
{
	for (size_t i = 0; i < pools->n; i++)
		for (size_t j = 0; j < pools->v[i].n; j++)
			server_stop(pools->v[i].servers[j]);
}

int pools_start(struct pools *pools, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < pools->n; i++)
		for (size_t j = 0; r >= 0 && j < pools->v[i].n; j++)
			r = server_start(pools->v[i].servers[j], err);
	return r;
}

static bool holds(const struct server *server, int64_t reach_start_ms, int64_t now_ms)
{
	int64_t retention_ms = server->retention_ms;

	return !retention_ms || reach_start_ms >= now_ms - retention_ms;
}

struct server *pool_pick(const struct pools *pools, struct pool *pool, uint64_t *tried,
	int64_t reach_start_ms, int64_t now_ms)
{
	struct strategy_candidate all[POOL_SERVERS_MAX], holding[POOL_SERVERS_MAX];
	bool any_holds = false;
	size_t at;

	for (size_t i = 0; i < pool->n; i++) {
		struct server *server = pool->servers[i];

		all[i].usable = server->alive && !(*tried >> i & 1);
		all[i].active = upstream_active(server->upstream);
		holding[i] = all[i];
		holding[i].usable &= holds(server, reach_start_ms, now_ms);
		any_holds |= holding[i].usable;
	}
	at = pools->strategy->pick(&pool->turn, any_holds ? holding : all, pool->n);
	if (at == pool->n)
		return NULL;
	*tried |= UINT64_C(1) << at;
	return pool->servers[at];
}

int64_t pool_lookback_ms(const struct pool *pool)
{
	int64_t longest_ms = 0;

	for (size_t i = 0; i < pool->n; i++) {
		const int64_t ms = pool->servers[i]->lookback_ms;

		longest_ms = MAX(longest_ms, ms ? ms : GATE_LOOKBACK_DEFAULT_MS);
	}
	return longest_ms;
}
