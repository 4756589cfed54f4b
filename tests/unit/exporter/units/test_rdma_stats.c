// SPDX-License-Identifier: Apache-2.0
/*
 * The statistics of units against an rdma command that is played: a script prints the file of its
 * arguments' name and writes down that it was called.
 */
#include "exporter/units/rdma_stats.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

#include "exporter/scrape_metrics.h"
#include "unit_test.h"

#include "unit_fixture.h"

enum { WAIT_MS = 30000, STEP_MS = 10 };

#define MODES "statistic_qp_mode"
#define MRS "resource_show_mr"
#define CQS "resource_show_cq"
#define QPS "resource_show_qp"
#define COUNTERS "statistic_qp_show"
#define UUID_880 "device=\"%s\",hostname=\"n1\",manager=\"slurm\",port=\"%s\",uuid=\"77\"} %s\n"

static struct unit_fixture f;
static struct rdma_stats *stats;
static struct err err;
static atomic_llong passed_ns; /* is ahead of the system's clock */

static int64_t later_ns(void *ctx)
{
	return clock_monotonic_ns(clock_system()) + atomic_load(&passed_ns);
}

static int64_t now_ns(void *ctx)
{
	return clock_realtime_ns(clock_system());
}

static const struct clock later = { now_ns, later_ns, NULL };

static void script(const char *text)
{
	char path[300];

	tree_put(&f.tree, "rdma", text);
	snprintf(path, sizeof(path), "%s/rdma", f.tree.path);
	assert_int_equal(chmod(path, 0755), 0);
}

static int setup(void **state)
{
	fixture_init(&f);
	fixture_job_v2(&f, V2_SCOPE, "job_77", 880, "usage_usec 1\nuser_usec 1\nsystem_usec 0\n");
	fixture_job_v2(&f, V2_SCOPE, "job_78", 881, "usage_usec 1\nuser_usec 1\nsystem_usec 0\n");
	tree_put(&f.tree, "sys/class/infiniband/mlx5_0/ports/1/counters/port_rcv_data", "1007\n");
	tree_put(&f.tree, "sys/class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE\n");
	script("#!/bin/sh\ncd \"${0%/*}\"\necho \"$*\" >>calls\n"
	       "exec cat \"./$(echo \"$*\" | tr ' ' '_')\"\n");
	fixture_open(&f, CGROUP_V2, 0, 100);
	atomic_store(&passed_ns, 0);
	return 0;
}

static int teardown(void **state)
{
	rdma_stats_free(stats);
	stats = NULL;
	fixture_done(&f);
	return 0;
}

static void start(void)
{
	static char command[300];
	const struct rdma_stats_config config = {
		.host = &f.host, .clock = &later, .log = &f.log, .command = command
	};

	snprintf(command, sizeof(command), "%s/rdma", f.tree.path);
	assert_int_equal(rdma_stats_new(&config, &stats), 0);
	assert_int_equal(rdma_stats_start(stats, &err), 0);
}

static const char *scrape(int wanted)
{
	const struct collector_env env = {
		.host = &f.host, .clock = &later, .log = &f.log, .hostname = "n1"
	};
	struct scrape s = { .env = &env, .arena = &f.arena, .log = &f.log };
	size_t duplicates;

	arena_reset(&f.arena);
	buffer_clear(&f.text);
	s.out = exposition_new(&f.arena);
	assert_int_equal(rdma_stats_collect(stats, f.table, "slurm", &s), wanted);
	assert_int_equal(exposition_write(s.out, EXPOSITION_TEXT, &f.text, &duplicates), 0);
	assert_int_equal(duplicates, 0);
	return buffer_text(&f.text);
}

static bool shows(const char *text)
{
	return strstr(scrape(0), text) != NULL;
}

/* The first poll may need longer than the start waits for it. */
static void await(const char *text, bool in_log)
{
	const struct timespec step = { 0, STEP_MS * 1000000L };

	for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
		if (in_log ? fixture_logged(&f, text) > 0 : shows(text))
			return;
		nanosleep(&step, NULL);
	}
	fail_msg("'%s' did not come", text);
}

static void await_sample(void)
{
	await("ceems_scrape_collector_sample_age_seconds", false);
}

