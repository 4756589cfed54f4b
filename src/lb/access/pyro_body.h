// SPDX-License-Identifier: Apache-2.0
/*
 * Messages of Pyroscope's API as values, read from protobuf or JSON and written anew. Read
 * strictly: what two readers could take differently (a field twice, no UTF-8, a wrong wire type) is
 * refused; what is not known is left out. Everything lives in the arena, or in the input.
 */
#ifndef CEEMS_LB_ACCESS_PYRO_BODY_H
#define CEEMS_LB_ACCESS_PYRO_BODY_H

#include "basic/arena.h"
#include "basic/buffer.h"
#include "basic/str.h"
#include "format/promql/promql.h"
#include "lb/access/pyro_schema.h"

enum { PYRO_VALUES_MAX = 1024 /* of one message */ };

struct pyro_value {
	const struct pyro_field *field;
	struct slice text; /* of strings */
	int64_t number; /* of numbers, enumerations, booleans */
	double step_s;
	struct promql_node *node; /* of a selector, once it was parsed: goes on in place of text */
	struct pyro_body *body; /* of messages */
};

struct pyro_body {
	const struct pyro_message *message;
	struct pyro_value *v;
	size_t n, cap;
};

/* The errors of both: -EBADMSG with a word on what is wrong, -E2BIG likewise, -ENOMEM. */
int pyro_read_proto(struct slice text, const struct pyro_message *message, struct arena *arena,
	struct pyro_body **ret_body, const char **ret_reason);
int pyro_read_json(struct slice text, const struct pyro_message *message, struct arena *arena,
	struct pyro_body **ret_body, const char **ret_reason);

void pyro_write_proto(const struct pyro_body *body, struct buffer *out);
void pyro_write_json(const struct pyro_body *body, struct buffer *out);

/* For the readers. */
struct pyro_body *pyro_body_new(const struct pyro_message *message, struct arena *arena);
/* A new value of the field; -EBADMSG: it has one already and is not repeated. */
int pyro_body_add(struct pyro_body *body, const struct pyro_field *field, struct arena *arena,
	struct pyro_value **ret_value, const char **ret_reason);
/* Of PYRO_STEP; -EBADMSG: below 0, not finite, or too long. */
int pyro_step_set(struct pyro_value *value, double step_s, const char **ret_reason);
/* The first value of a kind; NULL: none. */
struct pyro_value *pyro_body_find(const struct pyro_body *body, enum pyro_kind kind);
/* Whether messages of this kind have times of what is read. */
bool pyro_has_times(const struct pyro_message *message);
/* Sets the number of the field of that kind, which is added if it was not given. -ENOMEM. */
int pyro_body_set(struct pyro_body *body, enum pyro_kind kind, int64_t number, struct arena *arena);

#endif
