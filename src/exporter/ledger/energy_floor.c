// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_floor.h"

typedef unsigned __int128 u128;

uint64_t energy_of_power(uint64_t power_uw, uint64_t span_us)
{
	u128 energy = (u128)power_uw * span_us / 1000000;

	return energy > UINT64_MAX ? UINT64_MAX : (uint64_t)energy;
}

void energy_floor_skip(struct energy_floor *f)
{
	f->block_uj = f->block_us = f->block_busy_us = f->block_capacity_us = 0;
}

void energy_floor_add(struct energy_floor *f, uint64_t energy_uj, uint64_t span_us,
	uint64_t busy_us, uint64_t capacity_us)
{
	f->block_uj += energy_uj;
	f->block_us += span_us;
	f->block_busy_us += busy_us;
	f->block_capacity_us += capacity_us;
	if (f->block_us < ENERGY_FLOOR_BLOCK_US)
		return;
	if (f->block_busy_us <= f->block_capacity_us / 100 * ENERGY_FLOOR_BUSY_PERCENT) {
		uint64_t power = (uint64_t)((u128)f->block_uj * 1000000 / f->block_us);

		if (!f->known || power < f->power_uw)
			f->power_uw = power;
		f->known = true;
	}
	energy_floor_skip(f);
}
