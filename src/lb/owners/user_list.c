// SPDX-License-Identifier: Apache-2.0
#include "lb/owners/user_list.h"

#include <jansson.h>

static void skip_blanks(struct slice *s)
{
	while (s->n && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')) {
		s->p++;
		s->n--;
	}
}

static bool take(struct slice *s, char c)
{
	skip_blanks(s);
	if (!s->n || *s->p != c)
		return false;
	s->p++;
	s->n--;
	return true;
}

/* A string with its quotes; false: there is none. */
static bool take_string(struct slice *s, struct slice *ret_text, bool *ret_escaped)
{
	bool escaped = false;

	skip_blanks(s);
	if (!s->n || *s->p != '"')
		return false;
	for (size_t i = 1; i < s->n; i++) {
		if (s->p[i] == '\\') {
			escaped = true;
			i++;
		} else if (s->p[i] == '"') {
			*ret_text = (struct slice){ s->p, i + 1 };
			*ret_escaped = escaped;
			s->p += i + 1;
			s->n -= i + 1;
			return true;
		}
	}
	return false;
}

static bool is_escaped_name(struct slice quoted, const char *name)
{
	json_t *value = json_loadb(quoted.p, quoted.n, JSON_DECODE_ANY, NULL);
	const char *text = json_string_value(value);
	bool same = text && strlen(text) == json_string_length(value) && str_eq(text, name);

	json_decref(value);
	return same;
}

static bool is_name(struct slice quoted, bool escaped, const char *name)
{
	return escaped ? is_escaped_name(quoted, name)
		       : slice_eq((struct slice){ quoted.p + 1, quoted.n - 2 }, name);
}

bool user_list_has(struct slice json, const char *name)
{
	struct slice rest = json, text;
	bool found = false, escaped;

	if (!take(&rest, '['))
		return false;
	do {
		if (!take_string(&rest, &text, &escaped))
			return false;
		found |= is_name(text, escaped, name);
	} while (take(&rest, ','));
	if (!take(&rest, ']'))
		return false;
	skip_blanks(&rest);
	return found && !rest.n;
}
