// SPDX-License-Identifier: Apache-2.0
#include "format/json_check.h"

#include "format/json_writer.h"

struct text {
	const char *p, *end;
};

static void skip_blanks(struct text *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\n' || *t->p == '\r'))
		t->p++;
}

static bool take(struct text *t, char c)
{
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

static bool take_word(struct text *t, struct slice word)
{
	if ((size_t)(t->end - t->p) < word.n || memcmp(t->p, word.p, word.n) != 0)
		return false;
	t->p += word.n;
	return true;
}

static bool is_hex(char c)
{
	const char lower = (char)(c | 0x20);

	return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
}

/* Behind the backslash. */
static bool take_escape(struct text *t)
{
	if (t->p == t->end)
		return false;
	if (*t->p != 'u')
		return *t->p && strchr("\"\\/bfnrt", *t->p++);
	if (t->end - t->p < 5)
		return false;
	for (int i = 1; i < 5; i++)
		if (!is_hex(t->p[i]))
			return false;
	t->p += 5;
	return true;
}

static bool take_string(struct text *t)
{
	if (!take(t, '"'))
		return false;
	for (;;) {
		t->p += json_writer_plain_length(t->p, (size_t)(t->end - t->p));
		if (t->p == t->end || (unsigned char)*t->p < 0x20)
			return false;
		if (take(t, '"'))
			return true;
		if (*t->p++ == '\\' && !take_escape(t))
			return false;
	}
}

static bool take_digits(struct text *t)
{
	const char *start = t->p;

	while (t->p < t->end && *t->p >= '0' && *t->p <= '9')
		t->p++;
	return t->p > start;
}

static bool take_number(struct text *t)
{
	(void)take(t, '-');
	if (!take(t, '0') && !take_digits(t))
		return false;
	if (take(t, '.') && !take_digits(t))
		return false;
	if (take(t, 'e') || take(t, 'E')) {
		if (!take(t, '-'))
			(void)take(t, '+');
		return take_digits(t);
	}
	return true;
}

static bool take_value(struct text *t, int depth);

/* Behind the opening bracket: items up to the closing one. */
static bool take_items(struct text *t, char close, int depth)
{
	skip_blanks(t);
	if (take(t, close))
		return true;
	if (depth == JSON_CHECK_DEPTH_MAX)
		return false;
	do {
		skip_blanks(t);
		if (close == '}') {
			if (!take_string(t))
				return false;
			skip_blanks(t);
			if (!take(t, ':'))
				return false;
		}
		if (!take_value(t, depth))
			return false;
	} while (take(t, ','));
	return take(t, close);
}

/* With the blanks around it. */
static bool take_value(struct text *t, int depth)
{
	bool valid;

	skip_blanks(t);
	if (t->p == t->end)
		return false;
	switch (*t->p) {
	case '{':
		t->p++;
		valid = take_items(t, '}', depth + 1);
		break;
	case '[':
		t->p++;
		valid = take_items(t, ']', depth + 1);
		break;
	case '"':
		valid = take_string(t);
		break;
	case 't':
		valid = take_word(t, SLICE("true"));
		break;
	case 'f':
		valid = take_word(t, SLICE("false"));
		break;
	case 'n':
		valid = take_word(t, SLICE("null"));
		break;
	default:
		valid = take_number(t);
	}
	skip_blanks(t);
	return valid;
}

bool json_is_valid(struct slice text)
{
	struct text t = { text.p, text.p + text.n };

	return text.n && take_value(&t, 0) && t.p == t.end;
}
