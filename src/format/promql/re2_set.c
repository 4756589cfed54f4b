// SPDX-License-Identifier: Apache-2.0
#include "format/promql/re2_set.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"

enum { UNSETTLED_MAX = 4 * RE2_SET_MEMBERS_MAX };

struct parser {
	const char *p, *end;
	struct arena *arena;
	unsigned depth;
};

/* A set while it is built; members in any order, maybe more than once. */
struct set {
	struct slice *v;
	size_t n, cap, bytes;
};

static int alternatives(struct parser *p, struct set *ret);

static bool within_limits(const struct set *s)
{
	return s->n <= RE2_SET_MEMBERS_MAX && s->bytes <= RE2_SET_BYTES_MAX;
}

static int compare(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	const size_t n = x->n < y->n ? x->n : y->n;
	const int order = n ? memcmp(x->p, y->p, n) : 0;

	return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Sorts, and drops what is there twice. */
static void settle(struct set *s)
{
	size_t n = 0;

	qsort(s->v, s->n, sizeof(*s->v), compare);
	s->bytes = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (n && compare(&s->v[n - 1], &s->v[i]) == 0)
			continue;
		s->v[n++] = s->v[i];
		s->bytes += s->v[i].n;
	}
	s->n = n;
}

/* 0, or -ERANGE: it is over a limit. */
static int settled(struct set *s)
{
	settle(s);
	return within_limits(s) ? 0 : -ERANGE;
}

