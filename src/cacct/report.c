// SPDX-License-Identifier: Apache-2.0
#include "cacct/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "basic/macros.h"
#include "basic/str.h"

/* A column: a field, and of metrics one key of its map. */
struct source {
	enum field_id field;
	const char *key; /* NULL for texts */
	size_t n_keys; /* of the field */
};

struct report {
	struct arena *arena;
	struct source *sources;
	size_t n_sources, cap_sources;
};

static int add_source(struct report *r, enum field_id field, const char *key)
{
	if (r->n_sources == r->cap_sources) {
		const size_t more = r->cap_sources ? 2 * r->cap_sources : 32;

		r->sources = arena_grow(
			r->arena, r->sources, r->cap_sources, more, sizeof(*r->sources));
		if (!r->sources)
			return -ENOMEM;
		r->cap_sources = more;
	}
	r->sources[r->n_sources++] = (struct source){ .field = field, .key = key };
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One column for each key that any unit has, sorted. */
static int add_metric_columns(struct report *r, enum field_id field, const struct records *units)
{
	const size_t first = r->n_sources;
	const char **keys;
	size_t n = 0;

	for (size_t i = 0; i < units->n; i++)
		n += units->v[i].metrics[field].n;
	if (n == 0)
		return 0;
	keys = ARENA_ARRAY(r->arena, const char *, n);
	if (!keys)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < units->n; i++) {
		for (size_t k = 0; k < units->v[i].metrics[field].n; k++)
			keys[n++] = units->v[i].metrics[field].v[k].key;
	}
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && str_eq(keys[i - 1], keys[i]))
			continue;
		if (add_source(r, field, keys[i]) < 0)
			return -ENOMEM;
	}
	for (size_t i = first; i < r->n_sources; i++)
		r->sources[i].n_keys = r->n_sources - first;
	return 0;
}

static int choose_columns(struct report *r, const struct records *units)
{
	int error = 0;

	for (int f = 0; f < N_FIELDS && error >= 0; f++) {
		bool filled = f == FIELD_JOB_ID;

		if (fields[f].kind != FIELD_TEXT) {
			error = add_metric_columns(r, f, units);
			continue;
		}
		for (size_t i = 0; i < units->n && !filled; i++)
			filled = *units->v[i].text[f] != '\0';
		if (filled)
			error = add_source(r, f, NULL);
	}
	return error;
}

void report_walltime(double seconds, char text[static WALLTIME_TEXT_MAX])
{
	const double day = 86400;
	long long s, days = 0;

	*text = '\0';
	if (!(seconds >= 1) || seconds > 1e15)
		return;
	s = (long long)seconds;
	if (seconds > day) {
		days = s / (long long)day;
		s %= (long long)day;
	}
	if (days > 0)
		snprintf(text, WALLTIME_TEXT_MAX, "%lld-%02lld:%02lld:%02lld", days, s / 3600,
			s / 60 % 60, s % 60);
	else
		snprintf(text, WALLTIME_TEXT_MAX, "%02lld:%02lld:%02lld", s / 3600, s / 60 % 60,
			s % 60);
}

static const char *metric_text(
	struct report *r, const struct metrics *metrics, const struct source *source)
{
	const int decimals = fields[source->field].kind == FIELD_PERCENT ? 2 : 6;

	for (size_t i = 0; i < metrics->n; i++) {
		if (str_eq(metrics->v[i].key, source->key))
			return arena_printf(r->arena, "%.*f", decimals, metrics->v[i].value);
	}
	return "";
}

static const char *cell_text(
	struct report *r, const struct record *record, const struct source *source)
{
	if (source->key)
		return metric_text(r, &record->metrics[source->field], source);
	return record->text[source->field];
}

static const char *footer_text(
	struct report *r, const struct record *usage, const struct source *source)
{
	char walltime[WALLTIME_TEXT_MAX];

	if (source->field == FIELD_JOB_ID)
		return arena_printf(r->arena, "%lld", (long long)usage->num_units);
	if (source->field == FIELD_ELAPSED) {
		report_walltime(usage->walltime_s, walltime);
		return arena_strdup(r->arena, walltime);
	}
	return cell_text(r, usage, source);
}

typedef const char *(*text_fn)(
	struct report *r, const struct record *record, const struct source *source);

static int fill_row(
	struct report *r, const struct record *record, text_fn text, struct table_row *row)
{
	row->cells = ARENA_ARRAY(r->arena, const char *, r->n_sources);
	if (!row->cells)
		return -ENOMEM;
	for (size_t c = 0; c < r->n_sources; c++) {
		row->cells[c] = text(r, record, &r->sources[c]);
		if (!row->cells[c])
			return -ENOMEM;
	}
	return 0;
}

static const char *title_text(
	struct report *r, const struct record *record, const struct source *source)
{
	(void)r, (void)record;
	return fields[source->field].title;
}

