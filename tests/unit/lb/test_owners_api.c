// SPDX-License-Identifier: Apache-2.0
/* Ownership from an API server that is played here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lb/owners/owners.h"
#include "net/http_server.h"
#include "unit_test.h"

static struct arena arena;
static struct http_server *server;
static struct owners *owners;
static char url[64];
static int64_t now_ns;
static unsigned calls; /* of the verify route */
static size_t longest; /* target of a request, in bytes */
static int verify_status; /* 0: as the data say */
static bool broken; /* every answer but verify's is garbage */
static bool routeless; /* the one that lists units is missing */
static bool empty; /* lists are null */

static int64_t tick(void *ctx)
{
	return now_ns;
}
static const struct clock clock_ = { tick, tick, NULL };

static const char units_reply[] =
	"{\"status\":\"success\",\"data\":["
	"{\"uuid\":\"7001\",\"project\":\"p1\",\"started_at_ts\":1000,\"ended_at_ts\":2000},"
	"{\"uuid\":\"7001\",\"project\":\"p2\",\"started_at_ts\":3000}]}";

static void reply(struct http_response *res, const char *text)
{
	buffer_puts(http_response_body(res),
		broken          ? "<html>"
			: empty ? "{\"status\":\"success\",\"data\":null}"
				: text);
}

static void handle(void *ctx, struct http_request *req, struct http_response *res)
{
	const char *path = http_request_path(req),
		   *user = http_request_header(req, "X-Grafana-User");
	const char *uuid = http_request_param(req, "uuid");
	bool service = strcmp(user, "ceems-int-svc") == 0;

	longest = MAX(longest, strlen(http_request_raw_target(req)));
	if (!http_request_header(req, "Authorization")) {
		http_response_status(res, 401);
	} else if (strcmp(path, "/x/api/v1/units/verify") == 0) {
		calls++;
		http_response_status(res,
			verify_status ? verify_status
				: strcmp(user, "ines") == 0 && strcmp(uuid, "7001") == 0 ? 200
											 : 403);
	} else if (routeless && strcmp(path, "/x/api/v1/units/admin") == 0) {
		http_response_status(res, 404);
	} else if (strcmp(path, "/x/api/v1/projects") == 0 && !service) {
		reply(res,
			"{\"status\":\"success\",\"data\":["
			"{\"cluster_id\":\"alpha\",\"name\":\"p1\"},"
			"{\"cluster_id\":\"beta\",\"name\":\"p2\"}]}");
	} else if (strcmp(path, "/x/api/v1/units/admin") == 0 && service) {
		reply(res, units_reply);
	} else if (strcmp(path, "/x/api/v1/users/admin") == 0 && service) {
		reply(res, "{\"status\":\"success\",\"data\":[{\"name\":\"ops\"}]}");
	} else if (strcmp(path, "/x/api/v1/clusters/admin") == 0 && service) {
		reply(res, "{\"status\":\"success\",\"data\":[{\"id\":\"alpha\"}]}");
	} else {
		http_response_status(res, 404);
	}
}

