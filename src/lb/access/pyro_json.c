// SPDX-License-Identifier: Apache-2.0
/* The JSON form (https://protobuf.dev/programming-guides/json/; spec pyroscope-api.md 3.2). */
#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "format/json_writer.h"
#include "lb/access/pyro_body.h"

struct reader {
	struct arena *arena;
	const char **reason;
};

static int bad(const struct reader *r, const char *reason)
{
	*r->reason = reason;
	return -EBADMSG;
}

/* Strings of the document end with it: copies. */
static int read_string(const struct reader *r, const json_t *in, struct pyro_value *value)
{
	if (!json_is_string(in))
		return bad(r, "a string that is none");
	value->text.n = json_string_length(in);
	value->text.p = arena_strndup(r->arena, json_string_value(in), value->text.n);
	return value->text.p ? 0 : -ENOMEM;
}

static int read_integer(const struct reader *r, const json_t *in, int64_t *ret_number)
{
	const double real = json_is_real(in) ? json_real_value(in) : 0.5;

	if (json_is_integer(in)) {
		*ret_number = json_integer_value(in);
		return 0;
	}
	/* 1e3 is a whole number, too. */
	if (real == floor(real) && fabs(real) < 9007199254740992.0) {
		*ret_number = (int64_t)real;
		return 0;
	}
	if (json_is_string(in) &&
		slice_to_i64((struct slice){ json_string_value(in), json_string_length(in) },
			ret_number) >= 0)
		return 0;
	return bad(r, "a number that is none");
}

static int read_step(const struct reader *r, const json_t *in, struct pyro_value *value)
{
	const char *text = json_string_value(in);
	double step_s = json_number_value(in);

	if (!json_is_number(in) && (!text || slice_to_double(slice_from(text), &step_s) < 0))
		return bad(r, "a number that is none");
	return pyro_step_set(value, step_s, r->reason);
}

static int read_enum(const struct reader *r, const json_t *in, struct pyro_value *value)
{
	const char *const *words = value->field->words;

	if (json_is_integer(in)) {
		value->number = json_integer_value(in);
		return value->number >= INT32_MIN && value->number <= INT32_MAX
			? 0
			: bad(r, "an enumeration out of range");
	}
	for (size_t i = 0; json_is_string(in) && words[i]; i++) {
		if (str_eq(words[i], json_string_value(in))) {
			value->number = (int64_t)i;
			return 0;
		}
	}
	return bad(r, "a word that is not known");
}

static int read_body(const struct reader *r, json_t *in, const struct pyro_message *message,
	struct pyro_body **ret_body);

static int read_value(const struct reader *r, json_t *in, struct pyro_value *value)
{
	int result;

	switch (value->field->kind) {
	case PYRO_STRING:
	case PYRO_SELECTOR:
		return read_string(r, in, value);
	case PYRO_MESSAGE:
		return read_body(r, in, value->field->message, &value->body);
	case PYRO_STEP:
		return read_step(r, in, value);
	case PYRO_ENUM:
		return read_enum(r, in, value);
	case PYRO_BOOL:
		value->number = json_is_true(in);
		return json_is_boolean(in) ? 0 : bad(r, "a truth value that is none");
	case PYRO_FORBIDDEN:
		return 0;
	default:
		result = read_integer(r, in, &value->number);
		if (result >= 0 && value->field->kind == PYRO_UINT &&
			(value->number < 0 || value->number > UINT32_MAX))
			return bad(r, "a number out of range");
		return result;
	}
}

static int add(
	const struct reader *r, json_t *in, const struct pyro_field *field, struct pyro_body *body)
{
	struct pyro_value *value, kept = { .field = field };
	int result = read_value(r, in, &kept);

	if (result >= 0)
		result = pyro_body_add(body, field, r->arena, &value, r->reason);
	if (result >= 0)
		*value = kept;
	return result;
}

