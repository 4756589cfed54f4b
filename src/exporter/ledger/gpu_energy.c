// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/gpu_energy.h"

#include <string.h>

#include "basic/macros.h"
#include "basic/str.h"

static const int64_t S_NS = 1000000000;

static struct gpu_device *device_of(struct gpu_energy *gpu, const char *uuid)
{
	struct gpu_device *free_slot = NULL;
	size_t n = strlen(uuid);

	if (!n || n >= GPU_UUID_MAX)
		return NULL;
	for (size_t i = 0; i < LEDGER_DEVICES_MAX; i++) {
		struct gpu_device *d = &gpu->devices[i];

		if (str_eq(d->uuid, uuid))
			return d;
		if (!d->uuid[0] && !free_slot)
			free_slot = d;
	}
	if (!free_slot) {
		if (!gpu->full)
			log_warn(gpu->log, "too many GPUs: the energy of some is not counted",
				LOG_STR("uuid", uuid));
		gpu->full = true;
		return NULL;
	}
	*free_slot = (struct gpu_device){ .energy = { .max_watts = GPU_ENERGY_MAX_WATTS } };
	memcpy(free_slot->uuid, uuid, n + 1);
	return free_slot;
}

static uint32_t part_until(const struct energy_span *span, int64_t from_ns, int64_t until_ns)
{
	int64_t length_ns = span->now_ns - from_ns, part_ns = until_ns - from_ns;

	if (part_ns <= 0 || length_ns <= 0)
		return 0;
	return (uint32_t)((__int128)MIN(part_ns, length_ns) * LEDGER_WHOLE_PPM / length_ns);
}

static void find_static(const struct gpu_energy *gpu, struct gpu_device *d,
	const struct gpu_sample *s, const struct meter_segment *seg)
{
	uint64_t span_us = (uint64_t)(seg->to_ns - seg->from_ns) / 1000;

	if (s->use_known && !seg->late_uj)
		energy_floor_add(&d->floor, seg->energy_uj, span_us,
			span_us * MIN(s->use_ppm, (uint32_t)LEDGER_WHOLE_PPM) / LEDGER_WHOLE_PPM,
			span_us);
	else
		energy_floor_skip(&d->floor);
	d->static_known = s->idle_known || gpu->static_given || d->floor.known;
	if (gpu->static_given)
		d->static_uw = gpu->given_static_uw;
	else
		d->static_uw = s->idle_known ? s->idle_uw : d->floor.power_uw;
}

static void take(struct gpu_energy *gpu, struct gpu_device *d, const struct gpu_sample *s,
	const struct energy_span *span, int64_t from_ns, struct ledger_device *booked)
{
	struct meter_segment seg;

	if (s->reading.sample_ns > span->now_ns)
		return;
	switch (meter_energy_take(&d->energy, &s->reading, span, &seg)) {
	case METER_SAME:
		return;
	case METER_REFUSED:
		if (!d->refused)
			log_warn(gpu->log, "GPU: a reading that cannot be is refused",
				LOG_STR("uuid", d->uuid));
		d->refused = true;
		return;
	case METER_BEGINS: /* what was gathered before belongs to energy that nobody knows */
		booked->settle = true;
		booked->part_ppm = part_until(span, from_ns, s->reading.sample_ns);
		return;
	case METER_SEGMENT:
		d->refused = false;
		find_static(gpu, d, s, &seg);
		booked->settle = true;
		booked->drawn = seg.line_ns > (seg.to_ns - seg.from_ns) / 2;
		booked->part_ppm = part_until(span, from_ns, seg.to_ns);
		booked->energy_uj = seg.energy_uj;
		booked->late_uj = seg.late_uj;
		if (d->static_known)
			booked->static_uj = energy_of_power(
				d->static_uw, (uint64_t)(seg.to_ns - seg.from_ns) / 1000);
		d->segment = seg;
		return;
	}
}

