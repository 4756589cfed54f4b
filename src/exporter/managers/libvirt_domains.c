// SPDX-License-Identifier: Apache-2.0
/*
 * The name in a control group is not the domain's name but what libvirt makes of it, and two names
 * may become one. Where more than one definition could be meant, the id of the running domain
 * decides, which stands in the group's name and in the definition of a domain that runs.
 */
#include "exporter/managers/libvirt_domains.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "exporter/managers/libvirt_units.h"
#include "host/domain_xml.h"
#include "host/privilege.h"

#define SUFFIX ".xml"

enum {
	NAMES_MAX_BYTES = 16 << 20,
	TEXT_KEPT_BYTES = 256 * 1024, /* of the scratch, between two calls */
};

struct folder {
	const char *path;
	uint64_t stamp; /* of the listing; 0: none */
	struct buffer names; /* of domains, each with a NUL */
};

/* How well a definition fits, worst first. */
enum fit {
	FIT_NONE,
	FIT_OTHER_ID, /* by name, but it is of a domain with another id */
	FIT_NAME, /* by name, and it tells no id */
	FIT_SURE,
	FIT_UNCHANGED, /* it was chosen before and hasn't changed */
};

struct libvirt_domains {
	const struct clock *clock;
	int64_t start_ns;
	struct folder folders[LIBVIRT_FOLDERS_MAX];
	size_t n_folders;
	struct buffer text;
	struct domain domains[2]; /* the best so far and scratch */
};

/* One search for the definition of a control group. */
struct search {
	struct libvirt_domains *d;
	const struct libvirt_machine *machine;
	uint64_t old_stamp;
	struct domain *best, *other;
	enum fit fit;
	uint64_t stamp; /* of the best */
	unsigned n_by_name; /* definitions with FIT_NAME in the current folder */
	int error; /* of the last that could not be used */
	struct err err;
};

int libvirt_domains_new(const char *const *folders, size_t n, const struct clock *clock,
	struct libvirt_domains **ret_domains)
{
	struct libvirt_domains *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->clock = clock;
	d->start_ns = clock_monotonic_ns(clock);
	d->n_folders = MIN(n, (size_t)LIBVIRT_FOLDERS_MAX);
	for (size_t i = 0; i < d->n_folders; i++) {
		d->folders[i].path = folders[i];
		buffer_init(&d->folders[i].names, NAMES_MAX_BYTES);
	}
	buffer_init(&d->text, 0);
	*ret_domains = d;
	return 0;
}

void libvirt_domains_free(struct libvirt_domains *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_folders; i++)
		buffer_done(&d->folders[i].names);
	buffer_done(&d->text);
	free(d);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/* Never 0. A file that is written anew, in place or by a rename, has another. */
static uint64_t stamp_of(const struct stat *st)
{
	uint64_t hash = mix(st->st_dev, st->st_ino);

	hash = mix(hash, (uint64_t)st->st_size);
	hash = mix(hash, (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec);
	hash = mix(hash, (uint64_t)st->st_ctim.tv_sec * 1000000000 + (uint64_t)st->st_ctim.tv_nsec);
	return hash ? hash : 1;
}

/* 0: it isn't there. */
static uint64_t folder_stamp(const char *path)
{
	struct stat st;
	int r = stat(path, &st);

	if (r < 0 && errno == EACCES) {
		const capability_set raised = privilege_raise(CAPABILITY(CAP_DAC_READ_SEARCH));

		r = stat(path, &st);
		privilege_lower(raised);
	}
	return r < 0 ? 0 : stamp_of(&st);
}

uint64_t libvirt_domains_generation(void *ctx)
{
	const struct libvirt_domains *d = ctx;
	int64_t age_ns = clock_monotonic_ns(d->clock) - d->start_ns;
	uint64_t hash = (uint64_t)(age_ns / 1000000000 / LIBVIRT_REFRESH_S);

	for (size_t i = 0; i < d->n_folders; i++) {
		hash = mix(hash, folder_stamp(d->folders[i].path));
	}
	return hash;
}

static void note_error(struct search *s, const char *name, int r)
{
	s->error = r;
	err_errno(&s->err, r, "%s", name);
}

static enum fit fit_of(const struct search *s, const struct domain *domain)
{
	uint64_t id;

	if (!domain->has_id)
		return FIT_NAME;
	return slice_to_u64(s->machine->id, &id) >= 0 && id == domain->id ? FIT_SURE : FIT_OTHER_ID;
}

static int read_definition(struct search *s, int folder_fd, const char *file)
{
	struct buffer *text = &s->d->text;
	int r;

	buffer_clear(text);
	r = file_read(folder_fd, file, DOMAIN_XML_MAX_BYTES, text);
	if (r < 0) {
		note_error(s, file, r);
		return r;
	}
	r = domain_xml_parse((struct slice){ buffer_text(text), text->len }, s->other, &s->err);
	if (r < 0) {
		err_prefix(&s->err, r, "%s", file);
		s->error = r;
	}
	return r;
}

static void look_at(struct search *s, int folder_fd, const char *name)
{
	char file[NAME_MAX + 1];
	struct stat st;
	enum fit fit;

	if (snprintf(file, sizeof(file), "%s" SUFFIX, name) >= (int)sizeof(file))
		return;
	if (fstatat(folder_fd, file, &st, 0) < 0) {
		if (errno != ENOENT)
			note_error(s, file, -errno);
		return;
	}
	if (!S_ISREG(st.st_mode))
		return;
	if (s->old_stamp && stamp_of(&st) == s->old_stamp) {
		s->fit = FIT_UNCHANGED;
		return;
	}
	if (read_definition(s, folder_fd, file) < 0)
		return;
	fit = fit_of(s, s->other);
	s->n_by_name += fit == FIT_NAME;
	if (fit > s->fit) {
		struct domain *best = s->other;

		s->other = s->best;
		s->best = best;
		s->fit = fit;
		s->stamp = stamp_of(&st);
	}
}

static int list_names(struct folder *folder, int fd)
{
	struct stat st;
	uint64_t stamp;
	struct dirent *entry;
	DIR *dir;
	int copy;

	if (fstat(fd, &st) < 0)
		return -errno;
	stamp = stamp_of(&st);
	if (stamp == folder->stamp)
		return 0;
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		int r = -errno;

		file_closep(&copy);
		return r;
	}
	buffer_clear(&folder->names);
	while ((entry = readdir(dir))) {
		size_t n = strlen(entry->d_name);

		if (n <= strlen(SUFFIX) || !str_ends(entry->d_name, SUFFIX))
			continue;
		entry->d_name[n - strlen(SUFFIX)] = '\0';
		buffer_append(&folder->names, entry->d_name, n - strlen(SUFFIX) + 1);
	}
	closedir(dir);
	folder->stamp = buffer_error(&folder->names) < 0 ? 0 : stamp;
	return buffer_error(&folder->names);
}

