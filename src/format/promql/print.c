// SPDX-License-Identifier: Apache-2.0
/* The canonical text of a tree. */
#include <inttypes.h>
#include <math.h>
#include <strings.h>

#include "basic/num.h"
#include "format/promql/promql.h"

enum { REPLACEMENT = 0xfffd };

static const char *const op_texts[] = {
	[PROMQL_OR] = "or",
	[PROMQL_AND] = "and",
	[PROMQL_UNLESS] = "unless",
	[PROMQL_EQL] = "==",
	[PROMQL_NEQ] = "!=",
	[PROMQL_LTE] = "<=",
	[PROMQL_LSS] = "<",
	[PROMQL_GTE] = ">=",
	[PROMQL_GTR] = ">",
	[PROMQL_TRIM_UPPER] = "</",
	[PROMQL_TRIM_LOWER] = ">/",
	[PROMQL_ADD] = "+",
	[PROMQL_SUB] = "-",
	[PROMQL_MUL] = "*",
	[PROMQL_DIV] = "/",
	[PROMQL_MOD] = "%",
	[PROMQL_ATAN2] = "atan2",
	[PROMQL_POW] = "^",
};

static const char *const match_texts[] = {
	[PROMQL_EQUAL] = "=",
	[PROMQL_NOT_EQUAL] = "!=",
	[PROMQL_REGEX] = "=~",
	[PROMQL_NOT_REGEX] = "!~",
};

static void put_slice(struct buffer *out, struct slice s)
{
	buffer_append(out, s.p, s.n);
}

/* How many bytes at the start stand for themselves in a string. */
static size_t plain_length(struct slice s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= ' ' && s.p[n] <= '~' && s.p[n] != '"' && s.p[n] != '\\')
		n++;
	return n;
}

static void put_string(struct buffer *out, struct slice s)
{
	buffer_putc(out, '"');
	for (size_t i = 0; i < s.n;) {
		const size_t plain = plain_length((struct slice){ s.p + i, s.n - i });
		unsigned char c;
		uint32_t code = 0;
		size_t n;

		buffer_append(out, s.p + i, plain);
		i += plain;
		if (i == s.n)
			break;
		c = (unsigned char)s.p[i];
		n = str_utf8_next(s.p + i, s.n - i, &code);
		if (c == '"' || c == '\\')
			buffer_printf(out, "\\%c", c);
		else if (c == '\n')
			buffer_puts(out, "\\n");
		else if (c == '\r')
			buffer_puts(out, "\\r");
		else if (c == '\t')
			buffer_puts(out, "\\t");
		else if (n <= 1)
			buffer_printf(out, "\\x%02x", c);
		else if (code == REPLACEMENT)
			buffer_puts(out, "\\ufffd");
		else
			buffer_append(out, s.p + i, n);
		i += n ? n : 1;
	}
	buffer_putc(out, '"');
}

static bool is_bare(struct slice s, bool colons)
{
	if (!s.n)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i], lower = (char)(c | 0x20);

		if (!((lower >= 'a' && lower <= 'z') || c == '_' || (colons && c == ':') ||
			    (i && c >= '0' && c <= '9')))
			return false;
	}
	return true;
}

static bool is_one_of(struct slice s, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == s.n && strncasecmp(*words, s.p, s.n) == 0)
			return true;
	return false;
}

static bool is_bare_metric(struct slice s)
{
	static const char *const reserved[] = { "bool", "on", "ignoring", "group_left",
		"group_right", "atan2", "inf", "nan", NULL };

	return is_bare(s, true) && !is_one_of(s, reserved);
}

static void put_list_label(struct buffer *out, struct slice label)
{
	static const char *const reserved[] = { "without", "inf", "nan", NULL };

	if (is_bare(label, false) && !is_one_of(label, reserved))
		put_slice(out, label);
	else
		put_string(out, label);
}

static void put_labels(struct buffer *out, const struct promql_labels *labels)
{
	buffer_puts(out, "(");
	for (size_t i = 0; i < labels->n; i++) {
		if (i)
			buffer_puts(out, ", ");
		put_list_label(out, labels->v[i]);
	}
	buffer_puts(out, ")");
}

static void put_number(struct buffer *out, double value)
{
	char text[NUM_TEXT_MAX];

	if (isnan(value))
		buffer_puts(out, "NaN");
	else if (isinf(value))
		buffer_puts(out, value < 0 ? "-Inf" : "Inf");
	else
		buffer_append(out, text, num_exposition(value, text));
}

