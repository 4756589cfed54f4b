// SPDX-License-Identifier: Apache-2.0
/*
 * What a domain's source brought, made ready for the ledger: which part of it is static, and which
 * time it covers.
 */
#ifndef CEEMS_EXPORTER_LEDGER_ENERGY_ACCOUNT_H
#define CEEMS_EXPORTER_LEDGER_ENERGY_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "exporter/ledger/energy_floor.h"
#include "exporter/ledger/energy_source.h"
#include "exporter/ledger/ledger.h"

struct energy_account {
	bool static_given; /* otherwise it is learned */
	uint64_t given_static_uw;
	struct energy_floor floor;
	uint64_t owed_static_uj; /* of intervals whose energy has not come in */
	uint64_t uncovered_us; /* time whose energy may come later */
	/* What is known of it. */
	bool sampled; /* it brought a value yet */
	int64_t sample_ns; /* of the oldest value in it */
	uint64_t covered_us, bridged_us;
	bool static_known;
	uint64_t static_uw;
};

/* Puts a flow into the interval, as energy of domain d. late_tick: the interval is too long. */
void energy_account_add(struct energy_account *account, enum energy_domain d,
	const struct energy_flow *flow, bool late_tick, struct ledger_interval *interval);

/* Time whose energy came in, or (not complete) may come later; late: after too long a gap. */
void energy_account_cover(struct energy_account *account, bool complete, bool late,
	int64_t sample_ns, uint64_t duration_us, bool late_tick);

/*
 * The same for energy that comes in at the end of a span: sets the backlog's static part.
 * busy_us of capacity_us is CPU time in the span.
 */
void energy_account_span(struct energy_account *account, struct ledger_backlog *backlog,
	uint64_t span_us, uint64_t busy_us, uint64_t capacity_us, bool covered);

#endif
