// SPDX-License-Identifier: Apache-2.0
/*
 * ceems_api_server. Order of the start (spec api-server.md 1.1): the configuration is read,
 * directories are made and sockets bound with the rights that the program was started with; then
 * these are given up; then the database, managers and updaters are opened; only then are threads
 * made. But if the database has to be upgraded, which takes minutes, HTTP says so meanwhile.
 */
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/admins.h"
#include "api/backup.h"
#include "api/flags.h"
#include "api/housekeeping.h"
#include "api/server.h"
#include "api/sources.h"
#include "api/store_sink.h"
#include "basic/duration.h"
#include "basic/file.h"
#include "basic/version.h"
#include "net/gzip.h"

enum {
	STOP_GRACE_MS = 5000,
	CONFIG_ARENA_BYTES = 64 << 20,
	DATA_MODE = 0750,
	CONNECTIONS_MAX = 2048,
	OTHER_DESCRIPTORS = 128, /* database, commands, logs */
	THREADS_MIN = 4,
	THREADS_MAX = 64,
	MS_PER_DAY = 24 * 3600 * 1000,
	PATIENCE_MS = 300, /* of clients, while the database is upgraded */
	PROGRESS_MS = 10 * 1000, /* between records of the log about it */
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
};

struct program {
	struct api_flags flags;
	struct log log;
	struct arena arena; /* configuration and paths */
	struct api_config config;
	const char *config_file, *config_dir, *data_dir, *backup_dir; /* absolute */
	struct timezone_ *zone;
	struct api_server *server;
	struct privilege *privilege;
	struct store *store;
	struct admins *admins;
	struct sources sources;
	struct collect *collect;
	struct backup *backup;
	struct housekeeping *housekeeping;
	atomic_bool damaged; /* the database */
	bool serving;
	struct err serve_failure;
	int64_t opening_ms,
		said_ms; /* when the database was begun to be opened, and the log told */
	int cancel_fd; /* readable when the program stops */
	sigset_t stop_signals;
};

static void log_start(const struct program *p)
{
	char text[DAEMON_VERSION_MAX];

	log_info(&p->log, "starting ceems_api_server", LOG_STR("version", daemon_version(text)));
	daemon_log_warnings(&p->log, &p->flags.parsed.warnings);
}

static int make_absolute(
	struct program *p, const char *path, const char **ret_path, struct err *err)
{
	char cwd[PATH_MAX];
	const char *made = path;

	if (path[0] != '/') {
		if (!getcwd(cwd, sizeof(cwd)))
			return err_errno(err, -errno, "working directory");
		made = arena_printf(&p->arena, "%s/%s", cwd, path);
	}
	if (!made)
		return err_errno(err, -ENOMEM, "path '%s'", path);
	*ret_path = made;
	return 0;
}

static int load_config(struct program *p, struct err *err)
{
	const char *slash;
	int r;

	r = api_config_load(p->flags.config_file, p->flags.expand_env, p->flags.no_checks,
		&p->arena, &p->config, err);
	if (r >= 0)
		r = make_absolute(p, p->flags.config_file, &p->config_file, err);
	if (r < 0)
		return r;
	slash = strrchr(p->config_file, '/');
	p->config_dir = slash == p->config_file
		? "/"
		: arena_strndup(&p->arena, p->config_file, (size_t)(slash - p->config_file));
	if (!p->config_dir)
		return err_errno(err, -ENOMEM, "'%s'", p->config_file);
	return timezone_new(p->config.data.time_zone, &p->zone, err);
}

static int make_directories(struct program *p, struct err *err)
{
	int r = make_absolute(p, p->config.data.path, &p->data_dir, err);

	if (r >= 0)
		r = file_mkdirs(p->data_dir, DATA_MODE, err);
	if (r >= 0 && *p->config.data.backup_path) {
		r = make_absolute(p, p->config.data.backup_path, &p->backup_dir, err);
		if (r >= 0)
			r = file_mkdirs(p->backup_dir, DATA_MODE, err);
	}
	return r;
}

