// SPDX-License-Identifier: Apache-2.0
/* The updater against tests/lib/fake_prometheus.py (scrapes every 10 s, evaluates every 5 s). */
#include "api/updater.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/metric_map.h"
#include "basic/buffer.h"
#include "basic/file.h"
#include "unit_test.h"

static char dir[] = "/tmp/ceems-test.XXXXXX";
static pid_t server;
static int port, log_fd;
static struct arena arena;
static struct log test_log;

static char *path(const char *name)
{
	return arena_printf(&arena, "%s/%s", dir, name);
}

static void put_file(const char *name, const char *text)
{
	FILE *f = fopen(path(name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static const char *get_file(const char *name)
{
	struct buffer buf = { 0 };
	const char *text;

	file_read(AT_FDCWD, path(name), 64 << 20, &buf);
	text = arena_strdup(&arena, buffer_text(&buf));
	buffer_done(&buf);
	return text;
}

static int start_server(void **state)
{
	const char *source = getenv("CEEMS_SOURCE");
	char script[4096];

	arena_init(&arena, 64 << 20);
	assert_non_null(mkdtemp(dir));
	snprintf(script, sizeof(script), "%s/tests/lib/fake_prometheus.py", source ? source : ".");
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/usr/bin/python3", "python3", script, dir, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000 && !*get_file("port"); i++)
		usleep(10000);
	port = atoi(get_file("port"));
	assert_true(port > 0);
	return 0;
}

static int stop_server(void **state)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	for (const char *const *name = (const char *const[]){ "port", "requests", "mode", "values",
		     "max_samples", NULL };
		*name; name++)
		unlink(path(*name));
	rmdir(dir);
	arena_done(&arena);
	return 0;
}

static int setup(void **state)
{
	put_file("requests", "");
	put_file("mode", "ok");
	put_file("values", "{}");
	put_file("max_samples", "50000000");
	log_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	test_log = (struct log){ log_fd, LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, clock_system() };
	return 0;
}

static int teardown(void **state)
{
	close(log_fd);
	return 0;
}

static int open_updater(const char *extra, int cancel_fd, void **ret_state, struct err *err)
{
	const char *yaml = arena_printf(
		&arena, "web: {url: 'http://127.0.0.1:%d/'}\nextra_config:\n%s", port, extra);
	const struct config_node *node;
	struct updater_config *config = ARENA_NEW(&arena, struct updater_config);
	struct updater_env env = { .config = config,
		.clock = clock_system(),
		.log = &test_log,
		.config_name = "config.yml",
		.config_dir = "/",
		.cancel_fd = cancel_fd };

	assert_int_equal(config_parse(yaml, strlen(yaml), "config.yml", &arena, &node, err), 0);
	config->id = "prom";
	config->web = config_get(node, "web");
	config->extra_config = config_get(node, "extra_config");
	return updater_tsdb.open(&env, ret_state, err);
}

static void *opened(const char *extra)
{
	struct err err;
	void *state = NULL;

	if (open_updater(extra, -1, &state, &err) < 0)
		fail_msg("%s", err.text);
	return state;
}

static struct unit *add_unit(struct unit_list *units, const char *uuid)
{
	struct unit *unit = unit_list_push(units, &arena);

	unit->uuid = arena_strdup(&arena, uuid);
	metric_map_put(&unit->metrics[TOTAL_TIME_SECONDS], &arena, "walltime", 60);
	return unit;
}

static const struct window minute = { 1000000, 1000000, 1060000 };

static const struct window hour = { 1000000, 1000000, 4600000 };

static double energy(const struct unit *unit)
{
	return metric_map_get(&unit->metrics[TOTAL_CPU_ENERGY_USAGE_KWH], "total");
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static size_t count_log(const char *what)
{
	static char text[1 << 20];
	ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);

	text[MAX(n, 0)] = '\0';
	return count(text, what);
}

static void the_default_queries_fill_the_metrics(void **state)
{
	void *u = opened("  queries:\n");
	struct unit_list units = { 0 };
	struct err err;

	put_file("values",
		"{\"host_power_watts:pue\": 2.5, \"provider=\\\"owid\\\"\": 7, "
		"\"cpu_usage:ratio_irate\": \"NaN\", \"write_bytes\": -4, "
		"\"gpu_usage:ratio\": \"+Inf\"}");
	add_unit(&units, "70113");
	add_unit(&units, "");
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	assert_true(energy(&units.v[0]) == 2.5);
	assert_true(
		metric_map_get(&units.v[0].metrics[TOTAL_CPU_EMISSIONS_GMS], "owid_total") == 7);
	assert_true(metric_map_get(&units.v[0].metrics[AVG_CPU_USAGE], "global") == 0);
	assert_int_equal(units.v[0].metrics[AVG_CPU_USAGE].n, 1);
	assert_true(metric_map_get(&units.v[0].metrics[TOTAL_IO_WRITE_STATS], "bytes_total") == 0);
	assert_true(metric_map_get(&units.v[0].metrics[AVG_GPU_USAGE], "global") == 0);
	assert_false(units.v[1].metrics[AVG_CPU_USAGE].set);
	assert_int_equal(count(get_file("requests"), "/api/v1/query"), 20);
	updater_tsdb.close(u);
}

static void templates_are_filled_in_and_sent_with_time_and_lookback(void **state)
{
	void *u = opened("  queries:\n    total_cpu_energy_usage_kwh:\n"
			 "      total: 'x{uuid=~\"{{.UUIDs}}\"}[{{ .Range }}:{{.ScrapeInterval}}] "
			 "{{.ScrapeIntervalMilli}} {{.EvaluationInterval}} "
			 "{{.EvaluationIntervalMilli}} {{.RateInterval}} {{.Nothing}}'\n");
	struct unit_list units = { 0 };
	const char *requests;
	struct err err;

	put_file("values", "{\"x{\": 1}");
	add_unit(&units, "b");
	add_unit(&units, "a");
	add_unit(&units, "evil\"}) or on() vector(1) #");
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	requests = get_file("requests");
	assert_non_null(strstr(requests,
		"x{uuid=~\\\"a|b|evil... or on.. vector.1. .\\\"}[1m0s:10s] 10000 5s 5000 40s "
		"<no value>"));
	assert_non_null(strstr(requests, "\"time\": [\"1060.000\"]"));
	assert_non_null(strstr(requests, "\"lookback_delta\": [\"10000ms\"]"));
	assert_true(energy(&units.v[0]) == 1 && energy(&units.v[1]) == 1);
	updater_tsdb.close(u);
}

#define ENERGY_QUERY                                    \
	"  queries:\n    total_cpu_energy_usage_kwh:\n" \
	"      total: 'x{uuid=~\"{{.UUIDs}}\"}'\n"

static void a_server_in_trouble_fails_the_window(void **state)
{
	static const struct {
		const char *mode;
		int error;
	} rows[] = { { "down", -EIO }, { "denied", -EACCES } };
	void *u = opened(ENERGY_QUERY);
	struct unit_list units = { 0 };
	struct err err;

	put_file("values", "{\"x{\": 1}");
	add_unit(&units, "1");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		put_file("mode", rows[i].mode);
		assert_int_equal(
			updater_tsdb.update(u, &minute, &units, &arena, &err), rows[i].error);
		assert_non_null(strstr(err.text, "updater 'prom'"));
	}
	put_file("mode", "ok");
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	assert_true(energy(&units.v[0]) == 1);
	updater_tsdb.close(u);
}

static void nobody_who_listens_fails_the_window(void **state)
{
	int real = port;
	struct unit_list units = { 0 };
	struct err err;
	void *u;

	port = 1;
	u = opened(ENERGY_QUERY);
	port = real;
	add_unit(&units, "1");
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), -ECONNREFUSED);
	updater_tsdb.close(u);
}

