// SPDX-License-Identifier: Apache-2.0
/*
 * Exchanges with servers that are reached by TLS, with HTTP/2 or through a proxy: libcurl's multi
 * interface on the loop. Its callbacks only fill and empty the courier's buffers; what follows from
 * that is done by courier_run(), when the library isn't on the stack.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lb/proxy/internal.h"
#include "lb/proxy/post_office.h"
#include "net/http_client_curl.h"

enum {
	IN_HIGH_BYTES = 128 << 10, /* of an answer's body, not looked at yet */
	OUT_HIGH_BYTES_OF_COURIER = 64 << 10, /* of a request's body */
	READ_BYTES = 64 << 10,
};

struct courier {
	struct post_item item; /* first */
	struct loop_timer timer;
	CURL *easy;
	struct http_client_lists lists;
	struct curl_slist *headers;
	struct buffer target, url;
	struct buffer head; /* the lines of the answer's fields */
	struct buffer in, out; /* bodies */
	size_t in_done, out_done;
	bool head_ready, recv_paused, send_paused;
	bool asked; /* the library wants the request's body, so there is a connection */
	char why[CURL_ERROR_SIZE];
};

/* A line of the answer's head; those of interim answers and of proxies are forgotten. */
static size_t on_line(char *data, size_t size, size_t n, void *ctx)
{
	struct courier *p = ctx;

	n *= size;
	if (p->head_ready)
		return n; /* trailers */
	if (n > 5 && memcmp(data, "HTTP/", 5) == 0 && !memchr(data, ':', MIN(n, (size_t)13))) {
		buffer_clear(&p->head);
		return n;
	}
	buffer_append(&p->head, data, n);
	if (n == 2 && data[0] == '\r' && data[1] == '\n') {
		long status = 0;

		curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
		p->head_ready = status >= 200;
		post_office_touch(&p->item);
	}
	return buffer_error(&p->head) ? CURL_WRITEFUNC_ERROR : n;
}

