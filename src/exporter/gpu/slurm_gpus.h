// SPDX-License-Identifier: Apache-2.0
/*
 * GPUs as Slurm sees them: its own order of them (--collector.slurm.gpu-order-map), and how many
 * parts a shared one has (gres.conf). Spec exporter-units.md 5.5 and 5.6.
 */
#ifndef CEEMS_EXPORTER_GPU_SLURM_GPUS_H
#define CEEMS_EXPORTER_GPU_SLURM_GPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/gpu_list.h"
#include "host/root.h"
#include "remote/gres_conf.h"

enum { SLURM_GPU_ORDER_MAX = 1024 };

/* A row of the order map. */
struct slurm_gpu_order {
	char index[GPU_INDEX_MAX];
	uint64_t minor;
	bool has_instance;
	uint64_t instance; /* GPU instance or partition */
};

/* The MIG device behind a capability that is shared. */
struct slurm_gpu_cap {
	bool known;
	struct mig_minor device;
};

struct slurm_gpus {
	struct slurm_gpu_order *order;
	size_t n_order;
	struct gres_conf gres;
	struct slurm_gpu_cap *caps; /* one for each share of gres */
};

/* Missing and unreadable files count as empty. 0 or -ENOMEM. */
int slurm_gpus_init(struct slurm_gpus *slurm, const char *gpu_order_map, const char *gres_path,
	const char *hostname);
void slurm_gpus_done(struct slurm_gpus *slurm);

/* Looks up which MIG devices are behind the capabilities: again when the hardware changed. */
void slurm_gpus_find_caps(struct slurm_gpus *slurm, const struct host_root *host);

/* What Slurm calls a device (instance < 0) or an instance of it; "" = nothing. */
const char *slurm_gpus_index(
	const struct slurm_gpus *slurm, const struct gpu_device *device, int64_t instance);

/* Of a device (instance < 0) or an instance of it; zero: it isn't shared. */
struct slurm_gpu_shares {
	uint64_t count; /* its row's */
	uint64_t even; /* its even part of that, which is what Slurm gives away of it */
};
struct slurm_gpu_shares slurm_gpus_shares(const struct slurm_gpus *slurm,
	const struct gpu_list *list, size_t device, int64_t instance);

#endif