/* As many as descriptors allow. */
static unsigned allow_connections(void)
{
	rlim_t limit = daemon_allow_descriptors(CONNECTIONS_MAX + OTHER_DESCRIPTORS);

	if (limit < 2 * OTHER_DESCRIPTORS)
		return 0;
	return (unsigned)MIN(limit - OTHER_DESCRIPTORS, CONNECTIONS_MAX);
}

static int list_clusters(struct program *p, struct strings *ret_ids, struct err *err)
{
	const struct cluster_config *clusters = p->config.clusters.v;
	size_t n = p->config.clusters.n;
	const char **v = ARENA_ARRAY(&p->arena, const char *, n + 1);

	if (!v)
		return err_errno(err, -ENOMEM, "clusters");
	for (size_t i = 0; i < n; i++)
		v[i] = clusters[i].id;
	*ret_ids = (struct strings){ v, n };
	return 0;
}

static int open_server(struct program *p, struct err *err)
{
	const struct api_flags *f = &p->flags;
	struct api_server_config config = {
		.http = {
			.listen_addresses = f->listen_addresses,
			.web_config_file = f->web_config_file,
			.systemd_socket = f->systemd_socket,
			.max_connections = allow_connections(),
			.threads = (unsigned)MIN(MAX(f->gomaxprocs, THREADS_MIN), THREADS_MAX),
			.gzip = f->compression,
			.deflate = true,
			.gzip_level = (int)f->compression_level,
			.log = &p->log,
		},
		.route_prefix = f->route_prefix,
		.max_requests = f->max_requests,
		.cors_origin = f->cors_origin,
		.identity.user_headers = f->user_headers,
		.told_whom_to_trust = options_given(&f->parsed, "web.trusted-proxies"),
		.zone = p->zone,
		.clock = clock_system(),
		.log = &p->log,
		.version = version_info()->version,
		.debug_server = f->debug_server,
		.external_url = f->external_url,
		.data_dir = p->data_dir,
		.damaged = &p->damaged,
	};

	int r;

	if (duration_parse_prometheus(slice_from(f->max_period), &config.max_period_ms) < 0)
		return err_set(err, -EINVAL,
			"failed to parse option for --query.max-period: '%s' is no duration "
			"(90s, 1d12h)",
			f->max_period);
	if (f->compression_level < GZIP_LEVEL_MIN || f->compression_level > GZIP_LEVEL_MAX)
		return err_set(err, -EINVAL, "--web.compression.level: %lld is not from %d to %d",
			(long long)f->compression_level, GZIP_LEVEL_MIN, GZIP_LEVEL_MAX);
	r = networks_parse(&f->trusted_proxies, &p->arena, &config.identity.trusted_proxies, err);

	if (r < 0)
		return err_prefix(err, r, "--web.trusted-proxies");
	r = networks_parse(&f->internal_peers, &p->arena, &config.identity.internal_peers, err);
	if (r < 0)
		return err_prefix(err, r, "--web.internal-peers");
	r = list_clusters(p, &config.cluster_ids, err);
	return r < 0 ? r : api_server_open(&config, &p->server, err);
}

/* Those that sacct and sacctmgr need to show all users' jobs. */
static capability_set needed_capabilities(const struct api_config *config)
{
	const struct cluster_config *clusters = config->clusters.v;
	capability_set needed = 0;

	for (size_t i = 0; i < config->clusters.n; i++) {
		const struct config_node *url = config_get(clusters[i].web, "url");

		if (!str_eq(clusters[i].manager, "slurm"))
			continue;
		if (url && url->text && *url->text)
			return 0;
		needed = CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID);
	}
	return needed;
}

/* Those that are there; of others their managers will tell. */
static void add_kubeconfigs(const struct api_config *config, struct strings *paths)
{
	const struct cluster_config *clusters = config->clusters.v;

	for (size_t i = 0; i < config->clusters.n; i++) {
		const struct config_node *file = config_get(
			clusters[i].extra_config, "kubeconfig_file");

		if (str_eq(clusters[i].manager, "k8s") && file && file->text && *file->text &&
			access(file->text, R_OK) == 0)
			paths->v[paths->n++] = file->text;
	}
}

