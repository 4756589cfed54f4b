// SPDX-License-Identifier: Apache-2.0
#include "api/updaters/template.h"

#include <ctype.h>
#include <errno.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct slice *s)
{
	while (s->n && is_blank(s->p[0]))
		s->p++, s->n--;
}

struct action {
	struct slice name;
	bool trim_before, trim_after;
};

/* What stands between "{{" and "}}". A trim mark is set apart by a blank. */
static bool parse_action(struct slice s, struct action *ret_action)
{
	struct action a = { 0 };
	size_t n = 1;

	if (s.n >= 2 && s.p[0] == '-' && is_blank(s.p[1])) {
		a.trim_before = true;
		s = (struct slice){ s.p + 1, s.n - 1 };
	}
	if (s.n >= 2 && s.p[s.n - 1] == '-' && is_blank(s.p[s.n - 2])) {
		a.trim_after = true;
		s.n--;
	}
	skip_blanks(&s);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	if (s.n < 2 || s.p[0] != '.' || !(isalpha((unsigned char)s.p[1]) || s.p[1] == '_'))
		return false;
	while (n < s.n && (isalnum((unsigned char)s.p[n]) || s.p[n] == '_'))
		n++;
	a.name = (struct slice){ s.p + 1, s.n - 1 };
	*ret_action = a;
	return n == s.n;
}

static const char *find_value(
	const struct template_value *values, size_t n_values, struct slice name)
{
	for (size_t i = 0; i < n_values; i++)
		if (slice_eq(name, values[i].name))
			return values[i].text;
	return "<no value>";
}

int template_expand(const char *text, const struct template_value *values, size_t n_values,
	struct buffer *out, struct err *err)
{
	struct slice rest = slice_from(text);
	const char *open;

	while ((open = memmem(rest.p, rest.n, "{{", 2))) {
		struct slice literal = { rest.p, (size_t)(open - rest.p) };
		struct slice inside = { open + 2, rest.n - literal.n - 2 };
		const char *close = memmem(inside.p, inside.n, "}}", 2);
		struct action action;

		if (!close)
			return err_set(err, -EBADMSG, "template with '{{' but no '}}' after it");
		inside.n = (size_t)(close - inside.p);
		if (!parse_action(inside, &action))
			return err_set(err, -EBADMSG,
				"'{{%.*s}}' is no template value; it must look like {{.Range}}",
				(int)MIN(inside.n, 100), inside.p);
		while (action.trim_before && literal.n && is_blank(literal.p[literal.n - 1]))
			literal.n--;
		buffer_append(out, literal.p, literal.n);
		buffer_puts(out, find_value(values, n_values, action.name));
		rest = (struct slice){ close + 2, rest.n - (size_t)(close + 2 - rest.p) };
		if (action.trim_after)
			skip_blanks(&rest);
	}
	buffer_append(out, rest.p, rest.n);
	return buffer_error(out) < 0 ? err_errno(err, buffer_error(out), "query template") : 0;
}

static bool is_plain(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_-:/@%=, ", c));
}

void template_join_ids(const char *const *ids, size_t n, struct buffer *out)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			buffer_putc(out, '|');
		for (const char *p = ids[i]; *p; p++) {
			/* A character of several bytes is one '.'. */
			if (((unsigned char)*p & 0xc0) != 0x80)
				buffer_putc(out, is_plain(*p) ? *p : '.');
		}
	}
}

void template_quote_ids(const char *const *ids, size_t n, struct buffer *out)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			buffer_putc(out, '|');
		for (const char *p = ids[i]; *p; p++) {
			if (*p == '\n')
				buffer_puts(out, "\\n");
			else if (*p == '"')
				buffer_puts(out, "\\\"");
			else if (*p == '\\')
				buffer_puts(out, "\\\\\\\\");
			else if (strchr(".+*?()|[]{}^$", *p))
				buffer_printf(out, "\\\\%c", *p);
			else
				buffer_putc(out, *p);
		}
	}
}
