// SPDX-License-Identifier: Apache-2.0
/* Whose word is taken for who asks. */
#include "api/identity.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "unit_test.h"

enum { OWN_UID = 990, GRAFANA_UID = 472 };

static struct arena arena;
static struct api_identity_config config;
static struct api_peer peer;

/* Headers of the request: "Name: value" each. */
static const char *sent[4];

static const char *header(void *ctx, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(sent); i++) {
		size_t n = strlen(name);

		if (sent[i] && strncasecmp(sent[i], name, n) == 0 && sent[i][n] == ':')
			return sent[i] + n + 2;
	}
	return NULL;
}

static struct networks parse(const char *text)
{
	struct strings texts = { &text, 1 };
	struct networks networks;

	assert_int_equal(networks_parse(&texts, &arena, &networks, NULL), 0);
	return networks;
}

static void from(const char *address)
{
	peer = (struct api_peer){ .has_address = true };
	assert_int_equal(address_parse(slice_from(address), &peer.address), 0);
}

static int setup(void **state)
{
	arena_init(&arena, 1 << 20);
	config = (struct api_identity_config){ .trusted_proxies = parse("127.0.0.0/8,::1"),
		.own_uid = OWN_UID };
	memset(sent, 0, sizeof(sent));
	from("127.0.0.1");
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static int identify(void)
{
	const char *user = NULL;
	int r = api_identify(&config, &peer, header, NULL, &user);

	assert_int_equal(r == 0, user != NULL);
	return r;
}

static int owner(void *ctx, uid_t *ret_uid)
{
	int uid = *(int *)ctx;

	if (uid >= 0)
		*ret_uid = (uid_t)uid;
	return MIN(uid, 0);
}

static void the_header_is_believed_from_the_known_only(void **state)
{
	static const struct {
		const char *address, *login;
		bool cert;
		int result;
	} cases[] = {
		{ "127.0.0.1", NULL, false, 0 },
		{ "::ffff:127.0.0.1", NULL, false, 0 }, /* by a listener for both families */
		{ "::1", NULL, false, 0 },
		{ "192.0.2.1", NULL, false, -EACCES },
		{ "192.0.2.1", "grafana", false, 0 },
		{ "192.0.2.1", NULL, true, 0 },
		{ "2001:db8::1", NULL, false, -EACCES },
	};

	assert_int_equal(identify(), -ENODATA);
	sent[0] = "X-Grafana-User: mira";
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		from(cases[i].address);
		peer.login = cases[i].login;
		peer.has_cert = cases[i].cert;
		peer.cert_name = "";
		assert_int_equal(identify(), cases[i].result);
	}
	peer = (struct api_peer){ 0 }; /* by vsock */
	assert_int_equal(identify(), -EACCES);
	from("192.0.2.1");
	config.trusted_proxies = parse("192.0.2.0/24");
	assert_int_equal(identify(), 0);
	from("127.0.0.1"); /* the list is all there is */
	assert_int_equal(identify(), -EACCES);
}

static void headers_are_searched_in_their_order(void **state)
{
	static const char *names[] = { "X-First", "X-Second" };
	const char *user = NULL;

	config.user_headers = (struct strings){ names, 2 };
	sent[0] = "X-Grafana-User: boss";
	assert_int_equal(identify(), -ENODATA);
	sent[1] = "X-First: ";
	sent[2] = "x-second: mira";
	assert_int_equal(api_identify(&config, &peer, header, NULL, &user), 0);
	assert_string_equal(user, "mira");
	sent[1] = "X-First: otto";
	assert_int_equal(api_identify(&config, &peer, header, NULL, &user), 0);
	assert_string_equal(user, "otto");
}

static void nobody_else_becomes_the_internal_account(void **state)
{
	static const struct {
		const char *address, *login, *cert;
		int uid; /* of the peer's process, or -errno */
		int result;
	} cases[] = {
		{ "127.0.0.1", NULL, NULL, -EOPNOTSUPP, -EPERM },
		{ "127.0.0.1", NULL, NULL, GRAFANA_UID, -EPERM },
		{ "127.0.0.1", NULL, NULL, -ENOTCONN, -EPERM },
		{ "127.0.0.1", NULL, NULL, OWN_UID, 0 },
		{ "127.0.0.1", NULL, NULL, 0, 0 },
		{ "127.0.0.1", "grafana", NULL, GRAFANA_UID, -EPERM },
		{ "192.0.2.1", "grafana", NULL, -EOPNOTSUPP, -EPERM },
		{ "192.0.2.1", "ceems-int-svc", NULL, -EOPNOTSUPP, 0 },
		{ "192.0.2.1", NULL, "grafana", -EOPNOTSUPP, -EPERM },
		{ "192.0.2.1", NULL, "ceems-int-svc", -EOPNOTSUPP, 0 },
		{ "192.0.2.1", NULL, NULL, -EOPNOTSUPP, -EPERM },
		{ "192.0.2.9", NULL, NULL, -EOPNOTSUPP, 0 },
	};

	config.internal_peers = parse("192.0.2.9");
	sent[0] = "X-Grafana-User: " API_INTERNAL_ACCOUNT;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int uid = cases[i].uid;

		from(cases[i].address);
		peer.login = cases[i].login;
		peer.has_cert = cases[i].cert != NULL;
		peer.cert_name = cases[i].cert;
		peer.owner = owner;
		peer.owner_ctx = &uid;
		if (identify() != cases[i].result)
			fail_msg("case %zu: %d", i, identify());
	}
	/* Being where our programs run makes one no proxy for people. */
	from("192.0.2.9");
	sent[0] = "X-Grafana-User: boss";
	assert_int_equal(identify(), -EACCES);
}

static void expect_client(const char *expected)
{
	struct address address;
	char text[ADDRESS_TEXT_MAX] = "none";

	if (api_client_address(&config, &peer, header, NULL, &address))
		address_format(&address, text);
	assert_string_equal(text, expected);
}

static void clients_are_who_trusted_proxies_say(void **state)
{
	expect_client("127.0.0.1");
	sent[0] = "X-Forwarded-For: 203.0.113.9, 198.51.100.7, 127.0.0.1";
	expect_client("198.51.100.7"); /* what stands before, the client wrote itself */
	sent[0] = "X-Forwarded-For: 203.0.113.9";
	expect_client("203.0.113.9");
	sent[0] = "X-Forwarded-For: 127.0.0.2, 127.0.0.3";
	expect_client("127.0.0.2");
	sent[0] = "X-Forwarded-For: 203.0.113.9, junk";
	expect_client("127.0.0.1");
	sent[0] = "X-Forwarded-For: junk, 2001:db8::7";
	expect_client("2001:db8::7");
	sent[1] = "X-Real-IP:  203.0.113.5 ";
	expect_client("203.0.113.5");
	sent[2] = "True-Client-IP: 203.0.113.4";
	expect_client("203.0.113.4");
	sent[2] = "True-Client-IP: none";
	expect_client("203.0.113.5");
	/* From others these are noise. */
	from("192.0.2.1");
	expect_client("192.0.2.1");
	peer = (struct api_peer){ 0 };
	expect_client("none");
}

int main(void)
{
#define IDENTITY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		IDENTITY_TEST(the_header_is_believed_from_the_known_only),
		IDENTITY_TEST(headers_are_searched_in_their_order),
		IDENTITY_TEST(nobody_else_becomes_the_internal_account),
		IDENTITY_TEST(clients_are_who_trusted_proxies_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
