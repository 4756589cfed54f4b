// SPDX-License-Identifier: Apache-2.0
/*
 * ceems_exporter. Order of the start: collectors are opened, sockets bound and TLS keys loaded
 * with the rights that the program was started with; then these are given up; only then are threads
 * made.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "basic/version.h"
#include "exporter/flags.h"
#include "exporter/pages/pages.h"
#include "net/http_server.h"

enum {
	STOP_GRACE_MS = 5000,
	HEADER_TIMEOUT_MS = 2000,
	IDLE_TIMEOUT_MS = 180000, /* longer than usual scrape intervals, so that connections stay */
	HEADER_MAX_BYTES = 64 << 10,
	REQUEST_BODY_MAX_BYTES = 16 << 10, /* any method is answered; nobody reads its body */
	RESPONSE_MAX_BYTES = 256 << 20,
	THREADS_MAX = 64,
	GZIP_LEVEL = 4,
	HOSTNAME_MAX_BYTES = 256,
};

struct program {
	struct exporter_flags flags;
	struct log log;
	char hostname[HOSTNAME_MAX_BYTES];
	struct host_root host;
	struct exporter *exporter;
	struct alloy_targets *targets;
	struct pages *pages;
	struct http_server *server;
	struct privilege *privilege;
	sigset_t stop_signals;
};

static void log_build(const struct log *log)
{
	const struct version *v = version_info();
	char version[DAEMON_VERSION_MAX], build[512];

	log_info(log, "starting ceems_exporter", LOG_STR("version", daemon_version(version)));
	snprintf(build, sizeof(build), "(compiler=%s, platform=%s/%s, date=%s, tags=%s)",
		v->compiler, v->os, v->arch, v->date, v->tags);
	log_info(log, "operational information", LOG_STR("build_context", build));
}

static void format_limit(char text[static 24], rlim_t limit)
{
	if (limit == RLIM_INFINITY)
		strcpy(text, "unlimited");
	else
		snprintf(text, 24, "%llu", (unsigned long long)limit);
}

static void log_host(const struct log *log)
{
	struct utsname u = { .sysname = "" };
	struct rlimit fds = { 0 };
	char details[sizeof(u) + 16], soft[24], hard[24], limits[64];

	uname(&u);
	getrlimit(RLIMIT_NOFILE, &fds);
	format_limit(soft, fds.rlim_cur);
	format_limit(hard, fds.rlim_max);
	snprintf(details, sizeof(details), "(%s %s %s %s %s %s)", u.sysname, u.release, u.version,
		u.machine, u.nodename, u.domainname);
	snprintf(limits, sizeof(limits), "(soft=%s, hard=%s)", soft, hard);
	log_info(log, "operational information", LOG_STR("host_details", details),
		LOG_STR("fd_limits", limits));
}

static void find_hostname(struct program *p)
{
	const char *name = getenv("NODE_NAME");

	p->hostname[0] = '\0';
	if (p->flags.empty_hostname_label)
		return;
	if (name && name[0])
		snprintf(p->hostname, sizeof(p->hostname), "%s", name);
	else if (gethostname(p->hostname, sizeof(p->hostname) - 1) < 0)
		log_error(
			&p->log, "the host's name cannot be had", LOG_STR("err", err_name(-errno)));
}

static void log_flags(const struct program *p)
{
	CLEANUP(buffer_done) struct buffer names;

	daemon_log_warnings(&p->log, &p->flags.parsed.warnings);
	buffer_init(&names, 0);
	absent_features(p->flags.absent, &names);
	if (names.len > 0)
		log_warn(&p->log, "nothing is collected for some flags in this version",
			LOG_STR("flags", buffer_text(&names)));
}

static void log_missing(const struct program *p, enum host_root_kind kind)
{
	int error = host_root_error(&p->host, kind);

	if (error < 0)
		log_warn(&p->log, "there is nothing to read in a directory",
			LOG_STR("path", host_root_path(&p->host, kind)),
			LOG_STR("err", err_name(error)));
}

static int open_collectors(struct program *p, struct err *err)
{
	const struct exporter_flags *f = &p->flags;
	const struct exporter_config config = {
		.host = &p->host,
		.clock = clock_system(),
		.log = &p->log,
		.hostname = p->hostname,
		.settings = { f->active_subsystem, f->force_version,
			(enum gpu_vendor_choice)f->gpu_type, f->nvidia_smi_path, f->rocm_smi_path,
			f->amd_smi_path, f->rdma_stats, f->rdma_cmd },
		.choices = f->choices,
		.n_choices = n_collectors,
		.accounting = !f->disable_exporter_metrics,
		.cpu_budget_ns = f->cpu_budget_ns,
	};
	struct strings names;
	int r = exporter_open(&config, &p->exporter, err);

	if (r < 0)
		return r;
	log_missing(p, HOST_PROCFS);
	log_missing(p, HOST_SYSFS);
	names = exporter_collectors(p->exporter);
	log_info(&p->log, "enabled collectors");
	for (size_t i = 0; i < names.n; i++)
		log_info(&p->log, names.v[i]);
	return 0;
}

