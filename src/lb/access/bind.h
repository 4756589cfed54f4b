// SPDX-License-Identifier: Apache-2.0
/*
 * Which units the selectors of a query are about (spec promql.md 3.1, 4; lb-and-proxies.md 2.8). A
 * selector is bound if a matcher of a unit label can only match ids that are written there; such
 * a matcher is rewritten so that no reader can see more in it. Everything else that a selector
 * says can only narrow it.
 */
#ifndef CEEMS_LB_ACCESS_BIND_H
#define CEEMS_LB_ACCESS_BIND_H

#include "format/promql/promql.h"
#include "lb/access/gate.h"

struct bind {
	struct arena *arena;
	const char *const *unit_labels; /* NULL-terminated; any of them binds */
	/* NULL-terminated: labels beginning with "__" that only narrow; NULL: all of these do. */
	const char *const *own_labels;
	/* Matchers that bind go first: of what a careless server puts together from them anew, the
	 * beginning counts. */
	bool bound_first;
	/* Found so far; the units distinct and sorted. */
	const char **units;
	size_t n_units, cap_units;
	size_t n_selectors;
	const char *cluster; /* named by selectors; NULL: by none */
	unsigned reasons; /* bits of enum gate_reason: all refusals */
	bool refused;
	struct gate_refusal refusal; /* the first one */
};

/*
 * Looks at every selector below the node, and goes on after a refusal, so that the cluster is known
 * in any case. Matchers of the tree are replaced. 0 or -ENOMEM.
 */
int bind_node(struct bind *bind, struct promql_node *node);

/* Records a refusal; the words, which are formatted, of the first one only. -ENOMEM. */
int bind_refuse(struct bind *bind, enum gate_reason reason, const char *format, ...)
	PRINTF_FORMAT(3, 4);

/*
 * Adds label="cluster" to every selector that does not have it. -ENOMEM; -E2BIG: a selector has
 * PROMQL_MATCHERS_MAX matchers already.
 */
int bind_add_cluster(
	struct promql_node *node, const char *label, const char *cluster, struct arena *arena);

#endif
