// SPDX-License-Identifier: Apache-2.0
/*
 * The text is a JSON object of numbers, as CEEMS writes it, with two liberties that old databases
 * need: NaN and infinities, bare or quoted, and null count as 0; of equal keys the last one counts.
 */
#include "api/metric_map.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "basic/num.h"
#include "basic/str.h"
#include "format/json_writer.h"

enum { MAP_MAX_BYTES = 1 << 20, MAP_MAX_KEYS = 4096, FIRST_KEYS = 8, PLAIN_DIGITS_MAX = 18 };

struct parser {
	const char *p;
	struct arena *arena;
};

struct entry {
	const char *key;
	double value;
	size_t order;
};

static void skip_blanks(struct parser *in)
{
	while (*in->p == ' ' || *in->p == '\t' || *in->p == '\n' || *in->p == '\r')
		in->p++;
}

static int hex4(const char *p, unsigned *ret_code)
{
	unsigned code = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			digit = (unsigned)((c | 32) - 'a' + 10);
		else
			return -EBADMSG;
		code = code << 4 | digit;
	}
	*ret_code = code;
	return 0;
}

static char *put_utf8(char *out, unsigned code)
{
	if (code < 0x80) {
		*out++ = (char)code;
	} else if (code < 0x800) {
		*out++ = (char)(0xc0 | code >> 6);
		*out++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*out++ = (char)(0xe0 | code >> 12);
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	} else {
		*out++ = (char)(0xf0 | code >> 18);
		*out++ = (char)(0x80 | (code >> 12 & 0x3f));
		*out++ = (char)(0x80 | (code >> 6 & 0x3f));
		*out++ = (char)(0x80 | (code & 0x3f));
	}
	return out;
}

/* \uXXXX, p at the first X; a surrogate pair takes both escapes, a lone one is malformed. */
static int unescape_unicode(const char **p, char **out)
{
	unsigned code, low;

	if (hex4(*p, &code) < 0 || code == 0)
		return -EBADMSG;
	*p += 4;
	if (code >= 0xd800 && code <= 0xdbff) {
		if ((*p)[0] != '\\' || (*p)[1] != 'u' || hex4(*p + 2, &low) < 0)
			return -EBADMSG;
		if (low < 0xdc00 || low > 0xdfff)
			return -EBADMSG;
		*p += 6;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	} else if (code >= 0xdc00 && code <= 0xdfff) {
		return -EBADMSG;
	}
	*out = put_utf8(*out, code);
	return 0;
}

static int unescape(const char *p, const char *end, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	while (p < end) {
		const char *at;

		if (*p != '\\') {
			*out++ = *p++;
			continue;
		}
		p++;
		if (*p == 'u') {
			int r;

			p++;
			r = unescape_unicode(&p, &out);
			if (r < 0)
				return r;
			continue;
		}
		at = strchr(from, *p++);
		if (!at)
			return -EBADMSG;
		*out++ = to[at - from];
	}
	*out = '\0';
	return 0;
}

/* A string in quotes; the text never grows by unescaping. */
static int parse_string(struct parser *in, const char **ret_text)
{
	const char *start = in->p + 1, *end = start;
	bool escaped = false;
	char *text;

	if (*in->p != '"')
		return -EBADMSG;
	for (; *end != '"'; end++) {
		if ((unsigned char)*end < 0x20)
			return -EBADMSG;
		if (*end == '\\') {
			escaped = true;
			if (!*++end)
				return -EBADMSG;
		}
	}
	text = arena_strndup(in->arena, start, (size_t)(end - start));
	if (!text)
		return -ENOMEM;
	in->p = end + 1;
	*ret_text = text;
	return escaped ? unescape(start, end, text) : 0;
}

static bool is_no_number(const char *word, size_t len)
{
	static const char *const words[] = { "NaN", "Inf", "Infinity" };

	if (len && (*word == '+' || *word == '-')) {
		word++;
		len--;
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i]) == len && strncasecmp(words[i], word, len) == 0)
			return true;
	}
	return false;
}

/*
 * Digits, and decimals behind a point. Where both fit into a double the quotient is the nearest one
 * to the text, as strtod() would give it. NULL: it is for strtod() to read.
 */
