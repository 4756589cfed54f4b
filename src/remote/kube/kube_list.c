// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_list.h"

#include <errno.h>

enum { PAGES_MAX = 1000000 };

/* Falls back to whole objects, for servers that know no others. */
static const char LIST_METADATA[] =
	"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

static void page_path(
	const struct kube_list *list, const char *continuation, unsigned limit, struct buffer *path)
{
	buffer_printf(path, "%s?limit=%u", list->path, limit);
	kube_query_add(path, "fieldSelector", list->field_selector);
	kube_query_add(path, "labelSelector", list->label_selector);
	kube_query_add(path, "continue", continuation);
	if (!*continuation && list->from_cache)
		kube_query_add(path, "resourceVersion", "0");
}

static int get_page(const struct kube_list *list, const char *continuation, unsigned limit,
	int cancel_fd, struct buffer *ret_body, struct err *err)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	struct kube_request request = {
		.accept = list->metadata_only ? LIST_METADATA : NULL,
		.timeout_ms = list->timeout_ms,
		.max_reply_bytes = KUBE_PAGE_MAX_BYTES,
		.cancel_fd = cancel_fd,
	};

	page_path(list, continuation, limit, &path);
	if (buffer_error(&path))
		return err_errno(err, -ENOMEM, "%s", list->path);
	request.path = buffer_text(&path);
	return kube_client_get(list->client, &request, ret_body, err);
}

/* A page that is too large is asked for again with half the objects. */
static int read_page(const struct kube_list *list, unsigned *limit, int cancel_fd,
	struct kube_page *page, struct err *err)
{
	CLEANUP(buffer_done) struct buffer body = { 0 };
	const char *continuation = page->continuation ? page->continuation : "";
	struct kube_page next = { 0 };
	int r;

	while ((r = get_page(list, continuation, *limit, cancel_fd, &body, err)) == -E2BIG &&
		*limit > 1)
		*limit /= 2;
	if (r >= 0)
		r = kube_page_read((struct slice){ buffer_text(&body), body.len }, list->each,
			list->ctx, &next, err);
	if (r < 0)
		return r;
	kube_page_done(page);
	*page = next;
	return 0;
}

int kube_list(const struct kube_list *list, int cancel_fd, char **ret_version, struct err *err)
{
	CLEANUP(kube_page_done) struct kube_page page = { 0 };
	unsigned limit = list->page_limit;
	int r = 0;

	for (int pages = 0; r >= 0 && (!pages || *page.continuation); pages++) {
		r = pages < PAGES_MAX ? read_page(list, &limit, cancel_fd, &page, err)
				      : err_set(err, -E2BIG, "the list has no end");
	}
	if (r >= 0 && ret_version)
		*ret_version = TAKE(page.resource_version);
	return r;
}