static void expect(const char *metric, const char *device, const char *port, const char *value)
{
	char line[512];

	snprintf(line, sizeof(line), "ceems_rdma_%s{" UUID_880, metric, device, port, value);
	if (!strstr(buffer_text(&f.text), line))
		fail_msg("no %sin\n%s", line, buffer_text(&f.text));
}

static size_t unit_series(void)
{
	size_t n = 0;

	for (const char *p = buffer_text(&f.text); (p = strstr(p, "uuid=")); p++)
		n++;
	return n;
}

static void units_have_the_sums_of_their_processes(void **state)
{
	tree_put(&f.tree, MODES, "1/1: mlx5_0/1: qp auto type,pid on\n");
	tree_put(&f.tree, MRS,
		"dev mlx5_0 mrn 7 mrlen 4096 pid 880 comm a\n"
		"dev mlx5_0 mrn 8 mrlen 8192 pid 880 comm a\n"
		"dev mlx5_0 mrn 9 mrlen 1 pid 999 comm other\n"
		"dev mlx5_0 mrn 9 mrlen 1 comm [kernel]\n");
	tree_put(&f.tree, CQS, "dev mlx5_0 cqn 1 cqe 4095 pid 880 comm a\n");
	tree_put(&f.tree, QPS, "link mlx5_0/1 lqpn 1 pid 880 comm a\n");
	tree_put(&f.tree, COUNTERS,
		"link mlx5_0/1 cntn 4 pid 880 comm a\n    rx_write_requests 5 req_cqe_error 0\n"
		"link mlx5_0/1 cntn 5 pid 880 comm a rx_write_requests 6\n"
		"link mlx5_1/2 cntn 5 pid 880 comm a resp_cqe_error 3\n");
	start();
	await("ceems_rdma_mrs_active", false);
	expect("mrs_active", "mlx5_0", "", "2");
	expect("mrs_len_active", "mlx5_0", "", "12288");
	expect("cqs_active", "mlx5_0", "", "1");
	expect("cqe_len_active", "mlx5_0", "", "4095");
	expect("qps_active", "mlx5_0", "1", "1");
	expect("rx_write_requests", "mlx5_0", "1", "11");
	expect("qps_active", "mlx5_1", "2", "1");
	expect("resp_cqe_error", "mlx5_1", "2", "3");
	assert_int_equal(unit_series(), 8);
	assert_true(shows("ceems_rdma_port_data_received_bytes_total{device=\"mlx5_0\",hostname="
			  "\"n1\",manager=\"slurm\",port=\"1\"} 4028\n"));
}

/* A process of 881 says that it is another row, one of 880; a command that speaks JSON is not asked
 * for text. */
static void process_name_forges_nothing(void **state)
{
	tree_put(&f.tree, MODES, "1/1: mlx5_0/1: qp auto type,pid on\n");
	tree_put(&f.tree, "-j_" MRS,
		"[{\"ifname\":\"mlx5_0\",\"mrn\":7,\"mrlen\":4096,\"pid\":880,"
		"\"comm\":\"\xff\\\"\"}]\n");
	tree_put(&f.tree, "-j_" CQS, "[]\n");
	tree_put(&f.tree, "-j_" QPS,
		"[{\"ifname\":\"mlx5_0\",\"port\":1,\"lqpn\":1,\"pid\":881,"
		"\"comm\":\"\\ndev a pid 880\"}]\n");
	tree_put(&f.tree, "-j_" COUNTERS,
		"[{\"ifname\":\"mlx5_0\",\"port\":1,\"cntn\":4,\"pid\":880,"
		"\"comm\":\"a req_cqe_error\",\"rx_write_requests\":5}]\n");
	tree_put(&f.tree, MRS, "dev mlx5_9 mrn 7 mrlen 4096 pid 880 comm a\n");
	tree_put(&f.tree, CQS, "dev mlx5_9 cqn 7 cqe 4096 pid 880 comm a\n");
	start();
	await("ceems_rdma_mrs_active", false);
	expect("mrs_len_active", "mlx5_0", "", "4096");
	expect("qps_active", "mlx5_0", "1", "1");
	expect("rx_write_requests", "mlx5_0", "1", "5");
	assert_non_null(strstr(buffer_text(&f.text), "uuid=\"78\"} 1\n"));
	assert_int_equal(unit_series(), 5);
}