static const char *read_decimal(const char *p, const char *end, double *ret_value)
{
	static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10,
		1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18 };
	bool negative = p < end && *p == '-';
	uint64_t digits = 0;
	const char *start, *point = NULL;
	size_t n, decimals;

	start = p += negative;
	for (; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !point && p > start)); p++) {
		if (*p == '.')
			point = p;
		else
			digits = digits * 10 + (uint64_t)(*p - '0');
		if (p - start > PLAIN_DIGITS_MAX)
			return NULL;
	}
	n = (size_t)(p - start) - (point != NULL);
	decimals = point ? (size_t)(p - point - 1) : 0;
	if (!n || (point && !decimals) || digits >= UINT64_C(1) << 53)
		return NULL;
	*ret_value = (double)digits / powers[decimals];
	if (negative)
		*ret_value = -*ret_value;
	return p;
}

static int parse_value(struct parser *in, double *ret_value)
{
	const char *start = in->p;
	double value = 0;
	size_t len;
	const char *plain = read_decimal(
		start, start + strnlen(start, PLAIN_DIGITS_MAX + 4), &value);
	char *end;

	if (plain && (*plain == ',' || *plain == '}')) {
		in->p = plain;
		*ret_value = value;
		return 0;
	}
	len = strspn(start, "0123456789+-.eE");
	if (*start == '"') {
		const char *text;
		int r = parse_string(in, &text);

		if (r < 0)
			return r;
		*ret_value = 0;
		return is_no_number(text, strlen(text)) ? 0 : -EBADMSG;
	}
	if (len && ((start[0] >= '0' && start[0] <= '9') || (start[0] == '-' && len > 1)) &&
		!strchr("iInN", start[len])) {
		value = strtod(start, &end);
		if (end != start + len)
			return -EBADMSG;
		in->p = end;
		*ret_value = isfinite(value) ? value : 0;
		return 0;
	}
	while (*in->p && !strchr(",} \t\r\n", *in->p))
		in->p++;
	len = (size_t)(in->p - start);
	*ret_value = 0;
	return is_no_number(start, len) || (len == 4 && strncmp(start, "null", 4) == 0) ? 0
											: -EBADMSG;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = strcmp(x->key, y->key);

	return c ? c : (x->order > y->order) - (x->order < y->order);
}

static int map_from_entries(
	struct entry *entries, size_t n, struct arena *arena, struct metric_map *ret_map)
{
	struct metric_map map = { .set = true };

	for (size_t i = 1; i < n; i++) {
		if (compare_entries(&entries[i - 1], &entries[i]) > 0) {
			qsort(entries, n, sizeof(*entries), compare_entries);
			break;
		}
	}
	map.keys = arena_alloc(arena, n * sizeof(*map.keys));
	map.values = arena_alloc(arena, n * sizeof(*map.values));
	if (!map.keys || !map.values)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (map.n && str_eq(map.keys[map.n - 1], entries[i].key))
			map.n--;
		map.keys[map.n] = entries[i].key;
		map.values[map.n++] = entries[i].value;
	}
	*ret_map = map;
	return 0;
}

/* "key" : value */
static int parse_entry(struct parser *in, struct entry *entry)
{
	int r;

	skip_blanks(in);
	r = parse_string(in, &entry->key);
	if (r < 0)
		return r;
	skip_blanks(in);
	if (*in->p++ != ':')
		return -EBADMSG;
	skip_blanks(in);
	r = parse_value(in, &entry->value);
	skip_blanks(in);
	return r;
}

