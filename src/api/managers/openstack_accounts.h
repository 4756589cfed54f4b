// SPDX-License-Identifier: Apache-2.0
/*
 * Users and projects of an OpenStack cloud (spec api-server.md 8, item 3), kept for 12 hours. What
 * can't be had stays as it was and is asked for again each time. Belongs to one thread at a time.
 */
#ifndef CEEMS_API_MANAGERS_OPENSTACK_ACCOUNTS_H
#define CEEMS_API_MANAGERS_OPENSTACK_ACCOUNTS_H

#include "api/manager.h"
#include "remote/openstack/openstack_session.h"

enum {
	OPENSTACK_ACCOUNTS_LIFE_S = 12 * 3600,
	OPENSTACK_PARALLEL = 16, /* requests */
	/* After so many failures in a row the service is in trouble, and the rest has to wait. */
	OPENSTACK_FAILURES_MAX = 32,
	/* A user whose projects could not be had for so long, not even once, counts as one without.
	 */
	OPENSTACK_PATIENCE_S = 3600,
};

struct openstack_accounts;

/* Gets everything for the first time. The list of users must be had, projects may fail. */
int openstack_accounts_open(const struct manager_env *env, struct openstack_session *session,
	struct openstack_accounts **ret_accounts, struct err *err);
void openstack_accounts_close(struct openstack_accounts *accounts); /* NULL is fine */

/*
 * Gets anew what is older than 12 hours, or what failed last time. Failures are logged, once each
 * time they begin. -ECANCELED, -ENOMEM.
 */
int openstack_accounts_refresh(
	struct openstack_accounts *accounts, int64_t now_ms, struct err *err);

/* The names of a user and of a project, "" if they aren't known; valid until the next refresh. */
const char *openstack_accounts_user(const struct openstack_accounts *accounts, const char *id);
const char *openstack_accounts_project(const struct openstack_accounts *accounts, const char *id);

/*
 * Whether it is worth a refresh to learn this id: it isn't known, and was not asked for since the
 * last complete refresh. openstack_accounts_learn() makes the next refresh a complete one.
 */
bool openstack_accounts_is_new(const struct openstack_accounts *accounts, const char *id);
int openstack_accounts_learn(struct openstack_accounts *accounts, const char *id);

/*
 * The lists for the database, sorted by name. They are empty until the projects of all users are
 * known: what the database has from before is better than a part.
 */
int openstack_accounts_list(struct openstack_accounts *accounts, struct arena *arena,
	struct user_list *users, struct project_list *projects);

#endif