static int read_field(
	const struct reader *r, json_t *in, const struct pyro_field *field, struct pyro_body *body)
{
	json_t *item;
	size_t i;

	/* null is absent. */
	if (json_is_null(in))
		return 0;
	if (!field->repeated)
		return add(r, in, field, body);
	if (!json_is_array(in))
		return bad(r, "a list that is none");
	json_array_foreach(in, i, item)
	{
		int result = add(r, item, field, body);

		if (result < 0)
			return result;
	}
	return 0;
}

static const struct pyro_field *find_field(const struct pyro_message *message, const char *key)
{
	for (size_t i = 0; i < message->n; i++) {
		char name[PYRO_NAME_MAX];

		pyro_json_name(&message->fields[i], name);
		if (str_eq(key, message->fields[i].name) || str_eq(key, name))
			return &message->fields[i];
	}
	return NULL;
}

static int read_body(const struct reader *r, json_t *in, const struct pyro_message *message,
	struct pyro_body **ret_body)
{
	struct pyro_body *body = pyro_body_new(message, r->arena);
	uint64_t seen = 0;
	const char *key;
	json_t *item;

	if (!body)
		return -ENOMEM;
	if (!json_is_object(in))
		return bad(r, "an object that is none");
	json_object_foreach(in, key, item)
	{
		const struct pyro_field *field = find_field(message, key);
		int result;

		if (!field)
			continue;
		/* By both of its names. */
		if (seen & UINT64_C(1) << (field - message->fields))
			return bad(r, "a field twice");
		seen |= UINT64_C(1) << (field - message->fields);
		result = read_field(r, item, field, body);
		if (result < 0)
			return result;
	}
	*ret_body = body;
	return 0;
}

int pyro_read_json(struct slice text, const struct pyro_message *message, struct arena *arena,
	struct pyro_body **ret_body, const char **ret_reason)
{
	const struct reader r = { arena, ret_reason };
	json_t *root = text.n ? json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	int result = root ? read_body(&r, root, message, ret_body) : bad(&r, "no JSON");

	json_decref(root);
	return result;
}

static void write_value(const struct pyro_value *value, struct json_writer *w)
{
	char number[32];

	switch (value->field->kind) {
	case PYRO_SELECTOR: {
		CLEANUP(buffer_done) struct buffer text = { 0 };

		promql_print(value->node, &text);
		if (buffer_error(&text))
			w->out->error = buffer_error(&text);
		json_writer_string_n(w, buffer_text(&text), text.len);
		break;
	}
	case PYRO_STRING:
		json_writer_string_n(w, value->text.p, value->text.n);
		break;
	case PYRO_MESSAGE: {
		CLEANUP(buffer_done) struct buffer inner = { 0 };

		pyro_write_json(value->body, &inner);
		if (buffer_error(&inner))
			w->out->error = buffer_error(&inner);
		json_writer_raw(w, buffer_text(&inner), inner.len);
		break;
	}
	case PYRO_STEP:
		json_writer_double(w, value->step_s);
		break;
	case PYRO_BOOL:
		json_writer_bool(w, value->number);
		break;
	case PYRO_ENUM:
	case PYRO_UINT:
		json_writer_int(w, value->number);
		break;
	default:
		snprintf(number, sizeof(number), "%lld", (long long)value->number);
		json_writer_string(w, number);
	}
}

static void write_field(
	const struct pyro_body *body, const struct pyro_field *field, struct json_writer *w)
{
	char name[PYRO_NAME_MAX];
	bool begun = false;

	for (size_t i = 0; i < body->n; i++) {
		if (body->v[i].field != field || field->kind == PYRO_FORBIDDEN)
			continue;
		if (!begun) {
			pyro_json_name(field, name);
			json_writer_key(w, name);
			if (field->repeated)
				json_writer_open_array(w);
			begun = true;
		}
		write_value(&body->v[i], w);
	}
	if (begun && field->repeated)
		json_writer_close_array(w);
}

void pyro_write_json(const struct pyro_body *body, struct buffer *out)
{
	struct json_writer w = json_writer(out);

	json_writer_open_object(&w);
	for (size_t i = 0; i < body->message->n; i++)
		write_field(body, &body->message->fields[i], &w);
	json_writer_close_object(&w);
}
