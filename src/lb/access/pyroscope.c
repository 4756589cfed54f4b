// SPDX-License-Identifier: Apache-2.0
#include "lb/access/pyroscope.h"

#include <errno.h>
#include <strings.h>

#include "basic/macros.h"
#include "lb/access/pyro_request.h"
#include "lb/access/route.h"
#include "lb/access/text.h"
#include "net/gzip.h"

const char *const pyro_unit_labels[] = { "service_name", GATE_UNIT_LABEL, NULL };

const char *const pyro_content_types[] = {
	[PYRO_PROTO] = "application/proto",
	[PYRO_JSON] = "application/json",
	[PYRO_WEB_PROTO] = "application/grpc-web+proto",
	[PYRO_WEB_JSON] = "application/grpc-web+json",
};

struct reader {
	const struct gate_request *request;
	struct arena *arena;
	struct bind bind;
	struct pyro_request *parsed;
};

#define REFUSE(r, ...) bind_refuse(&(r)->bind, __VA_ARGS__)

int pyro_bind_selector(
	struct bind *bind, const char *what, struct slice text, struct promql_node **ret_node)
{
	const struct promql_options options = { .no_experimental_functions = true };
	struct err err = { 0 };
	int r = promql_parse_selector(text, &options, bind->arena, ret_node, &err);

	if (r == -EBADMSG || r == -E2BIG) {
		*ret_node = NULL;
		return bind_refuse(
			bind, r == -E2BIG ? GATE_TOO_LARGE : GATE_SYNTAX, "%s: %s", what, err.text);
	}
	return r < 0 ? r : bind_node(bind, *ret_node);
}

static int bind_body(struct reader *r, struct pyro_body *body);

static int bind_value(struct reader *r, struct pyro_value *value)
{
	switch (value->field->kind) {
	case PYRO_SELECTOR:
		return pyro_bind_selector(&r->bind, value->field->name, value->text, &value->node);
	case PYRO_MESSAGE:
		return bind_body(r, value->body);
	case PYRO_FORBIDDEN:
		return REFUSE(r, GATE_RESOURCE, "'%s' is for administrators", value->field->name);
	default:
		return 0;
	}
}

static int bind_body(struct reader *r, struct pyro_body *body)
{
	int result = 0;

	for (size_t i = 0; result >= 0 && i < body->n; i++)
		result = bind_value(r, &body->v[i]);
	for (size_t i = 0; result >= 0 && i < body->message->n; i++) {
		const struct pyro_field *field = &body->message->fields[i];
		bool given = !field->required;

		for (size_t k = 0; !given && k < body->n; k++)
			given = body->v[k].field == field;
		if (!given)
			result = REFUSE(r, GATE_UNBOUND, "'%s' is missing", field->name);
	}
	return result;
}

