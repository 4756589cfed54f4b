// SPDX-License-Identifier: Apache-2.0
#include "lb/access/pyro_body.h"

#include <errno.h>

#include "basic/macros.h"

struct pyro_body *pyro_body_new(const struct pyro_message *message, struct arena *arena)
{
	struct pyro_body *body = ARENA_NEW(arena, struct pyro_body);

	if (body)
		body->message = message;
	return body;
}

int pyro_body_add(struct pyro_body *body, const struct pyro_field *field, struct arena *arena,
	struct pyro_value **ret_value, const char **ret_reason)
{
	for (size_t i = 0; !field->repeated && i < body->n; i++) {
		if (body->v[i].field == field) {
			*ret_reason = "a field twice";
			return -EBADMSG;
		}
	}
	if (body->n == PYRO_VALUES_MAX) {
		*ret_reason = "too many values";
		return -E2BIG;
	}
	if (body->n == body->cap) {
		const size_t cap = MAX(2 * body->cap, (size_t)8);
		struct pyro_value *v = arena_grow(arena, body->v, body->n, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		body->v = v;
		body->cap = cap;
	}
	*ret_value = &body->v[body->n++];
	**ret_value = (struct pyro_value){ .field = field };
	return 0;
}

int pyro_step_set(struct pyro_value *value, double step_s, const char **ret_reason)
{
	/* NaN, too. */
	if (!(step_s >= 0 && step_s <= PYRO_STEP_MAX_S)) {
		*ret_reason = "a step that is none";
		return -EBADMSG;
	}
	value->step_s = step_s + 0.0; /* -0.0 would lose its sign with the next reader of JSON */
	return 0;
}

struct pyro_value *pyro_body_find(const struct pyro_body *body, enum pyro_kind kind)
{
	for (size_t i = 0; i < body->n; i++)
		if (body->v[i].field->kind == kind)
			return &body->v[i];
	return NULL;
}

bool pyro_has_times(const struct pyro_message *message)
{
	for (size_t i = 0; i < message->n; i++)
		if (message->fields[i].kind == PYRO_START)
			return true;
	return false;
}

int pyro_body_set(struct pyro_body *body, enum pyro_kind kind, int64_t number, struct arena *arena)
{
	struct pyro_value *value = pyro_body_find(body, kind);
	const char *reason;

	for (size_t i = 0; !value && i < body->message->n; i++) {
		const struct pyro_field *field = &body->message->fields[i];
		int r = field->kind == kind ? pyro_body_add(body, field, arena, &value, &reason)
					    : 0;

		if (r < 0)
			return -ENOMEM;
	}
	if (value)
		value->number = number;
	return 0;
}
