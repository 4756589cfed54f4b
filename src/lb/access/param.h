// SPDX-License-Identifier: Apache-2.0
/*
 * Values of parameters of Prometheus's API (spec promql.md 6.1, 6.2): text to number and back, in a
 * form that every version reads alike.
 */
#ifndef CEEMS_LB_ACCESS_PARAM_H
#define CEEMS_LB_ACCESS_PARAM_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/buffer.h"
#include "basic/str.h"

enum param_kind {
	PARAM_EXPR, /* a query: its selectors are bound */
	PARAM_SELECTOR, /* a series selector: is bound */
	PARAM_TEXT, /* touches no data: goes on as it is */
	PARAM_TIME, /* Unix ms; likewise the next two */
	PARAM_START,
	PARAM_END,
	PARAM_STEP, /* ns, more than 0 */
	PARAM_LOOKBACK, /* ns; likewise the next */
	PARAM_DURATION,
	PARAM_LIMIT, /* a count */
	PARAM_STATS, /* 1: true, 2: all */
};

struct param {
	const char *name;
	enum param_kind kind;
	bool required;
	bool repeated; /* may be given several times, which is a union */
};

/* Times are at most so far from 1970: doubles hold them exactly. */
#define PARAM_TIME_MAX_MS ((int64_t)9007199254740991)

/* A kind with a number. -EBADMSG, with a word on what is wrong. */
int param_parse(
	enum param_kind kind, struct slice text, int64_t *ret_value, const char **ret_reason);

/* The text of such a value. */
void param_print(enum param_kind kind, int64_t value, struct buffer *out);

#endif
