// SPDX-License-Identifier: Apache-2.0
/*
 * The hot path of a scrape with thousands of series. Samples of a family mostly arrive in order and
 * share all label values but one with their neighbour (the same pointers), so comparing and
 * printing start where two neighbours begin to differ.
 */
#include "format/exposition.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "basic/num.h"
#include "basic/str.h"
#include "format/exposition_sort.h"

enum { FIRST_TABLE_SLOTS = 64 };

struct exposition {
	struct arena *arena;
	struct family **families; /* in order of arrival */
	size_t n_families, cap_families;
	struct family **table; /* by descriptor: open addressing, at most half full */
	size_t table_slots; /* power of two */
	struct family *last; /* of the last sample */
	size_t n_samples;
	uint32_t mark; /* how many marks there were */
};

struct exposition *exposition_new(struct arena *arena)
{
	struct exposition *e = ARENA_NEW(arena, struct exposition);

	if (e)
		e->arena = arena;
	return e;
}

size_t exposition_count(const struct exposition *e)
{
	return e->n_samples;
}

static struct family **find_slot(struct family **table, size_t slots, const struct metric *metric)
{
	size_t i = ((uintptr_t)metric >> 4) * 0x9e3779b97f4a7c15ULL >> 32;

	while (table[i & (slots - 1)] && table[i & (slots - 1)]->metric != metric)
		i++;
	return &table[i & (slots - 1)];
}

static int grow_families(struct exposition *e)
{
	size_t cap = e->cap_families ? e->cap_families * 2 : FIRST_TABLE_SLOTS / 2;
	struct family **families, **table;

	families = arena_grow(e->arena, e->families, e->n_families, cap, sizeof(struct family *));
	table = ARENA_ARRAY(e->arena, struct family *, cap * 2);
	if (!families || !table)
		return -ENOMEM;
	for (size_t i = 0; i < e->n_families; i++)
		*find_slot(table, cap * 2, families[i]->metric) = families[i];
	e->families = families;
	e->table = table;
	e->cap_families = cap;
	e->table_slots = cap * 2;
	return 0;
}

/* Label names sorted: 'order' maps a place in the output to the place in the descriptor. */
static void sort_labels(struct family *family)
{
	const char *const *names = family->metric->labels;

	while (family->n_labels < METRIC_LABELS_MAX && names[family->n_labels]) {
		size_t i = family->n_labels++;

		for (; i > 0 &&
			strcmp(names[family->order[i - 1]], names[family->n_labels - 1]) > 0;
			i--)
			family->order[i] = family->order[i - 1];
		family->order[i] = (uint8_t)(family->n_labels - 1);
	}
}

static struct family *family_of(struct exposition *e, const struct metric *metric)
{
	struct family *family, **slot;

	if (e->last && e->last->metric == metric)
		return e->last;
	if (e->n_families == e->cap_families && grow_families(e) < 0)
		return NULL;
	slot = find_slot(e->table, e->table_slots, metric);
	family = *slot;
	if (!family) {
		family = ARENA_NEW(e->arena, struct family);
		if (!family)
			return NULL;
		family->metric = metric;
		family->index = e->n_families;
		family->end = &family->first;
		sort_labels(family);
		*slot = family;
		e->families[e->n_families++] = family;
	}
	e->last = family;
	return family;
}

static struct sample *add_sample(
	struct exposition *e, const struct metric *metric, const char *const *label_values)
{
	struct family *family = family_of(e, metric);
	struct sample *s;

	if (!family)
		return NULL;
	s = arena_alloc(e->arena, sizeof(*s) + family->n_labels * sizeof(*s->values));
	if (!s)
		return NULL;
	s->next = NULL;
	s->family = family;
	for (size_t i = 0; i < family->n_labels; i++)
		s->values[i] = label_values[family->order[i]];
	if (family->mark != e->mark) {
		family->mark = e->mark;
		family->marked = s;
	}
	*family->end = s;
	family->end = &s->next;
	s->index = family->n_samples++;
	e->n_samples++;
	return s;
}

int exposition_add(struct exposition *e, const struct metric *metric, double value,
	const char *const *label_values)
{
	struct sample *s = add_sample(e, metric, label_values);

	if (!s)
		return -ENOMEM;
	s->is_micro = false;
	s->value = value;
	return 0;
}

int exposition_add_micro(struct exposition *e, const struct metric *metric, int64_t micro,
	const char *const *label_values)
{
	struct sample *s = add_sample(e, metric, label_values);

	if (!s)
		return -ENOMEM;
	s->is_micro = true;
	s->micro = micro;
	return 0;
}

void exposition_mark(struct exposition *e)
{
	e->mark++;
}

int exposition_each_marked(const struct exposition *e,
	int (*each)(void *ctx, const struct exposition_sample *sample), void *ctx)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < e->n_families; i++) {
		const struct family *family = e->families[i];

		if (family->mark != e->mark)
			continue;
		for (const struct sample *s = family->marked; r >= 0 && s; s = s->next) {
			struct exposition_sample sample = { .metric = family->metric,
				.is_micro = s->is_micro,
				.n_values = family->n_labels };

			if (s->is_micro)
				sample.micro = s->micro;
			else
				sample.value = s->value;
			for (size_t k = 0; k < family->n_labels; k++)
				sample.values[family->order[k]] = s->values[k];
			r = each(ctx, &sample);
		}
	}
	return r;
}

