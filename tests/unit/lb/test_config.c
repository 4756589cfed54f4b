// SPDX-License-Identifier: Apache-2.0
#include "lb/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit_test.h"

static char file[] = "/tmp/ceems-test.XXXXXX";
static struct arena arena;
static struct lb_config config;
static struct err err;

static int setup(void **state)
{
	int fd = mkstemp(file);

	arena_init(&arena, 64 << 20);
	assert_true(fd >= 0);
	return close(fd);
}

static int teardown(void **state)
{
	unlink(file);
	arena_done(&arena);
	return 0;
}

static int load(const char *yaml, bool expand)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(yaml, f);
	assert_int_equal(fclose(f), 0);
	config = (struct lb_config){ 0 };
	return lb_config_load(file, expand, &arena, &config, &err);
}

static void good(const char *yaml)
{
	if (load(yaml, false) < 0)
		fail_msg("%s\n%s", yaml, err.text);
}

static void bad(const char *yaml, const char *why)
{
	if (load(yaml, false) >= 0)
		fail_msg("accepted: %s", yaml);
	if (!str_starts(err.text, "failed to parse config file: ") || !strstr(err.text, why))
		fail_msg("%s: %s", why, err.text);
}

#define BACKEND(...) "ceems_lb: {backends: [{id: a, tsdb: [" __VA_ARGS__ "]}]}\n"
#define WEB "{web: {url: 'http://h:9090'}}"

static void an_empty_file_has_defaults(void **state)
{
	static const char *const texts[] = { "", "{}", "ceems_lb:\n", "ceems_lb: {strategy: }" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		good(texts[i]);
		assert_string_equal(config.strategy, "round-robin");
		assert_int_equal(config.backends.n, 0);
		assert_null(config.data_path);
		assert_string_equal(config.api.url, "");
		assert_int_equal(config.requests_per_user, 16);
		assert_int_equal(config.upstream_timeout_ms, 300000);
		assert_true(config.experimental_functions);
		assert_int_equal(config.promql_level, PROMQL_NEWEST);
	}
}

static void sections_fill_the_structs(void **state)
{
	const struct lb_backend_config *b;
	const struct lb_server_config *s;

	good("ceems_lb:\n"
	     "  strategy: least-connection\n"
	     "  cluster_label: cluster\n"
	     "  limits: {upstream_timeout: 1m, upstream_timeouts: {query_range: 10m}}\n"
	     "  backends:\n"
	     "    - id: alpha\n"
	     "      tsdb:\n"
	     "        - web: {url: 'http://a1:9090', basic_auth: {username: lb, password: pw}}\n"
	     "          filter_labels: [instance, hostname]\n"
	     "        - web: {url: 'http://a2:9090', unheard_of: 1}\n"
	     "      pyroscope:\n"
	     "        - web: {url: 'http://p:4040'}\n"
	     "    - {id: beta, cluster_label: '', pyroscope: [{web: {url: ''}}]}\n"
	     "ceems_api_server:\n"
	     "  data: {path: /var/lib/ceems, retention_period: 1y}\n"
	     "  admin: {users: [x], grafana: {url: 'http://g', tls_config: {min_version: TLS13}}}\n"
	     "  web: {url: 'http://api:9020', basic_auth: {username: u, password: p}}\n"
	     "clusters: [{id: alpha, manager: slurm, cli: {path: /usr/bin}}, {id: beta}]\n"
	     "updaters: [{not: read}, at, all]\n");
	b = config.backends.v;
	assert_int_equal(config.backends.n, 2);
	assert_string_equal(b[0].id, "alpha");
	assert_string_equal(b[0].cluster_label, "cluster");
	assert_int_equal(b[0].servers[GATE_TSDB].n, 2);
	s = b[0].servers[GATE_TSDB].v;
	assert_string_equal(s[0].web.client.basic_auth.password, "pw");
	assert_true(s[0].web.client.enable_http2);
	assert_int_equal(s[0].filter_labels.n, 2);
	assert_string_equal(s[1].web.url, "http://a2:9090");
	s = b[0].servers[GATE_PYROSCOPE].v;
	assert_string_equal(s[0].web.url, "http://p:4040");
	assert_string_equal(config.data_path, "/var/lib/ceems");
	assert_string_equal(config.api.client.basic_auth.username, "u");
	assert_int_equal(lb_config_timeout_ms(&config, SLICE("/x/api/v1/query_range")), 600000);
	assert_int_equal(lb_config_timeout_ms(&config, SLICE("/x/api/v1/query")), 60000);
	assert_int_equal(lb_config_timeout_ms(&config, SLICE("query_range")), 600000);
}

