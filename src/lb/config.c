// SPDX-License-Identifier: Apache-2.0
#include "lb/config.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "basic/duration.h"

#define WEB(name_, type_, field, ...)                                                          \
	{                                                                                      \
		.name = name_, .type = type_, .offset = offsetof(struct lb_web_config, field), \
		__VA_ARGS__                                                                    \
	}
static const struct config_key web_keys[] = {
	WEB("url", CONFIG_STRING, url,
		.help = "`http` or `https` URL; a path in it stands in front of each request's."),
	WEB(NULL, CONFIG_INLINE, client, .table = &http_client_config_inline),
};
static const struct config_table web_table = {
	.size = sizeof(struct lb_web_config),
	.keys = web_keys,
	.n_keys = ARRAY_SIZE(web_keys),
	.tolerant = true,
};

#define SERVER(name_, type_, field, ...)                                                          \
	{                                                                                         \
		.name = name_, .type = type_, .offset = offsetof(struct lb_server_config, field), \
		__VA_ARGS__                                                                       \
	}
static const struct config_key server_keys[] = {
	SERVER("web", CONFIG_PRESENT, has_web),
	SERVER("web", CONFIG_SECTION, web, .table = &web_table, .help = "The server's address."),
	SERVER("filter_labels", CONFIG_STRINGS, filter_labels,
		.help = "Labels that are taken out of answers. Of `tsdb` only."),
};
static const struct config_table server_table = {
	.size = sizeof(struct lb_server_config),
	.keys = server_keys,
	.n_keys = ARRAY_SIZE(server_keys),
};

#define BACKEND(name_, type_, field, ...)                                                          \
	{                                                                                          \
		.name = name_, .type = type_, .offset = offsetof(struct lb_backend_config, field), \
		__VA_ARGS__                                                                        \
	}
static const struct config_key backend_keys[] = {
	BACKEND("id", CONFIG_STRING, id, .help = "Id of the cluster. Needed."),
	BACKEND("tsdb", CONFIG_LIST, servers[GATE_TSDB], .table = &server_table,
		.help = "Prometheus-compatible servers that hold the cluster's metrics."),
	BACKEND("pyroscope", CONFIG_LIST, servers[GATE_PYROSCOPE], .table = &server_table,
		.help = "Pyroscope servers that hold its profiles."),
	BACKEND("cluster_label", CONFIG_STRING, cluster_label,
		.help = "Label with the cluster's id, where its servers hold other clusters' "
			"series too: it is added to each selector of users."),
};
static const struct config_table backend_table = {
	.size = sizeof(struct lb_backend_config),
	.keys = backend_keys,
	.n_keys = ARRAY_SIZE(backend_keys),
};

#define LB(name_, type_, field, ...)                                                       \
	{                                                                                  \
		.name = name_, .type = type_, .offset = offsetof(struct lb_config, field), \
		__VA_ARGS__                                                                \
	}
static const struct config_key limit_keys[] = {
	LB("requests_per_user", CONFIG_INT, requests_per_user, .fallback = "16",
		.help = "Requests of one user that servers work on at the same time; 0 is without "
			"a limit. Of users whose access is checked."),
	LB("queued_per_user", CONFIG_INT, queued_per_user, .fallback = "4096",
		.help = "Requests of one user that wait for their turn; more are answered 429."),
	LB("upstream_timeout", CONFIG_DURATION, upstream_timeout_ms, .fallback = "5m",
		.help = "How long a server may take until an answer begins; 0s is without a "
			"limit."),
	LB("upstream_timeouts", CONFIG_STRING_MAP, upstream_timeouts,
		.help = "The same for single paths: the last segment (`query_range`) and a "
			"duration."),
};
static const struct config_table limit_table = {
	.keys = limit_keys,
	.n_keys = ARRAY_SIZE(limit_keys),
};

