// SPDX-License-Identifier: Apache-2.0
/* From a tree of nodes to structs, by table. */
#include "format/config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "basic/duration.h"
#include "basic/file.h"
#include "basic/str.h"

/* Where in the document we are: keys and list positions from the inside out. */
struct place {
	const struct place *outer;
	const char *key; /* NULL: the index counts */
	size_t index;
};

struct decoder {
	const char *file;
	struct arena *arena;
	struct err *err;
	bool tolerant; /* inside a table that is */
};

static size_t print_place(const struct place *place, char *text, size_t size)
{
	size_t n = place->outer ? print_place(place->outer, text, size) : 0;
	int m;

	if (place->key)
		m = snprintf(text + n, size - n, "%s%.100s", n ? "." : "", place->key);
	else
		m = snprintf(text + n, size - n, "[%zu]", place->index);
	return MIN(n + (size_t)MAX(m, 0), size - 1);
}

static int wrong(struct decoder *d, const struct config_node *node, const struct place *place,
	const char *what)
{
	char text[512] = "document";

	if (place)
		print_place(place, text, sizeof(text));
	return err_set(d->err, -EBADMSG, "%s:%d: '%s' %s", d->file, node->line, text, what);
}

static int no_memory(struct decoder *d)
{
	return err_set(d->err, -ENOMEM, "%s: out of memory", d->file);
}

static int wrong_value(struct decoder *d, const struct config_node *node,
	const struct config_key *key, const struct place *place, const char *expected)
{
	char text[512], place_text[256];

	print_place(place, place_text, sizeof(place_text));
	if (key->flags & CONFIG_SECRET)
		snprintf(text, sizeof(text), "must be %s", expected);
	else
		snprintf(text, sizeof(text), "must be %s, not '%.100s'", expected, node->text);
	return err_set(d->err, -EBADMSG, "%s:%d: '%s' %s", d->file, node->line, place_text, text);
}

static int parse_bool(const struct config_node *node, bool *ret_value)
{
	static const char *const words[][2] = {
		{ "false", "true" },
		{ "False", "True" },
		{ "FALSE", "TRUE" },
		{ "no", "yes" },
		{ "No", "Yes" },
		{ "NO", "YES" },
		{ "off", "on" },
		{ "Off", "On" },
		{ "OFF", "ON" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words) && !node->quoted; i++) {
		for (int value = 0; value < 2; value++) {
			if (str_eq(node->text, words[i][value])) {
				*ret_value = value;
				return 0;
			}
		}
	}
	return -EBADMSG;
}

static int parse_double(const struct config_node *node, double *ret_value)
{
	struct slice text = slice_from(node->text);

	if (node->quoted)
		return -EBADMSG;
	if (text.n > 1 && text.p[0] == '+')
		text = (struct slice){ text.p + 1, text.n - 1 };
	return slice_to_double(text, ret_value);
}

static int parse_int(const struct config_node *node, int64_t *ret_value)
{
	double value;

	if (!node->quoted && slice_to_i64(slice_from(node->text), ret_value) >= 0)
		return 0;
	/* "1e6" and "5.0" are whole numbers too. */
	if (parse_double(node, &value) < 0 || value != trunc(value) || fabs(value) > 0x1p53)
		return -EBADMSG;
	*ret_value = (int64_t)value;
	return 0;
}

static int decode_scalar(struct decoder *d, const struct config_node *node,
	const struct config_key *key, void *field, const struct place *place)
{
	if (node->kind != CONFIG_SCALAR)
		return wrong(d, node, place, "must be a single value, not a list or a mapping");
	switch (key->type) {
	case CONFIG_BOOL:
		if (parse_bool(node, field) < 0)
			return wrong_value(d, node, key, place, "true or false");
		return 0;
	case CONFIG_INT:
		if (parse_int(node, field) < 0)
			return wrong_value(d, node, key, place, "a whole number");
		return 0;
	case CONFIG_DOUBLE:
		if (parse_double(node, field) < 0)
			return wrong_value(d, node, key, place, "a number");
		return 0;
	case CONFIG_DURATION:
		if (duration_parse_prometheus(slice_from(node->text), field) < 0)
			return wrong_value(
				d, node, key, place, "a duration such as '90s' or '1d12h'");
		return 0;
	default:
		*(const char **)field = node->text;
		return 0;
	}
}

