// SPDX-License-Identifier: Apache-2.0
#include "remote/tsdb.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "remote/tsdb_reply.h"

enum { DEFAULT_TIMEOUT_MS = 120000, STATUS_ARENA_BYTES = 32 << 20 };

struct tsdb {
	char *url;
	struct http_client *http;
	int64_t timeout_ms;
	int cancel_fd;
};

DEFINE_CLEANUP(struct tsdb *, tsdb_free);

int tsdb_new(const char *url, const struct http_client_config *client, const char *user_agent,
	struct tsdb **ret_tsdb, struct err *err)
{
	CLEANUP(tsdb_freep) struct tsdb *tsdb = calloc(1, sizeof(*tsdb));
	int r;

	if (tsdb)
		tsdb->url = strdup(url);
	if (!tsdb || !tsdb->url)
		return err_errno(err, -ENOMEM, "TSDB client");
	tsdb->timeout_ms = DEFAULT_TIMEOUT_MS;
	r = http_client_new(client, user_agent, &tsdb->http, err);
	if (r < 0)
		return r;
	*ret_tsdb = TAKE(tsdb);
	return 0;
}

void tsdb_free(struct tsdb *tsdb)
{
	if (!tsdb)
		return;
	http_client_free(tsdb->http);
	free(tsdb->url);
	free(tsdb);
}

void tsdb_set_cancel_fd(struct tsdb *tsdb, int fd)
{
	tsdb->cancel_fd = fd;
}

void tsdb_set_timeout(struct tsdb *tsdb, int64_t timeout_ms)
{
	tsdb->timeout_ms = timeout_ms;
}

/* GET carries the parameters in the URL, POST as a form. */
static int send_call(struct tsdb *tsdb, const char *method, const char *path,
	const struct buffer *params, struct http_reply *ret_reply, struct err *err)
{
	static const char *const form[] = { "Content-Type: application/x-www-form-urlencoded",
		NULL };
	CLEANUP(buffer_done) struct buffer url = { 0 };
	bool post = str_eq(method, "POST");
	struct http_call call = {
		.method = method,
		.timeout_ms = tsdb->timeout_ms,
		.max_response_bytes = TSDB_REPLY_MAX_BYTES,
		.cancel_fd = tsdb->cancel_fd,
	};
	int r;

	r = url_join(tsdb->url, path, &url);
	if (r < 0)
		return err_errno(err, r, "address of the TSDB");
	if (post) {
		call.headers = form;
		call.body = params->data;
		call.body_len = params->len;
	} else if (params->len) {
		buffer_putc(&url, '?');
		buffer_append(&url, params->data, params->len);
	}
	if (buffer_error(&url) < 0 || buffer_error(params) < 0)
		return err_errno(err, -ENOMEM, "request to the TSDB");
	call.url = buffer_text(&url);
	return http_client_call(tsdb->http, &call, ret_reply, err);
}

/*
 * What the status means to callers: -EINVAL a request that no retry mends, -EACCES wrong
 * credentials, -ENOENT no such endpoint, -EIO a server in trouble. VictoriaMetrics has 422 for
 * what took it too long, too.
 */
static int status_errno(int status, const char *why)
{
	switch (status) {
	case 400:
		return -EINVAL;
	case 422:
		return strstr(why, "timeout exceeded") ? -EIO : -EINVAL;
	case 401:
	case 403:
		return -EACCES;
	case 404:
	case 405:
		return -ENOENT;
	default:
		return -EIO;
	}
}

static int check_status(const struct http_reply *reply, struct err *err)
{
	struct arena arena;
	const char *why;
	int r;

	if (reply->status >= 200 && reply->status < 300)
		return 0;
	arena_init(&arena, STATUS_ARENA_BYTES);
	why = tsdb_reply_error(
		(struct slice){ buffer_text(&reply->body), reply->body.len }, &arena);
	r = err_set(err, status_errno(reply->status, why), "HTTP status %d%s%s", reply->status,
		*why ? ": " : "", why);
	arena_done(&arena);
	return r;
}

static bool wants_get(int status)
{
	return status == 403 || status == 405 || status == 501;
}

enum call_form { CALL_GET, CALL_POST, CALL_POST_OR_GET };

