// SPDX-License-Identifier: Apache-2.0
/* Any bytes as YAML, then into structs by a table that has every type. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "basic/macros.h"
#include "format/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct inner {
	const char *name;
	int64_t number;
};

struct outer {
	struct inner section, flat;
	struct config_list list, map;
	struct strings strings;
	struct config_map string_map;
	const struct config_node *node;
	bool flag, present;
	double ratio;
	int64_t period_ms;
};

static const struct config_key inner_keys[] = {
	{ "name", CONFIG_STRING, offsetof(struct inner, name), .flags = CONFIG_REQUIRED },
	{ "number", CONFIG_INT, offsetof(struct inner, number), .fallback = "7" },
};
static const struct config_table inner_table = { sizeof(struct inner), inner_keys,
	ARRAY_SIZE(inner_keys), .closed = true };

static const struct config_key flat_keys[] = {
	{ "b", CONFIG_INT, offsetof(struct inner, number), .flags = CONFIG_SECRET },
	{ "n", CONFIG_STRING, offsetof(struct inner, name) },
};
static const struct config_table flat_table = { sizeof(struct inner), flat_keys,
	ARRAY_SIZE(flat_keys) };

static const struct config_key outer_keys[] = {
	{ "d", CONFIG_DURATION, offsetof(struct outer, period_ms), .fallback = "15m" },
	{ "f", CONFIG_BOOL, offsetof(struct outer, flag) },
	{ NULL, CONFIG_INLINE, offsetof(struct outer, flat), &flat_table },
	{ "l", CONFIG_LIST, offsetof(struct outer, list), &inner_table },
	{ "m", CONFIG_TABLE_MAP, offsetof(struct outer, map), &inner_table },
	{ "o", CONFIG_NODE, offsetof(struct outer, node) },
	{ "p", CONFIG_PRESENT, offsetof(struct outer, present) },
	{ "r", CONFIG_DOUBLE, offsetof(struct outer, ratio) },
	{ "s", CONFIG_SECTION, offsetof(struct outer, section), &inner_table },
	{ "sm", CONFIG_STRING_MAP, offsetof(struct outer, string_map) },
	{ "ss", CONFIG_STRINGS, offsetof(struct outer, strings) },
};
static const struct config_table outer_table = { sizeof(struct outer), outer_keys,
	ARRAY_SIZE(outer_keys) };

/* What a reader of the tree does; the limits must bound it. */
static size_t walk(const struct config_node *node)
{
	size_t n = 1;

	if (node->kind == CONFIG_SCALAR)
		return n + strlen(node->text);
	for (size_t i = 0; i < node->n; i++) {
		n += walk(node->items[i]);
		if (node->kind == CONFIG_MAPPING)
			assert(i > 100 || config_get(node, node->names[i]) == node->items[i]);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config_node *root = NULL;
	struct outer outer;
	struct arena arena;
	struct err err = { 0 };
	int r;

	arena_init(&arena, 64 << 20);
	r = config_parse((const char *)data, size, "fuzz", &arena, &root, &err);
	if (r >= 0) {
		walk(root);
		r = config_decode(root, "fuzz", &outer_table, &outer, &arena, &err);
	}
	assert(r >= 0 || err.text[0]);
	arena_done(&arena);
	return 0;
}
