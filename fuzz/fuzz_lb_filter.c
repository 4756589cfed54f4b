// SPDX-License-Identifier: Apache-2.0
/*
 * Pieces of any size give the same output; it is JSON, and no hidden label is left in it. Input: a
 * byte for the kind, one for the size of the pieces, the answer.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <jansson.h>

#include "basic/macros.h"
#include "lb/access/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *names[] = { "rack", "h" };
static const struct strings hidden = { names, ARRAY_SIZE(names) };

static int run(enum gate_filter kind, struct slice text, size_t piece, struct buffer *out)
{
	struct filter *f;
	int r;

	if (filter_new(kind, &hidden, "rack", &f) < 0)
		abort();
	do {
		const struct slice next = { text.p, MIN(piece, text.n) };

		text.p += next.n;
		text.n -= next.n;
		r = filter_feed(f, next, !text.n, out);
	} while (r >= 0 && text.n);
	filter_free(f);
	return r;
}

static void check_labels(const json_t *labels)
{
	for (size_t i = 0; i < hidden.n; i++)
		if (json_object_get(labels, hidden.v[i]))
			abort();
}

static void check_each(const json_t *array, const char *member)
{
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
		check_labels(member ? json_object_get(item, member) : item);
}

static void check_json(enum gate_filter kind, const json_t *root)
{
	const json_t *data = json_object_get(root, "data"), *item;
	size_t i;

	switch (kind) {
	case GATE_FILTER_METRICS:
		check_each(json_object_get(data, "result"), "metric");
		break;
	case GATE_FILTER_SERIES:
		check_each(data, NULL);
		break;
	case GATE_FILTER_EXEMPLARS:
		check_each(data, "seriesLabels");
		json_array_foreach(data, i, item)
			check_each(json_object_get(item, "exemplars"), "labels");
		break;
	case GATE_FILTER_LABEL_VALUES:
		if (data)
			abort();
		break;
	case GATE_FILTER_LABEL_NAMES:
		json_array_foreach(data, i,
			item) for (size_t k = 0; k < hidden.n;
				   k++) if (str_eq(json_string_value(item), hidden.v[k])) abort();
		break;
	case GATE_FILTER_NONE:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice text = { (const char *)data + 2, size - 2 };
	enum gate_filter kind;
	struct buffer whole, pieces;
	json_t *in, *out;
	int r;

	if (size < 2)
		return 0;
	kind = (enum gate_filter)(data[0] % GATE_FILTER_EXEMPLARS + 1);
	buffer_init(&whole, 0);
	buffer_init(&pieces, 0);
	r = run(kind, text, SIZE_MAX, &whole);
	if (run(kind, text, data[1] + (size_t)1, &pieces) != r)
		abort();
	if (r >= 0) {
		if (whole.len != pieces.len ||
			memcmp(buffer_text(&whole), buffer_text(&pieces), whole.len) != 0)
			abort();
		/* What is no UTF-8, or has other limits, is not for this judge. */
		in = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);
		out = json_loadb(buffer_text(&whole), whole.len, JSON_ALLOW_NUL, NULL);
		if (in && !out)
			abort();
		if (out)
			check_json(kind, out);
		json_decref(in);
		json_decref(out);
	}
	buffer_done(&whole);
	buffer_done(&pieces);
	return 0;
}
