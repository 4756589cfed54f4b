// SPDX-License-Identifier: Apache-2.0
#include "lb/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit_test.h"

static void addresses_of_this_host_only_are_told(void **state)
{
	assert_true(program_is_local("127.0.0.1:9030"));
	assert_true(program_is_local("127.9.9.9:1"));
	assert_true(program_is_local("[::1]:9030"));
	assert_true(program_is_local("localhost:9030"));
	assert_false(program_is_local(":9030"));
	assert_false(program_is_local("0.0.0.0:9030"));
	assert_false(program_is_local("[::]:9030"));
	assert_false(program_is_local("192.0.2.1:9030"));
	assert_false(program_is_local("127.0.0.1.example.org:9030"));
	assert_false(program_is_local("vsock://:9030"));
	assert_false(program_is_local(""));
}

static int authenticates(const char *text)
{
	char path[] = "/tmp/ceems-test.XXXXXX";
	int fd = mkstemp(path), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	r = program_authenticates(path, NULL);
	unlink(path);
	return r;
}

static void web_configs_that_ask_who_connects_are_told(void **state)
{
	assert_int_equal(program_authenticates("", NULL), 0);
	assert_int_equal(authenticates(""), 0);
	assert_int_equal(authenticates("http_server_config: {http2: true}"), 0);
	assert_int_equal(authenticates("basic_auth_users: {}"), 0);
	assert_int_equal(
		authenticates("basic_auth_users: {lb: "
			      "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234}"),
		1);
	assert_int_equal(authenticates("tls_server_config: {cert_file: a, key_file: b, "
				       "client_ca_file: c, "
				       "client_auth_type: RequireAndVerifyClientCert}"),
		1);
	assert_int_equal(authenticates("tls_server_config: {cert_file: a, key_file: b, "
				       "client_auth_type: RequireAnyClientCert}"),
		0);
	assert_true(authenticates("nonsense: 1") < 0);
	assert_int_equal(program_authenticates("/nonexistent", NULL), -ENOENT);
}

static const char *kinds_of(struct lb_backend_config *backends, size_t n)
{
	const struct lb_config config = { .backends = { .v = backends, .n = n } };
	enum gate_kind kinds[N_GATE_KINDS];
	static char text[N_GATE_KINDS + 1];
	size_t found = program_kinds(&config, kinds);

	for (size_t i = 0; i < found; i++)
		text[i] = kinds[i] == GATE_TSDB ? 't' : 'p';
	text[found] = '\0';
	return text;
}

static void listeners_follow_the_backends(void **state)
{
	struct lb_backend_config t = { .id = "a" }, p = { .id = "b" }, both = { .id = "c" };

	t.servers[GATE_TSDB].n = p.servers[GATE_PYROSCOPE].n = 1;
	both.servers[GATE_TSDB].n = both.servers[GATE_PYROSCOPE].n = 2;
	assert_string_equal(kinds_of(NULL, 0), "");
	assert_string_equal(kinds_of((struct lb_backend_config[]){ t }, 1), "t");
	assert_string_equal(kinds_of((struct lb_backend_config[]){ p }, 1), "p");
	assert_string_equal(kinds_of((struct lb_backend_config[]){ p, t }, 2), "pt");
	assert_string_equal(kinds_of((struct lb_backend_config[]){ both, p }, 2), "tp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(addresses_of_this_host_only_are_told),
		TEST(web_configs_that_ask_who_connects_are_told),
		TEST(listeners_follow_the_backends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
