// SPDX-License-Identifier: Apache-2.0
#include "api/identity.h"

#include <errno.h>
#include <string.h>

bool api_peer_is_trusted(const struct api_identity_config *config, const struct api_peer *peer)
{
	return peer->login || peer->has_cert ||
		(peer->has_address && networks_have(&config->trusted_proxies, &peer->address));
}

/*
 * A program on this machine is one of ours if it runs as we do, or as root: either could read the
 * database as well.
 */
static bool is_own_process(const struct api_identity_config *config, const struct api_peer *peer)
{
	uid_t uid;

	return peer->owner && peer->owner(peer->owner_ctx, &uid) >= 0 &&
		(uid == 0 || uid == config->own_uid);
}

static bool is_internal(const struct api_identity_config *config, const struct api_peer *peer)
{
	if (peer->login && str_eq(peer->login, API_INTERNAL_ACCOUNT))
		return true;
	if (peer->has_cert && str_eq(peer->cert_name, API_INTERNAL_ACCOUNT))
		return true;
	if (peer->has_address && networks_have(&config->internal_peers, &peer->address))
		return true;
	return is_own_process(config, peer);
}

int api_identify(const struct api_identity_config *config, const struct api_peer *peer,
	api_header_fn header, void *header_ctx, const char **ret_user)
{
	static const char *usual[] = { "X-Grafana-User" };
	struct strings names = config->user_headers;
	const char *user = NULL;

	if (!names.n)
		names = (struct strings){ usual, ARRAY_SIZE(usual) };
	for (size_t i = 0; i < names.n && !(user && *user); i++)
		user = header(header_ctx, names.v[i]);
	if (!user || !*user)
		return -ENODATA;
	if (str_eq(user, API_INTERNAL_ACCOUNT)) {
		if (!is_internal(config, peer))
			return -EPERM;
	} else if (!api_peer_is_trusted(config, peer)) {
		return -EACCES;
	}
	*ret_user = user;
	return 0;
}

/* The last address that is no trusted proxy; if all are, the first. */
static bool last_stranger(
	const struct api_identity_config *config, const char *list, struct address *ret_address)
{
	struct slice rest = slice_from(list), item;
	struct address address, first = { 0 }, found = { 0 };
	bool has_first = false, has_found = false;

	while (slice_next(&rest, ',', &item)) {
		if (address_parse(slice_trim(item), &address) < 0) {
			/* Nothing before it can be told from what a client made up. */
			has_first = has_found = false;
			continue;
		}
		if (!has_first)
			first = address;
		has_first = true;
		if (networks_have(&config->trusted_proxies, &address))
			continue;
		found = address;
		has_found = true;
	}
	if (has_first)
		*ret_address = has_found ? found : first;
	return has_first;
}

bool api_client_address(const struct api_identity_config *config, const struct api_peer *peer,
	api_header_fn header, void *header_ctx, struct address *ret_address)
{
	static const char *const single[] = { "True-Client-IP", "X-Real-IP" };
	const char *value;

	if (api_peer_is_trusted(config, peer)) {
		for (size_t i = 0; i < ARRAY_SIZE(single); i++) {
			value = header(header_ctx, single[i]);
			if (value && address_parse(slice_trim(slice_from(value)), ret_address) >= 0)
				return true;
		}
		value = header(header_ctx, "X-Forwarded-For");
		if (value && last_stranger(config, value, ret_address))
			return true;
	}
	if (peer->has_address)
		*ret_address = peer->address;
	return peer->has_address;
}
