// SPDX-License-Identifier: Apache-2.0
#include "net/websocket.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>

#include "basic/base64.h"
#include "format/websocket.h"
#include "net/http_client_internal.h"

/* RFC 6455, 1.3 */
#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum { KEY_BYTES = 16, SHA1_BYTES = 20, HEAD_MAX_BYTES = 16 << 10, READ_BYTES = 16 << 10 };

struct connection {
	const struct websocket_call *call;
	CURL *easy;
	curl_socket_t socket;
	int64_t end_ms;
	struct buffer in; /* what came and was not looked at yet */
	bool ended; /* nothing more comes */
	struct buffer message; /* the pieces of one so far */
	bool in_message;
};

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd > 0 && poll(&p, 1, 0) > 0;
}

/* While curl connects. */
static int on_progress(void *ctx, curl_off_t down, curl_off_t now, curl_off_t up, curl_off_t up_now)
{
	const struct connection *c = ctx;

	(void)down, (void)now, (void)up, (void)up_now;
	return is_readable(c->call->cancel_fd);
}

static int wait_for(const struct connection *c, short events)
{
	struct pollfd fds[] = { { .fd = c->socket, .events = events },
		{ .fd = c->call->cancel_fd, .events = POLLIN } };
	const int64_t left = c->end_ms - http_client_now_ms();
	int n;

	if (left <= 0)
		return -ETIMEDOUT;
	n = poll(fds, c->call->cancel_fd > 0 ? 2 : 1, (int)MIN(left, INT32_MAX));
	if (n < 0 && errno != EINTR)
		return -errno;
	return c->call->cancel_fd > 0 && fds[1].revents ? -ECANCELED : 0;
}

static int send_all(struct connection *c, const struct buffer *data)
{
	size_t done = 0;
	int r = 0;

	while (r >= 0 && done < data->len) {
		size_t n = 0;
		CURLcode code = curl_easy_send(c->easy, data->data + done, data->len - done, &n);

		done += n;
		if (code == CURLE_AGAIN)
			r = wait_for(c, POLLOUT);
		else if (code != CURLE_OK)
			r = -EIO;
	}
	return r;
}

/* Waits for some more bytes. */
static int receive(struct connection *c)
{
	for (;;) {
		char *room = buffer_reserve(&c->in, READ_BYTES);
		size_t n = 0;
		CURLcode code;
		int r;

		if (!room)
			return buffer_error(&c->in);
		code = curl_easy_recv(c->easy, room, READ_BYTES, &n);
		if (code == CURLE_OK) {
			c->ended = n == 0;
			c->in.len += n;
			return 0;
		}
		if (code != CURLE_AGAIN)
			return -EIO;
		r = wait_for(c, POLLIN);
		if (r < 0)
			return r;
	}
}

static void consume(struct buffer *in, size_t n)
{
	memmove(in->data, in->data + n, in->len - n);
	in->len -= n;
}

static void put_basic(const struct http_auth *auth, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer pair = { 0 };

	buffer_printf(&pair, "%s:%s", auth->username, auth->password);
	buffer_puts(out, "Authorization: Basic ");
	base64_encode((struct slice){ buffer_text(&pair), pair.len }, out);
	buffer_puts(out, "\r\n");
	if (pair.data)
		explicit_bzero(pair.data, pair.cap);
}

/* GET and Host, from the URL. */
static int put_target(const char *url, struct buffer *out)
{
	CLEANUP(curl_url_cleanupp) CURLU *u = curl_url();
	CLEANUP(curl_textp) char *path = NULL;
	CLEANUP(curl_textp) char *query = NULL;
	CLEANUP(curl_textp) char *host = NULL;
	CLEANUP(curl_textp) char *port = NULL;

	if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_PATH, &path, 0) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return -EINVAL;
	(void)curl_url_get(u, CURLUPART_QUERY, &query, 0);
	(void)curl_url_get(u, CURLUPART_PORT, &port, 0);
	buffer_printf(out, "GET %s%s%s HTTP/1.1\r\nHost: %s%s%s\r\n", path, query ? "?" : "",
		query ? query : "", host, port ? ":" : "", port ? port : "");
	return 0;
}