/* The whole exchange; the sentence names what was asked and of whom. */
static int ask(struct tsdb *tsdb, enum call_form form, const char *path,
	const struct buffer *params, struct http_reply *ret_reply, struct err *err)
{
	CLEANUP(buffer_done) struct buffer shown = { 0 };
	struct http_reply reply = { 0 };
	int r;

	r = send_call(tsdb, form == CALL_GET ? "GET" : "POST", path, params, &reply, err);
	if (r >= 0 && form == CALL_POST_OR_GET && wants_get(reply.status)) {
		http_reply_done(&reply);
		reply = (struct http_reply){ 0 };
		r = send_call(tsdb, "GET", path, params, &reply, err);
	}
	if (r >= 0)
		r = check_status(&reply, err);
	if (r < 0) {
		http_reply_done(&reply);
		url_redact(tsdb->url, &shown);
		return err_prefix(err, r, "TSDB %s, %s", buffer_text(&shown), path);
	}
	*ret_reply = reply;
	return 0;
}

static struct slice body_of(const struct http_reply *reply)
{
	return (struct slice){ buffer_text(&reply->body), reply->body.len };
}

int tsdb_global_intervals(struct tsdb *tsdb, struct tsdb_settings *settings, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	struct buffer none = { 0 };
	struct arena arena;
	int r;

	r = ask(tsdb, CALL_GET, "api/v1/status/config", &none, &reply, err);
	if (r < 0)
		return r;
	arena_init(&arena, STATUS_ARENA_BYTES);
	r = tsdb_reply_config(body_of(&reply), &arena, settings, err);
	arena_done(&arena);
	return r;
}

/* One of the status pages; a server that doesn't have it (VictoriaMetrics answers 400) tells
 * nothing. */
static int ask_status(struct tsdb *tsdb, const char *path,
	int (*decode)(struct slice json, struct tsdb_settings *settings, struct err *err),
	struct tsdb_settings *settings, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	struct buffer none = { 0 };
	int r;

	r = ask(tsdb, CALL_GET, path, &none, &reply, err);
	if (r == -EINVAL || r == -ENOENT)
		return 0;
	return r < 0 ? r : decode(body_of(&reply), settings, err);
}

int tsdb_settings(struct tsdb *tsdb, struct tsdb_settings *settings, struct err *err)
{
	struct tsdb_settings found = { 0 };
	int r;

	r = tsdb_global_intervals(tsdb, &found, err);
	if (r >= 0)
		r = ask_status(tsdb, "api/v1/status/flags", tsdb_reply_flags, &found, err);
	if (r >= 0)
		r = ask_status(
			tsdb, "api/v1/status/runtimeinfo", tsdb_reply_runtimeinfo, &found, err);
	if (r >= 0)
		*settings = found;
	return r;
}

static void append_time(struct buffer *params, const char *name, double seconds)
{
	char text[40];

	snprintf(text, sizeof(text), "%.3f", seconds);
	url_append_param(params, name, text);
}

static void append_matchers(
	struct buffer *params, const char *const *matchers, size_t n, double start, double end)
{
	for (size_t i = 0; i < n; i++)
		url_append_param(params, "match[]", matchers[i]);
	if (start >= 0)
		append_time(params, "start", start);
	if (end >= 0)
		append_time(params, "end", end);
}

int tsdb_series_find(struct tsdb *tsdb, const char *const *matchers, size_t n_matchers,
	double start, double end, struct arena *arena, struct tsdb_series **ret_series,
	size_t *ret_n, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer params = { 0 };
	int r;

	append_matchers(&params, matchers, n_matchers, start, end);
	r = ask(tsdb, CALL_POST_OR_GET, "api/v1/series", &params, &reply, err);
	if (r < 0)
		return r;
	return tsdb_reply_series(body_of(&reply), arena, ret_series, ret_n, err);
}

int tsdb_label_values(struct tsdb *tsdb, const char *label, const char *matcher, double start,
	double end, struct arena *arena, struct strings *ret_values, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer params = { 0 };
	const char *path = arena_printf(arena, "api/v1/label/%s/values", label);
	int r;

	if (!path)
		return err_errno(err, -ENOMEM, "values of label '%s'", label);
	append_matchers(&params, &matcher, matcher ? 1 : 0, start, end);
	r = ask(tsdb, CALL_GET, path, &params, &reply, err);
	if (r < 0)
		return r;
	return tsdb_reply_strings(body_of(&reply), arena, ret_values, err);
}

