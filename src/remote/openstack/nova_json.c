// SPDX-License-Identifier: Apache-2.0
#include "remote/openstack/nova_json.h"

#include <errno.h>

#include "basic/civil.h"

enum {
	FIRST_SERVERS = 64,
	US_PER_S = 1000000,
	NS_PER_US = 1000,
	MARKER_MAX = 256,
};

/* Far above what there is, and so small that products with seconds stay exact in a double. */
static const int64_t amount_max = (int64_t)1 << 31;

/*
 * 2031-04-09T06:10:00, with or without fraction and offset. Nova's times are UTC and say so by a Z
 * or not at all; the wall time is taken as it is. 0 for what is none.
 */
static int64_t parse_time(const json_t *value)
{
	const char *text = json_string_value(value);
	struct slice rest = slice_from(text ? text : "");
	struct tm tm = { 0 };
	uint32_t ns;
	int offset;

	if (!civil_take_date(&rest, &tm) || !civil_take_char(&rest, 'T') ||
		!civil_take_minute(&rest, &tm) || !civil_take_second(&rest, &tm) ||
		!civil_take_fraction(&rest, &ns))
		return 0;
	if (rest.n && !civil_take_char(&rest, 'Z') && !civil_take_offset(&rest, true, &offset))
		return 0;
	if (rest.n)
		return 0;
	return (int64_t)timegm(&tm) * US_PER_S + ns / NS_PER_US;
}

/* A number, or one in a string; 0 for all else. */
static int64_t parse_amount(const json_t *value)
{
	int64_t amount = 0;

	if (json_is_integer(value))
		amount = json_integer_value(value);
	else if (json_is_string(value) &&
		slice_to_i64(slice_from(json_string_value(value)), &amount) < 0)
		amount = 0;
	return MIN(MAX(amount, 0), amount_max);
}

static int parse_flavor(const json_t *json, struct arena *arena, struct nova_flavor *flavor)
{
	const json_t *specs = json_object_get(json, "extra_specs");

	*flavor = (struct nova_flavor){
		.name = openstack_json_text(json, "original_name", arena),
		.extra_specs = openstack_json_sorted(
			json_is_object(specs) ? specs : NULL, "{}", arena),
		.vcpus = parse_amount(json_object_get(json, "vcpus")),
		.memory_mib = parse_amount(json_object_get(json, "ram")),
		.disk_gib = parse_amount(json_object_get(json, "disk")),
		.swap_mib = parse_amount(json_object_get(json, "swap")),
		.vgpus = parse_amount(json_object_get(specs, "resources:VGPU")),
	};
	return flavor->name && flavor->extra_specs ? 0 : -ENOMEM;
}

static int check_flavor(const struct nova_server *server, const json_t *flavor, struct err *err)
{
	if (json_object_get(flavor, "vcpus"))
		return 0;
	if (str_eq(server->status, "UNKNOWN"))
		return err_set(err, -EAGAIN,
			"a cell of Nova is down, the details of server '%s' are not known",
			server->id);
	return err_set(err, -ENOTSUP,
		"servers have no details of their flavor, which Nova tells from microversion 2.47 "
		"on (OpenStack Pike)");
}

