// SPDX-License-Identifier: Apache-2.0
#include "exporter/gpu/slurm_gpus.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/file.h"
#include "basic/macros.h"

enum { MIG_MINORS_MAX_BYTES = 1 << 20 };

/* "SLURMIDX:MINOR" or "SLURMIDX:MINOR.GI" */
static bool parse_item(struct slice item, struct slurm_gpu_order *ret_order)
{
	struct slurm_gpu_order order = { 0 };
	struct slice rest = slice_trim(item), index, minor;

	if (!slice_next(&rest, ':', &index) || !rest.p)
		return false;
	index = slice_trim(index);
	rest = slice_trim(rest);
	if (!index.n || index.n >= sizeof(order.index) || memchr(index.p, '\0', index.n))
		return false;
	memcpy(order.index, index.p, index.n);
	if (!slice_next(&rest, '.', &minor) || slice_to_u64(minor, &order.minor) < 0)
		return false;
	order.has_instance = rest.p != NULL;
	if (order.has_instance && slice_to_u64(rest, &order.instance) < 0)
		return false;
	*ret_order = order;
	return true;
}

static int parse_order(struct slurm_gpus *slurm, const char *text)
{
	struct slice rest = slice_from(text), item;

	while (slice_next(&rest, ',', &item) && slurm->n_order < SLURM_GPU_ORDER_MAX) {
		struct slurm_gpu_order order, *more;

		if (!parse_item(item, &order))
			continue;
		more = reallocarray(slurm->order, slurm->n_order + 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		slurm->order = more;
		slurm->order[slurm->n_order++] = order;
	}
	return 0;
}

/* A path of Include is relative to the folder of the file that is read first. */
static int read_included(void *ctx, struct slice path, struct buffer *text)
{
	const char *first = ctx, *slash = strrchr(first, '/');
	char full[PATH_MAX];
	int n;

	if (!path.n || path.n >= PATH_MAX || memchr(path.p, '\0', path.n))
		return -EINVAL;
	if (path.p[0] == '/' || !slash)
		n = snprintf(full, sizeof(full), "%.*s", (int)path.n, path.p);
	else
		n = snprintf(full, sizeof(full), "%.*s/%.*s", (int)(slash - first), first,
			(int)path.n, path.p);
	return n < (int)sizeof(full) ? file_read(AT_FDCWD, full, GRES_CONF_MAX_BYTES, text)
				     : -ENAMETOOLONG;
}

static int read_gres(struct slurm_gpus *slurm, const char *path, const char *hostname)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int r;

	if (!path[0] || file_read(AT_FDCWD, path, GRES_CONF_MAX_BYTES, &text) < 0)
		return 0;
	r = gres_conf_parse((struct slice){ buffer_text(&text), text.len }, hostname, read_included,
		(void *)path, &slurm->gres);
	if (r < 0 && r != -E2BIG)
		return r;
	slurm->caps = calloc(slurm->gres.n_shares + 1, sizeof(*slurm->caps));
	return slurm->caps ? 0 : -ENOMEM;
}

int slurm_gpus_init(struct slurm_gpus *slurm, const char *gpu_order_map, const char *gres_path,
	const char *hostname)
{
	int r;

	*slurm = (struct slurm_gpus){ 0 };
	r = parse_order(slurm, gpu_order_map);
	if (r >= 0)
		r = read_gres(slurm, gres_path, hostname);
	if (r < 0)
		slurm_gpus_done(slurm);
	return r;
}

void slurm_gpus_done(struct slurm_gpus *slurm)
{
	free(slurm->order);
	free(slurm->caps);
	slurm->order = NULL;
	slurm->caps = NULL;
	slurm->n_order = 0;
	gres_conf_done(&slurm->gres);
}

/* Whether a row is for this device or instance. The last such row counts. */
static bool is_of(const struct slurm_gpu_order *o, const struct gpu_device *d, int64_t instance)
{
	uint64_t id;

	if (o->minor != d->minor || o->has_instance != (instance >= 0))
		return false;
	return !o->has_instance ||
		(slice_to_u64(slice_from(d->instances[instance].id), &id) >= 0 &&
			id == o->instance);
}

const char *slurm_gpus_index(
	const struct slurm_gpus *slurm, const struct gpu_device *device, int64_t instance)
{
	if (instance < 0 && device->is_cut)
		return "";
	for (size_t i = slurm->n_order; i-- > 0;) {
		if (is_of(&slurm->order[i], device, instance))
			return slurm->order[i].index;
	}
	return instance < 0 ? device->index : device->instances[instance].index;
}

/* The number of the device's file, which need not be its place in the list. */
static uint64_t device_minor(const struct gpu_device *d)
{
	return d->device_minor >= 0 ? (uint64_t)d->device_minor : d->minor;
}

void slurm_gpus_find_caps(struct slurm_gpus *slurm, const struct host_root *host)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct slice minors = { "", 0 };

	if (!slurm->gres.n_shares)
		return;
	if (file_read(host->procfs_fd, "driver/nvidia-caps/mig-minors", MIG_MINORS_MAX_BYTES,
		    &text) >= 0)
		minors = (struct slice){ buffer_text(&text), text.len };
	for (size_t i = 0; i < slurm->gres.n_shares; i++) {
		const struct gres_share *s = &slurm->gres.shares[i];

		slurm->caps[i].known = s->kind == GRES_CAP &&
			mig_minors_find(minors, s->number, &slurm->caps[i].device) >= 0;
	}
}

static bool cap_is_of(const struct slurm_gpu_cap *cap, const struct gpu_device *d,
	const struct gpu_instance *instance)
{
	return cap->known && cap->device.gpu == device_minor(d) &&
		cap->device.gpu_instance == instance->gpu_instance &&
		cap->device.compute_instance == instance->compute_instance;
}

/* How many devices and instances come before it, or before the end of the list, which n is. */
static uint64_t place_of(const struct gpu_list *list, size_t device, int64_t instance)
{
	uint64_t place = instance > 0 ? (uint64_t)instance : 0;

	for (size_t i = 0; i < device; i++)
		place += list->v[i].is_cut ? list->v[i].n_instances : 1;
	return place;
}

struct slurm_gpu_shares slurm_gpus_shares(const struct slurm_gpus *slurm,
	const struct gpu_list *list, size_t device, int64_t instance)
{
	const struct gpu_device *d = &list->v[device];
	const struct gpu_instance *part = instance >= 0 ? &d->instances[instance] : NULL;
	const bool is_nvidia = d->vendor == GPU_VENDOR_NVIDIA;
	const struct gres_share *found = NULL;

	if (!part && d->is_cut)
		return (struct slurm_gpu_shares){ 0 };
	for (size_t i = 0; i < slurm->gres.n_shares; i++) {
		const struct gres_share *s = &slurm->gres.shares[i];

		if (s->kind == GRES_ALL ||
			(s->kind == GRES_MINOR && is_nvidia && !part &&
				s->number == device_minor(d)) ||
			(s->kind == GRES_CAP && is_nvidia && part &&
				cap_is_of(&slurm->caps[i], d, part)))
			found = s;
	}
	if (!found)
		return (struct slurm_gpu_shares){ 0 };
	if (found->kind == GRES_ALL)
		return (struct slurm_gpu_shares){ found->count,
			gres_even_part(found->count, place_of(list, device, instance),
				place_of(list, list->n, -1)) };
	return (struct slurm_gpu_shares){ found->count,
		gres_even_part(found->count, found->nth, found->n) };
}
