// SPDX-License-Identifier: Apache-2.0
/*
 * YAML text to a tree of nodes. Aliases share the node that they name, so a file of aliases of
 * aliases costs no memory; what counts against the limit is what a reader of the tree would see.
 */
#include <errno.h>
#include <string.h>

#include <yaml.h>

#include "basic/str.h"
#include "format/config.h"

enum {
	NODES_MAX = 200000, /* after expansion of aliases and merge keys */
	DEPTH_MAX = 64,
	ANCHORS_MAX = 1024,
};

struct node {
	struct config_node n; /* first, so that both pointers are the same */
	size_t weight; /* nodes in it, itself included, aliases expanded */
	int height; /* levels of collections in it */
};

struct anchor {
	const char *name;
	struct node *node;
};

/* A collection that is not closed yet. */
struct frame {
	struct node *node;
	const char *anchor;
	size_t cap; /* of its items */
	const char *key; /* whose value comes next */
	int key_line;
	bool has_key, key_is_merge;
	const struct node **merges; /* values of '<<' */
	size_t n_merges, merges_cap;
	int *key_lines; /* of a mapping's own keys */
};

struct builder {
	const char *file;
	struct arena *arena;
	struct err *err;
	struct frame stack[DEPTH_MAX];
	int depth;
	struct anchor *anchors;
	size_t n_anchors, anchors_cap;
	size_t weight; /* of all nodes so far */
	struct node *root;
};

static int fail(struct builder *b, int line, const char *what)
{
	return err_set(b->err, -EBADMSG, "%s:%d: %s", b->file, line, what);
}

static int no_memory(struct builder *b)
{
	return err_set(b->err, -ENOMEM, "%s: out of memory", b->file);
}

static int line_of(const yaml_event_t *event)
{
	return (int)MIN(event->start_mark.line, (size_t)INT32_MAX - 1) + 1;
}

/* Doubles an array in the arena when it is full. */
static bool grow(struct builder *b, void *array, size_t n, size_t *cap, size_t size)
{
	size_t more = MAX(n * 2, 8);
	void **items = array;
	void *p;

	if (n < *cap)
		return true;
	p = arena_grow(b->arena, *items, n, more, size);
	if (!p)
		return false;
	*items = p;
	*cap = more;
	return true;
}

static int count(struct builder *b, size_t weight, int height, int line)
{
	b->weight += weight;
	if (b->weight > NODES_MAX)
		return fail(b, line, "too many values (aliases count as what they stand for)");
	if (b->depth + height > DEPTH_MAX)
		return fail(b, line, "nested too deeply");
	return 0;
}

/* Names that are in a mapping already: open addressing, at most half full. */
struct name_set {
	const char **slots;
	size_t mask;
};

static bool name_set_init(struct name_set *set, struct arena *arena, size_t n)
{
	size_t size = 8;

	while (size < n * 2)
		size *= 2;
	set->slots = ARENA_ARRAY(arena, const char *, size);
	set->mask = size - 1;
	return set->slots != NULL;
}

