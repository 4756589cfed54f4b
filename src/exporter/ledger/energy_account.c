// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_account.h"

#include "basic/macros.h"

static void know_static(struct energy_account *a)
{
	a->static_known = a->static_given || a->floor.known;
	a->static_uw = a->static_given ? a->given_static_uw : a->floor.power_uw;
}

static void learn(
	struct energy_account *a, const struct energy_flow *flow, const struct ledger_interval *iv)
{
	if (flow->complete && !flow->backlog.open && !flow->backlog.settle && !flow->late_uj &&
		iv->node_known && iv->duration_us)
		energy_floor_add(&a->floor, flow->energy_uj, iv->duration_us, iv->node_cpu_busy_us,
			iv->duration_us / 1000 * iv->node_cpus_milli);
	else
		energy_floor_skip(&a->floor);
}

/* What flows without load does so in a meter that stands still, too: it is owed until then. */
static void set_static(struct energy_account *a, enum energy_domain d,
	const struct energy_flow *flow, struct ledger_interval *iv)
{
	struct ledger_backlog *b = &iv->backlog[d];
	uint64_t due_uj, now_uj;

	if (flow->static_known) {
		a->static_known = true;
		a->static_uw = flow->static_uw;
		iv->static_uj[d] = flow->static_uj;
		return;
	}
	know_static(a);
	due_uj = a->static_known ? energy_of_power(a->static_uw, iv->duration_us) : 0;
	now_uj = b->open
		? (uint64_t)((unsigned __int128)due_uj * flow->moving_ppm / LEDGER_WHOLE_PPM)
		: due_uj;
	iv->static_uj[d] = MIN(now_uj, flow->energy_uj - MIN(flow->late_uj, flow->energy_uj));
	a->owed_static_uj = b->open ? a->owed_static_uj + due_uj - iv->static_uj[d] : 0;
	if (!b->settle)
		return;
	b->static_uj = MIN(a->owed_static_uj, b->energy_uj - MIN(b->late_uj, b->energy_uj));
	a->owed_static_uj = b->again ? a->owed_static_uj - b->static_uj : 0;
}

void energy_account_cover(struct energy_account *a, bool complete, bool late, int64_t sample_ns,
	uint64_t duration_us, bool late_tick)
{
	if (sample_ns) {
		a->sample_ns = sample_ns;
		a->sampled = true;
	}
	if (!complete) {
		a->uncovered_us += duration_us;
		return;
	}
	if (!late) {
		a->covered_us += a->uncovered_us + duration_us;
		a->bridged_us += a->uncovered_us + (late_tick ? duration_us : 0);
	}
	a->uncovered_us = 0;
}

void energy_account_add(struct energy_account *a, enum energy_domain d,
	const struct energy_flow *flow, bool late_tick, struct ledger_interval *iv)
{
	iv->present[d] = true;
	iv->energy_uj[d] = flow->energy_uj;
	iv->late_uj[d] = flow->late_uj;
	iv->backlog[d] = flow->backlog;
	learn(a, flow, iv);
	set_static(a, d, flow, iv);
	energy_account_cover(a, flow->complete, flow->late_uj || flow->backlog.late_uj,
		flow->sample_ns, iv->duration_us, late_tick);
}

void energy_account_span(struct energy_account *a, struct ledger_backlog *b, uint64_t span_us,
	uint64_t busy_us, uint64_t capacity_us, bool covered)
{
	if (covered && span_us) {
		energy_floor_add(&a->floor, b->energy_uj, span_us, busy_us, capacity_us);
		a->covered_us += span_us;
	} else {
		energy_floor_skip(&a->floor);
	}
	know_static(a);
	b->static_uj = a->static_known ? energy_of_power(a->static_uw, span_us) : 0;
}
