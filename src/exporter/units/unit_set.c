// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/file.h"
#include "basic/macros.h"

void unit_set_init(struct unit_set *set, struct unit_reader *reader, bool identities_wanted)
{
	*set = (struct unit_set){ .reader = reader, .identities_wanted = identities_wanted };
}

enum {
	FIRST_SAMPLES = 4,
	SAMPLES_PER_ALLOCATION = 16,
};

/* Spreads the few numbers that devices have. */
static const uint64_t DEVICE_HASH = UINT64_C(0x9e3779b97f4a7c15);

static void close_files(struct unit_set *set, struct unit *u)
{
	unit_files_done(&u->files, set->reader);
	if (u->witness.fd >= 0)
		set->reader->n_open--;
	unit_witness_done(&u->witness);
}

static void unit_free(struct unit_set *set, struct unit *u)
{
	close_files(set, u);
	free(u->uuid);
	free(u->devices);
	free(u);
}

void unit_set_free_dead(struct unit_set *set)
{
	while (set->dead) {
		struct unit *u = set->dead;

		set->dead = u->next_dead;
		unit_free(set, u);
	}
	while (set->old_uuids) {
		struct unit_uuid *uuid = set->old_uuids;

		set->old_uuids = uuid->next;
		free(uuid);
	}
}

void unit_set_done(struct unit_set *set)
{
	unit_set_free_dead(set);
	for (size_t i = 0; i < set->n; i++)
		unit_free(set, set->v[i]);
	free(set->v);
	unit_index_done(&set->index);
}

struct unit *unit_set_find(const struct unit_set *set, const struct cgroup_dir *dir)
{
	return unit_index_find(
		&set->index, (struct unit_index_key){ dir->inode, dir->path, dir->path_len });
}

static int add_to_index(struct unit_set *set, struct unit *u)
{
	return unit_index_add(
		&set->index, (struct unit_index_key){ u->inode, u->path, u->path_len }, u);
}