static size_t on_data(char *data, size_t size, size_t n, void *ctx)
{
	struct courier *p = ctx;

	post_office_touch(&p->item);
	if (p->in.len - p->in_done > IN_HIGH_BYTES) {
		p->recv_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	buffer_append(&p->in, data, size * n);
	return buffer_error(&p->in) ? CURL_WRITEFUNC_ERROR : size * n;
}

static size_t on_read(char *data, size_t size, size_t n, void *ctx)
{
	struct courier *p = ctx;
	size_t have = p->out.len - p->out_done;

	p->asked = true;
	post_office_touch(&p->item);
	if (!have) {
		if (p->item.x->reader.done)
			return 0;
		p->send_paused = true;
		return CURL_READFUNC_PAUSE;
	}
	n = MIN(have, size * n);
	memcpy(data, p->out.data + p->out_done, n);
	p->out_done += n;
	return n;
}

static void set_timeout(struct courier *p)
{
	int64_t timeout_ms = p->item.x->forward.timeout_ms;

	if (timeout_ms > 0)
		loop_timer_set(&p->item.office->loop->loop, &p->timer,
			p->item.office->loop->loop.now_ms + timeout_ms);
	else
		loop_timer_clear(&p->timer);
}

static void on_timer(struct loop_timer *timer)
{
	struct courier *p = (struct courier *)((char *)timer - offsetof(struct courier, timer));
	struct exchange *x = p->item.x;
	struct client *c = x->client;

	if (!x->answered && p->send_paused && !x->reader.done)
		set_timeout(p); /* it waits for the client's body */
	else if (!x->answered)
		forward_failed(x, ATTEMPT_TIMEOUT, "no answer within the time limit");
	else if (answer_unsent(x))
		set_timeout(p); /* it is the client who is slow */
	else
		forward_cut(x);
	client_run(c);
}

static void wipe(struct buffer *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buffer_done(buf);
}

static void free_courier(struct courier *p)
{
	for (struct curl_slist *line = p->headers; line; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	curl_slist_free_all(p->headers);
	if (p->easy)
		curl_easy_cleanup(p->easy);
	http_client_lists_done(&p->lists);
	buffer_done(&p->target);
	buffer_done(&p->url);
	buffer_done(&p->head);
	buffer_done(&p->in);
	buffer_done(&p->out);
	free(p);
}

void courier_abort(struct courier *p)
{
	p->item.x->courier = NULL;
	post_office_untouch(&p->item);
	loop_timer_done(&p->item.office->loop->loop, &p->timer);
	curl_multi_remove_handle(p->item.office->multi, p->easy);
	free_courier(p);
}

static int add_line(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

/* Fields of the request in the library's form, and the names of those it would add. */
static int make_headers(struct courier *p)
{
	CLEANUP(wipe) struct buffer lines = { 0 };
	bool has_accept = false, has_type = false;
	int r = forward_build_fields(p->item.x, &lines);

	for (char *line = lines.data, *next; r >= 0 && line && *line; line = next) {
		char *end = strstr(line, "\r\n");
		char *colon = strchr(line, ':');

		if (!end || !colon || colon > end)
			return -EINVAL;
		next = end + 2;
		*end = '\0';
		has_accept |= strncasecmp(line, "Accept:", 7) == 0;
		has_type |= strncasecmp(line, "Content-Type:", 13) == 0;
		/* Without a value: the library would leave it out. */
		if (!colon[1 + strspn(colon + 1, " ")])
			memcpy(colon, ";", 2);
		r = add_line(&p->headers, line);
	}
	if (r >= 0)
		r = add_line(&p->headers, "Expect:");
	if (r >= 0 && !has_accept)
		r = add_line(&p->headers, "Accept:");
	if (r >= 0 && !has_type)
		r = add_line(&p->headers, "Content-Type:");
	return r;
}

static void set_body(struct courier *p)
{
	struct exchange *x = p->item.x;
	const char *method = forward_method(x);
	struct slice body = forward_body(x);

	if (forward_streams(x)) {
		curl_easy_setopt(p->easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(p->easy, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(p->easy, CURLOPT_READDATA, p);
		if (x->head.framing == HTTP_BODY_LENGTH)
			curl_easy_setopt(p->easy, CURLOPT_INFILESIZE_LARGE,
				(curl_off_t)x->head.content_length);
	} else if (body.n || str_eq(method, "POST") || str_eq(method, "PUT") ||
		str_eq(method, "PATCH")) {
		curl_easy_setopt(p->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
		curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, body.p ? body.p : "");
	}
	if (str_eq(method, "HEAD"))
		curl_easy_setopt(p->easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(p->easy, CURLOPT_CUSTOMREQUEST, method);
}

/*
 * The target is sent as it is. Only to a proxy, without a tunnel, the library has to make an
 * absolute one of the URL, which it leaves alone as far as it can.
 */
static int set_target(struct courier *p)
{
	const struct upstream *u = p->item.x->upstream;

	forward_build_target(p->item.x, &p->target);
	buffer_printf(&p->url, "%s://%s:%s%s", u->tls ? "https" : "http", u->host, u->port,
		u->tls ? "/" : buffer_text(&p->target));
	if (buffer_error(&p->target) || buffer_error(&p->url))
		return -ENOMEM;
	curl_easy_setopt(p->easy, CURLOPT_URL, buffer_text(&p->url));
	curl_easy_setopt(p->easy, CURLOPT_PATH_AS_IS, 1L);
	if (u->tls)
		curl_easy_setopt(p->easy, CURLOPT_REQUEST_TARGET, buffer_text(&p->target));
	return 0;
}

static int set_up(struct courier *p)
{
	struct exchange *x = p->item.x;
	CURL *easy = p->easy;
	int r = set_target(p);

	if (r >= 0)
		r = make_headers(p);
	if (r >= 0)
		r = http_client_set_connection(
			x->upstream->client, easy, buffer_text(&p->url), &p->lists);
	if (r < 0)
		return r;
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)x->upstream->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, (long)x->renewed);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)(UPSTREAM_IDLE_MS / 1000));
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)READ_BYTES);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, p->headers);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, p->why);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, p);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, p);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, &p->item);
	set_body(p);
	return 0;
}

