// SPDX-License-Identifier: Apache-2.0
#include "host/kfd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/file.h"
#include "basic/macros.h"

#define NODES "class/kfd/kfd/topology/nodes"
#define PCI_DEVICES "module/amdgpu/drivers/pci:amdgpu"
#define PLATFORM_DEVICES "devices/platform"

enum {
	PROPERTIES_MAX_BYTES = 16 * 1024,
	DEVICES_MAX = 1024,
	NODES_MAX = 4096,
};

/* A directory of a device or partition, with its node of the topology. */
struct function {
	char name[GPU_TEXT_MAX];
	struct kfd_node node;
};

struct topology {
	struct kfd_node *nodes;
	size_t n_nodes;
	struct function *functions;
	size_t n_functions;
};

void kfd_parse_properties(struct slice text, struct kfd_node *ret_node)
{
	uint64_t simds = 0, simds_per_unit = 0, value;
	struct kfd_node node = { 0 };
	struct slice line, name, number;

	while (slice_next_line(&text, &line)) {
		if (!slice_next_word(&line, &name) || !slice_next_word(&line, &number) ||
			slice_to_u64(number, &value) < 0)
			continue;
		if (slice_eq(name, "drm_render_minor"))
			node.render_minor = value;
		else if (slice_eq(name, "unique_id"))
			node.unique_id = value;
		else if (slice_eq(name, "simd_count"))
			simds = value;
		else if (slice_eq(name, "simd_per_cu"))
			simds_per_unit = value;
	}
	node.compute_units = simds_per_unit ? simds / simds_per_unit : 0;
	*ret_node = node;
}

/* Calls each() with the names in a directory that isn't there either. */
static int each_name(
	int dirfd, const char *path, int (*each)(void *ctx, const char *name), void *ctx)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	const struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (r >= 0 && (entry = readdir(dir)))
		r = entry->d_name[0] == '.' ? 0 : each(ctx, entry->d_name);
	closedir(dir);
	return r;
}

struct walk {
	int sysfs_fd;
	const char *dir;
	struct topology *topology;
	uint64_t render_minor; /* found in a drm/ directory */
};

static int add_node(void *ctx, const char *name)
{
	struct walk *w = ctx;
	struct topology *t = w->topology;
	char path[512], text[PROPERTIES_MAX_BYTES];
	struct kfd_node node, *more;
	ssize_t n;

	snprintf(path, sizeof(path), NODES "/%s/properties", name);
	n = file_read_small(w->sysfs_fd, path, text, sizeof(text));
	if (n < 0 || t->n_nodes == NODES_MAX)
		return 0;
	kfd_parse_properties((struct slice){ text, (size_t)n }, &node);
	if (!node.render_minor)
		return 0;
	more = reallocarray(t->nodes, t->n_nodes + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	t->nodes = more;
	t->nodes[t->n_nodes++] = node;
	return 0;
}

static int find_render_minor(void *ctx, const char *name)
{
	struct walk *w = ctx;

	if (str_starts(name, "renderD"))
		(void)slice_to_u64(slice_from(name + strlen("renderD")), &w->render_minor);
	return 0;
}

/* "0000:c1:00.0" or "amdgpu_xcp_3" */
static bool is_function(const char *name)
{
	if (str_starts(name, "amdgpu_xcp"))
		return true;
	for (int i = 0; i < 4; i++) {
		if (!isxdigit((unsigned char)name[i]))
			return false;
	}
	return name[4] == ':';
}

static int add_function(void *ctx, const char *name)
{
	struct walk *w = ctx;
	struct topology *t = w->topology;
	struct function f = { 0 }, *more;
	char path[512];
	int r;

	if (!is_function(name) || !gpu_text_set(f.name, slice_from(name)) ||
		t->n_functions == DEVICES_MAX)
		return 0;
	snprintf(path, sizeof(path), "%s/%s/drm", w->dir, name);
	w->render_minor = 0;
	r = each_name(w->sysfs_fd, path, find_render_minor, w);
	if (r < 0 || !w->render_minor)
		return r;
	for (size_t i = 0; i < t->n_nodes; i++) {
		if (t->nodes[i].render_minor == w->render_minor)
			f.node = t->nodes[i];
	}
	if (!f.node.render_minor)
		return 0;
	more = reallocarray(t->functions, t->n_functions + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	t->functions = more;
	t->functions[t->n_functions++] = f;
	return 0;
}

static int by_render_minor(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	return x->node.render_minor < y->node.render_minor
		? -1
		: x->node.render_minor > y->node.render_minor;
}

/* The directory of the device itself. */
static const struct function *of_address(
	const struct topology *t, const struct pci_address *address)
{
	struct pci_address parsed;

	for (size_t i = 0; i < t->n_functions; i++) {
		if (pci_address_parse(slice_from(t->functions[i].name), &parsed) >= 0 &&
			pci_address_eq(&parsed, address))
			return &t->functions[i];
	}
	return NULL;
}

static bool same_device(const struct function *a, const struct function *b)
{
	return a == b || (a->node.unique_id && a->node.unique_id == b->node.unique_id);
}

static void complete(const struct topology *t, struct gpu_device *d)
{
	const size_t wanted = d->is_cut ? d->n_instances : 1;
	const struct function *own = d->has_address ? of_address(t, &d->address) : NULL;
	size_t n = 0, at = 0;

	if (!own)
		return;
	for (size_t i = 0; i < t->n_functions; i++)
		n += same_device(own, &t->functions[i]);
	if (n != wanted)
		return;
	for (size_t i = 0; i < t->n_functions; i++) {
		const struct function *f = &t->functions[i];
		struct gpu_instance *instance;

		if (!same_device(own, f))
			continue;
		if (!d->is_cut) {
			memcpy(d->plugin, f->name, sizeof(d->plugin));
			d->units = f->node.compute_units;
			return;
		}
		instance = &d->instances[at++];
		memcpy(instance->plugin, f->name, sizeof(instance->plugin));
		instance->units = f->node.compute_units;
		d->units += instance->units;
	}
}

int kfd_complete(int sysfs_fd, struct gpu_list *list)
{
	struct topology t = { 0 };
	struct walk w = { .sysfs_fd = sysfs_fd, .topology = &t };
	int r = each_name(sysfs_fd, NODES, add_node, &w);

	w.dir = PCI_DEVICES;
	if (r >= 0)
		r = each_name(sysfs_fd, PCI_DEVICES, add_function, &w);
	w.dir = PLATFORM_DEVICES;
	if (r >= 0)
		r = each_name(sysfs_fd, PLATFORM_DEVICES, add_function, &w);
	if (r >= 0 && t.n_functions) {
		qsort(t.functions, t.n_functions, sizeof(*t.functions), by_render_minor);
		for (size_t i = 0; i < list->n; i++) {
			if (list->v[i].vendor == GPU_VENDOR_AMD)
				complete(&t, &list->v[i]);
		}
	}
	free(t.nodes);
	free(t.functions);
	return r;
}
