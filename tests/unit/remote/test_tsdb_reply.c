// SPDX-License-Identifier: Apache-2.0
#include "remote/tsdb_reply.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "unit_test.h"

static struct arena arena;

static int setup(void **state)
{
	arena_init(&arena, 64 << 20);
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static void a_vector_is_read_with_its_labels_sorted(void **state)
{
	static const char json[] =
		"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
		"{\"metric\":{\"uuid\":\"7\",\"__name__\":\"m\"},\"value\":[1700000000.25,\"1.5e3\"]},"
		"{\"metric\":{},\"value\":[1,\"NaN\"]},{\"metric\":{},\"value\":[1,\"+Inf\"]},"
		"{\"metric\":{},\"value\":[1,\"-Inf\"]}]}}";
	struct tsdb_sample *samples;
	struct err err;
	size_t n;

	assert_int_equal(tsdb_reply_vector(slice_from(json), &arena, &samples, &n, &err), 0);
	assert_int_equal(n, 4);
	assert_string_equal(samples[0].series.labels[0].name, "__name__");
	assert_string_equal(tsdb_series_label(&samples[0].series, "uuid"), "7");
	assert_string_equal(tsdb_series_label(&samples[0].series, "none"), "");
	assert_true(samples[0].value == 1500 && samples[0].timestamp_s == 1700000000.25);
	assert_true(isnan(samples[1].value) && samples[2].value == INFINITY &&
		samples[3].value == -INFINITY);
}

static void a_matrix_is_read_with_all_points(void **state)
{
#define MATRIX(items) \
	"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[" items "]}}"
	static const char *const bad[] = { "", "{}", MATRIX("1"), MATRIX("{\"metric\":{}}"),
		MATRIX("{\"metric\":{},\"values\":[[1]]}"),
		MATRIX("{\"metric\":{},\"values\":[[1,\"x\"]]}"),
		MATRIX("{\"metric\":1,\"values\":[]}") };
	struct tsdb_range *ranges;
	struct err err;
	size_t n;

	assert_int_equal(tsdb_reply_matrix(SLICE(MATRIX("{\"metric\":{\"uuid\":\"7\"},\"values\":"
							"[[1,\"2.5\"],[11.5,\"NaN\"]]},"
							"{\"metric\":{},\"values\":[]}")),
				 &arena, &ranges, &n, &err),
		0);
	assert_int_equal(n, 2);
	assert_string_equal(tsdb_series_label(&ranges[0].series, "uuid"), "7");
	assert_int_equal(ranges[0].n_points, 2);
	assert_true(ranges[0].points[0].timestamp_s == 1 && ranges[0].points[0].value == 2.5);
	assert_true(ranges[0].points[1].timestamp_s == 11.5 && isnan(ranges[0].points[1].value));
	assert_int_equal(ranges[1].n_points, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(
			tsdb_reply_matrix(slice_from(bad[i]), &arena, &ranges, &n, &err), -EBADMSG);
	assert_int_equal(tsdb_reply_matrix(SLICE("{\"status\":\"success\",\"data\":{\"resultType\":"
						 "\"vector\",\"result\":[]}}"),
				 &arena, &ranges, &n, &err),
		-EINVAL);
}

static void an_empty_vector_is_no_error(void **state)
{
	struct tsdb_sample *samples;
	struct err err;
	size_t n = 9;

	assert_int_equal(tsdb_reply_vector(SLICE("{\"status\":\"success\",\"data\":{\"resultType\":"
						 "\"vector\",\"result\":[]}}"),
				 &arena, &samples, &n, &err),
		0);
	assert_int_equal(n, 0);
}

static void what_is_no_vector_is_refused_with_a_sentence(void **state)
{
#define OK(data) "{\"status\":\"success\",\"data\":" data "}"
#define VECTOR(items) OK("{\"resultType\":\"vector\",\"result\":[" items "]}")
	static const struct {
		const char *json, *text;
		int error; /* -EBADMSG if 0 */
	} rows[] = {
		{ "", "no JSON" },
		{ "<html>", "no JSON" },
		{ "{\"status\":\"succ", "no JSON" },
		{ "[]", "not of the Prometheus API" },
		{ "{}", "not of the Prometheus API" },
		{ "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}",
			"bad_data: parse error" },
		{ "{\"status\":\"success\"}", "no data" },
		{ OK("[]"), "not a vector" },
		{ OK("{\"resultType\":\"matrix\",\"result\":[]}"), "a matrix, not a vector",
			-EINVAL },
		{ "{\"status\":\"success\",\"isPartial\":true,\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
			"partial", -EIO },
		{ OK("{\"resultType\":\"vector\",\"result\":{}}"), "not a vector" },
		{ VECTOR("1"), "no valid list" },
		{ VECTOR("{\"metric\":{},\"value\":[1]}"), "no valid list" },
		{ VECTOR("{\"metric\":{},\"value\":[1,2]}"), "no valid list" },
		{ VECTOR("{\"metric\":{},\"value\":[\"1\",\"2\"]}"), "no valid list" },
		{ VECTOR("{\"metric\":{},\"value\":[1,\"x\"]}"), "no valid list" },
		{ VECTOR("{\"metric\":{\"a\":1},\"value\":[1,\"2\"]}"), "no valid list" },
		{ VECTOR("{\"metric\":[],\"value\":[1,\"2\"]}"), "no valid list" },
		{ VECTOR("{\"value\":[1,\"2\"]}"), "no valid list" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tsdb_sample *samples = NULL;
		struct err err;
		size_t n = 7;

		assert_int_equal(
			tsdb_reply_vector(slice_from(rows[i].json), &arena, &samples, &n, &err),
			rows[i].error ? rows[i].error : -EBADMSG);
		if (!strstr(err.text, rows[i].text))
			fail_msg("'%s' lacks '%s'", err.text, rows[i].text);
		assert_true(!samples && n == 7);
	}
}

static void a_reply_larger_than_the_arena_is_no_crash(void **state)
{
	struct buffer json = { 0 };
	struct tsdb_sample *samples;
	struct arena small;
	struct err err;
	size_t n;

	buffer_puts(
		&json, "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[");
	for (int i = 0; i < 20000; i++)
		buffer_printf(&json, "%s{\"metric\":{\"uuid\":\"%d\"},\"value\":[1,\"1\"]}",
			i ? "," : "", i);
	buffer_puts(&json, "]}}");
	arena_init(&small, 100000);
	assert_int_equal(tsdb_reply_vector(
				 (struct slice){ json.data, json.len }, &small, &samples, &n, &err),
		-ENOMEM);
	arena_done(&small);
	buffer_done(&json);
}

static void series_values_and_targets_are_read(void **state)
{
	struct tsdb_series *series;
	struct tsdb_target *targets;
	struct strings values;
	struct err err;
	size_t n;

	assert_int_equal(tsdb_reply_series(SLICE(OK("[{\"job\":\"x\",\"__name__\":\"up\"}]")),
				 &arena, &series, &n, &err),
		0);
	assert_int_equal(n, 1);
	assert_string_equal(series[0].labels[0].value, "up");
	assert_int_equal(tsdb_reply_series(SLICE(OK("{}")), &arena, &series, &n, &err), -EBADMSG);

	assert_int_equal(
		tsdb_reply_strings(SLICE(OK("[\"owid\",\"rte\"]")), &arena, &values, &err), 0);
	assert_int_equal(values.n, 2);
	assert_string_equal(values.v[1], "rte");
	assert_int_equal(tsdb_reply_strings(SLICE(OK("[1]")), &arena, &values, &err), -EBADMSG);

	assert_int_equal(
		tsdb_reply_targets(
			SLICE(OK("{\"activeTargets\":[{\"discoveredLabels\":{\"job\":\"j\","
				 "\"__scrape_interval__\":\"15s\"}},{}]}")),
			&arena, &targets, &n, &err),
		0);
	assert_int_equal(n, 2);
	assert_string_equal(targets[0].job, "j");
	assert_int_equal(targets[0].scrape_interval_ms, 15000);
	assert_int_equal(targets[1].scrape_interval_ms, 0);
	assert_int_equal(tsdb_reply_targets(SLICE(OK("{}")), &arena, &targets, &n, &err), -EBADMSG);
}

static void settings_come_from_three_replies(void **state)
{
	struct tsdb_settings s = { 0 };
	struct err err;

	assert_int_equal(
		tsdb_reply_config(SLICE(OK("{\"yaml\":\"global:\\n  scrape_interval: 15s\\n  "
					   "evaluation_interval: 1m30s\\n\"}")),
			&arena, &s, &err),
		0);
	assert_int_equal(
		tsdb_reply_flags(SLICE(OK("{\"query.max-samples\":\"123\",\"query.timeout\":\"2m\","
					  "\"query.lookback-delta\":\"5m\"}")),
			&s, &err),
		0);
	assert_int_equal(tsdb_reply_runtimeinfo(
				 SLICE(OK("{\"storageRetention\":\"10GiB or 15d\"}")), &s, &err),
		0);
	assert_int_equal(s.scrape_interval_ms, 15000);
	assert_int_equal(s.evaluation_interval_ms, 90000);
	assert_int_equal(s.max_samples, 123);
	assert_int_equal(s.query_timeout_ms, 120000);
	assert_int_equal(s.lookback_delta_ms, 300000);
	assert_int_equal(s.retention_ms, 15LL * 86400000);
}

static void settings_that_are_missing_or_odd_are_left_alone(void **state)
{
	struct tsdb_settings s = { 1, 2, 3, 4, 5, 6 };
	struct err err;

	assert_int_equal(tsdb_reply_config(SLICE(OK("{\"yaml\":\"\"}")), &arena, &s, &err), 0);
	assert_int_equal(tsdb_reply_config(SLICE(OK("{\"yaml\":\"global: {scrape_interval: x, "
						    "evaluation_interval: 0s}\"}")),
				 &arena, &s, &err),
		0);
	assert_int_equal(
		tsdb_reply_flags(SLICE(OK("{\"query.max-samples\":\"-5\"}")), &s, &err), 0);
	assert_int_equal(
		tsdb_reply_runtimeinfo(SLICE(OK("{\"storageRetention\":\"10GB\"}")), &s, &err), 0);
	assert_true(s.scrape_interval_ms == 1 && s.evaluation_interval_ms == 2 &&
		s.query_timeout_ms == 3 && s.lookback_delta_ms == 4 && s.retention_ms == 5 &&
		s.max_samples == 6);
	assert_int_equal(tsdb_reply_config(SLICE(OK("{}")), &arena, &s, &err), -EBADMSG);
	assert_int_equal(
		tsdb_reply_config(SLICE(OK("{\"yaml\":\"a: [\"}")), &arena, &s, &err), -EBADMSG);
	assert_int_equal(tsdb_reply_flags(SLICE(OK("[]")), &s, &err), -EBADMSG);
	assert_int_equal(tsdb_reply_runtimeinfo(SLICE(OK("1")), &s, &err), -EBADMSG);
}

static void the_error_of_a_reply_is_found(void **state)
{
	assert_string_equal(
		tsdb_reply_error(SLICE("{\"status\":\"error\",\"error\":\"away\"}"), &arena),
		"away");
	assert_string_equal(tsdb_reply_error(SLICE("<html>"), &arena), "");
	assert_string_equal(tsdb_reply_error(SLICE(""), &arena), "");
	assert_string_equal(tsdb_reply_error(SLICE("[1]"), &arena), "");
}

static void recording_rules_are_read_and_alerts_are_not(void **state)
{
	static const char good[] = OK(
		"{\"groups\":[{\"name\":\"g\",\"rules\":["
		"{\"name\":\"a\",\"type\":\"recording\",\"labels\":{\"provider\":"
		"\"rte\"}},{\"name\":\"alert\",\"type\":\"alerting\"},5,"
		"{\"name\":\"b\",\"type\":\"recording\"}]},{},"
		"{\"name\":\"empty\",\"rules\":[]}]}");
	struct tsdb_rule *rules;
	struct err err;
	size_t n;

	assert_int_equal(tsdb_reply_rules(SLICE(good), &arena, &rules, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_string_equal(rules[0].group, "g");
	assert_string_equal(rules[0].name, "a");
	assert_string_equal(rules[0].provider, "rte");
	assert_string_equal(rules[1].name, "b");
	assert_string_equal(rules[1].provider, "");
	assert_int_equal(tsdb_reply_rules(SLICE(OK("{}")), &arena, &rules, &n, &err), -EBADMSG);
	assert_int_equal(tsdb_reply_rules(SLICE(OK("[]")), &arena, &rules, &n, &err), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_vector_is_read_with_its_labels_sorted),
		TEST(a_matrix_is_read_with_all_points),
		TEST(an_empty_vector_is_no_error),
		TEST(what_is_no_vector_is_refused_with_a_sentence),
		TEST(a_reply_larger_than_the_arena_is_no_crash),
		TEST(series_values_and_targets_are_read),
		TEST(recording_rules_are_read_and_alerts_are_not),
		TEST(settings_come_from_three_replies),
		TEST(settings_that_are_missing_or_odd_are_left_alone),
		TEST(the_error_of_a_reply_is_found),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