int courier_start(struct exchange *x)
{
	struct post_office *office = post_office_of(x->loop);
	struct courier *p = office ? calloc(1, sizeof(*p)) : NULL;
	int r;

	if (!p)
		return -ENOMEM;
	p->item.office = office;
	p->item.x = x;
	buffer_init(&p->head, ANSWER_HEAD_MAX_BYTES);
	p->easy = curl_easy_init();
	r = p->easy ? set_up(p) : -ENOMEM;
	if (r >= 0)
		r = loop_timer_init(&x->loop->loop, &p->timer, on_timer);
	if (r >= 0 && curl_multi_add_handle(office->multi, p->easy) != CURLM_OK) {
		loop_timer_done(&x->loop->loop, &p->timer);
		r = -ENOMEM;
	}
	if (r < 0) {
		free_courier(p);
		return r;
	}
	x->courier = p;
	set_timeout(p);
	return 0;
}

/* -EBADMSG: what came is no proper head. */
static int see_head(struct courier *p)
{
	struct exchange *x = p->item.x;
	struct http_response_head *head = &x->loop->answer;
	CLEANUP(buffer_done) struct buffer text = { 0 };
	long status = 0;
	int r;

	/* Of HTTP/1 and 2 alike. The text goes when the answer has been written down. */
	curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
	buffer_printf(&text, "HTTP/1.1 %03ld %s\r\n", status, answer_reason((int)status));
	buffer_append(&text, p->head.data, p->head.len);
	r = buffer_error(&text);
	if (r >= 0)
		r = http_response_head_parse((struct slice){ text.data, text.len },
			str_eq(forward_method(x), "HEAD"), head);
	if (r < 0)
		return r;
	/* The library takes chunks apart. */
	if (head->framing == HTTP_BODY_CHUNKED)
		head->framing = HTTP_BODY_CLOSE;
	forward_answered(x);
	answer_head(x, false);
	return 0;
}

/* Takes what the client sends, where the library has asked for it. -errno of the client. */
static int feed(struct courier *p)
{
	struct exchange *x = p->item.x;

	while (!x->reader.done && p->out.len - p->out_done < OUT_HIGH_BYTES_OF_COURIER) {
		int r = exchange_take_body(x, &p->out);

		if (r < 0)
			return r;
		if (!r)
			break;
		x->body_begun = true;
		set_timeout(p);
	}
	return buffer_error(&p->out);
}

static void drop_done(struct buffer *buf, size_t *done)
{
	if (*done == buf->len) {
		buffer_clear(buf);
		*done = 0;
	}
}

/* False: the exchange went another way. */
static bool run_send(struct courier *p)
{
	struct exchange *x = p->item.x;
	struct client *c = x->client;
	int r;

	if (!forward_streams(x) || !p->asked || p->item.done)
		return true;
	drop_done(&p->out, &p->out_done);
	r = feed(p);
	if (r >= 0)
		return true;
	if (r == -EPIPE || x->answered) {
		client_close(c, r != -EPIPE);
	} else {
		forward_abort(x);
		answer_refuse(c, x, 400, "Bad Request\n");
	}
	return false;
}

static int flush_some(struct client *c)
{
	int r;

	if (answer_is_held(c->x))
		return 0;
	r = client_flush(c);
	if (r < 0)
		client_close(c, true);
	return r < 0 || answer_unsent(c->x) > OUT_HIGH_BYTES ? -1 : 0;
}

