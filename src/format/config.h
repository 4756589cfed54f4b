// SPDX-License-Identifier: Apache-2.0
/*
 * YAML (libyaml) to structs by table. Every error names file:line. Limits: size of the file,
 * depth, number of nodes after alias expansion. Strings live in the arena that is passed in.
 */
#ifndef CEEMS_FORMAT_CONFIG_H
#define CEEMS_FORMAT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/arena.h"
#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/options.h" /* struct strings */

enum config_type {
	CONFIG_STRING, /* const char * */
	CONFIG_BOOL, /* bool */
	CONFIG_INT, /* int64_t */
	CONFIG_DOUBLE, /* double */
	CONFIG_DURATION, /* int64_t milliseconds, Prometheus form */
	CONFIG_STRINGS, /* struct strings; scalars of any kind are taken as text */
	CONFIG_STRING_MAP, /* struct config_map: name -> text, in file order */
	CONFIG_LIST_MAP, /* the same: name -> text or list of texts, the name once for each */
	CONFIG_SECTION, /* a struct inside the struct, by .table */
	CONFIG_INLINE, /* .table's keys stand among this table's keys (name is NULL) */
	CONFIG_LIST, /* struct config_list of structs, by .table */
	CONFIG_TABLE_MAP, /* struct config_list of structs with names[], by .table: name -> section
			   */
	CONFIG_NODE, /* const struct config_node *, free form */
	CONFIG_PRESENT, /* bool: the key itself was there (pairs with another row of the same name)
			 */
};

struct config_map {
	const char **names;
	const char **values;
	size_t n;
};

struct config_list {
	void *v; /* array of the table's struct */
	const char **names; /* CONFIG_TABLE_MAP only */
	size_t n;
};

enum config_flags { CONFIG_REQUIRED = 1 << 0, CONFIG_SECRET = 1 << 1 };

struct config_key {
	const char *name;
	enum config_type type;
	size_t offset;
	const struct config_table *table;
	const char *fallback; /* default as YAML scalar text; NULL = zero, empty */
	const char *help; /* for the reference page */
	unsigned flags;
};

struct config_table {
	size_t size; /* of the struct, for lists */
	const struct config_key *keys;
	size_t n_keys;
	bool closed; /* unknown keys are errors here */
	bool tolerant; /* unknown keys are fine here and in every section below, closed ones too */
	/* Optional: looks at the filled struct. Return -EINVAL with err_set(); file:line is put in
	 * front. */
	int (*check)(void *value, struct err *err);
};

/* A parsed document. Aliases and merge keys (<<) are resolved. */
enum config_kind { CONFIG_SCALAR, CONFIG_SEQUENCE, CONFIG_MAPPING };
struct config_node {
	enum config_kind kind;
	bool is_null; /* empty, ~ or null, unquoted */
	bool quoted; /* scalar in quotes or block style: never null, bool or number */
	int line; /* from 1 */
	const char *text; /* scalar */
	const struct config_node **items; /* sequence items, mapping values */
	const char **names; /* mapping keys */
	size_t n;
};

/* name is used in errors only (usually the path). An empty document is an empty mapping;
 * only the first one is read (spec api-server.md 2). */
int config_parse(const char *text, size_t len, const char *name, struct arena *arena,
	const struct config_node **ret_node, struct err *err);

/* The value of a key, NULL if absent or node is no mapping (or NULL). */
const struct config_node *config_get(const struct config_node *node, const char *name);

/* Fills value (defaults first); a node that is NULL or null counts as an empty mapping. -EBADMSG
 * for what the file got wrong, -ENOMEM. */
int config_decode(const struct config_node *node, const char *name,
	const struct config_table *table, void *value, struct arena *arena, struct err *err);

/* $NAME and ${NAME} as in spec api-server.md 2.1, on raw text. */
int config_expand_env(const char *text, size_t len, const char *(*get)(void *ctx, const char *name),
	void *ctx, struct buffer *ret_text, struct err *err);

enum { CONFIG_FILE_MAX_BYTES = 4 << 20 };

/* Reads, expands (if wanted), parses and decodes a file. */
int config_load(const char *path, bool expand_env, const struct config_table *table, void *value,
	struct arena *arena, struct err *err);

#endif
