// SPDX-License-Identifier: Apache-2.0
/* What becomes of a user's request: the gate reads it, the owners are asked, the gate writes it. */
#include <errno.h>
#include <strings.h>

#include "lb/visit.h"

void visit_refuse_as_the_gate_says(struct visit *v, const struct gate_refusal *refusal)
{
	const char *reason = gate_reason_name(refusal->reason);
	enum reply reply = REPLY_UNITS;

	if (refusal->reason == GATE_RESOURCE)
		reply = REPLY_RESOURCE;
	else if (refusal->reason == GATE_MALFORMED)
		reply = REPLY_MALFORMED;
	else if (refusal->reason == GATE_TOO_LARGE)
		reply = REPLY_TOO_LARGE;
	visit_refuse(v, reply, reason, refusal->why);
}

bool visit_is_closed(struct visit *v)
{
	struct gate_request bare = v->request;
	struct gate_plan plan;

	bare.body = (struct slice){ "", 0 };
	if (gate_read(&v->state->gate, &bare, exchange_arena(v->x), &plan) < 0) {
		visit_refuse_for_memory(v);
		return true;
	}
	if (plan.outcome != GATE_REFUSED || plan.refusal.reason != GATE_RESOURCE)
		return false;
	visit_refuse_as_the_gate_says(v, &plan.refusal);
	return true;
}

int visit_read(struct visit *v)
{
	return gate_read(&v->state->gate, &v->request, exchange_arena(v->x), &v->plan);
}

/* The drops are what could choose a tenant, another path, or another method. */
static const char *const dropped[] = { "X-Scope-OrgID", "THANOS-TENANT", "X-Thanos-Tenant",
	"X-Prometheus-Tenant", "X-Prom-Label-Policy", "X-Vm-Accountid", "AccountID", "ProjectID",
	"X-Tenant", "X-Tenant-Id", "X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override",
	"X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-Forwarded-User",
	"X-Ceems-Admin-User", NULL };

static bool is_kept(const struct strings *kept, const char *name)
{
	for (size_t i = 0; i < kept->n; i++)
		if (strcasecmp(kept->v[i], name) == 0)
			return true;
	return false;
}

/* NULL: no memory. */
static const char *const *headers_to_drop(struct visit *v)
{
	const struct strings *kept = &v->state->settings->config.forward_headers;
	const char **list;
	size_t n = 0;

	if (!kept->n)
		return dropped;
	list = ARENA_ARRAY(exchange_arena(v->x), const char *, ARRAY_SIZE(dropped));
	for (size_t i = 0; list && dropped[i]; i++)
		if (!is_kept(kept, dropped[i]))
			list[n++] = dropped[i];
	return list;
}

static void set_header(struct visit *v, size_t *n, const char *name, const char *text)
{
	v->set[*n][0] = name;
	v->set[*n][1] = text;
	++*n;
}

/* What was decided goes on, and nothing else of what the client sent that has a say in it. */
static void forward_decided(struct visit *v)
{
	const struct gate_forward *f = &v->decided;
	size_t n = 0;

	set_header(v, &n, "X-Ceems-Logged-User", v->user);
	if (f->accept)
		set_header(v, &n, "Accept", f->accept);
	v->outcome = OUTCOME_ALLOWED;
	v->filter_kind = f->filter;
	v->filter_label = f->filter_label;
	v->out = (struct exchange_forward){
		.method = f->method,
		.rewritten = true,
		.path = f->path,
		.query = f->query,
		.body = f->body,
		.content_type = f->content_type,
		.safe = true,
		.drop = headers_to_drop(v),
		.set = v->set,
		.plain_names = true,
		.odd_names = &v->state->settings->config.forward_headers,
	};
	if (!v->out.drop)
		visit_refuse_for_memory(v);
	else if (v->authorise)
		authorise_allow(v);
	else
		visit_forward(v);
}

struct gate_cluster visit_cluster_of(const struct visit *v)
{
	return (struct gate_cluster){ v->pool->cluster_label, v->pool->hidden_labels,
		pool_lookback_ms(v->pool) };
}

static void write_request(struct visit *v)
{
	const struct gate_cluster cluster = v->pool ? visit_cluster_of(v)
						    : (struct gate_cluster){ 0 };
	struct gate_refusal refusal;
	int r;

	r = gate_write(&v->state->gate, &v->request, &v->plan, v->lives, &cluster,
		exchange_arena(v->x), &v->decided, &refusal);
	if (r == -EACCES)
		visit_refuse_as_the_gate_says(v, &refusal);
	else if (r < 0)
		visit_refuse_for_memory(v);
	else if (!v->pool)
		visit_refuse(v, REPLY_UNAVAILABLE, "no_server", "no server of this cluster");
	else if (v->decided.answer && v->authorise)
		visit_refuse(v, REPLY_UNITS, "lifetime", "nothing is left of the time asked for");
	else if (v->decided.answer)
		visit_answer(v, "application/json", slice_from(v->decided.answer));
	else
		forward_decided(v);
}

static void judge(struct visit *v)
{
	if (v->result < 0)
		visit_refuse_for_memory(v);
	else if (v->verdict == OWNERS_UNAVAILABLE)
		visit_refuse(v, REPLY_UNITS, "owner_unavailable",
			"the owners of units can't be looked up at present");
	else if (v->verdict != OWNERS_ALLOW)
		visit_refuse(v, REPLY_UNITS, "owner", NULL);
	else
		write_request(v);
}

static struct owners_question question_of(const struct visit *v)
{
	return (struct owners_question){ v->user, v->cluster, &v->plan.units };
}

static void ask_owners(void *ctx, struct exchange *x)
{
	struct visit *v = exchange_data(x);
	const struct owners_question question = question_of(v);

	v->result = owners_ask(
		v->state->owners, &question, exchange_arena(x), &v->verdict, &v->lives);
}

static void owners_have_answered(void *ctx, struct exchange *x)
{
	judge(exchange_data(x));
}

void visit_decide(struct visit *v)
{
	struct owners_question question;

	if (gate_read(&v->state->gate, &v->request, exchange_arena(v->x), &v->plan) < 0) {
		visit_refuse_for_memory(v);
		return;
	}
	if (v->plan.outcome == GATE_REFUSED) {
		visit_refuse_as_the_gate_says(v, &v->plan.refusal);
		return;
	}
	v->cluster = v->plan.cluster;
	v->pool = pools_find(v->state->pools[v->kind], v->cluster);
	if (v->plan.outcome == GATE_FREE) {
		write_request(v);
		return;
	}
	question = question_of(v);
	v->result = owners_try(
		v->state->owners, &question, exchange_arena(v->x), &v->verdict, &v->lives);
	if (v->result == -EAGAIN)
		exchange_work(v->x, ask_owners, owners_have_answered);
	else
		judge(v);
}