int tsdb_targets(struct tsdb *tsdb, struct arena *arena, struct tsdb_target **ret_targets,
	size_t *ret_n, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer params = { 0 };
	int r;

	url_append_param(&params, "state", "active");
	r = ask(tsdb, CALL_GET, "api/v1/targets", &params, &reply, err);
	if (r < 0)
		return r;
	return tsdb_reply_targets(body_of(&reply), arena, ret_targets, ret_n, err);
}

int tsdb_recording_rules(struct tsdb *tsdb, struct arena *arena, struct tsdb_rule **ret_rules,
	size_t *ret_n, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer params = { 0 };
	int r;

	url_append_param(&params, "type", "record");
	r = ask(tsdb, CALL_GET, "api/v1/rules", &params, &reply, err);
	if (r < 0)
		return r;
	return tsdb_reply_rules(body_of(&reply), arena, ret_rules, ret_n, err);
}

int tsdb_query(struct tsdb *tsdb, const char *query, double time, int64_t lookback_ms,
	struct arena *arena, struct tsdb_sample **ret_samples, size_t *ret_n, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer params = { 0 };
	char lookback[32];
	int r;

	url_append_param(&params, "query", query);
	append_time(&params, "time", time);
	if (lookback_ms > 0) {
		snprintf(lookback, sizeof(lookback), "%lldms", (long long)lookback_ms);
		url_append_param(&params, "lookback_delta", lookback);
		/* Prometheus ignores it; VictoriaMetrics takes it for subqueries, 5m otherwise. */
		url_append_param(&params, "step", lookback);
	}
	r = ask(tsdb, CALL_POST_OR_GET, "api/v1/query", &params, &reply, err);
	if (r < 0)
		return r;
	return tsdb_reply_vector(body_of(&reply), arena, ret_samples, ret_n, err);
}

int tsdb_query_range(struct tsdb *tsdb, const char *query, const struct tsdb_span *span,
	int64_t lookback_ms, struct arena *arena, struct tsdb_range **ret_ranges, size_t *ret_n,
	struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer params = { 0 };
	char text[32];
	int r;

	url_append_param(&params, "query", query);
	append_time(&params, "start", span->start);
	append_time(&params, "end", span->end);
	append_time(&params, "step", (double)span->step_ms / 1000);
	if (lookback_ms > 0) {
		snprintf(text, sizeof(text), "%lldms", (long long)lookback_ms);
		url_append_param(&params, "lookback_delta", text);
	}
	r = ask(tsdb, CALL_POST_OR_GET, "api/v1/query_range", &params, &reply, err);
	if (r < 0)
		return r;
	return tsdb_reply_matrix(body_of(&reply), arena, ret_ranges, ret_n, err);
}

/*
 * A selector whose every label matcher asks for something: '{uuid=~""}' or '{uuid=~"a|"}' also
 * picks each series that has no such label, which is nearly the whole database.
 */
static bool selector_is_narrow(const char *selector)
{
	const char *p = selector;
	bool named = *p && *p != '{';
	size_t n = 0;

	while ((p = strchr(p, '"'))) {
		const char *value = ++p;
		bool negative = value - selector >= 3 && (value[-3] == '!' || value[-2] == '!');

		while (*p && *p != '"')
			p += p[0] == '\\' && p[1] ? 2 : 1;
		if (!*p)
			return false;
		if (!negative &&
			(p == value || *value == '|' || p[-1] == '|' ||
				memmem(value, (size_t)(p - value), "||", 2) ||
				(p - value == 2 && !memcmp(value, ".*", 2))))
			return false;
		n += !negative;
		p++;
	}
	return named || n > 0;
}

int tsdb_delete_series(struct tsdb *tsdb, const char *const *matchers, size_t n_matchers,
	double start, double end, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer params = { 0 };

	for (size_t i = 0; i < n_matchers; i++)
		if (!selector_is_narrow(matchers[i]))
			return err_set(err, -EINVAL,
				"series are not deleted: '%s' would match too many", matchers[i]);
	if (!n_matchers)
		return err_set(err, -EINVAL, "series are not deleted: no matcher");
	append_matchers(&params, matchers, n_matchers, start, end);
	return ask(tsdb, CALL_POST, "api/v1/admin/tsdb/delete_series", &params, &reply, err);
}
