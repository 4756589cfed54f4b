// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a vendor's tool in a pod of this node that has it, where the node itself has none (spec
 * exporter-units.md 5.2): NVIDIA's in the pods of GPU feature discovery, AMD's in those of its
 * metrics exporter. Belongs to one thread at a time.
 */
#ifndef CEEMS_EXPORTER_GPU_GPU_POD_H
#define CEEMS_EXPORTER_GPU_GPU_POD_H

#include <stdint.h>

#include "basic/buffer.h"
#include "basic/err.h"
#include "host/gpu_list.h"
#include "remote/kube/kube_config.h"

struct gpu_pod;

/*
 * kube, which outlives the object; NULL: the service account of the pod that we are (-ENOENT: we
 * are none). node_name: only pods of this node are asked. The API server isn't asked yet.
 */
int gpu_pod_new(const struct kube_config *kube, const char *node_name, struct gpu_pod **ret_pod,
	struct err *err);
void gpu_pod_free(struct gpu_pod *pod); /* NULL is fine */
DEFINE_CLEANUP(struct gpu_pod *, gpu_pod_free);

/*
 * Runs argv in the first running pod of the vendor. -ENOENT: there is none on this node; else the
 * errors of kube_exec().
 */
int gpu_pod_run(struct gpu_pod *pod, enum gpu_vendor vendor, const char *const *argv,
	int64_t timeout_ms, int cancel_fd, struct buffer *out, struct err *err);

#endif
