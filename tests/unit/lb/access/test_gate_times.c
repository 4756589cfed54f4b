// SPDX-License-Identifier: Apache-2.0
/* Ids that were somebody else's at other times: spec promql.md 4.5. */
#include "gate_case.h"

#include "basic/macros.h"

#define S(seconds) ((int64_t)(seconds)*1000)
#define LIFE(from, to)         \
	{                      \
		S(from), S(to) \
	}

static const struct gate_life early[] = { LIFE(1000, 5000) };
static const struct gate_life middle[] = { LIFE(10000, 20000) };
static const struct gate_life both[] = { LIFE(1000, 2000), LIFE(30000, 40000) };
static const struct gate_life much_later[] = { LIFE(4000000, 5000000) };
static const struct gate_life for_long[] = { { S(4000000), INT64_MAX } };
static const struct gate_life running[] = { { S(10000), INT64_MAX } };
static const struct gate_life at_once[] = { LIFE(5001, 9000) };
static const struct gate_life just_before[] = { LIFE(1000, 5000) };
static const struct gate_life just_after[] = { LIFE(5001, 9000) };
static const struct gate_life backwards[] = { LIFE(5000, 1000) };

static const struct unit_lives lives[] = {
	{ "reused", { middle, 1, early, 1 } }, /* foreign, then own */
	{ "lost", { early, 1, running, 1 } }, /* own, and foreign since */
	{ "between", { both, 2, middle, 1 } },
	{ "before", { early, 1, middle, 1 } },
	{ "late", { much_later, 1, early, 1 } },
	{ "long", { for_long, 1, early, 1 } },
	{ "next", { at_once, 1, early, 1 } },
	{ "previous", { just_before, 1, just_after, 1 } },
	{ "odd", { middle, 1, backwards, 1 } },
	{ "unknown", { NULL, 0, early, 1 } },
	{ NULL, { NULL, 0, NULL, 0 } },
};

static const struct setting plain = { .options = { .experimental_functions = true },
	.lives = lives };

/* What keeps VictoriaMetrics to Prometheus's way of looking back, and Thanos to raw data. */
#define EXACT "&lookback_delta=300&max_lookback=300000ms&nocache=1&max_source_resolution=0s"

#define INSTANT(query, time, expected) \
	gate_case_check_query(API "query", query, "&time=" time, &plain, expected)
#define PASSES(query, time)                                                                  \
	gate_case_check_query(API "query", query "{uuid=\"reused\"}", "&time=" time, &plain, \
		"bound alpha reused GET /api/v1/query?query=" query                          \
		"{uuid=\"reused\"}&time=" time EXACT)

static void instant_queries_pass_where_nothing_foreign_is_read(void **state)
{
	/* The foreign unit ended at 5000; 300 s of margin, 300 s of lookback. */
	PASSES("m", "5601");
	PASSES("m", "15000");
	PASSES("m", "9999999");
	INSTANT("m{uuid=\"reused\"}", "5600",
		"403 lifetime: the query reads times at which the id of a unit was another unit's");
	INSTANT("m{uuid=\"reused\"}", "3000", "403 lifetime");
	INSTANT("m{uuid=\"reused\"}", "700", "403 lifetime");
	PASSES("m", "699.999");
	INSTANT("m{uuid=\"lost\"}", "9699.999",
		"bound alpha lost GET /api/v1/query?query=m{uuid=\"lost\"}&time=9699.999" EXACT);
	INSTANT("m{uuid=\"lost\"}", "9700", "403 lifetime");
	INSTANT("m{uuid=\"odd\"}", "3000", "403 lifetime");
	INSTANT("m{uuid=\"unknown\"}", "3000", "403 lifetime");
	/* The margin does not reach into what is the caller's. */
	INSTANT("m{uuid=\"next\"}", "5302",
		"bound alpha next GET /api/v1/query?query=m{uuid=\"next\"}&time=5302" EXACT);
	INSTANT("m{uuid=\"next\"}", "5301", "403 lifetime");
	/* But a function of a range takes the sample in front of it, of VictoriaMetrics. */
	INSTANT("idelta(m{uuid=\"next\"}[10m])", "5902",
		"bound alpha next GET /api/v1/query?query=idelta(m{uuid=\"next\"}[10m])&time=5902" EXACT);
	INSTANT("idelta(m{uuid=\"next\"}[10m])", "5901", "403 lifetime");
	INSTANT("m{uuid=\"previous\"}", "4999",
		"bound alpha previous GET /api/v1/query?query=m{uuid=\"previous\"}&time=4999" EXACT);
	INSTANT("m{uuid=\"previous\"}", "5000", "403 lifetime");
	/* The first sample after the range may be read. */
	INSTANT("m{uuid=\"lost\"}[1m]", "9500",
		"bound alpha lost GET /api/v1/query?query=m{uuid=\"lost\"}[1m]&time=9500" EXACT);
	INSTANT("m{uuid=\"lost\"}[1m] smoothed", "9500", "403 lifetime");
}

