// SPDX-License-Identifier: Apache-2.0
/*
 * The privilege model of spec exporter-node.md 6 and api-server.md 1.2: start, become an
 * unprivileged user, keep the needed capabilities permitted but not effective, raise them in the
 * calling thread around one step.
 */
#ifndef CEEMS_HOST_PRIVILEGE_H
#define CEEMS_HOST_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/err.h"
#include "basic/options.h"

/* Bits 1 << CAP_x of linux/capability.h. */
typedef uint64_t capability_set;
#define CAPABILITY(cap) ((capability_set)1 << (cap))

struct privilege_plan {
	const char *run_as_user; /* name or uid; NULL or "" = nobody if root, else unchanged */
	capability_set needed; /* union over the features that are on */
	struct strings read_paths; /* must stay readable after the change of user */
	struct strings write_paths; /* must stay readable and writable */
	struct strings passing_paths; /* likewise while they exist; no failure if that can't be */
	bool keep_effective; /* --security.disable-cap-awareness */
};

struct privilege; /* what was done, to be undone at exit */

/* Called once, before any thread is started. Warnings are sentences for the caller's log. */
int privilege_drop(const struct privilege_plan *plan, struct privilege **ret_privilege,
	struct strings *ret_warnings, struct err *err);
/* Removes the ACL entries that privilege_drop() added. NULL is fine. */
void privilege_free(struct privilege *privilege);

/*
 * Raises the capabilities in the calling thread's effective set; what is not permitted is left
 * out. Returns the set that was raised, to be handed to privilege_lower().
 */
capability_set privilege_raise(capability_set wanted);
void privilege_lower(capability_set raised);

#endif
