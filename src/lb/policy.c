// SPDX-License-Identifier: Apache-2.0
/* The order in which a request is looked at: spec lb-and-proxies.md 2.5. */
#include "lb/policy_log.h"
#include "lb/visit.h"

#include <errno.h>
#include <strings.h>

#include "lb/owners/owners_api.h"

enum { USER_MAX_BYTES = 255, METRICS_MAX_BYTES = 8 << 20, NS_PER_MS = 1000000 };

const char *visit_header(struct visit *v, const char *name)
{
	struct slice value;

	if (exchange_header(v->x, name, &value) != 1 || !value.n || memchr(value.p, '\0', value.n))
		return NULL;
	return arena_strndup(exchange_arena(v->x), value.p, value.n);
}

/* Whether what the peer says about its user is believed. */
static bool is_trusted(const struct visit *v)
{
	struct address address;

	if (exchange_user(v->x) || exchange_client_cert(v->x))
		return true;
	return address_from_socket(exchange_peer(v->x), &address) >= 0 &&
		networks_have(&v->lb->trusted, &address);
}

static void answer_metrics(struct visit *v)
{
	CLEANUP(buffer_done) struct buffer text;

	buffer_init(&text, METRICS_MAX_BYTES);
	if (v->state->owners && !is_trusted(v)) {
		visit_refuse(v, REPLY_RESOURCE, "user", "this peer is not trusted");
		return;
	}
	metrics_write(v->lb, &text);
	if (buffer_error(&text))
		visit_refuse_for_memory(v);
	else
		visit_answer(v, "text/plain; version=0.0.4; charset=utf-8",
			(struct slice){ text.data, text.len });
}

/* What is answered here, for everybody. A request without a cluster can't mean a server's metrics.
 */
static bool answer_own(struct visit *v)
{
	if (slice_eq(v->request.path, "/health")) {
		visit_answer(v, "text/plain; charset=utf-8", SLICE("CEEMS LB Server is healthy"));
		return true;
	}
	if (slice_eq(v->request.path, "/metrics") &&
		!exchange_header(v->x, "X-Ceems-Cluster-Id", NULL)) {
		answer_metrics(v);
		return true;
	}
	return false;
}

/* One value each, for two readers could take different ones. */
static int read_headers(struct visit *v)
{
	static const char *const names[] = { "Content-Type", "Content-Encoding", "Accept" };
	struct slice *const values[] = { &v->request.content_type, &v->request.content_encoding,
		&v->request.accept };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		*values[i] = (struct slice){ "", 0 };
		if (exchange_header(v->x, names[i], values[i]) > 1)
			return -EBADMSG;
	}
	return 0;
}

/* Queries are sent as a form, too, and what they name counts. */
static bool has_query_in_body(const struct visit *v)
{
	struct slice path = v->request.path;

	if (!exchange_has_body(v->x))
		return false;
	if (v->kind == GATE_PYROSCOPE)
		return memmem(path.p, path.n, "/querier.v1.", 12) != NULL;
	return v->request.content_type.n >= 33 &&
		strncasecmp(v->request.content_type.p, "application/x-www-form-urlencoded", 33) ==
		0;
}

static void forward_for_admin(struct visit *v)
{
	/* Spec 2.5 step 3; who sees all may choose a tenant. */
	static const char *const dropped[] = { "X-Ceems-Admin-User", NULL };

	v->outcome = OUTCOME_ADMIN;
	if (visit_read(v) < 0) {
		visit_refuse_for_memory(v);
		return;
	}
	v->cluster = v->plan.cluster;
	v->pool = pools_find(v->state->pools[v->kind], v->cluster);
	if (!v->pool) {
		visit_refuse(v, REPLY_UNAVAILABLE, "no_server", "no server of this cluster");
		return;
	}
	if (v->authorise) {
		authorise_allow(v);
		return;
	}
	v->set[0][0] = "X-Ceems-Logged-User";
	v->set[0][1] = v->user;
	v->out.set = v->set;
	v->out.drop = dropped;
	v->out.safe = has_query_in_body(v);
	visit_forward_as_it_came(v);
}

