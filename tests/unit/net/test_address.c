// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "unit_test.h"

static struct address parse(const char *text)
{
	struct address a;

	if (address_parse(slice_from(text), &a) < 0)
		fail_msg("%s", text);
	return a;
}

static void addresses_are_read_and_written(void **state)
{
	static const char *const pairs[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "2001:DB8::1", "2001:db8::1" },
		{ "[::1]", "::1" },
	};
	static const char *const bad[] = { "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.4 ", "::1%lo",
		"[::1", "[]", "host", "1.2.3.4:80",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };
	struct address a = { { 7 } };
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		a = parse(pairs[i][0]);
		address_format(&a, text);
		assert_string_equal(text, pairs[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(address_parse(slice_from(bad[i]), &a), -EBADMSG);
	assert_int_equal(address_parse((struct slice){ 0 }, &a), -EBADMSG);
	assert_int_equal(address_parse((struct slice){ "1.2.3.4\0", 8 }, &a), -EBADMSG);
}

static void sockets_show_both_families(void **state)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr other = { .sa_family = AF_UNIX };
	struct address a, b = parse("::ffff:127.0.0.1");

	assert_int_equal(address_from_socket((struct sockaddr *)&v4, &a), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(address_is_loopback(&a));
	memcpy(&v6.sin6_addr, b.bytes, sizeof(b.bytes));
	assert_int_equal(address_from_socket((struct sockaddr *)&v6, &a), 0);
	assert_true(address_is_v4(&a));
	assert_int_equal(address_from_socket(&other, &a), -EAFNOSUPPORT);
	a = parse("::1");
	assert_true(address_is_loopback(&a));
	a = parse("128.0.0.1");
	assert_false(address_is_loopback(&a));
	a = parse("::2");
	assert_false(address_is_loopback(&a));
}

static void networks_hold_their_addresses_and_no_others(void **state)
{
	static const char *list[] = { "10.0.0.0/8, 192.0.2.7,", "", "2001:db8:8000::/33", "::1" };
	static const struct {
		const char *address;
		bool in;
	} cases[] = {
		{ "10.255.0.1", true },
		{ "11.0.0.0", false },
		{ "::ffff:10.0.0.1", true },
		{ "192.0.2.7", true },
		{ "192.0.2.6", false },
		{ "2001:db8:8000::5", true },
		{ "2001:db8:7fff::5", false },
		{ "::1", true },
		{ "127.0.0.1", false },
	};
	struct strings texts = { list, ARRAY_SIZE(list) };
	struct networks networks;
	struct arena arena;
	struct address a;

	arena_init(&arena, 1 << 20);
	assert_int_equal(networks_parse(&texts, &arena, &networks, NULL), 0);
	assert_int_equal(networks.n, 4);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		a = parse(cases[i].address);
		if (networks_have(&networks, &a) != cases[i].in)
			fail_msg("%s", cases[i].address);
	}
	a = parse("192.0.2.1");
	assert_false(networks_have(&(struct networks){ 0 }, &a));
	list[0] = "0.0.0.0/0";
	texts.n = 1;
	assert_int_equal(networks_parse(&texts, &arena, &networks, NULL), 0);
	assert_true(networks_have(&networks, &a));
	a = parse("2001:db8::1");
	assert_false(networks_have(&networks, &a));
	arena_done(&arena);
}

static void bad_networks_are_named(void **state)
{
	static const char *const bad[] = { "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1",
		"10.0.0.1/8", "x", "/8", "2001:db8::1/32" };
	struct networks networks;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *text = bad[i];
		struct strings texts = { &text, 1 };
		struct err err = { 0 };

		assert_int_equal(networks_parse(&texts, &arena, &networks, &err), -EINVAL);
		assert_non_null(strstr(err.text, bad[i]));
	}
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(sockets_show_both_families),
		cmocka_unit_test(networks_hold_their_addresses_and_no_others),
		cmocka_unit_test(bad_networks_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