/* The text of a list's or map's scalar; NULL (and an error) for anything else. */
static const char *scalar_text(
	struct decoder *d, const struct config_node *node, const struct place *place)
{
	if (node->kind != CONFIG_SCALAR) {
		wrong(d, node, place, "must be a single value, not a list or a mapping");
		return NULL;
	}
	return node->is_null ? "" : node->text;
}

static int decode_strings(struct decoder *d, const struct config_node *node, struct strings *ret,
	const struct place *place)
{
	struct strings list = { NULL, node->n };

	if (node->kind != CONFIG_SEQUENCE)
		return wrong(d, node, place, "must be a list");
	list.v = ARENA_ARRAY(d->arena, const char *, node->n);
	if (!list.v)
		return no_memory(d);
	for (size_t i = 0; i < node->n; i++) {
		struct place inner = { place, NULL, i };

		list.v[i] = scalar_text(d, node->items[i], &inner);
		if (!list.v[i])
			return -EBADMSG;
	}
	*ret = list;
	return 0;
}

static int decode_string_map(struct decoder *d, const struct config_node *node,
	struct config_map *ret, const struct place *place)
{
	struct config_map map = { node->names, NULL, node->n };

	if (node->kind != CONFIG_MAPPING)
		return wrong(d, node, place, "must be a mapping of names to values");
	map.values = ARENA_ARRAY(d->arena, const char *, node->n);
	if (!map.values)
		return no_memory(d);
	for (size_t i = 0; i < node->n; i++) {
		struct place inner = { place, node->names[i], 0 };

		map.values[i] = scalar_text(d, node->items[i], &inner);
		if (!map.values[i])
			return -EBADMSG;
	}
	*ret = map;
	return 0;
}

static size_t count_texts(const struct config_node *map)
{
	size_t n = 0;

	for (size_t i = 0; i < map->n; i++)
		n += map->items[i]->kind == CONFIG_SEQUENCE ? map->items[i]->n : 1;
	return n;
}

static int decode_list_map(struct decoder *d, const struct config_node *node,
	struct config_map *ret, const struct place *place)
{
	size_t n = node->kind == CONFIG_MAPPING ? count_texts(node) : 0;
	struct config_map map = { ARENA_ARRAY(d->arena, const char *, n),
		ARENA_ARRAY(d->arena, const char *, n), 0 };

	if (node->kind != CONFIG_MAPPING)
		return wrong(d, node, place, "must be a mapping of names to lists of values");
	if (!map.names || !map.values)
		return no_memory(d);
	for (size_t i = 0; i < node->n; i++) {
		const struct config_node *item = node->items[i];
		struct place inner = { place, node->names[i], 0 };
		struct strings texts = { &map.values[map.n], 1 };
		int r = 0;

		if (item->kind == CONFIG_SEQUENCE)
			r = decode_strings(d, item, &texts, &inner);
		else
			texts.v[0] = scalar_text(d, item, &inner);
		if (r < 0 || (texts.n && !texts.v[0]))
			return r < 0 ? r : -EBADMSG;
		for (size_t k = 0; k < texts.n; k++, map.n++) {
			map.names[map.n] = node->names[i];
			map.values[map.n] = texts.v[k];
		}
	}
	*ret = map;
	return 0;
}

static int decode_table(struct decoder *d, const struct config_node *node,
	const struct config_table *table, void *value, const struct place *place);

static int decode_structs(struct decoder *d, const struct config_node *node,
	const struct config_key *key, struct config_list *ret, const struct place *place)
{
	bool named = key->type == CONFIG_TABLE_MAP;
	struct config_list list = { NULL, node->names, node->n };
	int r;

	if (node->kind != (named ? CONFIG_MAPPING : CONFIG_SEQUENCE))
		return wrong(d, node, place, named ? "must be a mapping" : "must be a list");
	assert(key->table->size);
	list.v = arena_calloc(d->arena, node->n, key->table->size);
	if (!list.v)
		return no_memory(d);
	for (size_t i = 0; i < node->n; i++) {
		struct place inner = { place, named ? node->names[i] : NULL, i };

		r = decode_table(d, node->items[i], key->table,
			(char *)list.v + i * key->table->size, &inner);
		if (r < 0)
			return r;
	}
	*ret = list;
	return 0;
}

