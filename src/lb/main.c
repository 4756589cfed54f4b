// SPDX-License-Identifier: Apache-2.0
/*
 * ceems_lb. Order of the start: the configuration is read and sockets are bound with the rights
 * that the program was started with; then these are given up; only then are threads made. SIGHUP
 * reads the configuration again; what the flags say stays.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "basic/version.h"
#include "lb/flags.h"
#include "lb/lb.h"
#include "lb/program.h"
#include "lb/visit.h"

enum {
	DESCRIPTORS_WANTED = 2 * 16384 + 64, /* each client may need two */
	STOP_GRACE_MS = 5000,
	ARENA_BYTES = 16 << 20,
	HEADER_TIMEOUT_MS = 2000,
	HEADER_MAX_BYTES = 60 << 10, /* room for a thousand uuids in a query */
	LOOPS_MAX = 64,
	WORKERS = 8, /* lookups of ownership that have to wait */
	RETIRED_AWAKE =
		16, /* configurations that requests still use, and whose servers are probed */
	CHECK_S = 30, /* between looks for clusters that are not known */
	NS_PER_S = 1000000000,
};

struct program {
	struct lb_flags flags;
	struct log log;
	struct arena arena;
	struct settings *settings;
	struct lb lb;
	struct state_config state_config;
	const char *config_file, *directory;
	struct privilege *privilege;
	struct state *retired; /* the latest one first */
	int cancel_fd;
	sigset_t signals;
};

static void log_start(const struct program *p)
{
	const struct version *v = version_info();
	struct utsname host = { 0 };
	struct rlimit fds = { 0 };
	char version[DAEMON_VERSION_MAX], build[512], details[512], limits[64];

	(void)uname(&host);
	(void)getrlimit(RLIMIT_NOFILE, &fds);
	snprintf(build, sizeof(build), "(%s, platform=%s/%s, date=%s)", v->compiler, v->os, v->arch,
		v->date);
	snprintf(details, sizeof(details), "(%s %s %s %s)", host.sysname, host.release,
		host.version, host.machine);
	snprintf(limits, sizeof(limits), "(soft=%llu, hard=%llu)", (unsigned long long)fds.rlim_cur,
		(unsigned long long)fds.rlim_max);
	log_info(&p->log, "Starting ceems_lb", LOG_STR("version", daemon_version(version)));
	log_info(&p->log, "Operational information", LOG_STR("build_context", build),
		LOG_STR("host_details", details), LOG_STR("fd_limits", limits));
	daemon_log_warnings(&p->log, &p->flags.parsed.warnings);
}

static const char *absolute(struct program *p, const char *path)
{
	char cwd[PATH_MAX];

	if (path[0] == '/')
		return path;
	return getcwd(cwd, sizeof(cwd)) ? arena_printf(&p->arena, "%s/%s", cwd, path) : NULL;
}

/* Files that a server's 'web' names are relative to the web config file (spec 2.2). */
static int find_directories(struct program *p, struct err *err)
{
	const char *web = p->flags.web_config_file, *slash = strrchr(web, '/');

	p->config_file = absolute(p, p->flags.config_file);
	if (!*web)
		p->directory = absolute(p, ".");
	else if (slash == web)
		p->directory = "/";
	else
		p->directory = absolute(
			p, slash ? arena_strndup(&p->arena, web, (size_t)(slash - web)) : ".");
	return p->config_file && p->directory ? 0 : err_errno(err, -ENOMEM, "starting");
}

static int load_config(struct program *p, struct settings **ret_settings, struct err *err)
{
	return settings_load(p->config_file, p->flags.expand_env, p->directory, ret_settings, err);
}

static void log_kinds(const struct program *p)
{
	const struct lb *lb = &p->lb;

	if (lb->n_kinds == 2)
		log_info(&p->log,
			lb->kinds[0] == GATE_TSDB ? "Load balancers: tsdb, pyroscope"
						  : "Load balancers: pyroscope, tsdb");
	else if (lb->n_kinds == 1)
		log_info(&p->log,
			lb->kinds[0] == GATE_TSDB ? "Load balancers: tsdb"
						  : "Load balancers: pyroscope");
	else
		log_warn(&p->log, "there are no backends: nothing is listened on");
}

static bool listens_for_others(const struct program *p)
{
	if (p->flags.systemd_socket)
		return !program_sockets_are_local();
	for (size_t i = 0; i < p->lb.n_kinds; i++)
		if (!program_is_local(p->flags.listen_addresses.v[i]))
			return true;
	return false;
}

/* Who anybody claims to be must not decide what they see. */
static int check_trust(struct program *p, struct err *err)
{
	const struct lb_config *config = &p->settings->config;
	int r = networks_parse(&p->flags.trusted_proxies, &p->arena, &p->lb.trusted, err);

	if (r < 0)
		return err_prefix(err, r, "--web.trusted-proxies");
	r = program_authenticates(p->flags.web_config_file, err);
	if (r < 0)
		return r;
	if (r || (!config->data_path && !*config->api.url) || !listens_for_others(p) ||
		options_given(&p->flags.parsed, "web.trusted-proxies"))
		return 0;
	return err_set(err, -EPERM,
		"access control believes the header X-Grafana-User, and everybody can connect to this "
		"listener. Ask for a password or a client certificate (--web.config.file), or say whose "
		"header is believed (--web.trusted-proxies=CIDR of Grafana; 0.0.0.0/0,::/0 if "
		"something else sees to it that nobody else connects), or listen on 127.0.0.1");
}

