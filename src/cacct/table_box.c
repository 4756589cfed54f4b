// SPDX-License-Identifier: Apache-2.0
/*
 * The table for people. Every cell is first cut into lines; widths follow from the lines; then rows
 * and rules are drawn. A merged cell has the text of its first column and the width of all.
 */
#include <errno.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/str.h"
#include "cacct/table.h"

const struct table_style table_style_light = {
	.left = { "├", "└", "┌", "├" },
	.middle = { "─", "┴", "┬", "┼" },
	.right = { "┤", "┘", "┐", "┤" },
	.horizontal = "─",
	.vertical = "│",
	.upper_header = true,
};
const struct table_style table_style_ascii = {
	.left = { "+", "+", "+", "+" },
	.middle = { "-", "+", "+", "+" },
	.right = { "+", "+", "+", "+" },
	.horizontal = "-",
	.vertical = "|",
	.upper_header = true,
};

enum { PADDING = 1, ABOVE = 1, BELOW = 2 };

struct cell {
	struct slice *lines;
	size_t n_lines;
	size_t span; /* columns; 0 = part of the merged cell to the left */
};

struct line { /* a row, ready to be drawn */
	struct cell *cells;
	size_t height;
	bool merge;
};

struct box {
	const struct table *table;
	const struct table_style *style;
	struct arena *arena;
	struct buffer *out;
	size_t *widths;
};

/* In code points; the text is clean UTF-8. */
static size_t width_of(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

/* The first 'width' code points. */
static struct slice cut(struct slice s, size_t width)
{
	size_t i = 0, n = 0;

	while (i < s.n) {
		if (((unsigned char)s.p[i] & 0xc0) != 0x80 && n++ == width)
			break;
		i++;
	}
	return (struct slice){ s.p, i };
}

static char *clean_copy(struct box *box, const char *text, bool upper)
{
	CLEANUP(buffer_done) struct buffer clean = { 0 };

	table_put_clean(&clean, text, strlen(text));
	if (buffer_error(&clean))
		return NULL;
	for (size_t i = 0; upper && i < clean.len; i++) {
		if (clean.data[i] >= 'a' && clean.data[i] <= 'z')
			clean.data[i] -= 'a' - 'A';
	}
	return arena_strdup(box->arena, buffer_text(&clean));
}

/* Cuts a cell's text at its line feeds and at max_width (0 = none). */
static int wrap(struct box *box, const char *text, bool upper, size_t max_width, struct cell *cell)
{
	char *copy = clean_copy(box, text, upper);
	struct slice rest, line;
	size_t n = 1;

	if (!copy)
		return -ENOMEM;
	rest = slice_from(copy);
	for (size_t i = 0; i < rest.n; i++)
		n += copy[i] == '\n';
	if (max_width > 0)
		n += rest.n / max_width;
	cell->lines = ARENA_ARRAY(box->arena, struct slice, n);
	if (!cell->lines)
		return -ENOMEM;
	while (slice_next(&rest, '\n', &line)) {
		do {
			const struct slice part = max_width > 0 ? cut(line, max_width) : line;

			cell->lines[cell->n_lines++] = part;
			line.p += part.n;
			line.n -= part.n;
		} while (line.n > 0);
	}
	return 0;
}

static size_t span_of(const struct box *box, const struct table_row *row, size_t column)
{
	size_t span = 1;

	while (row->merge && column + span < box->table->n_columns &&
		str_eq(row->cells[column], row->cells[column + span]))
		span++;
	return span;
}

static int lay_out(struct box *box, const struct table_row *row, bool upper, struct line *line)
{
	const struct table *t = box->table;

	line->cells = ARENA_ARRAY(box->arena, struct cell, t->n_columns);
	if (!line->cells)
		return -ENOMEM;
	line->height = 1;
	line->merge = row->merge;
	for (size_t c = 0; c < t->n_columns;) {
		struct cell *cell = &line->cells[c];

		if (wrap(box, row->cells[c], upper, (size_t)t->columns[c].max_width, cell) < 0)
			return -ENOMEM;
		cell->span = span_of(box, row, c);
		line->height = MAX(line->height, cell->n_lines);
		c += cell->span;
	}
	return 0;
}

static size_t cell_width(const struct cell *cell)
{
	size_t width = 0;

	for (size_t i = 0; i < cell->n_lines; i++)
		width = MAX(width, width_of(cell->lines[i]));
	return width;
}

/* What a cell of several columns has room for. */
static size_t span_width(const struct box *box, size_t column, size_t span)
{
	size_t width = (span - 1) * (2 * PADDING + 1);

	for (size_t c = column; c < column + span; c++)
		width += box->widths[c];
	return width;
}

/* First the single cells, then merged ones that still don't fit widen their last column. */
static void measure(struct box *box, const struct line *lines, size_t n)
{
	const struct table *t = box->table;

	for (size_t c = 0; c < t->n_columns; c++)
		box->widths[c] = (size_t)t->columns[c].min_width;
	for (size_t i = 0; i < n; i++) {
		for (size_t c = 0; c < t->n_columns; c++) {
			if (lines[i].cells[c].span == 1)
				box->widths[c] = MAX(
					box->widths[c], cell_width(&lines[i].cells[c]));
		}
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t c = 0; c < t->n_columns; c++) {
			const struct cell *cell = &lines[i].cells[c];
			const size_t has = cell->span > 1 ? span_width(box, c, cell->span) : 0;

			if (cell->span > 1 && cell_width(cell) > has)
				box->widths[c + cell->span - 1] += cell_width(cell) - has;
		}
	}
}

