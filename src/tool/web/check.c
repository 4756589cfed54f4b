// SPDX-License-Identifier: Apache-2.0
/* ceems_tool check api-healthy and lb-healthy. */
#include "basic/buffer.h"
#include "basic/macros.h"
#include "net/http_client.h"
#include "tool/tool.h"
#include "tool/tsdb/connect.h"

enum { HEALTH_TIMEOUT_MS = 10000, HEALTH_MAX_BYTES = 64 << 10 };

DEFINE_CLEANUP(struct http_client *, http_client_free);

static int ask_health(
	struct http_client *client, const char *url, struct http_reply *reply, struct err *err)
{
	CLEANUP(buffer_done) struct buffer target = { 0 };
	const struct http_call call = {
		.method = "GET",
		.timeout_ms = HEALTH_TIMEOUT_MS,
		.max_response_bytes = HEALTH_MAX_BYTES,
	};
	struct http_call with_url = call;
	int r;

	r = url_join(url, "health", &target);
	if (r < 0)
		return err_errno(err, r, "--url");
	with_url.url = buffer_text(&target);
	return http_client_call(client, &with_url, reply, err);
}

static int check_health(struct tool *tool, const struct server_options *server)
{
	CLEANUP(connection_done) struct connection conn = { 0 };
	CLEANUP(http_client_freep) struct http_client *client = NULL;
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	struct err err = { 0 };
	int r;

	r = connection_init(&conn, server, false, &err);
	if (r < 0)
		return tool_fatal(tool, err.text);
	r = http_client_new(conn.config, CONNECTION_USER_AGENT, &client, &err);
	if (r < 0)
		return tool_fatal(tool, err.text);
	r = ask_health(client, buffer_text(&conn.url), &reply, &err);
	if (r < 0) {
		fprintf(tool->messages, "%s\n", err.text);
		return 1;
	}
	if (reply.status != 200) {
		fprintf(tool->messages, "%s answered with status %d\n",
			buffer_text(&conn.shown_url), reply.status);
		return 1;
	}
	fprintf(tool->messages, "  SUCCESS:  %s\n", buffer_text(&reply.body));
	return 0;
}

int command_check_api(struct tool *tool)
{
	return check_health(tool, &tool->api);
}

int command_check_lb(struct tool *tool)
{
	return check_health(tool, &tool->lb);
}
