// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/meter_energy.h"

#include "basic/macros.h"

typedef unsigned __int128 u128;

/* 1 uW for 1 ns is 1e-15 J = 1000 aJ; half of the sum of two powers is their mean. */
static const u128 AJ_PER_UW_NS_TWICE = 500;
static const u128 AJ_PER_UJ = 1000000000000;

/* Of a line from one power to another, or with both the same. */
static uint64_t integral(
	struct meter_energy *m, uint64_t from_uw, uint64_t to_uw, int64_t length_ns)
{
	u128 aj = ((u128)from_uw + to_uw) * (u128)length_ns * AJ_PER_UW_NS_TWICE + m->rest_aj;

	m->rest_aj = (uint64_t)(aj % AJ_PER_UJ);
	return (uint64_t)(aj / AJ_PER_UJ);
}

static enum meter_event begin(struct meter_energy *m, const struct power_reading *r)
{
	struct energy_span at = { .now_ns = r->sample_ns };
	uint64_t none = 0;

	m->known = true;
	m->by_counter = r->energy_known;
	m->sample_ns = r->sample_ns;
	m->power_uw = r->power_uw;
	m->same_ns = r->sample_ns;
	m->suspect = false;
	m->rest_aj = 0;
	m->counter = (struct energy_counter){ .max_watts = m->max_watts };
	if (m->by_counter)
		energy_counter_read(&m->counter, r->energy_uj, &at, &none, &none);
	return METER_BEGINS;
}

static enum meter_event refuse(struct meter_energy *m)
{
	m->refused++;
	m->suspect = true;
	return METER_REFUSED;
}

static enum meter_event take_energy(struct meter_energy *m, const struct power_reading *r,
	const struct energy_span *span, struct meter_segment *seg)
{
	struct energy_span at = { r->sample_ns, span->max_gap_ns, span->slept };

	if (!r->energy_known)
		return r->sample_ns - m->sample_ns > METER_ENERGY_COUNTER_LOST_NS ? begin(m, r)
										  : METER_SAME;
	if (!energy_counter_plausible(&m->counter, r->energy_uj, &at)) {
		/* One is a slip of the meter; when the next agrees with it, the meter began anew.
		 */
		if (!m->suspect)
			return refuse(m);
		m->refused++;
		return begin(m, r);
	}
	energy_counter_read(&m->counter, r->energy_uj, &at, &seg->energy_uj, &seg->late_uj);
	return METER_SEGMENT;
}

static enum meter_event take_power(struct meter_energy *m, const struct power_reading *r,
	const struct energy_span *span, struct meter_segment *seg)
{
	int64_t mean_ns, length_ns;

	if (!r->power_known)
		return METER_SAME;
	if (r->sample_ns - m->sample_ns > span->max_gap_ns)
		return begin(m, r);
	length_ns = r->sample_ns - m->sample_ns;
	mean_ns = length_ns < METER_ENERGY_MEAN_NS * 3 / 2 ? length_ns : METER_ENERGY_MEAN_NS;
	seg->line_ns = length_ns - mean_ns;
	seg->line_uj = integral(m, m->power_uw, r->power_uw, seg->line_ns);
	seg->energy_uj = seg->line_uj + integral(m, r->power_uw, r->power_uw, mean_ns);
	if (r->power_uw != m->power_uw)
		m->same_ns = r->sample_ns;
	m->power_uw = r->power_uw;
	return METER_SEGMENT;
}

enum meter_event meter_energy_take(struct meter_energy *m, const struct power_reading *r,
	const struct energy_span *span, struct meter_segment *ret_segment)
{
	struct meter_segment seg = { .from_ns = m->sample_ns, .to_ns = r->sample_ns };
	enum meter_event event;

	if ((!r->energy_known && !r->power_known) || (m->seen_ns && r->sample_ns <= m->seen_ns))
		return METER_SAME;
	m->seen_ns = r->sample_ns;
	if (r->power_known && r->power_uw / 1000000 >= m->max_watts)
		return refuse(m);
	if (!m->known)
		return begin(m, r);
	event = m->by_counter ? take_energy(m, r, span, &seg) : take_power(m, r, span, &seg);
	if (event != METER_SEGMENT)
		return event;
	if (!m->resolution_ns || seg.to_ns - seg.from_ns < m->resolution_ns)
		m->resolution_ns = seg.to_ns - seg.from_ns;
	m->sample_ns = r->sample_ns;
	m->suspect = false;
	*ret_segment = seg;
	return METER_SEGMENT;
}
