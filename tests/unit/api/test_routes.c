// SPDX-License-Identifier: Apache-2.0
/* The API as its users meet it, on the sample store: see sample_store.h for who is who. */
#include "api/api.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

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

static const char *get(const char *user, const char *target)
{
	return api_client_get(&c, user, target);
}

static void assert_refused(const char *body, int status, const char *type, const char *text)
{
	char expected[512];

	assert_int_equal(c.status, status);
	snprintf(expected, sizeof(expected),
		"{\"status\":\"error\",\"data\":null,\"errorType\":\"%s\",\"error\":\"%s\"}\n",
		type, text);
	assert_string_equal(body, expected);
}

/* key=value of all objects in data, for instance "101 103". */
static const char *pluck(const char *user, const char *target, const char *key)
{
	static char text[4096];
	json_t *root, *item, *value;
	size_t i, n = 0;

	root = json_loads(get(user, target), 0, NULL);
	if (!root || c.status != 200)
		fail_msg("%s: %d %s", target, c.status, buffer_text(&c.body));
	text[0] = '\0';
	json_array_foreach(json_object_get(root, "data"), i, item)
	{
		value = json_object_get(item, key);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
			json_is_string(value) ? json_string_value(value) : "-");
		assert_true(n < sizeof(text));
	}
	json_decref(root);
	return text;
}

#define API "/api/v1"

static bool is_rooted(const struct api_route *route)
{
	return route->flags & API_ROOTED;
}

static void the_table_is_sorted_unique_and_whole(void **state)
{
	for (size_t i = 0; i < api_routes_count; i++) {
		const struct api_route *route = &api_routes[i], *last = i ? route - 1 : NULL;

		assert_non_null(route->handler);
		assert_true(*route->help != '\0');
		if (last) {
			assert_true(is_rooted(last) >= is_rooted(route));
			if (is_rooted(last) == is_rooted(route))
				assert_true(strcmp(last->path, route->path) < 0);
		}
		/* The name says who may ask. */
		assert_int_equal(strstr(route->path, "admin") != NULL, route->access == API_ADMIN);
		assert_int_equal(is_rooted(route) || str_starts(route->path, "/demo/"),
			route->access == API_OPEN);
		/* Only administrators say whom to see. */
		if (route->access != API_ADMIN)
			assert_false(route->params & (API_TAKES(USER) | API_TAKES(ROLE)));
		if (route->params & API_TAKES(FIELD))
			assert_non_null(api_models[route->model].table);
	}
}

static void everything_is_explained(void **state)
{
	for (size_t i = 0; i < N_API_PARAMS; i++) {
		assert_true(api_params[i].name && *api_params[i].help);
		if (i)
			assert_true(strcmp(api_params[i - 1].name, api_params[i].name) < 0);
	}
	for (size_t i = 0; i < N_API_MODELS; i++) {
		const struct store_table *table = api_models[i].table;

		assert_true(api_models[i].name && *api_models[i].help);
		for (size_t k = 0; table && k < table->n; k++) {
			if (!api_field_help(table->columns[k].name))
				fail_msg("%s", table->columns[k].name);
		}
	}
	assert_null(api_field_help("nope"));
}

