// SPDX-License-Identifier: Apache-2.0
/*
 * Prints the reference pages of the API server from its tables: 'flags' or 'config'. Not installed;
 * a test compares what it prints with docs/.
 */
#include <stdio.h>

#include "api/config.h"
#include "api/flags.h"
#include "basic/str.h"
#include "format/config_reference.h"

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

int main(int argc, char **argv)
{
	if (argc == 2 && str_eq(argv[1], "config"))
		return print_config();
	if (argc == 2 && str_eq(argv[1], "flags")) {
		api_flags_print_reference(stdout);
		return 0;
	}
	fputs("usage: api_reference flags|config\n", stderr);
	return 2;
}
