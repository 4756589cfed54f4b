// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_object.h"

#include <errno.h>
#include <stdlib.h>

enum { CODE_GONE = 410 };

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int load(struct slice text, const char *what, json_t **ret_root, struct err *err)
{
	json_error_t why;
	json_t *root = json_loadb(text.n ? text.p : "", text.n, 0, &why);

	if (!root && json_error_code(&why) == json_error_out_of_memory)
		return err_errno(err, -ENOMEM, "%s", what);
	if (!root)
		return err_set(err, -EBADMSG, "%s is no JSON: %s", what, why.text);
	if (!json_is_object(root)) {
		json_decref(root);
		return err_set(err, -EBADMSG, "%s is no JSON object", what);
	}
	*ret_root = root;
	return 0;
}

static int object_from(const json_t *json, struct kube_object *ret_object)
{
	const json_t *meta = json_object_get(json, "metadata");

	if (!json_is_object(meta))
		return -EBADMSG;
	*ret_object = (struct kube_object){
		.name = text_of(meta, "name"),
		.object_namespace = text_of(meta, "namespace"),
		.uid = text_of(meta, "uid"),
		.resource_version = text_of(meta, "resourceVersion"),
		.json = json,
	};
	return 0;
}

const char *kube_object_annotation(const struct kube_object *object, const char *name)
{
	const json_t *meta = json_object_get(object->json, "metadata");

	return json_string_value(json_object_get(json_object_get(meta, "annotations"), name));
}

void kube_page_done(struct kube_page *page)
{
	free(page->resource_version);
	free(page->continuation);
	*page = (struct kube_page){ 0 };
}

static int each_item(const json_t *items, kube_object_fn each, void *ctx, struct err *err)
{
	size_t i;
	const json_t *item;

	json_array_foreach((json_t *)items, i, item)
	{
		struct kube_object object;
		int r = object_from(item, &object);

		if (r < 0)
			return err_set(err, r, "item %zu of the list has no metadata", i);
		r = each(ctx, &object);
		if (r < 0)
			return err_errno(err, r, "item %zu of the list", i);
	}
	return 0;
}

int kube_page_read(struct slice text, kube_object_fn each, void *ctx, struct kube_page *ret_page,
	struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	CLEANUP(kube_page_done) struct kube_page page = { 0 };
	const json_t *meta, *items;
	int r = load(text, "the list", &root, err);

	if (r < 0)
		return r;
	meta = json_object_get(root, "metadata");
	items = json_object_get(root, "items");
	/* Go writes an empty list as null, when it is not careful. */
	if ((meta && !json_is_object(meta)) || !(json_is_array(items) || json_is_null(items)))
		return err_set(err, -EBADMSG, "the answer is no list of the Kubernetes API");
	page.resource_version = strndup(text_of(meta, "resourceVersion"), KUBE_TOKEN_MAX);
	page.continuation = strndup(text_of(meta, "continue"), KUBE_TOKEN_MAX);
	if (!page.resource_version || !page.continuation)
		return err_errno(err, -ENOMEM, "the list");
	r = each_item(items, each, ctx, err);
	if (r < 0)
		return r;
	*ret_page = page;
	page = (struct kube_page){ 0 };
	return 0;
}

static void copy_printable(const char *text, char out[static KUBE_MESSAGE_MAX])
{
	size_t n = 0;

	for (; *text && n < KUBE_MESSAGE_MAX - 1; text++)
		out[n++] = (char)((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
	out[n] = '\0';
}

static int error_event(const json_t *status, struct err *err)
{
	const json_int_t code = json_integer_value(json_object_get(status, "code"));
	char message[KUBE_MESSAGE_MAX];

	copy_printable(text_of(status, "message"), message);
	return err_set(err, code == CODE_GONE ? -ESTALE : -EREMOTEIO,
		"the server ended the watch with code %lld: %s", (long long)code, message);
}

int kube_event_read(struct slice text, kube_event_fn each, void *ctx, struct err *err)
{
	static const char *const types[] = { [KUBE_ADDED] = "ADDED",
		[KUBE_MODIFIED] = "MODIFIED",
		[KUBE_DELETED] = "DELETED",
		[KUBE_BOOKMARK] = "BOOKMARK" };
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct kube_object object;
	const json_t *json;
	const char *type;
	int r = load(text, "the event", &root, err);

	if (r < 0)
		return r;
	type = json_string_value(json_object_get(root, "type"));
	json = json_object_get(root, "object");
	if (!type || !json_is_object(json))
		return err_set(err, -EBADMSG, "the answer is no event of a watch");
	if (str_eq(type, "ERROR"))
		return error_event(json, err);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (!str_eq(type, types[i]))
			continue;
		r = object_from(json, &object);
		if (r < 0)
			return err_set(err, r, "the event's object has no metadata");
		r = each(ctx, (enum kube_event_type)i, &object);
		return r < 0 ? err_errno(err, r, "an event of '%s'", object.name) : 0;
	}
	return 0;
}

int kube_status_message(struct slice text, char ret_message[static KUBE_MESSAGE_MAX])
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const char *message;

	if (load(text, "", &root, NULL) < 0)
		return -EBADMSG;
	message = json_string_value(json_object_get(root, "message"));
	if (!message || !*message)
		return -EBADMSG;
	copy_printable(message, ret_message);
	return 0;
}