/* Without access control queries are looked at only where labels are hidden from all. */
static void forward_open(struct visit *v)
{
	v->outcome = OUTCOME_OPEN;
	v->out.safe = has_query_in_body(v);
	if (visit_hides_labels(v) && visit_read(v) < 0)
		visit_refuse_for_memory(v);
	else
		visit_forward_as_it_came(v);
}

static void begin_open(struct visit *v)
{
	if (!v->authorise && !visit_hides_labels(v))
		visit_forward_as_it_came(v);
	else if (read_headers(v) < 0)
		visit_refuse(v, REPLY_MALFORMED, "malformed", "a header is repeated");
	else if (has_query_in_body(v))
		exchange_read_body(v->x, GATE_BODY_MAX_BYTES);
	else if (v->authorise)
		authorise_allow(v);
	else
		forward_open(v);
}

static void judge_user(struct visit *v)
{
	const size_t max = v->kind == GATE_TSDB ? GATE_BODY_MAX_BYTES : GATE_MESSAGE_MAX_BYTES;

	if (v->admin) {
		if (has_query_in_body(v))
			exchange_read_body(v->x, GATE_BODY_MAX_BYTES);
		else
			forward_for_admin(v);
	} else if (!exchange_has_body(v->x)) {
		visit_decide(v);
	} else if (!visit_is_closed(v)) {
		exchange_read_body(v->x, max);
	}
}

static void ask_admin(void *ctx, struct exchange *x)
{
	struct visit *v = exchange_data(x);

	v->result = owners_is_admin(v->state->owners, v->user, true, &v->admin);
}

static void admin_is_known(void *ctx, struct exchange *x)
{
	struct visit *v = exchange_data(x);

	if (v->result < 0)
		visit_refuse_for_memory(v);
	else
		judge_user(v);
}

/* The user's name, or NULL: refused. */
static const char *identify(struct visit *v)
{
	const char *user = visit_header(v, "X-Grafana-User");
	const char *detail = NULL;

	if (!user || !*user)
		user = NULL;
	else if (!is_trusted(v))
		detail = "the header X-Grafana-User of this address is not believed: see "
			 "--web.trusted-proxies";
	else if (strlen(user) > USER_MAX_BYTES)
		detail = "the user's name is too long";
	else if (str_eq(user, owners_service_account))
		detail = "this account is no person's";
	if (user && !detail)
		return user;
	log_error(v->lb->log, "Grafana user Header not found. Denying authentication",
		LOG_STR("backend_type", server_kind_name(v->kind)),
		LOG_STR("url",
			arena_strndup(exchange_arena(v->x), v->request.path.p, v->request.path.n)));
	visit_refuse(v, REPLY_USER, "user", detail);
	return NULL;
}

static void find_admin(struct visit *v)
{
	v->result = owners_is_admin(v->state->owners, v->user, false, &v->admin);
	if (v->result == -EAGAIN)
		exchange_work(v->x, ask_admin, admin_is_known);
	else if (v->result < 0)
		visit_refuse_for_memory(v);
	else
		judge_user(v);
}

static void turn_has_come(struct user_waiter *waiter)
{
	struct visit *v = (struct visit *)((char *)waiter - offsetof(struct visit, waiter));

	exchange_resume(v->x);
}

static bool on_left(void *ctx, struct exchange *x)
{
	struct visit *v = exchange_data(x);

	if (!users_cancel(v->lb->users, v->slot, &v->waiter))
		return false;
	v->slot = NULL;
	return true;
}

static void go_on(void *ctx, struct exchange *x)
{
	find_admin(exchange_data(x));
}

/* Before anything is done for the user: bodies take memory, and lookups time, of all. */
static void take_turn(struct visit *v)
{
	const struct lb_config *config = &v->state->settings->config;
	int r;

	v->waiter.go_on = turn_has_come;
	r = users_enter(v->lb->users, v->user, (size_t)config->requests_per_user,
		(size_t)config->queued_per_user, &v->waiter, &v->slot);
	if (r == 1)
		find_admin(v);
	else if (r == 0)
		exchange_wait(v->x, go_on);
	else if (r == -EAGAIN)
		visit_refuse(v, REPLY_TOO_MANY, "limit", NULL);
	else
		visit_refuse_for_memory(v);
}

