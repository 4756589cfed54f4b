// SPDX-License-Identifier: Apache-2.0
/*
 * The energy of GPUs, device by device, made ready for the ledger: readings become energy, and what
 * a device takes without load is known from its vendor, given by flag, or learned while it has no
 * use.
 */
#ifndef CEEMS_EXPORTER_LEDGER_GPU_ENERGY_H
#define CEEMS_EXPORTER_LEDGER_GPU_ENERGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/log.h"
#include "exporter/gpu/gpus.h"
#include "exporter/ledger/energy_floor.h"
#include "exporter/ledger/ledger.h"
#include "exporter/ledger/meter_energy.h"

enum {
	GPU_ENERGY_MAX_WATTS = 5000, /* of a device; more is refused */
	GPU_ENERGY_SILENT_S = 10, /* or three of its readings: then it isn't covered */
	GPU_UUID_MAX = 96, /* a longer one is no device */
};

/* As gpus_sample(). */
typedef int (*gpu_sample_fn)(void *ctx, const struct gpu_sample **ret_samples, size_t *ret_n);

struct gpu_device {
	char uuid[GPU_UUID_MAX]; /* "": the slot is free */
	struct meter_energy energy;
	struct energy_floor floor;
	struct meter_segment segment; /* of the last interval; no energy: there is none */
	uint64_t static_uw; /* as of its last segment */
	bool static_known;
	bool listed; /* in the last interval */
	int64_t listed_ns;
	bool refused; /* said so in the log */
};

struct gpu_energy {
	gpu_sample_fn sample; /* NULL: none */
	void *ctx;
	const struct gpu_sample *samples; /* of when they were asked last */
	size_t n_samples;
	const struct log *log;
	bool static_given;
	uint64_t given_static_uw; /* of each device */
	struct gpu_device devices[LEDGER_DEVICES_MAX];
	struct ledger_device booked[LEDGER_DEVICES_MAX]; /* of the last interval */
	size_t n_booked;
	uint64_t refused_before; /* by devices that are gone */
	bool full; /* said so in the log: there are more devices than slots */
};

struct gpu_flow {
	bool present; /* there ever was a reading */
	bool complete; /* all devices speak */
	bool late; /* part of it */
	uint64_t energy_uj; /* of all devices */
	int64_t known_ns; /* what comes later flowed after that, if nothing is away for too long */
	int64_t sample_ns; /* of the device that was read longest ago */
	int64_t resolution_ns; /* of the slowest one */
	bool static_known;
	uint64_t static_uw; /* of all devices */
};

/* Asks for the devices' readings: before the moment of gpu_energy_read(), as some are read now. */
void gpu_energy_ask(struct gpu_energy *gpu);

/* Takes them in; gpu->booked is what the ledger is to be told, and each device's segment when that
 * flowed. */
void gpu_energy_read(struct gpu_energy *gpu, const struct energy_span *span, int64_t from_ns,
	struct gpu_flow *ret_flow);

uint64_t gpu_energy_refused(const struct gpu_energy *gpu);

#endif
