// SPDX-License-Identifier: Apache-2.0
#include "remote/redfish_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc_fail.h"
#include "basic/file.h"
#include "basic/str.h"
#include "remote/redfish.h"
#include "unit_test.h"

static struct arena arena;
static struct redfish_settings settings;
static struct err err;
static char path[64];

static int find_nothing(void *ctx, char ret_host[static REDFISH_HOST_MAX_BYTES], struct err *e)
{
	return err_set(e, -ENODEV, "no BMC");
}

static int find_address(void *ctx, char ret_host[static REDFISH_HOST_MAX_BYTES], struct err *e)
{
	strcpy(ret_host, "192.0.2.7");
	return 0;
}

static struct redfish_surroundings surroundings;

static int setup(void **state)
{
	strcpy(path, "/tmp/ceems-redfish-config.XXXXXX");
	arena_init(&arena, 16 << 20);
	surroundings = (struct redfish_surroundings){ .hostname = "node7",
		.find_bmc = find_nothing };
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	arena_done(&arena);
	return unlink(path);
}

static int load_text(const char *text, bool expand_env)
{
	assert_int_equal(file_replace(path, 0600, text, strlen(text), NULL), 0);
	return redfish_config_load(path, expand_env, &surroundings, &arena, &settings, &err);
}

static int load(const char *keys)
{
	char text[2048];

	snprintf(
		text, sizeof(text), "redfish_collector:\n  protocol: https\n  port: 443\n%s", keys);
	return load_text(text, false);
}

static void assert_refused(const char *keys, const char *why)
{
	assert_true(load(keys) < 0);
	if (!strstr(err.text, why) || !strstr(err.text, path))
		print_error("%s\n", err.text);
	assert_non_null(strstr(err.text, why));
	assert_non_null(strstr(err.text, path));
}

static void defaults_are_those_of_the_spec(void **state)
{
	assert_int_equal(load("  hostname: bmc\n"), 0);
	assert_string_equal(settings.url, "https://bmc:443");
	assert_string_equal(settings.service_url, "https://bmc:443");
	assert_string_equal(settings.username, "");
	assert_string_equal(settings.password, "");
	assert_true(settings.use_session_token);
	assert_int_equal(settings.timeout_ms, 5000);
	assert_true(settings.http.follow_redirects && settings.http.enable_http2);
	assert_false(settings.http.tls.insecure_skip_verify);
	assert_false(settings.deprecated_section);
	assert_int_equal(load("  hostname: bmc\n  timeout: 0\n"), 0);
	assert_int_equal(settings.timeout_ms, 5000);
	assert_int_equal(load("  hostname: bmc\n  timeout: -3\n"), 0);
	assert_int_equal(settings.timeout_ms, 5000);
	assert_int_equal(load("  hostname: bmc\n  timeout: 250\n"), 0);
	assert_int_equal(settings.timeout_ms, 250);
}

static void the_hosts_name_is_filled_in(void **state)
{
	assert_int_equal(load("  hostname: '{hostname}-bmc.{hostname}'\n"), 0);
	assert_string_equal(settings.url, "https://node7-bmc.node7:443");
	assert_int_equal(load("  hostname: bmc.example.\n"), 0);
	assert_string_equal(settings.url, "https://bmc.example.:443");
	assert_int_equal(load("  hostname: '2001:db8::7'\n"), 0);
	assert_string_equal(settings.url, "https://[2001:db8::7]:443");
	assert_int_equal(load("  hostname: '[2001:db8::7]'\n"), 0);
	assert_string_equal(settings.url, "https://[2001:db8::7]:443");
	assert_refused("  hostname: bmc/x\n", "'bmc/x' is no host name");
	assert_refused("  hostname: 'user@bmc'\n", "is no host name");
	assert_refused("  hostname: \"bmc\\r\\nX: y\"\n", "is no host name");
}

