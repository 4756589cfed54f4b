// SPDX-License-Identifier: Apache-2.0
/* The forms for other programs: CSV (RFC 4180), Markdown, HTML. The box is in table_box.c. */
#include "cacct/table.h"

#include <string.h>

#include "basic/str.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Length of the UTF-8 sequence at p, 0 if there is none. */
static size_t sequence(const unsigned char *p, size_t left)
{
	size_t n = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc2 ? 2 : 0;

	return n > 0 && n <= left && str_is_utf8((const char *)p, n) ? n : 0;
}

static bool is_control(const unsigned char *p, size_t n)
{
	/* C0, DEL, and C1 as UTF-8 (C2 80 to C2 9F). */
	return (n == 1 && (*p < 0x20 || *p == 0x7f) && *p != '\n') ||
		(n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

void table_put_clean(struct buffer *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;

	while (len > 0) {
		size_t n = sequence(p, len);

		if (n == 0 || is_control(p, n))
			buffer_puts(out, REPLACEMENT);
		else
			buffer_append(out, p, n);
		n = n ? n : 1;
		p += n;
		len -= n;
	}
}

typedef void (*put_row_fn)(
	struct buffer *out, const struct table *table, const struct table_row *row);

static void put_section(
	const struct table *table, enum table_section section, put_row_fn put, struct buffer *out)
{
	for (size_t i = 0; i < table->n_rows[section]; i++)
		put(out, table, &table->rows[section][i]);
}

static void csv_cell(struct buffer *out, const char *text)
{
	if (!strpbrk(text, "\",\n")) {
		table_put_clean(out, text, strlen(text));
		return;
	}
	buffer_putc(out, '"');
	for (const char *p = text; *p;) {
		const size_t n = strcspn(p, "\"");

		table_put_clean(out, p, n);
		p += n;
		if (*p == '"') {
			buffer_puts(out, "\"\"");
			p++;
		}
	}
	buffer_putc(out, '"');
}

static void csv_row(struct buffer *out, const struct table *table, const struct table_row *row)
{
	for (size_t c = 0; c < table->n_columns; c++) {
		if (c > 0)
			buffer_putc(out, ',');
		csv_cell(out, row->cells[c]);
	}
	buffer_putc(out, '\n');
}

int table_write_csv(const struct table *table, struct buffer *out)
{
	for (int s = 0; s < N_TABLE_SECTIONS; s++)
		put_section(table, s, csv_row, out);
	return buffer_error(out);
}

/* Text with each byte of 'from' replaced by the string at the same place in 'to'. */
static void put_escaped(
	struct buffer *out, const char *text, const char *from, const char *const *to)
{
	while (*text) {
		const size_t n = strcspn(text, from);

		table_put_clean(out, text, n);
		text += n;
		if (*text)
			buffer_puts(out, to[strchr(from, *text++) - from]);
	}
}

static void markdown_row(struct buffer *out, const struct table *table, const struct table_row *row)
{
	static const char *const escapes[] = { "\\|", "<br/>" };

	buffer_putc(out, '|');
	for (size_t c = 0; c < table->n_columns; c++) {
		buffer_putc(out, ' ');
		put_escaped(out, row->cells[c], "|\n", escapes);
		buffer_puts(out, " |");
	}
	buffer_putc(out, '\n');
}

int table_write_markdown(const struct table *table, struct buffer *out)
{
	put_section(table, TABLE_HEADER, markdown_row, out);
	buffer_putc(out, '|');
	for (size_t c = 0; c < table->n_columns; c++)
		buffer_puts(out, " --- |");
	buffer_putc(out, '\n');
	put_section(table, TABLE_BODY, markdown_row, out);
	put_section(table, TABLE_FOOTER, markdown_row, out);
	return buffer_error(out);
}

static void html_row(
	struct buffer *out, const struct table *table, const struct table_row *row, const char *tag)
{
	static const char *const escapes[] = { "&lt;", "&gt;", "&amp;", "&#34;", "&#39;", "<br/>" };

	buffer_puts(out, "  <tr>\n");
	for (size_t c = 0, span; c < table->n_columns; c += span) {
		const char *text = row->cells[c];

		for (span = 1; row->merge && c + span < table->n_columns &&
			str_eq(text, row->cells[c + span]);)
			span++;
		buffer_printf(out, "    <%s", tag);
		if (span > 1)
			buffer_printf(out, " align=\"center\" colspan=%zu", span);
		buffer_putc(out, '>');
		if (*text)
			put_escaped(out, text, "<>&\"'\n", escapes);
		else
			buffer_puts(out, "&nbsp;");
		buffer_printf(out, "</%s>\n", tag);
	}
	buffer_puts(out, "  </tr>\n");
}

int table_write_html(const struct table *table, struct buffer *out)
{
	static const char *const parts[] = { "thead", "tbody", "tfoot" };

	buffer_puts(out, "<table class=\"go-pretty-table\">\n");
	for (int s = 0; s < N_TABLE_SECTIONS; s++) {
		if (table->n_rows[s] == 0)
			continue;
		buffer_printf(out, "  <%s>\n", parts[s]);
		for (size_t i = 0; i < table->n_rows[s]; i++)
			html_row(out, table, &table->rows[s][i], s == TABLE_HEADER ? "th" : "td");
		buffer_printf(out, "  </%s>\n", parts[s]);
	}
	buffer_puts(out, "</table>\n");
	return buffer_error(out);
}
