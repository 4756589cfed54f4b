// SPDX-License-Identifier: Apache-2.0
#include "api/config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>

#include "api/identity.h"

enum { MS_PER_DAY = 24 * 3600 * 1000 };

static const struct manager *const managers[] = { &manager_k8s, &manager_openstack,
	&manager_slurm };
static const struct updater *const updaters[] = { &updater_tsdb };

#define DATA(name, type, field, fallback, help)                   \
	{                                                         \
		name, type,                                       \
			offsetof(struct api_config, data.field) - \
			offsetof(struct api_config, data),        \
			NULL, fallback, help, 0                   \
	}
static const struct config_key data_keys[] = {
	DATA("path", CONFIG_STRING, path, "data", "Directory of the database."),
	DATA("backup_path", CONFIG_STRING, backup_path, NULL,
		"Directory of backups; none: no backups."),
	DATA("retention_period", CONFIG_DURATION, retention_ms, "30d", "How long units are kept."),
	DATA("update_interval", CONFIG_DURATION, update_interval_ms, "15m",
		"How often units are fetched."),
	DATA("max_update_interval", CONFIG_DURATION, max_update_interval_ms, "1h",
		"Longest window of one fetch."),
	DATA("backup_interval", CONFIG_DURATION, backup_interval_ms, "1d",
		"How often a backup is made; the first one so long after the start."),
	{ "backups_kept", CONFIG_INT,
		offsetof(struct api_config, data.backups_kept) - offsetof(struct api_config, data),
		NULL, "0", "Older backups are removed; 0: all stay.", 0 },
	DATA("check_interval", CONFIG_DURATION, check_interval_ms, "7d",
		"How often the database is checked for damage, first at the start; 0s: never."),
	{ "wal_autocheckpoint", CONFIG_INT,
		offsetof(struct api_config, data.wal_autocheckpoint) -
			offsetof(struct api_config, data),
		NULL, "1000",
		"Pages of 4 KiB after which the WAL is written to the database; more if Litestream does it.",
		0 },
	DATA("update_from", CONFIG_STRING, update_from, "today",
		"Where a new database begins: a date, with or without time."),
	DATA("time_zone", CONFIG_STRING, time_zone, "Local", "Zone of all texts of time."),
	DATA("settle_delay", CONFIG_DURATION, settle_delay_ms, "10s",
		"Windows end at least this long ago."),
	DATA("late_metrics", CONFIG_DURATION, late_metrics_ms, "20m",
		"How long ended units are asked for metrics that came late."),
	DATA("catch_up_pause", CONFIG_DURATION, catch_up_pause_ms, "1s",
		"Pause between the windows of one update, where several are due."),
};
static const struct config_table data_table = { .keys = data_keys,
	.n_keys = ARRAY_SIZE(data_keys) };

#define GRAFANA_OFFSET(field)                               \
	(offsetof(struct api_config, admin.grafana.field) - \
		offsetof(struct api_config, admin.grafana))
static const struct config_key grafana_keys[] = {
	{ "url", CONFIG_STRING, GRAFANA_OFFSET(url), NULL, NULL, "Base URL.", 0 },
	{ "teams_ids", CONFIG_STRINGS, GRAFANA_OFFSET(teams_ids), NULL, NULL,
		"Teams whose members are administrators.", 0 },
	{ NULL, CONFIG_INLINE, GRAFANA_OFFSET(client), &http_client_config_inline, NULL, NULL, 0 },
};
static const struct config_table grafana_table = {
	.keys = grafana_keys,
	.n_keys = ARRAY_SIZE(grafana_keys),
};

#define ADMIN_OFFSET(field) \
	(offsetof(struct api_config, admin.field) - offsetof(struct api_config, admin))
static const struct config_key admin_keys[] = {
	{ "users", CONFIG_STRINGS, ADMIN_OFFSET(users), NULL, NULL, "Administrators.", 0 },
	{ "grafana", CONFIG_SECTION, ADMIN_OFFSET(grafana), &grafana_table, NULL,
		"Administrators from teams of Grafana.", 0 },
};
static const struct config_table admin_table = {
	.keys = admin_keys,
	.n_keys = ARRAY_SIZE(admin_keys),
};