static void without_a_host_the_bmc_is_looked_for(void **state)
{
	assert_refused("  username: x\n",
		"there is no 'hostname', and the BMC's address can't be found: no BMC");
	assert_int_equal(err.code, -ENODEV);
	surroundings.find_bmc = find_address;
	assert_int_equal(load("  hostname: ''\n"), 0);
	assert_string_equal(settings.url, "https://192.0.2.7:443");
	surroundings.hostname = "";
	assert_int_equal(load("  hostname: '{hostname}'\n"), 0);
	assert_string_equal(settings.url, "https://192.0.2.7:443");
}

static void the_environment_replaces_credentials(void **state)
{
	surroundings.username = "u2";
	surroundings.password = "";
	assert_int_equal(load("  hostname: bmc\n  username: u1\n  password: p1\n"), 0);
	assert_string_equal(settings.username, "u2");
	assert_string_equal(settings.password, "p1");
	surroundings.password = "p2";
	assert_int_equal(load("  hostname: bmc\n"), 0);
	assert_string_equal(settings.password, "p2");
}

static void an_external_url_takes_all_requests(void **state)
{
	assert_int_equal(load("  hostname: bmc\n  external_url: http://proxy:5000/x\n"), 0);
	assert_string_equal(settings.url, "http://proxy:5000/x");
	assert_string_equal(settings.service_url, "https://bmc:443");
	assert_refused("  hostname: bmc\n  external_url: ftp://proxy\n", "'external_url' is no");
}

static void keys_that_are_needed_are_asked_for(void **state)
{
	assert_true(load_text("redfish_collector: {port: 1, hostname: h}", false) < 0);
	assert_non_null(strstr(err.text, "'protocol' must be http or https"));
	assert_true(load_text("redfish_collector: {protocol: ftp, port: 1}", false) < 0);
	assert_non_null(strstr(err.text, "'protocol' must be http or https"));
	assert_true(load_text("redfish_collector: {protocol: http, hostname: h}", false) < 0);
	assert_non_null(strstr(err.text, "'port' must be between 1 and 65535"));
	assert_true(load_text("redfish_collector: {protocol: http, port: 65536}", false) < 0);
	assert_true(load_text("redfish_collector: {protocol: http, port: x}", false) < 0);
	assert_non_null(strstr(err.text, ":1: 'port' must be a whole number"));
}

static void one_of_two_sections_counts(void **state)
{
	assert_int_equal(
		load_text("redfish_web_config: {protocol: http, port: 1, hostname: old}", false),
		0);
	assert_true(settings.deprecated_section);
	assert_int_equal(load_text("redfish_web_config: {protocol: 7, port: x}\n"
				   "redfish_collector: {protocol: http, port: 1, hostname: new}\n",
				 false),
		0);
	assert_false(settings.deprecated_section);
	assert_string_equal(settings.hostname, "new");
	assert_true(load_text("", false) < 0);
	assert_non_null(strstr(err.text, "the section 'redfish_collector' is missing or empty"));
	assert_true(load_text("redfish_collector:\n", false) < 0);
	assert_true(load_text("redfish_collector: [1]\n", false) < 0);
	assert_true(load_text("- a\n", false) < 0);
}

static void unknown_keys_are_ignored_and_double_ones_refused(void **state)
{
	assert_int_equal(load("  hostname: bmc\n  chassis: x\n  tls_config: {cipher: y}\n"
			      "  basic_auth: {username: a, user: b}\n"),
		0);
	assert_refused("  hostname: bmc\n  port: 444\n", ":5: key 'port' is set twice");
}

static void variables_are_expanded_when_asked(void **state)
{
	static const char text[] = "redfish_collector: {protocol: http, port: 1, "
				   "hostname: \"$CEEMS_T_HOST\", username: \"${CEEMS_T_NONE:-x}\", "
				   "password: \"a$$b\"}";

	setenv("CEEMS_T_HOST", "bmc9", 1);
	assert_int_equal(load_text(text, true), 0);
	assert_string_equal(settings.hostname, "bmc9");
	assert_string_equal(settings.username, "");
	assert_string_equal(settings.password, "a$b");
	assert_int_equal(load_text(text, false), 0);
	assert_string_equal(settings.hostname, "$CEEMS_T_HOST");
	assert_true(load_text("redfish_collector: {protocol: http} # [[{$}]]", true) < 0);
	assert_non_null(strstr(err.text, "[[{$}]]"));
}

