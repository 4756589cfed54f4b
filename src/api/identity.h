// SPDX-License-Identifier: Apache-2.0
/*
 * Who asks (spec api-server.md 5.2, 5.3), and whose word is taken for it.
 *
 * The user header is a claim. It is believed from peers that proved who they are to the web config
 * (password or verified client certificate) and from trusted proxies, by default the machine
 * itself; so are the headers in which proxies name their client. The internal account of CEEMS's
 * own programs is no person: a header alone, whoever passes it on, never makes somebody that.
 */
#ifndef CEEMS_API_IDENTITY_H
#define CEEMS_API_IDENTITY_H

#include <sys/types.h>

#include "net/address.h"

#define API_INTERNAL_ACCOUNT "ceems-int-svc"

/* What the connection itself says. */
struct api_peer {
	struct address address; /* of a socket in the file system: 127.0.0.1 */
	bool has_address; /* false: none that can be trusted (vsock, gone already) */
	const char *login; /* by password, NULL: none */
	bool has_cert; /* a verified one of the client */
	const char *cert_name; /* its common name, never NULL with has_cert */
	/* The owner of a peer on this machine: 0 or -errno, asked only when needed. NULL: none. */
	int (*owner)(void *ctx, uid_t *ret_uid);
	void *owner_ctx;
};

struct api_identity_config {
	struct strings user_headers; /* none = X-Grafana-User */
	struct networks trusted_proxies;
	struct networks internal_peers; /* where CEEMS's own programs run */
	uid_t own_uid;
};

/*
 * NULL: absent, or given more than once (a proxy may have added its line to that of a client).
 * Lines of X-Forwarded-For are joined.
 */
typedef const char *(*api_header_fn)(void *ctx, const char *name);

/* Whether the peer's headers about others are believed. */
bool api_peer_is_trusted(const struct api_identity_config *config, const struct api_peer *peer);

/*
 * The user's name, borrowed from the header. -ENODATA: none is given; -EACCES: the peer isn't
 * trusted to give one; -EPERM: the internal account, claimed by somebody else.
 */
int api_identify(const struct api_identity_config *config, const struct api_peer *peer,
	api_header_fn header, void *header_ctx, const char **ret_user);

/*
 * Whom a request comes from: the peer, or what trusted proxies say. Of X-Forwarded-For the last
 * address counts that is no trusted proxy itself, since clients can write the ones before. False:
 * it can't be told.
 */
bool api_client_address(const struct api_identity_config *config, const struct api_peer *peer,
	api_header_fn header, void *header_ctx, struct address *ret_address);

#endif
