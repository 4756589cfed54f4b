// SPDX-License-Identifier: Apache-2.0
#include "lb/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit_test.h"

static const char yaml[] =
	"ceems_lb:\n"
	"  cluster_label: site\n"
	"  backends:\n"
	"    - id: alpha\n"
	"      tsdb:\n"
	"        - {web: {url: 'http://u:secret@127.0.0.1:1/p'}, filter_labels: [a, b]}\n"
	"        - {web: {url: 'http://127.0.0.1:2'}}\n"
	"    - {id: empty, pyroscope: [{web: {url: ''}}]}\n"
	"    - id: odd\n"
	"      tsdb: [{web: {url: 'ftp://127.0.0.1:4'}}, {web: {url: 'http://'}}, {web: {url: nohost}}]\n"
	"    - {id: alpha, cluster_label: own, tsdb: [{web: {url: 'http://127.0.0.1:3'}, filter_labels: [c]}]}\n";

static struct settings *settings;
static struct pools *pools;

static struct settings *load(const char *text)
{
	char path[] = "/tmp/ceems-test.XXXXXX";
	struct settings *loaded = NULL;
	struct err err;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	if (settings_load(path, false, "/", &loaded, &err) < 0)
		fail_msg("%s", err.text);
	unlink(path);
	return loaded;
}

static int set_up(void **state)
{
	settings = load(yaml);
	return pools_new(settings, GATE_TSDB, NULL, NULL, &pools, NULL);
}

static int tear_down(void **state)
{
	pools_free(pools);
	settings_unref(settings);
	return 0;
}

static void items_of_one_id_are_one_pool(void **state)
{
	struct pool *alpha = pools_find(pools, "alpha");

	assert_int_equal(pools->n, 1);
	assert_non_null(alpha);
	assert_int_equal(alpha->n, 3);
	assert_string_equal(alpha->servers[2]->name, "http://127.0.0.1:3");
	assert_string_equal(alpha->cluster_label, "own");
	assert_int_equal(alpha->hidden_labels.n, 3);
	assert_string_equal(alpha->hidden_labels.v[2], "c");
}

static void passwords_are_not_in_names(void **state)
{
	assert_null(strstr(pools_find(pools, "alpha")->servers[0]->name, "secret"));
}

static void servers_that_are_none_are_left_out(void **state)
{
	struct pools *pyroscope;

	assert_null(pools_find(pools, "odd"));
	assert_null(pools_find(pools, "empty"));
	assert_null(pools_find(pools, ""));
	assert_int_equal(pools_new(settings, GATE_PYROSCOPE, NULL, NULL, &pyroscope, NULL), 0);
	assert_int_equal(pyroscope->n, 0);
	pools_free(pyroscope);
}

/* Ports of who is picked until there is nobody. */
static const char *picks(int64_t reach_ms)
{
	static char text[8];
	uint64_t tried = 0;
	size_t n = 0;
	struct server *server;

	while ((server = pool_pick(pools, pools_find(pools, "alpha"), &tried, reach_ms, 10000)))
		text[n++] = strstr(server->name, "127.0.0.1:")[10];
	text[n] = '\0';
	return text;
}

static void no_server_is_tried_twice(void **state)
{
	assert_string_equal(picks(INT64_MAX), "231");
}

static void dead_servers_are_not_tried(void **state)
{
	struct pool *alpha = pools_find(pools, "alpha");

	server_report(alpha->servers[1], ATTEMPT_UNREACHABLE, "test");
	assert_string_equal(picks(INT64_MAX), "31");
	server_report(alpha->servers[0], ATTEMPT_TIMEOUT, "test");
	server_report(alpha->servers[0], ATTEMPT_BROKEN, "test");
	server_report(alpha->servers[0], ATTEMPT_CLIENT_GONE, "");
	assert_true(alpha->servers[0]->alive);
	assert_int_equal(alpha->servers[0]->attempts[ATTEMPT_BROKEN], 1);
}

static void a_server_that_holds_the_time_goes_first(void **state)
{
	struct pool *alpha = pools_find(pools, "alpha");

	alpha->servers[0]->retention_ms = 5000;
	alpha->servers[1]->retention_ms = 5000;
	alpha->servers[2]->retention_ms = 9000;
	assert_int_equal(picks(2000)[0], '3');
	assert_int_equal(strlen(picks(2000)), 3); /* the others all the same */
	assert_int_equal(strlen(picks(0)), 3); /* nobody holds it */
}

static void what_is_known_of_servers_outlives_a_reload(void **state)
{
	struct settings *next = load(yaml);
	struct pools *after;

	pools_find(pools, "alpha")->servers[1]->lookback_ms = 900000;
	pools_find(pools, "alpha")->servers[1]->retention_ms = 5000;
	server_report(pools_find(pools, "alpha")->servers[1], ATTEMPT_UNREACHABLE, "test");
	assert_int_equal(pools_new(next, GATE_TSDB, pools, NULL, &after, NULL), 0);
	assert_true(pools_find(after, "alpha")->servers[0]->alive);
	assert_false(pools_find(after, "alpha")->servers[1]->alive);
	assert_int_equal(pools_find(after, "alpha")->servers[1]->lookback_ms, 900000);
	assert_int_equal(pools_find(after, "alpha")->servers[1]->retention_ms, 5000);
	pools_free(after);
	settings_unref(next);
}

static void the_longest_look_back_counts(void **state)
{
	struct pool *alpha = pools_find(pools, "alpha");

	assert_int_equal(pool_lookback_ms(alpha), 300000);
	alpha->servers[1]->lookback_ms = 900000;
	assert_int_equal(pool_lookback_ms(alpha), 900000);
	/* Of the others it is not known. */
	alpha->servers[1]->lookback_ms = 7;
	assert_int_equal(pool_lookback_ms(alpha), 300000);
	alpha->servers[0]->lookback_ms = 7;
	alpha->servers[2]->lookback_ms = 8;
	assert_int_equal(pool_lookback_ms(alpha), 8);
}

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		POOL_TEST(items_of_one_id_are_one_pool),
		POOL_TEST(passwords_are_not_in_names),
		POOL_TEST(servers_that_are_none_are_left_out),
		POOL_TEST(no_server_is_tried_twice),
		POOL_TEST(dead_servers_are_not_tried),
		POOL_TEST(a_server_that_holds_the_time_goes_first),
		POOL_TEST(what_is_known_of_servers_outlives_a_reload),
		POOL_TEST(the_longest_look_back_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
