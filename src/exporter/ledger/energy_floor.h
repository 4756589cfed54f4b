// SPDX-License-Identifier: Apache-2.0
/*
 * Learns which power a domain takes without load: the least mean power of a block of 10 s in which
 * at most a tenth of the node's CPU time was busy. It never rises, and until there was such a block
 * there is none: then all energy counts as dynamic.
 */
#ifndef CEEMS_EXPORTER_LEDGER_ENERGY_FLOOR_H
#define CEEMS_EXPORTER_LEDGER_ENERGY_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

enum { ENERGY_FLOOR_BLOCK_US = 10000000, ENERGY_FLOOR_BUSY_PERCENT = 10 };

struct energy_floor {
	bool known;
	uint64_t power_uw;
	uint64_t block_uj, block_us, block_busy_us, block_capacity_us;
};

/* An interval whose energy and CPU time were both read. */
void energy_floor_add(struct energy_floor *energy_floor, uint64_t energy_uj, uint64_t span_us,
	uint64_t busy_us, uint64_t capacity_us);

/* Begins a block anew: the last interval was not a good one. */
void energy_floor_skip(struct energy_floor *energy_floor);

/* Energy that a power brings in a span; saturates. */
uint64_t energy_of_power(uint64_t power_uw, uint64_t span_us);

#endif
