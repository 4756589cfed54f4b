// SPDX-License-Identifier: Apache-2.0
/*
 * What a Pod says of itself
 * (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/). Pure. Fields
 * that are missing or malformed count as not given.
 */
#ifndef CEEMS_REMOTE_KUBE_KUBE_POD_H
#define CEEMS_REMOTE_KUBE_KUBE_POD_H

#include <stdbool.h>
#include <stdint.h>

#include "remote/kube/kube_object.h"

enum kube_phase {
	KUBE_PHASE_OTHER, /* "Unknown", too */
	KUBE_PENDING,
	KUBE_RUNNING,
	KUBE_SUCCEEDED,
	KUBE_FAILED,
};

/* Borrowed from the object. Times are Unix ms, 0: not given. */
struct kube_pod {
	enum kube_phase phase;
	const char *qos_class; /* "" */
	int64_t created_ms, started_ms;
	/* When its deletion is complete at the latest; grace_s of it were granted, -1: not given.
	 */
	int64_t deletion_ms, grace_s;
	int64_t finished_ms; /* when the last one of its finished containers ended */
	bool all_finished; /* every container has ended, and there is one */
	int64_t changed_ms; /* when one of its conditions changed last */
	bool has_ready, is_ready; /* the condition Ready is there; it is true */
	const char *ready_reason; /* "" */
	const json_t *annotations, *labels; /* NULL: none */
	/* Limits of the pod, or else the sum of its containers' (not the init containers'). */
	int64_t cpu_milli, memory_bytes;
};

void kube_pod_read(const struct kube_object *object, struct kube_pod *ret_pod);

/*
 * Limits of another resource, such as "nvidia.com/gpu": the sum over its containers, and what the
 * last one of those has that have it. False: none has.
 */
bool kube_pod_resource(
	const struct kube_object *object, const char *name, int64_t *ret_sum, int64_t *ret_last);

/* "2031-04-09T06:00:00Z", with or without fractions. 0: it is none. */
int64_t kube_time_ms(const char *text);

#endif
