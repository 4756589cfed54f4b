// SPDX-License-Identifier: Apache-2.0
#include "lb/access/bind.h"

#include <errno.h>

#include "basic/macros.h"
#include "format/promql/re2_set.h"
#include "lb/access/text.h"

int bind_refuse(struct bind *bind, enum gate_reason reason, const char *format, ...)
{
	va_list args;
	struct buffer out;
	struct slice why;
	int r;

	bind->reasons |= 1U << reason;
	if (bind->refused)
		return 0;
	buffer_init(&out, 0);
	va_start(args, format);
	buffer_vprintf(&out, format, args);
	va_end(args);
	r = text_keep(&out, bind->arena, &why);
	if (r < 0)
		return r;
	bind->refused = true;
	bind->refusal = (struct gate_refusal){ reason, why.p };
	return 0;
}

static bool is_one_of(const char *const *labels, struct slice name)
{
	for (; *labels; labels++)
		if (slice_eq(name, *labels))
			return true;
	return false;
}

/*
 * Labels that no series has, by which servers tell themselves something: Mimir's and Cortex's
 * __queries__ is a query that is run in the selector's place, their __query_shard__ chooses by all
 * labels.
 */
static bool is_instruction(const struct bind *bind, struct slice name)
{
	return bind->own_labels && name.n >= 2 && memcmp(name.p, "__", 2) == 0 &&
		!is_one_of(bind->own_labels, name);
}

/* What can be asked for as an id: without a NUL, which would hide the rest of it. */
static bool is_id(struct slice text)
{
	return text.n > 0 && text.n <= GATE_UNIT_MAX_BYTES && !memchr(text.p, '\0', text.n);
}

static int compare(struct slice a, const char *b)
{
	const size_t n = strlen(b);
	const int order = memcmp(a.p, b, MIN(a.n, n));

	return order ? order : (a.n > n) - (a.n < n);
}

