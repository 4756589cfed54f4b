// SPDX-License-Identifier: Apache-2.0
/*
 * Labels that are taken out of answers (filter_labels) may not be asked for either: their values
 * could be renamed, or guessed by matchers that answer yes or no (spec promql.md 4.6).
 */
#ifndef CEEMS_LB_ACCESS_HIDDEN_H
#define CEEMS_LB_ACCESS_HIDDEN_H

#include "basic/options.h" /* struct strings */
#include "format/promql/promql.h"

/* The first hidden label that the query asks for, and where; false: it asks for none. */
bool hidden_find(struct promql_node *node, const struct strings *hidden, const char **ret_label,
	struct slice *ret_where);

bool hidden_has(const struct strings *hidden, struct slice label);

#endif