/* False if the name is there already. */
static bool name_set_add(struct name_set *set, const char *name)
{
	size_t hash = 14695981039346656037ULL;

	for (const char *p = name; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211ULL;
	for (size_t i = hash & set->mask;; i = (i + 1) & set->mask) {
		if (!set->slots[i]) {
			set->slots[i] = name;
			return true;
		}
		if (str_eq(set->slots[i], name))
			return false;
	}
}

static int add_item(
	struct builder *b, struct frame *frame, const char *name, const struct node *item)
{
	struct config_node *n = &frame->node->n;
	size_t cap = frame->cap, lines_cap = frame->cap;

	if (n->kind == CONFIG_MAPPING) {
		size_t names_cap = frame->cap;

		if (!grow(b, &n->names, n->n, &names_cap, sizeof(*n->names)) ||
			!grow(b, &frame->key_lines, n->n, &lines_cap, sizeof(int)))
			return no_memory(b);
		n->names[n->n] = name;
		frame->key_lines[n->n] = frame->key_line;
	}
	if (!grow(b, &n->items, n->n, &cap, sizeof(const struct config_node *)))
		return no_memory(b);
	frame->cap = cap;
	n->items[n->n++] = &item->n;
	frame->node->weight += item->weight;
	frame->node->height = MAX(frame->node->height, item->height + 1);
	return 0;
}

static int add_merge(struct builder *b, struct frame *frame, const struct node *from, int line)
{
	if (from->n.kind != CONFIG_MAPPING)
		return fail(b, line, "a merge key ('<<') takes a mapping or a list of mappings");
	if (!grow(b, &frame->merges, frame->n_merges, &frame->merges_cap,
		    sizeof(const struct node *)))
		return no_memory(b);
	frame->merges[frame->n_merges++] = from;
	return 0;
}

static int add_merges(struct builder *b, struct frame *frame, const struct node *value)
{
	int r = 0;

	if (value->n.kind != CONFIG_SEQUENCE)
		return add_merge(b, frame, value, frame->key_line);
	for (size_t i = 0; i < value->n.n && r >= 0; i++)
		r = add_merge(b, frame, (const struct node *)value->n.items[i], frame->key_line);
	return r;
}

static int take_key(struct builder *b, struct frame *frame, const struct node *node, int line)
{
	if (node->n.kind != CONFIG_SCALAR)
		return fail(b, line, "a key must be text, not a list or a mapping");
	frame->key = node->n.text;
	frame->key_line = line;
	frame->key_is_merge = !node->n.quoted && str_eq(node->n.text, "<<");
	frame->has_key = true;
	return 0;
}

/* Puts a finished node where it belongs. */
static int place(struct builder *b, struct node *node, int line)
{
	struct frame *frame;

	if (b->depth == 0) {
		b->root = node;
		return 0;
	}
	frame = &b->stack[b->depth - 1];
	if (frame->node->n.kind == CONFIG_SEQUENCE)
		return add_item(b, frame, NULL, node);
	if (!frame->has_key)
		return take_key(b, frame, node, line);
	frame->has_key = false;
	return frame->key_is_merge ? add_merges(b, frame, node)
				   : add_item(b, frame, frame->key, node);
}

static int set_anchor(struct builder *b, const char *name, struct node *node, int line)
{
	if (!name)
		return 0;
	if (b->n_anchors == ANCHORS_MAX)
		return fail(b, line, "too many anchors");
	if (!grow(b, &b->anchors, b->n_anchors, &b->anchors_cap, sizeof(*b->anchors)))
		return no_memory(b);
	b->anchors[b->n_anchors++] = (struct anchor){ name, node };
	return 0;
}

static int copy_anchor(struct builder *b, const yaml_char_t *name, const char **ret_name)
{
	*ret_name = NULL;
	if (name)
		*ret_name = arena_strdup(b->arena, (const char *)name);
	return name && !*ret_name ? no_memory(b) : 0;
}

static int take_alias(struct builder *b, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	int line = line_of(event), r;

	for (size_t i = b->n_anchors; i-- > 0;) {
		if (!str_eq(b->anchors[i].name, name))
			continue;
		r = count(b, b->anchors[i].node->weight, b->anchors[i].node->height, line);
		return r < 0 ? r : place(b, b->anchors[i].node, line);
	}
	return err_set(b->err, -EBADMSG, "%s:%d: alias '*%.100s' names no finished anchor", b->file,
		line, name);
}

/* Tags of the core schema say nothing that the table doesn't know; others would be ignored. */
static int check_tag(struct builder *b, const yaml_char_t *tag, int line)
{
	static const char *const known[] = { "!", YAML_NULL_TAG, YAML_BOOL_TAG, YAML_STR_TAG,
		YAML_INT_TAG, YAML_FLOAT_TAG, YAML_TIMESTAMP_TAG, YAML_SEQ_TAG, YAML_MAP_TAG };

	if (!tag)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (str_eq((const char *)tag, known[i]))
			return 0;
	}
	return err_set(b->err, -EBADMSG, "%s:%d: tag '%.100s' is not supported", b->file, line,
		(const char *)tag);
}

static bool is_null_text(const char *text)
{
	return !*text || str_eq(text, "~") || str_eq(text, "null") || str_eq(text, "Null") ||
		str_eq(text, "NULL");
}

static struct node *new_node(struct builder *b, enum config_kind kind, int line)
{
	struct node *node = ARENA_NEW(b->arena, struct node);

	if (node) {
		node->n.kind = kind;
		node->n.line = line;
		node->weight = 1;
		node->height = kind != CONFIG_SCALAR;
	}
	return node;
}

static int take_scalar(struct builder *b, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	const yaml_char_t *tag = event->data.scalar.tag;
	int line = line_of(event), r;
	const char *anchor;
	struct node *node;

	if (memchr(text, '\0', event->data.scalar.length))
		return fail(b, line, "a zero byte in a text");
	r = check_tag(b, tag, line);
	if (r >= 0)
		r = count(b, 1, 0, line);
	if (r >= 0)
		r = copy_anchor(b, event->data.scalar.anchor, &anchor);
	if (r < 0)
		return r;
	node = new_node(b, CONFIG_SCALAR, line);
	if (!node)
		return no_memory(b);
	node->n.text = arena_strndup(b->arena, text, event->data.scalar.length);
	if (!node->n.text)
		return no_memory(b);
	node->n.quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
		(tag &&
			(str_eq((const char *)tag, YAML_STR_TAG) ||
				str_eq((const char *)tag, "!")));
	node->n.is_null = !node->n.quoted && is_null_text(text);
	r = set_anchor(b, anchor, node, line);
	return r < 0 ? r : place(b, node, line);
}

