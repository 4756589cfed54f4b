// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/capture_kube.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/clock.h"
#include "format/json_writer.h"
#include "remote/kube/kube_list.h"
#include "remote/kube/pod_resources.h"
#include "tool/capture/kube_devices_json.h"

#define USER_AGENT "ceems_exporter"

enum {
	CONFIG_MEMORY_MAX_BYTES = 64 << 20,
	REPLY_MEMORY_MAX_BYTES = 64 << 20,
	/* As the exporter's k8s_devices.c. */
	KUBELET_TIMEOUT_MS = 10000,
	LIST_TIMEOUT_MS = 30000,
	PAGE_PODS = 100,
};

/* Of the list that is being written. */
struct pods_json {
	const struct anonymiser *anonymiser;
	struct json_writer writer;
	struct buffer text;
};

static int open_api(struct capture_kube *k, struct err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	int r;

	if (*k->kubeconfig)
		r = kube_config_load(k->kubeconfig, &k->arena, &k->config, err);
	else if (host && *host)
		r = kube_config_in_cluster(host, getenv("KUBERNETES_SERVICE_PORT"),
			KUBE_SERVICE_ACCOUNT_DIRECTORY, &k->arena, &k->config, err);
	else
		return 0;
	return r < 0 ? r : kube_client_new(&k->config, USER_AGENT, &k->api, err);
}

static int open_clients(struct capture_kube *k, struct err *err)
{
	int r = 0;

	if (k->opened)
		return 0;
	k->opened = true;
	arena_init(&k->arena, CONFIG_MEMORY_MAX_BYTES);
	r = open_api(k, err);
	return r < 0 ? r : http_client_new(NULL, USER_AGENT, &k->kubelet, err);
}

static int ask_kubelet(struct capture_kube *k, int cancel_fd, const struct anonymiser *anonymiser)
{
	struct pod_resources *pods;
	struct arena arena;
	size_t n;
	int r;

	arena_init(&arena, REPLY_MEMORY_MAX_BYTES);
	r = pod_resources_list(
		k->kubelet, k->socket, KUBELET_TIMEOUT_MS, cancel_fd, &arena, &pods, &n, NULL);
	if (r >= 0) {
		buffer_clear(&k->devices);
		r = kube_devices_json_put(anonymiser, pods, n, &k->devices);
	}
	arena_done(&arena);
	return r;
}

static void put_hidden(struct pods_json *p, const char *key, struct slice value, bool is_name)
{
	buffer_clear(&p->text);
	if (is_name)
		anonymise_name(p->anonymiser, value, &p->text);
	else
		anonymise(p->anonymiser, value, &p->text);
	json_writer_key(&p->writer, key);
	json_writer_string_n(&p->writer, buffer_text(&p->text), p->text.len);
}

static int put_pod(void *ctx, const struct kube_object *pod)
{
	const char *hash = kube_object_annotation(pod, CAPTURE_KUBE_STATIC_POD_HASH);
	struct pods_json *p = ctx;
	struct json_writer *w = &p->writer;

	json_writer_open_object(w);
	json_writer_key(w, "metadata");
	json_writer_open_object(w);
	put_hidden(p, "namespace", slice_from(pod->object_namespace), true);
	put_hidden(p, "name", slice_from(pod->name), true);
	put_hidden(p, "uid", slice_from(pod->uid), false);
	if (hash) {
		json_writer_key(w, "annotations");
		json_writer_open_object(w);
		put_hidden(p, CAPTURE_KUBE_STATIC_POD_HASH, slice_from(hash), false);
		json_writer_close_object(w);
	}
	json_writer_close_object(w);
	json_writer_close_object(w);
	return buffer_error(w->out) || buffer_error(&p->text) ? -ENOMEM : 0;
}

