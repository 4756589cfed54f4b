// SPDX-License-Identifier: Apache-2.0
/* An answer of the API server, as units and as usage, in all forms of the table. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "basic/str.h"
#include "cacct/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX_BYTES = 64 << 20 };

static void use(const struct records *records, struct arena *arena)
{
	const char *users[] = { "mira", "" };
	struct buffer out = { 0 };
	struct table table;

	if (report_build(records, records, &(struct strings){ users, 2 }, arena, &table) < 0)
		return;
	buffer_init(&out, 0);
	if (table_write_box(&table, &table_style_light, arena, &out) >= 0 &&
		!str_is_utf8(buffer_text(&out), out.len))
		abort();
	buffer_clear(&out);
	table_write_csv(&table, &out);
	table_write_markdown(&table, &out);
	table_write_html(&table, &out);
	/* Nothing that a terminal would obey. */
	if (out.len && memchr(out.data, 0x1b, out.len))
		abort();
	buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct records records;
	struct arena arena;
	struct err err;

	arena_init(&arena, ARENA_MAX_BYTES);
	if (reply_decode((const char *)data, size, &arena, &records, &err) >= 0)
		use(&records, &arena);
	arena_done(&arena);
	return 0;
}
