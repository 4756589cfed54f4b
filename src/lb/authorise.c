// SPDX-License-Identifier: Apache-2.0
/*
 * The decision alone, for sites with a proxy of their own (docs/load-balancer.md). The request is
 * either behind the path, as Envoy's ext_authz sends it, or in X-Original-URI and
 * X-Original-Method, as nginx's auth_request is told to. The answer's headers say what must be sent
 * on in place of the request: what came may not go on, for it was not what was understood.
 */
#include <errno.h>

#include "format/http_head.h"
#include "lb/visit.h"

static const char prefix[] = "/-/authorize";

/* "/path?query" */
static void take_target(struct visit *v, struct slice target)
{
	const char *mark = memchr(target.p, '?', target.n);

	v->request.path = target;
	v->request.query = (struct slice){ NULL, 0 };
	if (!mark)
		return;
	v->request.path.n = (size_t)(mark - target.p);
	v->request.query = (struct slice){ mark + 1, target.n - v->request.path.n - 1 };
}

bool authorise_begin(struct visit *v)
{
	const size_t n = sizeof(prefix) - 1;
	struct slice path = v->request.path;
	const char *original, *method;

	if (path.n < n || memcmp(path.p, prefix, n) != 0 || (path.n > n && path.p[n] != '/'))
		return false;
	v->authorise = true;
	if (path.n > n) {
		v->request.path = (struct slice){ path.p + n, path.n - n };
		return false;
	}
	original = visit_header(v, "X-Original-URI");
	method = visit_header(v, "X-Original-Method");
	if (!original || *original != '/' || !method) {
		visit_refuse(v, REPLY_MALFORMED, "malformed",
			"neither a path behind /-/authorize nor headers X-Original-URI and "
			"X-Original-Method");
		return true;
	}
	if (!str_eq(method, "GET") && !str_eq(method, "HEAD")) {
		/* Servers read parameters of the body too, which is not shown here. */
		visit_refuse(v, REPLY_MALFORMED, "malformed",
			"only GET and HEAD can be decided without their body");
		return true;
	}
	take_target(v, slice_from(original));
	v->request.method = method;
	return false;
}

static bool has_form(const struct visit *v)
{
	if (v->out.rewritten)
		return v->decided.body.n;
	return exchange_has_body(v->x) && !str_eq(v->request.method, "GET") &&
		!str_eq(v->request.method, "HEAD");
}

/*
 * A form becomes a query, for the front has no body to send. -EBADMSG: it is something else, or
 * bytes of the client's choice that no query may have, line ends among them. -ENOMEM
 */
static int take_form(const struct visit *v, struct slice *query)
{
	const struct slice body = v->out.rewritten ? v->decided.body : v->request.body;
	const char *both;

	if (!has_form(v))
		return 0;
	if (v->kind != GATE_TSDB || (!v->out.rewritten && !v->body_read) || !http_is_target(body))
		return -EBADMSG;
	if (v->out.rewritten || !query->n) {
		*query = body;
		return 0;
	}
	/* Servers take the form's values first. */
	both = arena_printf(
		exchange_arena(v->x), "%.*s&%.*s", (int)body.n, body.p, (int)query->n, query->p);
	if (!both)
		return -ENOMEM;
	*query = slice_from(both);
	return 0;
}

void authorise_allow(struct visit *v)
{
	struct arena *arena = exchange_arena(v->x);
	struct slice path = v->request.path, query = v->request.query;
	const char *headers[7];
	size_t n = 0;
	int r;

	if (v->out.rewritten) {
		path = v->decided.path;
		query = v->decided.query;
	}
	r = take_form(v, &query);
	if (r == -ENOMEM) {
		visit_refuse_for_memory(v);
		return;
	}
	if (r < 0) {
		visit_refuse(v, REPLY_MALFORMED, "malformed",
			"only forms can be decided alone, and of Pyroscope's requests GET and HEAD "
			"of /pyroscope/render: no header can hold a message");
		return;
	}
	headers[n++] = arena_printf(arena, "X-Ceems-Logged-User: %s", v->user ? v->user : "");
	headers[n++] = arena_printf(arena, "X-Ceems-Path: %.*s", (int)path.n, path.p);
	headers[n++] = arena_printf(
		arena, "X-Ceems-Query: %.*s", (int)query.n, query.n ? query.p : "");
	headers[n++] = arena_printf(arena, "X-Ceems-Cluster-Id: %s", v->cluster);
	headers[n++] = v->admin ? "X-Ceems-Admin: 1" : "X-Ceems-Admin: 0";
	headers[n] = NULL;
	v->outcome = OUTCOME_ANSWERED;
	for (size_t i = 0; i < n; i++) {
		if (!headers[i]) {
			visit_refuse_for_memory(v);
			return;
		}
	}
	exchange_answer(v->x, 200, "text/plain; charset=utf-8", headers, SLICE("allowed\n"));
}
