// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/version.h"

static const char *const log_levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const log_formats[] = { "logfmt", "json", NULL };

#define AT(field) offsetof(struct daemon_flags, field)

static const struct option_def options[] = {
	{ "log.format", OPTION_ENUM, AT(log_format), .fallback = "logfmt", .choices = log_formats,
		.help = "Form of the log records." },
	{ "log.level", OPTION_ENUM, AT(log_level), .fallback = "info", .choices = log_levels,
		.help = "Least severe records that are logged.", .flags = OPTION_IGNORE_CASE },
	{ "security.disable-cap-awareness", OPTION_BOOL, AT(disable_cap_awareness),
		.help = "Keep the needed capabilities effective all the time.",
		.flags = OPTION_HIDDEN },
	{ "security.drop-privileges", OPTION_BOOL, AT(drop_privileges), .fallback = "true",
		.help = "Become an unprivileged user and drop all capabilities that are not needed.",
		.flags = OPTION_HIDDEN },
	{ "security.run-as-user", OPTION_STRING, AT(run_as_user), .value_name = "USER",
		.help = "User name or uid to become when started as root. Without it: nobody." },
};

struct option_group daemon_flag_group(struct daemon_flags *flags)
{
	return (struct option_group){ "Logging and privileges", options, ARRAY_SIZE(options),
		flags };
}

struct log daemon_log(const struct daemon_flags *flags)
{
	return (struct log){ STDERR_FILENO, (enum log_level)flags->log_level,
		(enum log_format)flags->log_format, clock_system() };
}

const char *daemon_version(char text[static DAEMON_VERSION_MAX])
{
	const struct version *v = version_info();

	snprintf(text, DAEMON_VERSION_MAX, "(version=%s, branch=%s, revision=%s)", v->version,
		v->branch, v->revision);
	return text;
}

void daemon_log_warnings(const struct log *log, const struct strings *warnings)
{
	for (size_t i = 0; i < warnings->n; i++)
		log_warn(log, warnings->v[i]);
}

void daemon_take_signals(sigset_t *ret_signals, bool reload)
{
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(ret_signals);
	sigaddset(ret_signals, SIGINT);
	sigaddset(ret_signals, SIGTERM);
	if (reload)
		sigaddset(ret_signals, SIGHUP);
	else
		signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_BLOCK, ret_signals, NULL);
}

rlim_t daemon_allow_descriptors(rlim_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = MIN(limit.rlim_max, wanted);
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur;
}

int daemon_drop_privileges(const struct daemon_flags *flags, struct privilege_plan *plan,
	const struct log *log, struct privilege **ret_privilege, struct err *err)
{
	struct strings warnings = { 0 };
	int r;

	if (!flags->drop_privileges)
		return 0;
	plan->run_as_user = flags->run_as_user;
	plan->keep_effective = flags->disable_cap_awareness;
	r = privilege_drop(plan, ret_privilege, &warnings, err);
	if (r >= 0)
		daemon_log_warnings(log, &warnings);
	return r;
}

void daemon_wait_for_stop(const struct log *log, const sigset_t *signals)
{
	int sig = 0;

	sigwait(signals, &sig);
	log_info(log, "stopping", LOG_STR("signal", strsignal(sig)));
	sigprocmask(SIG_UNBLOCK, signals, NULL);
}

bool daemon_is_stopping(const sigset_t *signals)
{
	sigset_t pending;

	sigpending(&pending);
	sigandset(&pending, &pending, signals);
	return !sigisemptyset(&pending);
}

int daemon_fail(const struct err *err)
{
	err_print(err, stderr);
	return 1;
}
