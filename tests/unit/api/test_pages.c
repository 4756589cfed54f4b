// SPDX-License-Identifier: Apache-2.0
/* Health, metrics, description, demo and debugging, on the sample store. */
#include "api/api.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_metrics.h"
#include "api/openapi.h"
#include "api/openapi_page.h"
#include "api_client.h"
#include "unit_test.h"

static struct sample_store s;
static struct api_client c;

static int setup(void **state)
{
	sample_store_open(&s);
	sample_store_fill(&s);
	api_client_init(&c, &s);
	return 0;
}

static int teardown(void **state)
{
	api_client_done(&c);
	sample_store_close(&s);
	return 0;
}

static const char *get(const char *target)
{
	return api_client_get(&c, NULL, target);
}

static json_t *get_json(const char *target)
{
	json_t *root = json_loads(get(target), 0, NULL);

	if (!root)
		fail_msg("%s: %s", target, buffer_text(&c.body));
	return root;
}

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool has_header(const char *line)
{
	return strstr(buffer_text(&c.headers), line) != NULL;
}

static void health_tells_the_age_of_each_cluster(void **state)
{
	static const char expected[] =
		"{\"status\":\"success\",\"data\":["
		"{\"cluster_id\":\"hpc-a\",\"last_update_ts\":1933483500000,\"age_seconds\":100},"
		"{\"cluster_id\":\"hpc-b\",\"last_update_ts\":1933483500000,\"age_seconds\":100},"
		"{\"cluster_id\":\"kube\",\"last_update_ts\":1933483500000,\"age_seconds\":100}]}\n";
	static const char *configured[] = { "hpc-b", "cloud", "hpc-a" };

	c.now_s += 100;
	assert_string_equal(get("/health?format=json"), expected);
	assert_int_equal(c.status, 200);
	assert_true(has_header("Content-Type: application/json\n"));
	c.accept = "application/json, */*";
	assert_string_equal(get("/health"), expected);
	assert_string_equal(get("/health?format=text"), "CEEMS API Server is healthy");
	c.accept = "*/*";
	assert_string_equal(get("/health"), "CEEMS API Server is healthy");
	/* Those that are configured and have nothing stored yet come last. */
	c.config.cluster_ids = (struct strings){ configured, ARRAY_SIZE(configured) };
	assert_non_null(strstr(get("/health?format=json"),
		"{\"cluster_id\":\"kube\",\"last_update_ts\":1933483500000,\"age_seconds\":100},"
		"{\"cluster_id\":\"cloud\",\"last_update_ts\":null,\"age_seconds\":null}]}\n"));
	sample_sql(s.path, "DROP TABLE schema_migrations");
	assert_string_equal(get("/health?format=json"),
		"{\"status\":\"error\",\"data\":[],\"errorType\":\"unavailable\","
		"\"error\":\"the database does not answer\"}\n");
	assert_int_equal(c.status, 503);
}

static void health_is_for_browsers_too(void **state)
{
	c.origin = "https://grafana.example";
	get("/health");
	assert_true(has_header("Access-Control-Allow-Origin: https://grafana.example\n"));
	get("/metrics");
	assert_false(has_header("Access-Control"));
}