/* spec api-server.md 5.1 */
static void clients_have_the_time_that_an_answer_needs(void **state)
{
	static const struct {
		const char *target;
		unsigned seconds;
	} rows[] = {
		{ API "/units", 300 },
		{ API "/units/admin", 300 },
		{ API "/units/verify?uuid=1", 10 },
		{ API "/usage/current", 300 },
		{ API "/usage/current/admin", 300 },
		{ API "/usage/current/admin", 10 }, /* which is known now */
		{ API "/usage/global", 10 },
		{ API "/stats/current/admin", 60 },
		{ API "/stats/global/admin", 60 },
		{ API "/projects/admin", 10 },
		{ API "/nothing", 10 },
		{ "/health", 10 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		get("boss", rows[i].target);
		assert_int_equal(c.write_s, rows[i].seconds);
	}
	get("mira", API "/units/admin");
	assert_int_equal(c.write_s, 10);
}

static void every_route_asks_who_is_there(void **state)
{
	for (size_t i = 0; i < api_routes_count; i++) {
		char target[128];

		if (api_routes[i].access == API_OPEN)
			continue;
		snprintf(target, sizeof(target), API "%s", api_routes[i].path);
		assert_refused(get(NULL, target), 401, "unauthorized", "no user identified");
		assert_refused(get("", target), 401, "unauthorized", "no user identified");
		assert_non_null(
			strstr(buffer_text(&c.headers), "Content-Type: application/json\n"));
		get("mira", target);
		if (api_routes[i].access == API_ADMIN)
			assert_refused(buffer_text(&c.body), 403, "forbidden",
				"current user does not have admin privileges");
		else
			assert_int_equal(
				c.status, str_eq(api_routes[i].path, "/units/verify") ? 400 : 200);
		get("boss", target);
		assert_int_equal(c.status, str_eq(api_routes[i].path, "/units/verify") ? 400 : 200);
		get("gwen", target);
		assert_int_equal(c.status, str_eq(api_routes[i].path, "/units/verify") ? 400 : 200);
		/* Nobody is an administrator by another spelling. */
		get("Boss", target);
		assert_int_equal(c.status == 403, api_routes[i].access == API_ADMIN);
	}
}

static void without_administrators_known_nobody_is_one(void **state)
{
	sample_sql(s.path, "DROP TABLE admin_users");
	assert_refused(get("boss", API "/units/admin"), 403, "forbidden",
		"current user does not have admin privileges");
}

static void other_methods_and_paths_are_refused(void **state)
{
	get("mira", "/nothing");
	assert_int_equal(c.status, 404);
	assert_string_equal(buffer_text(&c.body), "404 page not found\n");
	get("mira", API "/units/");
	assert_int_equal(c.status, 404);
	get("mira", "/units");
	assert_int_equal(c.status, 404);
	c.method = "POST";
	get("mira", API "/units");
	assert_int_equal(c.status, 405);
	assert_non_null(strstr(buffer_text(&c.headers), "Allow: GET, HEAD, OPTIONS\n"));
	c.method = "HEAD";
	get("mira", API "/units");
	assert_int_equal(c.status, 200);
	c.method = "HEAD";
	get(NULL, API "/units");
	assert_int_equal(c.status, 401);
	c.method = "POST";
	assert_string_equal(get(NULL, API "/demo/units"), "");
	assert_int_equal(c.status, 405);
	assert_string_equal(get(NULL, "/swagger/doc.json"), "Method not allowed\n");
	assert_int_equal(c.status, 405);
	assert_string_equal(get(NULL, "/swagger/unknown"), "Method not allowed\n");
	assert_int_equal(c.status, 405);
	assert_string_equal(get(NULL, "/health"), "CEEMS API Server is healthy");
	assert_int_equal(c.status, 200);
	get(NULL, "/");
	assert_int_equal(c.status, 200);
}

static void a_prefix_moves_the_api_and_nothing_else(void **state)
{
	c.config.route_prefix = "/x/y";
	get("mira", "/x/y" API "/units");
	assert_int_equal(c.status, 200);
	get("mira", API "/units");
	assert_int_equal(c.status, 404);
	get("mira", "/x/yapi/v1/units");
	assert_int_equal(c.status, 404);
	get(NULL, "/health");
	assert_int_equal(c.status, 200);
}

static void health_and_landing_page_are_open(void **state)
{
	assert_string_equal(get(NULL, "/health"), "CEEMS API Server is healthy");
	assert_non_null(strstr(buffer_text(&c.headers), "X-Content-Type-Options: nosniff\n"));
	assert_non_null(strstr(get(NULL, "/"), "/api/v1/units/admin"));
	sample_sql(s.path, "DROP TABLE schema_migrations");
	assert_string_equal(get(NULL, "/health"), "KO");
	assert_int_equal(c.status, 503);
}

static void a_unit_is_shown_in_the_specified_form(void **state)
{
	assert_string_equal(get("otto", API "/units?cluster_id=hpc-a"),
		"{\"status\":\"success\",\"data\":[{\"cluster_id\":\"hpc-a\",\"resource_manager\":\"slurm\","
		"\"uuid\":\"102\",\"name\":\"sim \\u003ca\\u0026b\\u003e\",\"project\":\"astro\","
		"\"groupname\":\"staff\",\"username\":\"otto\","
		"\"created_at\":\"2031-04-09T08:00:00+0200\",\"started_at\":\"2031-04-09T08:00:00+0200\","
		"\"ended_at\":\"2031-04-09T08:44:00+0200\",\"created_at_ts\":1933480800000,"
		"\"started_at_ts\":1933480800000,\"ended_at_ts\":1933483440000,\"elapsed\":\"00:15:00\","
		"\"state\":\"COMPLETED\",\"allocation\":{\"cpus\":1,\"mem\":1073741824},"
		"\"total_time_seconds\":{\"alloc_cpumemtime\":2764800,\"alloc_cputime\":2700,"
		"\"alloc_gpumemtime\":0,\"alloc_gputime\":0,\"walltime\":2700},"
		"\"avg_cpu_usage\":{\"global\":40},\"total_cpu_energy_usage_kwh\":{\"total\":0.75000000},"
		"\"tags\":{\"qos\":\"normal\"}}]}\n");
	assert_string_equal(
		get("mira", API "/units?running&cluster_id=hpc-a&field=uuid&field=state"),
		"{\"status\":\"success\",\"data\":[{\"uuid\":\"101\",\"state\":\"RUNNING\"},"
		"{\"uuid\":\"103\",\"state\":\"COMPLETED\"}]}\n");
	assert_string_equal(get("mira", API "/units?field=+name+&field=nope&cluster_id=hpc-a"),
		"{\"status\":\"success\",\"data\":[{\"uuid\":\"\",\"name\":\"sim \\u003ca\\u0026b\\u003e\"}]}\n");
	assert_string_equal(
		get("eve", API "/units?cluster_id=nope"), "{\"status\":\"success\",\"data\":[]}\n");
}

static void people_see_their_own_units_only(void **state)
{
	/* 104 is short and ignored. */
	assert_string_equal(pluck("mira", API "/units?running", "uuid"), "101 103 201");
	assert_string_equal(pluck("mira", API "/units", "uuid"), "103");
	assert_string_equal(pluck("eve", API "/units?running=false", "uuid"), "101");
	assert_string_equal(pluck("nobody", API "/units?running", "uuid"), "");
	assert_string_equal(pluck("mira", API "/units?uuid=102", "uuid"), "");
	assert_string_equal(
		pluck("mira", API "/units?uuid=101&uuid=103&uuid=104&from=x", "uuid"), "101 103");
	/* Asking for somebody else is for administrators. */
	assert_string_equal(pluck("mira", API "/units?running&user=otto", "uuid"), "101 103 201");
	assert_string_equal(pluck("boss", API "/units/admin?running&user=otto", "uuid"), "102");
	assert_string_equal(pluck("boss", API "/units/admin?running", "uuid"),
		"101 102 103 101 201 pod-1 pod-2");
	assert_string_equal(
		pluck("boss", API "/units/admin?running&project=astro", "uuid"), "101 102 103 101");
	assert_string_equal(
		pluck("boss", API "/units/admin?uuid=101&cluster_id=hpc-b", "username"), "eve");
}

static void service_units_are_for_members_of_their_project(void **state)
{
	assert_string_equal(pluck("mira", API "/units?running&project=ns1", "uuid"), "pod-1");
	assert_string_equal(pluck("mira", API "/units?running&project=ns2", "uuid"), "");
	assert_string_equal(pluck("mira", API "/units?uuid=pod-1&project=ns1", "uuid"), "pod-1");
	assert_string_equal(pluck("mira", API "/units?uuid=pod-2&project=ns2", "uuid"), "");
	assert_string_equal(
		pluck("eve", API "/units?running&project=ns2&project=ns1", "uuid"), "pod-2");
	assert_string_equal(
		pluck("mira", API "/users?project=ns1&cluster_id=kube", "name"), "mira ns1:svc");
	assert_string_equal(
		pluck("mira", API "/users?project=ns2&cluster_id=kube", "name"), "mira");
	assert_string_equal(pluck("boss", API "/units/admin?running&project=ns2", "uuid"), "pod-2");
}

static void windows_are_checked_and_apply(void **state)
{
	static const char *const bad[] = { "from=x", "from=1.5", "from=99999999999999999999",
		"from=+-1", "from=1e3", "from= 1" };
	char target[128];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(target, sizeof(target), API "/units?%s", bad[i]);
		if (strchr(target, ' '))
			*strchr(target, ' ') = '+';
		assert_refused(get("mira", target), 400, "bad_data",
			"query parameter 'from': malformed timestamp");
	}
	assert_refused(get("mira", API "/units?to=zz"), 400, "bad_data",
		"query parameter 'to': malformed timestamp");
	assert_refused(get("boss", API "/stats/current/admin?to=zz"), 400, "bad_data",
		"query parameter 'to': malformed timestamp");
	assert_refused(get("mira", API "/usage/current?from=zz"), 400, "bad_data",
		"query parameter 'from': malformed timestamp");
	/* 103 ended at T0 + 990. */
	assert_string_equal(pluck("mira", API "/units?from=1933480800&to=1933481789", "uuid"), "");
	assert_string_equal(
		pluck("mira", API "/units?from=1933480800&to=1933481791", "uuid"), "103");
	assert_string_equal(pluck("mira", API "/units?from=1933480800", "uuid"), "103");
	assert_string_equal(pluck("mira", API "/units?to=1933481791", "uuid"), "103");
	assert_string_equal(pluck("mira", API "/units?to=1933480800", "uuid"), "");
	assert_string_equal(
		pluck("mira", API "/units?from=-9223372036854775808&to=9223372036854775807",
			"uuid"),
		"103");
	c.config.max_period_ms = 3600 * 1000;
	assert_refused(get("mira", API "/units"), 400, "bad_data", "maximum query window exceeded");
	assert_refused(get("mira", API "/usage/current"), 400, "bad_data",
		"maximum query window exceeded");
	get("mira", API "/units?from=1933480800&to=1933484400");
	assert_int_equal(c.status, 200);
	get("mira", API "/usage/current?from=1933480801&to=1933484401");
	assert_int_equal(c.status, 200);
}

