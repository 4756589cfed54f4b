// SPDX-License-Identifier: Apache-2.0
/*
 * A scan lists the roots' directories and compares names and inodes with what is known, so that
 * only a new directory costs more than its share of the listing. Whether a unit still has a process
 * is asked of cgroup.events in v2, else of the one cgroup.procs that showed a process the last
 * time.
 */
#include "exporter/units/unit_table.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "exporter/units/unit_identify.h"
#include "exporter/units/unit_processes.h"
#include "exporter/units/unit_roots.h"
#include "exporter/units/unit_set.h"
#include "exporter/units/unit_watch.h"

enum {
	SAMPLES_PER_SEARCH = 10, /* a new daemon is noticed after so many, or at the next scrape */
};

struct unit_table {
	pthread_mutex_t lock;
	struct unit_table_config config;
	unsigned cpus_set; /* the enum unit_file_set of the manager's cpus_from */
	int base_fd; /* where paths begin: the mount or the active hierarchy, borrowed; -1: none */
	uint64_t base_device;
	bool was_seen, was_real; /* there was one, on a control group file system */
	unsigned procfs_generation;
	struct unit_roots roots;
	struct unit_set units;
	uint64_t scan;
	bool search_wanted, incomplete;
	bool search_logged, no_root_logged, unreadable_logged, incomplete_logged, too_many_logged;
	bool unwatched_logged;
	struct unit_root *scanned_root;
	struct unit_sample *samples;
	size_t samples_cap;
	bool roots_cpu_known;
	struct unit_watch watch;
	bool shown_changed; /* by the current scan */
	struct unit_processes processes;
	struct unit_identifier identifier;
	struct cgroup_walk walk;
	struct unit_values values;
	struct unit_reader reader;
};