static const struct config_key server_keys[] = {
	{ "data", CONFIG_SECTION, offsetof(struct api_config, data), &data_table, NULL,
		"Collection and storage.", 0 },
	{ "admin", CONFIG_SECTION, offsetof(struct api_config, admin), &admin_table, NULL,
		"Who may see everything.", 0 },
};
static const struct config_table server_table = {
	.keys = server_keys,
	.n_keys = ARRAY_SIZE(server_keys),
};

#define CLI_OFFSET(field) \
	(offsetof(struct cluster_config, cli.field) - offsetof(struct cluster_config, cli))
static const struct config_key cli_keys[] = {
	{ "path", CONFIG_STRING, CLI_OFFSET(path), NULL, NULL, "Directory of the commands.", 0 },
	{ "environment_variables", CONFIG_STRING_MAP, CLI_OFFSET(environment_variables), NULL, NULL,
		"Environment of the commands.", 0 },
};
static const struct config_table cli_table = { .keys = cli_keys, .n_keys = ARRAY_SIZE(cli_keys) };

#define CLUSTER(name, type, field, table, help)                                          \
	{                                                                                \
		name, type, offsetof(struct cluster_config, field), table, NULL, help, 0 \
	}
static const struct config_key cluster_keys[] = {
	CLUSTER("id", CONFIG_STRING, id, NULL, "Name of the cluster."),
	CLUSTER("manager", CONFIG_STRING, manager, NULL,
		"Kind of the resource manager: k8s, openstack, slurm."),
	CLUSTER("updaters", CONFIG_STRINGS, updaters, NULL, "Ids of updaters, in order."),
	CLUSTER("cli", CONFIG_SECTION, cli, &cli_table, "Commands of the manager."),
	CLUSTER("web", CONFIG_NODE, web, NULL, "Address of the manager."),
	CLUSTER("extra_config", CONFIG_NODE, extra_config, NULL, "Settings of the manager."),
};
static const struct config_table cluster_table = {
	.size = sizeof(struct cluster_config),
	.keys = cluster_keys,
	.n_keys = ARRAY_SIZE(cluster_keys),
};

#define UPDATER(name, type, field, help)                                                \
	{                                                                               \
		name, type, offsetof(struct updater_config, field), NULL, NULL, help, 0 \
	}
static const struct config_key updater_keys[] = {
	UPDATER("id", CONFIG_STRING, id, "Name that clusters refer to."),
	UPDATER("updater", CONFIG_STRING, updater, "Kind of the updater: tsdb."),
	UPDATER("web", CONFIG_NODE, web, "Address of the server."),
	UPDATER("extra_config", CONFIG_NODE, extra_config, "Settings of the updater."),
};
static const struct config_table updater_table = {
	.size = sizeof(struct updater_config),
	.keys = updater_keys,
	.n_keys = ARRAY_SIZE(updater_keys),
};

static const struct config_key top_keys[] = {
	{ "ceems_api_server", CONFIG_SECTION, 0, &server_table, NULL, "This server.", 0 },
	{ "clusters", CONFIG_LIST, offsetof(struct api_config, clusters), &cluster_table, NULL,
		"Where units come from.", 0 },
	{ "updaters", CONFIG_LIST, offsetof(struct api_config, updaters), &updater_table, NULL,
		"Where their metrics come from.", 0 },
};

const struct config_table api_config_table = {
	.keys = top_keys,
	.n_keys = ARRAY_SIZE(top_keys),
};

const struct manager *api_manager_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(managers); i++)
		if (str_eq(managers[i]->name, name))
			return managers[i];
	return NULL;
}

const struct updater *api_updater_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(updaters); i++)
		if (str_eq(updaters[i]->name, name))
			return updaters[i];
	return NULL;
}

