// SPDX-License-Identifier: Apache-2.0
/* Policies and booking; docs/energy.md has the formulas. What units used comes from tracker.c. */
#include "exporter/ledger/ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"
#include "exporter/ledger/device_split.h"
#include "exporter/ledger/policy.h"
#include "exporter/ledger/split.h"
#include "exporter/ledger/tracker.h"

const char *const energy_domain_names[N_ENERGY_DOMAINS] = {
	[DOMAIN_CPU] = "cpu",
	[DOMAIN_DRAM] = "dram",
	[DOMAIN_GPU] = "gpu",
	[DOMAIN_REST] = "rest",
};

const char *const energy_party_names[N_ENERGY_PARTIES] = {
	[PARTY_UNITS] = "units",
	[PARTY_SYSTEM] = "system",
	[PARTY_IDLE] = "idle",
	[PARTY_UNATTRIBUTED] = "unattributed",
};

/* A lag of some intervals over a head that may be a fraction of one; more is nonsense. Its
 * millionths must fit in 32 bits. */
enum { HEAD_STRETCH_MAX = 1000 };
static_assert((uint64_t)HEAD_STRETCH_MAX * LEDGER_WHOLE_PPM <= UINT32_MAX, "see stretch_head()");

/* What the units' gathered weights stand for together. */
struct backlog_whole {
	struct gathered whole;
	split_weight time, unknown_time; /* the latter: nobody's use was known */
};

/* An interval of which it is not known yet to which span of the rest it belongs. */
struct backlog_interval {
	struct gathered whole;
	uint64_t duration_us;
	uint32_t taken_ppm; /* that was gathered */
	bool known; /* who used what */
};

/* The first whole interval's worth of a span. */
struct backlog_head {
	struct gathered whole;
	uint64_t duration_us, unknown_us; /* 0: none yet; the latter: nobody's use was known */
};

struct ledger {
	struct ledger_config config;
	struct tracker tracker;
	bool present[N_ENERGY_DOMAINS];
	uint64_t meter_uj[N_ENERGY_DOMAINS];
	uint64_t party_uj[N_ENERGY_DOMAINS][N_ENERGY_PARTIES];
	struct backlog_whole backlog[N_ENERGY_DOMAINS];
	struct backlog_interval waiting[LEDGER_BACK_INTERVALS]; /* a ring, of the rest */
	size_t first_waiting, n_waiting;
	struct backlog_head head;
	struct device_shares devices[LEDGER_DEVICES_MAX];
	struct tracked **order; /* sorted by key */
	struct ledger_unit_total *totals;
	size_t cap; /* of both */
	size_t n; /* units in order */
};

int ledger_new(const struct ledger_config *config, struct ledger **ret_ledger)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	if (!ledger)
		return -ENOMEM;
	ledger->config = *config;
	tracker_init(&ledger->tracker, config->max_units);
	*ret_ledger = ledger;
	return 0;
}

void ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return;
	for (size_t i = 0; i < LEDGER_DEVICES_MAX; i++)
		device_shares_done(&ledger->devices[i], &ledger->tracker);
	tracker_done(&ledger->tracker);
	free(ledger->order);
	free(ledger->totals);
	free(ledger);
}

/* An absurd one is cut off, so that a sum of many has room. */
static split_weight weight_of(
	const struct measure *by, const struct tracked *u, const struct ledger_interval *iv)
{
	return MIN(by->weight(u, iv), (split_weight)1 << 100);
}

static split_weight sum_of(
	const struct tracker *tracker, const struct measure *by, const struct ledger_interval *iv)
{
	split_weight sum = weight_of(by, &tracker->others, iv);

	for (size_t i = 0; i < tracker->n; i++)
		sum += weight_of(by, tracker->units[i], iv);
	return sum;
}

static void charge(struct ledger *ledger, struct tracked *u, enum energy_domain d, uint64_t share)
{
	u->energy_uj[d] += share;
	ledger->party_uj[d][PARTY_UNITS] += share;
}

