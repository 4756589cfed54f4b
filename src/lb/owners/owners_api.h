// SPDX-License-Identifier: Apache-2.0
/*
 * Ownership from the API server (spec lb-and-proxies.md 2.10, api-server.md 5.8-5.10): the verify
 * route decides, and the units routes, asked as the service account, tell when the units existed.
 * Calls block for at most OWNERS_TIMEOUT_MS in all. Any thread.
 */
#ifndef CEEMS_LB_OWNERS_OWNERS_API_H
#define CEEMS_LB_OWNERS_OWNERS_API_H

#include "lb/owners/owners.h"

/* Other programs of CEEMS ask the API server under this name; no person may. */
extern const char owners_service_account[];

struct owners_api;

int owners_api_new(const char *url, const struct http_client_config *client, int cancel_fd,
	const struct clock *clock, struct owners_api **ret_api, struct err *err);
void owners_api_free(struct owners_api *api); /* NULL is fine */

/* -errno: no answer that decides. */
int owners_api_lookup(struct owners_api *api, const struct owners_question *question,
	struct arena *arena, enum owners_verdict *ret_verdict,
	const struct gate_unit_lives **ret_lives, struct err *err);
int owners_api_is_admin(struct owners_api *api, const char *user, bool *ret_admin, struct err *err);
int owners_api_clusters(
	struct owners_api *api, struct arena *arena, struct strings *ret_clusters, struct err *err);

#endif
