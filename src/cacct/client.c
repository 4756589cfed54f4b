// SPDX-License-Identifier: Apache-2.0
#include "cacct/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "basic/clock.h"
#include "basic/macros.h"
#include "basic/str.h"
#include "config.h"

enum { NS_PER_MS = 1000000 };

DEFINE_CLEANUP(struct http_client *, http_client_free);

struct asker {
	const struct settings *settings;
	const struct question *question;
	struct http_client *http;
	struct arena *arena;
};

bool question_needs_admin(const struct question *q)
{
	return q->users.n > 0 && !(q->users.n == 1 && str_eq(q->users.v[0], q->user));
}

static void append_all(struct buffer *query, const char *name, const struct strings *values)
{
	for (size_t i = 0; i < values->n; i++)
		url_append_param(query, name, values->v[i]);
}

static void append_common(struct buffer *query, const struct asker *a)
{
	const struct question *q = a->question;
	char from[32], to[32];

	snprintf(from, sizeof(from), "%lld", (long long)q->from);
	snprintf(to, sizeof(to), "%lld", (long long)q->to);
	if (*a->settings->cluster_id)
		url_append_param(query, "cluster_id", a->settings->cluster_id);
	url_append_param(query, "from", from);
	url_append_param(query, "to", to);
	for (int i = 0; i < N_FIELDS; i++) {
		if (q->fields[i])
			url_append_param(query, "field", fields[i].api);
	}
}

static void append_filters(struct buffer *query, const struct asker *a)
{
	append_all(query, "project", &a->question->accounts);
	append_all(query, "uuid", &a->question->jobs);
	if (question_needs_admin(a->question))
		append_all(query, "user", &a->question->users);
}

/* A server that wants other credentials than the configured ones says how to give them. */
static bool asks_for_login(const struct http_reply *reply)
{
	struct slice rest = { buffer_text(&reply->headers), reply->headers.len }, line;
	static const char name[] = "www-authenticate:";

	while (slice_next_line(&rest, &line)) {
		if (line.n >= sizeof(name) - 1 && strncasecmp(line.p, name, sizeof(name) - 1) == 0)
			return true;
	}
	return false;
}

static int refused(const struct asker *a, const struct http_reply *reply, struct err *err)
{
	if (reply->status == 401 && asks_for_login(reply))
		return err_set(err, -EACCES,
			"forbidden. the API server does not accept the credentials in %s",
			a->settings->path);
	if (question_needs_admin(a->question))
		return err_set(err, -EACCES,
			"forbidden. statistics of other users were requested, which only "
			"administrators may see");
	return err_set(
		err, -EACCES, "forbidden. the API server refuses user '%s'", a->question->user);
}

static int ask(struct asker *a, const char *path, const struct buffer *query,
	struct records *ret_records, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer url = { 0 };
	const int64_t left_ms = (a->question->deadline_ns - clock_monotonic_ns(clock_system())) /
		NS_PER_MS;
	const char *headers[] = { arena_printf(a->arena, "%s: %s", a->settings->user_header_name,
					  a->question->user),
		NULL };
	struct http_call call = { .method = "GET",
		.headers = headers,
		.timeout_ms = left_ms,
		.max_response_bytes = REPLY_MAX_BYTES };
	int r;

	if (left_ms <= 0)
		return err_set(err, -ETIMEDOUT, "the API server did not answer within 60 s");
	r = url_join(a->settings->url, path, &url);
	buffer_putc(&url, '?');
	buffer_append(&url, buffer_text(query), query->len);
	if (r < 0 || buffer_error(query) || buffer_error(&url) || !headers[0])
		return err_errno(err, r < 0 ? r : -ENOMEM, "the address of the API server");
	call.url = buffer_text(&url);
	r = http_client_call(a->http, &call, &reply, err);
	if (r < 0)
		return err_prefix(err, r, "asking the API server");
	if (reply.status == 401 || reply.status == 403)
		return refused(a, &reply, err);
	r = reply_decode(buffer_text(&reply.body), reply.body.len, a->arena, ret_records, err);
	if (r == -EREMOTEIO)
		return err_prefix(err, r, "the API server returned no data");
	if (r < 0)
		return err_prefix(err, r,
			"the answer of the API server (HTTP status %d) makes no sense",
			reply.status);
	return 0;
}

static int ask_units(struct asker *a, struct records *ret_units, struct err *err)
{
	CLEANUP(buffer_done) struct buffer query = { 0 };

	append_common(&query, a);
	url_append_param(&query, "field", "started_at_ts");
	url_append_param(&query, "field", "ended_at_ts");
	append_filters(&query, a);
	return ask(a, question_needs_admin(a->question) ? "api/v1/units/admin" : "api/v1/units",
		&query, ret_units, err);
}

static int ask_usage(struct asker *a, struct records *ret_usages, struct err *err)
{
	CLEANUP(buffer_done) struct buffer query = { 0 };

	append_common(&query, a);
	url_append_param(&query, "field", "username");
	url_append_param(&query, "field", "num_units");
	if (a->question->fields[FIELD_ELAPSED])
		url_append_param(&query, "field", "total_time_seconds");
	append_filters(&query, a);
	return ask(a,
		question_needs_admin(a->question) ? "api/v1/usage/current/admin"
						  : "api/v1/usage/current",
		&query, ret_usages, err);
}

int client_ask(const struct settings *settings, const struct question *question,
	struct arena *arena, struct records *ret_units, struct records *ret_usages, struct err *err)
{
	CLEANUP(http_client_freep) struct http_client *http = NULL;
	struct asker a = { .settings = settings, .question = question, .arena = arena };
	struct records units = { 0 }, usages = { 0 };
	int r;

	r = http_client_new(&settings->client, "cacct/" CEEMS_VERSION, &http, err);
	if (r < 0)
		return err_prefix(err, r, "%s", settings->path);
	a.http = http;
	r = ask_units(&a, &units, err);
	if (r >= 0)
		r = ask_usage(&a, &usages, err);
	if (r < 0)
		return r;
	*ret_units = units;
	*ret_usages = usages;
	return 0;
}
