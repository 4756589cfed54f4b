// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_watch.h"

#include <errno.h>
#include <stdlib.h>

enum { WATCH_MARGIN_MS = 30000, MS_PER_S = 1000, PAGES_MAX = 100000 };

/* Falls back to whole objects, for servers that know no others. */
static const char LIST_METADATA[] =
	"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
static const char WATCH_METADATA[] =
	"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

struct kube_watch {
	struct kube_watch_config config;
	char *version; /* to watch from; NULL: list first */
	bool expired; /* the last watch's version was gone: a cached list may be as old */
};

int kube_watch_new(
	const struct kube_watch_config *config, struct kube_watch **ret_watch, struct err *err)
{
	struct kube_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_errno(err, -ENOMEM, "watching %s", config->path);
	w->config = *config;
	*ret_watch = w;
	return 0;
}

void kube_watch_free(struct kube_watch *w)
{
	if (!w)
		return;
	free(w->version);
	free(w);
}

static void add_parameter(struct buffer *path, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buffer_printf(path, "&%s=", name);
	kube_query_escape(path, value);
}

static void add_selectors(const struct kube_watch *w, struct buffer *path)
{
	add_parameter(path, "fieldSelector", w->config.field_selector);
	add_parameter(path, "labelSelector", w->config.label_selector);
}

/*
 * The first page may come from the server's cache when the selector keeps it short, which spares
 * etcd a scan for every node; such an answer is one page whatever the limit.
 */
static void list_path(const struct kube_watch *w, const char *continuation, struct buffer *path)
{
	const char *selector = w->config.field_selector;

	buffer_printf(path, "%s?limit=%u", w->config.path, w->config.page_limit);
	add_selectors(w, path);
	add_parameter(path, "continue", continuation);
	if (!*continuation && !w->expired && selector && *selector)
		add_parameter(path, "resourceVersion", "0");
}

static int read_page(struct kube_watch *w, int cancel_fd, struct kube_page *page, struct err *err)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	CLEANUP(buffer_done) struct buffer body = { 0 };
	struct kube_page next = { 0 };
	struct kube_request request = {
		.accept = w->config.metadata_only ? LIST_METADATA : NULL,
		.timeout_ms = w->config.list_timeout_ms,
		.max_reply_bytes = KUBE_PAGE_MAX_BYTES,
		.cancel_fd = cancel_fd,
	};
	int r;

	list_path(w, page->continuation ? page->continuation : "", &path);
	if (buffer_error(&path))
		return err_errno(err, -ENOMEM, "listing %s", w->config.path);
	request.path = buffer_text(&path);
	r = kube_client_get(w->config.client, &request, &body, err);
	if (r >= 0)
		r = kube_page_read((struct slice){ buffer_text(&body), body.len }, w->config.listed,
			w->config.ctx, &next, err);
	if (r < 0)
		return r;
	kube_page_done(page);
	*page = next;
	return 0;
}

static int list(struct kube_watch *w, int cancel_fd, struct err *err)
{
	CLEANUP(kube_page_done) struct kube_page page = { 0 };
	int r = 0;

	w->config.begin(w->config.ctx);
	for (int pages = 0; r >= 0 && (!pages || *page.continuation); pages++) {
		r = pages < PAGES_MAX ? read_page(w, cancel_fd, &page, err)
				      : err_set(err, -E2BIG, "the list has no end");
	}
	if (r >= 0 && !*page.resource_version)
		r = err_set(err, -EBADMSG, "the list has no resourceVersion");
	if (r >= 0) {
		r = w->config.end(w->config.ctx);
		if (r < 0)
			err_errno(err, r, "the list is complete");
	}
	if (r < 0)
		return err_prefix(err, r, "listing %s", w->config.path);
	w->version = TAKE(page.resource_version);
	return 1;
}

struct stream {
	struct kube_watch *w;
	struct kube_lines lines;
	struct err *err;
	bool told; /* err has the sentence */
	bool any; /* event */
};

static int on_event(void *ctx, enum kube_event_type type, const struct kube_object *object)
{
	struct stream *s = ctx;
	int r = 0;

	if (type != KUBE_BOOKMARK)
		r = s->w->config.changed(s->w->config.ctx, type, object);
	if (r < 0 || !*object->resource_version)
		return r;
	char *version = strndup(object->resource_version, KUBE_TOKEN_MAX);

	if (!version)
		return -ENOMEM;
	free(s->w->version);
	s->w->version = version;
	s->any = true;
	return 0;
}

