// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { V4_OFFSET = 12, V4_BITS = 96, ALL_BITS = 128 };

static const unsigned char v4_prefix[V4_OFFSET] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

int address_parse(struct slice text, struct address *ret_address)
{
	char copy[ADDRESS_TEXT_MAX];
	struct address a;

	if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		text = (struct slice){ text.p + 1, text.n - 2 };
	if (text.n >= sizeof(copy) || memchr(text.p ? text.p : "", '\0', text.n))
		return -EBADMSG;
	memcpy(copy, text.p ? text.p : "", text.n);
	copy[text.n] = '\0';
	if (inet_pton(AF_INET, copy, a.bytes + V4_OFFSET) == 1)
		memcpy(a.bytes, v4_prefix, sizeof(v4_prefix));
	else if (inet_pton(AF_INET6, copy, a.bytes) != 1)
		return -EBADMSG;
	*ret_address = a;
	return 0;
}

int address_from_socket(const struct sockaddr *socket, struct address *ret_address)
{
	if (socket->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)socket;

		memcpy(ret_address->bytes, v4_prefix, sizeof(v4_prefix));
		memcpy(ret_address->bytes + V4_OFFSET, &v4->sin_addr, sizeof(v4->sin_addr));
		return 0;
	}
	if (socket->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)socket;

		memcpy(ret_address->bytes, &v6->sin6_addr, sizeof(ret_address->bytes));
		return 0;
	}
	return -EAFNOSUPPORT;
}

bool address_is_v4(const struct address *address)
{
	return memcmp(address->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool address_is_loopback(const struct address *address)
{
	static const unsigned char v6_loopback[16] = { [15] = 1 };

	return address_is_v4(address)
		? address->bytes[V4_OFFSET] == 127
		: memcmp(address->bytes, v6_loopback, sizeof(v6_loopback)) == 0;
}

void address_format(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
	if (address_is_v4(address))
		inet_ntop(AF_INET, address->bytes + V4_OFFSET, text, ADDRESS_TEXT_MAX);
	else
		inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT_MAX);
}

void address_mask(struct address *address, unsigned bits)
{
	for (unsigned i = 0; i < sizeof(address->bytes); i++) {
		if (bits >= 8 * (i + 1))
			continue;
		address->bytes[i] &= bits <= 8 * i ? 0 : (unsigned char)(0xff00U >> (bits - 8 * i));
	}
}

static int network_parse(struct slice text, struct network *ret_network)
{
	const char *slash = memchr(text.p, '/', text.n);
	struct slice host = { text.p, slash ? (size_t)(slash - text.p) : text.n };
	struct network network = { .bits = ALL_BITS };
	struct address masked;
	uint64_t bits;

	if (address_parse(host, &network.address) < 0)
		return -EINVAL;
	if (slash) {
		unsigned before = address_is_v4(&network.address) ? V4_BITS : 0;

		if (slice_to_u64((struct slice){ slash + 1, text.n - host.n - 1 }, &bits) < 0 ||
			bits > ALL_BITS - before)
			return -EINVAL;
		network.bits = before + (unsigned)bits;
	}
	masked = network.address;
	address_mask(&masked, network.bits);
	/* 10.1.0.0/8 is more likely a slip than meant. */
	if (memcmp(&masked, &network.address, sizeof(masked)) != 0)
		return -EINVAL;
	*ret_network = network;
	return 0;
}

int networks_parse(const struct strings *texts, struct arena *arena, struct networks *ret_networks,
	struct err *err)
{
	struct networks list = { 0 };
	struct slice rest, text;

	for (size_t i = 0; i < texts->n; i++) {
		for (rest = slice_from(texts->v[i]); slice_next(&rest, ',', &text);) {
			struct network *v;

			text = slice_trim(text);
			if (!text.n)
				continue;
			v = arena_grow(arena, list.v, list.n, list.n + 1, sizeof(*v));
			if (!v)
				return err_errno(err, -ENOMEM, "list of networks");
			list.v = v;
			if (network_parse(text, &list.v[list.n]) < 0)
				return err_set(err, -EINVAL,
					"'%.*s' is no network (192.0.2.0/24, 2001:db8::/32) and no "
					"address",
					(int)MIN(text.n, (size_t)ADDRESS_TEXT_MAX), text.p);
			list.n++;
		}
	}
	*ret_networks = list;
	return 0;
}

bool networks_have(const struct networks *networks, const struct address *address)
{
	for (size_t i = 0; i < networks->n; i++) {
		struct address masked = *address;

		address_mask(&masked, networks->v[i].bits);
		if (memcmp(&masked, &networks->v[i].address, sizeof(masked)) == 0)
			return true;
	}
	return false;
}
