// SPDX-License-Identifier: Apache-2.0
/* Requests through the gate, and in words what became of them. */
#ifndef CEEMS_TESTS_GATE_CASE_H
#define CEEMS_TESTS_GATE_CASE_H

#include "unit_test.h"

#include "basic/buffer.h"
#include "lb/access/gate.h"

enum { GATE_CASE_ARENA_BYTES = 64 << 20 };

#define GATE_CASE_NOW_MS 1900000000000
#define FORM_TYPE "application/x-www-form-urlencoded"

struct asked {
	const char *method, *path, *query, *type, *body;
};

#define API "/api/v1/"
#define GET(path, query)                       \
	{                                      \
		"GET", path, query, NULL, NULL \
	}
#define POST(path, body)                            \
	{                                           \
		"POST", path, NULL, FORM_TYPE, body \
	}

struct setting {
	struct gate_options options;
	struct gate_cluster cluster;
	/* By unit, ends with a NULL id; others: always the caller's. */
	const struct unit_lives {
		const char *unit;
		struct gate_unit_lives lives;
	} * lives;
};

/* The request as the gate takes it, for cluster "alpha". */
struct gate_request gate_case_request(const struct asked *asked);

/* Percent-encoding taken back, to be read. */
void gate_case_decode(struct buffer *out, struct slice text);

/*
 * Appends "free" or "bound", the cluster, the units, and the request that goes on, decoded; or
 * "STATUS REASON: why".
 */
void gate_case_decide(const struct asked *asked, const struct setting *setting, struct buffer *out);

/* Expects this, or that it begins so where neither a reason's words nor a path are given. */
void gate_case_check(
	const struct asked *asked, const struct setting *setting, const char *expected);

struct gate_row {
	struct asked asked;
	const char *expected;
};
void gate_case_check_rows(const struct gate_row *rows, size_t n, const struct setting *setting);

/* As GET of /api/v1/PATH with the query encoded, and more parameters. */
void gate_case_check_query(const char *path, const char *query, const char *more,
	const struct setting *setting, const char *expected);

#endif
