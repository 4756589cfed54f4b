// SPDX-License-Identifier: Apache-2.0
/* The API over real connections; what it answers is test_routes' subject. */
#include "api/server.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* raw_client.h uses cmocka's words. */
#include "unit_test.h"

#include "../net/raw_client.h"
#include "sample_store.h"

static struct sample_store s;
static struct api_server *server;
static struct err err;
static struct network loopback = { .bits = 128 };
static const char *addresses[] = { "127.0.0.1:0" };

static struct api_server_config config(void)
{
	return (struct api_server_config){
		.http = { .listen_addresses = { addresses, 1 }, .threads = 2, .gzip_level = 5 },
		.route_prefix = "/",
		.zone = s.zone,
		.clock = clock_system(),
		.version = "0.0",
		.identity.trusted_proxies = { &loopback, 1 },
	};
}

static int setup(void **state)
{
	struct api_server_config c;

	sample_store_open(&s);
	sample_store_fill(&s);
	assert_int_equal(address_parse(SLICE("127.0.0.1"), &loopback.address), 0);
	c = config();
	if (api_server_open(&c, &server, &err) < 0 || api_server_serve(server, &err) < 0)
		fail_msg("%s", err.text);
	api_server_use(server, s.store);
	return 0;
}

static int teardown(void **state)
{
	api_server_stop(server, 1000);
	server = NULL;
	sample_store_close(&s);
	return 0;
}

static const char *get(const char *target, const char *headers)
{
	static char request[8192];

	snprintf(request, sizeof(request),
		"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", target, headers);
	return raw_request(api_server_port(server, 0), request);
}