static void check_user(struct visit *v)
{
	v->user = identify(v);
	if (v->user && read_headers(v) < 0)
		visit_refuse(v, REPLY_MALFORMED, "malformed", "a header is repeated");
	else if (v->user)
		take_turn(v);
}

static void begin(struct visit *v)
{
	if (answer_own(v) || authorise_begin(v))
		return;
	v->cluster = visit_header(v, "X-Ceems-Cluster-Id");
	if (v->cluster)
		v->pool = pools_find(v->state->pools[v->kind], v->cluster);
	if (!v->pool) {
		log_error(v->lb->log, "ClusterID header not found. Bad request",
			LOG_STR("backend_type", server_kind_name(v->kind)),
			LOG_STR("url",
				arena_strndup(exchange_arena(v->x), v->request.path.p,
					v->request.path.n)));
		visit_refuse(v, REPLY_CLUSTER, "cluster", NULL);
		return;
	}
	v->request.cluster = v->cluster;
	/* Of those who leave before it is decided, too. */
	v->outcome = v->state->owners ? OUTCOME_REFUSED : OUTCOME_OPEN;
	if (v->state->owners)
		check_user(v);
	else
		begin_open(v);
}

static void on_head(void *ctx, struct exchange *x)
{
	struct lb *lb = ctx;
	size_t listener = MIN(exchange_listener(x), lb->n_kinds - 1);
	struct visit *v = ARENA_NEW(exchange_arena(x), struct visit);

	exchange_set_data(x, v);
	if (!v) {
		exchange_answer(x, 503, "text/plain", NULL, SLICE("Service not available\n"));
		return;
	}
	v->lb = lb;
	v->state = lb_state(lb);
	v->x = x;
	v->kind = lb->kinds[listener];
	v->reason = "";
	v->request = (struct gate_request){
		.kind = v->kind,
		.method = exchange_method(x),
		.path = exchange_path(x),
		.query = exchange_query(x),
		.body = { "", 0 },
		.now_ms = clock_realtime_ns(lb->clock) / NS_PER_MS,
	};
	metrics_begin(lb->metrics, v->kind);
	begin(v);
}

static void on_body(void *ctx, struct exchange *x)
{
	struct visit *v = exchange_data(x);

	v->request.body = exchange_body(x);
	v->body_read = true;
	if (!v->state->owners && v->authorise)
		authorise_allow(v);
	else if (!v->state->owners)
		forward_open(v);
	else if (v->admin)
		forward_for_admin(v);
	else
		visit_decide(v);
}

static struct upstream *pick(void *ctx, struct exchange *x, unsigned attempt)
{
	struct visit *v = exchange_data(x);
	struct upstream *upstream = visit_pick(v);

	if (!upstream) {
		v->outcome = OUTCOME_REFUSED;
		v->reason = "no_server";
	}
	return upstream;
}

static void on_attempt(void *ctx, struct exchange *x, struct upstream *upstream,
	enum attempt_result result, const char *why)
{
	struct visit *v = exchange_data(x);

	server_report(v->server, result, why);
}

static void on_done(void *ctx, struct exchange *x, const struct exchange_report *report)
{
	struct visit *v = exchange_data(x);

	if (!v)
		return;
	metrics_count(v->lb->metrics, v->kind, v->outcome, v->reason, report);
	policy_log(v, report);
	visit_leave(v);
}

static void on_refused(void *ctx, size_t listener, const struct sockaddr *peer, int status)
{
	struct lb *lb = ctx;

	metrics_count_early(lb->metrics, lb->kinds[MIN(listener, lb->n_kinds - 1)]);
	policy_log_early(lb, listener, peer, status);
}

const struct proxy_handler policy_handler = {
	.on_head = on_head,
	.on_body = on_body,
	.pick = pick,
	.on_attempt = on_attempt,
	.on_left = on_left,
	.on_done = on_done,
	.on_refused = on_refused,
};
