// SPDX-License-Identifier: Apache-2.0
#include "api/api_answer.h"

#include <errno.h>

#include "api/metric_map.h"
#include "format/json_check.h"

enum { ROW_ARENA_BYTES = 16 << 20 };

void api_answer_init(
	struct api_answer *a, const struct store_table *table, uint64_t fields, struct buffer *out)
{
	*a = (struct api_answer){
		.json = json_writer(out),
		.table = table,
		.fields = fields,
	};
	arena_init(&a->arena, ROW_ARENA_BYTES);
}

void api_answer_done(struct api_answer *a)
{
	arena_done(&a->arena);
}

void api_answer_begin(struct api_answer *a)
{
	json_writer_open_object(&a->json);
	json_writer_key(&a->json, "status");
	json_writer_string(&a->json, "success");
	json_writer_key(&a->json, "data");
	json_writer_open_array(&a->json);
}

void api_answer_end(struct api_answer *a)
{
	char text[64];

	json_writer_close_array(&a->json);
	if (a->unreadable || *a->warnings[0] || *a->warnings[1]) {
		snprintf(text, sizeof(text), "failed to scan %zu rows", a->unreadable);
		json_writer_key(&a->json, "warnings");
		json_writer_open_array(&a->json);
		if (a->unreadable)
			json_writer_string(&a->json, text);
		for (size_t i = 0; i < ARRAY_SIZE(a->warnings); i++) {
			if (*a->warnings[i])
				json_writer_string(&a->json, a->warnings[i]);
		}
		json_writer_close_array(&a->json);
	}
	json_writer_close_object(&a->json);
	buffer_putc(a->json.out, '\n');
}

/* Nothing, in any of the words that CEEMS has for it. */
static bool is_empty(struct slice text)
{
	return !text.n || slice_eq(text, "null") || slice_eq(text, "{}") || slice_eq(text, "[]");
}

static void put_text(struct api_answer *a, const struct store_column *column, struct slice text)
{
	char zdt[TIME_TEXT_MAX];
	int64_t ms;

	if (!text.n && !column->always)
		return;
	json_writer_key(&a->json, column->name);
	if (a->zone && str_ends(column->name, "_at") && time_parse_zdt(text, &ms) >= 0) {
		time_format_zdt(a->zone, ms, zdt);
		text = slice_from(zdt);
	}
	json_writer_string_n(&a->json, text.n ? text.p : "", text.n);
}

static void put_int(struct api_answer *a, const struct store_column *column, int64_t value)
{
	if (!value && !column->always)
		return;
	json_writer_key(&a->json, column->name);
	json_writer_int(&a->json, value);
}

static int put_metrics(struct api_answer *a, const struct store_row *row, size_t i)
{
	const struct store_column *column = &a->table->columns[i];
	struct slice text = store_row_bytes(row, i);
	struct metric_map map;
	int r;

	if (is_empty(text))
		return 0;
	if (metric_map_is_plain(text)) {
		json_writer_key(&a->json, column->name);
		json_writer_raw(&a->json, text.p, text.n);
		return 0;
	}
	r = metric_map_parse(store_row_text(row, i).p, &a->arena, &map);
	if (r < 0 || !map.n)
		return r;
	json_writer_key(&a->json, column->name);
	metric_map_write(&map, a->json.out);
	a->json.comma = true;
	return 0;
}

static void put_json(struct api_answer *a, const struct store_column *column, struct slice text)
{
	bool is_list = column->type == STORE_LIST;

	/* SQLite takes what stands before a NUL for the whole. */
	text.n = text.n ? strnlen(text.p, text.n) : 0;
	if (is_empty(text) || text.p[0] != (is_list ? '[' : '{') || !json_is_valid(text)) {
		if (!column->always)
			return;
		if (!slice_eq(text, "[]"))
			text = SLICE("null");
	}
	json_writer_key(&a->json, column->name);
	json_writer_raw(&a->json, text.p, text.n);
}

static int put_column(struct api_answer *a, size_t i, const struct store_row *row)
{
	const struct store_column *column = &a->table->columns[i];
	bool shown = a->fields >> i & 1;

	if (!shown && !column->always)
		return 0;
	switch (column->type) {
	case STORE_INT:
		put_int(a, column, shown ? store_row_i64(row, i) : 0);
		return 0;
	case STORE_METRICS:
		return shown ? put_metrics(a, row, i) : 0;
	case STORE_OBJECT:
	case STORE_LIST:
		put_json(a, column, shown ? store_row_bytes(row, i) : (struct slice){ 0 });
		return 0;
	default:
		put_text(a, column, shown ? store_row_bytes(row, i) : (struct slice){ 0 });
		return 0;
	}
}

int api_answer_row(void *answer, const struct store_row *row)
{
	struct api_answer *a = answer;
	struct buffer *out = a->json.out;
	size_t start = out->len;
	bool comma = a->json.comma;
	int r = 0;

	arena_reset(&a->arena);
	json_writer_open_object(&a->json);
	for (size_t i = 0; r >= 0 && i < a->table->n; i++)
		r = put_column(a, i, row);
	if (r == -EBADMSG || r == -E2BIG) {
		out->len = start;
		a->json.comma = comma;
		a->unreadable++;
		return 0;
	}
	if (r < 0)
		return r;
	json_writer_close_object(&a->json);
	a->rows++;
	return buffer_error(out);
}