static void metrics_tell_of_requests_and_updates(void **state)
{
	atomic_bool damaged = false;
	const char *text;

	c.config.damaged = &damaged;
	c.now_s += 60;
	api_client_get(&c, "mira", "/api/v1/units");
	api_client_get(&c, "mira", "/api/v1/units?from=x");
	api_client_get(&c, "mira", "/api/v1/units/admin");
	api_client_get(&c, "mira", "/api/v1/usage/current");
	api_client_get(&c, "mira", "/api/v1/usage/current");
	get("/nothing");
	sample_sql(s.path,
		"INSERT INTO ceems_windows VALUES (1, 'hpc-a', 1933483440000, 0, 1933483500000, 2), "
		"(2, 'hpc-a', 1933483500000, 0, 1933483510000, 2);"
		"INSERT INTO ceems_queue VALUES (1, 'prom', 1, 0), (2, 'prom', 1, 0), (2, 'x', 1, 0)");
	text = get("/metrics");
	assert_int_equal(c.status, 200);
	assert_non_null(strstr(text,
		"\nceems_api_server_cluster_queued_windows{cluster=\"hpc-a\",updaters=\"prom\"} 2\n"));
	assert_non_null(strstr(text,
		"\nceems_api_server_cluster_queue_age_seconds{cluster=\"hpc-a\",updaters=\"prom\"} "
		"120\n"));
	assert_true(has_header("Content-Type: text/plain; version=0.0.4; charset=utf-8\n"));
	for (size_t i = 0; i < n_api_metrics; i++) {
		/* Without a network and a directory some have no samples. */
		if (!strstr(text, api_metrics[i]->name) &&
			!strstr(api_metrics[i]->name, "_http_") &&
			!str_ends(api_metrics[i]->name, "_bytes"))
			fail_msg("%s", api_metrics[i]->name);
	}
	assert_non_null(strstr(
		text, "\nceems_api_server_http_requests_total{code=\"200\",route=\"/units\"} 1\n"));
	assert_non_null(strstr(
		text, "\nceems_api_server_http_requests_total{code=\"400\",route=\"/units\"} 1\n"));
	assert_non_null(strstr(text,
		"\nceems_api_server_http_requests_total{code=\"403\",route=\"/units/admin\"} 1\n"));
	assert_non_null(strstr(
		text, "\nceems_api_server_http_requests_total{code=\"404\",route=\"other\"} 1\n"));
	assert_non_null(strstr(
		text, "\nceems_api_server_cluster_update_age_seconds{cluster=\"hpc-a\"} 60\n"));
	assert_non_null(strstr(text,
		"\nceems_api_server_http_request_duration_seconds_bucket{route=\"/units\",le=\"+Inf\"} "
		"2\n"));
	assert_non_null(strstr(text,
		"\nceems_api_server_http_request_duration_seconds_count{route=\"/units\"} 2\n"));
	assert_non_null(strstr(text, "\nceems_api_server_cache_hits_total 1\n"));
	assert_non_null(strstr(text, "\nceems_api_server_cache_misses_total 1\n"));
	assert_non_null(strstr(text, "\nceems_api_server_database_up 1\n"));
	assert_non_null(strstr(text, "\nprocess_open_fds "));
	sample_sql(s.path, "DROP TABLE schema_migrations; DROP TABLE units");
	api_client_get(&c, "mira", "/api/v1/units");
	assert_int_equal(c.status, 500);
	text = get("/metrics");
	assert_non_null(strstr(text, "\nceems_api_server_database_up 0\n"));
	assert_non_null(strstr(text, "\nceems_api_server_database_errors_total 1\n"));
}

static void the_description_is_of_the_routes(void **state)
{
	json_t *root = get_json("/swagger/doc.json"), *paths = json_object_get(root, "paths");
	size_t n = 0;

	assert_string_equal(text_at(root, "swagger"), "2.0");
	assert_string_equal(text_at(json_object_get(root, "info"), "title"), "CEEMS API");
	assert_string_equal(text_at(json_object_get(root, "info"), "version"), "1.0");
	assert_string_equal(text_at(root, "basePath"), "/api/v1");
	assert_int_equal(json_array_size(json_object_get(root, "schemes")), 2);
	assert_non_null(json_object_get(json_object_get(root, "securityDefinitions"), "BasicAuth"));
	for (size_t i = 0; i < api_routes_count; i++) {
		json_t *path = json_object_get(paths, api_routes[i].path);
		char operation[64];

		assert_int_equal(path != NULL, !(api_routes[i].flags & API_ROOTED));
		if (!path)
			continue;
		n++;
		snprintf(operation, sizeof(operation), "%s", api_routes[i].path + 1);
		for (char *slash = operation; (slash = strchr(slash, '/'));)
			*slash = '_';
		assert_string_equal(
			text_at(json_object_get(path, "get"), "operationId"), operation);
	}
	assert_int_equal(json_object_size(paths), n);
	for (size_t i = API_UNIT; i < N_API_MODELS; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%sResponse", api_models[i].name);
		assert_non_null(
			json_object_get(json_object_get(root, "definitions"), api_models[i].name));
		assert_non_null(json_object_get(json_object_get(root, "definitions"), name));
	}
	json_decref(root);
}

/* Every "$ref" leads to a definition. */
static void check_references(const json_t *root, const json_t *value)
{
	const char *key;
	json_t *item;
	size_t i;

	json_array_foreach(value, i, item) check_references(root, item);
	json_object_foreach((json_t *)value, key, item)
	{
		if (str_eq(key, "$ref")) {
			const char *name = strrchr(json_string_value(item), '/') + 1;

			assert_non_null(
				json_object_get(json_object_get(root, "definitions"), name));
		}
		check_references(root, item);
	}
}

static void the_description_holds_together(void **state)
{
	json_t *root = get_json("/swagger/doc.json");

	check_references(root, root);
	json_decref(root);
}

