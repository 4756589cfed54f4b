// SPDX-License-Identifier: Apache-2.0
/*
 * Basic authentication (RFC 7617) against bcrypt hashes. A check costs some 50 ms of CPU time, so
 * outcomes, good and bad, are remembered under a keyed hash of name, bcrypt hash and password, and
 * unknown ones are worked off by one thread: guessing can keep neither other connections nor known
 * credentials waiting. An unknown name costs as much as a known one.
 */
#ifndef CEEMS_NET_BASIC_AUTH_H
#define CEEMS_NET_BASIC_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "format/config.h"

enum {
	BASIC_AUTH_NAME_MAX = 256,
	BASIC_AUTH_PASSWORD_MAX = 511, /* what crypt(3) takes; bcrypt looks at 72 bytes */
	BASIC_AUTH_CACHE = 100, /* good outcomes, and as many bad ones */
	BASIC_AUTH_QUEUE_MAX = 64,
	BASIC_AUTH_QUEUE_PEER_MAX = 16, /* of one IPv4 address or IPv6 /64 */
	BASIC_AUTH_KEY_BYTES = 32,
};

struct basic_auth;

enum basic_auth_result {
	BASIC_AUTH_GRANTED,
	BASIC_AUTH_DENIED,
	BASIC_AUTH_UNKNOWN, /* not checked yet */
	BASIC_AUTH_BUSY, /* too many are waiting for their check, or there was no memory for it */
	BASIC_AUTH_PENDING, /* the waiter will hear */
};

/* What a request presents, beside the hash that it has to match. */
struct basic_auth_login {
	char name[BASIC_AUTH_NAME_MAX + 1];
	char password[BASIC_AUTH_PASSWORD_MAX + 1];
	char hash[64];
	bool known;
	unsigned char key[BASIC_AUTH_KEY_BYTES]; /* names the outcome in the memory of outcomes */
};

struct basic_auth_waiter {
	struct basic_auth_waiter *next;
	/* On the checking thread; GRANTED, DENIED, or BUSY without a check. */
	void (*done)(struct basic_auth_waiter *waiter, enum basic_auth_result result);
};

int basic_auth_new(struct basic_auth **ret_auth);
/* Waiters hear before it returns; further submits are BUSY. */
void basic_auth_stop(struct basic_auth *auth);
void basic_auth_free(struct basic_auth *auth); /* NULL is fine */

/* -EBADMSG: the header is none, or no well-formed one. Wipe login with basic_auth_login_done(). */
int basic_auth_parse(struct basic_auth *auth, const char *header, const struct config_map *users,
	struct basic_auth_login *ret_login);
void basic_auth_login_done(struct basic_auth_login *login);

/* GRANTED, DENIED or UNKNOWN, at once. */
enum basic_auth_result basic_auth_lookup(
	struct basic_auth *auth, const struct basic_auth_login *login);

/* PENDING, BUSY, or the outcome if it is known by now. The login is copied. */
enum basic_auth_result basic_auth_submit(struct basic_auth *auth,
	const struct basic_auth_login *login, const struct sockaddr *peer,
	struct basic_auth_waiter *waiter);

#endif