#define UNIT_LOG(t, level, message, ...)                    \
	LOG_AT((t)->config.log, LOG_LEVEL_##level, message, \
		LOG_STR("collector", (t)->config.manager->name), ##__VA_ARGS__)

static void add_failed(struct unit_table *t, int r)
{
	if (r == -ENOSPC && !t->too_many_logged) {
		UNIT_LOG(t, ERROR, "too many units, the others are left out",
			LOG_INT("limit", UNITS_MAX));
		t->too_many_logged = true;
	}
	t->incomplete |= r < 0 && r != -ENOSPC;
}

/* What became of a watch. A directory that is gone again needs none. */
static void tell_watch(struct unit_table *t, int r)
{
	if (r >= 0 || r == -ENOENT || t->unwatched_logged)
		return;
	UNIT_LOG(t, WARN, "units that come and go are not noticed at once",
		LOG_STR("err", err_name(r)));
	t->unwatched_logged = true;
}

static int visit(void *ctx, const struct cgroup_dir *dir)
{
	struct unit_table *t = ctx;
	struct unit_match match;
	struct unit *u = unit_set_find(&t->units, dir);
	int r;

	if (u) {
		u->scan = t->scan;
		return CGROUP_SKIP;
	}
	switch (t->config.manager->classify(
		t->config.version, (struct slice){ dir->path, dir->path_len }, &match)) {
	case UNIT_PATH_OTHER:
		return CGROUP_DESCEND;
	case UNIT_PATH_CHILD:
		return CGROUP_SKIP;
	case UNIT_PATH_UNIT:
		break;
	}
	t->scanned_root->has_units = true;
	r = unit_set_add(&t->units, t->config.manager->name, dir, &match, t->scan);
	add_failed(t, r);
	if (r >= 0) /* one that is left out is met again by each scan */
		tell_watch(t, unit_watch_parent(&t->watch, t->base_fd, dir->path));
	return CGROUP_SKIP;
}

static void list_failed(void *ctx, const char *path, int r)
{
	struct unit_table *t = ctx;

	if (!cgroup_failure_passes(r)) {
		if (!t->unreadable_logged)
			UNIT_LOG(t, WARN, "a control group can't be listed and is left out",
				LOG_STR("path", path), LOG_STR("err", err_name(r)));
		t->unreadable_logged = true;
		return;
	}
	if (!t->incomplete_logged)
		UNIT_LOG(t, ERROR, "a control group can't be listed", LOG_STR("path", path),
			LOG_STR("err", err_name(r)));
	t->incomplete_logged = true;
	t->incomplete = true;
}

/* Where paths begin from now on: in v1, the hierarchy of a controller. 0 or -errno. */
static int use_base(struct unit_table *t, const char *controller)
{
	int fd = unit_hierarchies_use(&t->reader.hierarchies, controller);
	struct statfs fs;

	if (fd < 0)
		return fd;
	t->base_fd = t->processes.base_fd = fd;
	t->base_device = t->reader.hierarchies.place[t->reader.hierarchies.base].device;
	t->walk.fs = t->reader.fs = cgroup_fs_of(fd);
	t->was_real |= unit_reader_is_real(&t->reader);
	t->processes.listed_is_alive = unit_reader_is_real(&t->reader) &&
		fstatfs(t->config.host->procfs_fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
	return 0;
}

/* The active hierarchy or, where that is missing, the first of the manager's others. */
static int use_first(struct unit_table *t)
{
	const char *const *other = t->config.manager->other_hierarchies;
	int r = use_base(t, t->config.active_subsystem);

	while (r < 0 && other && *other)
		r = use_base(t, *other++);
	return r;
}

/*
 * 0, or 1: the hierarchy is not there, and with it none of the manager's roots, which is no failure
 * where these are looked for by their names (spec exporter-units.md 2.2); -ENODATA; -ESTALE: what
 * was there is gone.
 */
static int open_base(struct unit_table *t)
{
	int r;

	if (t->base_fd >= 0)
		return 0;
	if (host_root_error(t->config.host, HOST_CGROUPFS) < 0)
		return t->was_seen ? -ESTALE : -ENODATA;
	unit_hierarchies_find(&t->reader.hierarchies);
	r = use_first(t);
	if (r < 0 && t->was_seen)
		return -ESTALE;
	if (r == -ENOENT && t->config.manager->root_names)
		return 1;
	if (r < 0)
		return -ENODATA;
	t->was_seen = true;
	return 0;
}

static int search_base(struct unit_table *t)
{
	return unit_roots_search(&t->roots, t->config.manager, &t->walk, t->base_fd, &t->reader);
}

/* v1: when the hierarchy that was used has no roots, the first that has. */
static int search_hierarchies(struct unit_table *t)
{
	const char *const *other = t->config.manager->other_hierarchies;
	const char *name = t->config.active_subsystem;
	int r = search_base(t);

	if (t->config.version == CGROUP_V2 || !other)
		return r;
	for (; t->roots.n == 0 && name; name = *other++)
		if (use_base(t, name) >= 0)
			r = search_base(t);
	return r;
}

static void watch_roots(struct unit_table *t)
{
	for (size_t i = 0; i < t->roots.n; i++)
		tell_watch(t, unit_watch_dir(&t->watch, t->base_fd, t->roots.v[i].path));
}

static void search_roots(struct unit_table *t)
{
	int r = search_hierarchies(t);

	t->search_wanted = false;
	unit_hierarchies_find(&t->reader.hierarchies);
	if (r < 0 && !t->search_logged)
		UNIT_LOG(t, ERROR, "searching for control groups failed",
			LOG_STR("err", err_name(r)));
	t->search_logged = r < 0;
	if (t->roots.n == 0 && !t->no_root_logged)
		UNIT_LOG(t, WARN, "no control group of the manager's daemon yet, will look again");
	if (t->roots.n > 0 && t->no_root_logged)
		UNIT_LOG(t, INFO, "control groups of the manager's daemon are there now");
	t->no_root_logged = t->roots.n == 0;
	watch_roots(t);
}

static void find_units(struct unit_table *t)
{
	const struct cgroup_visitor visitor = { visit, list_failed, t };

	t->scan++;
	t->incomplete = false;
	for (size_t i = 0; i < t->roots.n; i++) {
		int r;

		t->scanned_root = &t->roots.v[i];
		r = cgroup_walk(&t->walk, t->base_fd, t->roots.v[i].path, &visitor);
		if (r == -ENOENT)
			t->search_wanted = true;
		else if (r < 0)
			list_failed(t, t->roots.v[i].path, r);
	}
	if (!t->incomplete) {
		t->incomplete_logged = false;
		t->shown_changed |= unit_set_drop_unseen(&t->units, t->scan);
	}
	unit_set_settle(&t->units);
	t->reader.n_units = t->units.n;
}

/* What can't be told now is as it was. */
static bool has_process(struct unit_table *t, struct unit *u)
{
	/* A witness is found as well by its name: descriptors that are scarce are for files. */
	const bool roomy = t->units.n * UNIT_FILES_OF_EACH_SECOND <= t->reader.open_max;
	bool kept = u->witness.fd >= 0;
	int r;

	if (!t->config.manager->needs_processes)
		return true;
	if (t->reader.fs == CGROUP_FS_V2) {
		r = unit_files_populated(&t->reader, &u->files, u->path);
		if (r >= 0 || r == -ENODEV)
			return r > 0;
	}
	if (kept && !roomy) {
		unit_witness_done(&u->witness);
		t->reader.n_open--;
		kept = false;
	}
	r = unit_processes_any(&t->processes, u->path,
		kept || (roomy && t->reader.n_open < t->reader.open_max), &u->witness);
	t->reader.n_open += (u->witness.fd >= 0) - kept;
	return r < 0 ? u->live : r > 0;
}

/* Processes are counted by id: one under another virtual host keeps this one too. */
static void keep_siblings(struct unit_table *t)
{
	for (size_t i = 0; i < t->units.n; i++) {
		struct unit *u = t->units.v[i];

		for (size_t k = 0; k < t->units.n && !u->live; k++)
			u->live = t->units.v[k]->live && str_eq(t->units.v[k]->id, u->id);
	}
}

static void check_units(struct unit_table *t)
{
	bool any_stale = false;

	for (size_t i = 0; i < t->units.n; i++) {
		struct unit *u = t->units.v[i];

		u->was_live = u->live;
		u->live = has_process(t, u);
		any_stale |= !u->live;
	}
	if (any_stale && t->units.virtual_hosts)
		keep_siblings(t);
	for (size_t i = 0; i < t->units.n; i++)
		t->shown_changed |= t->units.v[i]->live != t->units.v[i]->was_live;
	unit_identifier_run(&t->identifier, &t->units, t->scan, t->shown_changed);
}

/* What was opened may be read no more as what is there now: units are found anew, if there are. */
static void forget_all(struct unit_table *t)
{
	t->scan++;
	t->shown_changed |= unit_set_drop_unseen(&t->units, t->scan);
	unit_roots_forget(&t->roots, &t->reader);
	tell_watch(t, unit_watch_reset(&t->watch));
	t->base_fd = t->processes.base_fd = -1;
}

/* After the mounts, which may have come, gone, or be others now. */
static void follow_host(struct unit_table *t)
{
	const unsigned procfs = host_root_generation(t->config.host, HOST_PROCFS);

	if (procfs != t->procfs_generation) {
		t->procfs_generation = procfs;
		unit_reader_learn_host(&t->reader);
		forget_all(t); /* none of its processes is one of before */
	}
	if (unit_hierarchies_follow(&t->reader.hierarchies))
		forget_all(t);
}

/* As open_base(). */
static int find_roots(struct unit_table *t, bool search)
{
	int r = host_root_error(t->config.host, HOST_PROCFS) < 0 ? -ESTALE : open_base(t);

	if (r == 0 && (search || t->search_wanted || t->roots.n == 0))
		search_roots(t);
	/* An empty directory on which control groups were mounted. */
	if (r == 0 && t->roots.n == 0 && t->was_real && !unit_reader_is_real(&t->reader))
		r = -ESTALE;
	return r;
}

/* 0; -ENODATA: there are no control groups; -ESTALE: they are gone. */
static int scan(struct unit_table *t, bool search)
{
	int r;

	t->shown_changed = false;
	follow_host(t);
	r = find_roots(t, search);
	if (r != 0) {
		if (t->shown_changed) /* nobody holds a GPU any more, as far as can be seen */
			unit_identifier_run(&t->identifier, &t->units, t->scan, true);
		return MIN(r, 0);
	}
	find_units(t);
	check_units(t);
	return 0;
}

struct failed_ctx {
	struct unit_table *t;
	struct unit *u;
	bool failed;
};

static void read_failed(void *ctx, const char *file, int r)
{
	struct failed_ctx *f = ctx;

	f->failed = true;
	if (!f->u->failure_logged)
		UNIT_LOG(f->t, ERROR, "a unit's file can't be used",
			LOG_STR("unit", f->u->key.uuid), LOG_STR("path", f->u->path),
			LOG_STR("file", file), LOG_STR("err", err_name(r)));
}

/* Into t->values. 0, or -ENODEV: it has vanished since the scan. */
static int read_unit(struct unit_table *t, struct unit *u, unsigned sets)
{
	struct failed_ctx ctx = { t, u, false };
	struct stat st;
	int r = unit_files_read(
		&t->reader, &u->files, u->path, sets, &t->values, read_failed, &ctx);

	if (r > 0 && fstatat(t->base_fd, u->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = -ENODEV;
	if (r < 0)
		return r;
	if (ctx.failed || sets & UNIT_FILES_MORE)
		u->failure_logged = ctx.failed;
	return 0;
}

static int reserve_samples(struct unit_table *t)
{
	struct unit_sample *samples;

	if (t->samples_cap >= t->units.cap)
		return 0;
	samples = reallocarray(t->samples, t->units.cap, sizeof(*samples));
	if (!samples)
		return -ENOMEM;
	t->samples = samples;
	t->samples_cap = t->units.cap;
	return 0;
}

/* A unit whose processes ended is read once more: what it used last is still there. */
static bool wants_sample(struct unit *u)
{
	if (u->live) {
		u->last_sample = false;
		return true;
	}
	if (!u->sampled || u->last_sample)
		return false;
	u->last_sample = true;
	return true;
}

int unit_table_sample(struct unit_table *t, const struct unit_sample **ret_samples, size_t *ret_n)
{
	const unsigned allocation = UNIT_FILES_MEMORY_LIMIT | t->cpus_set;
	size_t n = 0;
	int r;

	pthread_mutex_lock(&t->lock);
	unit_set_free_dead(&t->units);
	r = scan(t, t->scan % SAMPLES_PER_SEARCH == 0);
	if (r >= 0)
		r = reserve_samples(t);
	for (size_t i = 0; r >= 0 && i < t->units.n; i++) {
		struct unit *u = t->units.v[i];
		bool wanted = wants_sample(u), all = wanted && unit_wants_allocation(u);

		u->sampled = wanted &&
			read_unit(t, u, UNIT_FILES_USAGE | (all ? allocation : 0)) >= 0;
		if (u->sampled && all)
			unit_note_allocation(u, &t->values);
		if (u->sampled)
			unit_fill_sample(u, t->base_device, &t->values, &t->samples[n++]);
	}
	t->roots_cpu_known = r >= 0 && unit_roots_read_cpu(&t->roots, &t->reader) >= 0;
	if (r >= 0) {
		*ret_samples = t->samples;
		*ret_n = n;
	}
	pthread_mutex_unlock(&t->lock);
	return r;
}

int unit_table_roots_cpu_usage(struct unit_table *t, uint64_t *ret_us)
{
	int r;

	pthread_mutex_lock(&t->lock);
	r = t->roots_cpu_known ? 0 : -ENODATA;
	if (r >= 0)
		*ret_us = t->roots.cpu_total_us;
	pthread_mutex_unlock(&t->lock);
	return r;
}

int unit_table_watch(struct unit_table *t)
{
	int r;

	pthread_mutex_lock(&t->lock);
	r = t->watch.fd >= 0 ? 0 : unit_watch_open(&t->watch);
	tell_watch(t, r);
	watch_roots(t);
	for (size_t i = 0; i < t->units.n; i++)
		tell_watch(t, unit_watch_parent(&t->watch, t->base_fd, t->units.v[i]->path));
	pthread_mutex_unlock(&t->lock);
	return r < 0 ? r : t->watch.fd;
}

unsigned unit_table_take_events(struct unit_table *t)
{
	return unit_watch_take(&t->watch);
}

/* Those that weren't named before. */
static void warn_of_stale(struct unit_table *t)
{
	char ids[UNIT_NAMES_MAX_BYTES];
	size_t n = unit_set_name_stale(&t->units, ids);

	if (n)
		UNIT_LOG(t, WARN, "units without processes are left out", LOG_STR("ids", ids),
			LOG_INT("count", (int64_t)n));
}

/* Who shows what is there needs not know that there was more. */
static int seen_by_scrape(int r)
{
	return r == -ESTALE ? -ENODATA : r;
}

int unit_table_scrape(struct unit_table *t, unit_table_each_fn each, void *ctx)
{
	const unsigned sets = UNIT_FILES_USAGE | UNIT_FILES_MORE | UNIT_FILES_MEMORY_LIMIT |
		t->cpus_set | t->config.sets;
	int r, n = 0;

	pthread_mutex_lock(&t->lock);
	t->reader.block_devices.may_read = true;
	r = scan(t, true);
	if (r >= 0)
		warn_of_stale(t);
	for (size_t i = 0; r >= 0 && i < t->units.n; i++) {
		struct unit *u = t->units.v[i];

		if (!u->live || read_unit(t, u, sets) < 0)
			continue;
		n++;
		unit_note_allocation(u, &t->values);
		r = each(ctx, &u->key, &t->values);
	}
	pthread_mutex_unlock(&t->lock);
	return r < 0 ? seen_by_scrape(r) : n;
}

int unit_table_processes(struct unit_table *t, unit_table_processes_fn each, void *ctx)
{
	int r, n = 0;

	pthread_mutex_lock(&t->lock);
	r = scan(t, true);
	for (size_t i = 0; r >= 0 && i < t->units.n; i++) {
		struct unit *u = t->units.v[i];
		const uint64_t *pids;
		size_t n_pids;

		if (!u->live)
			continue;
		n_pids = unit_processes_list(&t->processes, u->path, UNIT_PIDS_MAX, &pids);
		n++;
		r = each(ctx, &u->key, u->id, pids, n_pids);
	}
	pthread_mutex_unlock(&t->lock);
	return r < 0 ? seen_by_scrape(r) : n;
}

struct gpus *unit_table_gpus(const struct unit_table *table)
{
	return table->identifier.gpus;
}

const char *unit_table_manager_name(const struct unit_table *t)
{
	return t->config.manager->name;
}

static const unsigned cpus_sets[] = {
	[UNIT_CPUS_CPUSET] = UNIT_FILES_CPUSET,
	[UNIT_CPUS_VCPU_DIRS] = UNIT_FILES_VCPU_DIRS,
	[UNIT_CPUS_SHARES] = UNIT_FILES_SHARES,
};

int unit_table_new(
	const struct unit_table_config *config, struct unit_table **ret_table, struct err *err)
{
	struct unit_table *t = calloc(1, sizeof(*t));

	if (!t)
		return err_errno(err, -ENOMEM, "%s", config->manager->name);
	pthread_mutex_init(&t->lock, NULL);
	t->config = *config;
	t->cpus_set = cpus_sets[config->manager->cpus_from];
	t->base_fd = t->watch.fd = -1;
	cgroup_walk_init(&t->walk);
	unit_reader_init(&t->reader, config->host, config->version, config->open_max);
	t->processes = (struct unit_processes){
		.procfs_fd = config->host->procfs_fd,
		.text = t->reader.text,
		.text_cap = sizeof(t->reader.text),
		.walk = &t->walk,
	};
	unit_processes_init(&t->processes);
	unit_set_init(&t->units, &t->reader, config->manager->identify != NULL);
	t->identifier.manager = config->manager;
	t->identifier.manager_ctx = config->manager_ctx;
	t->identifier.gpus = config->gpus;
	t->identifier.processes = &t->processes;
	t->identifier.log = config->log;
	unit_identifier_init(&t->identifier);
	t->procfs_generation = host_root_generation(config->host, HOST_PROCFS);
	if (open_base(t) == 0)
		search_roots(t);
	else
		UNIT_LOG(t, WARN, "no control groups to be seen yet, will look again",
			LOG_STR("path", config->host->cgroupfs));
	*ret_table = t;
	return 0;
}

void unit_table_free(struct unit_table *t)
{
	if (!t)
		return;
	unit_set_done(&t->units);
	unit_identifier_done(&t->identifier);
	unit_processes_done(&t->processes);
	free(t->samples);
	unit_roots_done(&t->roots, &t->reader);
	unit_reader_done(&t->reader);
	cgroup_walk_done(&t->walk);
	unit_watch_close(&t->watch);
	pthread_mutex_destroy(&t->lock);
	free(t);
}