static void times_can_be_had_in_another_zone(void **state)
{
	assert_string_equal(pluck("mira", API "/units?uuid=103&timezone=Asia/Tokyo", "started_at"),
		"2031-04-09T15:15:30+0900");
	assert_string_equal(
		pluck("mira", API "/units?uuid=101&timezone=Asia/Tokyo", "ended_at"), "Unknown");
	assert_string_equal(pluck("mira", API "/units?uuid=103&timezone=Mars/Base", "started_at"),
		"2031-04-09T08:15:30+0200");
	assert_string_equal(
		pluck("mira", API "/units?uuid=103&timezone=../../etc/passwd", "started_at"),
		"2031-04-09T08:15:30+0200");
}

static void unknown_fields_are_refused_when_none_is_left(void **state)
{
	static const char *const routes[] = { "/units", "/users", "/projects", "/usage/current",
		"/usage/global" };
	char target[128];

	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		snprintf(target, sizeof(target), API "%s?field=id&field=nope", routes[i]);
		assert_refused(get("mira", target), 400, "bad_data", "invalid query fields");
	}
}

static void ownership_is_by_project_and_cluster(void **state)
{
	static const struct {
		const char *user, *query;
		int status;
	} cases[] = {
		{ "mira", "cluster_id=hpc-a&uuid=101", 200 },
		{ "mira", "cluster_id=hpc-a&uuid=102", 200 }, /* otto's, of the same project */
		{ "mira", "cluster_id=hpc-a&uuid=104", 200 }, /* ignored, but hers */
		{ "mira", "cluster_id=hpc-a&uuid=101&uuid=102", 200 },
		{ "mira", "cluster_id=hpc-a&uuid=101&uuid=101", 200 },
		{ "mira", "cluster_id=hpc-a&uuid=101&uuid=999", 403 },
		{ "mira", "cluster_id=hpc-b&uuid=101", 403 }, /* astro of another cluster */
		{ "mira", "cluster_id=hpc-a&cluster_id=hpc-b&uuid=101", 403 },
		{ "mira", "cluster_id=hpc-a&cluster_id=hpc-b&uuid=201", 200 },
		{ "mira", "uuid=101", 403 },
		{ "eve", "cluster_id=hpc-a&uuid=101", 403 },
		{ "eve", "cluster_id=hpc-b&uuid=101", 200 },
		{ "eve", "cluster_id=hpc-b&uuid=201", 403 },
		{ "nobody", "cluster_id=hpc-a&uuid=101", 403 },
		{ "boss", "cluster_id=hpc-a&uuid=101", 200 },
		{ "mira", "cluster_id=kube&uuid=pod-1", 200 },
		{ "mira", "cluster_id=kube&uuid=pod-2", 403 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char target[128];

		snprintf(target, sizeof(target), API "/units/verify?%s", cases[i].query);
		get(cases[i].user, target);
		if (c.status != cases[i].status)
			fail_msg("%s %s: %d", cases[i].user, cases[i].query, c.status);
		if (c.status == 200)
			assert_string_equal(
				buffer_text(&c.body), "{\"status\":\"success\",\"data\":null}\n");
		else
			assert_refused(buffer_text(&c.body), 403, "forbidden",
				"user do not have permissions on uuids");
	}
	assert_refused(get("mira", API "/units/verify?cluster_id=hpc-a"), 400, "bad_data",
		"uuids missing in the request");
	/* A second run of an own uuid hides no foreign one. */
	sample_sql(s.path,
		"INSERT INTO units (cluster_id, uuid, started_at, project) VALUES "
		"('hpc-a', '101', 'again', 'astro'), ('hpc-a', '900', 'x', 'secret')");
	assert_refused(get("mira", API "/units/verify?cluster_id=hpc-a&uuid=101&uuid=900"), 403,
		"forbidden", "user do not have permissions on uuids");
}

static void users_and_projects_are_ones_own(void **state)
{
	assert_string_equal(get("mira", API "/users?cluster_id=hpc-a"),
		"{\"status\":\"success\",\"data\":[{\"cluster_id\":\"hpc-a\",\"resource_manager\":\"slurm\","
		"\"name\":\"mira\",\"projects\":[\"astro\"]}]}\n");
	assert_string_equal(pluck("mira", API "/users", "cluster_id"), "hpc-a hpc-b kube");
	assert_string_equal(pluck("mira", API "/users?user=otto", "name"), "mira mira mira");
	assert_string_equal(pluck("nobody", API "/users", "name"), "");
	assert_string_equal(pluck("boss", API "/users/admin", "name"),
		"mira otto eve mira eve mira ns1:svc ns2:svc");
	assert_string_equal(
		pluck("boss", API "/users/admin?user=otto&user=eve", "name"), "otto eve eve");
	assert_string_equal(get("boss", API "/users/admin?role=admin"),
		"{\"status\":\"success\",\"data\":[{\"cluster_id\":\"all\",\"name\":\"boss\",\"tags\":[\"ceems\"]},"
		"{\"cluster_id\":\"all\",\"name\":\"gwen\",\"tags\":[\"grafana\"]}]}\n");
	/* Not for people who aren't. */
	assert_string_equal(pluck("mira", API "/users?role=admin", "name"), "mira mira mira");

	assert_string_equal(get("otto", API "/projects"),
		"{\"status\":\"success\",\"data\":[{\"cluster_id\":\"hpc-a\",\"resource_manager\":\"slurm\","
		"\"name\":\"astro\",\"users\":[\"mira\",\"otto\"]}]}\n");
	assert_string_equal(pluck("mira", API "/projects", "name"), "astro bio ns1");
	assert_string_equal(pluck("mira", API "/projects?project=bio&project=ns2", "name"), "bio");
	assert_string_equal(pluck("mira", API "/projects?cluster_id=kube", "name"), "ns1");
	assert_string_equal(pluck("eve", API "/projects", "cluster_id"), "hpc-b kube");
	assert_string_equal(
		pluck("boss", API "/projects/admin", "name"), "astro astro bio ns1 ns2");
	sample_sql(s.path,
		"UPDATE projects SET users = 'null' WHERE name = 'bio'; "
		"UPDATE projects SET users = '[]' WHERE name = 'ns1'");
	assert_string_equal(pluck("boss", API "/projects/admin", "name"), "astro astro bio ns2");
	assert_non_null(strstr(get("boss", API "/projects/admin?project=bio"), "\"users\":null"));
}

static void clusters_and_counts_are_for_administrators(void **state)
{
	assert_string_equal(get("boss", API "/clusters/admin"),
		"{\"status\":\"success\",\"data\":[{\"id\":\"hpc-a\",\"manager\":\"slurm\"},"
		"{\"id\":\"hpc-b\",\"manager\":\"slurm\"},{\"id\":\"kube\",\"manager\":\"k8s\"}]}\n");
	assert_string_equal(
		get("boss", API "/stats/global/admin?cluster_id=hpc-a&user=x&project=y"),
		"{\"status\":\"success\",\"data\":[{\"cluster_id\":\"hpc-a\",\"resource_manager\":\"slurm\","
		"\"num_units\":4,\"num_inactive_units\":3,\"num_active_units\":1,\"num_projects\":1,"
		"\"num_users\":2}]}\n");
	assert_string_equal(get("boss", API "/stats/current/admin?from=1&to=2&cluster_id=hpc-a"),
		"{\"status\":\"success\",\"data\":[{\"cluster_id\":\"hpc-a\",\"resource_manager\":\"slurm\","
		"\"num_units\":1,\"num_inactive_units\":0,\"num_active_units\":1,\"num_projects\":1,"
		"\"num_users\":1}]}\n");
	assert_string_equal(
		pluck("boss", API "/stats/global/admin", "cluster_id"), "hpc-a hpc-b kube");
}

static void usage_covers_everybody_in_ones_projects(void **state)
{
	assert_string_equal(
		pluck("mira", API "/usage/global", "username"), "mira otto mira ns1:svc");
	assert_string_equal(pluck("eve", API "/usage/global", "username"), "eve ns2:svc");
	assert_string_equal(pluck("nobody", API "/usage/global", "username"), "");
	assert_string_equal(
		pluck("mira", API "/usage/global?user=eve", "username"), "mira otto mira ns1:svc");
	assert_string_equal(pluck("boss", API "/usage/global/admin?project=astro", "username"),
		"mira otto eve");
	assert_string_equal(
		pluck("boss", API "/usage/global/admin?user=otto", "username"), "mira otto");
	assert_string_equal(
		get("otto", API "/usage/global?field=num_units&field=total_cpu_energy_usage_kwh"),
		"{\"status\":\"success\",\"data\":[{\"cluster_id\":\"\",\"resource_manager\":\"\",\"num_units\":3,"
		"\"project\":\"\",\"groupname\":\"\",\"username\":\"\","
		"\"total_cpu_energy_usage_kwh\":{\"total\":1.25000000}},"
		"{\"cluster_id\":\"\",\"resource_manager\":\"\",\"num_units\":1,"
		"\"project\":\"\",\"groupname\":\"\",\"username\":\"\","
		"\"total_cpu_energy_usage_kwh\":{\"total\":0.75000000}}]}\n");
}

static void current_usage_is_summed_over_units(void **state)
{
	sample_sql(s.path,
		"UPDATE units SET avg_cpu_usage = '{\"global\":41,\"x\":1}', "
		"total_io_read_stats = '{\"b\":3,\"a\":2}' WHERE uuid = '103'");
	/* mira: 101 (3 windows), 103 and the ignored 104 (1 each): (40*3 + 41 + 40) / 5 = 40.2 */
	assert_string_equal(get("otto",
				    API "/usage/current?field=username&field=num_units&"
					"field=avg_cpu_usage&field=total_cpu_energy_usage_kwh&"
					"field=total_io_read_stats&field=avg_gpu_usage"),
		"{\"status\":\"success\",\"data\":[{\"cluster_id\":\"\",\"resource_manager\":\"\",\"num_units\":3,"
		"\"project\":\"\",\"groupname\":\"\",\"username\":\"mira\","
		"\"avg_cpu_usage\":{\"global\":40.20000000,\"x\":0.20000000},"
		"\"total_cpu_energy_usage_kwh\":{\"total\":1.25000000},"
		"\"total_io_read_stats\":{\"a\":2,\"b\":3}},"
		"{\"cluster_id\":\"\",\"resource_manager\":\"\",\"num_units\":1,"
		"\"project\":\"\",\"groupname\":\"\",\"username\":\"otto\","
		"\"avg_cpu_usage\":{\"global\":40,\"x\":0},"
		"\"total_cpu_energy_usage_kwh\":{\"total\":0.75000000},"
		"\"total_io_read_stats\":{\"a\":0,\"b\":0}}]}\n");
	/* A unit without a value still weighs: (40 * 3 + 40) / 5 = 32. */
	sample_sql(s.path, "UPDATE units SET avg_cpu_usage = 'null' WHERE uuid = '103'");
	assert_non_null(strstr(get("otto", API "/usage/current?field=avg_cpu_usage"),
		"\"username\":\"\",\"avg_cpu_usage\":{\"global\":32}"));
	/* Rows even if no metric is asked for. */
	assert_string_equal(
		pluck("otto", API "/usage/current?field=username", "username"), "mira otto");
	assert_string_equal(pluck("otto", API "/usage/current?from=1&to=2", "username"), "");
	assert_string_equal(
		pluck("otto", API "/usage/current?__terminated", "username"), "mira otto");
	assert_non_null(
		strstr(get("otto", API "/usage/current?__terminated&field=num_units"), ":2"));
	/* The day began at 2031-04-09T02:00:00 there. */
	assert_string_equal(
		pluck("otto", API "/usage/current?experimental", "username"), "mira otto");
	assert_string_equal(
		pluck("otto", API "/usage/current?experimental&from=1933459200", "username"),
		"mira otto");
	assert_string_equal(
		pluck("otto", API "/usage/current?experimental&from=1933460100", "username"), "");
	assert_string_equal(pluck("boss", API "/usage/current/admin", "username"),
		"mira otto eve mira ns1:svc ns2:svc");
	assert_string_equal(pluck("boss", API "/usage/current/admin?user=mira", "username"),
		"mira otto mira ns1:svc");
	assert_string_equal(pluck("nobody", API "/usage/current", "username"), "");
}

static void groups_are_split_by_base_columns_only(void **state)
{
	sample_sql(s.path,
		"UPDATE units SET cluster_id = 'hpc-c' WHERE uuid = '103'; "
		"INSERT INTO projects (cluster_id, name, users) VALUES "
		"('hpc-c', 'astro', '[\"mira\"]')");
	assert_string_equal(
		pluck("mira", API "/usage/current?project=astro", "cluster_id"), "hpc-a hpc-a");
	assert_string_equal(
		pluck("mira", API "/usage/current?project=astro&groupby=cluster_id", "cluster_id"),
		"hpc-a hpc-a hpc-c");
	assert_string_equal(pluck("mira",
				    API "/usage/current?project=astro&groupby=avg_cpu_usage&"
					"groupby=1);DROP%20TABLE%20units",
				    "cluster_id"),
		"hpc-a hpc-a");
}

static void exact_usage_is_of_the_period_only(void **state)
{
	/* The second window, in which 103 ran as well. */
	assert_string_equal(
		get("otto",
			API "/usage/current?exact&from=1933481700&to=1933482600&field=num_units&"
			    "field=username&field=total_cpu_energy_usage_kwh&field=avg_cpu_usage"),
		"{\"status\":\"success\",\"data\":[{\"cluster_id\":\"\",\"resource_manager\":\"\","
		"\"num_units\":2,\"project\":\"\",\"groupname\":\"\",\"username\":\"mira\","
		"\"avg_cpu_usage\":{\"global\":40},\"total_cpu_energy_usage_kwh\":{\"total\":0.50000000}},"
		"{\"cluster_id\":\"\",\"resource_manager\":\"\","
		"\"num_units\":1,\"project\":\"\",\"groupname\":\"\",\"username\":\"otto\","
		"\"avg_cpu_usage\":{\"global\":40},\"total_cpu_energy_usage_kwh\":{\"total\":0.25000000}}]}\n");
	/* What is mine, and what others may not see. */
	assert_string_equal(
		pluck("mira", API "/usage/current?exact&from=1933480800&to=1933482600", "username"),
		"mira otto mira ns1:svc");
	assert_string_equal(pluck("nobody", API "/usage/current?exact", "username"), "");
	assert_string_equal(pluck("boss", API "/usage/current/admin?exact&from=1933480800&user=eve",
				    "username"),
		"eve ns2:svc");
	assert_string_equal(
		pluck("boss", API "/usage/current/admin?exact&from=1933480800&project=bio",
			"username"),
		"mira");
	assert_string_equal(
		pluck("boss", API "/usage/current/admin?exact&from=1933480800&cluster_id=kube",
			"username"),
		"ns1:svc ns2:svc");
	/* Long ago there are days only. */
	assert_non_null(strstr(
		get("otto", API "/usage/current?exact&from=1900000000&to=1900000900"),
		"\"data\":[],\"warnings\":[\"usage is kept by the day there: the answer is for "
		"2030-03-17T00:00:00+0100 to 2030-03-18T00:00:00+0100\"]"));
}

static void usage_is_remembered_for_each_person(void **state)
{
	assert_string_equal(
		pluck("otto", API "/usage/current?project=astro", "username"), "mira otto");
	assert_null(strstr(buffer_text(&c.headers), "Expires"));
	sample_sql(s.path, "DELETE FROM units WHERE username = 'mira'");
	c.now_s += 60;
	assert_string_equal(pluck("otto", API "/usage/current?project=astro", "username"), "otto");
	c.now_s -= 60;
	assert_string_equal(
		pluck("otto", API "/usage/current?project=astro", "username"), "mira otto");
	assert_non_null(
		strstr(buffer_text(&c.headers), "Expires: Wed, 09 Apr 2031 07:00:00 GMT\n"));
	assert_string_equal(pluck("mira", API "/usage/current?project=astro", "username"), "otto");
	assert_string_equal(pluck("eve", API "/usage/current?project=astro", "username"), "eve");
	assert_string_equal(
		pluck("otto", API "/usage/current?project=astro&x=1", "username"), "otto");
}

static void parameters_are_values_and_never_sql(void **state)
{
	static const char *const attacks[] = { "'", "\\\"", "x'%20OR%20'1'='1", "%22]%20OR%201=1--",
		"*", "%25", "null", "[]", "%5B%22mira%22%5D", "mira%22,%22otto", "%ff%fe", "%00",
		"a%00b", "1;DROP%20TABLE%20units", "%e2%80%a8" };
	static const char *const names[] = { "user", "project", "cluster_id", "uuid", "timezone",
		"groupby", "role", "running" };
	char target[256];

	for (size_t a = 0; a < ARRAY_SIZE(attacks); a++) {
		for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
			for (size_t i = 0; i < api_routes_count; i++) {
				if (api_routes[i].access == API_OPEN)
					continue;
				snprintf(target, sizeof(target), API "%s?%s=%s", api_routes[i].path,
					names[n], attacks[a]);
				get("boss", target);
				if (c.status != 200 && c.status != 400)
					fail_msg("%s: %d %s", target, c.status,
						buffer_text(&c.body));
				get(attacks[a], target);
				assert_int_not_equal(c.status, 500);
				assert_null(strstr(buffer_text(&c.body), "mira"));
			}
		}
	}
	assert_string_equal(pluck("boss", API "/units/admin?running", "uuid"),
		"101 102 103 101 201 pod-1 pod-2");
}