static int drop_privileges(struct program *p, struct err *err)
{
	const char *database = arena_printf(&p->arena, "%s/ceems.db", p->data_dir);
	/* Of a server that was killed, or of another program. */
	const char *beside[] = { arena_printf(&p->arena, "%s/ceems.db-wal", p->data_dir),
		arena_printf(&p->arena, "%s/ceems.db-shm", p->data_dir) };
	const char **reads = ARENA_ARRAY(&p->arena, const char *, 2 + p->config.clusters.n);
	const char *writes[3] = { p->data_dir };
	struct privilege_plan plan = {
		.needed = needed_capabilities(&p->config),
		.read_paths = { reads, 1 },
		.write_paths = { writes, 1 },
		.passing_paths = { beside, ARRAY_SIZE(beside) },
	};

	if (!database || !beside[0] || !beside[1] || !reads)
		return err_errno(err, -ENOMEM, "dropping privileges");
	reads[0] = p->config_file;
	add_kubeconfigs(&p->config, &plan.read_paths);
	if (*p->flags.web_config_file)
		reads[plan.read_paths.n++] = p->flags.web_config_file;
	if (p->backup_dir)
		writes[plan.write_paths.n++] = p->backup_dir;
	if (access(database, F_OK) == 0)
		writes[plan.write_paths.n++] = database;
	return daemon_drop_privileges(&p->flags.daemon, &plan, &p->log, &p->privilege, err);
}

static int64_t now_ms(void)
{
	return clock_monotonic_ns(clock_system()) / NS_PER_MS;
}

static int serve(struct program *p, struct err *err)
{
	int r = p->serving ? 0 : api_server_serve(p->server, err);

	p->serving = r >= 0;
	return r;
}

static bool watch_upgrade(void *ctx, const struct store_upgrade_step *step)
{
	struct program *p = ctx;
	const int64_t now = now_ms();

	if (daemon_is_stopping(&p->stop_signals))
		return true;
	if (now - p->opening_ms < PATIENCE_MS)
		return false;
	if (!p->said_ms || now - p->said_ms >= PROGRESS_MS) {
		log_info(&p->log, "the database is being upgraded", LOG_STR("step", step->name),
			LOG_INT("steps_done", (int64_t)step->done),
			LOG_INT("steps", (int64_t)step->n),
			LOG_INT("seconds", (now - p->opening_ms) / MS_PER_S));
		p->said_ms = now;
	}
	return serve(p, &p->serve_failure) < 0;
}

static int open_store(struct program *p, struct err *err)
{
	const struct store_watch watch = { p, watch_upgrade };
	int r;

	p->opening_ms = now_ms();
	r = store_open_watched(p->data_dir, p->zone, &watch, &p->store, err);
	if (r == -ECANCELED && p->serve_failure.code) {
		*err = p->serve_failure;
		return err->code;
	}
	if (r < 0)
		return r;
	if (p->said_ms)
		log_info(&p->log, "the database is upgraded",
			LOG_INT("seconds", (now_ms() - p->opening_ms) / MS_PER_S));
	store_set_wal_autocheckpoint(
		p->store, (int)MIN(MAX(p->config.data.wal_autocheckpoint, 1), INT_MAX));
	api_server_use(p->server, p->store);
	return 0;
}

static int open_sources(struct program *p, struct err *err)
{
	const struct admins_env admins = {
		.config = &p->config,
		.config_dir = p->config_dir,
		.store = p->store,
		.clock = clock_system(),
		.log = &p->log,
		.cancel_fd = p->cancel_fd,
	};
	const struct sources_env sources = {
		.config = &p->config,
		.config_name = p->flags.config_file,
		.config_dir = p->config_dir,
		.zone = p->zone,
		.clock = clock_system(),
		.log = &p->log,
		.cancel_fd = p->cancel_fd,
	};
	int r;

	p->config.admin.grafana.client.directory = p->config_dir;
	r = admins_open(&admins, &p->admins, err);
	return r < 0 ? r : sources_open(&sources, &p->sources, err);
}