static int parse_server(
	const json_t *json, struct arena *arena, struct nova_server *s, struct err *err)
{
	const json_t *flavor = json_object_get(json, "flavor");
	const json_t *power = json_object_get(json, "OS-EXT-STS:power_state");
	const json_t *metadata = json_object_get(json, "metadata");
	const json_t *tags = json_object_get(json, "tags");
	int r;

	*s = (struct nova_server){
		.id = openstack_json_text(json, "id", arena),
		.project_id = openstack_json_text(json, "tenant_id", arena),
		.user_id = openstack_json_text(json, "user_id", arena),
		.name = openstack_json_text(json, "name", arena),
		.status = openstack_json_text(json, "status", arena),
		.zone = openstack_json_text(json, "OS-EXT-AZ:availability_zone", arena),
		.reservation_id = openstack_json_text(
			json, "OS-EXT-SRV-ATTR:reservation_id", arena),
		.metadata = openstack_json_sorted(
			json_is_object(metadata) ? metadata : NULL, "{}", arena),
		.tags = openstack_json_sorted(json_is_array(tags) ? tags : NULL, "[]", arena),
		.created_us = parse_time(json_object_get(json, "created")),
		.updated_us = parse_time(json_object_get(json, "updated")),
		.launched_us = parse_time(json_object_get(json, "OS-SRV-USG:launched_at")),
		.terminated_us = parse_time(json_object_get(json, "OS-SRV-USG:terminated_at")),
		.power_state = json_is_integer(power) ? json_integer_value(power)
						      : NOVA_POWER_UNKNOWN,
	};
	if (!s->id || !s->project_id || !s->user_id || !s->name || !s->status || !s->zone ||
		!s->reservation_id || !s->metadata || !s->tags)
		return err_errno(err, -ENOMEM, "server");
	r = parse_flavor(flavor, arena, &s->flavor);
	if (r < 0)
		return err_errno(err, r, "server '%s'", s->id);
	return *s->id ? check_flavor(s, flavor, err) : 0;
}

static int push(
	struct nova_servers *servers, const json_t *item, struct arena *arena, struct err *err)
{
	int r;

	if (servers->n == NOVA_SERVERS_MAX)
		return err_set(err, -E2BIG, "more than %d servers", NOVA_SERVERS_MAX);
	if (servers->n == servers->cap) {
		size_t cap = servers->cap ? 2 * servers->cap : FIRST_SERVERS;
		struct nova_server *v = arena_grow(
			arena, servers->v, servers->n, cap, sizeof(*servers->v));

		if (!v)
			return err_errno(err, -ENOMEM, "%zu servers", servers->n);
		servers->v = v;
		servers->cap = cap;
	}
	r = parse_server(item, arena, &servers->v[servers->n], err);
	if (r >= 0 && *servers->v[servers->n].id)
		servers->n++;
	return r;
}

static bool is_marker(struct slice marker)
{
	for (size_t i = 0; i < marker.n; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%",
			    marker.p[i]))
			return false;
	return marker.n && marker.n <= MARKER_MAX;
}

/* The marker in the link to the next page, or else what it is according to the documentation: the
 * id of the last server of this one. */
static int find_marker(const json_t *root, const char *last_id, struct arena *arena,
	const char **ret_marker, struct err *err)
{
	const json_t *links = json_object_get(root, "servers_links"), *link;
	const char *query = "", *href = NULL;
	struct slice marker;
	size_t i;

	json_array_foreach((json_t *)links, i, link)
	{
		const char *rel = json_string_value(json_object_get(link, "rel"));

		if (rel && str_eq(rel, "next"))
			href = json_string_value(json_object_get(link, "href"));
	}
	*ret_marker = NULL;
	if (!href)
		return 0;
	if (openstack_link_query(href, arena, &query) == -ENOMEM)
		return err_errno(err, -ENOMEM, "servers");
	if (!openstack_query_param(query, "marker", &marker))
		marker = slice_from(last_id);
	if (!is_marker(marker))
		return err_set(err, -EBADMSG, "the link to the next page of servers has no marker");
	*ret_marker = arena_strndup(arena, marker.p, marker.n);
	return *ret_marker ? 0 : err_errno(err, -ENOMEM, "servers");
}

int nova_parse_servers(struct slice text, struct arena *arena, struct nova_servers *servers,
	const char **ret_marker, struct err *err)
{
	json_t *root, *item;
	const json_t *items;
	size_t i, before = servers->n;
	int r = openstack_json_load(text, &root, err);

	if (r < 0)
		return r;
	items = json_object_get(root, "servers");
	if (!json_is_array(items))
		r = err_set(err, -EBADMSG, "the answer has no list of servers");
	json_array_foreach((json_t *)items, i, item)
	{
		if (r >= 0)
			r = push(servers, item, arena, err);
	}
	if (r >= 0)
		r = find_marker(root, servers->n > before ? servers->v[servers->n - 1].id : "",
			arena, ret_marker, err);
	json_decref(root);
	return r;
}
