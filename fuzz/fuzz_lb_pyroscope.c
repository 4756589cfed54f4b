// SPDX-License-Identifier: Apache-2.0
/*
 * What goes on to Pyroscope is decided again to the same units and the same cluster, and is written
 * the same: nothing that was not understood is in it.
 *
 * Input: a byte that chooses method and type, then the body, or the parameters of render.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "basic/macros.h"
#include "lb/access/gate.h"
#include "lb/access/pyro_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 64 << 20 };

static const struct gate_life lives[] = { { 1000000000, 2000000000 } };
static const struct gate_life foreign[] = { { 100000000, 500000000 }, { 3000000000, 3000000001 } };
static const struct gate_options options;

struct written {
	struct gate_plan plan;
	struct gate_forward forward;
};

/* Whether something goes on. */
static bool decide(
	const struct gate_request *request, bool recycled, struct arena *arena, struct written *ret)
{
	const struct gate_cluster cluster = { .label = recycled ? "ceems_id" : NULL };
	struct gate_unit_lives *all;
	struct gate_refusal refusal;
	int r = gate_read(&options, request, arena, &ret->plan);

	if (r < 0 || ret->plan.outcome == GATE_REFUSED)
		return false;
	if (ret->plan.outcome != GATE_BOUND || !ret->plan.units.n)
		abort();
	all = ARENA_ARRAY(arena, struct gate_unit_lives, ret->plan.units.n);
	for (size_t i = 0; all && i < ret->plan.units.n; i++)
		all[i] = (struct gate_unit_lives){ lives, 1, recycled ? foreign : NULL,
			recycled ? ARRAY_SIZE(foreign) : 0 };
	r = all ? gate_write(&options, request, &ret->plan, all, &cluster, arena, &ret->forward,
			  &refusal)
		: -ENOMEM;
	return r >= 0;
}

static bool same(struct slice a, struct slice b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

static void compare(const struct written *a, const struct written *b)
{
	if (!str_eq(a->plan.cluster, b->plan.cluster) || a->plan.units.n != b->plan.units.n)
		abort();
	for (size_t i = 0; i < a->plan.units.n; i++)
		if (!str_eq(a->plan.units.v[i], b->plan.units.v[i]))
			abort();
	if (!same(a->forward.body, b->forward.body) || !same(a->forward.query, b->forward.query) ||
		!same(a->forward.path, b->forward.path))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "application/proto", "application/json",
		"application/grpc-web+proto", "application/grpc-web+json" };
	size_t n;
	const struct pyro_method *methods = pyro_methods(&n);
	struct gate_request request = {
		.kind = GATE_PYROSCOPE, .cluster = "alpha", .now_ms = 2500000000
	};
	struct written first, again;
	struct arena arena;

	if (!size)
		return 0;
	arena_init(&arena, ARENA_BYTES);
	const unsigned choice = data[0];
	const bool recycled = choice & 0x80, render = (choice & 0x0f) >= n;
	const struct slice rest = { (const char *)data + 1, size - 1 };

	if (render) {
		request.method = "GET";
		request.path = SLICE("/pyroscope/render");
		request.query = rest;
	} else {
		const char *path = arena_printf(
			&arena, "/querier.v1.QuerierService/%s", methods[choice & 0x0f].name);

		request.method = "POST";
		request.path = slice_from(path);
		request.content_type = slice_from(types[choice >> 4 & 3]);
		request.body = rest;
		if (choice & 0x40)
			request.content_encoding = SLICE("gzip");
	}
	if (decide(&request, recycled, &arena, &first)) {
		request.path = first.forward.path;
		request.query = first.forward.query;
		request.body = first.forward.body;
		request.content_encoding = (struct slice){ NULL, 0 };
		request.cluster = "alpha";
		if (!decide(&request, recycled, &arena, &again))
			abort();
		compare(&first, &again);
	}
	arena_done(&arena);
	return 0;
}
