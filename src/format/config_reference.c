// SPDX-License-Identifier: Apache-2.0
#include "format/config_reference.h"

static const char *const type_names[] = {
	[CONFIG_STRING] = "text",
	[CONFIG_BOOL] = "true or false",
	[CONFIG_INT] = "integer",
	[CONFIG_DOUBLE] = "number",
	[CONFIG_DURATION] = "duration",
	[CONFIG_STRINGS] = "list of texts",
	[CONFIG_STRING_MAP] = "mapping to texts",
	[CONFIG_LIST_MAP] = "mapping to lists of texts",
	[CONFIG_SECTION] = "mapping",
	[CONFIG_LIST] = "list",
	[CONFIG_TABLE_MAP] = "mapping of mappings",
	[CONFIG_NODE] = "mapping",
};

struct printer {
	const struct config_reference *reference; /* may be NULL */
	FILE *out;
};

static void print_text(const struct printer *p, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			putc('\\', p->out);
		putc(*text, p->out);
	}
}

static void print_table(
	const struct printer *p, const struct config_table *table, const char *prefix);

static void print_row(const struct printer *p, const struct config_key *key, const char *prefix)
{
	fprintf(p->out, "| `%s%s` | %s | ", prefix, key->name, type_names[key->type]);
	if (key->fallback && *key->fallback)
		fprintf(p->out, "`%s`", key->fallback);
	fputs(" | ", p->out);
	print_text(p, key->help ? key->help : "");
	fputs(" |\n", p->out);
}

static void print_key(const struct printer *p, const struct config_key *key, const char *prefix)
{
	char inner[256];

	if (key->type == CONFIG_PRESENT)
		return;
	if (key->type == CONFIG_INLINE) {
		if (p->reference && key->table == p->reference->elsewhere)
			fprintf(p->out, "| `%s…` | | | %s |\n", prefix, p->reference->where);
		else
			print_table(p, key->table, prefix);
		return;
	}
	print_row(p, key, prefix);
	snprintf(inner, sizeof(inner), "%s%s%s.", prefix, key->name,
		key->type == CONFIG_LIST                ? "[]"
			: key->type == CONFIG_TABLE_MAP ? ".*"
							: "");
	if (key->table)
		print_table(p, key->table, inner);
}

static void print_table(
	const struct printer *p, const struct config_table *table, const char *prefix)
{
	for (size_t i = 0; i < table->n_keys; i++)
		print_key(p, &table->keys[i], prefix);
}

void config_print_section(const char *title, const struct config_table *table, const char *prefix,
	const struct config_reference *reference, FILE *out)
{
	const struct printer p = { reference, out };

	fprintf(out, "\n## %s\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n",
		title);
	print_table(&p, table, prefix);
}
