// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/device_split.h"

#include <errno.h>
#include <stdlib.h>

#include "basic/macros.h"

/* A tracked unit stays as long as a share refers to it. */
static void let_go(struct device_share *share, struct tracker *tracker)
{
	if (share->unit != &tracker->others)
		share->unit->n_shares--;
}

void device_shares_done(struct device_shares *device, struct tracker *tracker)
{
	for (size_t i = 0; i < device->n; i++)
		let_go(&device->shares[i], tracker);
	free(device->shares);
	*device = (struct device_shares){ .n = 0 };
}

static int share_of(struct device_shares *device, struct tracker *tracker,
	const struct unit_key *key, struct device_share **ret_share)
{
	struct tracked *unit = tracker_find(tracker, key);

	if (!unit)
		unit = &tracker->others;
	for (size_t i = 0; i < device->n; i++) {
		if (device->shares[i].unit != unit)
			continue;
		*ret_share = &device->shares[i];
		return 0;
	}
	if (device->n == device->cap) {
		size_t cap = MAX(device->cap * 2, (size_t)4);
		struct device_share *shares = reallocarray(device->shares, cap, sizeof(*shares));

		if (!shares)
			return -ENOMEM;
		device->shares = shares;
		device->cap = cap;
	}
	if (unit != &tracker->others)
		unit->n_shares++;
	*ret_share = &device->shares[device->n++];
	**ret_share = (struct device_share){ .unit = unit };
	return 0;
}

/* A part of an interval, in millionths of it. */
struct stretch {
	uint32_t from_ppm, to_ppm;
};

/*
 * How long it lived in a part of the interval, in millionths of microseconds: one that ended in it
 * did so from its beginning on, one that came until its end.
 */
static split_weight lived_in(const struct device_share *share, const struct tracker *tracker,
	const struct ledger_interval *iv, struct stretch part)
{
	const split_weight whole = (split_weight)iv->duration_us * LEDGER_WHOLE_PPM;
	const struct tracked *u = share->unit;
	split_weight from = (split_weight)iv->duration_us * part.from_ppm, begin = 0;
	split_weight to = (split_weight)iv->duration_us * part.to_ppm, end = whole;
	split_weight present = (split_weight)u->present_us * LEDGER_WHOLE_PPM;

	if (u != &tracker->others && iv->node_known && present < whole) {
		if (u->state == TRACKED_LIVE)
			begin = whole - present;
		else
			end = present;
	}
	from = MAX(from, begin);
	to = MIN(to, end);
	return to > from ? to - from : 0;
}

/*
 * How long who held which part, for a part of the interval. A unit that ended in the interval is no
 * holder any more, and held what it held before until its end.
 */
static int gather(struct device_shares *device, struct tracker *tracker,
	const struct ledger_interval *iv, const struct ledger_device *in, struct stretch part)
{
	int result = 0;

	device->time += (split_weight)iv->duration_us * (part.to_ppm - part.from_ppm) *
		LEDGER_WHOLE_PPM;
	for (size_t i = 0; i < device->n; i++)
		device->shares[i].seen = false;
	for (size_t i = 0; i < in->n_holders; i++) {
		const struct gpu_holder *h = &in->holders[i];
		struct device_share *share;
		int r = share_of(device, tracker, &h->key, &share);

		if (r < 0) {
			result = r;
			continue;
		}
		share->part_ppm = share->seen ? share->part_ppm : 0;
		share->part_ppm += MIN(h->part_ppm, (uint32_t)LEDGER_WHOLE_PPM - share->part_ppm);
		share->seen = true;
	}
	for (size_t i = 0; i < device->n; i++) {
		struct device_share *share = &device->shares[i];
		split_weight lived;

		if (!share->seen && share->unit->state != TRACKED_ENDING)
			share->part_ppm = 0;
		if (!share->part_ppm)
			continue;
		lived = lived_in(share, tracker, iv, part);
		share->lived += lived;
		share->part += lived * share->part_ppm;
	}
	return result;
}

/* Had it gone on as before, or, for want of that, used all of its part. */
static uint64_t expected_use(const struct device_shares *device, const struct device_share *share)
{
	if (!device->time)
		return 0;
	if (!share->use_before_ppm)
		return (uint64_t)(share->part * LEDGER_WHOLE_PPM / device->time);
	return (uint64_t)(share->lived * LEDGER_WHOLE_PPM * share->use_before_ppm / device->time);
}

/*
 * A unit that ended since the reading before is not told about any more, but what it used last is
 * in the use of the device: beyond that of those who are told about, up to what was expected.
 */
static void find_last_use(struct device_shares *device)
{
	uint64_t told = 0, expected = 0, left;
	struct split split;

	for (size_t i = 0; i < device->n; i++) {
		if (device->shares[i].holds)
			told += device->shares[i].use_ppm;
		else
			expected += expected_use(device, &device->shares[i]);
	}
	if (!expected || told >= device->use_ppm)
		return;
	left = MIN(device->use_ppm - told, expected);
	split_begin(&split, left, expected);
	for (size_t i = 0; i < device->n; i++)
		if (!device->shares[i].holds)
			device->shares[i].use_ppm = split_next(
				&split, expected_use(device, &device->shares[i]));
}

static bool any_use_unknown(const struct ledger_device *in)
{
	for (size_t i = 0; i < in->n_holders; i++)
		if (!in->holders[i].use_known)
			return true;
	return false;
}

/*
 * Nobody tells what each unit uses: each used what it held, for as long as it held it, and nobody
 * else can have used a device that somebody held.
 */