static const struct config_key lb_keys[] = {
	LB("strategy", CONFIG_STRING, strategy, .fallback = "round-robin",
		.help = "How servers of a cluster take turns: `round-robin` or "
			"`least-connection`."),
	LB("backends", CONFIG_LIST, backends, .table = &backend_table,
		.help = "Clusters and their servers. Items with the same id are one cluster."),
	LB("cluster_label", CONFIG_STRING, cluster_label,
		.help = "`cluster_label` of all items that have none."),
	LB("route_prefix", CONFIG_STRING, route_prefix,
		.help = "Path such as `/prometheus` behind which requests of users count as "
			"well; it goes on to the server."),
	LB("experimental_functions", CONFIG_BOOL, experimental_functions, .fallback = "true",
		.help = "Whether users' queries may hold what Prometheus 3 has behind feature "
			"flags; a server without the flag refuses it."),
	LB("promql_level", CONFIG_STRING, promql_level_name, .fallback = "newest",
		.help = "Whose PromQL users may write: `newest`, `3.0` or `2.42`. Forms that this "
			"version of Prometheus doesn't know are refused."),
	LB("forward_headers", CONFIG_STRINGS, forward_headers,
		.help = "Headers that choose a tenant are taken out of users' requests, but for "
			"these, which Grafana's data source sets."),
	{ .name = "limits",
		.type = CONFIG_SECTION,
		.table = &limit_table,
		.help = "What one user, and one request, may take." },
};
const struct config_table lb_config_table = {
	.keys = lb_keys,
	.n_keys = ARRAY_SIZE(lb_keys),
};

/* The API server's sections: only two keys matter here, but all must be what they are there. */
struct api_data {
	const char *path, *backup_path, *update_from, *time_zone;
	int64_t durations[7];
};
struct api_admin {
	struct strings users;
	struct {
		const char *url;
		struct strings teams_ids;
		struct http_client_config client;
	} grafana;
};
struct api_server {
	const struct config_node *data_node, *web_node;
	struct api_data data;
	struct api_admin admin;
	struct lb_web_config web;
};
struct cluster {
	const char *id, *manager;
	struct strings updaters;
	struct {
		const char *path;
		struct config_map environment_variables;
	} cli;
	struct lb_web_config web;
};

#define DATA(name_, type_, field)                                                        \
	{                                                                                \
		.name = name_, .type = type_, .offset = offsetof(struct api_data, field) \
	}
static const struct config_key data_keys[] = {
	{ .name = "path",
		.type = CONFIG_STRING,
		.offset = offsetof(struct api_data, path),
		.fallback = "data" },
	DATA("backup_path", CONFIG_STRING, backup_path),
	DATA("retention_period", CONFIG_DURATION, durations[0]),
	DATA("update_interval", CONFIG_DURATION, durations[1]),
	DATA("max_update_interval", CONFIG_DURATION, durations[2]),
	DATA("backup_interval", CONFIG_DURATION, durations[3]),
	DATA("update_from", CONFIG_STRING, update_from),
	{ .name = "time_zone",
		.type = CONFIG_STRING,
		.offset = offsetof(struct api_data, time_zone),
		.fallback = "Local" },
	DATA("settle_delay", CONFIG_DURATION, durations[4]),
	DATA("late_metrics", CONFIG_DURATION, durations[5]),
};
static const struct config_table data_table = {
	.keys = data_keys,
	.n_keys = ARRAY_SIZE(data_keys),
};

#define IN(type, section, field) (offsetof(type, section.field) - offsetof(type, section))
static const struct config_key grafana_keys[] = {
	{ .name = "url", .type = CONFIG_STRING, .offset = IN(struct api_admin, grafana, url) },
	{ .name = "teams_ids",
		.type = CONFIG_STRINGS,
		.offset = IN(struct api_admin, grafana, teams_ids) },
	{ .type = CONFIG_INLINE,
		.offset = IN(struct api_admin, grafana, client),
		.table = &http_client_config_inline },
};
static const struct config_table grafana_table = {
	.keys = grafana_keys,
	.n_keys = ARRAY_SIZE(grafana_keys),
};
static const struct config_key admin_keys[] = {
	{ .name = "users", .type = CONFIG_STRINGS, .offset = offsetof(struct api_admin, users) },
	{ .name = "grafana",
		.type = CONFIG_SECTION,
		.offset = offsetof(struct api_admin, grafana),
		.table = &grafana_table },
};
static const struct config_table admin_table = {
	.keys = admin_keys,
	.n_keys = ARRAY_SIZE(admin_keys),
};
static const struct config_key api_keys[] = {
	{ .name = "data", .type = CONFIG_NODE, .offset = offsetof(struct api_server, data_node) },
	{ .name = "data",
		.type = CONFIG_SECTION,
		.offset = offsetof(struct api_server, data),
		.table = &data_table },
	{ .name = "admin",
		.type = CONFIG_SECTION,
		.offset = offsetof(struct api_server, admin),
		.table = &admin_table },
	{ .name = "web",
		.type = CONFIG_SECTION,
		.offset = offsetof(struct api_server, web),
		.table = &web_table },
};
static const struct config_table api_table = {
	.keys = api_keys,
	.n_keys = ARRAY_SIZE(api_keys),
};