static void set_zero(const struct config_key *key, void *field)
{
	switch (key->type) {
	case CONFIG_STRING:
		*(const char **)field = "";
		break;
	case CONFIG_BOOL:
	case CONFIG_PRESENT:
		*(bool *)field = false;
		break;
	case CONFIG_INT:
	case CONFIG_DURATION:
		*(int64_t *)field = 0;
		break;
	case CONFIG_DOUBLE:
		*(double *)field = 0;
		break;
	case CONFIG_STRINGS:
		*(struct strings *)field = (struct strings){ NULL, 0 };
		break;
	case CONFIG_STRING_MAP:
	case CONFIG_LIST_MAP:
		*(struct config_map *)field = (struct config_map){ NULL, NULL, 0 };
		break;
	case CONFIG_LIST:
	case CONFIG_TABLE_MAP:
		*(struct config_list *)field = (struct config_list){ NULL, NULL, 0 };
		break;
	case CONFIG_NODE:
		*(const struct config_node **)field = NULL;
		break;
	case CONFIG_SECTION:
	case CONFIG_INLINE:
		break;
	}
}

static int set_defaults(struct decoder *d, const struct config_table *table, void *value);

static int set_default(struct decoder *d, const struct config_key *key, void *field)
{
	struct config_node node = { .kind = CONFIG_SCALAR, .text = key->fallback };
	struct place place = { NULL, key->name, 0 };

	if (key->type == CONFIG_SECTION || key->type == CONFIG_INLINE)
		return set_defaults(d, key->table, field);
	set_zero(key, field);
	if (!key->fallback)
		return 0;
	if (key->type == CONFIG_STRINGS) {
		const char **v = ARENA_ARRAY(d->arena, const char *, 1);

		if (!v)
			return no_memory(d);
		v[0] = key->fallback;
		*(struct strings *)field = (struct strings){ v, 1 };
		return 0;
	}
	return decode_scalar(d, &node, key, field, &place);
}

static int set_defaults(struct decoder *d, const struct config_table *table, void *value)
{
	int r = 0;

	for (size_t i = 0; i < table->n_keys && r >= 0; i++)
		r = set_default(d, &table->keys[i], (char *)value + table->keys[i].offset);
	return r;
}

static int decode_key(struct decoder *d, const struct config_node *node,
	const struct config_key *key, void *field, const struct place *place)
{
	switch (key->type) {
	case CONFIG_STRINGS:
		return decode_strings(d, node, field, place);
	case CONFIG_STRING_MAP:
		return decode_string_map(d, node, field, place);
	case CONFIG_LIST_MAP:
		return decode_list_map(d, node, field, place);
	case CONFIG_SECTION:
		return decode_table(d, node, key->table, field, place);
	case CONFIG_LIST:
	case CONFIG_TABLE_MAP:
		return decode_structs(d, node, key, field, place);
	case CONFIG_NODE:
		*(const struct config_node **)field = node;
		return 0;
	default:
		return decode_scalar(d, node, key, field, place);
	}
}

/* Runs a table's own check; what it finds is reported with the place of the mapping. */
static int run_check(struct decoder *d, const struct config_node *node,
	const struct config_table *table, void *value)
{
	struct err inner = { 0 };
	int r;

	if (!table->check)
		return 0;
	r = table->check(value, &inner);
	if (r >= 0)
		return 0;
	err_set(d->err, r == -ENOMEM ? r : -EBADMSG, "%s:%d: %s", d->file, node->line, inner.text);
	return r == -ENOMEM ? r : -EBADMSG;
}