static void the_time_goes_on_if_it_was_not_given(void **state)
{
	gate_case_check_query(API "query", "m{uuid=\"reused\"}", "", &plain,
		"bound alpha reused GET /api/v1/query?query=m{uuid=\"reused\"}&time=1900000000" EXACT);
	gate_case_check_query(API "query", "m{uuid=\"lost\"}", "", &plain, "403 lifetime");
	gate_case_check_query(API "query", "m{uuid=\"mine\"}", "", &plain,
		"bound alpha mine GET /api/v1/query?query=m{uuid=\"mine\"}");
}

/* Seconds that each query needs after the end of the foreign unit's margin, at 5300. */
static void everything_that_moves_the_reading_counts(void **state)
{
	static const struct {
		const char *query;
		int64_t first_ms; /* after which it passes */
	} rows[] = {
		{ "m{uuid=\"reused\"}", S(5600) },
		{ "m{uuid=\"reused\"}[1h]", S(5600 + 3600) },
		/* The step of an instant query is the lookback. */
		{ "m{uuid=\"reused\"}[30s]", S(5600 + 300) },
		{ "m{uuid=\"reused\"} offset 1h", S(5600 + 3600) },
		{ "m{uuid=\"reused\"} offset -1h", S(5600 - 3600) },
		{ "m{uuid=\"reused\"}[1h] offset 30m", S(5600 + 3600 + 1800) },
		{ "m{uuid=\"reused\"}[1h] anchored", S(5600 + 3600) },
		{ "m{uuid=\"reused\"}[1h] smoothed", S(5600 + 3600) },
		{ "max_over_time(m{uuid=\"reused\"}[1h:1m])", S(5600 + 3600 + 300 + 120) },
		{ "max_over_time(m{uuid=\"reused\"}[1h:30m])", S(5600 + 3600 + 300 + 3600) },
		{ "max_over_time(rate(m{uuid=\"reused\"}[5m])[1h:1m] offset 1d)",
			S(5600 + 300 + 3600 + 300 + 120 + 86400) },
		{ "max_over_time(max_over_time(m{uuid=\"reused\"}[1h:])[2h:])",
			S(5600 + 3600 + 300 + 600 + 7200 + 300 + 600) },
		{ "max_over_time(delta(m{uuid=\"reused\"}[1m])[1h:10m])",
			S(5600 + 600 + 3600 + 300 + 1200) },
		{ "rate(m{uuid=\"reused\"}[2 * 30m])", S(5600 + 3600) },
		{ "rate(m{uuid=\"reused\"}[max_of(1h, 90m) - 10m])", S(5600 + 4800) },
		{ "m{uuid=\"reused\"} offset (10m + 50m)", S(5600 + 3600) },
		{ "m{uuid=\"reused\"} offset -(10m)", S(5600 - 600) },
		{ "-(vector(1) + m{uuid=~\"b|reused\"})", S(5600) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char refused[64], passed[64];
		const int past = (int)rows[i].first_ms + 1;

		snprintf(refused, sizeof(refused), "&time=%d", (int)(rows[i].first_ms / 1000));
		snprintf(passed, sizeof(passed), "&time=%d.%03d", past / 1000, past % 1000);
		gate_case_check_query(API "query", rows[i].query, refused, &plain, "403 lifetime");
		gate_case_check_query(API "query", rows[i].query, passed, &plain, "bound");
	}
}

static void a_pinned_time_is_refused_for_good(void **state)
{
	INSTANT("m{uuid=\"reused\"} @ 3000", "15000",
		"403 lifetime: selector 'm{uuid=\"reused\"} @ 3000' reads times at which the id "
		"'reused' was another unit's; yours is from 1970-01-01T02:46:40Z to "
		"1970-01-01T05:33:20Z");
	INSTANT("max_over_time(m{uuid=\"reused\"}[1h:] @ 6000)", "15000", "403 lifetime");
	INSTANT("max_over_time(m{uuid=\"reused\"}[1h:] @ 10101)", "3000",
		"bound alpha reused GET /api/v1/query?query=max_over_time(m{uuid=\"reused\"}[1h:] @ "
		"10101.000)&time=3000" EXACT);
	/* The inner time counts, not the outer one. */
	INSTANT("max_over_time((m{uuid=\"reused\"} @ 15000)[1h:] @ 3000)", "3000",
		"bound alpha reused GET /api/v1/query?query=max_over_time((m{uuid=\"reused\"} @ "
		"15000.000)[1h:] @ 3000.000)&time=3000" EXACT);
	INSTANT("max_over_time((m{uuid=\"reused\"} @ 3000)[1h:] @ 15000)", "15000", "403 lifetime");
	INSTANT("m{uuid=\"reused\"} @ end()", "3000", "403 lifetime");
	INSTANT("m{uuid=\"reused\"} @ start()", "15000",
		"bound alpha reused GET /api/v1/query?query=m{uuid=\"reused\"} @ start()&time=15000" EXACT);
}

static void durations_that_cannot_be_told_are_refused(void **state)
{
	INSTANT("rate(m{uuid=\"reused\"}[step()])", "15000", "403 lifetime");
	INSTANT("m{uuid=\"reused\"} offset step()", "15000", "403 lifetime");
	INSTANT("rate(m{uuid=\"reused\"}[1e9 ^ 1e9])", "15000", "403 lifetime");
	INSTANT("rate(m{uuid=\"mine\"}[step()])", "15000",
		"bound alpha mine GET /api/v1/query?query=rate(m{uuid=\"mine\"}[step()])&time=15000");
}

static void the_lookback_may_be_longer(void **state)
{
	const struct setting longer = { .lives = lives, .cluster = { .lookback_ms = S(3600) } };

	gate_case_check_query(
		API "query", "m{uuid=\"reused\"}", "&time=8900", &longer, "403 lifetime");
	gate_case_check_query(API "query", "m{uuid=\"reused\"}", "&time=5700&lookback_delta=20m",
		&plain, "403 lifetime");
	/* A shorter one is no promise: some servers don't know the parameter. */
	gate_case_check_query(API "query", "m{uuid=\"reused\"}", "&time=5600&lookback_delta=1ms",
		&plain, "403 lifetime");
	gate_case_check_query(API "query", "m{uuid=\"reused\"}", "&time=5601&lookback_delta=1m",
		&plain,
		"bound alpha reused GET /api/v1/query?query=m{uuid=\"reused\"}&time=5601&"
		"lookback_delta=60&max_lookback=300000ms&nocache=1&max_source_resolution=0s");
	/* VictoriaMetrics fetches five minutes in front of a range all the same. */
	gate_case_check_query(API "query", "rate(m{uuid=\"reused\"}[1h])",
		"&time=9200&lookback_delta=1m", &plain, "403 lifetime");
	gate_case_check_query(API "query", "rate(m{uuid=\"reused\"}[1h])",
		"&time=9201&lookback_delta=1m", &plain, "bound");
	/* And as far as is sent. */
	gate_case_check_query(API "query", "rate(m{uuid=\"reused\"}[1h])",
		"&time=10100&lookback_delta=20m", &plain, "403 lifetime");
	gate_case_check_query(API "query", "rate(m{uuid=\"reused\"}[1h])",
		"&time=10101&lookback_delta=20m", &plain,
		"bound alpha reused GET /api/v1/query?query=rate(m{uuid=\"reused\"}[1h])&time=10101&"
		"lookback_delta=1200&max_lookback=1200000ms&nocache=1&max_source_resolution=0s");
}

#define RANGE(query, times, expected) \
	gate_case_check_query(API "query_range", query, times, &plain, expected)
#define LEFT(unit, query, times) "bound alpha " unit " GET /api/v1/query_range?query=" query times
#define OUT(unit, query, times) LEFT(unit, query, times) EXACT

static void ranges_are_cut_on_their_steps(void **state)
{
	RANGE("m{uuid=\"reused\"}", "&start=0&end=20000&step=60",
		OUT("reused", "m{uuid=\"reused\"}", "&start=5640&end=20000&step=60"));
	RANGE("m{uuid=\"reused\"}", "&start=0.5&end=20000&step=60",
		OUT("reused", "m{uuid=\"reused\"}", "&start=5640.5&end=20000&step=60"));
	RANGE("m{uuid=\"reused\"}", "&start=6000&end=20000&step=60",
		OUT("reused", "m{uuid=\"reused\"}", "&start=6000&end=20000&step=60"));
	RANGE("rate(m{uuid=\"reused\"}[1h])", "&start=0&end=20000&step=1000",
		OUT("reused", "rate(m{uuid=\"reused\"}[1h])", "&start=10000&end=20000&step=1000"));
	/* A step that is longer than the range, too. */
	RANGE("rate(m{uuid=\"reused\"}[5m])", "&start=0&end=20000&step=1000",
		OUT("reused", "rate(m{uuid=\"reused\"}[5m])", "&start=7000&end=20000&step=1000"));
	/* Of a subquery two steps beyond the end. */
	RANGE("delta(m{uuid=\"lost\"}[1h:10m])", "&start=0&end=20000&step=60",
		OUT("lost", "delta(m{uuid=\"lost\"}[1h:10m])", "&start=0&end=8499.999&step=60"));
	RANGE("m{uuid=\"lost\"}", "&start=0&end=20000&step=60",
		OUT("lost", "m{uuid=\"lost\"}", "&start=0&end=9699.999&step=60"));
	RANGE("m{uuid=\"between\"}", "&start=0&end=50000&step=60",
		OUT("between", "m{uuid=\"between\"}", "&start=20640&end=50000&step=60"));
	RANGE("m{uuid=\"between\"}", "&start=0&end=20000&step=60",
		OUT("between", "m{uuid=\"between\"}", "&start=0&end=9699.999&step=60"));
	/* Something of one's own is better than later. */
	RANGE("m{uuid=\"before\"}", "&start=0&end=50000&step=60",
		OUT("before", "m{uuid=\"before\"}", "&start=0&end=9699.999&step=60"));
	/* Of others in the query nothing is asked. */
	RANGE("a{uuid=\"mine\"}[1d:] or m{uuid=\"reused\"}", "&start=0&end=20000&step=60",
		"403 syntax");
	RANGE("max_over_time(a{uuid=\"mine\"}[1d:]) or m{uuid=\"reused\"}",
		"&start=6000&end=7000&step=60",
		OUT("mine,reused", "max_over_time(a{uuid=\"mine\"}[1d:]) or m{uuid=\"reused\"}",
			"&start=6000&end=7000&step=60"));
}

/* Thanos's frontend does that: what is answered for 5900 is the value of 5000. */
static void times_may_be_moved_to_multiples_of_the_step(void **state)
{
	RANGE("m{uuid=\"reused\"}", "&start=900&end=20000&step=1000",
		OUT("reused", "m{uuid=\"reused\"}", "&start=6900&end=20000&step=1000"));
	RANGE("m{uuid=\"reused\"}", "&start=6500&end=20000&step=1000",
		OUT("reused", "m{uuid=\"reused\"}", "&start=6500&end=20000&step=1000"));
	RANGE("m{uuid=\"reused\"} @ start()", "&start=5900&end=20000&step=1000", "403 lifetime");
	RANGE("m{uuid=\"reused\"} @ end()", "&start=0&end=5900&step=1000", "403 lifetime");
	RANGE("m{uuid=\"reused\"} @ end()", "&start=0&end=6900&step=1000",
		OUT("reused", "m{uuid=\"reused\"} @ end()", "&start=0&end=6900&step=1000"));
}

static void nothing_left_is_an_empty_answer(void **state)
{
	RANGE("m{uuid=\"reused\"}", "&start=1000&end=5000&step=60",
		LEFT("reused", "m{uuid=\"reused\"}",
			"&start=1000&end=5000&step=60 = {\"status\":\"success\",\"data\":{"
			"\"resultType\":\"matrix\",\"result\":[]}}"));
	/* No step falls into what is left. */
	RANGE("m{uuid=\"reused\"}", "&start=5000&end=6000&step=2000",
		LEFT("reused", "m{uuid=\"reused\"}",
			"&start=5000&end=6000&step=2000 = {\"status\":\"success\",\"data\":{"
			"\"resultType\":\"matrix\",\"result\":[]}}"));
}

static void what_depends_on_the_bounds_keeps_its_meaning_or_is_refused(void **state)
{
	RANGE("m{uuid=\"reused\"} - (n{uuid=\"mine\"} @ start()) + m{uuid=\"reused\"} @ end()",
		"&start=0&end=20000&step=60",
		OUT("mine,reused",
			"m{uuid=\"reused\"} - (n{uuid=\"mine\"} @ 0.000) + m{uuid=\"reused\"} @ "
			"20000.000",
			"&start=5640&end=20000&step=60"));
	RANGE("m{uuid=\"reused\"} @ start()", "&start=2000&end=20000&step=60", "403 lifetime");
	RANGE("m{uuid=\"reused\"} + start()", "&start=0&end=20000&step=60",
		"403 lifetime: a query that asks for its own bounds cannot be cut to the times at "
		"which its units are yours");
	RANGE("m{uuid=\"reused\"} + max_over_time(vector(1)[range():1m])",
		"&start=0&end=20000&step=60", "403 lifetime");
	RANGE("m{uuid=\"reused\"} + rate(n{uuid=\"mine\"}[1m + range()])",
		"&start=0&end=20000&step=60", "403 lifetime");
	RANGE("m{uuid=\"reused\"} + start()", "&start=6000&end=20000&step=60",
		OUT("reused", "m{uuid=\"reused\"} + start()", "&start=6000&end=20000&step=60"));
	RANGE("rate(m{uuid=\"reused\"}[step() * 2])", "&start=0&end=20000&step=60",
		OUT("reused", "rate(m{uuid=\"reused\"}[step() * 2s])",
			"&start=5760&end=20000&step=60"));
}

#define SERIES(more) GET(API "series", more)

static void the_index_is_asked_a_month_away(void **state)
{
	static const struct gate_row rows[] = {
		/* Its own times, which are more than 5000 s and 31 d. */
		{ SERIES("match[]=m{uuid=\"late\"}"),
			"bound alpha late GET /api/v1/series?match[]=m{uuid=\"late\"}"
			"&start=3999700&end=5000300" },
		{ SERIES("match[]=m{uuid=\"late\"}&start=4100000&end=4200000"),
			"bound alpha late GET /api/v1/series?match[]=m{uuid=\"late\"}"
			"&start=4100000&end=4200000" },
		{ SERIES("match[]=m{uuid=\"late\"}&start=0&end=4000000"),
			"bound alpha late GET /api/v1/series?match[]=m{uuid=\"late\"}"
			"&start=3999700&end=4000000" },
		{ SERIES("match[]=m{uuid=\"late\"}&start=6000000"),
			"bound alpha late GET /api/v1/series?match[]=m{uuid=\"late\"}"
			"&start=6000000 = {\"status\":\"success\",\"data\":[]}" },
		/* One that runs for long, and times yet to come. */
		{ SERIES("match[]=m{uuid=\"long\"}&end=9000000000"),
			"bound alpha long GET /api/v1/series?match[]=m{uuid=\"long\"}"
			"&start=1896630700&end=1900000300" },
		{ SERIES("match[]=m{uuid=\"long\"}&start=1000000000&end=1100000000"),
			"bound alpha long GET /api/v1/series?match[]=m{uuid=\"long\"}"
			"&start=1096630400&end=1100000000" },
		{ SERIES("match[]=m{uuid=\"reused\"}&start=0&end=20000"),
			"bound alpha reused GET /api/v1/series?match[]=m{uuid=\"reused\"}"
			"&start=0&end=20000 = {\"status\":\"success\",\"data\":[]}" },
		{ SERIES("match[]=m{uuid=\"lost\"}&start=0"),
			"bound alpha lost GET /api/v1/series?match[]=m{uuid=\"lost\"}"
			"&start=0 = {\"status\":\"success\",\"data\":[]}" },
		{ SERIES("match[]=m{uuid=\"mine\"}"),
			"bound alpha mine GET /api/v1/series?match[]=m{uuid=\"mine\"}" },
		{ GET(API "label/job/values", "match[]=m{uuid=\"late\"}&match[]=m{uuid=\"mine\"}"),
			"bound alpha late,mine GET /api/v1/label/job/values?match[]=m{uuid=\"late\"}"
			"&match[]=m{uuid=\"mine\"}&start=1896630700&end=1900000300" },
		{ GET(API "query_exemplars", "query=m{uuid=\"reused\"}[1d]&start=0&end=20000"),
			"bound alpha reused GET /api/v1/query_exemplars?query=m{uuid=\"reused\"}[1d]"
			"&start=5300.001&end=20000" },
		{ GET(API "query_exemplars", "query=m{uuid=\"lost\"}"),
			"bound alpha lost GET /api/v1/query_exemplars?query=m{uuid=\"lost\"}"
			"&end=9699.999" },
		{ GET(API "query_exemplars", "query=m{uuid=\"reused\"}&start=1000&end=2000"),
			"bound alpha reused GET /api/v1/query_exemplars?query=m{uuid=\"reused\"}"
			"&start=1000&end=2000 = {\"status\":\"success\",\"data\":[]}" },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &plain);
}

static void the_reach_is_told_for_routing(void **state)
{
	static const struct {
		const char *query;
		int64_t start_ms, end_ms;
	} rows[] = {
		{ "query=m{uuid=\"1\"}&time=10000", S(9700), S(10000) },
		{ "query=rate(m{uuid=\"1\"}[1h])%2Bn{uuid=\"1\"} offset -1h&time=10000", S(6400),
			S(13600) },
		{ "query=m{uuid=\"1\"} @ 500", S(200), S(500) },
		{ "query=m{uuid=\"1\"} offset step()", INT64_MIN, INT64_MAX },
		{ "query=1", INT64_MIN, INT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct asked asked = GET(API "query", rows[i].query);
		const struct gate_request request = gate_case_request(&asked);
		const struct gate_unit_lives own = { early, 1, NULL, 0 };
		const struct gate_cluster cluster = { .label = NULL };
		struct gate_forward forward;
		struct gate_refusal refusal;
		struct gate_plan plan;
		struct arena arena;

		arena_init(&arena, GATE_CASE_ARENA_BYTES);
		assert_int_equal(gate_read(&plain.options, &request, &arena, &plan), 0);
		assert_int_equal(gate_write(&plain.options, &request, &plan, &own, &cluster, &arena,
					 &forward, &refusal),
			0);
		assert_true(forward.reach_start_ms == rows[i].start_ms);
		assert_true(forward.reach_end_ms == rows[i].end_ms);
		arena_done(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(instant_queries_pass_where_nothing_foreign_is_read),
		TEST(the_time_goes_on_if_it_was_not_given),
		TEST(everything_that_moves_the_reading_counts),
		TEST(a_pinned_time_is_refused_for_good),
		TEST(durations_that_cannot_be_told_are_refused),
		TEST(the_lookback_may_be_longer),
		TEST(ranges_are_cut_on_their_steps),
		TEST(times_may_be_moved_to_multiples_of_the_step),
		TEST(nothing_left_is_an_empty_answer),
		TEST(what_depends_on_the_bounds_keeps_its_meaning_or_is_refused),
		TEST(the_index_is_asked_a_month_away),
		TEST(the_reach_is_told_for_routing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
