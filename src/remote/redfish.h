// SPDX-License-Identifier: Apache-2.0
/*
 * A client of a Redfish service (DMTF DSP0266): sessions, one document at a time. It logs in when
 * it needs to, once more when the service forgot the session, and never in a hurry with a password
 * that was refused, because firmware locks accounts. One thread at a time uses a client.
 */
#ifndef CEEMS_REMOTE_REDFISH_H
#define CEEMS_REMOTE_REDFISH_H

#include "basic/arena.h"
#include "basic/clock.h"
#include "net/http_client.h"
#include "remote/redfish_json.h"

/* Pointers are borrowed and outlive the client. */
struct redfish_config {
	const char *url; /* where requests go: "https://bmc:443", or that of a proxy */
	const char *service_url; /* what X-Redfish-Url tells a proxy: "https://bmc:443" */
	const char *username, *password; /* "" = none */
	bool use_session; /* else HTTP basic with each request */
	int64_t timeout_ms; /* of each request */
	const struct http_client_config *http; /* its credentials are for a proxy */
	const char *user_agent;
	const struct clock *clock;
	const struct http_observer *observer; /* of all requests; NULL: nobody */
};

struct redfish;

/* -EINVAL: the HTTP settings or the URL. */
int redfish_new(const struct redfish_config *config, struct redfish **ret_redfish, struct err *err);
/* Doesn't log out. NULL is fine. */
void redfish_free(struct redfish *redfish);
DEFINE_CLEANUP(struct redfish *, redfish_free);

/*
 * A new round of requests, which may log in again once. After an HTTP error of the service in the
 * round before, an older session is ended here, since it may be what the service stumbles over.
 */
void redfish_begin(struct redfish *redfish, int cancel_fd);

/*
 * Gets a document; its size is at most REDFISH_REPLY_MAX_BYTES. -EACCES: not allowed, or the login
 * was refused; -ENOENT: there is none; -EREMOTEIO: another HTTP error; and what
 * http_client_call() returns.
 */
int redfish_get(
	struct redfish *redfish, const char *path, struct http_reply *ret_reply, struct err *err);

/* The path of the collection of chassis; borrowed until the next request. As redfish_get(). */
int redfish_chassis_path(struct redfish *redfish, const char **ret_path, struct err *err);

/* A login was refused, and it isn't time for the next attempt. */
bool redfish_is_shut_out(const struct redfish *redfish);

/* Ends the session if there is one; at most limit_ms. */
int redfish_logout(struct redfish *redfish, int64_t limit_ms, struct err *err);

#endif
