// SPDX-License-Identifier: Apache-2.0
/* What is read of a form and written anew is read the same. */
#include <stdint.h>
#include <stdlib.h>

#include "lb/access/form.h"
#include "lb/access/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 16 << 20 };

static bool same(struct slice a, struct slice b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static void check_form(struct slice text, struct arena *arena)
{
	struct form first = { NULL, 0, 0 }, second = { NULL, 0, 0 };
	const char *reason = NULL;
	struct buffer out;

	if (form_read(text, arena, &first, &reason) < 0) {
		if (!reason)
			abort();
		return;
	}
	buffer_init(&out, 0);
	for (size_t i = 0; i < first.n; i++) {
		/* A name with a NUL would have been refused. */
		const char *name = arena_strndup(arena, first.v[i].name.p, first.v[i].name.n);

		form_put(&out, name, first.v[i].value);
	}
	if (form_read((struct slice){ buffer_text(&out), out.len }, arena, &second, &reason) < 0 ||
		second.n != first.n)
		abort();
	for (size_t i = 0; i < first.n; i++)
		if (!same(first.v[i].name, second.v[i].name) ||
			!same(first.v[i].value, second.v[i].value))
			abort();
	buffer_done(&out);
}

static void check_path(struct slice text, struct arena *arena)
{
	struct slice path, again, label;
	const char *reason = NULL;
	struct buffer out;

	if (route_decode_path(text, arena, &path, &reason) < 0) {
		if (!reason)
			abort();
		return;
	}
	buffer_init(&out, 0);
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] == '/')
			buffer_putc(&out, '/');
		else
			form_escape(&out, (struct slice){ path.p + i, 1 });
	}
	if (route_decode_path(
		    (struct slice){ buffer_text(&out), out.len }, arena, &again, &reason) < 0 ||
		!same(path, again))
		abort();
	if (route_unescape_label(path, arena, &label) < 0 || label.n > path.n)
		abort();
	buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice text = { (const char *)data, size };
	struct arena arena;

	arena_init(&arena, ARENA_BYTES);
	check_form(text, &arena);
	check_path(text, &arena);
	form_is_type(text);
	arena_done(&arena);
	return 0;
}
