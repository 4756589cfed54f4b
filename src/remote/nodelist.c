// SPDX-License-Identifier: Apache-2.0
#include "remote/nodelist.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

enum {
	NUMBER_DIGITS_MAX = 18,
	NAME_MAX_BYTES = 1024,
	NODELIST_STEPS_MAX = NODELIST_NAMES_MAX * 2,
};

struct expansion {
	struct buffer *out;
	size_t start; /* of our text in out */
	size_t names;
	size_t steps; /* numbers that were gone through, of groups that give no name, too */
	char name[NAME_MAX_BYTES]; /* the part of the current name that is settled */
};

static int emit(struct expansion *x, size_t settled, struct slice tail)
{
	if (settled + tail.n == 0)
		return 0;
	if (++x->names > NODELIST_NAMES_MAX || x->out->len - x->start > NODELIST_TEXT_MAX ||
		settled + tail.n > NAME_MAX_BYTES)
		return -E2BIG;
	memcpy(x->name + settled, tail.p, tail.n);
	if (x->out->len > x->start)
		buffer_putc(x->out, '|');
	for (size_t i = 0; i < settled + tail.n; i++) {
		char c = x->name[i];

		if (c && strchr("\\.+*?()|[]{}^$", c))
			buffer_putc(x->out, '\\');
		buffer_putc(x->out, c);
	}
	return buffer_error(x->out);
}

/* "a" or "a-b" in digits. */
static bool parse_range(struct slice item, uint64_t *ret_first, uint64_t *ret_last, int *ret_width)
{
	struct slice first = item, last;
	const char *dash = memchr(item.p, '-', item.n);

	if (dash)
		first.n = (size_t)(dash - item.p);
	last = dash ? (struct slice){ dash + 1, item.n - first.n - 1 } : first;
	if (first.n > NUMBER_DIGITS_MAX || last.n > NUMBER_DIGITS_MAX)
		return false;
	if (slice_to_u64(first, ret_first) < 0 || slice_to_u64(last, ret_last) < 0)
		return false;
	*ret_width = (int)first.n;
	return *ret_first <= *ret_last;
}

static int expand(struct expansion *x, size_t settled, struct slice rest, int groups)
{
	const char *open = memchr(rest.p, '[', rest.n);
	const char *close = open ? memchr(open, ']', rest.n - (size_t)(open - rest.p)) : NULL;
	struct slice items, item, tail;
	size_t head;
	int r = 0;

	if (!close)
		return emit(x, settled, rest);
	head = (size_t)(open - rest.p);
	if (groups == NODELIST_GROUPS_MAX || settled + head + NUMBER_DIGITS_MAX > NAME_MAX_BYTES)
		return -E2BIG;
	memcpy(x->name + settled, rest.p, head);
	settled += head;
	items = (struct slice){ open + 1, (size_t)(close - open) - 1 };
	tail = (struct slice){ close + 1, rest.n - (size_t)(close + 1 - rest.p) };
	while (r >= 0 && slice_next(&items, ',', &item)) {
		uint64_t first, last;
		int width;

		if (!parse_range(item, &first, &last, &width))
			continue;
		for (uint64_t i = first; r >= 0 && i <= last; i++) {
			char number[NUMBER_DIGITS_MAX + 2];
			int n = snprintf(
				number, sizeof(number), "%0*llu", width, (unsigned long long)i);

			if (++x->steps > NODELIST_STEPS_MAX)
				return -E2BIG;
			memcpy(x->name + settled, number, (size_t)n);
			r = expand(x, settled + (size_t)n, tail, groups + 1);
		}
	}
	return r;
}

/* The length of the first name or pattern of the list: up to a comma outside of brackets. */
static size_t first_length(struct slice list)
{
	size_t i = 0;

	while (i < list.n && list.p[i] != ',') {
		const char *close = list.p[i] == '[' ? memchr(list.p + i, ']', list.n - i) : NULL;

		i = close ? (size_t)(close - list.p) + 1 : i + 1;
	}
	return i;
}

int nodelist_to_regex(struct slice nodelist, struct buffer *out)
{
	struct expansion x = { .out = out, .start = out->len };
	int r = 0;

	while (r >= 0 && nodelist.n) {
		size_t n = first_length(nodelist);
		size_t skip = n < nodelist.n ? n + 1 : n;

		r = expand(&x, 0, (struct slice){ nodelist.p, n }, 0);
		nodelist.p += skip;
		nodelist.n -= skip;
	}
	if (r == -E2BIG) {
		out->len = x.start;
		if (out->data)
			out->data[out->len] = '\0';
	}
	return r;
}