static void a_query_that_is_refused_is_said_once_and_left_out(void **state)
{
	void *u = opened(ENERGY_QUERY "    avg_cpu_usage:\n      global: broken\n");
	struct unit_list units = { 0 };
	struct err err;

	put_file("values", "{\"x{\": 1}");
	add_unit(&units, "1");
	for (int i = 0; i < 3; i++)
		assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	assert_true(energy(&units.v[0]) == 1);
	assert_false(units.v[0].metrics[AVG_CPU_USAGE].set);
	assert_int_equal(count_log("a query fails"), 1);
	updater_tsdb.close(u);
}

static void answers_that_make_no_sense_do_no_harm(void **state)
{
	void *u = opened(ENERGY_QUERY);
	struct unit_list units = { 0 };
	struct err err;

	add_unit(&units, "1");
	put_file("mode", "garbage");
	/* Of a proxy, say: the window waits. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(updater_tsdb.update(u, &hour, &units, &arena, &err), -EBADMSG);
	assert_false(units.v[0].metrics[TOTAL_CPU_ENERGY_USAGE_KWH].set);
	assert_int_equal(count_log("settings of the TSDB are not known"), 1);
	assert_int_equal(count_log("a query fails"), 0);
	put_file("mode", "partial");
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), -EIO);
	put_file("mode", "slow");
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), -EIO);
	put_file("mode", "huge");
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), -E2BIG);
	updater_tsdb.close(u);
}

static void get_is_used_where_post_is_not_allowed(void **state)
{
	void *u = opened(ENERGY_QUERY);
	struct unit_list units = { 0 };
	struct err err;

	put_file("values", "{\"x{\": 3}");
	put_file("mode", "get_only");
	add_unit(&units, "1");
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	assert_true(energy(&units.v[0]) == 3);
	updater_tsdb.close(u);
}

static void a_stop_ends_a_hanging_query(void **state)
{
	int cancel_fd = eventfd(0, EFD_CLOEXEC);
	struct unit_list units = { 0 };
	struct err err;
	void *u;

	assert_int_equal(open_updater(ENERGY_QUERY, cancel_fd, &u, &err), 0);
	add_unit(&units, "1");
	put_file("mode", "hang");
	eventfd_write(cancel_fd, 1);
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), -ECANCELED);
	updater_tsdb.close(u);
	close(cancel_fd);
}

static void windows_shorter_than_the_rate_interval_ask_nothing(void **state)
{
	const struct window brief = { 1000000, 1000000, 1039000 };
	void *u = opened(ENERGY_QUERY);
	struct updater_timing timing;
	struct unit_list units = { 0 };
	struct err err;

	add_unit(&units, "1");
	assert_int_equal(updater_tsdb.update(u, &brief, &units, &arena, &err), 0);
	assert_int_equal(count(get_file("requests"), "/query"), 0);
	updater_tsdb.timing(u, &timing);
	assert_int_equal(timing.min_window_ms, 40000);
	assert_int_equal(timing.settle_ms, 25000);
	updater_tsdb.close(u);
}

static void what_victoriametrics_holds_back_is_waited_for(void **state)
{
	struct updater_timing timing;
	void *u;

	put_file("mode", "no_flags");
	u = opened(ENERGY_QUERY);
	updater_tsdb.timing(u, &timing);
	assert_int_equal(timing.settle_ms, 40000);
	updater_tsdb.close(u);
}

static void many_units_are_asked_for_in_batches(void **state)
{
	void *u = opened(ENERGY_QUERY);
	struct unit_list units = { 0 };
	struct err err;

	put_file("values", "{\"x{\": 1}");
	put_file("max_samples", "9000"); /* / 50 series / 6 samples / 2 = 15 units */
	for (int i = 0; i < 40; i++)
		add_unit(&units, arena_printf(&arena, "%d", i));
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	assert_int_equal(count(get_file("requests"), "/query"), 3);
	for (size_t i = 0; i < units.n; i++)
		assert_true(energy(&units.v[i]) == 1);
	updater_tsdb.close(u);
}

