// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_watch.h"

#include <errno.h>
#include <stdlib.h>

enum { WATCH_MARGIN_MS = 30000, MS_PER_S = 1000 };

/* Falls back to whole objects, for servers that know no others. */
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

static int list(struct kube_watch *w, int cancel_fd, struct err *err)
{
	const struct kube_watch_config *c = &w->config;
	const struct kube_list what = {
		.client = c->client,
		.path = c->path,
		.field_selector = c->field_selector,
		.label_selector = c->label_selector,
		.metadata_only = c->metadata_only,
		/* A selector keeps it short. */
		.from_cache = !w->expired && c->field_selector && *c->field_selector,
		.page_limit = c->page_limit,
		.timeout_ms = c->list_timeout_ms,
		.each = c->listed,
		.ctx = c->ctx,
	};
	char *version = NULL;
	int r;

	c->begin(c->ctx);
	r = kube_list(&what, cancel_fd, &version, err);
	if (r >= 0) {
		r = c->end(c->ctx);
		if (r < 0)
			err_errno(err, r, "the list is complete");
	}
	if (r < 0) {
		free(version);
		return err_prefix(err, r, "listing %s", c->path);
	}
	/* Nowhere to watch from: what changes is told by the next list. */
	if (!*version) {
		free(version);
		return 0;
	}
	w->version = version;
	return 1;
}

static void heard(const struct kube_watch *w)
{
	if (w->config.heard)
		w->config.heard(w->config.ctx);
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
	if (r >= 0)
		heard(s->w);
	return r;
}

static void on_open(void *ctx)
{
	const struct stream *s = ctx;

	heard(s->w);
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
		.on_open = on_open,
		.ctx = s,
	};
	int r;

	buffer_printf(&path, "%s?watch=true&allowWatchBookmarks=true&timeoutSeconds=%lld",
		w->config.path, (long long)(w->config.watch_ms / MS_PER_S));
	kube_query_add(&path, "fieldSelector", w->config.field_selector);
	kube_query_add(&path, "labelSelector", w->config.label_selector);
	kube_query_add(&path, "resourceVersion", w->version);
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
	if (r >= 0)
		heard(w);
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

bool kube_watch_knows(const struct kube_watch *w)
{
	return w->version != NULL;
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
