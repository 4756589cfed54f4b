// SPDX-License-Identifier: Apache-2.0
/* A set of (project, user). */
#ifndef CEEMS_API_MANAGERS_K8S_PAIRS_H
#define CEEMS_API_MANAGERS_K8S_PAIRS_H

#include "api/associations.h"

enum { K8S_PAIRS_MAX = 1 << 18 };

struct k8s_pairs {
	void *root; /* of tsearch(3) */
	size_t n;
};

/* Copies them. 0, -ENOMEM, -E2BIG. */
int k8s_pairs_add(struct k8s_pairs *pairs, const char *project, const char *user);
/* All of them; texts are copied to the arena. -ENOMEM. */
int k8s_pairs_list(
	const struct k8s_pairs *pairs, struct arena *arena, struct association_list *list);
void k8s_pairs_done(struct k8s_pairs *pairs);

#endif
