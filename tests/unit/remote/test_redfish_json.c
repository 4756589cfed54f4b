// SPDX-License-Identifier: Apache-2.0
#include "remote/redfish_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc_fail.h"
#include "basic/buffer.h"
#include "unit_test.h"

static struct arena arena;
static struct err err;

static int setup(void **state)
{
	arena_init(&arena, 16 << 20);
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static void assert_path(const char *text, const char *expected)
{
	const char *path = redfish_path(slice_from(text), &arena);

	if (!expected)
		assert_null(path);
	else
		assert_string_equal(path, expected);
}

static void of_a_url_only_the_path_counts(void **state)
{
	char long_path[REDFISH_PATH_MAX_BYTES + 2];

	assert_path("/redfish/v1/Chassis/1", "/redfish/v1/Chassis/1");
	assert_path("/redfish/v1/Chassis?$skip=5", "/redfish/v1/Chassis?$skip=5");
	assert_path("https://evil.example/redfish/v1/x#/part", "/redfish/v1/x");
	assert_path("/x?to=http://evil/", "/x?to=http://evil/");
	assert_path("//evil.example/x", NULL);
	assert_path("https:////evil.example/x", NULL);
	assert_path("https://evil.example", NULL);
	assert_path("redfish/v1", NULL);
	assert_path("", NULL);
	assert_path("#/x", NULL);
	assert_path("/a b", NULL);
	assert_path("/a\r\nX: y", NULL);
	assert_path("/a\\b", NULL);
	assert_path("/\xc3\xa4", NULL);
	memset(long_path, 'x', sizeof(long_path));
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	assert_path(long_path, NULL);
	long_path[sizeof(long_path) - 2] = '\0';
	assert_non_null(redfish_path(slice_from(long_path), &arena));
}

static void a_root_tells_where_sessions_and_chassis_are(void **state)
{
	struct redfish_root root;

	assert_int_equal(redfish_parse_root(SLICE("{\"Chassis\": {\"@odata.id\": \"/c\"}, "
						  "\"Links\": {\"Sessions\": {\"@odata.id\": "
						  "\"/s\"}}}"),
				 &arena, &root, &err),
		0);
	assert_string_equal(root.chassis, "/c");
	assert_string_equal(root.sessions, "/s");
	assert_int_equal(redfish_parse_root(SLICE("{\"Chassis\": \"/c\", \"Links\": []}"), &arena,
				 &root, &err),
		0);
	assert_null(root.chassis);
	assert_null(root.sessions);
}

static void what_is_no_object_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "7", "\"x\"", "null", "{", "{} x", "<html>",
		"{\"a\": \xff}", "{\"a\": 1e999}" };
	static char big[REDFISH_REPLY_MAX_BYTES + 1];
	struct redfish_root root;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(
			redfish_parse_root(slice_from(bad[i]), &arena, &root, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "the service root is no JSON"));
	}
	memset(big, ' ', sizeof(big));
	assert_int_equal(
		redfish_parse_root((struct slice){ big, sizeof(big) }, &arena, &root, &err),
		-E2BIG);
}

static void a_collection_gives_its_members_once_and_the_next_page(void **state)
{
	static const char page[] =
		"{\"Members\": [{\"@odata.id\": \"/a\"}, {\"@odata.id\": \"/b\"}, {\"@odata.id\": "
		"\"/a\"}, {\"@odata.id\": 7}, {}, null, \"/c\", {\"@odata.id\": \"//evil/x\"}], "
		"\"Members@odata.nextLink\": \"/next\"}";
	struct redfish_members members = { .n = 0 };
	const char *next = NULL;

	assert_int_equal(
		redfish_parse_collection(slice_from(page), &arena, &members, &next, &err), 0);
	assert_int_equal(members.n, 2);
	assert_string_equal(members.paths[0], "/a");
	assert_string_equal(members.paths[1], "/b");
	assert_string_equal(next, "/next");
	assert_int_equal(
		redfish_parse_collection(SLICE("{\"Members\": {\"@odata.id\": \"/b\"}, "
					       "\"@odata.nextLink\": \"http://evil/n?$skip=1\"}"),
			&arena, &members, &next, &err),
		0);
	assert_int_equal(members.n, 2);
	assert_string_equal(next, "/n?$skip=1");
	assert_int_equal(
		redfish_parse_collection(SLICE("{}"), &arena, &members, &next, &err), -EBADMSG);
}