/* As VictoriaMetrics does, which doesn't tell its limits. */
static void what_a_server_refuses_for_many_units_is_asked_for_fewer(void **state)
{
	void *u = opened(ENERGY_QUERY "    avg_cpu_usage:\n      global: broken {{.UUIDs}}\n");
	struct unit_list units = { 0 };
	struct err err;

	put_file("values", "{\"x{\": 1}");
	put_file("max_query_bytes", "60");
	for (int i = 100; i < 140; i++)
		add_unit(&units, arena_printf(&arena, "%d", i));
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	for (size_t i = 0; i < units.n; i++)
		assert_true(energy(&units.v[i]) == 1);
	assert_int_equal(count_log("a query fails"), 1);
	/* What it took is remembered: four times ten, and the broken one down to a single unit. */
	put_file("requests", "");
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	assert_int_equal(count(get_file("requests"), "/query"), 4 + 6);
	for (size_t i = 0; i < units.n; i++)
		assert_true(energy(&units.v[i]) == 1);
	assert_int_equal(count_log("a query fails"), 1);
	unlink(path("max_query_bytes"));
	updater_tsdb.close(u);
}

/* A long query takes fewer units; the short one is not asked for so few. */
static void what_a_server_takes_is_remembered_for_each_query(void **state)
{
	void *u = opened(ENERGY_QUERY
		"    avg_cpu_usage:\n      global: 'x{uuid=~\"{{.UUIDs}}\"} + 0 + 0 + 0 + 0 + 0 + 0'\n");
	struct unit_list units = { 0 };
	struct err err;

	put_file("values", "{\"x{\": 1}");
	put_file("max_query_bytes", "60");
	for (int i = 100; i < 140; i++)
		add_unit(&units, arena_printf(&arena, "%d", i));
	for (int i = 0; i < 2; i++) {
		put_file("requests", "");
		assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	}
	assert_int_equal(count(get_file("requests"), "/query"), 4 + 8);
	for (size_t i = 0; i < units.n; i++)
		assert_true(energy(&units.v[i]) == 1);
	unlink(path("max_query_bytes"));
	updater_tsdb.close(u);
}

