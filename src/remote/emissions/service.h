// SPDX-License-Identifier: Apache-2.0
/* A web service that gives emission factors: its address, its proxy, and requests to it. */
#ifndef CEEMS_REMOTE_EMISSIONS_SERVICE_H
#define CEEMS_REMOTE_EMISSIONS_SERVICE_H

#include "basic/buffer.h"
#include "basic/str.h"
#include "net/http_client.h"
#include "remote/emissions/provider.h"

/* In the caller's storage; does not move. */
struct emission_service {
	const char *base_url; /* borrowed */
	struct http_client_config config;
	struct http_client *client;
	struct buffer no_proxy;
};

/*
 * base_url, or fallback where that is NULL or "". With a user name, it and the password are sent
 * with each request. -ENOMEM, -EINVAL.
 */
int emission_service_init(struct emission_service *service,
	const struct emission_settings *settings, const char *base_url, const char *fallback,
	const char *username, const char *password, struct err *err);
void emission_service_done(struct emission_service *service);

/*
 * GET of the path below the base address. headers: "Name: value", NULL-terminated, or NULL.
 * -EACCES: status 401 or 403; -EBUSY: 429; -EIO: any other that isn't 2xx; and what
 * http_client_call() returns. Any thread. The sentence holds no secret.
 */
int emission_service_get(struct emission_service *service, const char *path,
	const struct buffer *query, const char *const *headers, size_t max_bytes, int cancel_fd,
	struct http_reply *ret_reply, struct err *err);

static inline struct slice emission_body(const struct http_reply *reply)
{
	return (struct slice){ buffer_text(&reply->body), reply->body.len };
}

#endif