static int open_proxy(struct program *p, struct err *err)
{
	struct lb *lb = &p->lb;
	struct proxy_config config = {
		.listen_addresses = p->flags.listen_addresses,
		.systemd_socket = p->flags.systemd_socket,
		.web_config_file = p->flags.web_config_file,
		.loops = (unsigned)MIN(MAX(p->flags.gomaxprocs, 1), LOOPS_MAX),
		.workers = WORKERS,
		.max_header_bytes = HEADER_MAX_BYTES,
		.header_timeout_ms = HEADER_TIMEOUT_MS,
		.cancel_fd = p->cancel_fd,
		.log = &p->log,
		.handler = &policy_handler,
		.ctx = lb,
	};
	int r;

	lb->n_kinds = program_kinds(&p->settings->config, lb->kinds);
	log_kinds(p);
	if (!lb->n_kinds)
		return 0;
	if (!p->flags.systemd_socket && config.listen_addresses.n < lb->n_kinds) {
		log_error(&p->log, "Missing web listen addresses");
		return err_set(err, -EINVAL,
			"insufficient --web.listen-address. Expected %zu got %zu", lb->n_kinds,
			config.listen_addresses.n);
	}
	config.listen_addresses.n = MIN(config.listen_addresses.n, lb->n_kinds);
	r = check_trust(p, err);
	if (r >= 0)
		r = proxy_open(&config, &lb->proxy, err);
	if (r >= 0 && proxy_listeners(lb->proxy) < lb->n_kinds)
		return err_set(err, -EINVAL, "systemd passed %zu sockets, and %zu are needed",
			proxy_listeners(lb->proxy), lb->n_kinds);
	return r;
}

static void add_if_there(struct strings *list, const char *path)
{
	if (path && access(path, F_OK) == 0)
		list->v[list->n++] = path;
}

static int drop_privileges(struct program *p, struct err *err)
{
	const char *database = state_database(p->settings, &p->arena);
	struct strings files = p->lb.proxy ? proxy_files(p->lb.proxy) : (struct strings){ 0 };
	struct strings reads = { ARENA_ARRAY(&p->arena, const char *, files.n + 5), 0 };
	struct privilege_plan plan = { 0 };

	if (!reads.v)
		return err_errno(err, -ENOMEM, "dropping privileges");
	reads.v[reads.n++] = p->config_file;
	for (size_t i = 0; i < files.n; i++)
		reads.v[reads.n++] = files.v[i];
	if (database) {
		add_if_there(&reads,
			arena_strndup(
				&p->arena, database, (size_t)(strrchr(database, '/') - database)));
		add_if_there(&reads, database);
		/* Without these two a database that is being written can't be read. */
		add_if_there(&reads, arena_printf(&p->arena, "%s-wal", database));
		add_if_there(&reads, arena_printf(&p->arena, "%s-shm", database));
	}
	plan.read_paths = reads;
	return daemon_drop_privileges(&p->flags.daemon, &plan, &p->log, &p->privilege, err);
}

static int open_state(struct program *p, struct err *err)
{
	int r;

	p->state_config = (struct state_config){
		.clock = clock_system(),
		.log = &p->log,
		.cancel_fd = p->cancel_fd,
	};
	r = state_new(&p->state_config, p->settings, NULL, &p->lb.state, err);
	if (r < 0) {
		log_error(&p->log, "Failed to create load balancer frontend", LOG_ERR(err));
		return r;
	}
	state_check_clusters(p->lb.state, &p->log);
	return state_start(p->lb.state, err);
}

static int serve(struct program *p, struct err *err)
{
	struct lb *lb = &p->lb;
	int r;

	if (!lb->proxy)
		return 0;
	r = proxy_serve(lb->proxy, err);
	for (size_t i = 0; r >= 0 && i < lb->n_kinds; i++)
		log_info(&p->log, "Starting ceems_lb",
			LOG_STR("backend_type", server_kind_name(lb->kinds[i])),
			LOG_STR("listening",
				p->flags.systemd_socket ? "systemd"
							: p->flags.listen_addresses.v[i]));
	return r;
}

static int start(struct program *p, struct err *err)
{
	int r = find_directories(p, err);

	p->lb.clock = clock_system();
	p->lb.log = &p->log;
	p->lb.log_requests = p->flags.log_requests;
	pthread_mutex_init(&p->lb.lock, NULL);
	if (r >= 0 && !*p->flags.config_file)
		return err_set(
			err, -EINVAL, "failed to parse config file: --config.file is not given");
	if (r >= 0)
		r = load_config(p, &p->settings, err);
	if (r < 0)
		return r;
	log_start(p);
	p->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->cancel_fd < 0)
		return err_errno(err, -errno, "eventfd");
	if (users_new(&p->lb.users) < 0 || metrics_new(&p->lb.metrics) < 0)
		return err_errno(err, -ENOMEM, "starting");
	r = open_proxy(p, err);
	if (r >= 0)
		r = drop_privileges(p, err);
	if (r >= 0)
		r = open_state(p, err);
	return r < 0 ? r : serve(p, err);
}

