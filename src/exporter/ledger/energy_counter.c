// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_counter.h"

#include "host/powercap.h"

/* A reading may be a little older or newer than its time says. */
enum { TOLERANCE_US = 100000, S_US = 1000000 };

/* False: it cannot be. */
static bool step(const struct energy_counter *c, uint64_t value_uj, const struct energy_span *span,
	uint64_t gathered_us, uint64_t *ret_uj)
{
	if (value_uj < c->last_uj && (span->slept || !c->max_uj || c->last_uj > c->max_uj))
		return false;
	*ret_uj = powercap_energy_delta(c->last_uj, value_uj, c->max_uj);
	return *ret_uj / (c->max_watts ? c->max_watts : ENERGY_COUNTER_MAX_WATTS) <=
		gathered_us + TOLERANCE_US;
}

static uint64_t since_us(const struct energy_counter *c, const struct energy_span *span)
{
	return (uint64_t)(span->now_ns - c->moved_ns) / 1000;
}

bool energy_counter_plausible(
	const struct energy_counter *c, uint64_t value_uj, const struct energy_span *span)
{
	uint64_t delta;

	return !c->known || step(c, value_uj, span, since_us(c, span), &delta);
}

enum energy_event energy_counter_read(struct energy_counter *c, uint64_t value_uj,
	const struct energy_span *span, uint64_t *energy_uj, uint64_t *late_uj)
{
	uint64_t gathered_us = since_us(c, span), delta;
	bool was_frozen = c->frozen;

	if (c->known && value_uj == c->last_uj) {
		c->frozen = gathered_us >= (uint64_t)ENERGY_COUNTER_FROZEN_S * S_US;
		return c->frozen && !was_frozen ? ENERGY_EVENT_FROZEN : ENERGY_EVENT_NONE;
	}
	if (c->known) {
		if (!step(c, value_uj, span, gathered_us, &delta)) {
			c->known = false;
			energy_counter_read(c, value_uj, span, energy_uj, late_uj);
			return ENERGY_EVENT_RESTART;
		}
		*energy_uj += delta;
		if (span->slept || gathered_us > (uint64_t)span->max_gap_ns / 1000)
			*late_uj += delta;
	}
	c->known = true;
	c->frozen = false;
	c->last_uj = value_uj;
	c->moved_ns = span->now_ns;
	return was_frozen ? ENERGY_EVENT_MOVES : ENERGY_EVENT_NONE;
}
