// SPDX-License-Identifier: Apache-2.0
#include "exporter/gpu/gpu_samples.h"

#include <errno.h>

#include "basic/macros.h"

enum { WHOLE_PPM = 1000000 };

struct making {
	const struct gpu_list *list;
	const struct gpu_bindings *managers;
	size_t n_managers;
	struct arena *arena;
};

/* Of all managers together: two of them may think that they own a device. */
static double claims(const struct making *m, size_t device, int64_t instance)
{
	double sum = 0;

	for (size_t i = 0; i < m->n_managers; i++) {
		for (size_t j = 0; j < m->managers[i].n_holds; j++) {
			const struct gpu_hold *h = &m->managers[i].holds[j];

			if (h->device == device && h->instance == instance)
				sum += gpu_hold_fraction(h);
		}
	}
	return sum;
}

/* An instance's part of its device. Without any numbers they are alike. */
static double slice_of(const struct gpu_device *d, int64_t instance)
{
	uint64_t sum = 0;

	if (instance < 0)
		return 1;
	for (size_t i = 0; i < d->n_instances; i++)
		sum += d->instances[i].units;
	if (!sum)
		return 1.0 / (double)d->n_instances;
	return (double)d->instances[instance].units / (double)MAX(sum, d->units);
}

/* A unit with several parts of a device is one holder. */
static struct gpu_holder *holder_of(
	struct gpu_holder *holders, size_t *n, const struct unit_key *key)
{
	for (size_t i = 0; i < *n; i++) {
		if (str_eq(holders[i].key.uuid, key->uuid) &&
			str_eq(holders[i].key.manager, key->manager) &&
			str_eq(holders[i].key.cgrouphostname, key->cgrouphostname))
			return &holders[i];
	}
	holders[(*n)++] = (struct gpu_holder){ .key = *key };
	return &holders[*n - 1];
}

static int copy_key(struct arena *arena, struct unit_key *key)
{
	key->manager = arena_strdup(arena, key->manager);
	key->cgrouphostname = arena_strdup(arena, key->cgrouphostname);
	key->uuid = arena_strdup(arena, key->uuid);
	return key->manager && key->cgrouphostname && key->uuid ? 0 : -ENOMEM;
}

static int add_holders(const struct making *m, size_t device, struct gpu_sample *sample)
{
	const struct gpu_device *d = &m->list->v[device];
	struct gpu_holder *holders;
	size_t n_holds = 0, n = 0;

	for (size_t i = 0; i < m->n_managers; i++)
		n_holds += m->managers[i].n_holds;
	holders = ARENA_ARRAY(m->arena, struct gpu_holder, n_holds + 1);
	if (!holders)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_managers; i++) {
		for (size_t j = 0; j < m->managers[i].n_holds; j++) {
			const struct gpu_hold *h = &m->managers[i].holds[j];
			double whole;

			if (h->device != device)
				continue;
			whole = MAX(claims(m, device, h->instance), 1);
			holder_of(holders, &n, &h->request->key)->part_ppm += (uint32_t)(WHOLE_PPM *
				slice_of(d, h->instance) * gpu_hold_fraction(h) / whole);
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (copy_key(m->arena, &holders[i].key) < 0)
			return -ENOMEM;
	}
	sample->holders = holders;
	sample->n_holders = n;
	return 0;
}

/* Some AMD devices have no serial number. */
static const char *name_of(const struct gpu_device *d, struct arena *arena)
{
	if (d->uuid[0] && !str_eq(d->uuid, "N/A"))
		return arena_strdup(arena, d->uuid);
	return arena_printf(arena, "%04x:%02x:%02x.%x", d->address.domain, d->address.bus,
		d->address.slot, d->address.function);
}

int gpu_samples_make(const struct gpu_list *list, const struct gpu_reading *readings,
	const struct gpu_bindings *managers, size_t n_managers, struct arena *arena,
	struct gpu_sample **ret_samples, size_t *ret_n)
{
	const struct making m = { list, managers, n_managers, arena };
	struct gpu_sample *samples = ARENA_ARRAY(arena, struct gpu_sample, list->n + 1);
	size_t n = 0;

	if (!samples)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		struct gpu_sample *s = &samples[n];

		if (!readings[i].power.sample_ns)
			continue;
		*s = (struct gpu_sample){
			.uuid = name_of(&list->v[i], arena),
			.reading = readings[i].power,
			.use_known = readings[i].use_known,
			.use_ppm = readings[i].use_ppm,
		};
		if (!s->uuid || add_holders(&m, i, s) < 0)
			return -ENOMEM;
		n++;
	}
	*ret_samples = samples;
	*ret_n = n;
	return 0;
}
