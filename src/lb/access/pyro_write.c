// SPDX-License-Identifier: Apache-2.0
/* What goes on to Pyroscope: the values that were understood, written anew. */
#include <errno.h>
#include <math.h>

#include "basic/macros.h"
#include "lb/access/cut.h"
#include "lb/access/form.h"
#include "lb/access/param.h"
#include "lb/access/pyro_request.h"
#include "lb/access/pyroscope.h"
#include "lb/access/text.h"

static const int64_t MS_PER_S = 1000, MS_PER_DAY = 24 * 3600 * 1000;
static const char foreign_times[] =
	"the request reads times at which the id of a unit was another unit's";

struct writer {
	const struct gate_request *request;
	const struct gate_plan *plan;
	const struct gate_unit_lives *lives;
	const struct gate_cluster *cluster;
	struct arena *arena;
	struct gate_forward forward;
	struct gate_refusal *refusal;
};

static int refuse(struct writer *w, enum gate_reason reason, const char *why)
{
	*w->refusal = (struct gate_refusal){ reason, why };
	return -EACCES;
}

static int add_cluster(struct writer *w, struct promql_node *node)
{
	int r = w->cluster->label
		? bind_add_cluster(node, w->cluster->label, w->plan->cluster, w->arena)
		: 0;

	return r == -E2BIG ? refuse(w, GATE_TOO_LARGE, "a selector has too many matchers") : r;
}

/* 1: the times were cut. */
static int cut_times(struct writer *w, bool by_index, int64_t *start_ms, int64_t *end_ms)
{
	struct cut cut = { w->arena, &w->plan->units, w->lives, NULL };
	int r;

	if (!w->lives || !cut_is_needed(&cut))
		return 0;
	r = cut_window(&cut, by_index, start_ms, end_ms);
	if (r == -ENODATA)
		return refuse(w, GATE_LIFETIME, foreign_times);
	if (r == -EACCES)
		return refuse(w, GATE_LIFETIME, cut.why);
	return r < 0 ? r : 1;
}

/*
 * The same where points are made of steps: the first one has what was in the step before the start
 * (Pyroscope's SelectSeries).
 */
static int cut_steps(struct writer *w, int64_t step_ms, int64_t *start_ms, int64_t *end_ms)
{
	const int64_t asked_ms = MAX(*start_ms - step_ms, -PARAM_TIME_MAX_MS);
	int64_t read_ms = asked_ms;
	int r = cut_times(w, false, &read_ms, end_ms);

	if (r <= 0)
		return r;
	if (read_ms != asked_ms)
		*start_ms = MAX(*start_ms, read_ms + step_ms);
	if (*start_ms > *end_ms)
		return refuse(w, GATE_LIFETIME,
			"a step of the request reads times at which the id of a unit was another "
			"unit's");
	return r;
}

/* Of a message; 0: it has none. */
static int64_t step_of(const struct pyro_body *body)
{
	const struct pyro_value *step = pyro_body_find(body, PYRO_STEP);

	return step ? (int64_t)ceil(step->step_s * (double)MS_PER_S) : 0;
}

/*
 * Of render's time line: a 1500th of the time, of 15 s at least, rounded up to less than twice, and
 * to a year where it is longer than six weeks.
 */
static int64_t step_of_render(int64_t from_ms, int64_t to_ms)
{
	const int64_t part_ms = (to_ms - from_ms) / 1500;

	return part_ms > 40 * MS_PER_DAY ? MAX(366 * MS_PER_DAY, 2 * part_ms)
					 : MAX(2 * part_ms, 15 * MS_PER_S);
}

static void widen_hint(struct writer *w, int64_t start_ms, int64_t end_ms)
{
	w->forward.reach_start_ms = MIN(w->forward.reach_start_ms, start_ms);
	w->forward.reach_end_ms = MAX(w->forward.reach_end_ms, end_ms);
}

/*
 * 0 is a time that is not given. Where one of the two is missing the server passes over the other
 * one (of labels and series), so that both go on once they are cut.
 */
static int cut_body(struct writer *w, struct pyro_body *body)
{
	const struct pyro_value *start = pyro_body_find(body, PYRO_START);
	const struct pyro_value *end = pyro_body_find(body, PYRO_END);
	int64_t from = start && start->number ? start->number : -PARAM_TIME_MAX_MS;
	int64_t to = end && end->number ? end->number : w->request->now_ms;
	const int64_t step_ms = step_of(body);
	int r;

	from = MIN(MAX(from, -PARAM_TIME_MAX_MS), PARAM_TIME_MAX_MS);
	r = step_ms ? cut_steps(w, step_ms, &from, &to)
		    : cut_times(w, body->message->by_index, &from, &to);
	if (r > 0) {
		from = MAX(from, 1);
		if (from > to)
			return refuse(w, GATE_LIFETIME, foreign_times);
		r = pyro_body_set(body, PYRO_START, from, w->arena);
		if (r >= 0)
			r = pyro_body_set(body, PYRO_END, to, w->arena);
	}
	if (r >= 0)
		widen_hint(w, from, to);
	return r;
}