int metric_map_parse(const char *text, struct arena *arena, struct metric_map *ret_map)
{
	struct parser in = { .p = text ? text : "", .arena = arena };
	struct entry first[FIRST_KEYS], *entries = first;
	size_t n = 0, cap = FIRST_KEYS;
	int r;

	skip_blanks(&in);
	if (!*in.p || str_eq(in.p, "null")) {
		*ret_map = (struct metric_map){ 0 };
		return 0;
	}
	if (strnlen(in.p, MAP_MAX_BYTES + 1) > MAP_MAX_BYTES)
		return -E2BIG;
	if (*in.p++ != '{')
		return -EBADMSG;
	skip_blanks(&in);
	if (*in.p != '}') {
		for (;; in.p++) {
			if (n == MAP_MAX_KEYS)
				return -E2BIG;
			if (n == cap) {
				entries = arena_grow(arena, entries, n, cap * 2, sizeof(*entries));
				if (!entries)
					return -ENOMEM;
				cap *= 2;
			}
			r = parse_entry(&in, &entries[n]);
			if (r < 0)
				return r;
			entries[n].order = n;
			n++;
			if (*in.p != ',')
				break;
		}
	}
	if (*in.p++ != '}')
		return -EBADMSG;
	skip_blanks(&in);
	if (*in.p)
		return -EBADMSG;
	return map_from_entries(entries, n, arena, ret_map);
}

/* -?digits, with a fraction or without, at p. NULL if there is none, or more than a number has. */
static const char *plain_number(const char *p, const char *end)
{
	const char *start;

	p += p < end && *p == '-';
	start = p;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p == start || (*start == '0' && p - start > 1) || p - start > PLAIN_DIGITS_MAX)
		return NULL;
	if (p == end || *p != '.')
		return p;
	start = ++p;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p == start ? NULL : p;
}

bool metric_map_is_plain(struct slice text)
{
	const char *p = text.p, *end = p + text.n;

	if (text.n < 2 || *p++ != '{' || end[-1] != '}')
		return false;
	if (p + 1 == end)
		return true;
	for (;;) {
		const char *key;

		if (p == end || *p++ != '"')
			return false;
		key = p;
		p += json_writer_plain_length(p, (size_t)(end - p));
		if (p == key || end - p < 2 || *p++ != '"' || *p++ != ':')
			return false;
		p = plain_number(p, end);
		if (!p || p == end)
			return false;
		if (*p == '}')
			return p + 1 == end;
		if (*p++ != ',')
			return false;
	}
}

int metric_map_next(struct slice *rest, struct slice *ret_key, double *ret_value)
{
	const char *p = rest->p, *end = p + rest->n, *key, *after;

	/* Behind the '{' or ',' of an entry, or at the end. */
	if (end - p < 2 || (*p != '{' && *p != ','))
		return rest->n == 1 && *p == '}' ? 0 : -EBADMSG;
	if (*p == '{' && p[1] == '}' && end - p == 2)
		return 0;
	if (*++p != '"')
		return -EBADMSG;
	key = ++p;
	while (p < end && *p != '"') {
		if (*p == '\\' || (unsigned char)*p < ' ')
			return -EBADMSG;
		p++;
	}
	if (p == key || end - p < 3 || p[1] != ':')
		return -EBADMSG;
	after = read_decimal(p + 2, end, ret_value);
	if (!after || after == end || (*after != ',' && *after != '}')) {
		char *stop;

		*ret_value = strtod(p + 2, &stop);
		after = p + 2 + strspn(p + 2, "0123456789+-.eE");
		if (stop != after || after == p + 2)
			return -EBADMSG;
	}
	if (after >= end || (*after != ',' && *after != '}') || !isfinite(*ret_value))
		return -EBADMSG;
	*ret_key = (struct slice){ key, (size_t)(p - key) };
	*rest = (struct slice){ after, (size_t)(end - after) };
	return 1;
}

static void write_map(const struct metric_map *map, bool exact, struct buffer *out)
{
	char text[NUM_TEXT_MAX];

	buffer_putc(out, '{');
	for (size_t i = 0; i < map->n; i++) {
		double value = map->values[i];

		if (i)
			buffer_putc(out, ',');
		json_writer_quote(out, map->keys[i], strlen(map->keys[i]));
		buffer_putc(out, ':');
		if (exact)
			buffer_append(out, text, num_15_digits(isfinite(value) ? value : 0, text));
		else
			buffer_append(out, text, num_metric_map(value, text));
	}
	buffer_putc(out, '}');
}

void metric_map_write(const struct metric_map *map, struct buffer *out)
{
	write_map(map, false, out);
}