static void damaged_rows_are_left_out_with_a_warning(void **state)
{
	sample_sql(s.path,
		"UPDATE units SET avg_cpu_usage = '{broken', tags = '{broken' WHERE uuid = '101'; "
		"UPDATE units SET avg_cpu_usage = '{\"a\":NaN}', allocation = 'x', "
		"total_ingress_stats = NULL, name = x'c328' WHERE uuid = '103'");
	assert_string_equal(get("mira",
				    API "/units?running&cluster_id=hpc-a&field=name&"
					"field=avg_cpu_usage&field=allocation&field=tags&"
					"field=total_ingress_stats"),
		"{\"status\":\"success\",\"data\":[{\"uuid\":\"\",\"name\":\"\\ufffd(\","
		"\"avg_cpu_usage\":{\"a\":0},\"tags\":{\"qos\":\"normal\"}}],"
		"\"warnings\":[\"failed to scan 1 rows\"]}\n");
	assert_non_null(strstr(get("mira", API "/usage/current?cluster_id=hpc-a"),
		"\"warnings\":[\"failed to scan 1 rows\"]"));
	sample_sql(s.path, "UPDATE projects SET users = '[\"mira\"' WHERE name = 'astro'");
	assert_string_equal(pluck("mira", API "/projects?cluster_id=hpc-a", "name"), "");
	get("mira", API "/usage/current?cluster_id=hpc-b");
	assert_int_equal(c.status, 200);
	sample_sql(s.path, "DROP TABLE units");
	get("mira", API "/units");
	assert_int_equal(c.status, 500);
	assert_non_null(strstr(buffer_text(&c.body), "\"errorType\":\"internal\""));
	get("mira", API "/usage/current");
	assert_int_equal(c.status, 500);
}

