// SPDX-License-Identifier: Apache-2.0
/*
 * What a decision costs, in CPU time: requests as dashboards send them, read, bound and written
 * anew; beside it a bare loop that only copies them. And the filter of answers, against a copy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "basic/macros.h"
#include "lb/access/filter.h"
#include "lb/access/form.h"
#include "lb/access/gate.h"

enum { ROUNDS = 200000, ARENA_BYTES = 16 << 20, SERIES = 2000, FILTER_ROUNDS = 50, PIECE = 16384 };

static const struct {
	const char *what, *path, *query, *more;
} requests[] = {
	{ "gauge", "/api/v1/query", "ceems_compute_unit_memory_used_bytes{uuid=\"1479763\"}",
		"&time=1900000000.123" },
	{ "dashboard", "/api/v1/query_range",
		"avg without (instance) (rate(ceems_compute_unit_cpu_user_seconds_total{uuid=\"1479763\","
		"instance=~\"node1:9010|node2:9010\"}[5m]) + rate("
		"ceems_compute_unit_cpu_system_seconds_total{uuid=\"1479763\",instance=~\"node1:9010|"
		"node2:9010\"}[5m])) / on () group_left () ceems_compute_unit_cpus{uuid=\"1479763\"} * "
		"100",
		"&start=1899990000&end=1900000000&step=15" },
	{ "uuids", "/api/v1/query",
		"sum by (uuid) (rate(m{uuid=~\"7b1f2c44-3f0a-4b7e-9d55-0a1b2c3d4e5f|"
		"7b1f2c44-3f0a-4b7e-9d55-0a1b2c3d4e60|7b1f2c44-3f0a-4b7e-9d55-0a1b2c3d4e61|"
		"7b1f2c44-3f0a-4b7e-9d55-0a1b2c3d4e62\"}[5m]))",
		"" },
	{ "variable", "/api/v1/label/instance/values", NULL,
		"match%5B%5D=ceems_compute_unit_cpus%7Buuid%3D%221479763%22%7D&start=1899990000&end="
		"1900000000" },
};

static double seconds_since(clock_t start)
{
	return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* 0: refused, which no request here should be. */
static size_t decide(const struct gate_request *request, struct arena *arena)
{
	static const struct gate_life life = { 0, INT64_MAX };
	static const struct gate_options options = { .route_prefix = "" };
	static const struct gate_cluster cluster = { .label = NULL };
	struct gate_unit_lives lives[8];
	struct gate_refusal refusal;
	struct gate_forward forward;
	struct gate_plan plan;

	arena_reset(arena);
	if (gate_read(&options, request, arena, &plan) < 0 || plan.outcome != GATE_BOUND ||
		plan.units.n > ARRAY_SIZE(lives))
		return 0;
	for (size_t i = 0; i < plan.units.n; i++)
		lives[i] = (struct gate_unit_lives){ &life, 1, NULL, 0 };
	if (gate_write(&options, request, &plan, lives, &cluster, arena, &forward, &refusal) < 0)
		return 0;
	return forward.query.n + forward.body.n;
}

static int run_request(size_t i, bool post)
{
	struct gate_request request = { .kind = GATE_TSDB,
		.cluster = "alpha",
		.now_ms = 1900000000000,
		.path = slice_from(requests[i].path) };
	struct buffer form;
	struct arena arena;
	double decided, bare;
	clock_t start;
	size_t sum = 0;

	arena_init(&arena, ARENA_BYTES);
	buffer_init(&form, 0);
	if (requests[i].query)
		form_put(&form, "query", slice_from(requests[i].query));
	buffer_puts(&form, requests[i].more);
	request.method = post ? "POST" : "GET";
	if (post) {
		request.content_type = SLICE("application/x-www-form-urlencoded");
		request.body = (struct slice){ form.data, form.len };
	} else {
		request.query = (struct slice){ form.data, form.len };
	}
	start = clock();
	for (int k = 0; k < ROUNDS; k++) {
		const size_t n = decide(&request, &arena);

		if (!n)
			return fprintf(stderr, "bench_gate: %s is refused\n", requests[i].what), -1;
		sum += n;
	}
	decided = seconds_since(start);
	start = clock();
	for (int k = 0; k < ROUNDS; k++) {
		const char *copy;

		arena_reset(&arena);
		copy = arena_strndup(&arena, form.data, form.len);
		sum += copy ? strlen(copy) : 0;
	}
	bare = seconds_since(start);
	printf("%-10s %-5s %5zu bytes %8.2f us decided %8.3f us copied\n", requests[i].what,
		request.method, form.len, decided / ROUNDS * 1e6, bare / ROUNDS * 1e6);
	buffer_done(&form);
	arena_done(&arena);
	return sum ? 0 : -1;
}

static void make_answer(struct buffer *out)
{
	buffer_puts(
		out, "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[");
	for (int i = 0; i < SERIES; i++) {
		buffer_printf(out,
			"%s{\"metric\":{\"__name__\":\"m\",\"instance\":\"node%d:9010\","
			"\"rack\":\"r%d\",\"uuid\":\"%d\"},\"values\":[",
			i ? "," : "", i, i % 40, i);
		for (int k = 0; k < 100; k++)
			buffer_printf(out, "%s[%d.123,\"%d.5\"]", k ? "," : "", 1900000000 + k * 15,
				i * k);
		buffer_puts(out, "]}");
	}
	buffer_puts(out, "]}}");
}

static int run_filter(void)
{
	static const char *names[] = { "rack" };
	static const struct strings hidden = { names, 1 };
	struct buffer answer, out;
	double filtered, copied;
	clock_t start;

	buffer_init(&answer, 0);
	buffer_init(&out, 0);
	make_answer(&answer);
	start = clock();
	for (int k = 0; k < FILTER_ROUNDS; k++) {
		struct filter *f;

		buffer_clear(&out);
		if (filter_new(GATE_FILTER_METRICS, &hidden, NULL, &f) < 0)
			return -1;
		for (size_t at = 0; at < answer.len; at += PIECE) {
			const size_t n = MIN(PIECE, answer.len - at);

			if (filter_feed(f, (struct slice){ answer.data + at, n },
				    at + n == answer.len, &out) < 0)
				return -1;
		}
		filter_free(f);
	}
	filtered = seconds_since(start);
	start = clock();
	for (int k = 0; k < FILTER_ROUNDS; k++) {
		buffer_clear(&out);
		for (size_t at = 0; at < answer.len; at += PIECE)
			buffer_append(&out, answer.data + at, MIN(PIECE, answer.len - at));
	}
	copied = seconds_since(start);
	printf("filter     %zu bytes %8.0f MB/s filtered %8.0f MB/s copied\n", answer.len,
		(double)answer.len * FILTER_ROUNDS / filtered / 1e6,
		(double)answer.len * FILTER_ROUNDS / copied / 1e6);
	buffer_done(&answer);
	buffer_done(&out);
	return 0;
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		if (run_request(i, false) < 0)
			return 1;
		if (requests[i].query && run_request(i, true) < 0)
			return 1;
	}
	return run_filter() < 0;
}
