// SPDX-License-Identifier: Apache-2.0
#include "host/gpu_list.h"

#include <errno.h>
#include <stdlib.h>

void gpu_list_done(struct gpu_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i].instances);
	free(list->v);
	free(list->mdevs);
	*list = (struct gpu_list){ 0 };
}

/* Room for one more item; grows by doubling. */
static int grow(void **items, size_t n, size_t max, size_t size)
{
	void *more;

	if (n == max)
		return -E2BIG;
	if (n & (n - 1))
		return 0;
	more = reallocarray(*items, n ? n * 2 : 1, size);
	if (!more)
		return -ENOMEM;
	*items = more;
	return 0;
}

int gpu_list_add(struct gpu_list *list, struct gpu_device **ret_device)
{
	void *items = list->v;
	int r = grow(&items, list->n, GPU_LIST_MAX, sizeof(*list->v));

	if (r < 0)
		return r;
	list->v = items;
	*ret_device = &list->v[list->n++];
	**ret_device = (struct gpu_device){ .device_minor = GPU_MINOR_UNKNOWN };
	return 0;
}

int gpu_list_add_instance(struct gpu_device *device, struct gpu_instance **ret_instance)
{
	void *items = device->instances;
	int r = grow(&items, device->n_instances, GPU_INSTANCES_MAX, sizeof(*device->instances));

	if (r < 0)
		return r;
	device->instances = items;
	*ret_instance = &device->instances[device->n_instances++];
	**ret_instance = (struct gpu_instance){ 0 };
	return 0;
}

int gpu_list_add_mdev(struct gpu_list *list, struct slice uuid, size_t device, int64_t instance)
{
	struct gpu_mdev mdev = { .device = device, .instance = instance };
	void *items = list->mdevs;
	int r;

	if (!gpu_text_set(mdev.uuid, uuid))
		return -EBADMSG;
	r = grow(&items, list->n_mdevs, GPU_MDEVS_MAX, sizeof(*list->mdevs));
	if (r < 0)
		return r;
	list->mdevs = items;
	list->mdevs[list->n_mdevs++] = mdev;
	return 0;
}

bool gpu_text_set(char ret_text[GPU_TEXT_MAX], struct slice text)
{
	ret_text[0] = '\0';
	if (!text.n || text.n >= GPU_TEXT_MAX || memchr(text.p, '\0', text.n))
		return false;
	memcpy(ret_text, text.p, text.n);
	ret_text[text.n] = '\0';
	return true;
}

static bool instance_eq(const struct gpu_instance *a, const struct gpu_instance *b)
{
	return str_eq(a->index, b->index) && str_eq(a->id, b->id) &&
		a->gpu_instance == b->gpu_instance && a->compute_instance == b->compute_instance &&
		a->position == b->position && a->units == b->units && str_eq(a->uuid, b->uuid) &&
		str_eq(a->plugin, b->plugin);
}

static bool device_eq(const struct gpu_device *a, const struct gpu_device *b)
{
	if (a->vendor != b->vendor || a->minor != b->minor || a->device_minor != b->device_minor ||
		a->has_address != b->has_address || !pci_address_eq(&a->address, &b->address) ||
		!str_eq(a->uuid, b->uuid) || !str_eq(a->plugin, b->plugin) ||
		!str_eq(a->index, b->index) || a->units != b->units || a->is_cut != b->is_cut ||
		a->is_vgpu != b->is_vgpu || a->n_instances != b->n_instances)
		return false;
	for (size_t i = 0; i < a->n_instances; i++) {
		if (!instance_eq(&a->instances[i], &b->instances[i]))
			return false;
	}
	return true;
}

bool gpu_list_eq(const struct gpu_list *a, const struct gpu_list *b)
{
	if (a->n != b->n || a->n_mdevs != b->n_mdevs)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!device_eq(&a->v[i], &b->v[i]))
			return false;
	}
	for (size_t i = 0; i < a->n_mdevs; i++) {
		const struct gpu_mdev *m = &a->mdevs[i], *o = &b->mdevs[i];

		if (!str_eq(m->uuid, o->uuid) || m->device != o->device ||
			m->instance != o->instance)
			return false;
	}
	return true;
}