static void take_parts(struct device_shares *device, const struct ledger_device *in)
{
	bool any = false;

	for (size_t i = 0; i < device->n; i++) {
		struct device_share *share = &device->shares[i];

		share->use_ppm = device->time
			? (uint64_t)(share->part * LEDGER_WHOLE_PPM / device->time)
			: 0;
		any |= share->use_ppm > 0;
	}
	if (any || !in->use_known)
		device->use_ppm = 0;
}

/* Takes the use of a new reading in. False: it isn't known. */
static bool take_use(
	struct device_shares *device, struct tracker *tracker, const struct ledger_device *in)
{
	if (in->n_holders)
		device->by_parts = any_use_unknown(in);
	for (size_t i = 0; i < device->n; i++) {
		device->shares[i].use_ppm = 0;
		device->shares[i].holds = false;
	}
	device->use_ppm = in->use_known ? MIN(in->use_ppm, (uint32_t)LEDGER_WHOLE_PPM) : 0;
	for (size_t i = 0; i < in->n_holders; i++) {
		const struct gpu_holder *h = &in->holders[i];
		struct device_share *share;

		if (share_of(device, tracker, &h->key, &share) < 0)
			continue;
		share->holds = true;
		share->use_ppm += MIN(h->use_ppm, (uint32_t)LEDGER_WHOLE_PPM);
	}
	if (device->by_parts)
		take_parts(device, in);
	else if (in->use_known)
		find_last_use(device);
	return in->use_known || device->n > 0;
}

static split_weight weight_of(const struct device_share *share, bool by_use)
{
	return by_use ? share->use_before_ppm + share->use_ppm : share->part;
}

static split_weight sum_of(const struct device_shares *device, bool by_use)
{
	split_weight sum = 0;

	for (size_t i = 0; i < device->n; i++)
		sum += weight_of(&device->shares[i], by_use);
	return sum;
}

static void split_among(struct device_shares *device, uint64_t amount_uj, bool by_use,
	uint64_t party_uj[N_ENERGY_PARTIES])
{
	split_weight sum = sum_of(device, by_use);
	split_weight whole = by_use ? device->use_before_ppm + device->use_ppm : device->time;
	struct split split;

	whole = MAX(whole, sum);
	if (!whole) {
		party_uj[PARTY_IDLE] += amount_uj;
		return;
	}
	split_begin(&split, amount_uj, whole);
	for (size_t i = 0; i < device->n; i++) {
		uint64_t share = split_next(&split, weight_of(&device->shares[i], by_use));

		device->shares[i].unit->energy_uj[DOMAIN_GPU] += share;
		party_uj[PARTY_UNITS] += share;
	}
	party_uj[by_use ? PARTY_SYSTEM : PARTY_IDLE] += split_rest(&split);
}

static void settle(struct device_shares *device, enum ledger_policy policy,
	const struct ledger_device *in, bool use_known, uint64_t party_uj[N_ENERGY_PARTIES])
{
	uint64_t late_uj = MIN(in->late_uj, in->energy_uj), energy_uj = in->energy_uj - late_uj;
	uint64_t static_uj = MIN(in->static_uj, energy_uj);
	bool used = use_known && (sum_of(device, true) || device->use_before_ppm + device->use_ppm);

	party_uj[PARTY_UNATTRIBUTED] += late_uj;
	if (policy == LEDGER_POLICY_COMPAT || (policy == LEDGER_POLICY_USAGE && !use_known)) {
		split_among(device, energy_uj, false, party_uj);
		return;
	}
	if (policy == LEDGER_POLICY_USAGE && !used) {
		party_uj[PARTY_IDLE] += energy_uj;
		return;
	}
	if (policy == LEDGER_POLICY_USAGE)
		static_uj = 0;
	/* A unit that keeps a GPU awake without using it holds that energy, too. */
	split_among(device, energy_uj - static_uj, used, party_uj);
	split_among(device, static_uj, false, party_uj);
}

static void begin_anew(struct device_shares *device, struct tracker *tracker, int64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < device->n; i++) {
		struct device_share share = device->shares[i];

		share.unit->charged_ns = now_ns;
		share.part = share.lived = 0;
		share.use_before_ppm = share.use_ppm;
		if (share.holds || share.use_ppm) /* a straight line needs both of its ends */
			device->shares[kept++] = share;
		else
			let_go(&share, tracker);
	}
	device->n = kept;
	device->use_before_ppm = device->use_ppm;
	device->time = 0;
}

int device_shares_book(struct device_shares *device, struct tracker *tracker,
	enum ledger_policy policy, const struct ledger_interval *iv, const struct ledger_device *in,
	uint64_t party_uj[N_ENERGY_PARTIES])
{
	uint32_t part = in->settle ? MIN(in->part_ppm, (uint32_t)LEDGER_WHOLE_PPM)
				   : LEDGER_WHOLE_PPM;
	int r = gather(device, tracker, iv, in, (struct stretch){ 0, part }), r2;
	bool use_known;

	if (!in->settle)
		return r;
	use_known = take_use(device, tracker, in);
	if (!in->drawn || (use_known && !device->use_before_known)) {
		/* This reading stands for the whole time. */
		for (size_t i = 0; i < device->n; i++)
			device->shares[i].use_before_ppm = 0;
		device->use_before_ppm = 0;
	}
	settle(device, policy, in, use_known, party_uj);
	device->use_before_known = use_known;
	begin_anew(device, tracker, iv->now_ns);
	r2 = gather(device, tracker, iv, in, (struct stretch){ part, LEDGER_WHOLE_PPM });
	return r < 0 ? r : r2;
}