static struct unit *unit_new(const struct unit_set *set, const char *manager,
	const struct cgroup_dir *dir, const struct unit_match *match)
{
	const size_t id_at = dir->path_len + 1, host_at = id_at + strlen(match->id) + 1;
	struct unit *u = calloc(1, sizeof(*u) + host_at + strlen(match->virtual_host) + 1);
	struct stat st;

	if (!u)
		return NULL;
	memcpy(u->path, dir->path, dir->path_len);
	strcpy(u->path + id_at, match->id);
	strcpy(u->path + host_at, match->virtual_host);
	u->path_len = dir->path_len;
	u->id = u->path + id_at;
	u->key = (struct unit_key){ manager, u->path + host_at, u->id };
	u->inode = dir->inode;
	u->identity_wanted = set->identities_wanted;
	unit_witness_init(&u->witness);
	unit_files_init(&u->files);
	if (fstatat(dir->parent_fd, dir->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		u->born_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
	return u;
}

int unit_set_add(struct unit_set *set, const char *manager, const struct cgroup_dir *dir,
	const struct unit_match *match, uint64_t scan)
{
	struct unit *u;

	if (set->n == UNITS_MAX)
		return -ENOSPC;
	if (set->n == set->cap) {
		size_t cap = MAX(set->cap * 2, 64);
		struct unit **v = reallocarray(set->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		set->v = v;
		set->cap = cap;
	}
	u = unit_new(set, manager, dir, match);
	if (!u)
		return -ENOMEM;
	if (add_to_index(set, u) < 0) {
		unit_free(set, u);
		return -ENOMEM;
	}
	u->scan = scan;
	set->v[set->n++] = u;
	set->changed = true;
	return 0;
}

static struct unit_uuid *new_uuid(const char *text)
{
	size_t n = strlen(text) + 1;
	struct unit_uuid *uuid = malloc(sizeof(*uuid) + n);

	if (uuid)
		memcpy(uuid->text, text, n);
	return uuid;
}

static struct unit_devices *new_devices(const struct unit_identity *identity)
{
	const size_t refs_bytes = identity->n_refs * sizeof(identity->refs[0]);
	struct unit_devices *d = malloc(sizeof(*d) + refs_bytes + identity->text_len);
	char *text;

	if (!d)
		return NULL;
	d->shares = identity->shares;
	d->n_refs = identity->n_refs;
	d->text_len = identity->text_len;
	text = (char *)d->refs + refs_bytes;
	memcpy(text, identity->text, identity->text_len);
	memcpy(d->refs, identity->refs, refs_bytes);
	for (size_t i = 0; i < d->n_refs; i++)
		d->refs[i].text = text + (identity->refs[i].text - identity->text);
	return d;
}

/* The texts are in the order of the references, so equal bytes mean equal texts. */
static bool same_devices(const struct unit_devices *d, const struct unit_identity *identity)
{
	if (!d)
		return !identity->n_refs && !identity->shares;
	if (d->shares != identity->shares || d->n_refs != identity->n_refs ||
		d->text_len != identity->text_len ||
		memcmp((const char *)(d->refs + d->n_refs), identity->text, d->text_len) != 0)
		return false;
	for (size_t i = 0; i < d->n_refs; i++) {
		if (d->refs[i].kind != identity->refs[i].kind ||
			d->refs[i].count != identity->refs[i].count)
			return false;
	}
	return true;
}

static void retire_uuid(struct unit_set *set, struct unit *u)
{
	if (!u->uuid)
		return;
	if (!u->sampled) {
		free(u->uuid);
		return;
	}
	u->uuid->next = set->old_uuids;
	set->old_uuids = u->uuid;
}

int unit_set_know(struct unit_set *set, struct unit *u, const struct unit_identity *identity,
	bool *ret_changed)
{
	const char *text = identity->uuid[0] ? identity->uuid : u->id;
	bool other_uuid = !str_eq(u->key.uuid, text), devices = !same_devices(u->devices, identity);
	struct unit_uuid *uuid = other_uuid ? new_uuid(text) : NULL;
	struct unit_devices *d = devices ? new_devices(identity) : NULL;

	if ((other_uuid && !uuid) || (devices && !d)) {
		free(uuid);
		free(d);
		return -ENOMEM;
	}
	if (other_uuid) {
		retire_uuid(set, u);
		u->uuid = uuid;
		u->key.uuid = uuid->text;
	}
	if (devices) {
		free(u->devices);
		u->devices = d;
	}
	*ret_changed = other_uuid || devices;
	return 0;
}

/* Descriptors go at once, the key only when the ledger has let go of it. */
static void drop(struct unit_set *set, struct unit *u)
{
	if (!u->sampled) {
		unit_free(set, u);
		return;
	}
	close_files(set, u);
	u->next_dead = set->dead;
	set->dead = u;
}

bool unit_set_drop_unseen(struct unit_set *set, uint64_t scan)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		if (set->v[i]->scan == scan)
			set->v[kept++] = set->v[i];
		else
			drop(set, set->v[i]);
	}
	if (kept == set->n)
		return false;
	set->n = kept;
	set->changed = true;
	unit_index_clear(&set->index);
	for (size_t i = 0; i < set->n; i++)
		(void)add_to_index(set, set->v[i]); /* there is room: it held more before */
	return true;
}

static int by_path(const void *a, const void *b)
{
	return cgroup_path_compare(
		(*(struct unit *const *)a)->path, (*(struct unit *const *)b)->path);
}

void unit_set_settle(struct unit_set *set)
{
	if (!set->changed)
		return;
	set->changed = false;
	qsort(set->v, set->n, sizeof(struct unit *), by_path);
	set->virtual_hosts = false;
	for (size_t i = 0; i < set->n; i++)
		set->virtual_hosts |= set->v[i]->key.cgrouphostname[0] != '\0';
}

size_t unit_set_name_stale(struct unit_set *set, char ids[static UNIT_NAMES_MAX_BYTES])
{
	size_t len = 0, n = 0;

	ids[0] = '\0';
	for (size_t i = 0; i < set->n; i++) {
		struct unit *u = set->v[i];
		size_t id_len = strlen(u->id);

		if (u->live || u->stale_logged)
			continue;
		u->stale_logged = true;
		n++;
		if (len + id_len + 2 < UNIT_NAMES_MAX_BYTES) {
			if (len)
				ids[len++] = ',';
			memcpy(ids + len, u->id, id_len + 1);
			len += id_len;
		}
	}
	return n;
}

bool unit_wants_allocation(struct unit *u)
{
	return u->samples++ < FIRST_SAMPLES ||
		u->samples % SAMPLES_PER_ALLOCATION == u->inode % SAMPLES_PER_ALLOCATION;
}

void unit_note_allocation(struct unit *u, const struct unit_values *v)
{
	const uint32_t good = v->present & ~v->failed;

	u->alloc_cpus_milli = good & UNIT_VALUE_BIT(UNIT_CPUS) ? v->v[UNIT_CPUS] : 0;
	u->alloc_memory_bytes = good & UNIT_VALUE_BIT(UNIT_MEMORY_LIMIT) && !v->unlimited
		? v->v[UNIT_MEMORY_LIMIT]
		: 0;
}

void unit_fill_sample(const struct unit *u, uint64_t device, const struct unit_values *v,
	struct unit_sample *ret_sample)
{
	const uint32_t good = v->present & ~v->failed;
	const uint32_t memory = UNIT_VALUE_BIT(UNIT_MEMORY_USED) |
		UNIT_VALUE_BIT(UNIT_INACTIVE_FILE);
	const uint64_t used = v->v[UNIT_MEMORY_USED], inactive = v->v[UNIT_INACTIVE_FILE];

	*ret_sample = (struct unit_sample){
		.key = u->key,
		.path = u->path,
		.incarnation = u->inode ^ device * DEVICE_HASH,
		.born_ns = u->born_ns,
		.cpu_known = good & UNIT_VALUE_BIT(UNIT_CPU_USAGE),
		.memory_known = (good & memory) == memory,
		.alloc_cpus_milli = u->alloc_cpus_milli,
		.alloc_memory_bytes = u->alloc_memory_bytes,
	};
	if (ret_sample->cpu_known)
		ret_sample->cpu_usage_us = v->v[UNIT_CPU_USAGE];
	if (ret_sample->memory_known) {
		ret_sample->memory_used_bytes = used;
		ret_sample->working_set_bytes = used > inactive ? used - inactive : 0;
	}
}
