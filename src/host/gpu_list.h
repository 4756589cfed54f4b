// SPDX-License-Identifier: Apache-2.0
/* The GPUs of a node and the parts that they are cut into, as the vendors' tools list them. */
#ifndef CEEMS_HOST_GPU_LIST_H
#define CEEMS_HOST_GPU_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/str.h"
#include "host/pci_address.h"

enum {
	GPU_LIST_MAX = 256, /* physical devices */
	GPU_INSTANCES_MAX = 64, /* of one device */
	GPU_MDEVS_MAX = 4096, /* of all devices */
	GPU_TEXT_MAX = 96, /* of a UUID, serial number or name, NUL included */
	GPU_INDEX_MAX = 24,
	GPU_MINOR_UNKNOWN = -1,
};

enum gpu_vendor { GPU_VENDOR_NVIDIA, GPU_VENDOR_AMD, N_GPU_VENDORS };

/* A MIG device of NVIDIA or a compute partition of AMD. */
struct gpu_instance {
	char index[GPU_INDEX_MAX]; /* as schedulers count; "" = none */
	char id[GPU_INDEX_MAX]; /* GPU instance id, partition id */
	uint64_t gpu_instance, compute_instance; /* NVIDIA's */
	uint64_t position; /* NVIDIA: number of the MIG device on its GPU */
	uint64_t units; /* SMs or CUs; 0 = unknown */
	char uuid[GPU_TEXT_MAX]; /* NVIDIA: "MIG-..."; "" = unknown */
	char plugin[GPU_TEXT_MAX]; /* AMD: its name in sysfs, which the device plug-in uses */
};

struct gpu_device {
	enum gpu_vendor vendor;
	uint32_t minor; /* number among the devices of its vendor */
	int64_t device_minor; /* N of /dev/nvidiaN */
	bool has_address;
	struct pci_address address;
	char uuid[GPU_TEXT_MAX]; /* NVIDIA: UUID; AMD: serial number */
	char plugin[GPU_TEXT_MAX]; /* as above */
	char index[GPU_INDEX_MAX]; /* "" = it is cut into instances */
	uint64_t units;
	bool is_cut; /* into instances; there may be none yet */
	bool is_vgpu;
	bool has_power; /* power_uw was told with the list */
	uint64_t power_uw;
	struct gpu_instance *instances;
	size_t n_instances;
};

/* A mediated device: a part of a device (instance < 0) or of an instance. */
struct gpu_mdev {
	char uuid[GPU_TEXT_MAX];
	size_t device;
	int64_t instance;
};

struct gpu_list { /* zero-initialised is empty */
	struct gpu_device *v;
	size_t n;
	struct gpu_mdev *mdevs;
	size_t n_mdevs;
};

void gpu_list_done(struct gpu_list *list); /* leaves it empty */

/* -ENOMEM, -E2BIG; what is returned is zeroed and valid until the next one is added. */
int gpu_list_add(struct gpu_list *list, struct gpu_device **ret_device);
int gpu_list_add_instance(struct gpu_device *device, struct gpu_instance **ret_instance);
int gpu_list_add_mdev(struct gpu_list *list, struct slice uuid, size_t device, int64_t instance);

/* False if the text is too long or holds a NUL: ret_text is "" then. */
bool gpu_text_set(char ret_text[GPU_TEXT_MAX], struct slice text);

bool gpu_list_eq(const struct gpu_list *a, const struct gpu_list *b); /* power aside */

#endif
