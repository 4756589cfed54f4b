// SPDX-License-Identifier: Apache-2.0
/*
 * What all our servers do alike: the flags of logging and privileges, signals, descriptors, and the
 * ends of a start and of a run (spec exporter-node.md 1, api-server.md 1, lb-and-proxies.md 2.1).
 */
#ifndef CEEMS_DAEMON_DAEMON_H
#define CEEMS_DAEMON_DAEMON_H

#include <signal.h>
#include <sys/resource.h>

#include "basic/log.h"
#include "basic/options.h"
#include "host/privilege.h"

struct daemon_flags {
	int log_level, log_format;
	bool disable_cap_awareness, drop_privileges;
	const char *run_as_user;
};

enum { DAEMON_VERSION_MAX = 512 }; /* bytes of daemon_version() */

/* The flags' rows, which fill *flags; a group of its own in --help. */
struct option_group daemon_flag_group(struct daemon_flags *flags);

/* To stderr. */
struct log daemon_log(const struct daemon_flags *flags);

/* "(version=V, branch=B, revision=R)", for the first record of a log. */
const char *daemon_version(char text[static DAEMON_VERSION_MAX]);

/* Sentences about deprecated options. */
void daemon_log_warnings(const struct log *log, const struct strings *warnings);

/*
 * Before any thread, which inherits the mask: blocks SIGINT, SIGTERM and, with reload, SIGHUP,
 * which is ignored without. A peer that went away is an error of write(2), no signal.
 */
void daemon_take_signals(sigset_t *ret_signals, bool reload);

/*
 * Raises the soft limit of open descriptors, usually that of select(2), to as many if the hard
 * limit allows. Returns the limit that holds then; 0: unknown.
 */
rlim_t daemon_allow_descriptors(rlim_t wanted);

/*
 * Completes the plan by the flags, follows it unless they forbid, and logs its warnings.
 * *ret_privilege stays as it is if nothing was dropped. As privilege_drop().
 */
int daemon_drop_privileges(const struct daemon_flags *flags, struct privilege_plan *plan,
	const struct log *log, struct privilege **ret_privilege, struct err *err);

/* Waits for one of the signals and logs it. A second one ends the process at once. */
void daemon_wait_for_stop(const struct log *log, const sigset_t *signals);

/* Whether one of the signals came already; daemon_wait_for_stop() is at its end at once then. */
bool daemon_is_stopping(const sigset_t *signals);

/* The exit status of a start that failed, which err tells. */
int daemon_fail(const struct err *err);

#endif