/*
 * When the units' readings exceed the node's (they are taken a moment later, in finer steps), their
 * sum is the whole and nothing is left for others. When nobody used anything, nobody is charged.
 */
static void split_amount(struct ledger *ledger, const struct ledger_interval *iv,
	enum energy_domain d, uint64_t amount_uj, const struct measure *by)
{
	struct tracker *tracker = &ledger->tracker;
	split_weight sum = sum_of(tracker, by, iv), whole = by->whole(iv);
	struct split split;

	if (!whole && !sum) {
		ledger->party_uj[d][PARTY_IDLE] += amount_uj;
		return;
	}
	split_begin(&split, amount_uj, MAX(whole, sum));
	for (size_t i = 0; i < tracker->n; i++)
		charge(ledger, tracker->units[i], d,
			split_next(&split, weight_of(by, tracker->units[i], iv)));
	charge(ledger, &tracker->others, d,
		split_next(&split, weight_of(by, &tracker->others, iv)));
	ledger->party_uj[d][by->rest] += split_rest(&split);
}

/* --- energy that comes in later --- */

/* What a weight counts for that is there for part of an interval. Absurd ones are cut off, so that
 * the sum over many intervals has room. */
static split_weight for_part(split_weight weight, uint32_t part_ppm)
{
	return MIN(weight, (split_weight)1 << 80) * part_ppm;
}

static split_weight whole_of(
	const struct tracker *tracker, const struct measure *by, const struct ledger_interval *iv)
{
	split_weight sum = sum_of(tracker, by, iv), whole = by->whole(iv);

	return MAX(sum, whole);
}

static void weigh(struct gathered *ret_weights, const struct tracked *u, const struct policy *p,
	const struct ledger_interval *iv)
{
	ret_weights->dynamic = p->dynamic->weight(u, iv);
	ret_weights->fixed = p->fixed->weight(u, iv);
}

static void add_weights(struct gathered *sum, const struct gathered *w, uint32_t part_ppm)
{
	sum->dynamic += for_part(w->dynamic, part_ppm);
	sum->fixed += for_part(w->fixed, part_ppm);
}

static void gather_unit(struct tracked *u, enum energy_domain d, const struct policy *p,
	const struct ledger_interval *iv)
{
	struct gathered weights;

	weigh(&weights, u, p, iv);
	add_weights(&u->gathered[d], &weights, LEDGER_WHOLE_PPM);
}

/* An interval that is told as a whole. */
static void gather(struct ledger *ledger, enum energy_domain d, const struct policy *p,
	const struct ledger_interval *iv, bool known)
{
	struct tracker *tracker = &ledger->tracker;
	struct backlog_whole *b = &ledger->backlog[d];
	const struct gathered whole = {
		known ? whole_of(tracker, p->dynamic, iv) : 0,
		known ? whole_of(tracker, p->fixed, iv) : 0,
	};

	b->time += for_part(iv->duration_us, LEDGER_WHOLE_PPM);
	b->unknown_time += known ? 0 : for_part(iv->duration_us, LEDGER_WHOLE_PPM);
	add_weights(&b->whole, &whole, LEDGER_WHOLE_PPM);
	if (!known)
		return;
	for (size_t i = 0; i < tracker->n; i++)
		gather_unit(tracker->units[i], d, p, iv);
	gather_unit(&tracker->others, d, p, iv);
}

/*
 * A span begins: what is gathered now may have to stand for a bit of time before it. One short
 * interval alone is too little for that.
 */