static int put_request(struct http_client *client, const struct websocket_call *call,
	const struct http_auth *auth, const char *key, struct buffer *out, struct err *err)
{
	CLEANUP(http_headers_wipe) struct curl_slist *headers = NULL;
	int r = put_target(call->url, out);

	if (r < 0)
		return err_errno(err, r, "WebSocket");
	r = http_headers_make(client, call->headers, auth, true, &headers, err);
	if (r < 0)
		return r;
	buffer_printf(out,
		"User-Agent: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
		"Sec-WebSocket-Protocol: %s\r\n",
		client->user_agent, key, call->protocol);
	if (auth->username)
		put_basic(auth, out);
	for (const struct curl_slist *h = headers; h; h = h->next)
		buffer_printf(out, "%s\r\n", h->data);
	buffer_puts(out, "\r\n");
	return buffer_error(out) ? err_errno(err, buffer_error(out), "WebSocket") : 0;
}

/* What the server must answer to our key. */
static int accept_of(const char *key, struct buffer *out)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	unsigned char digest[SHA1_BYTES];

	buffer_printf(&text, "%s%s", key, KEY_SUFFIX);
	if (buffer_error(&text) ||
		gnutls_hash_fast(GNUTLS_DIG_SHA1, buffer_text(&text), text.len, digest) < 0)
		return -ENOMEM;
	base64_encode((struct slice){ (const char *)digest, sizeof(digest) }, out);
	return buffer_error(out);
}

/* The value of a header line of this name, else p NULL. */
static struct slice value_of(struct slice line, const char *name)
{
	const size_t n = strlen(name);

	if (line.n <= n || line.p[n] != ':' || strncasecmp(line.p, name, n) != 0)
		return (struct slice){ 0 };
	return slice_trim((struct slice){ line.p + n + 1, line.n - n - 1 });
}

static int check_head(struct slice head, const char *key, const char *protocol)
{
	CLEANUP(buffer_done) struct buffer accept = { 0 };
	bool accepted = false, agreed = false;
	struct slice line;

	if (accept_of(key, &accept) < 0)
		return -ENOMEM;
	while (slice_next_line(&head, &line)) {
		struct slice value = value_of(line, "Sec-WebSocket-Accept");

		if (value.p)
			accepted = slice_eq(value, buffer_text(&accept));
		value = value_of(line, "Sec-WebSocket-Protocol");
		if (value.p)
			agreed = slice_eq(value, protocol);
		if (value_of(line, "Sec-WebSocket-Extensions").p)
			return -EPROTO;
	}
	return accepted && agreed ? 0 : -EPROTO;
}

/* The rest of a refusal, as far as it comes: for people. */
static void take_refusal(struct connection *c, size_t head, int status, struct http_reply *reply)
{
	reply->status = status;
	buffer_init(&reply->body, WEBSOCKET_REFUSAL_MAX_BYTES);
	while (!c->ended && c->in.len - head < WEBSOCKET_REFUSAL_MAX_BYTES && receive(c) >= 0)
		;
	buffer_append(&reply->body, c->in.data + head,
		MIN(c->in.len - head, (size_t)WEBSOCKET_REFUSAL_MAX_BYTES));
}

static int shake_hands(struct connection *c, const char *key, struct http_reply *ret_refusal)
{
	const char *end;
	struct slice code;
	uint64_t status;
	size_t head;
	int r;

	while (!(end = c->in.len ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL)) {
		r = c->ended ? -EIO : c->in.len > HEAD_MAX_BYTES ? -EPROTO : receive(c);

		if (r < 0)
			return r;
	}
	head = (size_t)(end - c->in.data) + 4;
	code = (struct slice){ c->in.data + 9, 3 };
	if (head < 16 || memcmp(c->in.data, "HTTP/1.1 ", 9) != 0 || slice_to_u64(code, &status) < 0)
		return -EPROTO;
	if (status != 101) {
		take_refusal(c, head, (int)status, ret_refusal);
		return -ECONNABORTED;
	}
	r = check_head((struct slice){ c->in.data, head }, key, c->call->protocol);
	consume(&c->in, head);
	return r;
}

static int answer(struct connection *c, enum websocket_opcode opcode, struct slice payload)
{
	CLEANUP(buffer_done) struct buffer out = { 0 };
	unsigned char mask[WEBSOCKET_MASK_BYTES];

	if (getrandom(mask, sizeof(mask), 0) != sizeof(mask))
		return -EIO;
	websocket_put(&out, opcode, payload, mask);
	return buffer_error(&out) ? buffer_error(&out) : send_all(c, &out);
}

static int add_piece(struct connection *c, const struct websocket_frame *frame)
{
	const bool first = frame->opcode != WEBSOCKET_CONTINUATION;
	int r = 0;

	if (first == c->in_message)
		return -EPROTO;
	c->in_message = true;
	buffer_append(&c->message, frame->payload.p, frame->payload.n);
	if (buffer_error(&c->message))
		return buffer_error(&c->message);
	if (frame->last) {
		r = c->call->on_message(
			c->call->ctx, (struct slice){ buffer_text(&c->message), c->message.len });
		buffer_clear(&c->message);
		c->in_message = false;
	}
	return r;
}