static void many_units_are_streamed(void **state)
{
	json_t *root;

	sample_sql(s.path,
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
		"INSERT INTO units (cluster_id, uuid, started_at, ended_at, ended_at_ts, username, ignore) "
		"SELECT 'big', printf('%05d', i), 's', '2031-04-09T08:10:00+0200', 1, 'olga', 0 FROM n");
	root = json_loads(get("olga", API "/units?field=uuid"), 0, NULL);
	assert_non_null(root);
	assert_true(c.streamed);
	assert_int_equal(json_array_size(json_object_get(root, "data")), 1000);
	for (size_t i = 0; i < 1000; i++) {
		json_t *item = json_array_get(json_object_get(root, "data"), i);
		char uuid[8];

		snprintf(uuid, sizeof(uuid), "%05zu", i + 1);
		assert_string_equal(json_string_value(json_object_get(item, "uuid")), uuid);
	}
	json_decref(root);
}

static void browsers_are_told_what_they_may_do(void **state)
{
	c.origin = "https://grafana.example";
	c.method = "OPTIONS";
	get(NULL, API "/units/admin");
	assert_int_equal(c.status, 200);
	assert_string_equal(buffer_text(&c.body), "");
	assert_string_equal(buffer_text(&c.headers),
		"Access-Control-Allow-Headers: Accept, Authorization, Content-Type, Origin, "
		"X-Grafana-User\nAccess-Control-Allow-Methods: GET\n"
		"Access-Control-Expose-Headers: Date\nVary: Origin\n"
		"Access-Control-Allow-Origin: https://grafana.example\n");
	c.method = NULL;
	get(NULL, API "/units");
	assert_null(strstr(buffer_text(&c.headers), "Access-Control"));
	get("mira", API "/units");
	assert_non_null(strstr(buffer_text(&c.headers), "Access-Control-Allow-Origin"));
	api_done(&c.api);
	c.config.cors_origin = "https://(a|b)\\.example";
	assert_int_equal(api_init(&c.api, &c.config, NULL), 0);
	c.api.store = s.store;
	get("mira", API "/units");
	assert_null(strstr(buffer_text(&c.headers), "Access-Control-Allow-Origin"));
	c.origin = "https://a.example";
	get("mira", API "/units");
	assert_non_null(strstr(buffer_text(&c.headers), "Access-Control-Allow-Origin"));
	c.origin = "https://a.example.evil";
	get("mira", API "/units");
	assert_null(strstr(buffer_text(&c.headers), "Access-Control-Allow-Origin"));
	api_done(&c.api);
	c.config.cors_origin = "(";
	{
		struct err err = { 0 };

		assert_int_equal(api_init(&c.api, &c.config, &err), -22);
		assert_non_null(strstr(err.text, "--web.cors.origin"));
	}
}

