// SPDX-License-Identifier: Apache-2.0
/*
 * The first byte chooses the reader: a page of a list, the stream of a watch, a state, a quantity,
 * a kubeconfig. Objects are read as pods, whatever they are.
 */
#include <errno.h>
#include <stdint.h>

#include "remote/kube/kube_config.h"
#include "remote/kube/kube_pod.h"
#include "remote/kube/kube_quantity.h"
#include "remote/kube/kube_watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t seen;

static void read_pod(const struct kube_object *object)
{
	int64_t sum = 0, last = 0;
	struct kube_pod pod;

	kube_pod_read(object, &pod);
	if (pod.cpu_milli < 0 || pod.memory_bytes < 0 || !pod.qos_class || !pod.ready_reason)
		__builtin_trap();
	if (kube_pod_resource(object, "nvidia.com/gpu", &sum, &last) && (last < 0 || sum < last))
		__builtin_trap();
}

static int on_object(void *ctx, const struct kube_object *object)
{
	const char *hash = kube_object_annotation(object, "kubernetes.io/config.hash");

	seen += strlen(object->name) + strlen(object->object_namespace) + strlen(object->uid) +
		strlen(object->resource_version) + (hash ? strlen(hash) : 0);
	read_pod(object);
	return 0;
}

static int on_event(void *ctx, enum kube_event_type type, const struct kube_object *object)
{
	return on_object(ctx, object);
}

static int on_line(void *ctx, struct slice line)
{
	return kube_event_read(line, on_event, NULL, ctx);
}

/* In pieces, whose size the first byte tells. */
static void read_stream(struct slice text, struct err *err)
{
	struct kube_lines lines = { .limit = 4096, .each = on_line, .ctx = err };
	size_t piece = text.n ? (uint8_t)text.p[0] + 1 : 1;

	for (size_t at = 1; at < text.n; at += piece) {
		if (kube_lines_add(&lines, text.p + at, MIN(piece, text.n - at)) < 0)
			break;
	}
	kube_lines_done(&lines);
}

/* More decimals never make it less. */
static void read_quantity(struct slice text)
{
	int64_t whole, milli;

	if (kube_quantity_parse(text, 0, &whole) < 0)
		return;
	if (kube_quantity_parse(text, 3, &milli) < 0 || (whole > 0 ? milli < whole : milli > 0))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kube_page page = { 0 };
	struct kube_config config;
	char message[KUBE_MESSAGE_MAX];
	struct arena arena;
	struct err err;
	struct slice text;

	if (!size)
		return 0;
	text = (struct slice){ (const char *)data + 1, size - 1 };
	switch (data[0]) {
	case 'l':
		kube_page_read(text, on_object, NULL, &page, &err);
		kube_page_done(&page);
		break;
	case 'w':
		read_stream(text, &err);
		break;
	case 'q':
		read_quantity(text);
		break;
	case 's':
		kube_status_message(text, message);
		break;
	default:
		arena_init(&arena, 8 << 20);
		kube_config_parse(text, "kubeconfig", "/etc", &arena, &config, &err);
		arena_done(&arena);
	}
	return 0;
}