static int on_line(void *ctx, struct slice line)
{
	struct stream *s = ctx;
	int r = kube_event_read(line, on_event, s, s->err);

	s->told |= r < 0;
	return r;
}

static int on_body(void *ctx, const void *data, size_t len)
{
	struct stream *s = ctx;
	int r = kube_lines_add(&s->lines, data, len);

	if (r == -E2BIG && !s->told)
		s->told = err_set(s->err, r, "an event is larger than %d bytes",
				  KUBE_EVENT_MAX_BYTES) < 0;
	return r;
}

static int run(struct kube_watch *w, int cancel_fd, struct stream *s, struct err *err)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	struct err transfer = { 0 };
	struct kube_request request = {
		.accept = w->config.metadata_only ? WATCH_METADATA : NULL,
		.timeout_ms = w->config.watch_ms + WATCH_MARGIN_MS,
		.max_reply_bytes = KUBE_PAGE_MAX_BYTES,
		.cancel_fd = cancel_fd,
		.on_body = on_body,
		.ctx = s,
	};
	int r;

	buffer_printf(&path, "%s?watch=true&allowWatchBookmarks=true&timeoutSeconds=%lld",
		w->config.path, (long long)(w->config.watch_ms / MS_PER_S));
	add_selectors(w, &path);
	add_parameter(&path, "resourceVersion", w->version);
	if (buffer_error(&path))
		return err_errno(err, -ENOMEM, "watching %s", w->config.path);
	request.path = buffer_text(&path);
	r = kube_client_get(w->config.client, &request, NULL, &transfer);
	if (r < 0 && !s->told && err)
		*err = transfer;
	return r;
}

/* After it the list is asked of etcd; if that doesn't help, somebody has to pause. */
static int forget(struct kube_watch *w, const struct stream *s, int r)
{
	free(w->version);
	w->version = NULL;
	if (r != -ESTALE)
		return r;
	if (w->expired && !s->any)
		return r;
	w->expired = true;
	return 1;
}

static int watch(struct kube_watch *w, int cancel_fd, struct err *err)
{
	struct stream s = { .w = w, .err = err };
	int r;

	s.lines = (struct kube_lines){ .limit = KUBE_EVENT_MAX_BYTES, .each = on_line, .ctx = &s };
	r = run(w, cancel_fd, &s, err);
	kube_lines_done(&s.lines);
	if (r >= 0 || s.any)
		w->expired = false;
	/* Whatever an event was about: it must not be missed. */
	if (r == -ESTALE || (s.told && r < 0))
		r = forget(w, &s, r);
	if (r > 0)
		return r;
	return r < 0 ? err_prefix(err, r, "watching %s", w->config.path) : 0;
}

int kube_watch_step(struct kube_watch *w, int cancel_fd, struct err *err)
{
	return w->version ? watch(w, cancel_fd, err) : list(w, cancel_fd, err);
}

static int hand_out(struct kube_lines *lines, struct slice line)
{
	line = slice_trim(line);
	return line.n ? lines->each(lines->ctx, line) : 0;
}

int kube_lines_add(struct kube_lines *lines, const void *data, size_t len)
{
	struct slice rest = { data, len };
	const char *end;

	while ((end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL)) {
		struct slice line = { rest.p, (size_t)(end - rest.p) };
		int r;

		rest.n -= line.n + 1;
		rest.p = end + 1;
		if (lines->rest.len + line.n > lines->limit)
			return -E2BIG;
		if (lines->rest.len) {
			buffer_append(&lines->rest, line.p, line.n);
			if (buffer_error(&lines->rest))
				return buffer_error(&lines->rest);
			line = (struct slice){ lines->rest.data, lines->rest.len };
		}
		r = hand_out(lines, line);
		buffer_clear(&lines->rest);
		if (r < 0)
			return r;
	}
	if (lines->rest.len + rest.n > lines->limit)
		return -E2BIG;
	if (rest.n)
		buffer_append(&lines->rest, rest.p, rest.n);
	return buffer_error(&lines->rest);
}

void kube_lines_done(struct kube_lines *lines)
{
	buffer_done(&lines->rest);
}
