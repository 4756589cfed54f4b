// SPDX-License-Identifier: Apache-2.0
#include "remote/openstack/nova.h"

#include <errno.h>

struct listing {
	struct openstack_session *session;
	const char *compute_url, *filter;
	const char *marker; /* NULL: the first page */
	bool small_pages;
};

static int get_page(struct listing *l, struct http_reply *ret_reply, struct err *err)
{
	CLEANUP(buffer_done) struct buffer query = { 0 };
	struct openstack_request request = {
		.service = "compute",
		.base_url = l->compute_url,
		.path = "servers/detail",
		.max_reply_bytes = NOVA_REPLY_MAX_BYTES,
	};

	buffer_puts(&query, l->filter);
	if (l->small_pages)
		buffer_printf(&query, "&limit=%d", NOVA_SMALL_PAGE);
	if (l->marker)
		buffer_printf(&query, "&marker=%s", l->marker);
	if (buffer_error(&query) < 0)
		return err_errno(err, -ENOMEM, "servers");
	request.query = query.data;
	return openstack_get(l->session, &request, ret_reply, err);
}

static int explain_page(const struct http_reply *reply, int r, struct err *err)
{
	struct slice version = openstack_header(reply, "X-OpenStack-Nova-API-Version");

	if (r == -ENOTSUP && version.n)
		err_prefix(err, r, "Nova answers in microversion %.*s",
			(int)MIN(version.n, (size_t)16), version.p);
	return err_prefix(err, r, "openstack service compute: GET servers/detail");
}

static int add_page(struct listing *l, struct arena *arena, struct nova_servers *servers,
	const char **ret_marker, struct err *err)
{
	struct http_reply reply;
	int r = get_page(l, &reply, err);

	if (r == -E2BIG && !l->small_pages) {
		l->small_pages = true;
		r = get_page(l, &reply, err);
	}
	if (r < 0)
		return r;
	r = nova_parse_servers((struct slice){ buffer_text(&reply.body), reply.body.len }, arena,
		servers, ret_marker, err);
	if (r < 0)
		r = explain_page(&reply, r, err);
	http_reply_done(&reply);
	return r;
}

/*
 * The markers of an endless listing come back sooner or later: each is compared with one that is
 * replaced ever more seldom (Brent's way to find a cycle).
 */
static int check_marker(const struct listing *l, size_t pages, const char **known, struct err *err)
{
	if (pages == NOVA_PAGES_MAX)
		return err_set(err, -ELOOP,
			"openstack service compute: GET servers/detail: more than %d pages",
			NOVA_PAGES_MAX);
	if (*known && str_eq(*known, l->marker))
		return err_set(err, -ELOOP,
			"openstack service compute: GET servers/detail: the pages begin anew");
	if ((pages & (pages - 1)) == 0)
		*known = l->marker;
	return 0;
}

int nova_servers(struct openstack_session *session, const char *compute_url, const char *filter,
	struct arena *arena, struct nova_servers *ret_servers, struct err *err)
{
	struct listing l = { .session = session, .compute_url = compute_url, .filter = filter };
	struct nova_servers servers = { 0 };
	const char *known = NULL;

	for (size_t pages = 1;; pages++) {
		int r = add_page(&l, arena, &servers, &l.marker, err);

		if (r >= 0 && l.marker)
			r = check_marker(&l, pages, &known, err);
		if (r < 0)
			return r;
		if (!l.marker)
			break;
	}
	*ret_servers = servers;
	return 0;
}
