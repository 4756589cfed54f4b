// SPDX-License-Identifier: Apache-2.0
/*
 * The GPUs of this node: what the vendors' tools list (spec exporter-units.md 5), which unit holds
 * which of them, and what they take. One object for all managers; it locks itself. A unit table may
 * call it under its own lock, never the other way round.
 */
#ifndef CEEMS_EXPORTER_GPU_GPUS_H
#define CEEMS_EXPORTER_GPU_GPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/clock.h"
#include "basic/err.h"
#include "basic/log.h"
#include "exporter/collector.h"
#include "exporter/meters/power_meter.h"
#include "exporter/units/unit.h"
#include "host/root.h"
#include "host/thread_usage.h"

struct gpus;
struct kube_config;

enum gpu_vendor_choice { GPU_DETECT, GPU_NVIDIA, GPU_AMD, GPU_NONE };

/* Pointers are borrowed and outlive the object. */
struct gpus_config {
	const struct host_root *host;
	const struct clock *clock;
	const struct log *log;
	const char *hostname;
	enum gpu_vendor_choice vendor; /* --collector.gpu.type */
	const char *nvidia_smi_path, *rocm_smi_path, *amd_smi_path; /* NULL or "": in PATH */
	/*
	 * A cluster in whose pods the tools may be run where this node has none; NULL: that of the
	 * pod that we are, if we are one.
	 */
	const struct kube_config *kube;
	const char *node_name; /* in that cluster, copied; NULL: no tool is run in pods */
	int64_t start_wait_ms; /* how long gpus_open() waits for tools; 0 = GPUS_START_WAIT_MS */
	struct usage_account *scan_account, *power_account; /* of the threads; may be NULL */
};

enum { GPUS_START_WAIT_MS = 20 * 1000 };

/*
 * Lists the GPUs, while the program may still be root. A missing, failing or hanging tool costs the
 * series, never the start: a thread of gpus_start() tries again. -ENOMEM.
 */
int gpus_open(const struct gpus_config *config, struct gpus **ret_gpus, struct err *err);
void gpus_close(struct gpus *gpus); /* NULL is fine; stops first */

/*
 * What only Slurm says of GPUs: its order of them and its gres.conf (spec 5.5, 5.6). Before
 * gpus_start(). A missing file is none. -ENOMEM.
 */
int gpus_set_slurm(struct gpus *gpus, const char *gpu_order_map, const char *gres_path);

/* The thread that lists the hardware again when it changes. After the change of user. */
int gpus_start(struct gpus *gpus, struct err *err);
/*
 * The thread that has NVIDIA's tool tell power and use, once a second; AMD's drivers need none. For
 * the ledger, in its start(). What has been started goes on until gpus_stop().
 */
int gpus_start_readings(struct gpus *gpus, struct err *err);
void gpus_stop(struct gpus *gpus); /* NULL is fine */

bool gpus_any(struct gpus *gpus);
/* Differs after the list has changed: who made references looks again. */
uint64_t gpus_generation(struct gpus *gpus);

/* How a manager names a device that a unit was given. */
enum gpu_ref_kind {
	GPU_REF_INDEX, /* Slurm's ordinal: the label 'index' as text */
	GPU_REF_UUID, /* UUID of a GPU or of a MIG device, or a prefix of it (CUDA) */
	GPU_REF_PCI, /* [domain:]bus:slot.function, hexadecimal, with or without 0x */
	GPU_REF_MDEV, /* UUID of a mediated device */
	GPU_REF_PLUGIN, /* id of a Kubernetes device plug-in, replica suffix cut off */
};

struct gpu_ref {
	enum gpu_ref_kind kind;
	const char *text;
	uint32_t count; /* how often the unit was given it; at least 1 */
};

struct gpu_request {
	struct unit_key key;
	const struct gpu_ref *refs;
	size_t n_refs;
	uint64_t shares; /* of Slurm's sharding or MPS; 0 = none asked for */
};

/*
 * Replaces all that was known of a manager's units ("slurm"); what is handed in is copied. A
 * reference that fits no device is left out. 0 or -ENOMEM (nothing changed).
 */
int gpus_bind(struct gpus *gpus, const char *manager, const struct gpu_request *requests, size_t n);

/* Adds the series of a manager's units (5.7). 0 or -ENOMEM. */
int gpus_collect(struct gpus *gpus, const char *manager, struct scrape *s);

/* A unit's part of a physical device. */
struct gpu_holder {
	struct unit_key key;
	uint32_t part_ppm; /* of the device, in millionths: its slices, or its share of a shared
			      one; parts of a device sum to 1000000 at most */
	bool use_known; /* otherwise the use of the device goes by parts */
	uint32_t use_ppm; /* of the device's whole capacity, while the reading was taken */
};

/* A physical device as the energy ledger needs it. */
struct gpu_sample {
	const char *uuid; /* label 'gpuuuid' */
	struct power_reading reading;
	bool idle_known;
	uint64_t idle_uw; /* what it takes without load */
	bool use_known;
	uint32_t use_ppm;
	const struct gpu_holder *holders;
	size_t n_holders;
};

/*
 * The latest readings, of any age; never waits for a tool. Valid until the next call of the same
 * caller, which is the ledger alone. 0, -ENODATA: no GPU or no reading yet.
 */
int gpus_sample(struct gpus *gpus, const struct gpu_sample **ret_samples, size_t *ret_n);

#endif