/* The shares of a device that is gone are dropped; should it come back, it begins anew. */
static void drop(struct gpu_energy *gpu, struct gpu_device *d)
{
	gpu->booked[gpu->n_booked++] = (struct ledger_device){
		.slot = (size_t)(d - gpu->devices), .settle = true, .part_ppm = LEDGER_WHOLE_PPM
	};
	gpu->refused_before += d->energy.refused;
	*d = (struct gpu_device){ .listed = false };
}

static void sum_up(
	const struct gpu_device *d, const struct energy_span *span, struct gpu_flow *flow)
{
	int64_t age_ns = span->now_ns - d->energy.sample_ns;

	if (!d->energy.known) {
		flow->complete = false;
		return;
	}
	flow->present = true;
	if (!flow->sample_ns || d->energy.sample_ns < flow->sample_ns)
		flow->sample_ns = d->energy.sample_ns;
	flow->resolution_ns = MAX(flow->resolution_ns, d->energy.resolution_ns);
	if (age_ns > MAX(GPU_ENERGY_SILENT_S * S_NS, 3 * d->energy.resolution_ns))
		flow->complete = false;
	if (age_ns <= span->max_gap_ns)
		flow->known_ns = MIN(flow->known_ns, d->energy.sample_ns);
	flow->static_known |= d->static_known;
	flow->static_uw += d->static_known ? d->static_uw : 0;
}

static void read_devices(struct gpu_energy *gpu, const struct energy_span *span, int64_t from_ns)
{
	for (size_t i = 0; i < gpu->n_samples && gpu->n_booked < LEDGER_DEVICES_MAX; i++) {
		const struct gpu_sample *s = &gpu->samples[i];
		struct gpu_device *d = device_of(gpu, s->uuid);
		struct ledger_device *booked = &gpu->booked[gpu->n_booked];

		if (!d || d->listed)
			continue;
		*booked = (struct ledger_device){
			.slot = (size_t)(d - gpu->devices),
			.holders = s->holders,
			.n_holders = s->n_holders,
			.use_known = s->use_known,
			.use_ppm = s->use_ppm,
		};
		d->listed = true;
		d->listed_ns = span->now_ns;
		take(gpu, d, s, span, from_ns, booked);
		gpu->n_booked++;
	}
}

void gpu_energy_ask(struct gpu_energy *gpu)
{
	if (!gpu->sample || gpu->sample(gpu->ctx, &gpu->samples, &gpu->n_samples) < 0)
		gpu->n_samples = 0;
}

void gpu_energy_read(struct gpu_energy *gpu, const struct energy_span *span, int64_t from_ns,
	struct gpu_flow *ret_flow)
{
	*ret_flow = (struct gpu_flow){ .complete = true, .known_ns = span->now_ns };
	gpu->n_booked = 0;
	for (size_t i = 0; i < LEDGER_DEVICES_MAX; i++) {
		gpu->devices[i].listed = false;
		gpu->devices[i].segment = (struct meter_segment){ .energy_uj = 0 };
	}
	read_devices(gpu, span, from_ns);
	for (size_t i = 0; i < gpu->n_booked; i++) {
		ret_flow->energy_uj += gpu->booked[i].energy_uj;
		ret_flow->late |= gpu->booked[i].late_uj > 0;
	}
	for (size_t i = 0; i < LEDGER_DEVICES_MAX; i++) {
		struct gpu_device *d = &gpu->devices[i];

		if (!d->uuid[0])
			continue;
		if (!d->listed && span->now_ns - d->listed_ns > span->max_gap_ns &&
			gpu->n_booked < LEDGER_DEVICES_MAX)
			drop(gpu, d);
		else
			sum_up(d, span, ret_flow);
	}
}

uint64_t gpu_energy_refused(const struct gpu_energy *gpu)
{
	uint64_t sum = gpu->refused_before;

	for (size_t i = 0; i < LEDGER_DEVICES_MAX; i++)
		sum += gpu->devices[i].energy.refused;
	return sum;
}
