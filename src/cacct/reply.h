// SPDX-License-Identifier: Apache-2.0
/* Answers of the API server's units and usage endpoints: bytes in, records out. */
#ifndef CEEMS_CACCT_REPLY_H
#define CEEMS_CACCT_REPLY_H

#include <stdint.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "cacct/field.h"

struct metric {
	const char *key;
	double value;
};
struct metrics {
	struct metric *v; /* sorted by key, distinct */
	size_t n;
};

/* A unit, or the usage of a user in a project. */
struct record {
	const char *text[N_FIELDS]; /* "" if absent */
	struct metrics metrics[N_FIELDS];
	int64_t num_units;
	double walltime_s; /* of total_time_seconds */
	int64_t started_at_ms, ended_at_ms; /* Unix; 0: not yet */
};
struct records {
	struct record *v;
	size_t n;
};

enum { REPLY_MAX_BYTES = 256 << 20 };

/*
 * -EBADMSG: not an answer of an API server. -EREMOTEIO: the server says that it failed; the
 * sentence is its own. -ENOMEM.
 */
int reply_decode(const char *body, size_t len, struct arena *arena, struct records *ret_records,
	struct err *err);

#endif
