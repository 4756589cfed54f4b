// SPDX-License-Identifier: Apache-2.0
/* Answers of the load balancer itself (spec lb-and-proxies.md 2.13). */
#include "format/json_writer.h"
#include "lb/visit.h"

static const struct {
	int status;
	const char *type, *text; /* text NULL: the detail */
} replies[N_REPLIES] = {
	[REPLY_CLUSTER] = { 400, "bad_request",
		"invalid cluster ID. Set cluster ID using X-Ceems-Cluster-Id header in Prometheus "
		"datasource." },
	[REPLY_USER] = { 401, "unauthorized",
		"no user header found. Make sure to set send_user_header = true in [dataproxy] "
		"section of Grafana configuration file." },
	[REPLY_RESOURCE] = { 403, "forbidden", "user do not have permissions to this resource" },
	[REPLY_UNITS] = { 403, "forbidden", "user do not have permissions to view unit metrics" },
	[REPLY_MALFORMED] = { 400, "bad_request", NULL },
	[REPLY_TOO_LARGE] = { 413, "bad_request", NULL },
	[REPLY_TOO_MANY] = { 429, "too_many_requests",
		"too many requests of this user at the same time" },
	[REPLY_UNAVAILABLE] = { 503, NULL, NULL },
};

static void member(struct json_writer *w, const char *name, const char *text)
{
	json_writer_key(w, name);
	json_writer_string(w, text);
}

/* detail is a member of its own: scripts and tests compare the sentence that the reference says. */
static void write_body(struct buffer *out, enum reply reply, const char *detail)
{
	struct json_writer w = json_writer(out);
	const char *text = replies[reply].text;

	json_writer_open_object(&w);
	member(&w, "status", "error");
	json_writer_key(&w, "data");
	json_writer_null(&w);
	member(&w, "errorType", replies[reply].type);
	member(&w, "error", text ? text : detail ? detail : "malformed request");
	if (text && detail)
		member(&w, "detail", detail);
	json_writer_close_object(&w);
	buffer_putc(out, '\n');
}

void visit_refuse(struct visit *v, enum reply reply, const char *reason, const char *detail)
{
	static const char *const nosniff[] = { "X-Content-Type-Options: nosniff", NULL };
	CLEANUP(buffer_done) struct buffer body = { 0 };

	v->outcome = OUTCOME_REFUSED;
	v->reason = reason;
	v->detail = detail;
	if (replies[reply].type)
		write_body(&body, reply, detail);
	if (!replies[reply].type || buffer_error(&body)) {
		exchange_answer(v->x, 503, "text/plain; charset=utf-8", nosniff,
			SLICE("Service not available\n"));
		return;
	}
	exchange_answer(v->x, replies[reply].status, "application/json", nosniff,
		(struct slice){ body.data, body.len });
}

void visit_refuse_for_memory(struct visit *v)
{
	if (exchange_arena(v->x)->over_limit)
		visit_refuse(v, REPLY_TOO_LARGE, "too_large",
			"the request takes more memory than one may have");
	else
		visit_refuse(v, REPLY_UNAVAILABLE, "memory", NULL);
}

void visit_answer(struct visit *v, const char *content_type, struct slice body)
{
	v->outcome = OUTCOME_ANSWERED;
	exchange_answer(v->x, 200, content_type, NULL, body);
}