/* Escapes backslash, newline and, where wanted, quotes; bytes that are not UTF-8 are replaced. */
static void put_escaped(struct buffer *out, const char *text, bool quotes)
{
	const char *start = text;

	for (;;) {
		unsigned char c = (unsigned char)*text;
		uint32_t code;
		size_t n = 1;

		if (c >= 0x80) {
			n = str_utf8_next(text, strnlen(text, 4), &code);
			text += n;
			if (n)
				continue;
		} else if (c && c != '\\' && c != '\n' && !(c == '"' && quotes)) {
			text++;
			continue;
		}
		buffer_append(out, start, (size_t)(text - start));
		if (!c)
			return;
		if (!n)
			buffer_append(out, "\xef\xbf\xbd", 3); /* U+FFFD */
		else
			buffer_append(out, (char[]){ '\\', c == '\n' ? 'n' : (char)c }, 2);
		start = ++text;
	}
}

/* What the lines of one family are made with. */
struct printer {
	struct buffer *out;
	const char *suffix; /* of sample names: OpenMetrics wants '_total' on every counter */
	const struct sample *previous;
	size_t previous_line; /* where its line begins in out */
	size_t ends[METRIC_LABELS_MAX + 1]; /* behind its ith label, from the line's beginning */
};

static size_t shared_labels(const struct sample *a, const struct sample *b)
{
	size_t n = 0;

	if (!a || a->family != b->family)
		return 0;
	while (n < a->family->n_labels && a->values[n] == b->values[n])
		n++;
	return n;
}

/* name{a="1",b="2" */
static void put_labels(struct printer *p, const struct sample *s)
{
	size_t shared = shared_labels(p->previous, s), line = p->out->len;
	const struct family *family = s->family;

	if (shared) {
		char *to = buffer_reserve(p->out, p->ends[shared]);

		if (!to)
			return;
		memcpy(to, p->out->data + p->previous_line, p->ends[shared]);
		p->out->len += p->ends[shared];
	} else {
		buffer_puts(p->out, family->metric->name);
		buffer_puts(p->out, p->suffix);
	}
	for (size_t i = shared; i < family->n_labels; i++) {
		buffer_putc(p->out, i ? ',' : '{');
		buffer_puts(p->out, family->metric->labels[family->order[i]]);
		buffer_append(p->out, "=\"", 2);
		put_escaped(p->out, s->values[i], true);
		buffer_putc(p->out, '"');
		p->ends[i + 1] = p->out->len - line;
	}
	p->previous = s;
	p->previous_line = line;
}

static void put_sample(struct printer *p, const struct sample *s)
{
	char *value;

	put_labels(p, s);
	if (s->family->n_labels)
		buffer_putc(p->out, '}');
	buffer_putc(p->out, ' ');
	value = buffer_reserve(p->out, NUM_TEXT_MAX);
	if (!value)
		return;
	p->out->len += s->is_micro ? num_micro(s->micro, value) : num_exposition(s->value, value);
	buffer_putc(p->out, '\n');
}

static void put_head(struct buffer *out, const struct metric *metric, size_t name_len,
	enum exposition_format format)
{
	buffer_puts(out, "# HELP ");
	buffer_append(out, metric->name, name_len);
	buffer_putc(out, ' ');
	put_escaped(out, metric->help, format == EXPOSITION_OPENMETRICS);
	buffer_puts(out, "\n# TYPE ");
	buffer_append(out, metric->name, name_len);
	buffer_puts(out, metric->type == METRIC_COUNTER ? " counter\n" : " gauge\n");
}

/* Writes samples that are sorted. Returns how many were dropped. */
static size_t put_family(struct buffer *out, const struct metric *metric,
	const struct sample *const *samples, size_t n, enum exposition_format format)
{
	struct printer p = { .out = out, .suffix = "" };
	size_t name_len = strlen(metric->name), dropped = 0;

	if (format == EXPOSITION_OPENMETRICS && metric->type == METRIC_COUNTER) {
		if (str_ends(metric->name, "_total"))
			name_len -= strlen("_total");
		else
			p.suffix = "_total";
	}
	put_head(out, metric, name_len, format);
	for (size_t i = 0; i < n; i++) {
		if (i && sample_compare(samples[i - 1], samples[i]) == 0)
			dropped++;
		else
			put_sample(&p, samples[i]);
	}
	return dropped;
}

int exposition_write(struct exposition *e, enum exposition_format format, struct buffer *out,
	size_t *ret_duplicates)
{
	struct family **families = arena_grow(e->arena, e->families, e->n_families,
		MAX(e->n_families, 1), sizeof(struct family *));
	struct sorter sorter = { 0 };
	size_t dropped = 0, end;

	if (!families || sorter_init(&sorter, e->arena, e->n_samples) < 0)
		return -ENOMEM;
	families_sort(families, e->n_families);
	for (size_t i = 0; i < e->n_families; i = end) {
		/* Descriptors with the same name are one family. */
		for (end = i + 1; end < e->n_families && families_same(families[i], families[end]);)
			end++;
		sorter_load(&sorter, families + i, end - i);
		dropped += put_family(out, families[i]->metric, sorter.samples, sorter.n, format);
	}
	if (format == EXPOSITION_OPENMETRICS)
		buffer_puts(out, "# EOF\n");
	if (buffer_error(out))
		return buffer_error(out);
	*ret_duplicates = dropped;
	return 0;
}
