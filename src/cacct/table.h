// SPDX-License-Identifier: Apache-2.0
/*
 * A table of texts and its four forms. Cells are UTF-8 or any bytes; control characters are shown
 * as U+FFFD, so that a job's name cannot move the cursor.
 */
#ifndef CEEMS_CACCT_TABLE_H
#define CEEMS_CACCT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "basic/arena.h"
#include "basic/buffer.h"

enum table_section { TABLE_HEADER, TABLE_BODY, TABLE_FOOTER, N_TABLE_SECTIONS };

struct table_row {
	const char **cells; /* n_columns, none NULL */
	bool merge; /* equal neighbours are one cell (box and HTML) */
};

struct table_column {
	int min_width, max_width; /* of the box form; 0 = no limit */
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	const struct table_row *rows[N_TABLE_SECTIONS];
	size_t n_rows[N_TABLE_SECTIONS];
	/* Box form: a rule below the rows n and n + 1 (from 1) of each section; none if negative.
	 */
	long rule_below;
};

struct table_style {
	/* Junctions by the boundaries that meet there: 1 = above, 2 = below. */
	const char *left[4], *middle[4], *right[4];
	const char *horizontal, *vertical;
	bool upper_header;
};
extern const struct table_style table_style_light, table_style_ascii;

/* All return 0 or -ENOMEM (of out or the arena). */
int table_write_box(const struct table *table, const struct table_style *style, struct arena *arena,
	struct buffer *out);
int table_write_csv(const struct table *table, struct buffer *out);
int table_write_markdown(const struct table *table, struct buffer *out);
int table_write_html(const struct table *table, struct buffer *out);

/* Copies text with control characters (but LF) and invalid UTF-8 replaced. */
void table_put_clean(struct buffer *out, const char *text, size_t len);

#endif
