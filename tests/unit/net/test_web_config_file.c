// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/web_config_file.h"

#define HASH "$2y$10$abcdefghijklmnopqrstuuKvkvmHkvmHkvmHkvmHkvmHkvmHkvmH."

static struct arena arena;
static struct web_config config;
static struct err err;

static int start(void **state)
{
	arena_init(&arena, 64 << 20);
	return 0;
}

static int stop(void **state)
{
	arena_done(&arena);
	return 0;
}

static int parse(const char *text)
{
	err.text[0] = '\0';
	return web_config_parse(text, strlen(text), "web.yml", &arena, &config, &err);
}

static void empty_files_mean_plain_http_without_users(void **state)
{
	static const char *const texts[] = { "", "{}", "# nothing\n",
		"tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n",
		"tls_server_config: {}\nhttp_server_config: {}\nbasic_auth_users: {}\n",
		"tls_server_config: {cert_file: \"\", key_file: \"\"}\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(parse(texts[i]), 0);
		assert_false(web_config_has_tls(&config));
		assert_false(web_config_has_idle_tls_keys(&config));
		assert_int_equal(config.users.n, 0);
		assert_true(config.http.http2);
		assert_string_equal(config.tls.min_version, "TLS12");
		assert_string_equal(config.tls.max_version, "TLS13");
		assert_true(config.tls.prefer_server_cipher_suites);
	}
}

static void all_keys_are_taken(void **state)
{
	assert_int_equal(parse("tls_server_config:\n"
			       "  cert_file: c\n  key_file: k\n  client_ca_file: a\n"
			       "  client_auth_type: RequireAndVerifyClientCert\n"
			       "  client_allowed_sans: [x, 10.0.0.1]\n"
			       "  min_version: TLS10\n  max_version: TLS12\n"
			       "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n"
			       "  prefer_server_cipher_suites: false\n"
			       "  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n"
			       "http_server_config:\n  http2: false\n  headers:\n"
			       "    Content-Security-Policy: default-src 'self'\n"
			       "    X-Frame-Options: sameorigin\n"
			       "    X-Content-Type-Options: nosniff\n"
			       "    X-XSS-Protection: 1; mode=block\n"
			       "    Strict-Transport-Security: max-age=31536000\n"
			       "basic_auth_users:\n  me: " HASH "\n"),
		0);
	assert_true(web_config_has_tls(&config));
	assert_int_equal(config.tls.client_allowed_sans.n, 2);
	assert_int_equal(config.http.headers.n, 5);
	assert_string_equal(config.users.values[0], HASH);
	assert_false(config.http.http2);
}

static void tls_keys_without_a_certificate_are_noticed(void **state)
{
	assert_int_equal(parse("tls_server_config: {min_version: TLS13}"), 0);
	assert_false(web_config_has_tls(&config));
	assert_true(web_config_has_idle_tls_keys(&config));
}

static void faults_are_named(void **state)
{
	static const char *const bad[][2] = {
		{ "user: x", "user" },
		{ "tls_server_config: {certfile: x}", "certfile" },
		{ "http_server_config: {http3: true}", "http3" },
		{ "http_server_config: {http2: 5}", "http2" },
		{ "http_server_config: {headers: {X-Other: a}}", "X-Other" },
		{ "http_server_config: {headers: {x-frame-options: deny}}", "x-frame-options" },
		{ "http_server_config: {headers: {X-Frame-Options: DENY}}", "deny or sameorigin" },
		{ "http_server_config: {headers: {X-Content-Type-Options: sniff}}", "nosniff" },
		{ "http_server_config: {headers: {X-XSS-Protection: \"a\\r\\nb\"}}", "line break" },
		{ "basic_auth_users: {me: secret}", "'me' is no bcrypt hash" },
		{ "basic_auth_users: {me: ''}", "'me' is no bcrypt hash" },
		{ "basic_auth_users: {me: $2y$31$abcdefghijklmnopqrstuuKvkvmHkvmHkvmHkvmHkvmHkvmHkvmH.}",
			"cost 31" },
		{ "basic_auth_users: {me: $2y$99$abcdefghijklmnopqrstuuKvkvmHkvmHkvmHkvmHkvmHkvmHkvmH.}",
			"no bcrypt" },
		{ "basic_auth_users: {me: $2x$10$abcdefghijklmnopqrstuuKvkvmHkvmHkvmHkvmHkvmHkvmHkvmH.}",
			"no bcrypt" },
		{ "basic_auth_users: {'a:b': " HASH "}", "colon" },
		{ "basic_auth_users: [a]", "basic_auth_users" },
		{ "tls_server_config: {cert_file: c}", "needs a key" },
		{ "tls_server_config: {key_file: c}", "needs a certificate" },
		{ "tls_server_config: {client_auth_type: NoClientCert}", "needs a certificate" },
		{ "tls_server_config: {cert: c, key: k, client_ca: a}", "client_auth_type" },
		{ "tls_server_config: {cert: c, key: k, client_ca: a, client_auth_type: "
		  "NoClientCert}",
			"client_auth_type" },
		{ "tls_server_config: {client_auth_type: Sometimes}", "Sometimes" },
		{ "tls_server_config: {min_version: SSL30}", "SSL30" },
		{ "tls_server_config: {min_version: TLS13, max_version: TLS12}", "above" },
		{ "tls_server_config: {cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}", "RC4" },
		{ "tls_server_config: {curve_preferences: [P256]}", "P256" },
		{ "a: [", "web.yml:" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = parse(bad[i][0]);

		if (r != -EBADMSG || !strstr(err.text, bad[i][1]))
			print_error("%s: %d %s\n", bad[i][0], r, err.text);
		assert_int_equal(r, -EBADMSG);
		assert_non_null(strstr(err.text, bad[i][1]));
		assert_non_null(strstr(err.text, "web.yml:"));
		assert_null(strstr(err.text, "secret"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(empty_files_mean_plain_http_without_users),
		TEST(all_keys_are_taken),
		TEST(tls_keys_without_a_certificate_are_noticed),
		TEST(faults_are_named),
	};

	return cmocka_run_group_tests_name("web_config_file", tests, start, stop);
}
