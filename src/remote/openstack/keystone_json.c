// SPDX-License-Identifier: Apache-2.0
#include "remote/openstack/keystone_json.h"

#include <errno.h>

enum { FIRST_NAMES = 64 };

int keystone_names_add(
	struct keystone_names *names, const struct keystone_name *name, struct arena *arena)
{
	if (names->n == names->cap) {
		size_t cap = names->cap ? 2 * names->cap : FIRST_NAMES;
		struct keystone_name *v = arena_grow(
			arena, names->v, names->n, cap, sizeof(*names->v));

		if (!v)
			return -ENOMEM;
		names->v = v;
		names->cap = cap;
	}
	names->v[names->n++] = *name;
	return 0;
}

static int push(struct keystone_names *names, const json_t *item, struct arena *arena)
{
	struct keystone_name name = {
		openstack_json_text(item, "id", arena),
		openstack_json_text(item, "name", arena),
	};

	if (!name.id || !name.name)
		return -ENOMEM;
	if (!*name.id)
		return 0;
	if (names->n == KEYSTONE_NAMES_MAX)
		return -E2BIG;
	return keystone_names_add(names, &name, arena);
}

static int parse_page(const json_t *root, struct arena *arena, struct keystone_page *ret_page)
{
	const char *next = json_string_value(
		json_object_get(json_object_get(root, "links"), "next"));
	struct keystone_page page = { 0 };
	int r = next ? openstack_link_query(next, arena, &page.next_query) : 0;

	page.truncated = !next && json_is_true(json_object_get(root, "truncated"));
	if (r >= 0)
		*ret_page = page;
	return r;
}

int keystone_parse_names(struct slice text, const char *kind, struct arena *arena,
	struct keystone_names *names, struct keystone_page *ret_page, struct err *err)
{
	json_t *root, *item;
	const json_t *items;
	size_t i;
	int r = openstack_json_load(text, &root, err);

	if (r < 0)
		return r;
	items = json_object_get(root, kind);
	if (!json_is_array(items))
		r = err_set(err, -EBADMSG, "the answer has no list of %s", kind);
	json_array_foreach((json_t *)items, i, item)
	{
		if (r >= 0)
			r = push(names, item, arena);
		if (r < 0) {
			r = err_errno(err, r, "list of %s", kind);
			break;
		}
	}
	if (r >= 0) {
		r = parse_page(root, arena, ret_page);
		if (r < 0)
			err_errno(err, r, "link to the next page of %s", kind);
	}
	json_decref(root);
	return r;
}