static const struct config_key cli_keys[] = {
	{ .name = "path", .type = CONFIG_STRING, .offset = IN(struct cluster, cli, path) },
	{ .name = "environment_variables",
		.type = CONFIG_STRING_MAP,
		.offset = IN(struct cluster, cli, environment_variables) },
};
static const struct config_table cli_table = { .keys = cli_keys, .n_keys = ARRAY_SIZE(cli_keys) };
static const struct config_key cluster_keys[] = {
	{ .name = "id", .type = CONFIG_STRING, .offset = offsetof(struct cluster, id) },
	{ .name = "manager", .type = CONFIG_STRING, .offset = offsetof(struct cluster, manager) },
	{ .name = "updaters",
		.type = CONFIG_STRINGS,
		.offset = offsetof(struct cluster, updaters) },
	{ .name = "cli",
		.type = CONFIG_SECTION,
		.offset = offsetof(struct cluster, cli),
		.table = &cli_table },
	{ .name = "web",
		.type = CONFIG_SECTION,
		.offset = offsetof(struct cluster, web),
		.table = &web_table },
};
static const struct config_table cluster_table = {
	.size = sizeof(struct cluster),
	.keys = cluster_keys,
	.n_keys = ARRAY_SIZE(cluster_keys),
};

struct file {
	struct lb_config lb;
	struct api_server api;
	struct config_list clusters; /* of struct cluster */
};
static const struct config_key top_keys[] = {
	{ .name = "ceems_lb",
		.type = CONFIG_SECTION,
		.offset = offsetof(struct file, lb),
		.table = &lb_config_table },
	{ .name = "ceems_api_server",
		.type = CONFIG_SECTION,
		.offset = offsetof(struct file, api),
		.table = &api_table },
	{ .name = "clusters",
		.type = CONFIG_LIST,
		.offset = offsetof(struct file, clusters),
		.table = &cluster_table },
};
static const struct config_table file_table = {
	.size = sizeof(struct file),
	.keys = top_keys,
	.n_keys = ARRAY_SIZE(top_keys),
};

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static bool contains(const struct strings *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], text))
			return true;
	return false;
}

static int check_servers(const struct lb_backend_config *backend, struct err *err)
{
	static const char *const names[N_GATE_KINDS] = { "tsdb", "pyroscope" };

	for (int kind = 0; kind < N_GATE_KINDS; kind++) {
		struct lb_server_config *servers = backend->servers[kind].v;

		for (size_t i = 0; i < backend->servers[kind].n; i++) {
			servers[i].web.url = or_empty(servers[i].web.url);
			if (!servers[i].has_web)
				return err_set(err, -EINVAL, "missing web in %s of backend %s",
					names[kind], backend->id);
			if (kind == GATE_TSDB && !*servers[i].web.url)
				return err_set(err, -EINVAL, "missing URL in %s of backend %s",
					names[kind], backend->id);
		}
	}
	return 0;
}

static int check_backends(struct lb_config *config, struct err *err)
{
	struct lb_backend_config *v = config->backends.v;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < config->backends.n; i++) {
		v[i].id = or_empty(v[i].id);
		v[i].cluster_label = or_empty(v[i].cluster_label);
		if (!*v[i].cluster_label)
			v[i].cluster_label = config->cluster_label;
		if (!*v[i].id)
			return err_set(err, -EINVAL, "missing ID for backend(s)");
		if (!v[i].servers[GATE_TSDB].n && !v[i].servers[GATE_PYROSCOPE].n)
			return err_set(
				err, -EINVAL, "missing TSDB and Pyroscope URL(s) for backend(s)");
		if (config->cluster_ids.n && !contains(&config->cluster_ids, v[i].id))
			return err_set(err, -EINVAL,
				"unknown ID %s found in backends. IDs in ceems_lb.backends and in "
				"clusters config should match",
				v[i].id);
		r = check_servers(&v[i], err);
	}
	return r;
}

/* As the API server takes it; the zone has no effect here. */
static int check_time_zone(const char *name, struct err *err)
{
	char path[256] = "/usr/share/zoneinfo/";
	size_t base = strlen(path), n = strlen(name);
	bool good = str_eq(name, "Local") || str_eq(name, "UTC") || !n;

	if (!good && n < sizeof(path) - base && isalpha((unsigned char)*name) &&
		!strstr(name, "..")) {
		memcpy(path + base, name, n + 1);
		good = access(path, F_OK) == 0;
	}
	return good ? 0 : err_set(err, -EINVAL, "unknown time zone %s", name);
}

