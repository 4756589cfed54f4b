// SPDX-License-Identifier: Apache-2.0
/* The tables that people extend: sorted, unique, documented, complete. */
#include <ctype.h>
#include <string.h>

#include "exporter/collector.h"
#include "exporter/exporter.h"
#include "exporter/flags.h"
#include "exporter/scrape_metrics.h"
#include "exporter/self_metrics.h"
#include "exporter/units/rdma_stats.h"
#include "unit_test.h"

static void collectors_are_sorted_and_complete(void **state)
{
	assert_true(n_collectors > 0);
	for (size_t i = 0; i < n_collectors; i++) {
		const struct collector *c = collectors[i];

		if (i > 0)
			assert_true(strcmp(collectors[i - 1]->name, c->name) < 0);
		assert_non_null(c->help);
		assert_non_null(c->collect);
		assert_true(c->n_metrics > 0);
		assert_true((c->n_options > 0) == (c->options_size > 0));
	}
}

static void check_name(const char *name)
{
	assert_true(strncmp(name, "ceems_", 6) == 0 || strncmp(name, "promhttp_", 9) == 0 ||
		strncmp(name, "process_", 8) == 0);
	for (const char *p = name; *p; p++)
		assert_true(isalnum((unsigned char)*p) || strchr("_<>", *p));
}

static void check_metric(const struct metric *m)
{
	size_t n = strlen(m->help);

	check_name(m->name);
	assert_true(n > 0 && m->help[n - 1] == '.');
	for (size_t i = 0; i < METRIC_LABELS_MAX && m->labels[i]; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(m->labels[i], m->labels[j]);
}

static void metrics_are_named_and_documented(void **state)
{
	for (size_t i = 0; i < n_collectors; i++)
		for (size_t j = 0; j < collectors[i]->n_metrics; j++)
			check_metric(&collectors[i]->metrics[j]);
	for (size_t i = 0; i < n_rdma_metrics; i++)
		check_metric(&rdma_metrics[i]);
	for (size_t i = 0; i < n_self_metrics; i++)
		check_metric(self_metrics[i]);
	for (size_t i = 0; i < n_scrape_metrics; i++)
		check_metric(scrape_metrics[i]);
}

static int parse(struct exporter_flags *flags, FILE *sink, int argc, const char **argv)
{
	return exporter_flags_parse(flags, argc, (char **)argv, sink, sink);
}

#define PARSE(flags, ...)                                                              \
	({                                                                             \
		const char *argv[] = { "ceems_exporter", ##__VA_ARGS__, NULL };        \
		parse((flags), *state, (int)(sizeof(argv) / sizeof(*argv)) - 1, argv); \
	})

static bool is_on(const struct exporter_flags *flags, const char *name)
{
	for (size_t i = 0; i < n_collectors; i++)
		if (strcmp(collectors[i]->name, name) == 0)
			return flags->choices[i].on;
	return false;
}

static void defaults_can_be_turned_off_but_for_those_that_are_named(void **state)
{
	struct exporter_flags f;

	assert_int_equal(PARSE(&f), OPTIONS_RUN);
	assert_true(is_on(&f, "cpu") && is_on(&f, "meminfo") && is_on(&f, "rapl"));
	exporter_flags_done(&f);
	assert_int_equal(PARSE(&f, "--collector.disable-defaults", "--collector.cpu"), OPTIONS_RUN);
	assert_true(is_on(&f, "cpu") && !is_on(&f, "meminfo") && !is_on(&f, "rapl"));
	exporter_flags_done(&f);
	assert_int_equal(PARSE(&f, "--no-collector.cpu"), OPTIONS_RUN);
	assert_false(is_on(&f, "cpu"));
	exporter_flags_done(&f);
}

static void a_path_without_a_slash_gets_one(void **state)
{
	struct exporter_flags f;

	assert_int_equal(PARSE(&f, "--web.telemetry-path=m"), OPTIONS_RUN);
	assert_string_equal(f.telemetry_path, "/m");
	exporter_flags_done(&f);
	assert_true(PARSE(&f, "--web.telemetry-path=/health") < 0);
	exporter_flags_done(&f);
	assert_true(PARSE(&f, "--web.listen-address=") < 0);
	exporter_flags_done(&f);
}

static void what_is_not_there_is_named(void **state)
{
	struct exporter_flags f;
	struct buffer names;

	buffer_init(&names, 0);
	assert_int_equal(PARSE(&f, "--collector.ebpf.io-metrics", "--profiling.ebpf",
				 "--collector.perf.env-var=A"),
		OPTIONS_RUN);
	absent_features(f.absent, &names);
	assert_string_equal(names.data, "--collector.ebpf.io-metrics --profiling.ebpf");
	exporter_flags_done(&f);
	buffer_done(&names);
}

static int open_sink(void **state)
{
	*state = fopen("/dev/null", "w");
	return *state ? 0 : -1;
}

static int close_sink(void **state)
{
	return fclose(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(collectors_are_sorted_and_complete),
		TEST(metrics_are_named_and_documented),
		TEST(defaults_can_be_turned_off_but_for_those_that_are_named),
		TEST(a_path_without_a_slash_gets_one),
		TEST(what_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, open_sink, close_sink);
}