static void the_description_names_the_host(void **state)
{
	static const struct {
		const char *url, *listen, *prefix, *host, *scheme, *base;
	} cases[] = {
		{ NULL, ":9020", "/", "localhost:9020", "http", "/api/v1" },
		{ "", "192.0.2.1:80", "/x", "192.0.2.1:80", "http", "/x/api/v1" },
		{ "https://ceems.example/path?q", ":1", "/", "ceems.example", "https", "/api/v1" },
		{ "ceems.example", ":1", "/", "ceems.example", "http", "/api/v1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct openapi_config config = { cases[i].url, cases[i].listen,
			cases[i].prefix, "X-Grafana-User" };
		char example[128];
		struct buffer out;
		json_t *root;

		buffer_init(&out, 0);
		openapi_write(&config, &out);
		root = json_loads(buffer_text(&out), 0, NULL);
		assert_non_null(root);
		assert_string_equal(text_at(root, "host"), cases[i].host);
		assert_string_equal(text_at(root, "basePath"), cases[i].base);
		assert_string_equal(
			json_string_value(json_array_get(json_object_get(root, "schemes"), 0)),
			cases[i].scheme);
		json_decref(root);
		buffer_clear(&out);
		openapi_write_page(&config, &out);
		snprintf(example, sizeof(example), " %s://%s%s/units</pre>", cases[i].scheme,
			cases[i].host, cases[i].base);
		assert_non_null(strstr(buffer_text(&out), example));
		buffer_done(&out);
	}
}

static void the_page_shows_every_route_and_no_script(void **state)
{
	const char *page = get("/swagger/index.html");

	assert_true(has_header("Content-Type: text/html; charset=utf-8\n"));
	assert_true(has_header("Content-Security-Policy: default-src 'none'"));
	assert_null(strstr(page, "<script"));
	assert_null(strstr(page, "src="));
	for (size_t i = 0; i < api_routes_count; i++) {
		char text[128];

		snprintf(text, sizeof(text), "<code>%s</code>", api_routes[i].path);
		assert_int_equal(strstr(page, text) != NULL, !(api_routes[i].flags & API_ROOTED));
		/* Where links of the first page lead; in the section, so that it opens. */
		snprintf(text, sizeof(text), "</summary>\n<div id=\"%s\">", api_routes[i].path + 1);
		assert_int_equal(strstr(page, text) != NULL, !(api_routes[i].flags & API_ROOTED));
	}
	assert_non_null(strstr(page, "<a href=\"#Unit\">Unit</a>"));
	assert_non_null(strstr(page, "<table id=\"Unit\">"));
	get("/swagger/");
	assert_int_equal(c.status, 301);
	assert_true(has_header("Location: /swagger/index.html\n"));
	get("/swagger/other.js");
	assert_int_equal(c.status, 404);
}

static void what_a_header_is_called_is_no_markup(void **state)
{
	const char *name = "X-\"<b>&";

	c.config.identity.user_headers = (struct strings){ &name, 1 };
	assert_non_null(strstr(get("/swagger/index.html"), "X-&quot;&lt;b&gt;&amp;"));
	assert_null(strstr(buffer_text(&c.body), name));
}

/* Fields are those of real units, in their order; those that say nothing are left out. */
static void check_unit_fields(json_t *unit)
{
	size_t column = 0;
	const char *key;
	json_t *value;

	json_object_foreach(unit, key, value)
	{
		while (column < store_units.n && !str_eq(store_units.columns[column].name, key))
			column++;
		assert_true(column < store_units.n);
		assert_false(json_is_integer(value) && json_integer_value(value) == 0);
		assert_false(json_is_object(value) && json_object_size(value) == 0);
	}
}

static void demo_units_are_of_all_kinds(void **state)
{
	json_t *root = get_json("/api/v1/demo/units"), *data = json_object_get(root, "data"), *unit;
	size_t i, running = 0;

	assert_string_equal(text_at(root, "status"), "success");
	assert_int_equal(json_array_size(data), 100);
	json_array_foreach(data, i, unit)
	{
		char name[32];

		snprintf(name, sizeof(name), "demo-%zu", i);
		assert_string_equal(text_at(unit, "name"), name);
		assert_string_equal(text_at(unit, "username"), "user1");
		assert_true(
			str_starts(text_at(unit, "cluster_id"), text_at(unit, "resource_manager")));
		assert_int_equal(strlen(text_at(unit, "uuid")),
			str_eq(text_at(unit, "resource_manager"), "slurm") ? 6 : 36);
		running += json_integer_value(json_object_get(unit, "ended_at_ts")) == 0;
		check_unit_fields(unit);
		assert_non_null(json_object_get(json_object_get(unit, "avg_cpu_usage"), "usage"));
		assert_non_null(
			json_object_get(json_object_get(unit, "total_cpu_emissions_gms"), "rte"));
	}
	assert_int_equal(running, 20);
	json_decref(root);
}