static void clients_are_slowed_down_each_on_their_own(void **state)
{
	api_done(&c.api);
	c.config.max_requests = 3;
	assert_int_equal(api_init(&c.api, &c.config, NULL), 0);
	c.api.store = s.store;
	c.now_s = SAMPLE_T0_S;
	for (int i = 0; i < 3; i++) {
		get("mira", API "/users");
		assert_int_equal(c.status, 200);
	}
	assert_non_null(strstr(buffer_text(&c.headers),
		"X-RateLimit-Limit: 3\n"
		"X-RateLimit-Remaining: 0\n"
		"X-RateLimit-Reset: 1933480860\n"));
	assert_string_equal(get("mira", API "/users"), "Too Many Requests\n");
	assert_int_equal(c.status, 429);
	assert_non_null(strstr(buffer_text(&c.headers), "Retry-After: 60\n"));
	c.forwarded_for = "198.51.100.7, 127.0.0.1";
	get("mira", API "/users");
	assert_int_equal(c.status, 200);
	c.forwarded_for = "2001:db8::1";
	for (int i = 0; i < 3; i++)
		get("mira", API "/users");
	c.forwarded_for = "2001:db8::ffff"; /* the same network */
	get("mira", API "/users");
	assert_int_equal(c.status, 429);
	c.forwarded_for = NULL;
	c.now_s += 60 + 30; /* half of the last minute still counts: 3 / 2 is rounded to 2 */
	get("mira", API "/users");
	assert_int_equal(c.status, 200);
	get("mira", API "/users");
	assert_int_equal(c.status, 429);
	c.now_s += 1000;
	get("mira", API "/users");
	assert_int_equal(c.status, 200);
	get("mira", "/nothing");
	assert_null(strstr(buffer_text(&c.headers), "X-RateLimit"));
}

