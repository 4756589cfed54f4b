// SPDX-License-Identifier: Apache-2.0
#include "remote/emissions/service.h"

#include <errno.h>
#include <strings.h>

enum { REQUEST_TIMEOUT_MS = 30000 };

/* Never asked through a proxy: it would look for them on its own machine. */
static const char LOOPBACK[] = "localhost,127.0.0.0/8,::1";

static bool given(const char *text)
{
	return text && *text;
}

static int set_proxy(struct emission_service *service, const struct emission_settings *settings)
{
	const char *proxy = strncasecmp(service->base_url, "https:", 6) == 0 ? settings->https_proxy
									     : settings->http_proxy;

	if (!given(proxy))
		return 0;
	buffer_puts(&service->no_proxy, LOOPBACK);
	if (given(settings->no_proxy))
		buffer_printf(&service->no_proxy, ",%s", settings->no_proxy);
	/* One star among others means nothing to the client. */
	service->config.proxy.no_proxy = given(settings->no_proxy) &&
			str_eq(settings->no_proxy, "*")
		? "*"
		: buffer_text(&service->no_proxy);
	service->config.proxy.url = proxy;
	return buffer_error(&service->no_proxy);
}

int emission_service_init(struct emission_service *service,
	const struct emission_settings *settings, const char *base_url, const char *fallback,
	const char *username, const char *password, struct err *err)
{
	int r;

	*service = (struct emission_service){
		.base_url = given(base_url) ? base_url : fallback,
		.config = { .follow_redirects = true, .enable_http2 = true },
	};
	service->config.basic_auth.present = username;
	service->config.basic_auth.username = username;
	service->config.basic_auth.password = password;
	r = set_proxy(service, settings);
	if (r < 0)
		return err_errno(err, r, "an HTTP client");
	r = http_client_new(&service->config, settings->user_agent, &service->client, err);
	if (r >= 0)
		http_client_observe(service->client, settings->observer);
	return r;
}

void emission_service_done(struct emission_service *service)
{
	http_client_free(service->client);
	buffer_done(&service->no_proxy);
	*service = (struct emission_service){ 0 };
}

static int status_errno(int status)
{
	switch (status) {
	case 401:
	case 403:
		return -EACCES;
	case 429:
		return -EBUSY;
	default:
		return -EIO;
	}
}

int emission_service_get(struct emission_service *service, const char *path,
	const struct buffer *query, const char *const *headers, size_t max_bytes, int cancel_fd,
	struct http_reply *ret_reply, struct err *err)
{
	CLEANUP(buffer_done) struct buffer url = { 0 };
	struct http_reply reply = { 0 };
	struct http_call call = {
		.method = "GET",
		.headers = headers,
		.timeout_ms = REQUEST_TIMEOUT_MS,
		.max_response_bytes = max_bytes,
		.cancel_fd = cancel_fd,
	};
	int r = *path ? url_join(service->base_url, path, &url) : 0;

	if (!*path)
		buffer_puts(&url, service->base_url);
	if (r < 0)
		return err_errno(err, r, "the address of the service");
	if (query)
		buffer_printf(&url, "?%s", buffer_text(query));
	if (buffer_error(&url) < 0 || (query && buffer_error(query) < 0))
		return err_errno(err, -ENOMEM, "a request");
	call.url = buffer_text(&url);
	r = http_client_call(service->client, &call, &reply, err);
	if (r < 0)
		return r;
	if (reply.status < 200 || reply.status >= 300) {
		r = err_set(err, status_errno(reply.status), "%s answers with HTTP status %d",
			*path ? path : "the service", reply.status);
		http_reply_done(&reply);
		return r;
	}
	*ret_reply = reply;
	return 0;
}
