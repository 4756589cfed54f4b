// SPDX-License-Identifier: Apache-2.0
#include "lb/access/filter_rules.h"

#include <assert.h>
#include <string.h>

#include "basic/macros.h"
#include "lb/access/hidden.h"

enum { STEPS_MAX = 5 };

#define EACH "*" /* element of an array */

static const struct rule {
	enum gate_filter kind; /* NONE: of all */
	enum filter_action action;
	unsigned n_steps; /* from the answer to the value */
	const char *steps[STEPS_MAX];
} table[] = {
	{ GATE_FILTER_NONE, FILTER_MESSAGE, 1, { "error" } },
	{ GATE_FILTER_NONE, FILTER_MESSAGES, 1, { "warnings" } },
	{ GATE_FILTER_NONE, FILTER_MESSAGES, 1, { "infos" } },
	{ GATE_FILTER_METRICS, FILTER_LABELS, 4, { "data", "result", EACH, "metric" } },
	{ GATE_FILTER_SERIES, FILTER_LABELS, 2, { "data", EACH } },
	{ GATE_FILTER_LABEL_NAMES, FILTER_NAMES, 1, { "data" } },
	{ GATE_FILTER_LABEL_VALUES, FILTER_DATA, 0, { NULL } },
	{ GATE_FILTER_EXEMPLARS, FILTER_LABELS, 3, { "data", EACH, "seriesLabels" } },
	{ GATE_FILTER_EXEMPLARS, FILTER_LABELS, 5, { "data", EACH, "exemplars", EACH, "labels" } },
};

static_assert(ARRAY_SIZE(table) <= 8 * sizeof(filter_rules), "a bit for each");

filter_rules filter_rules_start(
	enum gate_filter kind, const struct strings *hidden, const char *label)
{
	filter_rules rules = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].kind != GATE_FILTER_NONE && table[i].kind != kind)
			continue;
		if (table[i].action == FILTER_DATA &&
			(!label || !hidden_has(hidden, slice_from(label))))
			continue;
		rules |= (filter_rules)(1U << i);
	}
	return rules;
}

static bool fits(const struct rule *rule, unsigned depth, struct slice name)
{
	if (depth >= rule->n_steps)
		return false;
	if (!name.p)
		return rule->steps[depth][0] == EACH[0];
	return slice_eq(name, rule->steps[depth]);
}

filter_rules filter_rules_enter(filter_rules rules, unsigned depth, struct slice name)
{
	filter_rules left = 0;

	for (size_t i = 0; rules >> i && i < ARRAY_SIZE(table); i++)
		if (rules >> i & 1 && fits(&table[i], depth, name))
			left |= (filter_rules)(1U << i);
	return left;
}

enum filter_action filter_rules_action(filter_rules rules, unsigned depth)
{
	for (size_t i = 0; rules >> i && i < ARRAY_SIZE(table); i++)
		if (rules >> i & 1 && table[i].n_steps == depth)
			return table[i].action;
	return FILTER_KEEP;
}

bool filter_rules_names_hidden(const struct strings *hidden, struct slice text)
{
	for (size_t i = 0; i < hidden->n; i++)
		if (memmem(text.p, text.n, hidden->v[i], strlen(hidden->v[i])))
			return true;
	return false;
}

static uint32_t four_digits(const char *text)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++) {
		const char c = text[i];

		code = code << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return code;
}

/* After a backslash at text[0]; how many bytes it takes. Halves of a pair alone become U+FFFD. */
static size_t decode_escape(const char *text, size_t n, char *out, size_t *ret_len)
{
	static const char letters[] = "bfnrt", bytes[] = "\b\f\n\r\t";
	const char *letter = strchr(letters, text[1]);
	uint32_t code, low;

	if (text[1] != 'u') {
		*out = letter ? bytes[letter - letters] : text[1];
		*ret_len = 1;
		return 2;
	}
	code = four_digits(text + 2);
	if (code < 0xd800 || code > 0xdfff) {
		*ret_len = str_utf8_put(out, code);
		return 6;
	}
	if (code < 0xdc00 && n >= 12 && text[6] == '\\' && text[7] == 'u') {
		low = four_digits(text + 8);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*ret_len = str_utf8_put(
				out, 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00)));
			return 12;
		}
	}
	*ret_len = str_utf8_put(out, 0xfffd);
	return 6;
}

struct slice filter_rules_decode(char *text, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n;) {
		char bytes[4];
		size_t len;

		if (text[i] != '\\') {
			text[out++] = text[i++];
			continue;
		}
		i += decode_escape(text + i, n - i, bytes, &len);
		memcpy(text + out, bytes, len);
		out += len;
	}
	return (struct slice){ text, out };
}