static int prepare_body(struct writer *w, struct pyro_body *body)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < body->n; i++) {
		if (body->v[i].node)
			r = add_cluster(w, body->v[i].node);
		else if (body->v[i].body)
			r = prepare_body(w, body->v[i].body);
	}
	return r >= 0 && pyro_has_times(body->message) ? cut_body(w, body) : r;
}

static int prepare_render(struct writer *w, struct pyro_render *render)
{
	int64_t from = render->from_given ? render->from_ms : -PARAM_TIME_MAX_MS;
	int64_t to = render->until_given ? render->until_ms : w->request->now_ms;
	int r = add_cluster(w, render->query);

	if (r >= 0 && !render->from_given)
		r = cut_times(w, false, &from, &to);
	if (r >= 0)
		r = cut_steps(w, step_of_render(from, to), &from, &to);
	if (r > 0) {
		render->from_given = render->until_given = true;
		render->from_ms = from;
		render->until_ms = to;
	}
	widen_hint(w, from, to);
	return MIN(r, 0);
}

static int put_path(struct writer *w, const struct pyro_request *parsed)
{
	struct slice rest = parsed->prefix, segment;
	struct buffer out;

	buffer_init(&out, GATE_TARGET_MAX_BYTES);
	while (slice_next(&rest, '/', &segment)) {
		form_escape(&out, segment);
		if (rest.p)
			buffer_putc(&out, '/');
	}
	buffer_puts(&out, parsed->method ? PYRO_QUERIER : PYRO_RENDER);
	if (parsed->method)
		buffer_puts(&out, parsed->method->name);
	return text_keep(&out, w->arena, &w->forward.path);
}

static void put_message(const struct pyro_request *parsed, struct buffer *out)
{
	static const char head[PYRO_FRAME_HEAD_BYTES];
	const size_t start = pyro_is_framed(parsed->codec) ? sizeof(head) : 0;

	buffer_append(out, head, start);
	if (pyro_is_json(parsed->codec))
		pyro_write_json(parsed->body, out);
	else
		pyro_write_proto(parsed->body, out);
	for (size_t i = 0; start && !buffer_error(out) && i < 4; i++)
		out->data[1 + i] = (char)((out->len - start) >> 8 * (3 - i));
}

static int put_body(struct writer *w, const struct pyro_request *parsed)
{
	struct buffer out;
	int r;

	buffer_init(&out, GATE_BODY_MAX_BYTES);
	put_message(parsed, &out);
	r = text_keep(&out, w->arena, &w->forward.body);
	if (r == -E2BIG)
		return refuse(w, GATE_TOO_LARGE, "the message is too long");
	w->forward.method = "POST";
	w->forward.content_type = pyro_content_types[parsed->codec];
	return r;
}

static int put_parameters(struct writer *w, const struct pyro_request *parsed)
{
	struct buffer out;
	int r;

	buffer_init(&out, GATE_TARGET_MAX_BYTES);
	pyro_render_write(&parsed->render, &out);
	r = text_keep(&out, w->arena, &w->forward.query);
	if (r == -E2BIG)
		return refuse(w, GATE_TOO_LARGE, "the parameters are too long");
	w->forward.method = str_eq(w->request->method, "HEAD") ? "HEAD" : "GET";
	return r;
}

int pyroscope_write(const struct gate_options *options, const struct gate_request *request,
	const struct gate_plan *plan, const struct gate_unit_lives *lives,
	const struct gate_cluster *cluster, struct arena *arena, struct gate_forward *ret_forward,
	struct gate_refusal *ret_refusal)
{
	/* Only its selectors and times are changed, each to what it is after any number of times.
	 */
	struct pyro_request *parsed = (struct pyro_request *)plan->parsed;
	struct writer w = {
		.request = request,
		.plan = plan,
		.lives = lives,
		.cluster = cluster,
		.arena = arena,
		.forward = { .reach_start_ms = INT64_MAX, .reach_end_ms = INT64_MIN },
		.refusal = ret_refusal,
	};
	int r = parsed->method ? prepare_body(&w, parsed->body)
			       : prepare_render(&w, &parsed->render);

	(void)options;
	if (r >= 0)
		r = put_path(&w, parsed);
	if (r >= 0)
		r = parsed->method ? put_body(&w, parsed) : put_parameters(&w, parsed);
	if (r < 0)
		return r;
	*ret_forward = w.forward;
	return 0;
}
