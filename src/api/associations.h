// SPDX-License-Identifier: Apache-2.0
/* Users and projects out of pairs that say who belongs where, as most managers get them. */
#ifndef CEEMS_API_ASSOCIATIONS_H
#define CEEMS_API_ASSOCIATIONS_H

#include "api/model.h"

struct association {
	const char *project, *user; /* neither is "" */
};

struct association_list {
	struct association *v;
	size_t n, cap;
};

/* The texts are borrowed. -ENOMEM. */
int association_list_push(
	struct association_list *list, struct arena *arena, const char *project, const char *user);

/* What the users and projects of one manager have in common. Borrowed by the lists. */
struct association_origin {
	const char *cluster_id, *resource_manager;
	const char *updated_at; /* last_updated_at */
};

/*
 * Adds a user for each user and a project for each project, sorted by name, with sorted and
 * distinct lists of each other. Pairs may come in any order and twice; they are sorted in place and
 * their texts borrowed. -ENOMEM.
 */
int associations_to_lists(struct association_list *pairs, const struct association_origin *origin,
	struct arena *arena, struct user_list *users, struct project_list *projects);

#endif
