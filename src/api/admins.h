// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps the table of administrators equal to the configuration and the members of Grafana teams
 * (spec api-server.md 2.4, 2.8).
 */
#ifndef CEEMS_API_ADMINS_H
#define CEEMS_API_ADMINS_H

#include "api/config.h"
#include "api/store.h"

enum { ADMINS_REPLY_MAX_BYTES = 16 << 20 };

struct admins_env {
	const struct api_config *config;
	const char *config_dir;
	struct store *store;
	const struct clock *clock;
	const struct log *log;
	int cancel_fd;
};

struct admins;

/*
 * Fails if Grafana is wanted and cannot be reached. The configuration's names are in the table
 * then; of Grafana's those that were. The environment is borrowed.
 */
int admins_open(const struct admins_env *env, struct admins **ret_admins, struct err *err);
/* Updates the table now and then at each update_interval, in a thread. */
int admins_start(struct admins *admins, struct err *err);
/* Waits for the thread, for which cancel_fd must be readable. NULL is fine. */
void admins_close(struct admins *admins);

/* The logins in Grafana's list of team members, appended to *names. -EBADMSG, -ENOMEM. */
int admins_parse_members(struct slice json, struct arena *arena, struct strings *names);

#endif
