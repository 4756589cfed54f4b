// SPDX-License-Identifier: Apache-2.0
/* The columns of cacct: one row each, in the order of every output. */
#ifndef CEEMS_CACCT_FIELD_H
#define CEEMS_CACCT_FIELD_H

#include <stdbool.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "basic/options.h" /* struct strings */

enum field_id {
	FIELD_JOB_ID,
	FIELD_NAME,
	FIELD_ACCOUNT,
	FIELD_GROUP,
	FIELD_USER,
	FIELD_CREATED,
	FIELD_STARTED,
	FIELD_ENDED,
	FIELD_ELAPSED,
	FIELD_STATE,
	FIELD_CPU_USAGE,
	FIELD_CPU_MEMORY,
	FIELD_HOST_ENERGY,
	FIELD_HOST_EMISSIONS,
	FIELD_GPU_USAGE,
	FIELD_GPU_MEMORY,
	FIELD_GPU_ENERGY,
	FIELD_GPU_EMISSIONS,
	N_FIELDS,
};

enum field_kind {
	FIELD_TEXT,
	FIELD_PERCENT, /* map of numbers, two decimals */
	FIELD_AMOUNT, /* map of numbers, six decimals */
};

struct field {
	const char *name; /* of --format and --helpformat */
	const char *api; /* of the API server */
	const char *title;
	const char *help;
	enum field_kind kind;
	int min_width, max_width; /* of its column in the table */
	bool by_default;
};

extern const struct field fields[N_FIELDS];

enum { FIELD_LIST_MAX_BYTES = 64 << 10 };

/* The items of a comma list, without empty ones. -E2BIG, -ENOMEM. */
int list_parse(const char *text, struct arena *arena, struct strings *ret_items);

/* Marks the fields of a comma list, in any case. -EINVAL: the sentence names what is unknown. */
int field_list_parse(const char *text, bool ret_wanted[static N_FIELDS], struct err *err);

#endif