static void keep_head(struct ledger *ledger, size_t slot)
{
	const struct backlog_interval *w = &ledger->waiting[slot];
	struct tracker *tracker = &ledger->tracker;
	struct backlog_head *head = &ledger->head;

	if (!ledger->backlog[DOMAIN_REST].time) {
		*head = (struct backlog_head){ .duration_us = 0 };
		for (size_t i = 0; i < tracker->n; i++)
			tracker->units[i]->head = (struct gathered){ 0 };
		tracker->others.head = (struct gathered){ 0 };
	} else if (head->duration_us >= ledger->config.interval_us) {
		return;
	}
	head->duration_us += w->duration_us;
	head->unknown_us += w->known ? 0 : w->duration_us;
	add_weights(&head->whole, &w->whole, 1);
	for (size_t i = 0; i < tracker->n; i++)
		add_weights(&tracker->units[i]->head, &tracker->units[i]->waiting[slot], 1);
	add_weights(&tracker->others.head, &tracker->others.waiting[slot], 1);
}

static void stretch_head(struct ledger *ledger, uint64_t stretch_us)
{
	struct tracker *tracker = &ledger->tracker;
	struct backlog_whole *b = &ledger->backlog[DOMAIN_REST];
	const struct backlog_head *head = &ledger->head;
	uint64_t limit_us = head->duration_us * HEAD_STRETCH_MAX;
	uint32_t part_ppm;

	if (!head->duration_us)
		return;
	part_ppm = (uint32_t)((split_weight)MIN(stretch_us, limit_us) * LEDGER_WHOLE_PPM /
		head->duration_us);
	b->time += for_part(head->duration_us, part_ppm);
	b->unknown_time += for_part(head->unknown_us, part_ppm);
	add_weights(&b->whole, &head->whole, part_ppm);
	for (size_t i = 0; i < tracker->n; i++)
		add_weights(&tracker->units[i]->gathered[DOMAIN_REST], &tracker->units[i]->head,
			part_ppm);
	add_weights(&tracker->others.gathered[DOMAIN_REST], &tracker->others.head, part_ppm);
}

/* Part of an interval that waited. */
static void gather_waiting(struct ledger *ledger, size_t slot, uint32_t part_ppm)
{
	struct tracker *tracker = &ledger->tracker;
	struct backlog_whole *b = &ledger->backlog[DOMAIN_REST];
	struct backlog_interval *w = &ledger->waiting[slot];

	keep_head(ledger, slot);
	w->taken_ppm += part_ppm;
	b->time += for_part(w->duration_us, part_ppm);
	b->unknown_time += w->known ? 0 : for_part(w->duration_us, part_ppm);
	add_weights(&b->whole, &w->whole, part_ppm);
	for (size_t i = 0; i < tracker->n; i++)
		add_weights(&tracker->units[i]->gathered[DOMAIN_REST],
			&tracker->units[i]->waiting[slot], part_ppm);
	add_weights(
		&tracker->others.gathered[DOMAIN_REST], &tracker->others.waiting[slot], part_ppm);
}

static void drop_first_waiting(struct ledger *ledger)
{
	struct tracker *tracker = &ledger->tracker;
	size_t slot = ledger->first_waiting;

	for (size_t i = 0; i < tracker->n; i++)
		tracker->units[i]->waiting[slot] = (struct gathered){ 0 };
	tracker->others.waiting[slot] = (struct gathered){ 0 };
	ledger->first_waiting = (slot + 1) % LEDGER_BACK_INTERVALS;
	ledger->n_waiting--;
}

/* The last one, while it is shorter than a usual interval and nothing of it was gathered. */
static bool goes_into_last(const struct ledger *ledger, bool known, size_t *ret_slot)
{
	const struct backlog_interval *w;

	if (!ledger->n_waiting)
		return false;
	*ret_slot = (ledger->first_waiting + ledger->n_waiting - 1) % LEDGER_BACK_INTERVALS;
	w = &ledger->waiting[*ret_slot];
	return w->duration_us < ledger->config.interval_us && !w->taken_ppm && w->known == known;
}