static void a_collection_has_a_limit(void **state)
{
	CLEANUP(buffer_done) struct buffer json = { 0 };
	static struct redfish_members members;
	const char *next;

	buffer_puts(&json, "{\"Members\": [");
	for (int i = 0; i <= REDFISH_MEMBERS_MAX; i++)
		buffer_printf(&json, "%s{\"@odata.id\": \"/%d\"}", i ? "," : "", i);
	buffer_puts(&json, "]}");
	assert_int_equal(redfish_parse_collection((struct slice){ buffer_text(&json), json.len },
				 &arena, &members, &next, &err),
		-E2BIG);
}

static void a_chassis_tells_its_links(void **state)
{
	static const char json[] =
		"{\"Id\": \"Node\\u0000\\u0000\", \"Power\": {\"@odata.id\": \"/p\"}, "
		"\"Sensors\": {\"@odata.id\": \"/s\"}, "
		"\"EnvironmentMetrics\": null, \"Links\": {\"ContainedBy\": {\"@odata.id\": "
		"\"/outer\"}, \"Contains\": {\"@odata.id\": \"/inner\"}}}";
	struct redfish_chassis_links links;

	assert_int_equal(redfish_parse_chassis(slice_from(json), &arena, &links, &err), 0);
	assert_string_equal(links.id, "Node");
	assert_string_equal(links.power, "/p");
	assert_string_equal(links.sensors, "/s");
	assert_null(links.environment);
	assert_null(links.power_subsystem);
	assert_string_equal(links.contained_by, "/outer");
	assert_int_equal(links.n_contains, 1);
	assert_string_equal(links.contains[0], "/inner");
	assert_int_equal(
		redfish_parse_chassis(SLICE("{\"Id\": 5, \"Links\": 7}"), &arena, &links, &err), 0);
	assert_string_equal(links.id, "");
	assert_int_equal(links.n_contains, 0);
}

static int power_of(const char *json, struct redfish_power *power)
{
	return redfish_parse_power(slice_from(json), power, &err);
}

static void power_is_the_sum_over_its_controls(void **state)
{
	struct redfish_power p;

	assert_int_equal(power_of("{\"PowerControl\": [{\"PowerConsumedWatts\": 100.25, "
				  "\"PowerMetrics\": {\"MinConsumedWatts\": 1, "
				  "\"MaxConsumedWatts\": 2, \"AverageConsumedWatts\": 3}}, "
				  "{\"PowerConsumedWatts\": \" 50 \", \"PowerMetrics\": "
				  "{\"MinConsumedWatts\": \"4.5\", \"MaxConsumedWatts\": null}}]}",
				 &p),
		0);
	assert_true(p.watts[REDFISH_CURRENT] == 150.25 && p.whole_watts == 150.25);
	assert_true(p.watts[REDFISH_MIN] == 5.5 && p.watts[REDFISH_MAX] == 2);
	assert_true(p.watts[REDFISH_AVG] == 3);
	/* One object, null, nothing. */
	assert_int_equal(power_of("{\"PowerControl\": {\"PowerConsumedWatts\": 7}}", &p), 0);
	assert_true(p.watts[REDFISH_CURRENT] == 7);
	assert_int_equal(power_of("{\"PowerControl\": [null, 5, {\"PowerConsumedWatts\": null}, "
				  "{\"PowerConsumedWatts\": \"\"}]}",
				 &p),
		0);
	assert_true(p.watts[REDFISH_CURRENT] == 0);
	assert_int_equal(power_of("{}", &p), 0);
	assert_true(p.watts[REDFISH_CURRENT] == 0);
}

