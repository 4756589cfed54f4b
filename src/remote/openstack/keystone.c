// SPDX-License-Identifier: Apache-2.0
#include "remote/openstack/keystone.h"

#include <errno.h>

static int get_page(struct openstack_session *session, const char *path, const char *query,
	const char *kind, struct arena *arena, struct keystone_names *names,
	struct keystone_page *ret_page, struct err *err)
{
	const struct openstack_request request = {
		.service = "identity",
		.base_url = openstack_identity_url(session),
		.path = path,
		.query = query,
		.max_reply_bytes = KEYSTONE_REPLY_MAX_BYTES,
	};
	struct http_reply reply;
	int r = openstack_get(session, &request, &reply, err);

	if (r < 0)
		return r;
	r = keystone_parse_names((struct slice){ buffer_text(&reply.body), reply.body.len }, kind,
		arena, names, ret_page, err);
	http_reply_done(&reply);
	return r < 0 ? err_prefix(err, r, "openstack service identity: GET %s", path) : 0;
}

static int get_all(struct openstack_session *session, const char *path, const char *kind,
	struct arena *arena, struct keystone_names *ret_names, bool *ret_truncated, struct err *err)
{
	struct keystone_names names = { 0 };
	struct keystone_page page = { 0 };

	for (size_t pages = 0; pages == 0 || page.next_query; pages++) {
		const char *query = page.next_query;
		size_t before = names.n;
		int r;

		if (pages == KEYSTONE_PAGES_MAX)
			return err_set(err, -ELOOP,
				"openstack service identity: GET %s: more than %d pages", path,
				KEYSTONE_PAGES_MAX);
		r = get_page(session, path, query, kind, arena, &names, &page, err);
		if (r < 0)
			return r;
		if (page.next_query &&
			(names.n == before || (query && str_eq(query, page.next_query))))
			return err_set(err, -ELOOP,
				"openstack service identity: GET %s: the next page is the same one",
				path);
	}
	*ret_names = names;
	*ret_truncated = page.truncated;
	return 0;
}

int keystone_users(struct openstack_session *session, struct arena *arena,
	struct keystone_names *ret_users, bool *ret_truncated, struct err *err)
{
	return get_all(session, "users", "users", arena, ret_users, ret_truncated, err);
}

/* One segment of a path. */
static void append_segment(struct buffer *path, const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (; *text; text++) {
		if (strchr(plain, *text))
			buffer_putc(path, *text);
		else
			buffer_printf(path, "%%%02X", (unsigned char)*text);
	}
}

int keystone_user_projects(struct openstack_session *session, const char *user_id,
	struct arena *arena, struct keystone_names *ret_projects, struct err *err)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	bool truncated;

	buffer_puts(&path, "users/");
	append_segment(&path, user_id);
	buffer_puts(&path, "/projects");
	if (buffer_error(&path) < 0)
		return err_errno(err, -ENOMEM, "projects of user '%s'", user_id);
	return get_all(
		session, buffer_text(&path), "projects", arena, ret_projects, &truncated, err);
}
