// SPDX-License-Identifier: Apache-2.0
/* The table of routes, names in paths, and how answers to other requests are filtered. */
#include "lb/access/route.h"

#include <errno.h>
#include <stdlib.h>

#include "alloc_fail.h"
#include "gate_case.h"

#include "basic/macros.h"

static void the_table_has_no_holes(void **state)
{
	size_t n;
	const struct route *routes = route_table(&n);

	for (size_t i = 0; i < n; i++) {
		const struct route *route = &routes[i];
		size_t exprs = 0, selectors = 0, params = 0;

		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(route->path, routes[k].path);
		assert_int_equal(route->methods & ROUTE_GET, ROUTE_GET);
		for (const struct param *p = route->params; p->name; p++, params++) {
			exprs += p->kind == PARAM_EXPR;
			selectors += p->kind == PARAM_SELECTOR;
			/* Only selectors are a union. */
			assert_int_equal(p->repeated, p->kind == PARAM_SELECTOR);
		}
		assert_true(params <= ROUTE_PARAMS_MAX);
		assert_int_equal(exprs, route->scope == ROUTE_QUERY ? 1 : 0);
		assert_int_equal(selectors, route->scope == ROUTE_SERIES ? 1 : 0);
		if (route->scope != ROUTE_FREE) {
			assert_true(route->params[0].required);
			assert_int_not_equal(route->time, ROUTE_TIMELESS);
			assert_int_not_equal(route->filter, GATE_FILTER_NONE);
		}
		assert_int_equal(strchr(route->path, '*') != NULL,
			route->filter == GATE_FILTER_LABEL_VALUES);
	}
}

/* Each route with each parameter, alone and twice, known and unknown. */
static void each_parameter_of_each_route_is_taken_once(void **state)
{
	static const char *const values[] = { [PARAM_EXPR] = "m{uuid=\"1\"}",
		[PARAM_SELECTOR] = "m{uuid=\"1\"}",
		[PARAM_TEXT] = "x",
		[PARAM_TIME] = "5",
		[PARAM_START] = "4",
		[PARAM_END] = "6",
		[PARAM_STEP] = "1",
		[PARAM_LOOKBACK] = "7",
		[PARAM_DURATION] = "8",
		[PARAM_LIMIT] = "9",
		[PARAM_STATS] = "all" };
	static const struct setting plain = { .lives = NULL };
	size_t n;
	const struct route *routes = route_table(&n);

	for (size_t i = 0; i < n; i++) {
		for (const struct param *twice = routes[i].params; twice->name; twice++) {
			struct buffer query, once, path, said;
			const char *star = strchr(routes[i].path, '*');

			buffer_init(&query, 0);
			buffer_init(&once, 0);
			buffer_init(&path, 0);
			buffer_init(&said, 0);
			for (const struct param *p = routes[i].params; p->name; p++)
				buffer_printf(&once, "%s=%s&", p->name, values[p->kind]);
			buffer_printf(
				&query, "%s%s=%s", once.data, twice->name, values[twice->kind]);
			buffer_append(&path, routes[i].path,
				star ? (size_t)(star - routes[i].path) : strlen(routes[i].path));
			if (star)
				buffer_printf(&path, "job%s", star + 1);
			gate_case_decide(&(struct asked)GET(path.data, once.data), &plain, &said);
			assert_memory_equal(
				said.data, routes[i].scope == ROUTE_FREE ? "free" : "boun", 4);
			/* All of them go on, in this order, and nothing else. */
			buffer_clear(&query);
			buffer_printf(&query, "?%.*s", (int)once.len - 1, once.data);
			assert_true(str_ends(said.data, query.data));
			buffer_clear(&query);
			buffer_printf(
				&query, "%s%s=%s", once.data, twice->name, values[twice->kind]);
			buffer_clear(&said);
			gate_case_decide(&(struct asked)GET(path.data, query.data), &plain, &said);
			assert_memory_equal(said.data, twice->repeated ? "boun" : "400 ", 4);
			buffer_done(&query);
			buffer_done(&once);
			buffer_done(&path);
			buffer_done(&said);
		}
	}
}

