// SPDX-License-Identifier: Apache-2.0
/*
 * PromQL: text to a checked tree and back, as Prometheus 3.16 reads it, less what different
 * versions read differently (docs: prometheus.io/docs/prometheus/latest/querying/basics). No I/O;
 * all memory comes from the caller's arena and lives as long as it. Texts are bytes with a length.
 */
#ifndef CEEMS_FORMAT_PROMQL_PROMQL_H
#define CEEMS_FORMAT_PROMQL_PROMQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/arena.h"
#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/str.h"

enum {
	PROMQL_TEXT_MAX = 64 * 1024,
	PROMQL_DEPTH_MAX = 200,
	PROMQL_NODES_MAX = 10000,
	PROMQL_MATCHERS_MAX = 100, /* of one selector */
	PROMQL_LABELS_MAX = 1000, /* of one list */
	PROMQL_ARGS_MAX = 1000, /* of one call */
};

/* Whose language: forms that this version does not know are refused. */
enum promql_level { PROMQL_2_42 = 242, PROMQL_3_0 = 300, PROMQL_NEWEST = 316 };

struct promql_options {
	enum promql_level level; /* 0 = the newest */
	bool no_experimental_functions; /* functions and aggregations behind a server's flag */
	bool no_fill_modifiers;
};

enum promql_type { PROMQL_SCALAR, PROMQL_VECTOR, PROMQL_MATRIX, PROMQL_STRING };

enum promql_match { PROMQL_EQUAL, PROMQL_NOT_EQUAL, PROMQL_REGEX, PROMQL_NOT_REGEX };

struct promql_matcher {
	struct slice name; /* unquoted; "__name__" for a quoted metric name */
	enum promql_match op;
	struct slice value; /* unquoted, valid UTF-8 */
};

/* A duration, or an expression of durations. */
enum promql_duration_kind {
	PROMQL_DURATION_LITERAL,
	PROMQL_DURATION_STEP, /* step() */
	PROMQL_DURATION_RANGE, /* range() */
	PROMQL_DURATION_MAX_OF, /* max_of(left, right) */
	PROMQL_DURATION_MIN_OF,
	PROMQL_DURATION_BINARY, /* left op right */
	PROMQL_DURATION_UNARY, /* op right */
	PROMQL_DURATION_PAREN, /* (right) */
};

struct promql_duration {
	enum promql_duration_kind kind;
	char op; /* one of + - * / % ^ */
	int64_t ns; /* of a literal; may be negative */
	const struct promql_duration *left, *right;
};

enum promql_at { PROMQL_AT_NONE, PROMQL_AT_TIME, PROMQL_AT_START, PROMQL_AT_END };

/* What may follow a selector or a subquery. */
struct promql_modifiers {
	const struct promql_duration *offset; /* NULL: none, or a literal zero */
	bool offset_given, anchored, smoothed;
	enum promql_at at;
	int64_t at_ms; /* Unix time */
};

enum promql_op {
	PROMQL_OR,
	PROMQL_AND,
	PROMQL_UNLESS,
	PROMQL_EQL,
	PROMQL_NEQ,
	PROMQL_LTE,
	PROMQL_LSS,
	PROMQL_GTE,
	PROMQL_GTR,
	PROMQL_TRIM_UPPER, /* </ */
	PROMQL_TRIM_LOWER, /* >/ */
	PROMQL_ADD,
	PROMQL_SUB,
	PROMQL_MUL,
	PROMQL_DIV,
	PROMQL_MOD,
	PROMQL_ATAN2,
	PROMQL_POW,
};

struct promql_labels {
	const struct slice *v;
	size_t n;
};

struct promql_matching {
	bool return_bool;
	bool on, ignoring; /* at most one */
	bool group_left, group_right; /* at most one */
	bool fill_left_given, fill_right_given;
	double fill_left, fill_right;
	struct promql_labels labels, include; /* of on/ignoring; of group_left/right */
};

enum promql_kind {
	PROMQL_NODE_NUMBER,
	PROMQL_NODE_STRING,
	PROMQL_NODE_SELECTOR, /* with a range: a range selector */
	PROMQL_NODE_SUBQUERY,
	PROMQL_NODE_UNARY,
	PROMQL_NODE_BINARY,
	PROMQL_NODE_AGGREGATION,
	PROMQL_NODE_CALL,
	PROMQL_NODE_PAREN,
};

struct promql_node {
	enum promql_kind kind;
	enum promql_type type;
	struct slice text; /* where it stands in the query; for messages */
	union {
		double number;
		struct slice string; /* unquoted */
		struct {
			struct slice name; /* outside of the braces; n = 0: none */
			const struct promql_matcher *matchers;
			size_t n_matchers;
			const struct promql_duration *range; /* NULL: instant */
			struct promql_modifiers modifiers;
		} selector;
		struct {
			struct promql_node *expr;
			const struct promql_duration *range, *step; /* step NULL: the default */
			struct promql_modifiers modifiers;
		} subquery;
		struct {
			char op; /* '+' or '-' */
			struct promql_node *expr;
		} unary;
		struct {
			enum promql_op op;
			struct promql_node *left, *right;
			struct promql_matching matching;
		} binary;
		struct {
			const char *op; /* lower case */
			bool without, grouped; /* grouped: by or without was given */
			struct promql_labels labels;
			struct promql_node *param; /* NULL: none */
			struct promql_node *expr;
		} aggregation;
		struct {
			const char *function;
			struct promql_node **args;
			size_t n_args;
		} call;
		struct promql_node *paren;
	};
};

/*
 * Parses and checks a query. 0; -EBADMSG: it is not one, err says where and why; -E2BIG: over a
 * limit; -ENOMEM. What is returned points into the text and the arena.
 */
int promql_parse(struct slice text, const struct promql_options *options, struct arena *arena,
	struct promql_node **ret_node, struct err *err);

/* Series selectors as match[] takes them: no modifiers, ranges, operators. */
int promql_parse_selector(struct slice text, const struct promql_options *options,
	struct arena *arena, struct promql_node **ret_node, struct err *err);

/*
 * Writes the canonical text: it parses to the same tree, and means the same to every version that
 * knows what is used in it.
 */
void promql_print(const struct promql_node *node, struct buffer *out);
void promql_print_matcher(const struct promql_matcher *matcher, struct buffer *out);

/* Calls each() for the node and all below it, parents first; a negative result ends the walk. */
typedef int (*promql_each_fn)(void *ctx, struct promql_node *node);
int promql_walk(struct promql_node *node, promql_each_fn each, void *ctx);

#endif
