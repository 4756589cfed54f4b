// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/pod_resources.h"

#include <errno.h>

#include "format/protobuf.h"

/* Field numbers of podresources/v1/api.proto. */
enum {
	RESPONSE_PODS = 1,
	POD_NAME = 1,
	POD_NAMESPACE = 2,
	POD_CONTAINERS = 3,
	CONTAINER_DEVICES = 2,
	DEVICES_IDS = 2,
};

struct decoder {
	struct arena *arena;
	struct pod_resources *pods;
	size_t n_pods, n_devices;
	struct pod_resources *pod; /* that is being filled; its ids are counted first */
	bool counting;
};

typedef int (*field_fn)(struct decoder *d, struct slice bytes, uint32_t number);

/* Hands out the fields that hold bytes; numbers, which none of ours is, are passed over. */
static int each_field(struct decoder *d, struct slice message, field_fn each)
{
	struct protobuf_field field;
	int r;

	while ((r = protobuf_next(&message, &field)) > 0) {
		if (field.wire != PROTOBUF_BYTES)
			continue;
		r = each(d, field.bytes, field.number);
		if (r < 0)
			return r;
	}
	return r;
}

static int copy_text(struct decoder *d, struct slice text, const char **ret_text)
{
	const char *copy;

	if (text.n > POD_RESOURCES_TEXT_MAX)
		return -E2BIG;
	if (memchr(text.p, '\0', text.n))
		return -EBADMSG;
	copy = arena_strndup(d->arena, text.p, text.n);
	if (!copy)
		return -ENOMEM;
	*ret_text = copy;
	return 0;
}

static int device_field(struct decoder *d, struct slice bytes, uint32_t number)
{
	if (number != DEVICES_IDS)
		return 0;
	if (!d->counting)
		return copy_text(d, bytes, &d->pod->device_ids[d->pod->n_device_ids++]);
	if (++d->n_devices > POD_RESOURCES_DEVICES_MAX)
		return -E2BIG;
	d->pod->n_device_ids++;
	return 0;
}

static int container_field(struct decoder *d, struct slice bytes, uint32_t number)
{
	return number == CONTAINER_DEVICES ? each_field(d, bytes, device_field) : 0;
}

static int pod_field(struct decoder *d, struct slice bytes, uint32_t number)
{
	switch (number) {
	case POD_NAME:
		return d->counting ? 0 : copy_text(d, bytes, &d->pod->name);
	case POD_NAMESPACE:
		return d->counting ? 0 : copy_text(d, bytes, &d->pod->pod_namespace);
	case POD_CONTAINERS:
		return each_field(d, bytes, container_field);
	default:
		return 0;
	}
}

static int count_pod(struct decoder *d, struct slice bytes, uint32_t number)
{
	if (number == RESPONSE_PODS && ++d->n_pods > POD_RESOURCES_PODS_MAX)
		return -E2BIG;
	return 0;
}

static int decode_pod(struct decoder *d, struct slice bytes, uint32_t number)
{
	int r;

	if (number != RESPONSE_PODS)
		return 0;
	d->pod = &d->pods[d->n_pods++];
	*d->pod = (struct pod_resources){ .name = "", .pod_namespace = "" };
	d->counting = true;
	r = each_field(d, bytes, pod_field);
	if (r < 0)
		return r;
	d->pod->device_ids = ARENA_ARRAY(d->arena, const char *, d->pod->n_device_ids + 1);
	if (!d->pod->device_ids)
		return -ENOMEM;
	d->counting = false;
	d->pod->n_device_ids = 0;
	return each_field(d, bytes, pod_field);
}

int pod_resources_decode(struct slice message, struct arena *arena, struct pod_resources **ret_pods,
	size_t *ret_n, struct err *err)
{
	struct decoder d = { .arena = arena };
	int r = each_field(&d, message, count_pod);

	if (r >= 0) {
		d.pods = ARENA_ARRAY(arena, struct pod_resources, d.n_pods + 1);
		d.n_pods = 0;
		r = d.pods ? each_field(&d, message, decode_pod) : -ENOMEM;
	}
	if (r == -EBADMSG)
		return err_set(err, r, "the kubelet's answer is no list of pod resources");
	if (r == -E2BIG)
		return err_set(err, r, "the kubelet's answer is over a limit (%d pods, %d devices)",
			POD_RESOURCES_PODS_MAX, POD_RESOURCES_DEVICES_MAX);
	if (r < 0)
		return err_errno(err, r, "the kubelet's answer");
	*ret_pods = d.pods;
	*ret_n = d.n_pods;
	return 0;
}

int pod_resources_list(struct http_client *client, const char *socket, int64_t timeout_ms,
	int cancel_fd, struct arena *arena, struct pod_resources **ret_pods, size_t *ret_n,
	struct err *err)
{
	CLEANUP(buffer_done) struct buffer message;
	const struct grpc_call call = {
		.unix_socket = socket,
		.method = "/v1.PodResourcesLister/List",
		.timeout_ms = timeout_ms,
		.max_reply_bytes = POD_RESOURCES_MAX_BYTES,
		.cancel_fd = cancel_fd,
	};
	int r;

	buffer_init(&message, POD_RESOURCES_MAX_BYTES);
	r = grpc_call(client, &call, &message, err);
	if (r < 0)
		return r;
	return pod_resources_decode(
		(struct slice){ buffer_text(&message), message.len }, arena, ret_pods, ret_n, err);
}
