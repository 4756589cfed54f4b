// SPDX-License-Identifier: Apache-2.0
/* Asking the API server for units and usage. */
#ifndef CEEMS_CACCT_CLIENT_H
#define CEEMS_CACCT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "cacct/field.h"
#include "cacct/reply.h"
#include "cacct/settings.h"

struct question {
	const char *user; /* who asks: login name */
	int64_t from, to; /* Unix seconds */
	struct strings accounts, jobs;
	struct strings users; /* empty: the caller's own */
	bool fields[N_FIELDS];
	int64_t deadline_ns; /* monotonic, of all answers */
};

/*
 * -EACCES: the server refuses (the sentence begins with 'forbidden.');
 * -EREMOTEIO: it answered that it failed; others as in http_client.h and reply.h.
 */
int client_ask(const struct settings *settings, const struct question *question,
	struct arena *arena, struct records *ret_units, struct records *ret_usages,
	struct err *err);

/* Whether the question needs an administrator: about others than the caller alone. */
bool question_needs_admin(const struct question *question);

#endif