void metric_map_write_exact(const struct metric_map *map, struct buffer *out)
{
	write_map(map, true, out);
}

double metric_map_get(const struct metric_map *map, const char *key)
{
	for (size_t i = 0; i < map->n; i++) {
		if (str_eq(map->keys[i], key))
			return map->values[i];
	}
	return 0;
}

int metric_map_increase(struct metric_map *map, struct arena *arena, const char *key, double value)
{
	for (size_t i = 0; i < map->n; i++) {
		if (str_eq(map->keys[i], key)) {
			map->values[i] += value;
			return 0;
		}
	}
	return metric_map_put(map, arena, key, value);
}

int metric_map_copy(const struct metric_map *map, struct arena *arena, struct metric_map *ret_map)
{
	struct metric_map copy = *map;

	if (map->n) {
		copy.keys = arena_alloc(arena, map->n * sizeof(*copy.keys));
		copy.values = arena_alloc(arena, map->n * sizeof(*copy.values));
		if (!copy.keys || !copy.values)
			return -ENOMEM;
		memcpy(copy.keys, map->keys, map->n * sizeof(*copy.keys));
		memcpy(copy.values, map->values, map->n * sizeof(*copy.values));
	}
	*ret_map = copy;
	return 0;
}

/* One key of a merge: what a (or NULL) and b (or NULL) make. */
struct merge {
	bool average;
	double weight_a, weight_b;
};

static double merge_value(const struct merge *m, const double *a, const double *b)
{
	double sum, weight;

	if (!m->average)
		return (a ? *a : 0) + (b ? *b : 0);
	sum = (a ? *a * m->weight_a : 0) + (b ? *b * m->weight_b : 0);
	weight = (a ? m->weight_a : 0) + (b ? m->weight_b : 0);
	return weight > 0 ? sum / weight : 0;
}

static bool has_all_keys(const struct metric_map *a, const struct metric_map *b)
{
	size_t i = 0, j = 0;

	while (i < a->n && j < b->n)
		j += str_eq(a->keys[i++], b->keys[j]);
	return j == b->n;
}

static int merge_maps(struct metric_map *a, const struct metric_map *b, const struct merge *m,
	struct arena *arena)
{
	struct metric_map out = { .set = true };
	size_t i = 0, j = 0;

	if (a->n > MAP_MAX_KEYS || b->n > MAP_MAX_KEYS)
		return -E2BIG;
	if (has_all_keys(a, b)) {
		out.keys = a->keys;
		out.values = a->values;
	} else {
		out.keys = arena_alloc(arena, (a->n + b->n) * sizeof(*out.keys));
		out.values = arena_alloc(arena, (a->n + b->n) * sizeof(*out.values));
		if (!out.keys || !out.values)
			return -ENOMEM;
	}
	while (i < a->n || j < b->n) {
		int c = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->keys[i], b->keys[j]);

		out.keys[out.n] = c <= 0 ? a->keys[i] : b->keys[j];
		out.values[out.n++] = merge_value(
			m, c <= 0 ? &a->values[i] : NULL, c >= 0 ? &b->values[j] : NULL);
		i += c <= 0;
		j += c >= 0;
	}
	if (out.n > MAP_MAX_KEYS)
		return -E2BIG;
	*a = out;
	return 0;
}

int metric_map_add(struct metric_map *a, const struct metric_map *b, struct arena *arena)
{
	return merge_maps(a, b, &(struct merge){ .average = false }, arena);
}

int metric_map_average(struct metric_map *a, const struct metric_map *b, double weight_a,
	double weight_b, struct arena *arena)
{
	return merge_maps(a, b, &(struct merge){ true, weight_a, weight_b }, arena);
}

const char *unit_metric_weight(enum unit_metric metric)
{
	switch (metric) {
	case AVG_CPU_USAGE:
		return "alloc_cputime";
	case AVG_CPU_MEM_USAGE:
		return "alloc_cpumemtime";
	case AVG_GPU_USAGE:
		return "alloc_gputime";
	case AVG_GPU_MEM_USAGE:
		return "alloc_gpumemtime";
	default:
		return NULL;
	}
}
