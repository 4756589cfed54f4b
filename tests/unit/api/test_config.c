// SPDX-License-Identifier: Apache-2.0
#include "api/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit_test.h"

static char file[] = "/tmp/ceems-test.XXXXXX";
static struct arena arena;

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

static int load(const char *yaml, bool no_checks, struct api_config *config, struct err *err)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(yaml, f);
	assert_int_equal(fclose(f), 0);
	return api_config_load(file, false, no_checks, &arena, config, err);
}

static void every_key_has_its_default_even_in_an_empty_file(void **state)
{
	static const char *const texts[] = { "", "{}", "ceems_api_server:\n",
		"ceems_api_server: {data: }", "ceems_api_server: {data: {}, admin: {}}" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct api_config c;
		struct err err;

		if (load(texts[i], false, &c, &err) < 0)
			fail_msg("'%s': %s", texts[i], err.text);
		assert_string_equal(c.data.path, "data");
		assert_string_equal(c.data.backup_path, "");
		assert_string_equal(c.data.time_zone, "Local");
		assert_int_equal(c.data.retention_ms, 30LL * 86400000);
		assert_int_equal(c.data.update_interval_ms, 900000);
		assert_int_equal(c.data.max_update_interval_ms, 3600000);
		assert_int_equal(c.data.backup_interval_ms, 86400000);
		assert_int_equal(c.data.settle_delay_ms, 10000);
		assert_int_equal(c.data.late_metrics_ms, 1200000);
		assert_int_equal(c.admin.users.n, 1);
		assert_string_equal(c.admin.users.v[0], "ceems-int-svc");
		assert_int_equal(c.clusters.n, 0);
	}
}

static void all_keys_are_read_and_foreign_ones_ignored(void **state)
{
	static const char yaml[] =
		"ceems_lb: {a: 1}\nunknown: 5\nceems_api_server:\n  data: {path: /d, "
		"retention_period: 2y, update_interval: 1m30s, update_from: 2031-04-09, time_zone: "
		"'', backup_interval: 0s, nonsense: 1}\n  web: {url: x, max_query: 1}\n"
		"  admin:\n    users: [mira, 7]\n    grafana: {url: 'http://g', teams_ids: [1, "
		"'2'], basic_auth: {username: u, password: p}}\n"
		"clusters:\n- id: s-0\n  manager: slurm\n  updaters: [p, q]\n  cli: {path: /bin, "
		"environment_variables: {A: 1}}\n  web: {url: ''}\n  extra_config: {k: v}\n"
		"updaters:\n- {id: p, updater: tsdb, web: {url: 'http://p'}, extra_config: {}}\n";
	const struct cluster_config *cluster;
	const struct updater_config *updater;
	struct api_config c;
	struct err err;

	if (load(yaml, false, &c, &err) < 0)
		fail_msg("%s", err.text);
	cluster = c.clusters.v;
	updater = c.updaters.v;
	assert_string_equal(c.data.path, "/d");
	assert_int_equal(c.data.retention_ms, 730LL * 86400000);
	assert_int_equal(c.data.update_interval_ms, 90000);
	assert_int_equal(c.data.backup_interval_ms, 86400000);
	assert_string_equal(c.data.time_zone, "");
	assert_int_equal(c.admin.users.n, 3);
	assert_string_equal(c.admin.users.v[1], "7");
	assert_int_equal(c.admin.grafana.teams_ids.n, 2);
	assert_string_equal(c.admin.grafana.client.basic_auth.username, "u");
	assert_string_equal(cluster->id, "s-0");
	assert_int_equal(cluster->updaters.n, 2);
	assert_string_equal(cluster->cli.environment_variables.values[0], "1");
	assert_string_equal(config_get(cluster->extra_config, "k")->text, "v");
	assert_string_equal(updater->id, "p");
	assert_non_null(config_get(updater->web, "url"));
}

