// SPDX-License-Identifier: Apache-2.0
#include "api/sources.h"

#include <errno.h>
#include <stdlib.h>

static const struct updater_config *find_config(const struct api_config *config, const char *id)
{
	const struct updater_config *v = config->updaters.v;

	for (size_t i = 0; i < config->updaters.n; i++)
		if (str_eq(v[i].id, id))
			return &v[i];
	return NULL;
}

static int open_updater(const struct sources_env *env, const struct updater_config *config,
	struct collect_updater *ret_updater, struct err *err)
{
	const struct updater_env updater_env = {
		.config = config,
		.clock = env->clock,
		.log = env->log,
		.config_name = env->config_name,
		.config_dir = env->config_dir,
		.cancel_fd = env->cancel_fd,
	};
	struct collect_updater u = { config->id, api_updater_find(config->updater), NULL };
	int r;

	if (!u.updater)
		return err_set(err, -EINVAL, "updater '%s' is of an unknown kind", config->id);
	r = u.updater->open(&updater_env, &u.state, err);
	if (r >= 0)
		*ret_updater = u;
	return r;
}

/* Each cluster has its own, so that clusters don't wait for each other. */
static int open_updaters(const struct sources_env *env, const struct cluster_config *config,
	struct collect_cluster *cluster, struct err *err)
{
	struct collect_updater *v = calloc(config->updaters.n + 1, sizeof(*v));
	int r = 0;

	if (!v)
		return err_errno(err, -ENOMEM, "cluster '%s'", config->id);
	cluster->updaters = v;
	for (size_t i = 0; r >= 0 && i < config->updaters.n; i++) {
		const char *id = config->updaters.v[i];
		const struct updater_config *updater = find_config(env->config, id);

		if (updater) {
			r = open_updater(env, updater, &v[cluster->n_updaters], err);
			cluster->n_updaters += r >= 0;
		} else {
			log_error(env->log, "Unknown updater ID", LOG_STR("cluster_id", config->id),
				LOG_STR("id", id));
		}
	}
	return r;
}

static int open_manager(const struct sources_env *env, const struct cluster_config *config,
	struct collect_cluster *cluster, struct err *err)
{
	const struct manager_env manager_env = {
		.cluster = config,
		.zone = env->zone,
		.clock = env->clock,
		.log = env->log,
		.config_name = env->config_name,
		.config_dir = env->config_dir,
		.cancel_fd = env->cancel_fd,
	};
	const struct manager *manager = api_manager_find(config->manager);
	int r;

	cluster->id = config->id;
	if (!manager)
		return err_set(err, -EINVAL, "cluster '%s' is of an unknown kind", config->id);
	r = manager->open(&manager_env, &cluster->state, err);
	if (r < 0)
		return err_prefix(err, r, "cluster '%s'", config->id);
	cluster->manager = manager;
	return 0;
}

/* Those that no cluster uses are opened too, so that their mistakes are found. */
static int check_unused(const struct sources_env *env, struct err *err)
{
	const struct cluster_config *clusters = env->config->clusters.v;
	const struct updater_config *v = env->config->updaters.v;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < env->config->updaters.n; i++) {
		struct collect_updater opened;
		bool used = false;

		for (size_t c = 0; c < env->config->clusters.n; c++)
			for (size_t u = 0; u < clusters[c].updaters.n; u++)
				used |= str_eq(clusters[c].updaters.v[u], v[i].id);
		if (used)
			continue;
		log_warn(env->log, "no cluster uses the updater", LOG_STR("id", v[i].id));
		r = open_updater(env, &v[i], &opened, err);
		if (r >= 0)
			opened.updater->close(opened.state);
	}
	return r;
}

int sources_open(const struct sources_env *env, struct sources *ret_sources, struct err *err)
{
	const struct cluster_config *v = env->config->clusters.v;
	struct sources s = { .n = env->config->clusters.n };
	int r = 0;

	if (!s.n)
		log_warn(env->log, "no clusters are configured, so no units will be collected");
	s.clusters = calloc(s.n + 1, sizeof(*s.clusters));
	if (!s.clusters)
		return err_errno(err, -ENOMEM, "clusters");
	for (size_t i = 0; r >= 0 && i < s.n; i++)
		r = open_manager(env, &v[i], &s.clusters[i], err);
	for (size_t i = 0; r >= 0 && i < s.n; i++)
		r = open_updaters(env, &v[i], &s.clusters[i], err);
	if (r >= 0)
		r = check_unused(env, err);
	if (r < 0)
		sources_close(&s);
	else
		*ret_sources = s;
	return r;
}

void sources_close(struct sources *sources)
{
	for (size_t i = 0; sources->clusters && i < sources->n; i++) {
		struct collect_cluster *cluster = &sources->clusters[i];

		for (size_t u = 0; u < cluster->n_updaters; u++)
			cluster->updaters[u].updater->close(cluster->updaters[u].state);
		free((void *)cluster->updaters);
		if (cluster->manager)
			cluster->manager->close(cluster->state);
	}
	free(sources->clusters);
	*sources = (struct sources){ 0 };
}
