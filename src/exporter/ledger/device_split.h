// SPDX-License-Identifier: Apache-2.0
/*
 * Energy of devices that units hold (GPUs): each device's energy comes in at its own readings and
 * is split by how long each unit held which part of it since its last one, and by how much it used
 * it. A part of the ledger, which locks.
 */
#ifndef CEEMS_EXPORTER_LEDGER_DEVICE_SPLIT_H
#define CEEMS_EXPORTER_LEDGER_DEVICE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporter/ledger/ledger.h"
#include "exporter/ledger/split.h"
#include "exporter/ledger/tracker.h"

/* What a unit did on a device since the device's last reading. */
struct device_share {
	struct tracked *unit; /* the tracker's others for one without counters of its own */
	split_weight part; /* millionths of the device times time */
	split_weight lived; /* millionths of intervals times time, while it held something */
	uint32_t part_ppm; /* now */
	bool seen; /* among the holders of this interval */
	uint64_t use_before_ppm, use_ppm; /* at the last two readings */
	bool holds; /* still */
};

struct device_shares {
	struct device_share *shares;
	size_t n, cap;
	split_weight time; /* whole of the parts */
	uint64_t use_before_ppm, use_ppm; /* of the device */
	bool use_before_known;
	bool by_parts; /* what each unit uses isn't told */
};

void device_shares_done(struct device_shares *device, struct tracker *tracker);

/* Books one interval of a device: adds to party_uj and to the units. 0 or -ENOMEM: a holder is left
 * out. */
int device_shares_book(struct device_shares *device, struct tracker *tracker,
	enum ledger_policy policy, const struct ledger_interval *interval,
	const struct ledger_device *in, uint64_t party_uj[N_ENERGY_PARTIES]);

#endif