static int add_unit(struct bind *bind, struct slice id)
{
	size_t low = 0, high = bind->n_units;

	while (low < high) {
		const size_t middle = (low + high) / 2;
		const int order = compare(id, bind->units[middle]);

		if (!order)
			return 0;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	if (bind->n_units == GATE_UNITS_MAX)
		return bind_refuse(bind, GATE_TOO_LARGE, "the request names more than %d units",
			GATE_UNITS_MAX);
	if (bind->n_units == bind->cap_units) {
		const size_t cap = bind->cap_units ? bind->cap_units * 2 : 8;
		const char **v = arena_grow(
			bind->arena, bind->units, bind->n_units, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		bind->units = v;
		bind->cap_units = cap;
	}
	memmove(bind->units + low + 1, bind->units + low,
		(bind->n_units - low) * sizeof(*bind->units));
	bind->units[low] = arena_strndup(bind->arena, id.p, id.n);
	if (!bind->units[low])
		return -ENOMEM;
	bind->n_units++;
	return 0;
}

/* The strings that a matcher can match. -ERANGE: not only known ones. */
static int matched_set(
	const struct bind *bind, const struct promql_matcher *matcher, struct re2_set *ret_set)
{
	if (matcher->op == PROMQL_EQUAL) {
		struct slice *one = ARENA_NEW(bind->arena, struct slice);

		if (!one)
			return -ENOMEM;
		*one = matcher->value;
		*ret_set = (struct re2_set){ one, 1 };
		return 0;
	}
	if (matcher->op == PROMQL_REGEX)
		return re2_set_parse(matcher->value, bind->arena, ret_set);
	return -ERANGE;
}

/* Writes a finite pattern anew. The operator stays: absent() looks at it. */
static int rewrite(
	const struct bind *bind, struct promql_matcher *matcher, const struct re2_set *set)
{
	struct buffer out;

	if (matcher->op != PROMQL_REGEX)
		return 0;
	/* It must stay something that can be read again. */
	buffer_init(&out, RE2_SET_PATTERN_MAX);
	re2_set_print(set, &out);
	return text_keep(&out, bind->arena, &matcher->value);
}

/*
 * A matcher of a unit label. Its ids are asked for even if it does not bind: nothing may be said
 * about foreign units. ret_flaw: why it does not bind.
 */
static int bind_matcher(
	struct bind *bind, struct promql_matcher *matcher, bool *ret_bound, const char **ret_flaw)
{
	struct re2_set set;
	bool bound = true;
	int r = matched_set(bind, matcher, &set);

	if (r == -ERANGE) {
		*ret_flaw = matcher->op == PROMQL_REGEX
			? "is no list of ids, like \"1|2\", whose members are known"
			: "says what is left out, not what is meant";
		return 0;
	}
	for (size_t i = 0; r >= 0 && i < set.n; i++) {
		if (set.members[i].n == 0) {
			*ret_flaw = "also fits series without the label";
			bound = false;
		} else if (!is_id(set.members[i])) {
			/* Nobody's unit: as good as another one's. */
			r = bind_refuse(bind, GATE_UNBOUND,
				"a matcher of '%s' names an id that is too long or holds a NUL "
				"byte",
				bind->unit_labels[0]);
		} else {
			r = add_unit(bind, set.members[i]);
		}
	}
	if (r >= 0)
		r = rewrite(bind, matcher, &set);
	if (r == -E2BIG)
		return bind_refuse(bind, GATE_TOO_LARGE,
			"a list of ids has more than %d bytes once it is written out",
			RE2_SET_PATTERN_MAX);
	if (r >= 0 && bound)
		*ret_bound = true;
	return r;
}

/* Matchers that do not name one cluster only narrow what is read of the one that is asked. */
static int note_cluster(
	struct bind *bind, const struct promql_node *selector, const struct promql_matcher *matcher)
{
	char shown[TEXT_EXCERPT_MAX];
	struct slice name = { NULL, 0 };
	struct re2_set set;
	int r = matched_set(bind, matcher, &set);

	if (r < 0)
		return r == -ERANGE ? 0 : r;
	if (set.n > 1)
		return bind_refuse(bind, GATE_UNBOUND, "selector '%s' names several clusters",
			text_excerpt(selector->text, shown));
	name = set.members[0];
	if (name.n == 0)
		return 0;
	if (!is_id(name))
		return bind_refuse(bind, GATE_UNBOUND,
			"selector '%s' names a cluster whose name is too long or holds a NUL byte",
			text_excerpt(selector->text, shown));
	if (bind->cluster && compare(name, bind->cluster) != 0) {
		r = bind_refuse(bind, GATE_UNBOUND,
			"selector '%s' names another cluster than one before it",
			text_excerpt(selector->text, shown));
		if (r < 0)
			return r;
	}
	bind->cluster = arena_strndup(bind->arena, name.p, name.n);
	return bind->cluster ? 0 : -ENOMEM;
}

static int refuse_selector(struct bind *bind, const struct promql_node *node,
	const struct promql_matcher *flawed, const char *flaw)
{
	char shown[TEXT_EXCERPT_MAX], value[TEXT_EXCERPT_MAX];
	static const char *const ops[] = { "=", "!=", "=~", "!~" };
	const char *label = bind->unit_labels[0];

	text_excerpt(node->text, shown);
	if (!flawed)
		return bind_refuse(bind, GATE_UNBOUND,
			"selector '%s' names no unit: it needs %s=\"ID\" or %s=~\"ID|ID\"", shown,
			label, label);
	return bind_refuse(bind, GATE_UNBOUND,
		"selector '%s' is not bound to units: %.*s%s\"%s\" %s", shown, (int)flawed->name.n,
		flawed->name.p, ops[flawed->op], text_excerpt(flawed->value, value), flaw);
}

static int refuse_instruction(struct bind *bind, const struct promql_node *node, struct slice name)
{
	char shown[TEXT_EXCERPT_MAX], label[TEXT_EXCERPT_MAX];

	return bind_refuse(bind, GATE_UNBOUND,
		"selector '%s' has a matcher of '%s': servers may take such labels for more than "
		"a condition",
		text_excerpt(node->text, shown), text_excerpt(name, label));
}

static void move_to_front(struct promql_matcher *v, size_t from, size_t to)
{
	const struct promql_matcher moved = v[from];

	memmove(v + to + 1, v + to, (from - to) * sizeof(*v));
	v[to] = moved;
}

static int bind_selector(struct bind *bind, struct promql_node *node)
{
	const size_t n = node->selector.n_matchers;
	const struct promql_matcher *flawed = NULL;
	const char *flaw = NULL;
	struct promql_matcher *v;
	size_t n_bound = 0;
	int r = 0;

	bind->n_selectors++;
	v = arena_alloc(bind->arena, (n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < n; i++) {
		v[i] = node->selector.matchers[i];
		if (is_one_of(bind->unit_labels, v[i].name)) {
			const char *this_flaw = NULL;
			bool bound = false;

			r = bind_matcher(bind, &v[i], &bound, &this_flaw);
			if (this_flaw && !flawed) {
				flawed = &node->selector.matchers[i];
				flaw = this_flaw;
			}
			if (bound && bind->bound_first)
				move_to_front(v, i, n_bound);
			n_bound += bound;
		} else if (slice_eq(v[i].name, GATE_CLUSTER_LABEL)) {
			r = note_cluster(bind, node, &v[i]);
		} else if (is_instruction(bind, v[i].name)) {
			r = refuse_instruction(bind, node, v[i].name);
		}
	}
	if (r < 0)
		return r;
	node->selector.matchers = v;
	return n_bound ? 0 : refuse_selector(bind, node, flawed, flaw);
}

static int bind_each(void *ctx, struct promql_node *node)
{
	struct bind *bind = ctx;

	if (node->kind == PROMQL_NODE_CALL && str_eq(node->call.function, "info"))
		return bind_refuse(
			bind, GATE_SYNTAX, "info() reads series that the query does not name");
	return node->kind == PROMQL_NODE_SELECTOR ? bind_selector(bind, node) : 0;
}

int bind_node(struct bind *bind, struct promql_node *node)
{
	return promql_walk(node, bind_each, bind);
}

struct cluster_label {
	struct promql_matcher matcher;
	struct arena *arena;
};

static bool same(struct slice a, struct slice b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* Whether the selector takes nothing but this cluster already. */
static int has_cluster(
	const struct cluster_label *label, const struct promql_node *node, bool *ret_has)
{
	for (size_t i = 0; i < node->selector.n_matchers; i++) {
		const struct promql_matcher *m = &node->selector.matchers[i];
		struct re2_set set;
		int r;

		if (!same(m->name, label->matcher.name))
			continue;
		if (m->op == PROMQL_EQUAL && same(m->value, label->matcher.value))
			*ret_has = true;
		if (m->op != PROMQL_REGEX)
			continue;
		r = re2_set_parse(m->value, label->arena, &set);
		if (r == -ENOMEM)
			return r;
		if (r >= 0 && set.n == 1 && same(set.members[0], label->matcher.value))
			*ret_has = true;
	}
	return 0;
}

static int add_label(const struct cluster_label *label, struct promql_node *node, bool absent)
{
	const size_t n = node->selector.n_matchers;
	struct promql_matcher *v;
	bool has = false;
	int r = has_cluster(label, node, &has);

	if (r < 0 || has)
		return r;
	if (n == PROMQL_MATCHERS_MAX)
		return -E2BIG;
	v = arena_alloc(label->arena, (n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (n)
		memcpy(v, node->selector.matchers, n * sizeof(*v));
	v[n] = label->matcher;
	if (absent) {
		const struct re2_set one = { &label->matcher.value, 1 };
		struct buffer out;

		buffer_init(&out, 0);
		re2_set_print(&one, &out);
		v[n].op = PROMQL_REGEX;
		r = text_keep(&out, label->arena, &v[n].value);
	}
	node->selector.matchers = v;
	node->selector.n_matchers = n + 1;
	return r;
}

static int add_in_absent(void *ctx, struct promql_node *node)
{
	return node->kind == PROMQL_NODE_SELECTOR ? add_label(ctx, node, true) : 0;
}

/* absent() makes labels of its selector's "=" matchers; a pattern leaves its result alone. */
static int add_each(void *ctx, struct promql_node *node)
{
	if (node->kind == PROMQL_NODE_SELECTOR)
		return add_label(ctx, node, false);
	if (node->kind == PROMQL_NODE_CALL &&
		(str_eq(node->call.function, "absent") ||
			str_eq(node->call.function, "absent_over_time")))
		return promql_walk(node->call.args[0], add_in_absent, ctx);
	return 0;
}

int bind_add_cluster(
	struct promql_node *node, const char *label, const char *cluster, struct arena *arena)
{
	struct cluster_label ctx = { { slice_from(label), PROMQL_EQUAL, slice_from(cluster) },
		arena };

	return promql_walk(node, add_each, &ctx);
}