static void strangers_say_nothing_about_themselves(void **state)
{
	api_client_from(&c, "192.0.2.1");
	assert_refused(get("mira", API "/units"), 401, "unauthorized",
		"no user identified: the user header is believed from authenticated peers and "
		"trusted proxies only");
	get("boss", API "/units/admin");
	assert_int_equal(c.status, 401);
	assert_refused(get(NULL, API "/units"), 401, "unauthorized", "no user identified");
	get(NULL, "/health");
	assert_int_equal(c.status, 200);
	c.peer.login = "grafana";
	get("boss", API "/units/admin");
	assert_int_equal(c.status, 200);
}

static void the_internal_account_is_not_for_people(void **state)
{
	const char *account = "ceems-int-svc";
	struct strings names = { &account, 1 };

	assert_int_equal(store_set_admins(s.store, &names, NULL, SAMPLE_T0_S * 1000, NULL), 0);
	for (size_t i = 0; i < api_routes_count; i++) {
		char target[128];

		if (api_routes[i].access == API_OPEN)
			continue;
		snprintf(target, sizeof(target), API "%s?uuid=101&cluster_id=hpc-a",
			api_routes[i].path);
		c.peer.login = "grafana";
		assert_refused(get(account, target), 403, "forbidden",
			"the account 'ceems-int-svc' is not for people");
		c.peer.login = account;
		get(account, target);
		/* It owns nothing, and nobody gets its rights by a name. */
		assert_int_equal(c.status, str_eq(api_routes[i].path, "/units/verify") ? 403 : 200);
	}
}

