// SPDX-License-Identifier: Apache-2.0
#include "exporter/managers/k8s_pods.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* https://kubernetes.io/docs/reference/labels-annotations-taints/ */
static const char STATIC_POD_HASH[] = "kubernetes.io/config.hash";

struct pod {
	const char *id; /* behind the key */
	char key[]; /* "NAMESPACE/NAME"; no name of Kubernetes has a '/' */
};

/* A tree of tsearch(3). */
struct tree {
	void *root;
	size_t n;
};

struct k8s_pods {
	pthread_mutex_t lock;
	struct tree known, listed; /* listed: by a list that has no end yet, its thread's own */
};

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct pod *)a)->key, ((const struct pod *)b)->key);
}

static void clear(struct tree *tree)
{
	tdestroy(tree->root, free);
	*tree = (struct tree){ 0 };
}

int k8s_pods_new(struct k8s_pods **ret_pods)
{
	struct k8s_pods *pods = calloc(1, sizeof(*pods));

	if (!pods)
		return -ENOMEM;
	pthread_mutex_init(&pods->lock, NULL);
	*ret_pods = pods;
	return 0;
}

void k8s_pods_free(struct k8s_pods *pods)
{
	if (!pods)
		return;
	clear(&pods->known);
	clear(&pods->listed);
	pthread_mutex_destroy(&pods->lock);
	free(pods);
}

static struct pod *pod_new(const char *pod_namespace, const char *name, const char *id)
{
	const size_t key_len = strlen(pod_namespace) + 1 + strlen(name);
	struct pod *pod = malloc(sizeof(*pod) + key_len + 1 + strlen(id) + 1);

	if (!pod)
		return NULL;
	sprintf(pod->key, "%s/%s", pod_namespace, name);
	strcpy(pod->key + key_len + 1, id);
	pod->id = pod->key + key_len + 1;
	return pod;
}

static struct pod *pod_from(const struct kube_object *object)
{
	const char *hash = kube_object_annotation(object, STATIC_POD_HASH);

	return pod_new(object->object_namespace, object->name, hash && *hash ? hash : object->uid);
}

/* Takes the pod. 1: it was another one, or none; 0: the same. */
static int put(struct tree *tree, struct pod *pod)
{
	struct pod **place = tsearch(pod, &tree->root, by_key);
	bool same;

	if (!place) {
		free(pod);
		return -ENOMEM;
	}
	if (*place == pod) {
		tree->n++;
		if (tree->n <= K8S_PODS_MAX)
			return 1;
		tdelete(pod, &tree->root, by_key);
		tree->n--;
		free(pod);
		return -E2BIG;
	}
	same = strcmp((*place)->id, pod->id) == 0;
	free(*place);
	*place = pod;
	return !same;
}

void k8s_pods_begin(struct k8s_pods *pods)
{
	clear(&pods->listed);
}

int k8s_pods_list(struct k8s_pods *pods, const struct kube_object *object)
{
	struct pod *pod = pod_from(object);
	int r = pod ? put(&pods->listed, pod) : -ENOMEM;

	return r < 0 ? r : 0;
}

struct comparison {
	const struct tree *other;
	bool different;
};

static void compare(const void *node, VISIT order, void *ctx)
{
	const struct pod *pod = *(struct pod *const *)node;
	struct comparison *c = ctx;
	struct pod *const *twin;

	if (c->different || (order != preorder && order != leaf))
		return;
	twin = tfind(pod, &c->other->root, by_key);
	c->different = !twin || strcmp((*twin)->id, pod->id) != 0;
}

bool k8s_pods_end(struct k8s_pods *pods)
{
	struct comparison c;
	struct tree before;

	pthread_mutex_lock(&pods->lock);
	c = (struct comparison){ &pods->known, pods->known.n != pods->listed.n };
	twalk_r(pods->listed.root, compare, &c);
	before = pods->known;
	pods->known = pods->listed;
	pods->listed = (struct tree){ 0 };
	pthread_mutex_unlock(&pods->lock);
	clear(&before);
	return c.different;
}

int k8s_pods_put(struct k8s_pods *pods, const struct kube_object *object)
{
	struct pod *pod = pod_from(object);
	int r;

	if (!pod)
		return -ENOMEM;
	pthread_mutex_lock(&pods->lock);
	r = put(&pods->known, pod);
	pthread_mutex_unlock(&pods->lock);
	return r;
}

int k8s_pods_remove(struct k8s_pods *pods, const struct kube_object *object)
{
	struct pod *pod = pod_from(object), **place, *known = NULL;

	if (!pod)
		return -ENOMEM;
	pthread_mutex_lock(&pods->lock);
	place = tfind(pod, &pods->known.root, by_key);
	if (place) {
		known = *place;
		tdelete(known, &pods->known.root, by_key);
		pods->known.n--;
	}
	pthread_mutex_unlock(&pods->lock);
	free(pod);
	free(known);
	return known != NULL;
}

int k8s_pods_find(struct k8s_pods *pods, const char *pod_namespace, const char *name, char *ret_id,
	size_t cap)
{
	struct pod *wanted = pod_new(pod_namespace, name, ""), *const * place;
	int r = -ENOENT;

	if (!wanted)
		return -ENOMEM;
	pthread_mutex_lock(&pods->lock);
	place = tfind(wanted, &pods->known.root, by_key);
	if (place)
		r = strlen((*place)->id) < cap ? 0 : -E2BIG;
	if (r >= 0)
		strcpy(ret_id, (*place)->id);
	pthread_mutex_unlock(&pods->lock);
	free(wanted);
	return r;
}