static size_t new_slot(struct ledger *ledger, bool known)
{
	size_t slot;

	if (ledger->n_waiting == LEDGER_BACK_INTERVALS) { /* by now it is known */
		slot = ledger->first_waiting;
		gather_waiting(ledger, slot, LEDGER_WHOLE_PPM - ledger->waiting[slot].taken_ppm);
		drop_first_waiting(ledger);
	}
	slot = (ledger->first_waiting + ledger->n_waiting++) % LEDGER_BACK_INTERVALS;
	ledger->waiting[slot] = (struct backlog_interval){ .known = known };
	return slot;
}

static void wait_for_its_place(
	struct ledger *ledger, const struct policy *p, const struct ledger_interval *iv, bool known)
{
	struct tracker *tracker = &ledger->tracker;
	const struct gathered whole = {
		known ? whole_of(tracker, p->dynamic, iv) : 0,
		known ? whole_of(tracker, p->fixed, iv) : 0,
	};
	struct gathered weights;
	size_t slot;

	if (!goes_into_last(ledger, known, &slot))
		slot = new_slot(ledger, known);
	ledger->waiting[slot].duration_us += iv->duration_us;
	add_weights(&ledger->waiting[slot].whole, &whole, 1);
	if (!known)
		return;
	for (size_t i = 0; i < tracker->n; i++) {
		weigh(&weights, tracker->units[i], p, iv);
		add_weights(&tracker->units[i]->waiting[slot], &weights, 1);
	}
	weigh(&weights, &tracker->others, p, iv);
	add_weights(&tracker->others.waiting[slot], &weights, 1);
}

/* How much of the time up to a moment belongs to a span that ends at 0 and fades for so long around
 * that: less a constant. */
static __int128 faded(__int128 at_us, __int128 fade_us)
{
	__int128 in_us = at_us + fade_us / 2;

	if (in_us <= 0)
		return at_us;
	if (in_us >= fade_us)
		return 0;
	return in_us - fade_us / 2 - in_us * in_us / (2 * fade_us);
}

/* Gathers what waited, but for the last time of the interval, and for what fades. */
static void gather_until(struct ledger *ledger, uint64_t back_us, uint64_t fade_us)
{
	__int128 at_us = back_us;

	for (size_t i = 0; i < ledger->n_waiting; i++)
		at_us -= ledger->waiting[(ledger->first_waiting + i) % LEDGER_BACK_INTERVALS]
				 .duration_us;
	for (size_t i = 0; i < ledger->n_waiting; i++) {
		size_t slot = (ledger->first_waiting + i) % LEDGER_BACK_INTERVALS;
		struct backlog_interval *w = &ledger->waiting[slot];
		__int128 to_us = at_us + w->duration_us;
		uint32_t part_ppm = (uint32_t)((faded(to_us, fade_us) - faded(at_us, fade_us)) *
			LEDGER_WHOLE_PPM / MAX(w->duration_us, 1u));

		if (part_ppm > w->taken_ppm)
			gather_waiting(ledger, slot, part_ppm - w->taken_ppm);
		at_us = to_us;
	}
	while (ledger->n_waiting &&
		ledger->waiting[ledger->first_waiting].taken_ppm == LEDGER_WHOLE_PPM)
		drop_first_waiting(ledger);
}

static split_weight gathered_of(const struct tracked *u, enum energy_domain d, bool fixed)
{
	return fixed ? u->gathered[d].fixed : u->gathered[d].dynamic;
}

static void split_gathered(struct ledger *ledger, enum energy_domain d, uint64_t amount_uj,
	bool fixed, enum energy_party rest)
{
	struct tracker *tracker = &ledger->tracker;
	struct backlog_whole *b = &ledger->backlog[d];
	split_weight whole = fixed ? b->whole.fixed : b->whole.dynamic;
	split_weight sum = gathered_of(&tracker->others, d, fixed);
	struct split split;

	for (size_t i = 0; i < tracker->n; i++)
		sum += gathered_of(tracker->units[i], d, fixed);
	whole = MAX(whole, sum); /* where absurd weights were cut off */
	if (!whole) {
		ledger->party_uj[d][PARTY_IDLE] += amount_uj;
		return;
	}
	split_begin(&split, amount_uj, whole);
	for (size_t i = 0; i < tracker->n; i++)
		charge(ledger, tracker->units[i], d,
			split_next(&split, gathered_of(tracker->units[i], d, fixed)));
	charge(ledger, &tracker->others, d,
		split_next(&split, gathered_of(&tracker->others, d, fixed)));
	ledger->party_uj[d][rest] += split_rest(&split);
}

