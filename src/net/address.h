// SPDX-License-Identifier: Apache-2.0
/*
 * IP addresses and networks in CIDR notation. An IPv4 address is one with its IPv4-mapped IPv6 form
 * (RFC 4291 2.5.5.2), since a socket for both families shows peers in that form. Pure.
 */
#ifndef CEEMS_NET_ADDRESS_H
#define CEEMS_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "basic/options.h" /* struct strings */
#include "basic/str.h"

struct address {
	unsigned char bytes[16];
};

enum { ADDRESS_TEXT_MAX = INET6_ADDRSTRLEN };

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]", without blanks or zone. -EBADMSG. */
int address_parse(struct slice text, struct address *ret_address);
/* -EAFNOSUPPORT for what is neither IPv4 nor IPv6. */
int address_from_socket(const struct sockaddr *socket, struct address *ret_address);
bool address_is_v4(const struct address *address);
bool address_is_loopback(const struct address *address);
void address_format(const struct address *address, char text[static ADDRESS_TEXT_MAX]);
/* Clears all but the first bits of 128. */
void address_mask(struct address *address, unsigned bits);

struct network {
	struct address address;
	unsigned bits; /* of 128 */
};

struct networks {
	struct network *v;
	size_t n;
};

/*
 * Each text holds networks, separated by commas: "192.0.2.0/24", "2001:db8::/32"; an address
 * without a length is itself. Empty ones are left out. The list lives in the arena. -EINVAL with a
 * sentence, -ENOMEM.
 */
int networks_parse(const struct strings *texts, struct arena *arena, struct networks *ret_networks,
	struct err *err);
bool networks_have(const struct networks *networks, const struct address *address);

#endif