static void hostile_output_gives_no_units_and_no_failure(void **state)
{
	static const char *const rows[] = {
		"",
		"\n\n\n",
		"\x7f\x45\x4c\x46",
		"dev",
		"dev mlx5_0",
		"dev mlx5_0 pid",
		"dev mlx5_0 mrlen 1 pid -880\n",
		"dev mlx5_0 mrlen 1 pid 0x370\n",
		"dev mlx5_0 mrlen 18446744073709551616 pid 880\n",
		"dev mlx5_0 mrlen 1 pid 18446744073709552496\n",
		"dev ../../etc mrlen 1 pid 880\n",
		"dev MLX5_0 mrlen 1 pid 880\n",
		"dev mlx5_0/x mrlen 1 pid 880\n",
		" dev mlx5_0 mrlen 1 pid 880\n",
		"dev mlx5_0 mrlen 1 comm pid 880\n",
		"dev mlx5_0 mrlen 1 pid 1 comm x pid 880\n",
		"dev mlx5_\"0 mrlen 1 pid 880\n",
		"dev aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa mrlen 1 pid 880",
	};
	CLEANUP(buffer_done) struct buffer all = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		buffer_puts(&all, rows[i]);
		buffer_putc(&all, '\n');
	}
	for (int i = 0; i < 100000; i++)
		buffer_putc(&all, (char)(i * 37));
	tree_put(&f.tree, MODES, "1/1: ../../x: qp auto off\n: : :\nmlx5_0/1");
	tree_put_bytes(&f.tree, MRS, buffer_text(&all), all.len);
	tree_put(&f.tree, CQS, "");
	tree_put(&f.tree, QPS, "");
	tree_put_bytes(&f.tree, COUNTERS, buffer_text(&all), all.len);
	start();
	await_sample();
	assert_int_equal(unit_series(), 0);
	assert_int_equal(fixture_logged(&f, "poll failed"), 0);
}

static void sums_that_overflow_are_numbers_all_the_same(void **state)
{
	tree_put(&f.tree, MODES, "");
	tree_put(&f.tree, MRS, "dev m mrlen 18446744073709551615 pid 880\ndev m mrlen 2 pid 880\n");
	tree_put(&f.tree, CQS, "");
	tree_put(&f.tree, QPS, "");
	start();
	await("ceems_rdma_mrs_active", false);
	expect("mrs_active", "m", "", "2");
}

static void more_rows_than_the_limit_are_refused(void **state)
{
	CLEANUP(buffer_done) struct buffer rows = { 0 };

	for (int i = 0; i <= 65536; i++)
		buffer_puts(&rows, "dev m mrlen 1 pid 880\n");
	tree_put(&f.tree, MODES, "");
	tree_put_bytes(&f.tree, MRS, buffer_text(&rows), rows.len);
	start();
	await("poll failed", true);
	scrape(0);
	assert_int_equal(unit_series(), 0);
	assert_false(shows("sample_age"));
	assert_true(shows("ceems_rdma_state_id"));
}

static void command_that_fails_costs_the_units_only(void **state)
{
	script("#!/bin/sh\necho 'dev m mrlen 1 pid 880'\necho 'no such device' >&2\nexit 3\n");
	start();
	await("no such device", true);
	scrape(0);
	assert_int_equal(unit_series(), 0);
	assert_true(shows("ceems_rdma_state_id"));
	assert_int_equal(fixture_logged(&f, "poll failed"), 1);
}

static void command_that_is_missing_is_told_once(void **state)
{
	tree_remove(&f.tree, "rdma");
	start();
	await("poll failed", true);
	scrape(0);
	assert_int_equal(unit_series(), 0);
	assert_int_equal(fixture_logged(&f, "poll failed"), 1);
}

static void command_that_prints_without_end_is_cut_off(void **state)
{
	script("#!/bin/sh\nexec yes 'dev m mrlen 1 pid 880'\n");
	start();
	await("poll failed", true);
	scrape(0);
	assert_int_equal(unit_series(), 0);
}