/* Configurations that no request uses any more. */
static void free_retired(struct program *p)
{
	struct state **at = &p->retired;

	while (*at) {
		struct state *state = *at;

		if (!state_is_idle(state)) {
			at = &state->next;
			continue;
		}
		*at = state->next;
		state_unref(state);
	}
}

/* Requests that don't end must not keep anybody from a new configuration, nor cost much. */
static void retire(struct program *p, struct state *state)
{
	size_t n = 0;

	state->next = p->retired;
	p->retired = state;
	for (; state; state = state->next)
		if (n++ >= RETIRED_AWAKE)
			state_rest(state);
}

static bool same_kinds(const struct program *p, const struct settings *settings)
{
	enum gate_kind kinds[N_GATE_KINDS];
	size_t n = program_kinds(&settings->config, kinds);

	return n == p->lb.n_kinds && memcmp(kinds, p->lb.kinds, n * sizeof(*kinds)) == 0;
}

static int make_next(struct program *p, struct state **ret_state, struct err *err)
{
	struct settings *settings;
	struct state *state = NULL;
	int r = load_config(p, &settings, err);

	if (r < 0)
		return r;
	if (!same_kinds(p, settings))
		r = err_set(err, -EINVAL,
			"it has other kinds of servers, and so other listeners: restart the program");
	if (r >= 0)
		r = state_new(&p->state_config, settings, p->lb.state, &state, err);
	if (r >= 0 && !state->owners != !p->lb.state->owners)
		r = err_set(err, -EINVAL, "it turns access control on or off: restart the program");
	if (r >= 0)
		r = state_start(state, err);
	settings_unref(settings);
	if (r < 0)
		state_unref(state);
	else
		*ret_state = state;
	return r;
}

static void reload(struct program *p)
{
	struct state *state;
	struct err err = { 0 };

	if (make_next(p, &state, &err) < 0) {
		log_error(&p->log, "the configuration can't be loaded; the last one stays",
			LOG_ERR(&err));
		return;
	}
	retire(p, lb_set_state(&p->lb, state));
	log_info(&p->log, "the configuration was loaded again");
}

static time_t now_s(void)
{
	return (time_t)(clock_monotonic_ns(clock_system()) / NS_PER_S);
}

static void run(struct program *p)
{
	const struct timespec soon = { .tv_sec = 1 }, later = { .tv_sec = CHECK_S };
	time_t check = now_s() + CHECK_S;
	int sig;

	for (;;) {
		if (p->retired || !p->lb.state->known)
			sig = sigtimedwait(&p->signals, NULL, p->retired ? &soon : &later);
		else
			sig = sigwaitinfo(&p->signals, NULL);
		/* Before anything that may wait for an API server. */
		if (sig == SIGINT || sig == SIGTERM)
			break;
		free_retired(p);
		if (sig == SIGHUP)
			reload(p);
		else if (now_s() < check)
			continue;
		state_check_clusters(p->lb.state, &p->log);
		check = now_s() + CHECK_S;
	}
	log_info(&p->log, "Shutting down gracefully, press Ctrl+C again to force",
		LOG_STR("signal", strsignal(sig)));
	/* A second one ends the process at once. */
	sigprocmask(SIG_UNBLOCK, &p->signals, NULL);
}

/* What requests that were cut off may still use ends with them. */
static void drop_states(struct program *p)
{
	state_unref(p->lb.state);
	while (p->retired) {
		struct state *next = p->retired->next;

		state_unref(p->retired);
		p->retired = next;
	}
}

static void stop(struct program *p)
{
	proxy_stop(p->lb.proxy, STOP_GRACE_MS);
	drop_states(p);
	settings_unref(p->settings);
	users_free(p->lb.users);
	metrics_free(p->lb.metrics);
	privilege_free(p->privilege);
	if (p->cancel_fd >= 0)
		close(p->cancel_fd);
	arena_done(&p->arena);
}

int main(int argc, char **argv)
{
	struct program p = { .cancel_fd = -1 };
	struct err err = { 0 };
	int r, status = 0;

	daemon_take_signals(&p.signals, true);
	r = lb_flags_parse(&p.flags, argc, argv, stdout, stderr);
	if (r != OPTIONS_RUN) {
		lb_flags_done(&p.flags);
		return r < 0;
	}
	p.log = daemon_log(&p.flags.daemon);
	arena_init(&p.arena, ARENA_BYTES);
	daemon_allow_descriptors(DESCRIPTORS_WANTED);
	r = start(&p, &err);
	if (r < 0)
		status = daemon_fail(&err);
	else
		run(&p);
	stop(&p);
	if (r >= 0) {
		log_info(&p.log, "Load balancer(s) exiting");
		log_info(&p.log, "See you next time!!");
	}
	lb_flags_done(&p.flags);
	return status;
}
