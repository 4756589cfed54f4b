// SPDX-License-Identifier: Apache-2.0
#include "lb/policy_log.h"

static const char *text_of(struct visit *v, struct slice s)
{
	const char *text = s.n ? arena_strndup(exchange_arena(v->x), s.p, s.n) : "";

	return text ? text : "";
}

static const char *peer_text(const struct sockaddr *peer, char text[static ADDRESS_TEXT_MAX])
{
	struct address address;

	if (!peer || address_from_socket(peer, &address) < 0)
		return "local";
	address_format(&address, text);
	return text;
}

/* Queries say what people look at; they are for those only who asked for everything. */
static void log_query(struct visit *v)
{
	if (v->lb->log->level > LOG_LEVEL_DEBUG)
		return;
	log_debug(v->lb->log, "query", LOG_STR("user", v->user),
		LOG_STR("path", text_of(v, v->request.path)),
		LOG_STR("query", text_of(v, v->request.query)),
		LOG_STR("body", v->kind == GATE_TSDB ? text_of(v, v->request.body) : ""),
		LOG_STR("sent_path", text_of(v, v->out.path)),
		LOG_STR("sent_query", text_of(v, v->out.query)),
		LOG_STR("sent_body", v->kind == GATE_TSDB ? text_of(v, v->out.body) : ""));
}

void policy_log(struct visit *v, const struct exchange_report *report)
{
	static const char *const ends[] = {
		[EXCHANGE_ANSWERED] = "",
		[EXCHANGE_CUT] = "cut",
		[EXCHANGE_CLIENT_GONE] = "client gone",
	};
	char peer[ADDRESS_TEXT_MAX];

	log_query(v);
	if (!v->lb->log_requests || v->lb->log->level > LOG_LEVEL_INFO)
		return;
	log_info(v->lb->log, "request", LOG_STR("backend_type", server_kind_name(v->kind)),
		LOG_STR("peer", peer_text(exchange_peer(v->x), peer)),
		LOG_STR("cluster_id", v->cluster), LOG_STR("user", v->user),
		LOG_STR("method", v->request.method), LOG_STR("path", text_of(v, v->request.path)),
		LOG_STR("decision", outcome_name(v->outcome)), LOG_STR("reason", v->reason),
		LOG_STR("detail", v->detail), LOG_INT("status", report->status),
		LOG_STR("end", ends[report->outcome]),
		LOG_STR("backend", v->server ? v->server->name : ""),
		LOG_INT("bytes", (int64_t)report->response_bytes),
		LOG_F64("seconds", (double)report->duration_us / 1e6));
}

void policy_log_early(struct lb *lb, size_t listener, const struct sockaddr *peer, int status)
{
	char text[ADDRESS_TEXT_MAX];

	if (!lb->log_requests)
		return;
	log_info(lb->log, "request",
		LOG_STR("backend_type",
			server_kind_name(lb->kinds[MIN(listener, lb->n_kinds - 1)])),
		LOG_STR("peer", peer_text(peer, text)), LOG_STR("decision", "refused"),
		LOG_STR("reason", "early"), LOG_INT("status", status));
}