static int open_collection(struct builder *b, enum config_kind kind, const yaml_char_t *tag,
	const yaml_char_t *anchor_name, int line)
{
	const char *anchor;
	struct node *node;
	int r;

	r = check_tag(b, tag, line);
	if (r >= 0)
		r = count(b, 1, 1, line);
	if (r >= 0)
		r = copy_anchor(b, anchor_name, &anchor);
	if (r < 0)
		return r;
	node = new_node(b, kind, line);
	if (!node)
		return no_memory(b);
	b->stack[b->depth++] = (struct frame){ .node = node, .anchor = anchor };
	return 0;
}

/* A key's own value wins over merged ones, an earlier merge over a later. */
static int finish_mapping(struct builder *b, struct frame *frame)
{
	struct config_node *n = &frame->node->n;
	size_t own = n->n, candidates = own;
	struct name_set seen;
	int r;

	for (size_t m = 0; m < frame->n_merges; m++)
		candidates += frame->merges[m]->n.n;
	if (!name_set_init(&seen, b->arena, candidates))
		return no_memory(b);
	for (size_t i = 0; i < own; i++) {
		if (!name_set_add(&seen, n->names[i]))
			return err_set(b->err, -EBADMSG, "%s:%d: key '%.200s' is set twice",
				b->file, frame->key_lines[i], n->names[i]);
	}
	for (size_t m = 0; m < frame->n_merges; m++) {
		const struct config_node *from = &frame->merges[m]->n;

		for (size_t i = 0; i < from->n; i++) {
			if (!name_set_add(&seen, from->names[i]))
				continue;
			r = add_item(b, frame, from->names[i], (const struct node *)from->items[i]);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int close_collection(struct builder *b, int line)
{
	struct frame *frame = &b->stack[b->depth - 1];
	struct node *node = frame->node;
	int r = 0;

	if (node->n.kind == CONFIG_MAPPING)
		r = finish_mapping(b, frame);
	if (r >= 0)
		r = set_anchor(b, frame->anchor, node, node->n.line);
	if (r < 0)
		return r;
	b->depth--;
	return place(b, node, node->n.line);
}

static int take_event(struct builder *b, const yaml_event_t *event)
{
	int line = line_of(event);

	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return take_alias(b, event);
	case YAML_SCALAR_EVENT:
		return take_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(b, CONFIG_SEQUENCE, event->data.sequence_start.tag,
			event->data.sequence_start.anchor, line);
	case YAML_MAPPING_START_EVENT:
		return open_collection(b, CONFIG_MAPPING, event->data.mapping_start.tag,
			event->data.mapping_start.anchor, line);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_collection(b, line);
	default:
		return 0;
	}
}

static int parser_failed(struct builder *b, const yaml_parser_t *parser)
{
	size_t line = parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return no_memory(b);
	if (parser->error == YAML_READER_ERROR) /* has an offset, no line */
		return err_set(b->err, -EBADMSG, "%s: %s at byte %zu", b->file,
			parser->problem ? parser->problem : "unreadable", parser->problem_offset);
	return err_set(b->err, -EBADMSG, "%s:%zu: %s%s%s", b->file, line,
		parser->problem ? parser->problem : "malformed YAML", parser->context ? " " : "",
		parser->context ? parser->context : "");
}

static int build(struct builder *b, yaml_parser_t *parser)
{
	bool begun = false, done = false;
	int r = 0;

	while (!done && r >= 0) {
		yaml_event_t event;

		if (!yaml_parser_parse(parser, &event))
			return parser_failed(b, parser);
		done = event.type == YAML_STREAM_END_EVENT ||
			(event.type == YAML_DOCUMENT_START_EVENT && begun);
		begun |= event.type == YAML_DOCUMENT_START_EVENT;
		r = take_event(b, &event);
		yaml_event_delete(&event);
	}
	return r;
}

int config_parse(const char *text, size_t len, const char *name, struct arena *arena,
	const struct config_node **ret_node, struct err *err)
{
	struct builder b = { .file = name, .arena = arena, .err = err };
	yaml_parser_t parser;
	int r;

	if (len > CONFIG_FILE_MAX_BYTES)
		return err_set(
			err, -E2BIG, "%s: larger than %d bytes", name, CONFIG_FILE_MAX_BYTES);
	if (!yaml_parser_initialize(&parser))
		return no_memory(&b);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	r = build(&b, &parser);
	yaml_parser_delete(&parser);
	if (r < 0)
		return r;
	if (!b.root || b.root->n.is_null) {
		b.root = new_node(&b, CONFIG_MAPPING, 1);
		if (!b.root)
			return no_memory(&b);
	}
	*ret_node = &b.root->n;
	return 0;
}

const struct config_node *config_get(const struct config_node *node, const char *name)
{
	if (!node || node->kind != CONFIG_MAPPING)
		return NULL;
	for (size_t i = 0; i < node->n; i++) {
		if (str_eq(node->names[i], name))
			return node->items[i];
	}
	return NULL;
}