static bool is_id(const char *id)
{
	for (const char *p = id; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			return false;
	return *id != '\0';
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static int check_clusters(const struct api_config *config, struct err *err)
{
	struct cluster_config *v = config->clusters.v;

	for (size_t i = 0; i < config->clusters.n; i++) {
		for (size_t j = 0; j < i; j++)
			if (str_eq(v[j].id, v[i].id))
				return err_set(err, -EINVAL,
					"duplicate ID found in clusters config: %s", v[i].id);
		if (!api_manager_find(v[i].manager))
			return err_set(err, -EINVAL,
				"unknown resource manager found in the config: %s", v[i].manager);
		if (!is_id(v[i].id))
			return err_set(err, -EINVAL,
				"invalid cluster ID. It must contain only [a-zA-Z0-9-_]: %s",
				v[i].id);
	}
	return 0;
}

static int check_updaters(const struct api_config *config, struct err *err)
{
	struct updater_config *v = config->updaters.v;

	for (size_t i = 0; i < config->updaters.n; i++) {
		for (size_t j = 0; j < i; j++)
			if (str_eq(v[j].id, v[i].id))
				return err_set(err, -EINVAL,
					"duplicate ID found in updaters config: %s", v[i].id);
		if (!api_updater_find(v[i].updater))
			return err_set(err, -EINVAL, "unknown updater found in the config: %s",
				v[i].updater);
		if (!is_id(v[i].id))
			return err_set(err, -EINVAL,
				"invalid updater ID. It must contain only [a-zA-Z0-9-_]: %s",
				v[i].id);
	}
	return 0;
}

static int check(const struct api_config *config, struct err *err)
{
	int r;

	if (config->data.update_interval_ms <= 0 || config->data.max_update_interval_ms <= 0)
		return err_set(err, -EINVAL,
			"update_interval and/or max_update_interval must be more than 0s");
	if (config->data.backup_interval_ms < MS_PER_DAY)
		return err_set(err, -EINVAL, "backup_interval of less than 1 day is not supported");
	if (config->data.backups_kept < 0)
		return err_set(err, -EINVAL, "backups_kept must not be negative");
	if (config->data.wal_autocheckpoint < 1 || config->data.wal_autocheckpoint > INT_MAX)
		return err_set(err, -EINVAL, "wal_autocheckpoint must be from 1 to %d", INT_MAX);
	r = check_clusters(config, err);
	return r < 0 ? r : check_updaters(config, err);
}

/* Absent texts become empty ones, so that nobody has to look twice. */
static void fill_texts(struct api_config *config)
{
	struct cluster_config *clusters = config->clusters.v;
	struct updater_config *list = config->updaters.v;

	for (size_t i = 0; i < config->clusters.n; i++) {
		clusters[i].id = or_empty(clusters[i].id);
		clusters[i].manager = or_empty(clusters[i].manager);
		clusters[i].cli.path = or_empty(clusters[i].cli.path);
	}
	for (size_t i = 0; i < config->updaters.n; i++) {
		list[i].id = or_empty(list[i].id);
		list[i].updater = or_empty(list[i].updater);
	}
	config->data.backup_path = or_empty(config->data.backup_path);
	config->admin.grafana.url = or_empty(config->admin.grafana.url);
	if (!config->data.backup_interval_ms)
		config->data.backup_interval_ms = MS_PER_DAY;
}

static int add_internal_account(struct api_config *config, struct arena *arena)
{
	struct strings *users = &config->admin.users;
	const char **v = ARENA_ARRAY(arena, const char *, users->n + 1);

	if (!v)
		return -ENOMEM;
	if (users->n)
		memcpy(v, users->v, users->n * sizeof(*v));
	v[users->n] = API_INTERNAL_ACCOUNT;
	*users = (struct strings){ v, users->n + 1 };
	return 0;
}

int api_config_load(const char *path, bool expand_env, bool no_checks, struct arena *arena,
	struct api_config *ret_config, struct err *err)
{
	struct api_config config = { 0 };
	int r;

	if (!*path)
		return err_set(
			err, -EINVAL, "failed to parse config file: --config.file is not given");
	r = config_load(path, expand_env, &api_config_table, &config, arena, err);
	if (r < 0)
		return err_prefix(err, r, "failed to parse config file");
	fill_texts(&config);
	r = add_internal_account(&config, arena);
	if (r < 0)
		return err_errno(err, r, "failed to parse config file");
	if (!no_checks)
		r = check(&config, err);
	if (r < 0)
		return r;
	*ret_config = config;
	return 0;
}

int api_config_update_from(const struct api_config *config, const struct timezone_ *zone,
	int64_t now_ms, int64_t *ret_ms, struct err *err)
{
	struct slice text = slice_trim(slice_from(config->data.update_from));
	int64_t from_ms;

	if (!text.n || slice_eq(text, "today"))
		from_ms = time_day_start(zone, now_ms);
	else if (time_parse_date(zone, text, &from_ms) < 0)
		return err_set(
			err, -EINVAL, "failed to parse time string: %s", config->data.update_from);
	*ret_ms = MIN(from_ms, now_ms);
	return 0;
}