static int open_collect(struct program *p, struct err *err)
{
	struct collect_config config = {
		.update_interval_ms = p->config.data.update_interval_ms,
		.max_update_interval_ms = p->config.data.max_update_interval_ms,
		.settle_delay_ms = p->config.data.settle_delay_ms,
		.late_metrics_ms = p->config.data.late_metrics_ms,
		.pause_ms = p->config.data.catch_up_pause_ms,
		.clock = clock_system(),
		.log = &p->log,
		.cancel_fd = p->cancel_fd,
		.sink = store_sink(p->store),
	};
	int r = api_config_update_from(&p->config, p->zone,
		clock_realtime_ns(config.clock) / 1000000, &config.update_from_ms, err);

	if (r < 0)
		return r;
	return collect_new(&config, p->sources.clusters, p->sources.n, &p->collect, err);
}

static int start_backups(struct program *p, struct err *err)
{
	const struct backup_config config = {
		.data_dir = p->data_dir,
		.backup_dir = p->backup_dir,
		.zone = p->zone,
		.clock = clock_system(),
		.log = &p->log,
		.cancel_fd = p->cancel_fd,
		.interval_ms = p->config.data.backup_interval_ms,
		.kept = p->config.data.backups_kept,
		.damaged = &p->damaged,
	};

	return p->backup_dir ? backup_start(&config, &p->backup, err) : 0;
}

static int start_housekeeping(struct program *p, struct err *err)
{
	const struct housekeeping_config config = {
		.store = p->store,
		.clock = clock_system(),
		.log = &p->log,
		.cancel_fd = p->cancel_fd,
		.interval_ms = p->config.data.update_interval_ms,
		.retention_days = (int)MIN(p->config.data.retention_ms / MS_PER_DAY, INT_MAX),
		.purge = !p->flags.skip_purge,
		.database = arena_printf(&p->arena, "%s/ceems.db", p->data_dir),
		.check_interval_ms = p->config.data.check_interval_ms,
		.damaged = &p->damaged,
	};

	if (!config.database)
		return err_errno(err, -ENOMEM, "housekeeping");
	return housekeeping_start(&config, &p->housekeeping, err);
}

static int start(struct program *p, struct err *err)
{
	int r = load_config(p, err);

	if (r >= 0)
		r = make_directories(p, err);
	if (r < 0)
		return r;
	log_start(p);
	p->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = p->cancel_fd < 0 ? err_errno(err, -errno, "eventfd") : open_server(p, err);
	if (r >= 0)
		r = drop_privileges(p, err);
	if (r >= 0)
		r = open_store(p, err);
	if (r >= 0)
		r = open_sources(p, err);
	if (r >= 0)
		r = open_collect(p, err);
	if (r >= 0)
		r = serve(p, err);
	if (r >= 0)
		r = admins_start(p->admins, err);
	if (r >= 0)
		r = collect_start(p->collect, err);
	if (r >= 0)
		r = start_housekeeping(p, err);
	if (r >= 0)
		r = start_backups(p, err);
	return r;
}

static void stop(struct program *p)
{
	if (p->cancel_fd >= 0)
		eventfd_write(p->cancel_fd, 1);
	backup_stop(p->backup);
	housekeeping_stop(p->housekeeping);
	collect_free(p->collect);
	admins_close(p->admins);
	api_server_stop(p->server, STOP_GRACE_MS);
	sources_close(&p->sources);
	store_close(p->store);
	privilege_free(p->privilege);
	timezone_free(p->zone);
	if (p->cancel_fd >= 0)
		close(p->cancel_fd);
	arena_done(&p->arena);
}

int main(int argc, char **argv)
{
	struct program p = { .cancel_fd = -1 };
	struct err err = { 0 };
	int r, status = 0;

	daemon_take_signals(&p.stop_signals, false);
	r = api_flags_parse(&p.flags, argc, argv, stdout, stderr);
	if (r != OPTIONS_RUN) {
		api_flags_done(&p.flags);
		return r < 0;
	}
	p.log = daemon_log(&p.flags.daemon);
	arena_init(&p.arena, CONFIG_ARENA_BYTES);
	r = start(&p, &err);
	/* A stop in the middle of an upgrade is none of its failures. */
	if (r < 0 && !(r == -ECANCELED && daemon_is_stopping(&p.stop_signals)))
		status = daemon_fail(&err);
	else
		daemon_wait_for_stop(&p.log, &p.stop_signals);
	stop(&p);
	api_flags_done(&p.flags);
	return status;
}