static int parse_timeouts(struct lb_config *config, struct arena *arena, struct err *err)
{
	const struct config_map *map = &config->upstream_timeouts;

	config->timeouts = ARENA_ARRAY(arena, struct lb_timeout, MAX(map->n, 1));
	if (!config->timeouts)
		return err_errno(err, -ENOMEM, "upstream_timeouts");
	for (size_t i = 0; i < map->n; i++) {
		config->timeouts[i].segment = map->names[i];
		if (duration_parse_prometheus(
			    slice_from(map->values[i]), &config->timeouts[i].timeout_ms) < 0)
			return err_set(err, -EINVAL, "upstream_timeouts: '%s' is no duration",
				map->values[i]);
	}
	return 0;
}

static int check_limits(const struct lb_config *config, struct err *err)
{
	const char *prefix = config->route_prefix;

	if (*prefix && (prefix[0] != '/' || prefix[strlen(prefix) - 1] == '/'))
		return err_set(
			err, -EINVAL, "route_prefix '%s' must begin and not end with '/'", prefix);
	if (config->requests_per_user < 0 || config->queued_per_user < 0)
		return err_set(err, -EINVAL, "limits: a number below 0");
	return 0;
}

static int find_promql_level(struct lb_config *config, struct err *err)
{
	static const struct {
		const char *name;
		enum promql_level level;
	} rows[] = { { "newest", PROMQL_NEWEST }, { "3.0", PROMQL_3_0 }, { "2.42", PROMQL_2_42 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (str_eq(rows[i].name, or_empty(config->promql_level_name))) {
			config->promql_level = rows[i].level;
			return 0;
		}
	}
	return err_set(err, -EINVAL, "promql_level must be newest, 3.0 or 2.42, not '%s'",
		or_empty(config->promql_level_name));
}

static int list_clusters(struct lb_config *config, const struct config_list *clusters,
	struct arena *arena, struct err *err)
{
	const struct cluster *v = clusters->v;

	config->cluster_ids.v = ARENA_ARRAY(arena, const char *, MAX(clusters->n, 1));
	if (!config->cluster_ids.v)
		return err_errno(err, -ENOMEM, "clusters");
	for (size_t i = 0; i < clusters->n; i++)
		if (v[i].id && *v[i].id)
			config->cluster_ids.v[config->cluster_ids.n++] = v[i].id;
	return 0;
}

static int finish(struct file *file, struct arena *arena, struct err *err)
{
	struct lb_config *config = &file->lb;
	int r = list_clusters(config, &file->clusters, arena, err);

	config->cluster_label = or_empty(config->cluster_label);
	config->route_prefix = or_empty(config->route_prefix);
	config->api = file->api.web;
	config->api.url = or_empty(config->api.url);
	if (file->api.data_node && !file->api.data_node->is_null)
		config->data_path = file->api.data.path;
	if (r >= 0)
		r = check_backends(config, err);
	if (r >= 0)
		r = check_time_zone(file->api.data.time_zone, err);
	if (r >= 0)
		r = find_promql_level(config, err);
	if (r >= 0)
		r = parse_timeouts(config, arena, err);
	return r < 0 ? r : check_limits(config, err);
}

int lb_config_load(const char *path, bool expand_env, struct arena *arena,
	struct lb_config *ret_config, struct err *err)
{
	struct file file = { 0 };
	int r;

	if (!*path)
		return err_set(
			err, -EINVAL, "failed to parse config file: --config.file is not given");
	r = config_load(path, expand_env, &file_table, &file, arena, err);
	if (r >= 0)
		r = finish(&file, arena, err);
	if (r < 0)
		return err_prefix(err, r, "failed to parse config file");
	*ret_config = file.lb;
	return 0;
}

int64_t lb_config_timeout_ms(const struct lb_config *config, struct slice path)
{
	const char *slash = memrchr(path.p, '/', path.n);
	struct slice last = path;

	if (slash)
		last = (struct slice){ slash + 1, (size_t)(path.p + path.n - slash - 1) };
	for (size_t i = 0; i < config->upstream_timeouts.n; i++)
		if (slice_eq(last, config->timeouts[i].segment))
			return config->timeouts[i].timeout_ms;
	return config->upstream_timeout_ms;
}