static bool is_word(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

static enum pyro_codec codec_of(struct slice content_type)
{
	struct slice rest = content_type, type = { "", 0 };

	slice_next(&rest, ';', &type);
	type = slice_trim(type);
	if (is_word(type, pyro_content_types[PYRO_JSON]))
		return PYRO_JSON;
	if (is_word(type, pyro_content_types[PYRO_WEB_JSON]))
		return PYRO_WEB_JSON;
	if (is_word(type, pyro_content_types[PYRO_WEB_PROTO]) ||
		is_word(type, "application/grpc-web"))
		return PYRO_WEB_PROTO;
	return PYRO_PROTO;
}

/* The message of the only frame. */
static int unframe(struct reader *r, struct slice *body)
{
	const unsigned char *head = (const unsigned char *)body->p;
	size_t length;

	if (body->n < PYRO_FRAME_HEAD_BYTES)
		return REFUSE(r, GATE_MALFORMED, "the body is no frame of gRPC");
	if (head[0])
		return REFUSE(r, GATE_MALFORMED, "a frame of gRPC must not be compressed here");
	length = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
	if (length != body->n - PYRO_FRAME_HEAD_BYTES)
		return REFUSE(r, GATE_MALFORMED, "the body is not one frame of gRPC");
	*body = (struct slice){ body->p + PYRO_FRAME_HEAD_BYTES, length };
	return 0;
}

static int unpack(struct reader *r, struct slice *body)
{
	const struct slice encoding = r->request->content_encoding;
	struct buffer out;
	int result;

	if (!encoding.n || is_word(encoding, "identity"))
		return 0;
	if (!is_word(encoding, "gzip"))
		return REFUSE(r, GATE_MALFORMED,
			"the body has an encoding that is not known: only gzip is");
	buffer_init(&out, GATE_MESSAGE_MAX_BYTES);
	result = gzip_unpack(body->p, body->n, &out);
	if (result < 0) {
		buffer_done(&out);
		if (result == -ENOMEM)
			return result;
		return REFUSE(r, result == -E2BIG ? GATE_TOO_LARGE : GATE_MALFORMED,
			result == -E2BIG ? "the body is too large once it is unpacked"
					 : "the body is no gzip");
	}
	return text_keep(&out, r->arena, body);
}

static int read_message(struct reader *r)
{
	struct pyro_request *parsed = r->parsed;
	struct slice body = r->request->body;
	const char *reason = NULL;
	int result;

	parsed->codec = codec_of(r->request->content_type);
	if (body.n > GATE_MESSAGE_MAX_BYTES)
		return REFUSE(r, GATE_TOO_LARGE, "the body has more than %d bytes",
			GATE_MESSAGE_MAX_BYTES);
	/* Of a call that is none: it has parameters. */
	if (r->request->query.n)
		return REFUSE(r, GATE_MALFORMED, "parameters have no place in this request");
	result = unpack(r, &body);
	if (result >= 0 && !r->bind.refused && pyro_is_framed(parsed->codec))
		result = unframe(r, &body);
	if (result < 0 || r->bind.refused)
		return result;
	if (pyro_is_json(parsed->codec))
		result = pyro_read_json(
			body, parsed->method->request, r->arena, &parsed->body, &reason);
	else
		result = pyro_read_proto(
			body, parsed->method->request, r->arena, &parsed->body, &reason);
	if (result == -EBADMSG || result == -E2BIG)
		return REFUSE(r, result == -E2BIG ? GATE_TOO_LARGE : GATE_SYNTAX,
			"the message has %s", reason);
	return result < 0 ? result : bind_body(r, parsed->body);
}

static bool take_prefix(struct slice *path, const char *prefix)
{
	const size_t n = strlen(prefix);

	if (path->n < n || memcmp(path->p, prefix, n) != 0)
		return false;
	path->p += n;
	path->n -= n;
	return true;
}

enum place { NOWHERE, AT_QUERIER, AT_RENDER };

static enum place find_place(struct slice path, const struct pyro_method **ret_method)
{
	if (slice_eq(path, PYRO_RENDER))
		return AT_RENDER;
	if (!take_prefix(&path, PYRO_QUERIER))
		return NOWHERE;
	*ret_method = pyro_method_find(path.p, path.n);
	return *ret_method ? AT_QUERIER : NOWHERE;
}

/* 0: it is NOWHERE, too, where the path is malformed. */
static int find(struct reader *r, const char *prefix, enum place *ret_place)
{
	struct slice path, behind;
	const char *reason;
	int result = route_decode_path(r->request->path, r->arena, &path, &reason);

	*ret_place = NOWHERE;
	if (result < 0)
		return result == -EBADMSG ? 0 : result;
	r->parsed->prefix = (struct slice){ path.p, 0 };
	*ret_place = find_place(path, &r->parsed->method);
	behind = path;
	if (*ret_place == NOWHERE && prefix && *prefix && take_prefix(&behind, prefix)) {
		r->parsed->prefix.n = strlen(prefix);
		*ret_place = find_place(behind, &r->parsed->method);
	}
	return 0;
}

static int read_request(struct reader *r, const char *prefix)
{
	const char *method = r->request->method;
	enum place place;
	int result = find(r, prefix, &place);

	if (result < 0)
		return result;
	if (place == AT_QUERIER && str_eq(method, "POST"))
		return read_message(r);
	if (place == AT_RENDER && (str_eq(method, "GET") || str_eq(method, "HEAD")))
		return pyro_render_read(r->request, &r->bind, &r->parsed->render);
	return REFUSE(r, GATE_RESOURCE,
		place == NOWHERE ? "the path is for administrators"
				 : "the method has no place on this path");
}

int pyroscope_read(const struct gate_options *options, const struct gate_request *request,
	struct arena *arena, struct gate_plan *ret_plan)
{
	struct reader r = {
		.request = request,
		.arena = arena,
		.bind = { .arena = arena, .unit_labels = pyro_unit_labels, .bound_first = true },
		.parsed = ARENA_NEW(arena, struct pyro_request),
	};
	int result = r.parsed ? read_request(&r, options->route_prefix) : -ENOMEM;

	if (result < 0)
		return result;
	/* Nothing that concerns nobody's profiles gets here: what is not bound was refused. */
	*ret_plan = (struct gate_plan){
		.outcome = r.bind.refused ? GATE_REFUSED : GATE_BOUND,
		.refusal = r.bind.refusal,
		.cluster = r.bind.cluster ? r.bind.cluster : request->cluster,
		.units = { r.bind.units, r.bind.n_units },
		.parsed = r.parsed,
	};
	return 0;
}