/* Those whose names libvirt turns into the one of the control group. */
static void look_at_others(
	struct search *s, struct folder *folder, int fd, const char *id, const char *name)
{
	int r = list_names(folder, fd);

	if (r < 0)
		note_error(s, folder->path, r);
	for (size_t at = 0; at < folder->names.len && s->fit < FIT_SURE;) {
		const char *domain = folder->names.data + at;

		at += strlen(domain) + 1;
		if (!str_eq(domain, id) && !str_eq(domain, name) &&
			libvirt_machine_is_of(s->machine, slice_from(domain)))
			look_at(s, fd, domain);
	}
}

static void search_folder(struct search *s, struct folder *folder, const char *id, const char *name)
{
	CLEANUP(file_closep)
	int fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	s->n_by_name = 0;
	if (fd < 0) {
		if (errno != ENOENT)
			note_error(s, folder->path, -errno);
		return;
	}
	look_at(s, fd, name);
	if (s->fit < FIT_NAME && !str_eq(id, name))
		look_at(s, fd, id);
	/* Where no definition tells an id, the one of just that name is it. */
	if (s->fit < FIT_NAME)
		look_at_others(s, folder, fd, id, name);
	if (s->fit == FIT_NAME && s->n_by_name > 1) {
		s->fit = FIT_NONE;
		s->error = -ENOTUNIQ;
		err_set(&s->err, s->error, "%s: more than one definition could be meant",
			folder->path);
	}
}

static void search_all(struct search *s, const char *id, const char *name)
{
	const capability_set raised = privilege_raise(CAPABILITY(CAP_DAC_READ_SEARCH));

	for (size_t i = 0; i < s->d->n_folders && s->fit < FIT_NAME; i++)
		search_folder(s, &s->d->folders[i], id, name);
	privilege_lower(raised);
}

static void fill(const struct domain *domain, struct unit_identity *identity)
{
	static const enum gpu_ref_kind kinds[] = {
		[DOMAIN_HOSTDEV_PCI] = GPU_REF_PCI,
		[DOMAIN_HOSTDEV_MDEV] = GPU_REF_MDEV,
	};

	if (domain->uuid[0])
		unit_identity_set_uuid(identity, slice_from(domain->uuid));
	for (size_t i = 0; i < domain->n_hostdevs; i++) {
		const struct domain_hostdev *device = &domain->hostdevs[i];

		(void)unit_identity_add_gpu(
			identity, kinds[device->kind], slice_from(device->text));
	}
}

static struct slice last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slice_from(slash ? slash + 1 : path);
}

int libvirt_domains_identify(
	void *ctx, const struct unit_facts *facts, struct unit_identity *identity)
{
	struct libvirt_domains *d = ctx;
	char text[UNIT_NAME_MAX], name[UNIT_NAME_MAX];
	struct libvirt_machine machine;
	struct search s = { .d = d,
		.machine = &machine,
		.old_stamp = *facts->note,
		.best = &d->domains[0],
		.other = &d->domains[1] };
	int n = cgroup_unescape(last_component(facts->path), text, sizeof(text));

	if (n < 0 || !libvirt_machine_parse((struct slice){ text, (size_t)n }, &machine))
		return -EINVAL;
	snprintf(name, sizeof(name), "%.*s", (int)machine.name.n, machine.name.p);
	search_all(&s, facts->id, name);
	if (d->text.cap > TEXT_KEPT_BYTES)
		buffer_done(&d->text);
	if (s.fit == FIT_UNCHANGED)
		return 1;
	/* Names that OpenStack gives are unique, so there the id may differ. */
	if (s.fit >= FIT_NAME || (s.fit == FIT_OTHER_ID && machine.instance.n)) {
		fill(s.best, identity);
		*facts->note = s.stamp;
		return 0;
	}
	identity->problem = "no definition of the virtual machine can be used, its name stands in";
	snprintf(identity->cause, sizeof(identity->cause), "%.500s",
		s.error ? s.err.text : "no such file");
	return -ENODATA;
}