static void answers_travel_with_their_status_and_headers(void **state)
{
	const char *reply = get("/api/v1/units?uuid=103&field=uuid", "X-Grafana-User: mira\r\n");

	assert_int_equal(raw_status(reply), 200);
	assert_non_null(strstr(reply, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(reply, "X-Content-Type-Options: nosniff\r\n"));
	assert_non_null(
		strstr(reply, "\r\n\r\n{\"status\":\"success\",\"data\":[{\"uuid\":\"103\"}]}\n"));
	assert_int_equal(raw_status(get("/api/v1/units", "")), 401);
	assert_int_equal(raw_status(get("/api/v1/units/admin", "X-Grafana-User: mira\r\n")), 403);
	assert_int_equal(raw_status(get("/health", "")), 200);
	assert_int_equal(raw_status(get("/api/v1//units", "X-Grafana-User: mira\r\n")), 301);
	assert_int_equal(raw_status(get("/api/v1/units?from=x", "X-Grafana-User: mira\r\n")), 400);
}

/* The header of the reverse proxy decides, and nothing that merely looks like it. */
static void nobody_becomes_somebody_by_other_headers(void **state)
{
	assert_int_equal(raw_status(get("/api/v1/units/admin",
				 "X-Ceems-Logged-User: boss\r\nX-Ceems-Admin-User: boss\r\n")),
		401);
	assert_int_equal(raw_status(get("/api/v1/units/admin",
				 "X-Grafana-User: mira\r\nX-Ceems-Admin-User: boss\r\n")),
		403);
	assert_int_equal(
		raw_status(get("/%61pi/v1/units/%61dmin", "X-Grafana-User: mira\r\n")), 403);
	assert_int_equal(raw_status(get("/api/v1/units%2fadmin", "X-Grafana-User: mira\r\n")), 403);
}

static void a_long_answer_arrives_whole(void **state)
{
	const char *reply;

	sample_sql(s.path,
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
		"INSERT INTO units (cluster_id, uuid, started_at, ended_at, username, ignore, name) "
		"SELECT 'big', printf('%05d', i), 's', '2031-04-09T08:10:00+0200', 'olga', 0, "
		"hex(zeroblob(500)) FROM n");
	reply = get("/api/v1/units?from=1933477200&to=1933484400", "X-Grafana-User: olga\r\n");
	assert_int_equal(raw_status(reply), 200);
	assert_true(strlen(reply) > 2000 * 1000);
	assert_non_null(strstr(reply, "\"uuid\":\"02000\""));
	assert_non_null(strstr(reply, "]}\n"));
}

/* Clients that stop in the middle of a long answer hold nothing that others need. */
static void clients_that_stop_reading_block_nobody(void **state)
{
	static const char request[] = "GET /api/v1/units?from=1933477200&to=1933484400 HTTP/1.1\r\n"
				      "Host: x\r\nX-Grafana-User: olga\r\n\r\n";
	struct unit_list units = { 0 };
	struct store_step step = { .cluster_id = "hpc-a",
		.start_ms = (SAMPLE_T0_S + 9000) * 1000,
		.end_ms = (SAMPLE_T0_S + 9900) * 1000,
		.units = &units };
	struct store_step_result result;
	int fds[20];

	sample_sql(s.path,
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) "
		"INSERT INTO units (cluster_id, uuid, started_at, ended_at, username, ignore, name) "
		"SELECT 'big', printf('%05d', i), 's', '2031-04-09T08:10:00+0200', 'olga', 0, "
		"hex(zeroblob(500)) FROM n");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = raw_connect(api_server_port(server, 0));
		assert_true(raw_puts(fds[i], request));
	}
	assert_int_equal(raw_status(get("/health", "")), 200);
	assert_int_equal(raw_status(get("/api/v1/users", "X-Grafana-User: mira\r\n")), 200);
	sample_unit(&s, &units, "slurm", "101", "mira", "astro", SAMPLE_T0_S, 0);
	assert_int_equal(store_commit_step(s.store, &step, &result, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static void a_taken_port_is_an_error_with_its_name(void **state)
{
	struct api_server_config c = config();
	struct api_server *second = NULL;
	char address[32];
	const char *taken = address;

	snprintf(address, sizeof(address), "127.0.0.1:%d", api_server_port(server, 0));
	c.http.listen_addresses.v = &taken;
	assert_int_equal(api_server_open(&c, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, address));
	assert_null(second);
}

static void *ask_often(void *ctx)
{
	static const char *const requests[] = {
		"GET /api/v1/usage/current HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		"X-Grafana-User: mira\r\n\r\n",
		"GET /api/v1/units/admin?running HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		"X-Grafana-User: boss\r\n\r\n",
	};
	struct buffer reply;

	for (int i = 0; i < 30; i++) {
		int fd = raw_connect(api_server_port(server, 0));

		buffer_init(&reply, 0);
		assert_true(raw_puts(fd, requests[i % 2]));
		assert_true(raw_read_all(fd, &reply, RAW_TIMEOUT_MS));
		assert_int_equal(raw_status(buffer_text(&reply)), 200);
		buffer_done(&reply);
		close(fd);
	}
	return NULL;
}

static void requests_and_steps_run_at_the_same_time(void **state)
{
	pthread_t threads[4];

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_often, NULL), 0);
	for (int i = 3; i < 10; i++) {
		struct unit_list units = { 0 };
		struct store_step step = { .cluster_id = "hpc-a",
			.start_ms = (SAMPLE_T0_S + i * SAMPLE_WINDOW_S) * 1000,
			.end_ms = (SAMPLE_T0_S + (i + 1) * SAMPLE_WINDOW_S) * 1000,
			.units = &units };
		struct store_step_result result;

		sample_unit(&s, &units, "slurm", "101", "mira", "astro", SAMPLE_T0_S, 0);
		assert_int_equal(store_commit_step(s.store, &step, &result, &err), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		SERVER_TEST(answers_travel_with_their_status_and_headers),
		SERVER_TEST(nobody_becomes_somebody_by_other_headers),
		SERVER_TEST(a_long_answer_arrives_whole),
		SERVER_TEST(clients_that_stop_reading_block_nobody),
		SERVER_TEST(a_taken_port_is_an_error_with_its_name),
		SERVER_TEST(requests_and_steps_run_at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