static int decode_keys(struct decoder *d, const struct config_node *node,
	const struct config_table *table, void *value, const struct place *place)
{
	int r = 0;

	for (size_t i = 0; i < table->n_keys && r >= 0; i++) {
		const struct config_key *key = &table->keys[i];
		void *field = (char *)value + key->offset;
		struct place inner = { place, key->name, 0 };
		const struct config_node *item;

		if (key->type == CONFIG_INLINE) {
			r = decode_keys(d, node, key->table, field, place);
			continue;
		}
		item = config_get(node, key->name);
		if (key->type == CONFIG_PRESENT)
			*(bool *)field = item != NULL;
		else if (item && (!item->is_null || key->type == CONFIG_NODE))
			r = decode_key(d, item, key, field, &inner);
		else if (key->flags & CONFIG_REQUIRED)
			r = wrong(d, item ? item : node, &inner, "is missing");
	}
	return r < 0 ? r : run_check(d, node, table, value);
}

static bool knows(const struct config_table *table, const char *name)
{
	for (size_t i = 0; i < table->n_keys; i++) {
		const struct config_key *key = &table->keys[i];

		if (key->type == CONFIG_INLINE ? knows(key->table, name) : str_eq(key->name, name))
			return true;
	}
	return false;
}

static int refuse_unknown(struct decoder *d, const struct config_node *node,
	const struct config_table *table, const struct place *place)
{
	for (size_t i = 0; i < node->n && table->closed && !d->tolerant; i++) {
		struct place inner = { place, node->names[i], 0 };

		if (!knows(table, node->names[i]))
			return wrong(d, node->items[i], &inner, "is no known key");
	}
	return 0;
}

static int decode_table(struct decoder *d, const struct config_node *node,
	const struct config_table *table, void *value, const struct place *place)
{
	static const struct config_node empty = { .kind = CONFIG_MAPPING };
	struct config_node stand_in = empty;
	const bool outer_tolerant = d->tolerant;
	int r;

	if (!node || node->is_null) { /* an item or a named section without anything in it */
		stand_in.line = node ? node->line : 0;
		node = &stand_in;
	}
	if (node->kind != CONFIG_MAPPING)
		return wrong(d, node, place, "must be a mapping of keys to values");
	d->tolerant |= table->tolerant;
	r = set_defaults(d, table, value);
	if (r >= 0)
		r = refuse_unknown(d, node, table, place);
	if (r >= 0)
		r = decode_keys(d, node, table, value, place);
	d->tolerant = outer_tolerant;
	return r;
}

int config_decode(const struct config_node *node, const char *name,
	const struct config_table *table, void *value, struct arena *arena, struct err *err)
{
	struct decoder d = { .file = name, .arena = arena, .err = err };

	return decode_table(&d, node, table, value, NULL);
}

static const char *get_environment(void *ctx, const char *name)
{
	return getenv(name);
}

static int read_file(const char *path, bool expand_env, struct buffer *text, struct err *err)
{
	CLEANUP(buffer_done) struct buffer raw;
	int r;

	buffer_init(&raw, 0);
	r = file_read(AT_FDCWD, path, CONFIG_FILE_MAX_BYTES, expand_env ? &raw : text);
	if (r == -E2BIG)
		return err_set(err, r, "%s: larger than %d bytes", path, CONFIG_FILE_MAX_BYTES);
	if (r < 0)
		return err_errno(err, r, "reading '%s'", path);
	if (!expand_env)
		return 0;
	r = config_expand_env(buffer_text(&raw), raw.len, get_environment, NULL, text, err);
	if (r == -EINVAL)
		return err_prefix(err, r, "%s", path);
	return r < 0 ? err_errno(err, r, "%s: expanding environment variables", path) : 0;
}

int config_load(const char *path, bool expand_env, const struct config_table *table, void *value,
	struct arena *arena, struct err *err)
{
	CLEANUP(buffer_done) struct buffer text;
	const struct config_node *root;
	int r;

	buffer_init(&text, CONFIG_FILE_MAX_BYTES);
	r = read_file(path, expand_env, &text, err);
	if (r >= 0)
		r = config_parse(buffer_text(&text), text.len, path, arena, &root, err);
	return r < 0 ? r : config_decode(root, path, table, value, arena, err);
}