static bool run_head(struct courier *p)
{
	struct exchange *x = p->item.x;

	if (x->answered || !p->head_ready)
		return true;
	if (see_head(p) < 0) {
		forward_failed(x, ATTEMPT_BROKEN, "the server's answer is malformed");
		return false;
	}
	return x->courier == p && x->state == EXCHANGE_FORWARDING;
}

static bool run_receive(struct courier *p)
{
	struct exchange *x = p->item.x;

	if (!run_head(p))
		return false;
	if (!x->answered || p->in.len == p->in_done)
		return true;
	if (answer_unsent(x) > OUT_HIGH_BYTES && flush_some(x->client) < 0)
		return false;
	set_timeout(p);
	while (p->in_done < p->in.len) {
		size_t n = answer_step(x, p->in.len - p->in_done);

		if (answer_data(x, p->in.data + p->in_done, n) < 0) {
			forward_cut(x);
			return false;
		}
		p->in_done += n;
		if (answer_unsent(x) > OUT_HIGH_BYTES && flush_some(x->client) < 0)
			return false;
	}
	drop_done(&p->in, &p->in_done);
	return flush_some(x->client) >= 0;
}

/* Lets the library go on where it had to wait; it may call back at once. */
static bool resume(struct courier *p)
{
	bool receive = p->recv_paused && p->in.len == p->in_done;
	bool send = p->send_paused && (p->out.len > p->out_done || p->item.x->reader.done);
	int still = 0;

	if (p->item.done || (!receive && !send))
		return false;
	p->recv_paused &= !receive;
	p->send_paused &= !send;
	if (p->recv_paused)
		still |= CURLPAUSE_RECV;
	if (p->send_paused)
		still |= CURLPAUSE_SEND;
	curl_easy_pause(p->easy, still);
	return true;
}

/* What the library doesn't take, and what there is no memory for, is no fault of the server's. */
static bool is_refusal(CURLcode code)
{
	return code == CURLE_URL_MALFORMAT || code == CURLE_OUT_OF_MEMORY ||
		code == CURLE_BAD_FUNCTION_ARGUMENT;
}

/*
 * Kept connections that their servers were about to end. The library tries others, but all may be
 * of that kind where many requests share few connections.
 */
static bool was_kept(struct courier *p)
{
	const CURLcode code = p->item.result;
	long connects = 0;

	curl_easy_getinfo(p->easy, CURLINFO_NUM_CONNECTS, &connects);
	return code == CURLE_SEND_ERROR ||
		(!connects &&
			(code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
				code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM));
}

/* Whether the server may have the request. The time is told only after the head has been sent. */
static bool was_sent(struct courier *p)
{
	curl_off_t begun_us = 0;
	long head_bytes = 0;

	curl_easy_getinfo(p->easy, CURLINFO_PRETRANSFER_TIME_T, &begun_us);
	if (begun_us || !is_refusal(p->item.result))
		return begun_us > 0;
	curl_easy_getinfo(p->easy, CURLINFO_REQUEST_SIZE, &head_bytes);
	return head_bytes > 0;
}

static void finish(struct courier *p)
{
	struct exchange *x = p->item.x;

	if (p->item.result == CURLE_OK && x->answered) {
		courier_abort(p);
		forward_complete(x);
		return;
	}
	if (x->answered) {
		forward_cut(x);
		return;
	}
	snprintf(x->why, sizeof(x->why), "%.*s", (int)sizeof(x->why) - 1,
		*p->why ? p->why : curl_easy_strerror(p->item.result));
	if (was_kept(p) && forward_renew(x, false))
		return;
	if (was_sent(p))
		forward_failed(x, ATTEMPT_BROKEN, x->why);
	else if (is_refusal(p->item.result))
		forward_unfit(x);
	else
		forward_failed(x, ATTEMPT_UNREACHABLE, x->why);
}

void courier_run(struct courier *p)
{
	do {
		if (!run_send(p) || !run_receive(p))
			return;
	} while (resume(p));
	if (p->item.done && p->in.len == p->in_done)
		finish(p);
}
