// SPDX-License-Identifier: Apache-2.0
/* The functions of PromQL and what they take. */
#ifndef CEEMS_FORMAT_PROMQL_FUNCTIONS_H
#define CEEMS_FORMAT_PROMQL_FUNCTIONS_H

#include <stdbool.h>

#include "basic/str.h"
#include "format/promql/promql.h"

struct promql_function {
	const char *name;
	const char *args; /* a letter each: S, V, M or T (string); 'I' is info()'s selector */
	unsigned char required; /* how many must be given */
	unsigned char repeats; /* how often the last one may be given more; 255 = any */
	enum promql_type returns;
	bool experimental;
	enum promql_level since, until; /* until 0: still there */
};

/* NULL: no function in this version. Names are case-sensitive. */
const struct promql_function *promql_function_find(
	struct slice name, const struct promql_options *options);

/* Of an aggregation in lower case: whether a parameter comes before the vector. */
bool promql_aggregation_takes_parameter(const char *op);

#endif
