// SPDX-License-Identifier: Apache-2.0
/* The Redfish client and the watch over a service that is in this process, with a clock of our own.
 */
#include "exporter/meters/redfish_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/http_server.h"
#include "unit_test.h"

static const int64_t S = 1000000000;

enum { REQUESTS_MAX = 256, REQUEST_MAX_BYTES = 128 };

/* What the service does; only changed between polls. */
static struct {
	bool needs_login, refuses_login;
	const char *fault_path; /* answers with fault_status */
	int fault_status;
	const char *blades_power; /* of /redfish/v1/Chassis/B/Power; NULL: 404 */
	bool has_environment;
	int sessions, logins;
	int valid_session; /* 0: none */
	char requests[REQUESTS_MAX][REQUEST_MAX_BYTES];
	size_t n_requests;
} service;

static struct http_server *server;
static struct redfish_config config;
static struct redfish *client;
static struct redfish_readings readings;
static struct redfish_watch *watch;
static struct log quiet;
static char url[64];
static int64_t now_ns;

static int64_t read_clock(void *ctx)
{
	return now_ns;
}
static const struct clock clock_of_test = { read_clock, read_clock, NULL };

static const char *const documents[][2] = {
	{ "/redfish/v1/",
		"{\"Chassis\": {\"@odata.id\": \"/redfish/v1/Chassis\"}, \"Links\": "
		"{\"Sessions\": {\"@odata.id\": \"/redfish/v1/Sessions\"}}}" },
	{ "/redfish/v1/Chassis",
		"{\"Members\": [{\"@odata.id\": \"/redfish/v1/Chassis/A\"}, "
		"{\"@odata.id\": \"/redfish/v1/Chassis/B\"}]}" },
	{ "/redfish/v1/Chassis/A",
		"{\"Id\": \"A.1\", \"Power\": {\"@odata.id\": "
		"\"/redfish/v1/Chassis/A/Power\"}}" },
	{ "/redfish/v1/Chassis/A/Power",
		"{\"PowerControl\": [{\"PowerConsumedWatts\": 100, "
		"\"PowerMetrics\": {\"MaxConsumedWatts\": 150}}]}" },
	{ "/redfish/v1/Chassis/B",
		"{\"Id\": \"A-1\", \"Power\": {\"@odata.id\": "
		"\"/redfish/v1/Chassis/B/Power\"}, \"EnvironmentMetrics\": "
		"{\"@odata.id\": \"/redfish/v1/Chassis/B/Environment\"}}" },
};

static const char *document(const char *path)
{
	if (str_eq(path, "/redfish/v1/Chassis/B/Power"))
		return service.blades_power;
	if (str_eq(path, "/redfish/v1/Chassis/B/Environment"))
		return service.has_environment ? "{\"PowerWatts\": {\"Reading\": 55}}" : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++)
		if (str_eq(path, documents[i][0]))
			return documents[i][1];
	return NULL;
}

static void login(struct http_request *req, struct http_response *res)
{
	char text[64];
	size_t len;
	const char *body = http_request_body(req, &len);

	service.logins++;
	if (service.refuses_login ||
		!slice_eq((struct slice){ body, len },
			"{\"UserName\":\"root\",\"Password\":\"calvin\\\"\"}")) {
		http_response_text(res, 401, "no\n");
		return;
	}
	service.valid_session = ++service.sessions;
	snprintf(text, sizeof(text), "token-%d", service.sessions);
	http_response_header(res, "X-Auth-Token", text);
	snprintf(text, sizeof(text), "/redfish/v1/Sessions/%d", service.sessions);
	http_response_header(res, "Location", text);
	http_response_text(res, 201, "{}");
}

static bool is_known(struct http_request *req)
{
	const char *token = http_request_header(req, "X-Auth-Token");
	char expected[64];

	snprintf(expected, sizeof(expected), "token-%d", service.valid_session);
	return service.valid_session && token && str_eq(token, expected);
}