static int set_up(void **state)
{
	static const char *addresses[] = { "127.0.0.1:0" };
	const struct http_server_config http = {
		.listen_addresses = { addresses, 1 },
		.threads = 2,
		.max_header_bytes = 64 << 10,
		.max_response_bytes = 1 << 20,
		.header_timeout_ms = 2000,
		.idle_timeout_ms = 60000,
		.handler = handle,
	};
	static struct http_client_config client;
	const struct owners_config config = {
		.api_url = url,
		.api_client = &client,
		.keep_ms = 5000,
		.max_answers = 1000,
		.clock = &clock_,
		.cancel_fd = -1,
	};

	client = (struct http_client_config){
		.basic_auth = { true, .username = "lb", .password = "pw" }, .follow_redirects = true
	};
	now_ns = 1000000000;
	calls = 0;
	verify_status = 0;
	broken = routeless = empty = false;
	arena_init(&arena, 4 << 20);
	assert_int_equal(http_server_open(&http, &server, NULL), 0);
	assert_int_equal(http_server_serve(server, NULL), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", http_server_port(server, 0));
	assert_int_equal(owners_new(&config, &owners, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	owners_free(owners);
	http_server_stop(server, 0);
	server = NULL;
	arena_done(&arena);
	return 0;
}

static const struct gate_unit_lives *lives;

static enum owners_verdict ask(const char *user, const char *uuid)
{
	const struct strings units = { &uuid, 1 };
	const struct owners_question q = { user, "alpha", &units };
	enum owners_verdict verdict;

	assert_int_equal(owners_ask(owners, &q, &arena, &verdict, &lives), 0);
	return verdict;
}

static void the_verify_route_decides(void **state)
{
	assert_int_equal(ask("ines", "7001"), OWNERS_ALLOW);
	assert_int_equal(ask("omar", "7001"), OWNERS_DENY);
	assert_int_equal(ask("ines", "7002"), OWNERS_DENY);
}

static void lives_come_from_the_service_accounts_routes(void **state)
{
	assert_int_equal(ask("ines", "7001"), OWNERS_ALLOW);
	assert_int_equal(lives[0].n, 1);
	assert_int_equal(lives[0].v[0].end_ms, 2000);
	assert_int_equal(lives[0].n_foreign, 1);
	assert_int_equal(lives[0].foreign[0].start_ms, 3000);
}

static void nothing_blocks_on_the_loops_thread(void **state)
{
	const char *uuid = "7001";
	const struct strings units = { &uuid, 1 };
	const struct owners_question q = { "ines", "alpha", &units };
	enum owners_verdict verdict;
	bool admin;

	assert_int_equal(owners_try(owners, &q, &arena, &verdict, &lives), -EAGAIN);
	assert_int_equal(owners_is_admin(owners, "ops", false, &admin), -EAGAIN);
	assert_int_equal(calls, 0);
	ask("ines", "7001");
	assert_int_equal(owners_try(owners, &q, &arena, &verdict, &lives), 0);
	assert_int_equal(verdict, OWNERS_ALLOW);
	assert_int_equal(calls, 1);
	now_ns += INT64_C(6000) * 1000000;
	assert_int_equal(owners_try(owners, &q, &arena, &verdict, &lives), -EAGAIN);
}

static void failures_refuse_and_are_forgotten(void **state)
{
	struct owners_stats stats;

	verify_status = 500;
	assert_int_equal(ask("ines", "7001"), OWNERS_UNAVAILABLE);
	assert_int_equal(ask("ines", "7001"), OWNERS_UNAVAILABLE);
	assert_int_equal(calls, 1); /* not again at once */
	owners_stats(owners, &stats);
	assert_true(stats.failing);
	now_ns += INT64_C(1100) * 1000000;
	verify_status = 0;
	assert_int_equal(ask("ines", "7001"), OWNERS_ALLOW);
	owners_stats(owners, &stats);
	assert_false(stats.failing);
}

/* Long ones, of bytes that are escaped: no request line may be too long for the server, which would
 * look like its failure to everybody. */
static void ids_of_any_length_cost_nobody_an_answer(void **state)
{
	enum { N = 100, LENGTH = 500 };
	static char texts[N][LENGTH + 1];
	const char *v[N];
	const struct strings units = { v, N };
	const struct owners_question q = { "ines", "alpha", &units };
	enum owners_verdict verdict;
	struct owners_stats stats;

	for (size_t i = 0; i < N; i++) {
		memset(texts[i], '{', LENGTH);
		snprintf(texts[i], 8, "%zu-", i);
		texts[i][strlen(texts[i])] = '{';
		v[i] = texts[i];
	}
	assert_int_equal(owners_ask(owners, &q, &arena, &verdict, &lives), 0);
	assert_int_equal(verdict, OWNERS_DENY);
	owners_stats(owners, &stats);
	assert_false(stats.failing);
	assert_in_range(longest, 1, 8000);
	assert_int_equal(ask("ines", "7001"), OWNERS_ALLOW);
}

static void times_that_cannot_be_had_refuse(void **state)
{
	bool admin = true;

	broken = true;
	assert_int_equal(ask("ines", "7001"), OWNERS_UNAVAILABLE);
	now_ns += INT64_C(1100) * 1000000;
	assert_int_equal(owners_is_admin(owners, "ops", true, &admin), 0);
	assert_false(admin);
}

static void without_its_routes_times_are_not_known(void **state)
{
	routeless = true;
	assert_int_equal(ask("omar", "7001"), OWNERS_DENY);
	assert_int_equal(ask("ines", "7001"), OWNERS_ALLOW);
	assert_int_equal(lives[0].n, 0);
	assert_int_equal(lives[0].n_foreign, 0);
}

static void no_list_is_an_empty_one(void **state)
{
	bool admin = true;

	empty = true;
	assert_int_equal(ask("ines", "7001"), OWNERS_ALLOW);
	assert_int_equal(lives[0].n_foreign, 0);
	assert_int_equal(owners_is_admin(owners, "ops", true, &admin), 0);
	assert_false(admin);
}

static void administrators_and_clusters_are_asked_for(void **state)
{
	struct strings ids = { 0 };
	bool admin = false;

	assert_int_equal(owners_is_admin(owners, "ops", true, &admin), 0);
	assert_true(admin);
	assert_int_equal(owners_is_admin(owners, "ines", true, &admin), 0);
	assert_false(admin);
	assert_int_equal(owners_is_admin(owners, "ceems-int-svc", true, &admin), 0);
	assert_false(admin);
	assert_int_equal(owners_clusters(owners, &arena, &ids, NULL), 0);
	assert_int_equal(ids.n, 1);
	assert_string_equal(ids.v[0], "alpha");
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(the_verify_route_decides),
		API_TEST(lives_come_from_the_service_accounts_routes),
		API_TEST(nothing_blocks_on_the_loops_thread),
		API_TEST(failures_refuse_and_are_forgotten),
		API_TEST(ids_of_any_length_cost_nobody_an_answer),
		API_TEST(times_that_cannot_be_had_refuse),
		API_TEST(without_its_routes_times_are_not_known),
		API_TEST(no_list_is_an_empty_one),
		API_TEST(administrators_and_clusters_are_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
