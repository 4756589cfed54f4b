// SPDX-License-Identifier: Apache-2.0
#include "net/grpc.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

enum {
	PREFIX_BYTES = 5, /* a flag for compression and the length, big endian */
	MESSAGE_TEXT_MAX = 256, /* of what the server says went wrong */
	HTTP_OK = 200,
	/* States (google.golang.org/grpc/codes, the same in every language). */
	STATE_PERMISSION_DENIED = 7,
	STATE_UNIMPLEMENTED = 12,
};

/* The last line of that name counts: trailers stand behind the headers. */
static bool find_header(struct slice headers, const char *name, struct slice *ret_value)
{
	const size_t n = strlen(name);
	struct slice line;
	bool found = false;

	while (slice_next_line(&headers, &line)) {
		if (line.n <= n || strncasecmp(line.p, name, n) != 0 || line.p[n] != ':')
			continue;
		*ret_value = slice_trim((struct slice){ line.p + n + 1, line.n - n - 1 });
		found = true;
	}
	return found;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* grpc-message is percent-encoded. It ends up in a log, so that control characters become '?'. */
static void decode_text(struct slice in, char out[static MESSAGE_TEXT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < in.n && n < MESSAGE_TEXT_MAX - 1; i++) {
		unsigned char c = (unsigned char)in.p[i];
		int high = i + 2 < in.n ? hex_digit(in.p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(in.p[i + 2]) : -1;

		if (c == '%' && low >= 0) {
			c = (unsigned char)(high << 4 | low);
			i += 2;
		}
		out[n++] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
	}
	out[n] = '\0';
}

static int check_state(struct slice headers, struct err *err)
{
	struct slice value, text = { 0 };
	char message[MESSAGE_TEXT_MAX];
	uint64_t state;
	int r;

	if (!find_header(headers, "grpc-status", &value) || slice_to_u64(value, &state) < 0)
		return err_set(err, -EBADMSG, "the answer has no valid state of gRPC");
	if (state == 0)
		return 0;
	(void)find_header(headers, "grpc-message", &text);
	decode_text(text, message);
	r = state == STATE_UNIMPLEMENTED           ? -ENOSYS
		: state == STATE_PERMISSION_DENIED ? -EACCES
						   : -EREMOTEIO;
	return err_set(err, r, "the server answered with state %llu: %s", (unsigned long long)state,
		message);
}

int grpc_reply(int http_status, struct slice headers, struct slice body, struct slice *ret_message,
	struct err *err)
{
	struct slice type;
	uint32_t len;
	int r;

	if (http_status != HTTP_OK)
		return err_set(err, -EBADMSG, "HTTP status %d where gRPC has 200", http_status);
	if (!find_header(headers, "content-type", &type) || type.n < 16 ||
		strncasecmp(type.p, "application/grpc", 16) != 0)
		return err_set(err, -EBADMSG, "the answer is no gRPC");
	r = check_state(headers, err);
	if (r < 0)
		return r;
	if (body.n < PREFIX_BYTES)
		return err_set(err, -EBADMSG, "the answer has no message");
	/* We name no compression that we'd accept. */
	if (body.p[0] != 0)
		return err_set(err, -EBADMSG, "the message is compressed");
	memcpy(&len, body.p + 1, sizeof(len));
	if (be32toh(len) != body.n - PREFIX_BYTES)
		return err_set(err, -EBADMSG, "the message is not as long as it says");
	*ret_message = (struct slice){ body.p + PREFIX_BYTES, body.n - PREFIX_BYTES };
	return 0;
}

static void frame(struct slice message, struct buffer *out)
{
	const uint32_t len = htobe32((uint32_t)message.n);

	buffer_putc(out, 0);
	buffer_append(out, &len, sizeof(len));
	buffer_append(out, message.p, message.n);
}

int grpc_call(struct http_client *client, const struct grpc_call *call, struct buffer *ret_message,
	struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer body, url, timeout;
	const char *headers[] = { "Content-Type: application/grpc", "TE: trailers", NULL, NULL };
	struct slice message;
	int r;

	buffer_init(&body, 0);
	buffer_init(&url, 0);
	buffer_init(&timeout, 0);
	frame(call->request, &body);
	buffer_printf(&url, "http://localhost%s", call->method);
	buffer_printf(&timeout, "grpc-timeout: %lldm", (long long)MIN(call->timeout_ms, 99999999));
	headers[2] = buffer_text(&timeout);
	if (buffer_error(&body) || buffer_error(&url) || buffer_error(&timeout))
		return err_errno(err, -ENOMEM, "%s", call->unix_socket);
	const struct http_call http = {
		.method = "POST",
		.url = buffer_text(&url),
		.unix_socket = call->unix_socket,
		.http2_only = true,
		.headers = headers,
		.body = body.data,
		.body_len = body.len,
		.timeout_ms = call->timeout_ms,
		.max_response_bytes = call->max_reply_bytes,
		.cancel_fd = call->cancel_fd,
	};

	r = http_client_call(client, &http, &reply, err);
	if (r >= 0)
		r = grpc_reply(reply.status,
			(struct slice){ buffer_text(&reply.headers), reply.headers.len },
			(struct slice){ buffer_text(&reply.body), reply.body.len }, &message, err);
	if (r < 0)
		return err_prefix(err, r, "%s", call->unix_socket);
	buffer_append(ret_message, message.p, message.n);
	return buffer_error(ret_message) ? err_errno(err, -ENOMEM, "%s", call->unix_socket) : 0;
}