int main(void)
{
#define ROUTE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROUTE_TEST(the_table_is_sorted_unique_and_whole),
		ROUTE_TEST(everything_is_explained),
		ROUTE_TEST(clients_have_the_time_that_an_answer_needs),
		ROUTE_TEST(every_route_asks_who_is_there),
		ROUTE_TEST(without_administrators_known_nobody_is_one),
		ROUTE_TEST(other_methods_and_paths_are_refused),
		ROUTE_TEST(a_prefix_moves_the_api_and_nothing_else),
		ROUTE_TEST(health_and_landing_page_are_open),
		ROUTE_TEST(a_unit_is_shown_in_the_specified_form),
		ROUTE_TEST(people_see_their_own_units_only),
		ROUTE_TEST(service_units_are_for_members_of_their_project),
		ROUTE_TEST(windows_are_checked_and_apply),
		ROUTE_TEST(times_can_be_had_in_another_zone),
		ROUTE_TEST(unknown_fields_are_refused_when_none_is_left),
		ROUTE_TEST(ownership_is_by_project_and_cluster),
		ROUTE_TEST(users_and_projects_are_ones_own),
		ROUTE_TEST(clusters_and_counts_are_for_administrators),
		ROUTE_TEST(usage_covers_everybody_in_ones_projects),
		ROUTE_TEST(current_usage_is_summed_over_units),
		ROUTE_TEST(groups_are_split_by_base_columns_only),
		ROUTE_TEST(exact_usage_is_of_the_period_only),
		ROUTE_TEST(usage_is_remembered_for_each_person),
		ROUTE_TEST(parameters_are_values_and_never_sql),
		ROUTE_TEST(damaged_rows_are_left_out_with_a_warning),
		ROUTE_TEST(many_units_are_streamed),
		ROUTE_TEST(browsers_are_told_what_they_may_do),
		ROUTE_TEST(clients_are_slowed_down_each_on_their_own),
		ROUTE_TEST(strangers_say_nothing_about_themselves),
		ROUTE_TEST(the_internal_account_is_not_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