/* Whole milliseconds by units, all else as seconds. */
static void put_ns(struct buffer *out, int64_t ns)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} units[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
		{ "ms", 1 } };
	const uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	uint64_t ms = size / 1000000;

	if (ns < 0)
		buffer_putc(out, '-');
	if (!size) {
		buffer_puts(out, "0s");
	} else if (size % 1000000) {
		buffer_printf(out, "%" PRIu64 ".%09" PRIu64, size / 1000000000, size % 1000000000);
		while (out->len && out->data[out->len - 1] == '0')
			out->data[--out->len] = '\0';
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
			if (ms / units[i].ms)
				buffer_printf(
					out, "%" PRIu64 "%s", ms / units[i].ms, units[i].text);
			ms %= units[i].ms;
		}
	}
}

static void put_duration(struct buffer *out, const struct promql_duration *d)
{
	switch (d->kind) {
	case PROMQL_DURATION_LITERAL:
		put_ns(out, d->ns);
		break;
	case PROMQL_DURATION_STEP:
		buffer_puts(out, "step()");
		break;
	case PROMQL_DURATION_RANGE:
		buffer_puts(out, "range()");
		break;
	case PROMQL_DURATION_MAX_OF:
	case PROMQL_DURATION_MIN_OF:
		buffer_puts(out, d->kind == PROMQL_DURATION_MAX_OF ? "max_of(" : "min_of(");
		put_duration(out, d->left);
		buffer_puts(out, ", ");
		put_duration(out, d->right);
		buffer_puts(out, ")");
		break;
	case PROMQL_DURATION_BINARY:
		put_duration(out, d->left);
		buffer_printf(out, " %c ", d->op);
		put_duration(out, d->right);
		break;
	case PROMQL_DURATION_UNARY:
		buffer_putc(out, d->op);
		put_duration(out, d->right);
		break;
	case PROMQL_DURATION_PAREN:
		buffer_puts(out, "(");
		put_duration(out, d->right);
		buffer_puts(out, ")");
		break;
	}
}

/* In a form that ends by itself, whatever follows. */
static void put_offset(struct buffer *out, const struct promql_duration *d)
{
	const bool negative = d->kind == PROMQL_DURATION_UNARY && d->op == '-';
	const struct promql_duration *inner = d;

	buffer_puts(out, " offset ");
	if (d->kind == PROMQL_DURATION_LITERAL) {
		put_ns(out, d->ns);
		return;
	}
	if (d->kind == PROMQL_DURATION_UNARY)
		inner = d->right;
	if (inner->kind == PROMQL_DURATION_PAREN)
		inner = inner->right;
	buffer_puts(out, negative ? "-(" : "+(");
	put_duration(out, inner);
	buffer_puts(out, ")");
}

static void put_modifiers(struct buffer *out, const struct promql_modifiers *m)
{
	if (m->anchored)
		buffer_puts(out, " anchored");
	if (m->smoothed)
		buffer_puts(out, " smoothed");
	if (m->at == PROMQL_AT_START)
		buffer_puts(out, " @ start()");
	if (m->at == PROMQL_AT_END)
		buffer_puts(out, " @ end()");
	if (m->at == PROMQL_AT_TIME) {
		const uint64_t ms = m->at_ms < 0 ? -(uint64_t)m->at_ms : (uint64_t)m->at_ms;

		buffer_printf(out, " @ %s%" PRIu64 ".%03" PRIu64, m->at_ms < 0 ? "-" : "",
			ms / 1000, ms % 1000);
	}
	if (m->offset)
		put_offset(out, m->offset);
}

void promql_print_matcher(const struct promql_matcher *matcher, struct buffer *out)
{
	if (is_bare(matcher->name, false))
		put_slice(out, matcher->name);
	else
		put_string(out, matcher->name);
	buffer_puts(out, match_texts[matcher->op]);
	put_string(out, matcher->value);
}

/* The matcher that can be written as a name before the braces: the only one on __name__. */
static size_t name_matcher(const struct promql_node *node)
{
	size_t found = node->selector.n_matchers;

	for (size_t i = 0; i < node->selector.n_matchers; i++) {
		const struct promql_matcher *m = &node->selector.matchers[i];

		if (!slice_eq(m->name, "__name__"))
			continue;
		if (found != node->selector.n_matchers || m->op != PROMQL_EQUAL ||
			!is_bare_metric(m->value))
			return node->selector.n_matchers;
		found = i;
	}
	return found;
}