static void what_cannot_be_a_power_is_refused(void **state)
{
	static const char *const bad[] = { "-1", "1e8", "\"1e400\"", "\"NaN\"", "\"inf\"", "true",
		"{\"Reading\": 5}", "[5]", "\"12 W\"", "\"0x10\"" };
	struct redfish_power p;
	char json[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(json, sizeof(json),
			"{\"PowerControl\": [{\"PowerConsumedWatts\": 5}, "
			"{\"PowerConsumedWatts\": %s}]}",
			bad[i]);
		assert_int_equal(power_of(json, &p), -EBADMSG);
		assert_non_null(strstr(err.text, "PowerConsumedWatts"));
		/* A bad statistic costs that statistic only. */
		snprintf(json, sizeof(json),
			"{\"PowerControl\": [{\"PowerConsumedWatts\": 5, \"PowerMetrics\": "
			"{\"MinConsumedWatts\": %s, \"MaxConsumedWatts\": 6}}]}",
			bad[i]);
		assert_int_equal(power_of(json, &p), 0);
		assert_true(p.watts[REDFISH_CURRENT] == 5 && p.watts[REDFISH_MIN] == 0);
		assert_true(p.watts[REDFISH_MAX] == 6);
	}
}

static void parts_listed_beside_the_whole_are_in_it(void **state)
{
	struct redfish_power p;

	assert_int_equal(power_of("{\"PowerControl\": [{\"PowerConsumedWatts\": 400}, "
				  "{\"PowerConsumedWatts\": 150, \"PhysicalContext\": \"CPU\"}]}",
				 &p),
		0);
	assert_true(p.watts[REDFISH_CURRENT] == 550 && p.whole_watts == 400);
	assert_int_equal(power_of("{\"PowerControl\": [{\"PowerConsumedWatts\": 50, "
				  "\"PhysicalContext\": \"Memory\"}, "
				  "{\"PowerConsumedWatts\": 150, \"PhysicalContext\": \"CPU\"}]}",
				 &p),
		0);
	assert_true(p.whole_watts == 200);
}

static void environment_metrics_tell_power_and_sensor(void **state)
{
	const char *sensor = "";
	struct redfish_power p;

	assert_int_equal(redfish_parse_environment(
				 SLICE("{\"PowerWatts\": {\"Reading\": 374.5, \"DataSourceUri\": "
				       "\"/s#/Reading\"}}"),
				 &arena, &p, &sensor, &err),
		0);
	assert_true(p.watts[REDFISH_CURRENT] == 374.5 && p.whole_watts == 374.5);
	assert_string_equal(sensor, "/s");
	assert_int_equal(redfish_parse_environment(SLICE("{}"), &arena, &p, &sensor, &err), 0);
	assert_true(p.watts[REDFISH_CURRENT] == 0);
	assert_null(sensor);
	assert_int_equal(redfish_parse_environment(SLICE("{\"PowerWatts\": {\"Reading\": []}}"),
				 &arena, &p, &sensor, &err),
		-EBADMSG);
}

static void supplies_tell_their_input(void **state)
{
	const char *path = "";
	double watts;

	assert_int_equal(redfish_parse_supply(SLICE("{\"InputPowerWatts\": {\"Reading\": 120}, "
						    "\"OutputPowerWatts\": {\"Reading\": 110}}"),
				 &watts, &err),
		0);
	assert_true(watts == 120);
	assert_int_equal(redfish_parse_supply(SLICE("{}"), &watts, &err), 0);
	assert_true(watts == 0);
	assert_int_equal(redfish_parse_supply(SLICE("{\"InputPowerWatts\": {\"Reading\": \"x\"}}"),
				 &watts, &err),
		-EBADMSG);
	assert_int_equal(redfish_parse_link(SLICE("{\"Metrics\": {\"@odata.id\": \"/m\"}}"), &arena,
				 "Metrics", &path, &err),
		0);
	assert_string_equal(path, "/m");
	assert_int_equal(redfish_parse_link(SLICE("{}"), &arena, "Metrics", &path, &err), 0);
	assert_null(path);
}