static const char *key_text(
	struct report *r, const struct record *record, const struct source *source)
{
	(void)r, (void)record;
	return source->n_keys > 1 ? source->key : "";
}

static const char *summary_text(
	struct report *r, const struct record *record, const struct source *source)
{
	(void)r, (void)record;
	return source->field == FIELD_JOB_ID ? "Summary" : "";
}

static struct table_row *new_rows(struct report *r, struct table *t, enum table_section s, size_t n)
{
	struct table_row *rows = ARENA_ARRAY(r->arena, struct table_row, n ? n : 1);

	t->rows[s] = rows;
	t->n_rows[s] = n;
	return rows;
}

static int header(struct report *r, struct table *t)
{
	struct table_row *rows = new_rows(r, t, TABLE_HEADER, 2);

	if (!rows || fill_row(r, NULL, title_text, &rows[0]) < 0 ||
		fill_row(r, NULL, key_text, &rows[1]) < 0)
		return -ENOMEM;
	rows[0].merge = true;
	return 0;
}

static int body(struct report *r, const struct records *units, struct table *t)
{
	struct table_row *rows = new_rows(r, t, TABLE_BODY, units->n + 1);

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < units->n; i++) {
		if (fill_row(r, &units->v[i], cell_text, &rows[i]) < 0)
			return -ENOMEM;
	}
	rows[units->n].merge = true;
	return fill_row(r, NULL, summary_text, &rows[units->n]);
}

static bool is_one_of(const struct strings *users, const char *user)
{
	for (size_t i = 0; i < users->n; i++) {
		if (str_eq(users->v[i], user))
			return true;
	}
	return false;
}

static int footer(struct report *r, const struct records *usages, const struct strings *users,
	struct table *t)
{
	struct table_row *rows = new_rows(r, t, TABLE_FOOTER, usages->n);
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < usages->n; i++) {
		if (!is_one_of(users, usages->v[i].text[FIELD_USER]))
			continue;
		if (fill_row(r, &usages->v[i], footer_text, &rows[n++]) < 0)
			return -ENOMEM;
	}
	t->n_rows[TABLE_FOOTER] = n;
	return 0;
}

/* Limits hold for the first column of a title only. */
static int limits(struct report *r, struct table *t)
{
	struct table_column *columns = ARENA_ARRAY(r->arena, struct table_column, r->n_sources);

	if (!columns)
		return -ENOMEM;
	for (size_t c = 0; c < r->n_sources; c++) {
		const struct field *f = &fields[r->sources[c].field];

		if (c > 0 && r->sources[c - 1].field == r->sources[c].field)
			continue;
		columns[c] = (struct table_column){ f->min_width, f->max_width };
	}
	t->columns = columns;
	t->n_columns = r->n_sources;
	return 0;
}

int report_build(const struct records *units, const struct records *usages,
	const struct strings *users, struct arena *arena, struct table *ret_table)
{
	struct report r = { .arena = arena };
	struct table t = { .rule_below = (long)units->n };

	if (choose_columns(&r, units) < 0 || limits(&r, &t) < 0 || header(&r, &t) < 0 ||
		body(&r, units, &t) < 0 || footer(&r, usages, users, &t) < 0)
		return -ENOMEM;
	*ret_table = t;
	return 0;
}

static int compare_fields(const void *a, const void *b)
{
	return strcasecmp(
		(*(const struct field *const *)a)->name, (*(const struct field *const *)b)->name);
}

int report_fields(struct arena *arena, struct table *ret_table)
{
	const struct field *sorted[N_FIELDS];
	struct table_column *columns = ARENA_ARRAY(arena, struct table_column, 2);
	const char **cells = ARENA_ARRAY(arena, const char *, 2 * (size_t)(N_FIELDS + 1));
	struct table_row *rows = ARENA_ARRAY(arena, struct table_row, N_FIELDS + 1);

	if (!columns || !cells || !rows)
		return -ENOMEM;
	for (size_t i = 0; i < N_FIELDS; i++)
		sorted[i] = &fields[i];
	qsort(sorted, N_FIELDS, sizeof(*sorted), compare_fields);
	cells[0] = "Field";
	cells[1] = "Description";
	for (size_t i = 0; i < N_FIELDS; i++) {
		cells[2 * i + 2] = sorted[i]->name;
		cells[2 * i + 3] = sorted[i]->help;
	}
	for (size_t i = 0; i <= N_FIELDS; i++)
		rows[i].cells = &cells[2 * i];
	*ret_table = (struct table){
		.columns = columns,
		.n_columns = 2,
		.rows = { [TABLE_HEADER] = rows, [TABLE_BODY] = rows + 1 },
		.n_rows = { [TABLE_HEADER] = 1, [TABLE_BODY] = N_FIELDS },
		.rule_below = -1,
	};
	return 0;
}