static void put_selector(struct buffer *out, const struct promql_node *node, bool may_be_named)
{
	const size_t n = node->selector.n_matchers;
	const size_t named = may_be_named && !node->selector.name.n ? name_matcher(node) : n;
	bool open = false;

	if (node->selector.name.n)
		put_slice(out, node->selector.name);
	else if (named < n)
		put_slice(out, node->selector.matchers[named].value);
	for (size_t i = 0; i < n; i++) {
		if (i == named)
			continue;
		buffer_puts(out, open ? "," : "{");
		open = true;
		promql_print_matcher(&node->selector.matchers[i], out);
	}
	if (open)
		buffer_puts(out, "}");
	else if (!node->selector.name.n && named == n)
		buffer_puts(out, "{}");
	if (node->selector.range) {
		buffer_puts(out, "[");
		put_duration(out, node->selector.range);
		buffer_puts(out, "]");
	}
	put_modifiers(out, &node->selector.modifiers);
}

static void put_subquery(struct buffer *out, const struct promql_node *node)
{
	promql_print(node->subquery.expr, out);
	buffer_puts(out, "[");
	put_duration(out, node->subquery.range);
	buffer_puts(out, ":");
	if (node->subquery.step)
		put_duration(out, node->subquery.step);
	buffer_puts(out, "]");
	put_modifiers(out, &node->subquery.modifiers);
}

static void put_fill(struct buffer *out, const char *word, double value)
{
	buffer_printf(out, " %s (", word);
	put_number(out, value);
	buffer_puts(out, ")");
}

static bool same_number(double a, double b)
{
	return (a == b && signbit(a) == signbit(b)) || (isnan(a) && isnan(b));
}

static void put_matching(struct buffer *out, const struct promql_matching *m)
{
	const bool group = m->group_left || m->group_right;

	if (m->return_bool)
		buffer_puts(out, " bool");
	if (m->on || (m->ignoring && (m->labels.n || group))) {
		buffer_puts(out, m->on ? " on " : " ignoring ");
		put_labels(out, &m->labels);
	}
	if (group) {
		buffer_puts(out, m->group_left ? " group_left " : " group_right ");
		put_labels(out, &m->include);
	}
	if (m->fill_left_given && m->fill_right_given && same_number(m->fill_left, m->fill_right)) {
		put_fill(out, "fill", m->fill_left);
		return;
	}
	if (m->fill_left_given)
		put_fill(out, "fill_left", m->fill_left);
	if (m->fill_right_given)
		put_fill(out, "fill_right", m->fill_right);
}

static void put_aggregation(struct buffer *out, const struct promql_node *node)
{
	buffer_puts(out, node->aggregation.op);
	if (node->aggregation.without || node->aggregation.labels.n) {
		buffer_puts(out, node->aggregation.without ? " without " : " by ");
		put_labels(out, &node->aggregation.labels);
		buffer_puts(out, " ");
	}
	buffer_puts(out, "(");
	if (node->aggregation.param) {
		promql_print(node->aggregation.param, out);
		buffer_puts(out, ", ");
	}
	promql_print(node->aggregation.expr, out);
	buffer_puts(out, ")");
}

static void put_call(struct buffer *out, const struct promql_node *node)
{
	/* Its second argument has all in braces. */
	const bool info = str_eq(node->call.function, "info");

	buffer_printf(out, "%s(", node->call.function);
	for (size_t i = 0; i < node->call.n_args; i++) {
		if (i)
			buffer_puts(out, ", ");
		if (info && i == 1)
			put_selector(out, node->call.args[i], false);
		else
			promql_print(node->call.args[i], out);
	}
	buffer_puts(out, ")");
}

void promql_print(const struct promql_node *node, struct buffer *out)
{
	switch (node->kind) {
	case PROMQL_NODE_NUMBER:
		put_number(out, node->number);
		break;
	case PROMQL_NODE_STRING:
		put_string(out, node->string);
		break;
	case PROMQL_NODE_SELECTOR:
		put_selector(out, node, true);
		break;
	case PROMQL_NODE_SUBQUERY:
		put_subquery(out, node);
		break;
	case PROMQL_NODE_UNARY:
		buffer_putc(out, node->unary.op);
		promql_print(node->unary.expr, out);
		break;
	case PROMQL_NODE_BINARY:
		promql_print(node->binary.left, out);
		buffer_printf(out, " %s", op_texts[node->binary.op]);
		put_matching(out, &node->binary.matching);
		buffer_puts(out, " ");
		promql_print(node->binary.right, out);
		break;
	case PROMQL_NODE_AGGREGATION:
		put_aggregation(out, node);
		break;
	case PROMQL_NODE_CALL:
		put_call(out, node);
		break;
	case PROMQL_NODE_PAREN:
		buffer_puts(out, "(");
		promql_print(node->paren, out);
		buffer_puts(out, ")");
		break;
	}
}
