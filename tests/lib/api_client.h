// SPDX-License-Identifier: Apache-2.0
/* Asks the API without a network: a target as on a request line, and a few headers. */
#ifndef CEEMS_TESTS_API_CLIENT_H
#define CEEMS_TESTS_API_CLIENT_H

#include "api/api.h"
#include "sample_store.h"

struct api_client {
	struct sample_store *sample;
	struct api_server_config config;
	struct clock clock;
	struct network loopback; /* the trusted proxies */
	int64_t now_s; /* what the clock says */
	struct api api;

	/* Of the next request. */
	const char *method; /* NULL: GET */
	const char *origin, *forwarded_for, *host, *accept;
	struct api_peer peer; /* at first 127.0.0.1, which is trusted */

	/* Of the last answer. */
	int status;
	unsigned write_s;
	struct buffer body;
	struct buffer headers; /* "Name: value\n" */
	bool streamed;
};

/* Every route is there; the clock stands at the end of the sample data. */
void api_client_init(struct api_client *c, struct sample_store *sample);
void api_client_done(struct api_client *c);
/* The next requests come from there, without a login. */
void api_client_from(struct api_client *c, const char *address);

/* The body of the answer. user NULL: no header names one. */
const char *api_client_get(struct api_client *c, const char *user, const char *target);

#endif
