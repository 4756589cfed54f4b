// SPDX-License-Identifier: Apache-2.0
#include "lb/proxy/post_office.h"

#include <stdlib.h>

#include "lb/proxy/internal.h"

enum { KEPT_CONNECTIONS = 1000, US_PER_MS = 1000 };

/* A socket of the library's. */
struct post_socket {
	struct loop_watch watch;
	struct loop_trash trash;
	struct post_office *office;
};

void post_office_touch(struct post_item *p)
{
	if (p->touched)
		return;
	p->touched = true;
	p->next = p->office->touched;
	p->office->touched = p;
}

void post_office_untouch(struct post_item *p)
{
	struct post_item **at = &p->office->touched;

	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
	p->touched = false;
}

/* Whoever is done, and whoever got or wants something. */
static void settle(struct post_office *office)
{
	struct post_item *p;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(office->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		p = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&p);
		p->done = true;
		p->result = message->data.result;
		post_office_touch(p);
	}
	while ((p = office->touched)) {
		post_office_untouch(p);
		client_run(p->x->client);
	}
}

static void on_socket(struct loop_watch *watch, uint32_t events)
{
	struct post_socket *socket = (struct post_socket *)watch;
	struct post_office *office = socket->office;
	int flags = 0, running;

	if (events & EPOLLIN)
		flags |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		flags |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		flags |= CURL_CSELECT_ERR;
	curl_multi_socket_action(office->multi, watch->fd, flags, &running);
	settle(office);
}

static void on_office_timer(struct loop_timer *timer)
{
	struct post_office *office = (struct post_office *)((char *)timer -
		offsetof(struct post_office, timer));
	int running;

	curl_multi_socket_action(office->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	settle(office);
}

/*
 * By the clock as it is now, and rounded up: when the timer fires before the library's own, the
 * library does nothing and doesn't ask for another one.
 */
static int set_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct post_office *office = ctx;

	if (timeout_ms < 0)
		loop_timer_clear(&office->timer);
	else
		loop_timer_set(&office->loop->loop, &office->timer,
			proxy_now_us() / US_PER_MS + timeout_ms + (timeout_ms > 0));
	return 0;
}

static void free_socket(struct loop_trash *trash)
{
	free((char *)trash - offsetof(struct post_socket, trash));
}

static void forget_socket(struct post_office *office, struct post_socket *socket)
{
	if (!socket)
		return;
	loop_remove(&office->loop->loop, &socket->watch);
	socket->watch.fd = -1;
	loop_discard(&office->loop->loop, &socket->trash, free_socket);
}

static uint32_t events_of(int what)
{
	switch (what) {
	case CURL_POLL_IN:
		return EPOLLIN;
	case CURL_POLL_OUT:
		return EPOLLOUT;
	case CURL_POLL_INOUT:
		return EPOLLIN | EPOLLOUT;
	default:
		return 0;
	}
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct post_office *office = ctx;
	struct post_socket *socket = socket_ctx;
	uint32_t events = events_of(what);

	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(office->multi, fd, NULL);
		forget_socket(office, socket);
		return 0;
	}
	if (socket)
		return loop_change(&office->loop->loop, &socket->watch, events) < 0 ? -1 : 0;
	socket = calloc(1, sizeof(*socket));
	if (!socket)
		return -1;
	socket->office = office;
	socket->watch = (struct loop_watch){ on_socket, fd };
	if (loop_add(&office->loop->loop, &socket->watch, events) < 0) {
		free(socket);
		return -1;
	}
	curl_multi_assign(office->multi, fd, socket);
	return 0;
}

struct post_office *post_office_of(struct proxy_loop *loop)
{
	struct post_office *office = loop->post_office;

	if (office)
		return office;
	office = calloc(1, sizeof(*office));
	if (!office)
		return NULL;
	office->loop = loop;
	office->multi = curl_multi_init();
	if (!office->multi || loop_timer_init(&loop->loop, &office->timer, on_office_timer) < 0) {
		if (office->multi)
			curl_multi_cleanup(office->multi);
		free(office);
		return NULL;
	}
	curl_multi_setopt(office->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(office->multi, CURLMOPT_SOCKETDATA, office);
	curl_multi_setopt(office->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(office->multi, CURLMOPT_TIMERDATA, office);
	curl_multi_setopt(office->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
	/*
	 * A stream for each connection of HTTP/2. Of streams that share one the library goes on
	 * reading those that are paused: 32 MiB each, and doesn't free it if they are given up.
	 */
	curl_multi_setopt(office->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	loop->post_office = office;
	return office;
}

void post_office_close(struct proxy_loop *loop)
{
	struct post_office *office = TAKE(loop->post_office);

	if (!office)
		return;
	curl_multi_cleanup(office->multi);
	loop_timer_done(&loop->loop, &office->timer);
	free(office);
}