static void label_names_are_unescaped_as_version_3_does(void **state)
{
	static const char *const rows[][2] = { { "uuid", "uuid" }, { "U__uuid", "uuid" },
		{ "U__", "" }, { "U__a__b", "a_b" }, { "U__a_2e_b", "a.b" },
		{ "U___1F600_", "\xf0\x9f\x98\x80" }, { "U___e9_", "\xc3\xa9" },
		{ "U__a_2e", "U__a_2e" }, { "U__a_", "U__a_" }, { "U__a_zz_", "U__a_zz_" },
		{ "U__a_d800_", "U__a_d800_" }, { "U__a_110000_", "U__a_110000_" },
		{ "U__a_0000041_", "U__a_0000041_" }, { "u__a_2e_b", "u__a_2e_b" },
		{ "xU__a", "xU__a" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct arena arena;
		struct slice name;

		arena_init(&arena, 1 << 16);
		assert_int_equal(route_unescape_label(slice_from(rows[i][0]), &arena, &name), 0);
		assert_true(slice_eq(name, rows[i][1]));
		arena_done(&arena);
	}
}

static void other_answers_are_filtered_by_their_path(void **state)
{
	static const struct {
		const char *path;
		enum gate_filter filter;
		const char *label;
	} rows[] = {
		{ "/api/v1/query", GATE_FILTER_METRICS, NULL },
		{ "/prefix/of/any/query_range", GATE_FILTER_METRICS, NULL },
		{ "/api/v1/%71uery", GATE_FILTER_METRICS, NULL },
		{ "/api/v1/series", GATE_FILTER_SERIES, NULL },
		{ "/api/v1/labels", GATE_FILTER_LABEL_NAMES, NULL },
		{ "/api/v1/label/rack/values", GATE_FILTER_LABEL_VALUES, "rack" },
		{ "/api/v1/label/U__a_2e_b/values", GATE_FILTER_LABEL_VALUES, "a.b" },
		{ "/api/v1/query_exemplars", GATE_FILTER_EXEMPLARS, NULL },
		{ "/api/v1/rules", GATE_FILTER_NONE, NULL },
		{ "/federate", GATE_FILTER_NONE, NULL },
		{ "/", GATE_FILTER_NONE, NULL },
		{ "/values", GATE_FILTER_NONE, NULL },
		{ "/label/values", GATE_FILTER_NONE, NULL },
	};
	static const char *const bad[] = { "/api/v1//query", "/api/v1/./query", "/api/v1%2Fquery",
		"/api/%zz", "", "x" };
	const char *label;
	struct arena arena;
	enum gate_filter filter;

	arena_init(&arena, 1 << 16);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			gate_filter_of_path(slice_from(rows[i].path), &arena, &filter, &label), 0);
		assert_int_equal(filter, rows[i].filter);
		if (rows[i].label)
			assert_string_equal(label, rows[i].label);
		else
			assert_null(label);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(
			gate_filter_of_path(slice_from(bad[i]), &arena, &filter, &label), -EBADMSG);
	arena_done(&arena);
}

static void every_reason_has_a_status_and_a_name(void **state)
{
	for (int i = 0; i < N_GATE_REASONS; i++) {
		assert_in_range(gate_status((enum gate_reason)i), 400, 499);
		assert_true(strlen(gate_reason_name((enum gate_reason)i)) > 0);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(gate_reason_name((enum gate_reason)i),
				gate_reason_name((enum gate_reason)k));
	}
}

/* Of the heap: the buffers, and the arena's chunks. */
static void memory_that_runs_out_fails_the_request_only(void **state)
{
	static const struct gate_life own[] = { { 10000000, 20000000 } };
	static const struct gate_life foreign[] = { { 1000000, 5000000 } };
	static const struct gate_unit_lives lives[] = { { own, 1, foreign, 1 },
		{ own, 1, foreign, 1 } };
	static const char *hidden[] = { "rack" };
	static const struct gate_cluster cluster = { .label = "ceems_id",
		.hidden_labels = { hidden, 1 } };
	static const struct gate_options options = { .route_prefix = "" };
	static const struct asked asked[] = {
		POST(API "query_range",
			"query=absent(m{uuid=~\"1|2\"}) or n{uuid=\"1\"}&start=0&end=20000&step=9"),
		GET(API "label/U__x_2e_y/values", "match[]=m{uuid=~\"1|2\"}"),
		GET(API "query", "query=m"),
		GET("/federate", "match[]=m{ceems_id=\"b\"}"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		const struct gate_request request = gate_case_request(&asked[i]);
		bool failed;
		size_t nth = 0;

		do {
			struct gate_forward forward;
			struct gate_refusal refusal;
			struct gate_plan plan;
			struct arena arena;
			int r;

			arena_init(&arena, GATE_CASE_ARENA_BYTES);
			alloc_fail_at(++nth);
			r = gate_read(&options, &request, &arena, &plan);
			if (r >= 0 && plan.outcome == GATE_BOUND)
				r = gate_write(&options, &request, &plan, lives, &cluster, &arena,
					&forward, &refusal);
			failed = alloc_fail_happened();
			alloc_fail_at(0);
			assert_int_equal(r, failed ? -ENOMEM : 0);
			arena_done(&arena);
		} while (failed);
		assert_true(nth > 1);
	}
}

/* Whatever the cap of its arena, a request is decided or fails; it is never decided otherwise. */
static void a_full_arena_fails_the_request_only(void **state)
{
	static const struct asked asked = GET(
		API "query", "query=sum(rate(m{uuid=~\"1|2\"}[5m])) by (x) / n{uuid=\"3\"}&time=5");
	const struct gate_request request = gate_case_request(&asked);
	const struct gate_options options = { .route_prefix = NULL };
	bool done = false;

	for (size_t limit = 64; !done; limit += 64) {
		struct gate_plan plan;
		struct arena arena;
		int r;

		arena_init(&arena, limit);
		r = gate_read(&options, &request, &arena, &plan);
		assert_true(r == 0 || r == -ENOMEM);
		done = r == 0;
		if (done) {
			assert_int_equal(plan.outcome, GATE_BOUND);
			assert_int_equal(plan.units.n, 3);
		}
		arena_done(&arena);
		assert_true(limit < GATE_CASE_ARENA_BYTES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_table_has_no_holes),
		TEST(each_parameter_of_each_route_is_taken_once),
		TEST(label_names_are_unescaped_as_version_3_does),
		TEST(other_answers_are_filtered_by_their_path),
		TEST(every_reason_has_a_status_and_a_name),
		TEST(memory_that_runs_out_fails_the_request_only),
		TEST(a_full_arena_fails_the_request_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