static void the_old_switch_replaces_tls(void **state)
{
	assert_int_equal(load("  hostname: bmc\n  insecure_skip_verify: true\n"
			      "  tls_config: {ca_file: /ca.pem, server_name: x}\n"),
		0);
	assert_true(settings.http.tls.insecure_skip_verify);
	assert_null(settings.http.tls.ca_file);
	assert_null(settings.http.tls.server_name);
}

static void files_that_are_read_later_are_named(void **state)
{
	const char *files[REDFISH_CONFIG_FILES_MAX];

	assert_int_equal(load("  hostname: bmc\n"
			      "  tls_config: {ca_file: ca.pem, cert_file: /c, key_file: /k}\n"
			      "  authorization: {credentials_file: /token}\n"
			      "  http_headers: {X-Site: {files: [/h1, /h2]}}\n"),
		0);
	redfish_config_files(&settings, files);
	assert_string_equal(files[0], "ca.pem");
	assert_string_equal(files[1], "/c");
	assert_string_equal(files[2], "/k");
	assert_string_equal(files[3], "/token");
	assert_string_equal(files[4], "/h1");
	assert_string_equal(files[5], "/h2");
	assert_null(files[6]);
}

static void rules_of_the_http_client_hold(void **state)
{
	assert_refused("  hostname: bmc\n  bearer_token: x\n  basic_auth: {username: y}\n",
		"at most one of");
	assert_refused("  hostname: bmc\n  tls_config: {min_version: TLS14}\n", "min_version");
	assert_int_equal(load("  hostname: bmc\n  authorization: {credentials: abc}\n"), 0);
	assert_string_equal(settings.http.authorization.type, "Bearer");
}

static void a_missing_file_is_named(void **state)
{
	assert_int_equal(redfish_config_load("/nonexistent/redfish.yml", false, &surroundings,
				 &arena, &settings, &err),
		-ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/redfish.yml"));
}

static void the_file_survives_failing_allocations(void **state)
{
	static const char text[] = "redfish_collector: {protocol: https, port: 1, "
				   "hostname: '{hostname}', external_url: 'http://p/', "
				   "http_headers: {X: {files: [/f]}}, username: $CEEMS_T_HOST}";
	struct redfish *client = NULL;
	size_t n = 0;
	int r;

	assert_int_equal(load_text(text, true), 0);
	do {
		struct arena small;

		arena_init(&small, 1 << 20);
		alloc_fail_at(++n);
		r = redfish_config_load(path, true, &surroundings, &small, &settings, &err);
		if (r >= 0) {
			const struct redfish_config config = { .url = settings.url,
				.service_url = settings.service_url,
				.username = settings.username,
				.password = settings.password,
				.timeout_ms = 1000,
				.http = &settings.http,
				.user_agent = "test/1",
				.clock = clock_system() };

			r = redfish_new(&config, &client, &err);
			redfish_free(TAKE(client));
		}
		if (alloc_fail_happened())
			assert_int_equal(r, -ENOMEM);
		arena_done(&small);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_int_equal(r, 0);
	assert_true(n > 5);
}

int main(void)
{
#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CONFIG_TEST(defaults_are_those_of_the_spec),
		CONFIG_TEST(the_hosts_name_is_filled_in),
		CONFIG_TEST(without_a_host_the_bmc_is_looked_for),
		CONFIG_TEST(the_environment_replaces_credentials),
		CONFIG_TEST(an_external_url_takes_all_requests),
		CONFIG_TEST(keys_that_are_needed_are_asked_for),
		CONFIG_TEST(one_of_two_sections_counts),
		CONFIG_TEST(unknown_keys_are_ignored_and_double_ones_refused),
		CONFIG_TEST(variables_are_expanded_when_asked),
		CONFIG_TEST(the_old_switch_replaces_tls),
		CONFIG_TEST(files_that_are_read_later_are_named),
		CONFIG_TEST(rules_of_the_http_client_hold),
		CONFIG_TEST(a_missing_file_is_named),
		CONFIG_TEST(the_file_survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