static void old_values_are_dropped(void **state)
{
	tree_put(&f.tree, MODES, "");
	tree_put(&f.tree, MRS, "dev m mrlen 1 pid 880\n");
	tree_put(&f.tree, CQS, "");
	tree_put(&f.tree, QPS, "");
	start();
	await("ceems_rdma_mrs_active", false);
	script("#!/bin/sh\nexit 1\n");
	atomic_store(&passed_ns, 61 * 1000000000LL);
	scrape(0);
	assert_int_equal(unit_series(), 0);
	assert_false(shows("sample_age"));
}

static size_t calls(const char *text)
{
	CLEANUP(buffer_done) struct buffer all = { 0 };
	char path[300];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/calls", f.tree.path);
	assert_int_equal(file_read(AT_FDCWD, path, 16 << 20, &all), 0);
	for (const char *p = buffer_text(&all); (p = strstr(p, text)); p++)
		n++;
	return n;
}

/* Only root may switch them; what fails for others is said once. */
static void links_are_switched_on_and_off_again(void **state)
{
	CLEANUP(buffer_done) struct buffer modes = { 0 };

	for (int i = 0; i < 100; i++)
		buffer_printf(&modes, "%d/1: mlx5_%d/1: qp auto off\n", i, i);
	tree_put_bytes(&f.tree, MODES, buffer_text(&modes), modes.len);
	for (int i = 0; i < 100; i++) {
		char name[100];

		snprintf(name, sizeof(name), "statistic_qp_set_link_mlx5_%d/1_auto_type,pid_on", i);
		tree_put(&f.tree, name, "");
		snprintf(name, sizeof(name), "statistic_qp_set_link_mlx5_%d/1_auto_off", i);
		tree_put(&f.tree, name, "");
	}
	tree_put(&f.tree, MRS, "");
	tree_put(&f.tree, CQS, "");
	tree_put(&f.tree, QPS, "");
	tree_put(&f.tree, COUNTERS, "");
	start();
	await_sample();
	if (geteuid() != 0) {
		assert_int_equal(fixture_logged(&f, "can't be told to count by process"), 1);
		return;
	}
	assert_int_equal(calls(" auto type,pid on\n"), 64);
	rdma_stats_stop(stats);
	assert_int_equal(calls(" auto off\n"), 64);
	rdma_stats_stop(stats);
	assert_int_equal(calls(" auto off\n"), 64);
}

/* The end comes while the command is run again: what it was told before is known all the same. */
static void links_are_switched_off_when_the_end_cuts_a_reading_short(void **state)
{
	if (geteuid() != 0)
		skip();
	script("#!/bin/sh\ncd \"${0%/*}\"\necho \"$*\" >>calls\n"
	       "case \"$*\" in\n"
	       "*mode) [ ! -e again ] || exec sleep 1000; : >again; echo '1/1: mlx5_0/1: qp auto off' ;;\n"
	       "esac\n");
	start();
	await_sample();
	for (int ms = 0; calls(" mode\n") < 2 && ms < WAIT_MS; ms += STEP_MS)
		nanosleep(&(struct timespec){ 0, STEP_MS * 1000000L }, NULL);
	assert_int_equal(calls(" mode\n"), 2);
	rdma_stats_stop(stats);
	assert_int_equal(calls("link mlx5_0/1 auto off\n"), 1);
}

static void machine_without_devices_runs_nothing(void **state)
{
	tree_remove(&f.tree, "sys/class");
	start();
	scrape(-ENODATA);
	assert_int_equal(fixture_logged(&f, "poll"), 0);
}

#define WITH_UNITS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_UNITS(units_have_the_sums_of_their_processes),
		WITH_UNITS(process_name_forges_nothing),
		WITH_UNITS(hostile_output_gives_no_units_and_no_failure),
		WITH_UNITS(sums_that_overflow_are_numbers_all_the_same),
		WITH_UNITS(more_rows_than_the_limit_are_refused),
		WITH_UNITS(command_that_fails_costs_the_units_only),
		WITH_UNITS(command_that_is_missing_is_told_once),
		WITH_UNITS(command_that_prints_without_end_is_cut_off),
		WITH_UNITS(old_values_are_dropped),
		WITH_UNITS(links_are_switched_on_and_off_again),
		WITH_UNITS(links_are_switched_off_when_the_end_cuts_a_reading_short),
		WITH_UNITS(machine_without_devices_runs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