static void handler(void *ctx, struct http_request *req, struct http_response *res)
{
	const char *path = http_request_path(req), *method = http_request_method(req), *json;

	if (service.n_requests < REQUESTS_MAX)
		snprintf(service.requests[service.n_requests++], REQUEST_MAX_BYTES, "%s %s", method,
			path);
	if (service.fault_path && str_eq(path, service.fault_path)) {
		http_response_text(res, service.fault_status, "fault\n");
	} else if (str_eq(method, "POST")) {
		login(req, res);
	} else if (service.needs_login && !str_eq(path, "/redfish/v1/") && !is_known(req)) {
		http_response_text(res, 401, "who?\n");
	} else if (str_eq(method, "DELETE")) {
		service.valid_session = 0;
		http_response_status(res, 204);
	} else if ((json = document(path))) {
		http_response_text(res, 200, json);
	} else {
		http_response_text(res, 404, "nothing\n");
	}
}

static int start_server(void **state)
{
	static const char *addresses[] = { "127.0.0.1:0" };
	const struct http_server_config c = { .listen_addresses = { addresses, 1 },
		.threads = 2,
		.max_request_body_bytes = 4096,
		.max_header_bytes = 16 << 10,
		.handler = handler };
	struct err err;

	if (http_server_open(&c, &server, &err) < 0 || http_server_serve(server, &err) < 0)
		return -1;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", http_server_port(server, 0));
	return 0;
}

static int stop_server(void **state)
{
	http_server_stop(server, 2000);
	return 0;
}

static int setup(void **state)
{
	static const struct http_client_config http = { .follow_redirects = true };
	struct err err;

	memset(&service, 0, sizeof(service));
	service.blades_power = "{\"PowerControl\": [{\"PowerConsumedWatts\": 40}]}";
	now_ns = 1000 * S;
	quiet = (struct log){ .fd = -1, .level = LOG_LEVEL_ERROR, .clock = &clock_of_test };
	config = (struct redfish_config){
		.url = url,
		.service_url = "https://bmc:443",
		.username = "root",
		.password = "calvin\"",
		.use_session = true,
		.timeout_ms = 20000,
		.http = &http,
		.user_agent = "test/1",
		.clock = &clock_of_test,
	};
	redfish_readings_init(&readings);
	if (redfish_new(&config, &client, &err) < 0)
		return -1;
	return redfish_watch_new(client, &readings, &clock_of_test, &quiet, &watch, &err);
}

static int teardown(void **state)
{
	redfish_watch_free(watch);
	redfish_free(client);
	redfish_readings_done(&readings);
	return 0;
}

static int poll_at(int64_t seconds, struct err *err)
{
	service.n_requests = 0;
	now_ns = (1000 + seconds) * S;
	return redfish_watch_poll(watch, 0, err);
}

static size_t count_requests(const char *request)
{
	size_t n = 0;

	for (size_t i = 0; i < service.n_requests; i++)
		n += str_eq(service.requests[i], request);
	return n;
}

static size_t fresh(int64_t age_s, struct redfish_reading r[static REDFISH_CHASSIS_MAX])
{
	return redfish_readings_get(&readings, now_ns - age_s * S, r);
}

static double total(int64_t *ret_ns)
{
	struct power_reading reading;

	if (redfish_readings_total(&readings, &reading) < 0)
		return -1;
	assert_false(reading.energy_known);
	if (ret_ns)
		*ret_ns = reading.sample_ns;
	return (double)reading.power_uw / 1e6;
}

static void every_chassis_has_a_label_of_its_own(void **state)
{
	struct redfish_reading r[REDFISH_CHASSIS_MAX];
	struct err err;

	assert_int_equal(poll_at(0, &err), 0);
	assert_int_equal(fresh(1, r), 2);
	assert_string_equal(r[0].chassis, "A_1");
	assert_true(r[0].watts[REDFISH_CURRENT] == 100 && r[0].watts[REDFISH_MAX] == 150);
	assert_string_equal(r[1].chassis, "A_1_2");
	assert_true(r[1].watts[REDFISH_CURRENT] == 40 && r[1].watts[REDFISH_MAX] == 0);
	assert_true(total(NULL) == 140);
}

static void chassis_are_looked_for_once(void **state)
{
	struct err err;

	assert_int_equal(poll_at(0, &err), 0);
	assert_int_equal(poll_at(10, &err), 0);
	assert_int_equal(service.n_requests, 2); /* the two of Power */
	assert_int_equal(poll_at(3600, &err), 0);
	assert_int_equal(count_requests("GET /redfish/v1/Chassis"), 1);
}

