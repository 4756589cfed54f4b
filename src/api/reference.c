// SPDX-License-Identifier: Apache-2.0
/*
 * Prints the reference pages of the API server from its tables: 'flags' or 'config'. Not installed;
 * a test compares what it prints with docs/.
 */
#include <stdio.h>

#include "api/config.h"
#include "api/flags.h"

static const char *const type_names[] = {
	[CONFIG_STRING] = "text",
	[CONFIG_BOOL] = "true or false",
	[CONFIG_INT] = "integer",
	[CONFIG_DOUBLE] = "number",
	[CONFIG_DURATION] = "duration",
	[CONFIG_STRINGS] = "list of texts",
	[CONFIG_STRING_MAP] = "mapping to texts",
	[CONFIG_SECTION] = "mapping",
	[CONFIG_LIST] = "list",
	[CONFIG_TABLE_MAP] = "mapping of mappings",
	[CONFIG_NODE] = "mapping",
};

static void print_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			putchar('\\');
		putchar(*text);
	}
}

static void print_table(const struct config_table *table, const char *prefix);

static void print_row(const struct config_key *key, const char *prefix)
{
	printf("| `%s%s` | %s | ", prefix, key->name, type_names[key->type]);
	if (key->fallback && *key->fallback)
		printf("`%s`", key->fallback);
	fputs(" | ", stdout);
	print_text(key->help ? key->help : "");
	puts(" |");
}

static void print_key(const struct config_key *key, const char *prefix)
{
	char inner[256];

	if (key->type == CONFIG_PRESENT)
		return;
	if (key->type == CONFIG_INLINE) {
		if (key->table == &http_client_config_inline)
			printf("| `%s…` | | | [Keys of HTTP clients](#keys-of-http-clients). |\n",
				prefix);
		else
			print_table(key->table, prefix);
		return;
	}
	print_row(key, prefix);
	snprintf(inner, sizeof(inner), "%s%s%s.", prefix, key->name,
		key->type == CONFIG_LIST                ? "[]"
			: key->type == CONFIG_TABLE_MAP ? ".*"
							: "");
	if (key->table)
		print_table(key->table, inner);
}

static void print_table(const struct config_table *table, const char *prefix)
{
	for (size_t i = 0; i < table->n_keys; i++)
		print_key(&table->keys[i], prefix);
}

static void print_section(const char *title, const struct config_table *table, const char *prefix)
{
	printf("\n## %s\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n", title);
	print_table(table, prefix);
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
