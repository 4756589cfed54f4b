// SPDX-License-Identifier: Apache-2.0
/* The first byte chooses the reader: a page of a list, the stream of a watch, a state, a
 * kubeconfig. */
#include <errno.h>
#include <stdint.h>

#include "remote/kube/kube_config.h"
#include "remote/kube/kube_watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t seen;

static int on_object(void *ctx, const struct kube_object *object)
{
	const char *hash = kube_object_annotation(object, "kubernetes.io/config.hash");

	seen += strlen(object->name) + strlen(object->object_namespace) + strlen(object->uid) +
		strlen(object->resource_version) + (hash ? strlen(hash) : 0);
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