/* 1: the server closes. */
static int take_frame(struct connection *c, const struct websocket_frame *frame)
{
	switch (frame->opcode) {
	case WEBSOCKET_CLOSE:
		(void)answer(c, WEBSOCKET_CLOSE, frame->payload);
		return 1;
	case WEBSOCKET_PING:
		return answer(c, WEBSOCKET_PONG, frame->payload);
	case WEBSOCKET_PONG:
		return 0;
	default:
		return add_piece(c, frame);
	}
}

static int listen_to(struct connection *c)
{
	for (;;) {
		struct slice rest = { buffer_text(&c->in), c->in.len };
		struct websocket_frame frame;
		int r = 0;

		while (r == 0 &&
			(r = websocket_next(&rest, c->call->max_message_bytes, &frame)) > 0)
			r = take_frame(c, &frame);
		if (r != 0)
			return r == -EBADMSG ? -EPROTO : MIN(r, 0);
		if (c->in.len)
			consume(&c->in, c->in.len - rest.n);
		r = c->ended ? -EIO : receive(c);
		if (r < 0)
			return r;
	}
}

static int connect_to(struct http_client *client, struct connection *c, struct err *err)
{
	CLEANUP(http_transfer_lists_done) struct http_transfer_lists lists = { 0 };
	char why[CURL_ERROR_SIZE] = "";
	const struct http_transfer t = {
		.url = c->call->url,
		.method = "GET",
		.user_agent = client->user_agent,
		.tls = &client->tls,
		.proxy = &client->config->proxy,
		.end_ms = c->end_ms,
	};
	CURLcode code;
	int r = http_transfer_prepare(c->easy, &t, &lists);

	if (r < 0)
		return err_errno(err, r, "WebSocket");
	curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(c->easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(c->easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c->easy, CURLOPT_XFERINFODATA, c);
	code = curl_easy_perform(c->easy);
	/* None of these outlives this function. */
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(c->easy, CURLOPT_PROXYHEADER, NULL);
	curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, NULL);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return err_set(err, -ECANCELED, "cancelled");
	if (code != CURLE_OK)
		return err_set(err, http_transfer_error(c->easy, code), "%s",
			*why ? why : curl_easy_strerror(code));
	if (curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &c->socket) != CURLE_OK)
		return err_set(err, -EIO, "no connection");
	return 0;
}

static int make_key(struct buffer *out)
{
	char bytes[KEY_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	base64_encode((struct slice){ bytes, sizeof(bytes) }, out);
	return buffer_error(out);
}

static int run(struct http_client *client, struct connection *c, struct http_reply *ret_refusal,
	struct err *err)
{
	CLEANUP(http_auth_done) struct http_auth auth = { 0 };
	CLEANUP(buffer_done) struct buffer key = { 0 };
	CLEANUP(buffer_done) struct buffer request = { 0 };
	int r = make_key(&key);

	if (r < 0)
		return err_errno(err, r, "WebSocket");
	r = http_auth_get(client, c->end_ms, c->call->cancel_fd, &auth, err);
	if (r >= 0)
		r = put_request(client, c->call, &auth, buffer_text(&key), &request, err);
	if (r >= 0)
		r = connect_to(client, c, err);
	if (r < 0)
		goto out;
	r = send_all(c, &request);
	if (r >= 0)
		r = shake_hands(c, buffer_text(&key), ret_refusal);
	if (r >= 0)
		r = listen_to(c);
	if (r < 0)
		err_errno(err, r, "WebSocket");
out:
	if (request.data)
		explicit_bzero(request.data, request.cap);
	return r;
}

int websocket_call(struct http_client *client, const struct websocket_call *call,
	struct http_reply *ret_refusal, struct err *err)
{
	struct connection c = {
		.call = call,
		.easy = curl_easy_init(),
		.end_ms = http_client_now_ms() + call->timeout_ms,
	};
	int r;

	if (!c.easy)
		return err_errno(err, -ENOMEM, "WebSocket");
	/* A frame and what came behind it. */
	buffer_init(&c.in, call->max_message_bytes + HEAD_MAX_BYTES + 2 * READ_BYTES);
	buffer_init(&c.message, call->max_message_bytes);
	r = run(client, &c, ret_refusal, err);
	buffer_done(&c.in);
	buffer_done(&c.message);
	curl_easy_cleanup(c.easy);
	return r;
}