/* Adds members; they may be there twice until settled() has been called. */
static int unite(struct parser *p, struct set *into, const struct set *other)
{
	if (into->n + other->n > into->cap) {
		size_t cap = MAX(into->cap * 2, into->n + other->n);
		struct slice *v = arena_grow(p->arena, into->v, into->n, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		into->v = v;
		into->cap = cap;
	}
	memcpy(into->v + into->n, other->v, other->n * sizeof(*into->v));
	into->n += other->n;
	into->bytes += other->bytes;
	return into->n > UNSETTLED_MAX ? settled(into) : 0;
}

static int multiply(struct parser *p, struct set *left, const struct set *right)
{
	struct set product = { .n = left->n * right->n,
		.cap = left->n * right->n,
		.bytes = left->bytes * right->n + right->bytes * left->n };
	size_t n = 0;

	if (!within_limits(&product))
		return -ERANGE;
	product.v = ARENA_ARRAY(p->arena, struct slice, product.n);
	if (!product.v)
		return -ENOMEM;
	for (size_t i = 0; i < left->n; i++) {
		for (size_t k = 0; k < right->n; k++) {
			const struct slice a = left->v[i], b = right->v[k];
			char *text = arena_alloc(p->arena, a.n + b.n + 1);

			if (!text)
				return -ENOMEM;
			memcpy(text, a.p, a.n); /* members are never NULL */
			memcpy(text + a.n, b.p, b.n);
			product.v[n++] = (struct slice){ text, a.n + b.n };
		}
	}
	settle(&product);
	*left = product;
	return 0;
}

static int single(struct parser *p, struct slice member, struct set *ret)
{
	*ret = (struct set){ ARENA_NEW(p->arena, struct slice), 1, 1, member.n };
	if (!ret->v)
		return -ENOMEM;
	ret->v[0] = member;
	return 0;
}

static bool is_punctuation(char c)
{
	const char lower = (char)(c | 0x20);

	return c > 0 && c < 0x7f && c > ' ' && !(c >= '0' && c <= '9') &&
		!(lower >= 'a' && lower <= 'z');
}

/* A character that stands for itself, or an escaped one. */
static int character(struct parser *p, const char *not_plain, struct slice *ret)
{
	uint32_t code;
	size_t n;

	if (p->p == p->end)
		return -ERANGE;
	if (*p->p == '\\') {
		if (p->end - p->p < 2 || !is_punctuation(p->p[1]))
			return -ERANGE;
		*ret = (struct slice){ p->p + 1, 1 };
		p->p += 2;
		return 0;
	}
	n = str_utf8_next(p->p, (size_t)(p->end - p->p), &code);
	if (!n || !code || strchr(not_plain, *p->p))
		return -ERANGE;
	*ret = (struct slice){ p->p, n };
	p->p += n;
	return 0;
}

static bool same_kind(char low, char high)
{
	return low <= high &&
		((low >= '0' && high <= '9') || (low >= 'a' && high <= 'z') ||
			(low >= 'A' && high <= 'Z'));
}

/* What a class adds: a character, or a range of them. */
static int class_item(struct parser *p, struct set *set)
{
	struct slice low, high;
	const bool plain = p->p < p->end && *p->p != '\\';
	int r = character(p, "\\.+*?()|[]{}^$-", &low);

	if (r < 0)
		return r;
	high = low;
	if (p->p < p->end && *p->p == '-') {
		if (!plain)
			return -ERANGE;
		p->p++;
		if (p->p < p->end && *p->p == '\\')
			return -ERANGE;
		r = character(p, "\\.+*?()|[]{}^$-", &high);
		if (r < 0)
			return r;
		if (low.n != 1 || high.n != 1 || !same_kind(*low.p, *high.p))
			return -ERANGE;
	}
	if (low.n > 1) {
		struct set one;

		r = single(p, low, &one);
		return r < 0 ? r : unite(p, set, &one);
	}
	/* An int: a char that is the last one (DEL) would never end this. */
	for (int code = (unsigned char)*low.p; r >= 0 && code <= (unsigned char)*high.p; code++) {
		const char c = (char)code;
		const char *text = arena_strndup(p->arena, &c, 1);
		struct set one;

		r = text ? single(p, (struct slice){ text, 1 }, &one) : -ENOMEM;
		if (r >= 0)
			r = unite(p, set, &one);
	}
	return r;
}

/* After "[". */
static int class(struct parser *p, struct set *ret)
{
	int r;

	*ret = (struct set){ NULL, 0, 0, 0 };
	do {
		r = class_item(p, ret);
	} while (r >= 0 && p->p < p->end && *p->p != ']');
	if (r < 0 || p->p == p->end)
		return r < 0 ? r : -ERANGE;
	p->p++;
	return settled(ret);
}

/* After "(". */
static int group(struct parser *p, struct set *ret)
{
	int r;

	if (p->end - p->p >= 2 && p->p[0] == '?' && p->p[1] == ':')
		p->p += 2;
	r = alternatives(p, ret);
	if (r < 0)
		return r;
	if (p->p == p->end || *p->p != ')')
		return -ERANGE;
	p->p++;
	return 0;
}

/* Characters up to what is none: how many bytes they stand for, and these if text is given. */
static int literal_run(struct parser *p, char *text, size_t *ret_n)
{
	size_t n = 0;

	while (p->p < p->end && !(*p->p && strchr("(|)[", *p->p))) {
		struct slice c;
		int r = character(p, "\\.+*?()|[]{}^$", &c);

		if (r < 0)
			return r;
		if (text)
			memcpy(text + n, c.p, c.n);
		n += c.n;
	}
	*ret_n = n;
	return 0;
}

static int literal(struct parser *p, struct set *ret)
{
	const char *const start = p->p;
	char *text;
	size_t n;
	int r = literal_run(p, NULL, &n);

	if (r < 0)
		return r;
	text = arena_alloc(p->arena, n + 1);
	if (!text)
		return -ENOMEM;
	p->p = start;
	literal_run(p, text, &n);
	return single(p, (struct slice){ text, n }, ret);
}

static int atom(struct parser *p, struct set *ret)
{
	if (*p->p == '(' || *p->p == '[') {
		const bool is_group = *p->p++ == '(';

		return is_group ? group(p, ret) : class(p, ret);
	}
	return literal(p, ret);
}

static int concatenation(struct parser *p, struct set *ret)
{
	bool first = true;
	int r = 0;

	while (r >= 0 && p->p < p->end && *p->p != '|' && *p->p != ')') {
		struct set next;

		r = atom(p, &next);
		if (r < 0)
			return r;
		if (first)
			*ret = next;
		else
			r = multiply(p, ret, &next);
		first = false;
	}
	return first ? single(p, SLICE(""), ret) : r;
}

static int alternatives(struct parser *p, struct set *ret)
{
	int r;

	if (++p->depth > RE2_SET_DEPTH_MAX)
		return -ERANGE;
	r = concatenation(p, ret);
	while (r >= 0 && p->p < p->end && *p->p == '|') {
		struct set next;

		p->p++;
		r = concatenation(p, &next);
		if (r >= 0)
			r = unite(p, ret, &next);
	}
	p->depth--;
	return r < 0 ? r : settled(ret);
}

int re2_set_parse(struct slice pattern, struct arena *arena, struct re2_set *ret_set)
{
	struct parser p = { .p = pattern.p, .end = pattern.p + pattern.n, .arena = arena };
	struct set set;
	int r;

	if (pattern.n > RE2_SET_PATTERN_MAX)
		return -ERANGE;
	r = alternatives(&p, &set);
	if (r < 0)
		return r;
	if (p.p != p.end)
		return -ERANGE;
	*ret_set = (struct re2_set){ set.v, set.n };
	return 0;
}

void re2_set_print(const struct re2_set *set, struct buffer *out)
{
	for (size_t i = 0; i < set->n; i++) {
		if (i)
			buffer_putc(out, '|');
		for (size_t k = 0; k < set->members[i].n; k++) {
			const char c = set->members[i].p[k];

			if (c && strchr("\\.+*?()|[]{}^$", c))
				buffer_putc(out, '\\');
			buffer_putc(out, c);
		}
	}
}