static void short_units_are_marked_and_deleted_when_asked_for(void **state)
{
	const struct window window = { 1000000, 1030000, 1090000 };
	void *u = opened("  cutoff_duration: 1m\n  delete_ignored: true\n" ENERGY_QUERY);
	struct unit_list units = { 0 };
	const char *requests;
	struct err err;

	for (int i = 0; i < 4; i++) {
		struct unit *unit = add_unit(&units, arena_printf(&arena, "u%d", i));

		unit->started_at_ms = 1020000;
		/* Running, long, short, short but to be listed once more. */
		unit->ended_at_ms = (const int64_t[]){ 0, 1080000, 1050000, 1065000 }[i];
	}
	updater_tsdb.mark(u, &units);
	assert_int_equal(updater_tsdb.update(u, &window, &units, &arena, &err), 0);
	assert_false(units.v[0].ignore);
	assert_false(units.v[1].ignore);
	assert_true(units.v[2].ignore);
	assert_true(units.v[3].ignore);
	assert_int_equal(count(get_file("requests"), "delete_series"), 0);
	updater_tsdb.stored(u, &window, &units, &arena);
	requests = get_file("requests");
	assert_int_equal(count(requests, "delete_series"), 1);
	assert_non_null(strstr(requests,
		"{\"match[]\": [\"{uuid=~\\\"u2\\\"}\"], \"start\": "
		"[\"940.000\"], \"end\": [\"1090.000\"]}"));
	updater_tsdb.close(u);
}

