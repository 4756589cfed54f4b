// SPDX-License-Identifier: Apache-2.0
/*
 * libcurl's multi interface on a loop: its sockets, its timer, and whom something happened to. Of
 * the loop's thread.
 */
#ifndef CEEMS_LB_PROXY_POST_OFFICE_H
#define CEEMS_LB_PROXY_POST_OFFICE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "lb/proxy/loop.h"

struct exchange;
struct post_office;
struct proxy_loop;

/* First in a courier; CURLOPT_PRIVATE of its handle. */
struct post_item {
	struct post_item *next;
	bool touched;
	struct post_office *office;
	struct exchange *x;
	bool done; /* and with what result */
	CURLcode result;
};

struct post_office {
	CURLM *multi;
	struct proxy_loop *loop;
	struct loop_timer timer;
	struct post_item *touched;
};

/* The loop's; NULL without memory. */
struct post_office *post_office_of(struct proxy_loop *loop);
void post_office_close(struct proxy_loop *loop);

/* From the library's callbacks: client_run() is due when the library has returned. */
void post_office_touch(struct post_item *item);
void post_office_untouch(struct post_item *item);

#endif