static void sensors_of_power_are_known_by_unit_and_place(void **state)
{
	struct redfish_sensor s;

	assert_int_equal(
		redfish_parse_sensor(SLICE("{\"ReadingType\": \"Power\", \"ReadingUnits\": \"W\", "
					   "\"PhysicalContext\": \"Chassis\", \"Reading\": 5, "
					   "\"LowestReading\": 1, \"PeakReading\": 9, "
					   "\"AverageReading\": \"x\"}"),
			&s, &err),
		0);
	assert_true(s.is_power && s.place == REDFISH_WHOLE_CHASSIS);
	assert_true(s.watts[REDFISH_CURRENT] == 5 && s.watts[REDFISH_MIN] == 1);
	assert_true(s.watts[REDFISH_MAX] == 9 && s.watts[REDFISH_AVG] == 0);
	assert_int_equal(
		redfish_parse_sensor(SLICE("{\"ReadingUnits\": \"W\", \"PhysicalContext\": "
					   "\"PowerSupply\", \"PhysicalSubContext\": \"Input\"}"),
			&s, &err),
		0);
	assert_true(s.is_power && s.place == REDFISH_SUPPLY_INPUT);
	assert_int_equal(
		redfish_parse_sensor(SLICE("{\"ReadingType\": \"Temperature\", \"ReadingUnits\": "
					   "\"Cel\", \"Reading\": -4}"),
			&s, &err),
		0);
	assert_false(s.is_power);
}

static void a_login_gives_a_token_and_a_path(void **state)
{
	const char *token, *path;

	assert_int_equal(redfish_parse_session(SLICE("Server: x\nx-auth-token:  abc \n"
						     "location: https://bmc:443/s/1\n"),
				 SLICE("no JSON"), &arena, &token, &path, &err),
		0);
	assert_string_equal(token, "abc");
	assert_string_equal(path, "/s/1");
	assert_int_equal(redfish_parse_session(SLICE("X-Auth-Token: abc\n"),
				 SLICE("{\"@odata.id\": \"/s/2\"}"), &arena, &token, &path, &err),
		0);
	assert_string_equal(path, "/s/2");
	assert_int_equal(redfish_parse_session(SLICE("X-Auth-Token: abc\n"), SLICE(""), &arena,
				 &token, &path, &err),
		0);
	assert_null(path);
	assert_int_equal(redfish_parse_session(SLICE("X-Auth-Tokens: abc\n"), SLICE("{}"), &arena,
				 &token, &path, &err),
		-EBADMSG);
	assert_int_equal(redfish_parse_session(SLICE("X-Auth-Token: a b\n"), SLICE("{}"), &arena,
				 &token, &path, &err),
		-EBADMSG);
}

/* What memory is missing for is an error or a link that isn't there, never the end. */
static void documents_survive_failing_allocations(void **state)
{
	static const char chassis[] =
		"{\"Id\": \"x\", \"Power\": {\"@odata.id\": \"/p\"}, \"Links\": "
		"{\"Contains\": [{\"@odata.id\": \"/c\"}]}}";
	static const char power[] = "{\"PowerControl\": [{\"PowerConsumedWatts\": \"5\"}]}";
	struct redfish_chassis_links links;
	const char *token, *path;
	struct redfish_power p;
	size_t n = 0;

	do {
		struct arena small;

		alloc_fail_at(++n);
		arena_init(&small, 1 << 20);
		if (redfish_parse_chassis(slice_from(chassis), &small, &links, &err) == 0)
			assert_non_null(links.id);
		if (redfish_parse_session(SLICE("X-Auth-Token: abc\n"), slice_from("{}"), &small,
			    &token, &path, &err) == 0)
			assert_string_equal(token, "abc");
		if (redfish_parse_power(slice_from(power), &p, &err) == 0)
			assert_true(p.watts[REDFISH_CURRENT] == 5);
		arena_done(&small);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_true(n > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_a_url_only_the_path_counts),
		TEST(a_root_tells_where_sessions_and_chassis_are),
		TEST(what_is_no_object_is_refused),
		TEST(a_collection_gives_its_members_once_and_the_next_page),
		TEST(a_collection_has_a_limit),
		TEST(a_chassis_tells_its_links),
		TEST(power_is_the_sum_over_its_controls),
		TEST(what_cannot_be_a_power_is_refused),
		TEST(parts_listed_beside_the_whole_are_in_it),
		TEST(environment_metrics_tell_power_and_sensor),
		TEST(supplies_tell_their_input),
		TEST(sensors_of_power_are_known_by_unit_and_place),
		TEST(a_login_gives_a_token_and_a_path),
		TEST(documents_survive_failing_allocations),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