static void forget_gathered(struct ledger *ledger, enum energy_domain d, int64_t now_ns)
{
	struct tracker *tracker = &ledger->tracker;

	for (size_t i = 0; i < tracker->n; i++) {
		struct tracked *u = tracker->units[i];

		if (u->gathered[d].dynamic || u->gathered[d].fixed)
			u->charged_ns = now_ns;
		u->gathered[d] = (struct gathered){ 0 };
	}
	tracker->others.gathered[d] = (struct gathered){ 0 };
	ledger->backlog[d] = (struct backlog_whole){ .time = 0 };
}

static void settle(struct ledger *ledger, enum energy_domain d, const struct policy *p,
	const struct ledger_interval *iv)
{
	const struct ledger_backlog *in = &iv->backlog[d];
	struct backlog_whole *b = &ledger->backlog[d];
	uint64_t energy = in->energy_uj, late = MIN(in->late_uj, energy), fixed;
	struct split unknown;

	if (!b->time)
		late = energy;
	ledger->meter_uj[d] += energy;
	energy -= late;
	if (energy) {
		split_begin(&unknown, energy, b->time);
		late += split_next(&unknown, b->unknown_time);
		energy = split_rest(&unknown);
	}
	ledger->party_uj[d][PARTY_UNATTRIBUTED] += late;
	fixed = MIN(in->static_uj, energy);
	if (energy > fixed)
		split_gathered(ledger, d, energy - fixed, false, p->dynamic->rest);
	if (fixed)
		split_gathered(ledger, d, fixed, true, p->fixed->rest);
}

static void book_backlog(struct ledger *ledger, enum energy_domain d, const struct policy *p,
	const struct ledger_interval *iv, bool known)
{
	const struct ledger_backlog *in = &iv->backlog[d];

	if (!in->open && !in->settle) {
		if (ledger->backlog[d].time)
			forget_gathered(ledger, d, iv->now_ns);
		while (d == DOMAIN_REST && ledger->n_waiting)
			drop_first_waiting(ledger);
		return;
	}
	if (d == DOMAIN_REST)
		wait_for_its_place(ledger, p, iv, known);
	else
		gather(ledger, d, p, iv, known);
	if (!in->settle)
		return;
	if (d == DOMAIN_REST) {
		gather_until(ledger, in->back_us, in->fade_us);
		stretch_head(ledger, in->stretch_us);
	}
	settle(ledger, d, p, iv);
	if (!in->again)
		forget_gathered(ledger, d, iv->now_ns);
}

static int reserve_totals(struct ledger *ledger)
{
	size_t cap = ledger->tracker.cap;
	struct ledger_unit_total *totals;
	struct tracked **order;

	if (cap <= ledger->cap)
		return 0;
	order = reallocarray(ledger->order, cap, sizeof(*order));
	if (!order)
		return -ENOMEM;
	ledger->order = order;
	totals = reallocarray(ledger->totals, cap, sizeof(*totals));
	if (!totals)
		return -ENOMEM;
	ledger->totals = totals;
	ledger->cap = cap;
	ledger->tracker.changed = true;
	return 0;
}