static void put_times(struct buffer *out, const char *text, size_t times)
{
	while (times-- > 0)
		buffer_puts(out, text);
}

/* Whether the row has a boundary to the left of the column. */
static bool splits(const struct line *line, size_t column)
{
	return line && line->cells[column].span > 0;
}

static void put_rule(struct box *box, const struct line *above, const struct line *below)
{
	const struct table_style *s = box->style;
	const int ends = (above ? ABOVE : 0) | (below ? BELOW : 0);

	buffer_puts(box->out, s->left[ends]);
	for (size_t c = 0; c < box->table->n_columns; c++) {
		const int meets = (splits(above, c) ? ABOVE : 0) | (splits(below, c) ? BELOW : 0);

		if (c > 0)
			buffer_puts(box->out, s->middle[meets]);
		put_times(box->out, s->horizontal, box->widths[c] + 2 * (size_t)PADDING);
	}
	buffer_puts(box->out, s->right[ends]);
	buffer_putc(box->out, '\n');
}

static void put_line(struct box *box, const struct line *line)
{
	for (size_t h = 0; h < line->height; h++) {
		buffer_puts(box->out, box->style->vertical);
		for (size_t c = 0; c < box->table->n_columns; c += line->cells[c].span) {
			const struct cell *cell = &line->cells[c];
			const struct slice text = h < cell->n_lines ? cell->lines[h]
								    : (struct slice){ "", 0 };
			const size_t room = span_width(box, c, cell->span) - width_of(text);
			const size_t left = cell->span > 1 ? room / 2 : 0;

			put_times(box->out, " ", PADDING + left);
			buffer_append(box->out, text.p, text.n);
			put_times(box->out, " ", PADDING + room - left);
			buffer_puts(box->out, box->style->vertical);
		}
		buffer_putc(box->out, '\n');
	}
}

static void draw(struct box *box, const struct line *lines, size_t n)
{
	const struct table *t = box->table;
	size_t at = 0;

	put_rule(box, NULL, n > 0 ? &lines[0] : NULL);
	for (int s = 0; s < N_TABLE_SECTIONS; s++) {
		for (size_t i = 0; i < t->n_rows[s]; i++, at++) {
			const long row = (long)i + 1;
			const bool ruled = t->rule_below >= 0 &&
				(row == t->rule_below || row == t->rule_below + 1);

			put_line(box, &lines[at]);
			if (at + 1 < n && (ruled || i + 1 == t->n_rows[s]))
				put_rule(box, &lines[at], &lines[at + 1]);
		}
	}
	put_rule(box, n > 0 ? &lines[n - 1] : NULL, NULL);
}

int table_write_box(const struct table *table, const struct table_style *style, struct arena *arena,
	struct buffer *out)
{
	struct box box = { .table = table, .style = style, .arena = arena, .out = out };
	struct line *lines;
	size_t n = 0, at = 0;

	for (int s = 0; s < N_TABLE_SECTIONS; s++)
		n += table->n_rows[s];
	lines = ARENA_ARRAY(arena, struct line, n ? n : 1);
	box.widths = ARENA_ARRAY(arena, size_t, table->n_columns ? table->n_columns : 1);
	if (!lines || !box.widths)
		return -ENOMEM;
	for (int s = 0; s < N_TABLE_SECTIONS; s++) {
		for (size_t i = 0; i < table->n_rows[s]; i++, at++) {
			const bool upper = s == TABLE_HEADER && style->upper_header;

			if (lay_out(&box, &table->rows[s][i], upper, &lines[at]) < 0)
				return -ENOMEM;
		}
	}
	measure(&box, lines, n);
	draw(&box, lines, n);
	return buffer_error(out);
}
