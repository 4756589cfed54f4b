// SPDX-License-Identifier: Apache-2.0
/* What the grammar leaves open: types, argument counts, and rules of selectors and matching. */
#ifndef CEEMS_FORMAT_PROMQL_CHECK_H
#define CEEMS_FORMAT_PROMQL_CHECK_H

#include "format/promql/promql.h"

/* -EBADMSG with the reason and the place in text. */
int promql_check(struct slice text, struct promql_node *node, const struct promql_options *options,
	struct err *err);

/* Of a selector: at least one of its matchers must not match the empty string. */
int promql_check_not_empty(struct slice text, const struct promql_node *selector, struct err *err);

#endif