/* Energy of this very interval. */
static void book_now(struct ledger *ledger, enum energy_domain d, const struct policy *p,
	const struct ledger_interval *iv, bool known)
{
	uint64_t energy = iv->energy_uj[d], late = MIN(iv->late_uj[d], energy), fixed;

	ledger->meter_uj[d] += energy;
	if (!known)
		late = energy;
	ledger->party_uj[d][PARTY_UNATTRIBUTED] += late;
	energy -= late;
	fixed = MIN(iv->static_uj[d], energy);
	if (energy > fixed)
		split_amount(ledger, iv, d, energy - fixed, p->dynamic);
	if (fixed)
		split_amount(ledger, iv, d, fixed, p->fixed);
}

/* Who holds a device is known even when nobody's CPU time is. */
static int book_devices(struct ledger *ledger, const struct ledger_interval *iv)
{
	int result = 0;

	for (size_t i = 0; i < iv->n_devices; i++) {
		const struct ledger_device *in = &iv->devices[i];
		int r = device_shares_book(&ledger->devices[in->slot], &ledger->tracker,
			ledger->config.policy, iv, in, ledger->party_uj[DOMAIN_GPU]);

		if (in->settle)
			ledger->meter_uj[DOMAIN_GPU] += in->energy_uj;
		if (r < 0)
			result = r;
	}
	return result;
}

int ledger_book(struct ledger *ledger, const struct ledger_interval *iv)
{
	const struct policy *policy = energy_policies[ledger->config.policy];
	bool known = iv->node_known;
	int r = 0, devices;

	if (known) {
		tracker_forget(&ledger->tracker, iv->now_ns, ledger->config.keep_ended_ns,
			iv->last_scrape_ns);
		r = tracker_follow(&ledger->tracker, iv);
		if (r >= 0)
			r = reserve_totals(ledger);
	}
	known &= r >= 0 && iv->duration_us;
	for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
		ledger->present[d] |= iv->present[d];
		if (!policy[d].dynamic)
			continue; /* booked by device */
		book_now(ledger, (enum energy_domain)d, &policy[d], iv, known);
		book_backlog(ledger, (enum energy_domain)d, &policy[d], iv, known);
	}
	devices = book_devices(ledger, iv);
	return r < 0 ? r : devices;
}

static int compare_keys(const void *a, const void *b)
{
	const struct unit_key *ka = &(*(struct tracked *const *)a)->key;
	const struct unit_key *kb = &(*(struct tracked *const *)b)->key;
	int r = strcmp(ka->manager, kb->manager);

	if (!r)
		r = strcmp(ka->cgrouphostname, kb->cgrouphostname);
	return r ? r : strcmp(ka->uuid, kb->uuid);
}

void ledger_totals(struct ledger *ledger, struct ledger_totals *ret_totals)
{
	struct tracker *tracker = &ledger->tracker;

	if (tracker->changed) {
		ledger->n = MIN(tracker->n, ledger->cap);
		if (ledger->n) {
			memcpy(ledger->order, tracker->units, ledger->n * sizeof(*ledger->order));
			qsort(ledger->order, ledger->n, sizeof(*ledger->order), compare_keys);
		}
		tracker->changed = false;
	}
	for (size_t i = 0; i < ledger->n; i++) {
		const struct tracked *u = ledger->order[i];
		struct ledger_unit_total *total = &ledger->totals[i];

		total->key = u->key;
		memcpy(total->energy_uj, u->energy_uj, sizeof(total->energy_uj));
		total->start_realtime_ns = u->start_realtime_ns;
		total->ended = u->state != TRACKED_LIVE;
	}
	*ret_totals = (struct ledger_totals){ .units = ledger->totals, .n_units = ledger->n };
	memcpy(ret_totals->present, ledger->present, sizeof(ledger->present));
	memcpy(ret_totals->meter_uj, ledger->meter_uj, sizeof(ledger->meter_uj));
	memcpy(ret_totals->party_uj, ledger->party_uj, sizeof(ledger->party_uj));
}

bool ledger_units_changed(const struct ledger *ledger)
{
	return ledger->tracker.came_or_went;
}
