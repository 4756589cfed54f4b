// SPDX-License-Identifier: Apache-2.0
#include "api/managers/k8s_pairs.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct pair {
	const char *user; /* behind the project */
	char project[];
};

static int by_names(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int r = strcmp(x->project, y->project);

	return r ? r : strcmp(x->user, y->user);
}

static struct pair *pair_new(const char *project, const char *user)
{
	const size_t n = strlen(project) + 1, m = strlen(user) + 1;
	struct pair *pair = malloc(sizeof(*pair) + n + m);

	if (!pair)
		return NULL;
	memcpy(pair->project, project, n);
	memcpy(pair->project + n, user, m);
	pair->user = pair->project + n;
	return pair;
}

int k8s_pairs_add(struct k8s_pairs *pairs, const char *project, const char *user)
{
	struct pair *pair = pair_new(project, user);
	struct pair **place = pair ? tsearch(pair, &pairs->root, by_names) : NULL;

	if (!place || *place != pair) {
		free(pair);
		return place ? 0 : -ENOMEM;
	}
	if (pairs->n == K8S_PAIRS_MAX) {
		tdelete(pair, &pairs->root, by_names);
		free(pair);
		return -E2BIG;
	}
	pairs->n++;
	return 0;
}

struct listing {
	struct arena *arena;
	struct association_list *list;
	int error;
};

static void push(const void *node, VISIT order, void *ctx)
{
	const struct pair *pair = *(struct pair *const *)node;
	struct listing *l = ctx;
	const char *project, *user;

	if (l->error < 0 || (order != postorder && order != leaf))
		return;
	project = arena_strdup(l->arena, pair->project);
	user = arena_strdup(l->arena, pair->user);
	l->error = project && user ? association_list_push(l->list, l->arena, project, user)
				   : -ENOMEM;
}

int k8s_pairs_list(
	const struct k8s_pairs *pairs, struct arena *arena, struct association_list *list)
{
	struct listing l = { arena, list, 0 };

	twalk_r(pairs->root, push, &l);
	return l.error;
}

void k8s_pairs_done(struct k8s_pairs *pairs)
{
	tdestroy(pairs->root, free);
	*pairs = (struct k8s_pairs){ 0 };
}