static void demo_usage_is_of_many_people(void **state)
{
	json_t *root = get_json("/api/v1/demo/usage"), *data = json_object_get(root, "data"), *row;
	size_t i;

	assert_true(json_array_size(data) > 10);
	json_array_foreach(data, i, row)
	{
		assert_string_equal(text_at(row, "cluster_id"), "");
		assert_true(str_starts(text_at(row, "username"), "user"));
	}
	json_decref(root);
}

static void threads_are_shown_to_localhost_only(void **state)
{
	c.host = "localhost:9020";
	get("/debug/threads");
	assert_int_equal(c.status, 404);
	c.config.debug_server = true;
	assert_non_null(strstr(get("/debug/threads"), "ID "));
	assert_int_equal(c.status, 200);
	assert_non_null(strstr(get("/debug/"), "/debug/threads"));
	c.method = "POST";
	assert_string_equal(get("/debug/"), "");
	assert_int_equal(c.status, 405);
	c.method = NULL;
	get("/debug/pprof/heap");
	assert_int_equal(c.status, 404);
	c.host = "ceems.example";
	get("/debug/threads");
	assert_int_equal(c.status, 404);
	c.host = "localhost.example";
	get("/debug/threads");
	assert_int_equal(c.status, 404);
	c.host = NULL;
	get("/debug/threads");
	assert_int_equal(c.status, 404);
}

/* Before the store is there. */
static void an_upgrade_is_told_and_nothing_answered_from_it(void **state)
{
	c.api.store = NULL;
	assert_non_null(strstr(get("/health"), "KO: the database is being upgraded"));
	assert_int_equal(c.status, 503);
	assert_non_null(strstr(get("/health?format=json"),
		"{\"status\":\"error\",\"data\":[],\"errorType\":\"unavailable\","
		"\"error\":\"the database is being upgraded"));
	assert_int_equal(c.status, 503);
	assert_non_null(strstr(get("/metrics"), "ceems_api_server_database_up 0\n"));
	assert_int_equal(c.status, 200);
	for (size_t i = 0; i < api_routes_count; i++) {
		const struct api_route *route = &api_routes[i];
		char target[256];

		snprintf(target, sizeof(target), "%s%s", route->flags & API_ROOTED ? "" : API_ROOT,
			route->path);
		api_client_get(&c, "boss", target);
		if (route->flags & API_ROOTED)
			continue;
		assert_int_equal(c.status, 503);
		assert_true(has_header("Retry-After: 60\n"));
		assert_true(has_header("Content-Type: application/json\n"));
		assert_non_null(strstr(buffer_text(&c.body),
			"\"errorType\":\"unavailable\",\"error\":\"the database is being upgraded"));
	}
	c.api.store = s.store;
	get("/health");
	assert_int_equal(c.status, 200);
}

static void bad_prefixes_are_refused(void **state)
{
	static const char *const bad[] = { "x", "/x/", "", "//", "/x//y", "/../x" };
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct api_server_config config = c.config;
		struct api api;

		config.route_prefix = bad[i];
		assert_int_equal(api_init(&api, &config, &err), -22);
		assert_non_null(strstr(err.text, "--web.route-prefix"));
		api_done(&api);
	}
}

int main(void)
{
#define PAGE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		PAGE_TEST(health_tells_the_age_of_each_cluster),
		PAGE_TEST(health_is_for_browsers_too),
		PAGE_TEST(metrics_tell_of_requests_and_updates),
		PAGE_TEST(the_description_is_of_the_routes),
		PAGE_TEST(the_description_holds_together),
		PAGE_TEST(the_description_names_the_host),
		PAGE_TEST(the_page_shows_every_route_and_no_script),
		PAGE_TEST(what_a_header_is_called_is_no_markup),
		PAGE_TEST(demo_units_are_of_all_kinds),
		PAGE_TEST(demo_usage_is_of_many_people),
		PAGE_TEST(threads_are_shown_to_localhost_only),
		PAGE_TEST(an_upgrade_is_told_and_nothing_answered_from_it),
		PAGE_TEST(bad_prefixes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