static void one_login_serves_until_the_end(void **state)
{
	struct err err;

	service.needs_login = true;
	assert_int_equal(poll_at(0, &err), 0);
	assert_int_equal(poll_at(10, &err), 0);
	assert_int_equal(service.logins, 1);
	assert_int_equal(redfish_logout(client, 1000, &err), 0);
	assert_int_equal(service.valid_session, 0);
	service.n_requests = 0;
	assert_int_equal(redfish_logout(client, 1000, &err), 0);
	assert_int_equal(service.n_requests, 0);
}

static void a_session_that_ran_out_is_renewed_in_the_same_poll(void **state)
{
	struct err err;

	service.needs_login = true;
	assert_int_equal(poll_at(0, &err), 0);
	service.valid_session = 0;
	assert_int_equal(poll_at(10, &err), 0);
	assert_int_equal(service.logins, 2);
	assert_int_equal(count_requests("DELETE /redfish/v1/Sessions/1"), 1);
	assert_true(total(NULL) == 140);
}

static void a_refused_login_is_not_tried_again_in_a_hurry(void **state)
{
	struct redfish_reading r[REDFISH_CHASSIS_MAX];
	struct err err;

	service.needs_login = service.refuses_login = true;
	assert_int_equal(poll_at(0, &err), -EACCES);
	assert_non_null(strstr(err.text, "user 'root' was refused"));
	assert_null(strstr(err.text, "calvin"));
	assert_int_equal(poll_at(9, &err), -EACCES);
	assert_int_equal(service.logins, 1);
	assert_int_equal(poll_at(10, &err), -EACCES);
	assert_int_equal(poll_at(29, &err), -EACCES);
	assert_int_equal(service.logins, 2);
	for (int64_t t = 30; t < 3600; t++)
		assert_int_equal(poll_at(t, &err), -EACCES);
	assert_true(service.logins < 20);
	service.refuses_login = false;
	assert_int_equal(poll_at(4000, &err), 0);
	assert_int_equal(fresh(1, r), 2);
}

static void a_refused_resource_does_not_cost_a_login_for_each_poll(void **state)
{
	struct err err;

	service.needs_login = true;
	assert_int_equal(poll_at(0, &err), 0);
	service.fault_path = "/redfish/v1/Chassis/B/Power";
	service.fault_status = 403;
	for (int64_t t = 10; t < 600; t += 10)
		assert_int_equal(poll_at(t, &err), 0);
	assert_true(service.logins < 10);
	assert_true(service.sessions == service.logins);
}

static void an_old_session_ends_after_an_error_of_the_service(void **state)
{
	struct err err;

	service.needs_login = true;
	assert_int_equal(poll_at(0, &err), 0);
	service.fault_path = "/redfish/v1/Chassis/A/Power";
	service.fault_status = 500;
	assert_int_equal(poll_at(10, &err), 0);
	assert_int_equal(poll_at(20, &err), 0);
	assert_int_equal(service.logins, 1); /* it was young */
	assert_int_equal(poll_at(100, &err), 0);
	assert_int_equal(service.logins, 2);
	assert_int_equal(count_requests("DELETE /redfish/v1/Sessions/1"), 1);
}

static void half_a_sum_is_no_total(void **state)
{
	struct redfish_reading r[REDFISH_CHASSIS_MAX];
	int64_t sample_ns = 0;
	struct err err;

	assert_int_equal(poll_at(0, &err), 0);
	service.fault_path = "/redfish/v1/Chassis/A/Power";
	service.fault_status = 500;
	assert_int_equal(poll_at(10, &err), 0);
	assert_true(total(&sample_ns) == 140 && sample_ns == 1000 * S);
	assert_int_equal(fresh(5, r), 1); /* the other goes on */
	assert_string_equal(r[0].chassis, "A_1_2");
	assert_int_equal(fresh(10, r), 2);
	service.fault_path = NULL;
	assert_int_equal(poll_at(20, &err), 0);
	assert_true(total(&sample_ns) == 140 && sample_ns == 1020 * S);
}