static int open_targets(struct program *p, struct err *err)
{
	const struct exporter_flags *f = &p->flags;
	const struct alloy_targets_config config = {
		.exporter = p->exporter,
		.host = &p->host,
		.clock = clock_system(),
		.log = &p->log,
		.env_vars = f->alloy_env_vars,
		.self = f->alloy_self,
	};
	int r = f->alloy_targets ? alloy_targets_new(&config, &p->targets, err) : 0;

	if (r == -ENODATA) {
		log_warn(&p->log, "there are no targets for Alloy", LOG_ERR(err));
		r = 0;
	}
	return r;
}

static int open_server(struct program *p, struct err *err)
{
	const struct exporter_flags *f = &p->flags;
	const struct pages_config pages = {
		.exporter = p->exporter,
		.clock = clock_system(),
		.log = &p->log,
		.telemetry_path = f->telemetry_path,
		.targets_path = f->targets_path,
		.targets = p->targets,
		.max_requests = f->max_requests,
		.exporter_metrics = !f->disable_exporter_metrics,
		.openmetrics = f->openmetrics,
	};
	struct http_server_config config = {
		.listen_addresses = f->listen_addresses,
		.web_config_file = f->web_config_file,
		.systemd_socket = f->systemd_socket,
		.threads = 1 + (unsigned)MIN(MAX(f->gomaxprocs, 1), THREADS_MAX),
		.max_request_body_bytes = REQUEST_BODY_MAX_BYTES,
		.max_header_bytes = HEADER_MAX_BYTES,
		.max_response_bytes = RESPONSE_MAX_BYTES,
		.header_timeout_ms = HEADER_TIMEOUT_MS,
		.idle_timeout_ms = IDLE_TIMEOUT_MS,
		.gzip = true,
		.gzip_level = GZIP_LEVEL,
		.log = &p->log,
		.handler = pages_handle,
	};
	int r = pages_new(&pages, &p->pages, err);

	config.ctx = p->pages;
	return r < 0 ? r : http_server_open(&config, &p->server, err);
}

static int drop_privileges(struct program *p, struct err *err)
{
	const struct exporter_flags *f = &p->flags;
	struct strings files = http_server_files(p->server);
	struct privilege_plan plan = {
		.needed = exporter_capabilities(p->exporter),
	};
	int r = 0;

	if (p->targets)
		plan.needed |= alloy_targets_capabilities(&f->alloy_env_vars);
	for (size_t i = 0; r >= 0 && i < files.n; i++)
		r = exporter_need_path(p->exporter, files.v[i], false);
	if (r < 0)
		return err_errno(err, r, "noting the files of the web config");
	plan.read_paths = exporter_paths(p->exporter, false);
	plan.write_paths = exporter_paths(p->exporter, true);
	return daemon_drop_privileges(&f->daemon, &plan, &p->log, &p->privilege, err);
}

static int start(struct program *p, struct err *err)
{
	const struct exporter_flags *f = &p->flags;
	int r = host_root_open(&p->host, f->procfs, f->sysfs, f->cgroupfs, err);

	if (r >= 0)
		r = open_collectors(p, err);
	if (r >= 0)
		r = open_targets(p, err);
	if (r >= 0)
		r = open_server(p, err);
	if (r >= 0)
		r = drop_privileges(p, err);
	if (r >= 0)
		r = exporter_start(p->exporter, err);
	if (r >= 0)
		r = http_server_serve(p->server, err);
	return r;
}

static void stop(struct program *p)
{
	http_server_stop(p->server, STOP_GRACE_MS);
	exporter_stop(p->exporter);
	pages_free(p->pages);
	alloy_targets_free(p->targets);
	exporter_free(p->exporter);
	privilege_free(p->privilege);
	host_root_close(&p->host);
}

static int fail(const struct log *log, const struct err *err)
{
	log_error(log, "ceems_exporter cannot start", LOG_ERR(err));
	return daemon_fail(err);
}

int main(int argc, char **argv)
{
	struct program p = { .host = { -1, -1, -1, NULL, NULL, NULL, NULL } };
	struct err err = { 0 };
	int r, status = 0;

	daemon_take_signals(&p.stop_signals, false);
	r = exporter_flags_parse(&p.flags, argc, argv, stdout, stderr);
	if (r != OPTIONS_RUN) {
		exporter_flags_done(&p.flags);
		return r < 0;
	}
	p.log = daemon_log(&p.flags.daemon);
	log_build(&p.log);
	log_host(&p.log);
	log_flags(&p);
	find_hostname(&p);

	r = start(&p, &err);
	if (r < 0)
		status = fail(&p.log, &err);
	else
		daemon_wait_for_stop(&p.log, &p.stop_signals);
	stop(&p);
	exporter_flags_done(&p.flags);
	return status;
}
