// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_identify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "basic/macros.h"

enum { PAUSE_MAX_BITS = 8 }; /* pauses of 1, 2, 4, ... 256 scans */

void unit_identifier_init(struct unit_identifier *id)
{
	id->manager_generation = 0;
	id->gpus_generation = 0;
	id->bind_wanted = false;
	id->asked = NULL;
	id->requests = NULL;
	id->requests_cap = 0;
}

void unit_identifier_done(struct unit_identifier *id)
{
	free(id->requests);
	id->requests = NULL;
}

static size_t list_processes(void *lister, const uint64_t **ret_pids)
{
	struct unit_identifier *id = lister;

	return unit_processes_list(id->processes, id->asked->path, UNIT_PROCESSES_MAX, ret_pids);
}

static void warn(const struct unit_identifier *id, struct unit *u)
{
	const struct unit_identity *identity = &id->identity;

	if (!identity->problem || u->identity_logged)
		return;
	u->identity_logged = true;
	if (identity->cause[0])
		LOG_AT(id->log, LOG_LEVEL_WARN, identity->problem,
			LOG_STR("collector", id->manager->name), LOG_STR("unit", u->id),
			LOG_STR("err", identity->cause));
	else
		LOG_AT(id->log, LOG_LEVEL_WARN, identity->problem,
			LOG_STR("collector", id->manager->name), LOG_STR("unit", u->id));
}

static void identify(struct unit_identifier *id, struct unit_set *set, struct unit *u,
	bool wants_gpus, uint64_t scan)
{
	const struct unit_facts facts = {
		.id = u->id,
		.virtual_host = u->key.cgrouphostname,
		.path = u->path,
		.procfs_fd = id->processes->procfs_fd,
		.wants_gpus = wants_gpus,
		.processes = list_processes,
		.lister = id,
		.note = &u->note,
	};
	bool changed = false;
	int r, kept = 0;

	unit_identity_clear(&id->identity);
	id->asked = u;
	r = id->manager->identify(id->manager_ctx, &facts, &id->identity);
	if (r == 0 || r == -EAGAIN)
		kept = unit_set_know(set, u, &id->identity, &changed);
	id->bind_wanted |= changed;
	warn(id, u);
	if (r >= 0 && kept >= 0) {
		u->identity_wanted = false;
		u->identity_logged = false;
		return;
	}
	if (kept < 0)
		u->note = 0; /* the manager thinks that its answer is known */
	u->identity_scan = scan + (UINT64_C(1) << u->identity_tries);
	u->identity_tries = MIN(u->identity_tries + 1, PAUSE_MAX_BITS);
}

static void ask_without_pause(struct unit *u)
{
	u->identity_tries = 0;
	u->identity_scan = 0;
}

static void ask_all_again(struct unit_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		set->v[i]->identity_wanted = true;
		ask_without_pause(set->v[i]);
	}
}

/*
 * Whether groups below it came or went since the last time: a step of a job that waited for hours
 * tells what the job has. The kernel's control groups have no times, but a link for each group.
 */
static bool has_changed(const struct unit_identifier *id, struct unit *u)
{
	struct stat st;
	uint64_t stamp;

	if (fstatat(id->processes->base_fd, u->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	stamp = (uint64_t)st.st_ctim.tv_sec * 1000000000 + (uint64_t)st.st_ctim.tv_nsec +
		(uint64_t)st.st_nlink;
	if (stamp == u->identity_stamp)
		return false;
	u->identity_stamp = stamp;
	return true;
}

/* Whether the answers of before may be wrong. */
static bool generations_changed(struct unit_identifier *id)
{
	const struct unit_manager *m = id->manager;
	uint64_t manager = m->generation ? m->generation(id->manager_ctx) : 0;
	uint64_t gpus = id->gpus ? gpus_generation(id->gpus) : 0;
	bool changed = manager != id->manager_generation || gpus != id->gpus_generation;

	id->bind_wanted |= gpus != id->gpus_generation;
	id->manager_generation = manager;
	id->gpus_generation = gpus;
	return changed;
}

static int reserve(struct unit_identifier *id, size_t n)
{
	struct gpu_request *requests;

	if (n <= id->requests_cap)
		return 0;
	requests = reallocarray(id->requests, n, sizeof(*requests));
	if (!requests)
		return -ENOMEM;
	id->requests = requests;
	id->requests_cap = n;
	return 0;
}

static int bind(struct unit_identifier *id, const struct unit_set *set)
{
	size_t n = 0;

	if (reserve(id, set->n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++) {
		const struct unit *u = set->v[i];

		if (u->live && u->devices && u->devices->n_refs)
			id->requests[n++] = (struct gpu_request){ u->key, u->devices->refs,
				u->devices->n_refs, u->devices->shares };
	}
	return gpus_bind(id->gpus, id->manager->name, id->requests, n);
}

void unit_identifier_run(
	struct unit_identifier *id, struct unit_set *set, uint64_t scan, bool shown_changed)
{
	bool wants_gpus;

	if (!id->manager->identify)
		return;
	if (generations_changed(id))
		ask_all_again(set);
	wants_gpus = id->gpus && gpus_any(id->gpus);
	for (size_t i = 0; i < set->n; i++) {
		struct unit *u = set->v[i];

		if (!u->live || !u->identity_wanted)
			continue;
		if (has_changed(id, u))
			ask_without_pause(u);
		if (scan >= u->identity_scan)
			identify(id, set, u, wants_gpus, scan);
	}
	id->bind_wanted |= shown_changed;
	if (id->gpus && id->bind_wanted)
		id->bind_wanted = bind(id, set) < 0;
}
