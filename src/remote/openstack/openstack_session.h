// SPDX-License-Identifier: Apache-2.0
/*
 * Requests to the services of an OpenStack cloud with a token of Keystone
 * (https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management). The token
 * is renewed on the first use after 55 minutes, and when a service doesn't take it (401). A session
 * may be used by several threads.
 */
#ifndef CEEMS_REMOTE_OPENSTACK_OPENSTACK_SESSION_H
#define CEEMS_REMOTE_OPENSTACK_OPENSTACK_SESSION_H

#include "basic/clock.h"
#include "net/http_client.h"

enum { OPENSTACK_TOKEN_LIFE_S = 55 * 60 };

/* All is borrowed until openstack_session_close(). */
struct openstack_session_config {
	const char *identity_url; /* with or without /v3 at its end */
	/* Value of "auth" in the token request, JSON; it holds secrets. */
	const char *auth;
	const struct http_client_config *client;
	const char *user_agent;
	const struct clock *clock;
	int64_t timeout_ms; /* of one request */
	int cancel_fd;
};

struct openstack_session;

/* Gets the first token. See openstack_get() for errors. */
int openstack_session_open(const struct openstack_session_config *config,
	struct openstack_session **ret_session, struct err *err);
void openstack_session_close(struct openstack_session *session); /* NULL is fine */
DEFINE_CLEANUP(struct openstack_session *, openstack_session_close);

struct openstack_request {
	const char *service; /* "compute", for sentences */
	const char *base_url, *path; /* as for url_join() */
	const char *query; /* without '?'; NULL: none */
	size_t max_reply_bytes;
};

/*
 * GET. 0: the answer had status 200. Else the errors of http_client_call(), with "openstack service
 * NAME is unreachable" in front where that is so, and what the service answered: -EACCES (401,
 * 403), -ENOENT (404), -EAGAIN (429, 503, 504), -ENOTSUP (406: no such microversion), -EREMOTEIO.
 */
int openstack_get(struct openstack_session *session, const struct openstack_request *request,
	struct http_reply *ret_reply, struct err *err);

/* The identity API with its version: "https://keystone.example.org/v3". */
const char *openstack_identity_url(const struct openstack_session *session);

/* The value of a header of an answer, trimmed; n == 0: it isn't there. */
struct slice openstack_header(const struct http_reply *reply, const char *name);

#endif
