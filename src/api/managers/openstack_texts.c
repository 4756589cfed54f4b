// SPDX-License-Identifier: Apache-2.0
#include "api/managers/openstack_texts.h"

#include "format/json_writer.h"

/* https://docs.openstack.org/api-ref/compute/#show-server-details, OS-EXT-STS:power_state. */
static const char *power_text(int64_t state)
{
	static const char *const texts[] = { "NOSTATE", "RUNNING", "_UNUSED", "PAUSED", "SHUTDOWN",
		"_UNUSED", "CRASHED", "SUSPENDED" };

	return state >= 0 && state < (int64_t)ARRAY_SIZE(texts) ? texts[state] : "N/A";
}

static void put_int(struct json_writer *w, const char *key, int64_t value)
{
	json_writer_key(w, key);
	json_writer_int(w, value);
}

static void put_text(struct json_writer *w, const char *key, const char *value)
{
	json_writer_key(w, key);
	json_writer_string(w, value);
}

static void put_json(struct json_writer *w, const char *key, const char *json)
{
	json_writer_key(w, key);
	json_writer_raw(w, json, strlen(json));
}

static const char *finish(const struct buffer *out, struct arena *arena)
{
	return buffer_error(out) < 0 ? NULL : arena_strndup(arena, out->data, out->len);
}

const char *openstack_allocation(const struct nova_flavor *flavor, struct arena *arena)
{
	CLEANUP(buffer_done) struct buffer out = { 0 };
	struct json_writer w = json_writer(&out);

	json_writer_open_object(&w);
	put_int(&w, "disk", flavor->disk_gib);
	put_json(&w, "extra_specs", flavor->extra_specs);
	put_int(&w, "mem", flavor->memory_mib);
	put_text(&w, "name", flavor->name);
	put_int(&w, "swap", flavor->swap_mib);
	put_int(&w, "vcpus", flavor->vcpus);
	if (flavor->vgpus > 0)
		put_int(&w, "vgpus", flavor->vgpus);
	json_writer_close_object(&w);
	return finish(&out, arena);
}

const char *openstack_tags(const struct nova_server *server, struct arena *arena)
{
	CLEANUP(buffer_done) struct buffer out = { 0 };
	struct json_writer w = json_writer(&out);

	json_writer_open_object(&w);
	put_text(&w, "az", server->zone);
	put_json(&w, "metadata", server->metadata);
	put_text(&w, "power_state", power_text(server->power_state));
	put_text(&w, "reservation_id", server->reservation_id);
	put_json(&w, "tags", server->tags);
	json_writer_close_object(&w);
	return finish(&out, arena);
}

static int64_t amount(const json_t *object, const char *key)
{
	int64_t value = (int64_t)json_integer_value(json_object_get(object, key));

	return MAX(value, 0);
}

void openstack_allocation_amounts(const char *allocation, struct openstack_amounts *ret_amounts)
{
	json_t *root = json_loads(allocation, JSON_ALLOW_NUL, NULL);

	*ret_amounts = (struct openstack_amounts){
		.vcpus = amount(root, "vcpus"),
		.memory_mib = amount(root, "mem"),
		.vgpus = amount(root, "vgpus"),
	};
	json_decref(root);
}