static void when_all_fail_the_first_reason_is_told(void **state)
{
	struct err err;

	assert_int_equal(poll_at(0, &err), 0);
	service.fault_path = "/redfish/v1/Chassis/A/Power";
	service.fault_status = 503;
	service.blades_power = "{";
	assert_int_equal(poll_at(10, &err), -EREMOTEIO);
	assert_non_null(strstr(err.text, "GET /redfish/v1/Chassis/A/Power: status 503"));
}

static void what_vanishes_is_looked_for_elsewhere(void **state)
{
	struct redfish_reading r[REDFISH_CHASSIS_MAX];
	struct err err;

	service.has_environment = true;
	assert_int_equal(poll_at(0, &err), 0);
	assert_int_equal(count_requests("GET /redfish/v1/Chassis/B/Environment"), 0);
	service.blades_power = NULL;
	assert_int_equal(poll_at(10, &err), 0); /* it is missed, and looked for after a minute */
	assert_int_equal(poll_at(60, &err), 0);
	assert_true(count_requests("GET /redfish/v1/Chassis/B/Environment") > 0);
	assert_int_equal(fresh(1, r), 2);
	assert_string_equal(r[1].chassis, "A_1_2");
	assert_true(r[1].watts[REDFISH_CURRENT] == 55);
	assert_true(total(NULL) == 155);
}

static void what_fails_while_chassis_are_looked_for_comes_back(void **state)
{
	struct redfish_reading r[REDFISH_CHASSIS_MAX];
	struct err err;

	service.fault_path = "/redfish/v1/Chassis/B";
	service.fault_status = 500;
	assert_int_equal(poll_at(0, &err), 0);
	assert_int_equal(fresh(1, r), 1);
	service.fault_path = NULL;
	assert_int_equal(poll_at(60, &err), 0);
	assert_int_equal(fresh(1, r), 2);
}

static void a_service_without_power_is_left_in_peace(void **state)
{
	struct err err;

	service.fault_path = "/redfish/v1/Chassis/A";
	service.fault_status = 404;
	service.blades_power = NULL;
	assert_int_equal(poll_at(0, &err), -ENODATA);
	assert_string_equal(err.text,
		"none of 2 chassis tells its power: GET /redfish/v1/Chassis/A: status 404");
	assert_int_equal(poll_at(59, &err), -ENODATA);
	assert_non_null(strstr(err.text, "none of 2 chassis tells its power: "));
	assert_int_equal(service.n_requests, 0);
	service.fault_path = NULL;
	assert_int_equal(poll_at(60, &err), 0);
	assert_true(total(NULL) == 100);
}

static void a_root_behind_a_login_is_no_obstacle(void **state)
{
	struct err err;

	service.fault_path = "/redfish/v1/";
	service.fault_status = 401;
	assert_int_equal(poll_at(0, &err), 0); /* the collection is where it usually is */
	assert_true(total(NULL) == 100 + 40);
}

static void a_broken_root_ends_the_poll(void **state)
{
	struct err err;

	service.fault_path = "/redfish/v1/";
	service.fault_status = 500;
	assert_int_equal(poll_at(0, &err), -EREMOTEIO);
	assert_int_equal(service.n_requests, 1);
	service.fault_path = NULL;
	assert_int_equal(poll_at(1, &err), 0);
}

int main(void)
{
#define WATCH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		WATCH_TEST(every_chassis_has_a_label_of_its_own),
		WATCH_TEST(chassis_are_looked_for_once),
		WATCH_TEST(one_login_serves_until_the_end),
		WATCH_TEST(a_session_that_ran_out_is_renewed_in_the_same_poll),
		WATCH_TEST(a_refused_login_is_not_tried_again_in_a_hurry),
		WATCH_TEST(a_refused_resource_does_not_cost_a_login_for_each_poll),
		WATCH_TEST(an_old_session_ends_after_an_error_of_the_service),
		WATCH_TEST(half_a_sum_is_no_total),
		WATCH_TEST(when_all_fail_the_first_reason_is_told),
		WATCH_TEST(what_vanishes_is_looked_for_elsewhere),
		WATCH_TEST(what_fails_while_chassis_are_looked_for_comes_back),
		WATCH_TEST(a_service_without_power_is_left_in_peace),
		WATCH_TEST(a_root_behind_a_login_is_no_obstacle),
		WATCH_TEST(a_broken_root_ends_the_poll),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
