// SPDX-License-Identifier: Apache-2.0
/*
 * Prints the reference pages of the API server from its tables: 'flags', 'config', 'routes' or
 * 'metrics'. Not installed; a test compares what it prints with docs/.
 */
#include <stdio.h>

#include "api/api.h"
#include "api/api_metrics.h"
#include "api/config.h"
#include "api/flags.h"
#include "basic/str.h"
#include "format/config_reference.h"
#include "host/process_metrics.h"

static const struct config_reference http_keys = {
	.elsewhere = &http_client_config_inline,
	.where = "[Keys of HTTP clients](#keys-of-http-clients).",
};

static void print_section(const char *title, const struct config_table *table, const char *prefix)
{
	config_print_section(title, table, prefix, &http_keys, stdout);
}

static int print_config(void)
{
	puts("# Configuration of ceems_api_server\n\n"
	     "Made from the tables in `src/api/`. How the keys work together: "
	     "[api-server.md](api-server.md). Unknown\nkeys are ignored, because other programs read "
	     "the same file. Durations are written as `1d12h`, `90s`,\n`250ms`.");
	print_section("All keys", &api_config_table, "");
	print_section("Clusters with `manager: openstack`",
		api_manager_find("openstack")->extra_config, "clusters[].extra_config.");
	puts("\n`web` of such a cluster holds the keys of HTTP clients; `web.url` isn't used.");
	print_section("Clusters with `manager: slurm`", api_manager_find("slurm")->extra_config,
		"clusters[].extra_config.");
	print_section("Clusters with `manager: k8s`", api_manager_find("k8s")->extra_config,
		"clusters[].extra_config.");
	print_section("Updaters with `updater: tsdb`", api_updater_find("tsdb")->extra_config,
		"updaters[].extra_config.");
	puts("\n`web` of such an updater holds `url` and the keys of HTTP clients.");
	print_section("Keys of HTTP clients", &http_client_config_table, "");
	return 0;
}

static const char *type_of_param(const struct api_param *param)
{
	switch (param->type) {
	case API_SECONDS:
		return "Unix seconds";
	case API_FLAG:
		return "present or not";
	case API_FIELD:
		return "name of a field";
	case API_TEXT:
		break;
	}
	return "text";
}

static void print_routes_of(bool rooted)
{
	static const char *const access[] = {
		[API_OPEN] = "anybody", [API_USER] = "users", [API_ADMIN] = "administrators"
	};

	puts("\n| path | for | what | parameters | `data` |\n| --- | --- | --- | --- | --- |");
	for (size_t i = 0; i < api_routes_count; i++) {
		const struct api_route *route = &api_routes[i];

		if (!(route->flags & API_ROOTED) == rooted)
			continue;
		printf("| `%s` | %s | %s%s%s |", route->path, access[route->access], route->help,
			route->details ? " " : "", route->details ? route->details : "");
		for (size_t p = 0; p < N_API_PARAMS; p++) {
			if (route->params >> p & 1)
				printf(" `%s`", api_params[p].name);
		}
		printf(" | %s |\n",
			api_models[route->model].table ? api_models[route->model].name : "");
	}
}

static void print_params(void)
{
	puts("\n## Parameters\n\n| name | value | may be repeated | meaning |\n"
	     "| --- | --- | --- | --- |");
	for (size_t i = 0; i < N_API_PARAMS; i++) {
		const struct api_param *param = &api_params[i];

		printf("| `%s` | %s", param->name, type_of_param(param));
		for (size_t c = 0; param->choices && param->choices[c]; c++)
			printf("%s`%s`", c ? ", " : ": ", param->choices[c]);
		printf(" | %s | %s |\n", param->repeatable ? "yes" : "no", param->help);
	}
}

static void print_models(void)
{
	puts("\n## Objects\n\nIn this order. Fields that are marked are always there, others only if they "
	     "are not empty.");
	for (size_t i = 0; i < N_API_MODELS; i++) {
		const struct store_table *table = api_models[i].table;

		if (!table)
			continue;
		printf("\n### %s\n\n%s\n\n| field | type | always | meaning |\n"
		       "| --- | --- | --- | --- |\n",
			api_models[i].name, api_models[i].help);
		for (size_t c = 0; c < table->n; c++)
			printf("| `%s` | %s | %s | %s |\n", table->columns[c].name,
				api_type_of_column(&table->columns[c]),
				table->columns[c].always ? "yes" : "",
				api_field_help(table->columns[c].name));
	}
}

static int print_routes(void)
{
	puts("# Routes of ceems_api_server\n\nMade from the tables in `src/api/`. How to use them, with "
	     "examples: [api.md](api.md).\n\nBelow `/api/v1`, or `/api/v1` below "
	     "`--web.route-prefix`:");
	print_routes_of(false);
	puts("\nBeside it:");
	print_routes_of(true);
	print_params();
	print_models();
	return 0;
}

static void print_metric(const struct metric *m, const char *type)
{
	printf("| `%s` | %s |", m->name, type);
	for (size_t i = 0; i < METRIC_LABELS_MAX && m->labels[i]; i++)
		printf(" `%s`", m->labels[i]);
	printf(" | %s |\n", m->help);
}

static int print_metrics(void)
{
	puts("# Metrics of ceems_api_server\n\nMade from the tables in `src/api/`, served at "
	     "`/metrics`.\n\n| name | type | labels | meaning |\n| --- | --- | --- | --- |");
	for (size_t i = 0; i < n_api_metrics; i++)
		print_metric(api_metrics[i],
			str_ends(api_metrics[i]->name, "_duration_seconds") ? "histogram"
				: api_metrics[i]->type == METRIC_COUNTER    ? "counter"
									    : "gauge");
	for (size_t i = 0; i < N_PROCESS_METRICS; i++)
		print_metric(&process_metrics[i],
			process_metrics[i].type == METRIC_COUNTER ? "counter" : "gauge");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && str_eq(argv[1], "routes"))
		return print_routes();
	if (argc == 2 && str_eq(argv[1], "metrics"))
		return print_metrics();
	if (argc == 2 && str_eq(argv[1], "config"))
		return print_config();
	if (argc == 2 && str_eq(argv[1], "flags")) {
		api_flags_print_reference(stdout);
		return 0;
	}
	fputs("usage: api_reference flags|config|routes|metrics\n", stderr);
	return 2;
}