static void a_data_section_without_a_path_means_the_default(void **state)
{
	good("ceems_api_server: {data: {retention_period: 3d}}");
	assert_string_equal(config.data_path, "data");
	good("ceems_api_server: {data: }");
	assert_null(config.data_path);
	good("ceems_api_server: {web: {url: 'http://x'}}");
	assert_null(config.data_path);
}

static void backends_that_are_incomplete_are_named(void **state)
{
	bad("ceems_lb: {backends: [{tsdb: [" WEB "]}]}", "missing ID for backend(s)");
	bad("ceems_lb: {backends: [{id: '', tsdb: [" WEB "]}]}", "missing ID for backend(s)");
	bad("ceems_lb: {backends: [{id: a}]}", "missing TSDB and Pyroscope URL(s) for backend(s)");
	bad("ceems_lb: {backends: [{id: a, tsdb: []}]}", "missing TSDB and Pyroscope URL(s)");
	bad(BACKEND("{}"), "missing web in tsdb of backend a");
	bad(BACKEND("{filter_labels: [x]}"), "missing web in tsdb of backend a");
	bad(BACKEND("{web: {}}"), "missing URL in tsdb of backend a");
	bad(BACKEND("{web: {url: ''}}"), "missing URL in tsdb of backend a");
	bad(BACKEND(WEB) "clusters: [{id: b}]",
		"unknown ID a found in backends. IDs in ceems_lb.backends and in clusters config "
		"should match");
	good(BACKEND(WEB) "clusters: [{id: ''}, {manager: slurm}]");
	good(BACKEND(WEB) "clusters: [{id: b}, {id: a}]");
}

static void keys_of_clients_are_checked(void **state)
{
	bad(BACKEND("{web: {url: 'http://h', bearer_token: a, basic_auth: {username: b}}}"),
		"at most one");
	bad(BACKEND("{web: {url: 'http://h', tls_config: {min_version: TLS9}}}"), "TLS9");
	bad("ceems_api_server: {web: {url: 'http://h', bearer_token: a, bearer_token_file: b}}",
		"at most one");
	bad("ceems_api_server: {admin: {grafana: {url: g, tls_config: {max_version: SSL}}}}",
		"SSL");
	bad("clusters: [{id: a, web: {url: x, tls_config: {min_version: nope}}}]", "nope");
}

static void the_api_servers_types_hold(void **state)
{
	bad("ceems_api_server: {data: {update_interval: soon}}", "soon");
	bad("ceems_api_server: {data: {time_zone: Mars/Olympus}}", "Mars/Olympus");
	bad("ceems_api_server: {data: {time_zone: ../../../etc/passwd}}", "unknown time zone");
	bad("ceems_api_server: {admin: {users: {a: b}}}", "users");
	bad("clusters: {a: b}", "clusters");
	bad("ceems_lb: []", "ceems_lb");
	good("ceems_api_server: {data: {time_zone: UTC, unheard_of: 1}}");
}

static void yaml_is_read_strictly(void **state)
{
	bad("ceems_lb: {strategy: a, strategy: b}", "strategy");
	bad("ceems_lb: {", "");
	bad("ceems_lb: {limits: {requests_per_user: -1}}", "below 0");
	bad("ceems_lb: {promql_level: 4}", "promql_level must be newest, 3.0 or 2.42, not '4'");
	good("ceems_lb: {promql_level: 3.0, experimental_functions: false}");
	assert_int_equal(config.promql_level, PROMQL_3_0);
	assert_false(config.experimental_functions);
	bad("ceems_lb: {limits: {upstream_timeouts: {query: fast}}}", "'fast' is no duration");
	assert_true(lb_config_load("", false, &arena, &config, &err) < 0);
	assert_true(lb_config_load("/nonexistent", false, &arena, &config, &err) < 0);
}

static void variables_are_replaced_when_asked_for(void **state)
{
	setenv("LB_TEST_HOST", "h9", 1);
	assert_int_equal(load(BACKEND("{web: {url: 'http://${LB_TEST_HOST}/$$x'}}"), true), 0);
	assert_string_equal(
		((struct lb_server_config *)((struct lb_backend_config *)config.backends.v)
				->servers[GATE_TSDB]
				.v)
			->web.url,
		"http://h9/$x");
	assert_true(load("# [[{$}]]\n", true) < 0);
	assert_non_null(strstr(err.text,
		"expanding env vars is not supported with literal template token [[{$}]] in the "
		"config file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_file_has_defaults),
		TEST(sections_fill_the_structs),
		TEST(a_data_section_without_a_path_means_the_default),
		TEST(backends_that_are_incomplete_are_named),
		TEST(keys_of_clients_are_checked),
		TEST(the_api_servers_types_hold),
		TEST(yaml_is_read_strictly),
		TEST(variables_are_replaced_when_asked_for),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