static void the_whole_database_is_never_deleted(void **state)
{
	void *u = opened("  labels_to_drop: ['{job=\"old\"}']\n" ENERGY_QUERY);
	struct unit_list units = { 0 };
	struct err err;

	add_unit(&units, "1");
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	updater_tsdb.stored(u, &minute, &units, &arena);
	assert_non_null(strstr(get_file("requests"), "\"match[]\": [\"{job=\\\"old\\\"}\"]"));
	updater_tsdb.close(u);

	put_file("requests", "");
	u = opened("  labels_to_drop: ['{uuid=~\"\"}']\n" ENERGY_QUERY);
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	updater_tsdb.stored(u, &minute, &units, &arena);
	assert_int_equal(count(get_file("requests"), "delete_series"), 0);
	assert_int_equal(count_log("would match too many"), 1);
	updater_tsdb.close(u);
}

static void mistakes_in_the_configuration_are_found_at_the_start(void **state)
{
	static const struct {
		const char *extra, *text;
	} rows[] = {
		{ "  query_max_series: -1\n", "query_max_series must be more than 0" },
		{ "  query_min_samples: 1.5\n", "query_min_samples must be between (0, 1]" },
		{ "  query_min_samples: -0.5\n", "query_min_samples must be between (0, 1]" },
		{ "  cutoff_duration: x\n", "config.yml:3" },
		{ "  queries:\n    avg_cpu_usage:\n      global: '{{.Range'\n", "config.yml:5" },
		{ "  queries:\n    avg_cpu_usage: x\n", "config.yml:4" },
		{ "  queries:\n    avg_cpu_usage:\n      global: [1]\n", "config.yml:5" },
		{ "  queries: 5\n", "config.yml:3" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = { 0 };
		void *u;

		assert_true(open_updater(rows[i].extra, -1, &u, &err) < 0);
		if (!strstr(err.text, rows[i].text))
			fail_msg("'%s' lacks '%s'", err.text, rows[i].text);
	}
}

static void an_updater_without_a_url_does_nothing(void **state)
{
	struct updater_config config = { .id = "prom" };
	struct updater_env env = { .config = &config,
		.clock = clock_system(),
		.log = &test_log,
		.config_name = "config.yml",
		.cancel_fd = -1 };
	struct updater_timing timing;
	struct unit_list units = { 0 };
	struct err err;
	void *u;

	assert_int_equal(updater_tsdb.open(&env, &u, &err), 0);
	add_unit(&units, "1");
	assert_int_equal(updater_tsdb.update(u, &minute, &units, &arena, &err), 0);
	updater_tsdb.timing(u, &timing);
	assert_int_equal(timing.settle_ms, 0);
	assert_int_equal(count_log("no web.url"), 1);
	updater_tsdb.close(u);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_default_queries_fill_the_metrics),
		CASE(templates_are_filled_in_and_sent_with_time_and_lookback),
		CASE(a_server_in_trouble_fails_the_window),
		CASE(nobody_who_listens_fails_the_window),
		CASE(a_query_that_is_refused_is_said_once_and_left_out),
		CASE(answers_that_make_no_sense_do_no_harm),
		CASE(get_is_used_where_post_is_not_allowed),
		CASE(a_stop_ends_a_hanging_query),
		CASE(windows_shorter_than_the_rate_interval_ask_nothing),
		CASE(many_units_are_asked_for_in_batches),
		CASE(what_victoriametrics_holds_back_is_waited_for),
		CASE(what_a_server_refuses_for_many_units_is_asked_for_fewer),
		CASE(what_a_server_takes_is_remembered_for_each_query),
		CASE(short_units_are_marked_and_deleted_when_asked_for),
		CASE(the_whole_database_is_never_deleted),
		CASE(mistakes_in_the_configuration_are_found_at_the_start),
		CASE(an_updater_without_a_url_does_nothing),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
