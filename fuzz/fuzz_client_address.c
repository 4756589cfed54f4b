// SPDX-License-Identifier: Apache-2.0
/*
 * Networks and headers that proxies write: what is read prints and reads as the same, an address is
 * in its own network, and from peers that aren't trusted headers change nothing.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "api/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *header(void *ctx, const char *name)
{
	return str_eq(name, "X-Forwarded-For") ? ctx : NULL;
}

static void check_networks(const char *text, struct arena *arena)
{
	struct strings texts = { &text, 1 };
	struct networks networks;

	if (networks_parse(&texts, arena, &networks, NULL) < 0)
		return;
	for (size_t i = 0; i < networks.n; i++) {
		char printed[ADDRESS_TEXT_MAX];
		struct address again;

		assert(networks_have(&networks, &networks.v[i].address));
		address_format(&networks.v[i].address, printed);
		assert(address_parse(slice_from(printed), &again) == 0);
		assert(memcmp(&again, &networks.v[i].address, sizeof(again)) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct network loopback = { { { [10] = 0xff, [11] = 0xff, [12] = 127 } }, 96 + 8 };
	const struct api_identity_config config = { .trusted_proxies = {
							    (struct network *)&loopback, 1 } };
	struct api_peer peer = { .has_address = true, .address = loopback.address };
	struct address address;
	struct arena arena;
	char *text;

	arena_init(&arena, 16 << 20);
	text = arena_strndup(&arena, (const char *)data, size);
	assert(text);
	check_networks(text, &arena);
	assert(api_client_address(&config, &peer, header, text, &address));
	peer.address.bytes[12] = 8;
	assert(api_client_address(&config, &peer, header, text, &address));
	assert(memcmp(&address, &peer.address, sizeof(address)) == 0);
	arena_done(&arena);
	return 0;
}