static int list_pods(struct capture_kube *k, int cancel_fd, const struct anonymiser *anonymiser,
	struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer selector = { 0 };
	struct pods_json pods = { .anonymiser = anonymiser, .writer = json_writer(out) };
	struct kube_list list = {
		.client = k->api,
		.path = "/api/v1/pods",
		.metadata_only = true,
		.page_limit = PAGE_PODS,
		.timeout_ms = LIST_TIMEOUT_MS,
		.each = put_pod,
		.ctx = &pods,
	};
	int r;

	if (*k->node_name) {
		buffer_printf(&selector, "spec.nodeName=%s", k->node_name);
		list.field_selector = buffer_text(&selector);
	}
	json_writer_open_array(&pods.writer);
	r = kube_list(&list, cancel_fd, NULL, NULL);
	json_writer_close_array(&pods.writer);
	buffer_done(&pods.text);
	if (r >= 0 && (buffer_error(out) || buffer_error(&selector)))
		r = -ENOMEM;
	return r >= 0 && out->len > CAPTURE_KUBE_MAX_BYTES ? -E2BIG : r;
}

/* The items of the list as it was recorded; who watches sees by the version that it is another. */
static int ask_api(struct capture_kube *k, int cancel_fd, const struct anonymiser *anonymiser)
{
	CLEANUP(buffer_done) struct buffer items = { 0 };
	int r = list_pods(k, cancel_fd, anonymiser, &items);

	if (r < 0)
		return r;
	if (k->pods.len >= items.len + 2 &&
		memcmp(k->pods.data + k->pods.len - items.len - 2, items.data, items.len) == 0)
		return 0;
	buffer_clear(&k->pods);
	buffer_printf(&k->pods,
		"{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":"
		"\"%u\"},\"items\":",
		++k->version);
	buffer_append(&k->pods, items.data, items.len);
	buffer_puts(&k->pods, "}\n");
	return buffer_error(&k->pods) ? -ENOMEM : 0;
}

/* Once, so that a server that hangs doesn't hold up every look. */
static int note(struct capture_tree *tree, const char *path, int r, int *error)
{
	if (r >= 0 || r == -ECANCELED)
		return 0;
	*error = r;
	capture_tree_failed(tree, path, r);
	return r == -ENOMEM ? r : 0;
}

static int ask(struct capture_kube *k, int cancel_fd, struct capture_tree *tree)
{
	int r = 0;

	if (!k->devices_error && access(k->socket, F_OK) == 0)
		r = note(tree, CAPTURE_KUBE_DEVICES, ask_kubelet(k, cancel_fd, tree->anonymiser),
			&k->devices_error);
	if (r >= 0 && !k->pods_error && k->api)
		r = note(tree, CAPTURE_KUBE_PODS, ask_api(k, cancel_fd, tree->anonymiser),
			&k->pods_error);
	return r;
}

static int add(struct capture_tree *tree, const char *path, const struct buffer *text)
{
	if (!text->len)
		return 0;
	return capture_tree_add(
		tree, TAR_FILE, path, NULL, (struct slice){ text->data, text->len });
}

int capture_kube_read(
	struct capture_kube *k, int cancel_fd, struct capture_tree *tree, struct err *err)
{
	const int64_t now_ns = clock_monotonic_ns(clock_system());
	int r = open_clients(k, err);

	if (r < 0)
		return r;
	if (now_ns >= k->next_ns) {
		r = ask(k, cancel_fd, tree);
		k->next_ns = now_ns + CAPTURE_KUBE_PERIOD_S * 1000000000LL;
	}
	if (r >= 0)
		r = add(tree, CAPTURE_KUBE_DEVICES, &k->devices);
	if (r >= 0)
		r = add(tree, CAPTURE_KUBE_PODS, &k->pods);
	return r < 0 ? err_errno(err, r, "reading") : 0;
}

void capture_kube_done(struct capture_kube *k)
{
	kube_client_free(k->api);
	http_client_free(k->kubelet);
	arena_done(&k->arena);
	buffer_done(&k->devices);
	buffer_done(&k->pods);
	*k = (struct capture_kube){ 0 };
}
