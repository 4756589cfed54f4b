// SPDX-License-Identifier: Apache-2.0
#include "exporter/gpu/gpu_pod.h"

#include <errno.h>
#include <stdlib.h>

#include "remote/kube/kube_exec.h"
#include "remote/kube/kube_object.h"

enum {
	LOOKUP_MAX_MS = 30 * 1000,
	OUTPUT_MAX_BYTES = 16 << 20,
	LIST_MAX_BYTES = 16 << 20,
	CONFIG_MEMORY_MAX_BYTES = 4 << 20,
};

static const struct {
	const char *selector, *container;
} places[] = {
	[GPU_VENDOR_NVIDIA] = { "app=gpu-feature-discovery", "gpu-feature-discovery" },
	[GPU_VENDOR_AMD] = { "app.kubernetes.io/name=metrics-exporter",
		"metrics-exporter-container" },
};

struct gpu_pod {
	struct arena arena; /* of own */
	struct kube_config own;
	struct kube_client *client;
	char *node_name;
};

/* The first of a list. */
struct found {
	char *pod_namespace, *name;
};

static void found_done(struct found *found)
{
	free(found->pod_namespace);
	free(found->name);
}

int gpu_pod_new(const struct kube_config *kube, const char *node_name, struct gpu_pod **ret_pod,
	struct err *err)
{
	CLEANUP(gpu_pod_freep) struct gpu_pod *pod = calloc(1, sizeof(*pod));
	int r = 0;

	if (!pod)
		return err_errno(err, -ENOMEM, "GPU tools in a pod");
	arena_init(&pod->arena, CONFIG_MEMORY_MAX_BYTES);
	pod->node_name = strdup(node_name);
	if (!pod->node_name)
		return err_errno(err, -ENOMEM, "GPU tools in a pod");
	if (!kube)
		r = kube_config_in_cluster(getenv("KUBERNETES_SERVICE_HOST"),
			getenv("KUBERNETES_SERVICE_PORT"), KUBE_SERVICE_ACCOUNT_DIRECTORY,
			&pod->arena, &pod->own, err);
	if (r >= 0)
		r = kube_client_new(kube ? kube : &pod->own, "ceems_exporter", &pod->client, err);
	if (r < 0)
		return r;
	*ret_pod = TAKE(pod);
	return 0;
}

void gpu_pod_free(struct gpu_pod *pod)
{
	if (!pod)
		return;
	kube_client_free(pod->client);
	arena_done(&pod->arena);
	free(pod->node_name);
	free(pod);
}

static int take_first(void *ctx, const struct kube_object *object)
{
	struct found *found = ctx;

	if (found->name || !object->name[0] || !object->object_namespace[0])
		return 0;
	found->pod_namespace = strdup(object->object_namespace);
	found->name = strdup(object->name);
	return found->pod_namespace && found->name ? 0 : -ENOMEM;
}

static int make_path(const char *selector, const char *node_name, struct buffer *path)
{
	buffer_puts(path, "/api/v1/pods?limit=1&labelSelector=");
	kube_query_escape(path, selector);
	buffer_puts(path, "&fieldSelector=");
	kube_query_escape(path, "status.phase=Running,spec.nodeName=");
	kube_query_escape(path, node_name);
	return buffer_error(path);
}

static int find(struct gpu_pod *pod, enum gpu_vendor vendor, int64_t timeout_ms, int cancel_fd,
	struct found *ret_found, struct err *err)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	CLEANUP(buffer_done) struct buffer body = { 0 };
	CLEANUP(kube_page_done) struct kube_page page = { 0 };
	int r = make_path(places[vendor].selector, pod->node_name, &path);

	if (r < 0)
		return err_errno(err, r, "looking for a pod with GPU tools");
	const struct kube_request request = {
		.path = buffer_text(&path),
		.timeout_ms = MIN(timeout_ms, LOOKUP_MAX_MS),
		.max_reply_bytes = LIST_MAX_BYTES,
		.cancel_fd = cancel_fd,
	};

	r = kube_client_get(pod->client, &request, &body, err);
	if (r >= 0)
		r = kube_page_read((struct slice){ buffer_text(&body), body.len }, take_first,
			ret_found, &page, err);
	if (r < 0)
		return err_prefix(err, r, "looking for a pod with GPU tools");
	if (!ret_found->name)
		return err_set(err, -ENOENT, "no pod with label '%s' runs on node '%s'",
			places[vendor].selector, pod->node_name);
	return 0;
}

int gpu_pod_run(struct gpu_pod *pod, enum gpu_vendor vendor, const char *const *argv,
	int64_t timeout_ms, int cancel_fd, struct buffer *out, struct err *err)
{
	CLEANUP(found_done) struct found found = { 0 };
	int r = find(pod, vendor, timeout_ms, cancel_fd, &found, err);

	if (r < 0)
		return r;
	const struct kube_exec exec = {
		.pod_namespace = found.pod_namespace,
		.pod = found.name,
		.container = places[vendor].container,
		.argv = argv,
		.timeout_ms = timeout_ms,
		.max_output_bytes = OUTPUT_MAX_BYTES,
		.cancel_fd = cancel_fd,
	};

	return kube_exec(pod->client, &exec, out, err);
}