static void rules_that_are_broken_are_named(void **state)
{
#define CLUSTERS(list) "clusters: [" list "]"
#define UPDATERS(list) "updaters: [" list "]"
	static const struct {
		const char *yaml, *text;
	} rows[] = {
		{ "ceems_api_server: {data: {update_interval: 0s}}",
			"update_interval and/or max_update_interval must be more than 0s" },
		{ "ceems_api_server: {data: {max_update_interval: 0s}}",
			"update_interval and/or max_update_interval must be more than 0s" },
		{ "ceems_api_server: {data: {backup_interval: 1h}}",
			"backup_interval of less than 1 day is not supported" },
		{ CLUSTERS("{id: a, manager: slurm}, {id: a, manager: slurm}"),
			"duplicate ID found in clusters config: a" },
		{ CLUSTERS("{id: a, manager: pbs}"),
			"unknown resource manager found in the config: pbs" },
		{ CLUSTERS("{id: a}"), "unknown resource manager found in the config: " },
		{ CLUSTERS("{id: a.b, manager: slurm}"),
			"invalid cluster ID. It must contain only [a-zA-Z0-9-_]: a.b" },
		{ CLUSTERS("{id: '', manager: slurm}"),
			"invalid cluster ID. It must contain only [a-zA-Z0-9-_]: " },
		{ UPDATERS("{id: a, updater: tsdb}, {id: a, updater: tsdb}"),
			"duplicate ID found in updaters config: a" },
		{ UPDATERS("{id: a, updater: x}"), "unknown updater found in the config: x" },
		{ UPDATERS("{id: a}"), "unknown updater found in the config: " },
		{ UPDATERS("{id: 'a b', updater: tsdb}"),
			"invalid updater ID. It must contain only [a-zA-Z0-9-_]: a b" },
		{ CLUSTERS("{id: a, manager: x}") "\n" UPDATERS("{id: b, updater: y}"),
			"unknown resource manager found in the config: x" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct api_config c;
		struct err err;

		assert_int_equal(load(rows[i].yaml, false, &c, &err), -EINVAL);
		assert_string_equal(err.text, rows[i].text);
		assert_int_equal(load(rows[i].yaml, true, &c, &err), 0);
	}
}

static void files_that_cannot_be_read_are_named(void **state)
{
	struct api_config c;
	struct err err;

	assert_int_equal(api_config_load("", false, false, &arena, &c, &err), -EINVAL);
	assert_non_null(strstr(err.text, "failed to parse config file: "));
	assert_int_equal(api_config_load("/nonexistent", false, false, &arena, &c, &err), -ENOENT);
	assert_non_null(strstr(err.text, "failed to parse config file: "));
	assert_non_null(strstr(err.text, "/nonexistent"));
	assert_int_equal(load("a: [", false, &c, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "failed to parse config file: "));
	assert_int_equal(
		load("ceems_api_server:\n  data:\n    update_interval: 5\n", false, &c, &err),
		-EBADMSG);
	assert_non_null(strstr(err.text, ":3"));
}

static void the_start_of_a_new_database_is_found(void **state)
{
	static const int64_t now_ms = 1933481107000; /* 2031-04-09 08:05:07 in Paris */
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "", 1933452000000 }, { "today", 1933452000000 },
		{ " 2031-04-09T08:00 ", 1933480800000 }, { "2031-04-08", 1933365600000 },
		{ "2032-01-01", now_ms }, /* not in the future */
	};
	struct timezone_ *zone;
	struct api_config c = { 0 };
	struct err err;
	int64_t ms;

	assert_int_equal(timezone_new("Europe/Paris", &zone, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		c.data.update_from = rows[i].text;
		assert_int_equal(api_config_update_from(&c, zone, now_ms, &ms, &err), 0);
		assert_int_equal(ms, rows[i].ms);
	}
	c.data.update_from = "yesterday";
	assert_int_equal(api_config_update_from(&c, zone, now_ms, &ms, &err), -EINVAL);
	assert_string_equal(err.text, "failed to parse time string: yesterday");
	timezone_free(zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_key_has_its_default_even_in_an_empty_file),
		TEST(all_keys_are_read_and_foreign_ones_ignored),
		TEST(rules_that_are_broken_are_named),
		TEST(files_that_cannot_be_read_are_named),
		TEST(the_start_of_a_new_database_is_found),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
