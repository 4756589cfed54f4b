// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/kube_devices_json.h"

#include <errno.h>
#include <jansson.h>

#include "basic/macros.h"
#include "format/json_writer.h"
#include "format/protobuf.h"

/* Field numbers of podresources/v1/api.proto, as in pod_resources.c. */
enum {
	RESPONSE_PODS = 1,
	POD_NAME = 1,
	POD_NAMESPACE = 2,
	POD_CONTAINERS = 3,
	CONTAINER_NAME = 1,
	CONTAINER_DEVICES = 2,
	DEVICES_RESOURCE = 1,
	DEVICES_IDS = 2,
};

static void put_text(struct json_writer *w, const struct buffer *text)
{
	json_writer_string_n(w, buffer_text(text), text->len);
}

static void put_pod(const struct anonymiser *a, const struct pod_resources *pod,
	struct json_writer *w, struct buffer *text)
{
	json_writer_open_object(w);
	json_writer_key(w, "namespace");
	buffer_clear(text);
	anonymise_name(a, slice_from(pod->pod_namespace), text);
	put_text(w, text);
	json_writer_key(w, "name");
	buffer_clear(text);
	anonymise_name(a, slice_from(pod->name), text);
	put_text(w, text);
	json_writer_key(w, "devices");
	json_writer_open_array(w);
	for (size_t i = 0; i < pod->n_device_ids; i++) {
		buffer_clear(text);
		anonymise(a, slice_from(pod->device_ids[i]), text);
		put_text(w, text);
	}
	json_writer_close_array(w);
	json_writer_close_object(w);
}

int kube_devices_json_put(const struct anonymiser *anonymiser, const struct pod_resources *pods,
	size_t n, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct json_writer w = json_writer(out);

	json_writer_open_object(&w);
	json_writer_key(&w, "pods");
	json_writer_open_array(&w);
	for (size_t i = 0; i < n && !buffer_error(&text); i++)
		put_pod(anonymiser, &pods[i], &w, &text);
	json_writer_close_array(&w);
	json_writer_close_object(&w);
	buffer_putc(out, '\n');
	return buffer_error(&text) || buffer_error(out) ? -ENOMEM : 0;
}

static int put_member(const json_t *object, const char *key, uint32_t field, struct buffer *out)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text)
		return -EBADMSG;
	if (strlen(text) > POD_RESOURCES_TEXT_MAX)
		return -E2BIG;
	protobuf_put_string(out, field, text);
	return 0;
}

static int put_devices(const json_t *ids, struct buffer *out, size_t *n_devices)
{
	CLEANUP(buffer_done) struct buffer devices = { 0 };
	const json_t *id;
	size_t i;

	if (!json_is_array(ids))
		return -EBADMSG;
	protobuf_put_string(&devices, DEVICES_RESOURCE, "captured/device");
	json_array_foreach((json_t *)ids, i, id)
	{
		if (!json_is_string(id))
			return -EBADMSG;
		if (++*n_devices > POD_RESOURCES_DEVICES_MAX ||
			json_string_length(id) > POD_RESOURCES_TEXT_MAX)
			return -E2BIG;
		protobuf_put_string(&devices, DEVICES_IDS, json_string_value(id));
	}
	protobuf_put_bytes(out, CONTAINER_DEVICES, buffer_text(&devices), devices.len);
	return buffer_error(&devices) ? -ENOMEM : 0;
}

static int put_message(const json_t *json, struct buffer *out, size_t *n_devices)
{
	CLEANUP(buffer_done) struct buffer pod = { 0 }, container = { 0 };
	int r = put_member(json, "name", POD_NAME, &pod);

	if (r >= 0)
		r = put_member(json, "namespace", POD_NAMESPACE, &pod);
	protobuf_put_string(&container, CONTAINER_NAME, "captured");
	if (r >= 0)
		r = put_devices(json_object_get(json, "devices"), &container, n_devices);
	protobuf_put_bytes(&pod, POD_CONTAINERS, buffer_text(&container), container.len);
	protobuf_put_bytes(out, RESPONSE_PODS, buffer_text(&pod), pod.len);
	if (r >= 0 && (buffer_error(&pod) || buffer_error(&container)))
		r = -ENOMEM;
	return r;
}

int kube_devices_json_message(struct slice json, struct buffer *out)
{
	json_t *root = json_loadb(json.n ? json.p : "", json.n, 0, NULL), *pod;
	const json_t *pods = json_object_get(root, "pods");
	size_t i, n_devices = 0;
	int r = json_is_array(pods) ? 0 : -EBADMSG;

	if (r >= 0 && json_array_size(pods) > POD_RESOURCES_PODS_MAX)
		r = -E2BIG;
	if (r >= 0) {
		json_array_foreach((json_t *)pods, i, pod)
		{
			r = put_message(pod, out, &n_devices);
			if (r < 0)
				break;
		}
	}
	json_decref(root);
	return r >= 0 && buffer_error(out) ? -ENOMEM : r;
}
