// SPDX-License-Identifier: Apache-2.0
/* Rows of the store as the objects of the API. */
#ifndef CEEMS_API_API_ANSWER_H
#define CEEMS_API_API_ANSWER_H

#include "api/api.h"
#include "format/json_writer.h"

/* {"status":"success","data":[ ... ],"warnings":[...]} in the making. */
struct api_answer {
	struct json_writer json;
	const struct store_table *table;
	uint64_t fields; /* columns to show */
	const struct timezone_ *zone; /* for *_at; NULL: as stored */
	struct arena arena; /* for maps that must be rewritten; reset for each row */
	size_t rows;
	size_t unreadable; /* rows that were left out */
	char warnings[2][192]; /* more; "": none */
};

void api_answer_init(
	struct api_answer *a, const struct store_table *table, uint64_t fields, struct buffer *out);
void api_answer_done(struct api_answer *a);

void api_answer_begin(struct api_answer *a);
int api_answer_row(void *answer, const struct store_row *row); /* a store_row_fn */
void api_answer_end(struct api_answer *a);

#endif
