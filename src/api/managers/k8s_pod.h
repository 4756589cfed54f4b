// SPDX-License-Identifier: Apache-2.0
/*
 * What the API server of Kubernetes said last of one pod, reduced to what a unit needs (spec
 * api-server.md 9). Pure.
 */
#ifndef CEEMS_API_MANAGERS_K8S_POD_H
#define CEEMS_API_MANAGERS_K8S_POD_H

#include "basic/options.h" /* struct strings */
#include "remote/kube/kube_pod.h"

enum {
	K8S_TEXT_MAX = 4096, /* of a user's or project's name; longer ones are cut */
	K8S_TAGS_MAX_BYTES = 32 << 10, /* annotations, and labels, that don't fit are left out */
};

struct k8s_naming {
	/* Annotations that tell whose a pod is, by preference; its namespace if there is none. */
	struct strings username_annotations, project_annotations;
	struct strings gpu_resource_names; /* sorted bytewise, distinct */
};

/* One piece of memory. Times are Unix ms on whole seconds, 0: not known. */
struct k8s_pod {
	size_t size_bytes;
	enum kube_phase phase;
	int64_t created_ms, started_ms;
	/*
	 * Of a pod that has run: when it ended as far as it tells. Of others: when it will be
	 * deleted at the latest.
	 */
	int64_t end_ms;
	int64_t finished_ms; /* all its containers ended by then; 0: not all have */
	int64_t cpu_milli, memory_bytes, gpus;
	const char *name, *project, *username, *state;
	const char *allocation, *tags; /* JSON objects, keys sorted */
};

/* For free(). -ENOMEM, -EBADMSG: the pod has no UID. */
int k8s_pod_new(const struct kube_object *object, const struct k8s_naming *naming,
	struct k8s_pod **ret_pod);

/* From what the database says of a unit that has no end. -ENOMEM. */
struct unit;
int k8s_pod_recall(const struct unit *unit, struct k8s_pod **ret_pod);

/* Succeeded or Failed: it will never run again. */
bool k8s_pod_is_over(const struct k8s_pod *pod);
/* It has been started; a pod that waits, or of which nothing is known, hasn't. */
bool k8s_pod_has_run(const struct k8s_pod *pod);

#endif
