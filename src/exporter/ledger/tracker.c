// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/tracker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"
#include "exporter/ledger/split.h"

enum {
	SLOTS_MIN = 64,
	PRORATE_SLACK_US = 1000,
	CPUS_MILLI_MAX = 1 << 30, /* a million CPUs */
};

void tracker_init(struct tracker *tracker, size_t max_units)
{
	*tracker = (struct tracker){ .max = max_units };
}

void tracker_done(struct tracker *tracker)
{
	for (size_t i = 0; i < tracker->n; i++) {
		free(tracker->units[i]->text);
		free(tracker->units[i]);
	}
	free(tracker->units);
	free(tracker->slots);
	*tracker = (struct tracker){ 0 };
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	/* FNV-1a; the final zero keeps ("a", "bc") apart from ("ab", "c"). */
	do
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
	while (*text++);
	return hash;
}

static uint64_t hash_key(const struct unit_key *key)
{
	uint64_t hash = hash_text(0xcbf29ce484222325, key->manager);

	return hash_text(hash_text(hash, key->cgrouphostname), key->uuid);
}

static bool key_equal(const struct unit_key *a, const struct unit_key *b)
{
	return !strcmp(a->uuid, b->uuid) && !strcmp(a->cgrouphostname, b->cgrouphostname) &&
		!strcmp(a->manager, b->manager);
}

static struct tracked *find(
	const struct tracker *tracker, const struct unit_key *key, uint64_t hash)
{
	if (!tracker->n_slots)
		return NULL;
	for (size_t s = hash & (tracker->n_slots - 1); tracker->slots[s];
		s = (s + 1) & (tracker->n_slots - 1)) {
		struct tracked *u = tracker->units[tracker->slots[s] - 1];

		if (u->hash == hash && key_equal(&u->key, key))
			return u;
	}
	return NULL;
}

static void put_slot(struct tracker *tracker, size_t index)
{
	size_t s = tracker->units[index]->hash & (tracker->n_slots - 1);

	while (tracker->slots[s])
		s = (s + 1) & (tracker->n_slots - 1);
	tracker->slots[s] = (uint32_t)(index + 1);
}

static void rebuild_slots(struct tracker *tracker)
{
	memset(tracker->slots, 0, tracker->n_slots * sizeof(*tracker->slots));
	for (size_t i = 0; i < tracker->n; i++)
		put_slot(tracker, i);
}

/* Room for one unit more. */
static int reserve(struct tracker *tracker)
{
	size_t cap = MAX(tracker->cap * 2, (size_t)SLOTS_MIN / 2);
	struct tracked **units;
	uint32_t *slots;

	if (tracker->n < tracker->cap)
		return 0;
	units = reallocarray(tracker->units, cap, sizeof(*units));
	if (!units)
		return -ENOMEM;
	tracker->units = units;
	slots = calloc(cap * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(tracker->slots);
	tracker->slots = slots;
	tracker->n_slots = cap * 2;
	tracker->cap = cap;
	rebuild_slots(tracker);
	return 0;
}

static void remove_marked(struct tracker *tracker)
{
	size_t kept = 0;

	for (size_t i = 0; i < tracker->n; i++) {
		struct tracked *u = tracker->units[i];

		if (u->text) {
			tracker->units[kept++] = u;
			continue;
		}
		free(u);
	}
	if (kept == tracker->n)
		return;
	tracker->n = kept;
	tracker->changed = true;
	rebuild_slots(tracker);
}

/* Only marks: the hash table needs the unit until remove_marked(). */
static void mark_removed(struct tracked *u)
{
	free(u->text);
	u->text = NULL;
}

struct tracked *tracker_find(const struct tracker *tracker, const struct unit_key *key)
{
	return find(tracker, key, hash_key(key));
}

static bool has_gathered(const struct tracked *u)
{
	if (u->n_shares)
		return true;
	for (int d = 0; d < N_ENERGY_DOMAINS; d++)
		if (u->gathered[d].dynamic || u->gathered[d].fixed)
			return true;
	for (int i = 0; i < LEDGER_BACK_INTERVALS; i++)
		if (u->waiting[i].dynamic || u->waiting[i].fixed)
			return true;
	return false;
}

void tracker_forget(
	struct tracker *tracker, int64_t now_ns, int64_t keep_ns, int64_t last_scrape_ns)
{
	for (size_t i = 0; i < tracker->n; i++) {
		struct tracked *u = tracker->units[i];
		int64_t ago_ns = now_ns - u->ended_ns;

		if (u->state == TRACKED_ENDED && ago_ns > keep_ns && !has_gathered(u) &&
			(last_scrape_ns > MAX(u->ended_ns, u->charged_ns) ||
				ago_ns > LEDGER_KEEP_UNSCRAPED_NS))
			mark_removed(u);
	}
	remove_marked(tracker);
}

/* A live unit needs room more than one that ended: forgets the one that ended first. */
static bool forget_oldest(struct tracker *tracker)
{
	struct tracked *oldest = NULL;

	if (!tracker->n_ended)
		return false;
	for (size_t i = 0; i < tracker->n; i++) {
		struct tracked *u = tracker->units[i];

		if (u->state == TRACKED_ENDED && !u->n_shares &&
			(!oldest || u->ended_ns < oldest->ended_ns))
			oldest = u;
	}
	if (!oldest) {
		tracker->n_ended = 0;
		return false;
	}
	tracker->n_ended--;
	/* What it is still to get goes to the party. */
	for (int i = 0; i < LEDGER_BACK_INTERVALS; i++) {
		tracker->others.waiting[i].dynamic += oldest->waiting[i].dynamic;
		tracker->others.waiting[i].fixed += oldest->waiting[i].fixed;
	}
	for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
		tracker->others.gathered[d].dynamic += oldest->gathered[d].dynamic;
		tracker->others.gathered[d].fixed += oldest->gathered[d].fixed;
	}
	mark_removed(oldest);
	remove_marked(tracker);
	return true;
}

static char *copy_key(const struct unit_key *key, struct unit_key *ret_key)
{
	size_t a = strlen(key->manager) + 1, b = strlen(key->cgrouphostname) + 1;
	size_t c = strlen(key->uuid) + 1;
	char *text = malloc(a + b + c);

	if (!text)
		return NULL;
	memcpy(text, key->manager, a);
	memcpy(text + a, key->cgrouphostname, b);
	memcpy(text + a + b, key->uuid, c);
	*ret_key = (struct unit_key){
		.manager = text, .cgrouphostname = text + a, .uuid = text + a + b
	};
	return text;
}

static int add(struct tracker *tracker, const struct unit_key *key, uint64_t hash,
	struct tracked **ret_unit)
{
	struct tracked *u;
	int r = reserve(tracker);

	if (r < 0)
		return r;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->text = copy_key(key, &u->key);
	if (!u->text) {
		free(u);
		return -ENOMEM;
	}
	u->hash = hash;
	tracker->units[tracker->n++] = u;
	put_slot(tracker, tracker->n - 1);
	tracker->changed = true;
	*ret_unit = u;
	return 0;
}

static uint64_t prorate(uint64_t amount, uint64_t part, uint64_t whole)
{
	return (uint64_t)((split_weight)amount * part / whole);
}

/* CPU time that it can have used at most in a span. */
static uint64_t capacity_us(
	uint64_t alloc_cpus_milli, const struct ledger_interval *iv, uint64_t span_us)
{
	uint64_t cpus = iv->node_cpus_milli;

	if (alloc_cpus_milli && (!cpus || alloc_cpus_milli < cpus))
		cpus = alloc_cpus_milli;
	return prorate(span_us, MIN(cpus ? cpus : CPUS_MILLI_MAX, CPUS_MILLI_MAX), 1000);
}

/*
 * A cgroup's counters start at 0 with it, so all that a new unit has used fell into this interval,
 * unless the cgroup is older (it could not be read before). How long it has been there tells its
 * birth; without one, what its CPU time took at full load or, for want of better, half the
 * interval.
 */
static void measure_newborn(
	struct tracked *u, const struct unit_sample *s, const struct ledger_interval *iv)
{
	uint64_t capacity = capacity_us(s->alloc_cpus_milli, iv, iv->duration_us);
	uint64_t used = s->cpu_known ? s->cpu_usage_us : 0, least;
	int64_t age_ns = s->born_ns > 0 ? iv->realtime_ns - s->born_ns : -1;

	u->present_us = iv->duration_us;
	if (age_ns / 1000 > (int64_t)iv->duration_us) {
		used = prorate(used, iv->duration_us, (uint64_t)age_ns / 1000);
		u->used_us = MIN(used, capacity);
		return;
	}
	if (used / 2 > capacity) /* more than can be: it is older than it says */
		return;
	u->used_us = MIN(used, capacity);
	least = capacity ? prorate(iv->duration_us, u->used_us, capacity) : 0;
	if (age_ns >= 0)
		u->present_us = MIN(MAX((uint64_t)age_ns / 1000, least), iv->duration_us);
	else
		u->present_us = least ? MIN(least, iv->duration_us) : iv->duration_us / 2;
}

static void measure_known(
	struct tracked *u, const struct unit_sample *s, const struct ledger_interval *iv)
{
	int64_t since_ns = iv->now_ns - u->cpu_read_ns;

	u->present_us = iv->duration_us;
	if (!s->cpu_known || s->cpu_usage_us < u->cpu_usage_us)
		return; /* a counter that went back says nothing about this interval */
	u->used_us = s->cpu_usage_us - u->cpu_usage_us;
	if (since_ns / 1000 > (int64_t)iv->duration_us + PRORATE_SLACK_US)
		u->used_us = prorate(u->used_us, iv->duration_us, (uint64_t)since_ns / 1000);
	u->used_us = MIN(u->used_us, capacity_us(0, iv, iv->duration_us));
}

static void remember(
	struct tracked *u, const struct unit_sample *s, const struct ledger_interval *iv)
{
	u->incarnation = s->incarnation;
	u->state = TRACKED_LIVE;
	u->alloc_cpus_milli = s->alloc_cpus_milli;
	u->alloc_memory_bytes = s->alloc_memory_bytes;
	if (s->cpu_known) {
		u->cpu_usage_us = s->cpu_usage_us;
		u->cpu_read_ns = iv->now_ns;
	}
	if (s->memory_known) {
		u->working_set_bytes = s->working_set_bytes;
		u->memory_used_bytes = s->memory_used_bytes;
	}
}

static int follow_one(struct tracker *tracker, const struct unit_sample *s, uint64_t hash,
	const struct ledger_interval *iv)
{
	struct tracked *u = find(tracker, &s->key, hash);
	bool known = u && u->incarnation == s->incarnation;
	int r;

	if (u && u->pass == tracker->pass)
		return 0; /* the same name twice in one reading: the first counts */
	if (!u) {
		r = add(tracker, &s->key, hash, &u);
		if (r < 0)
			return r;
		u->start_realtime_ns = iv->realtime_ns;
	}
	u->pass = tracker->pass;
	if (!known) {
		tracker->came_or_went = true;
		u->cpu_usage_us = 0;
		u->cpu_read_ns = iv->now_ns;
		u->working_set_bytes = u->memory_used_bytes = 0;
	}
	if (iv->duration_us && known)
		measure_known(u, s, iv);
	else if (iv->duration_us)
		measure_newborn(u, s, iv);
	remember(u, s, iv);
	return 0;
}

static void add_to_others(
	struct tracked *others, const struct unit_sample *s, const struct ledger_interval *iv)
{
	others->used_us += s->cpu_known ? s->cpu_usage_us : 0;
	others->working_set_bytes += s->working_set_bytes;
	others->memory_used_bytes += s->memory_used_bytes;
	others->alloc_cpus_milli += s->alloc_cpus_milli;
	others->alloc_memory_bytes += s->alloc_memory_bytes;
	others->present_us = iv->duration_us;
}

/* The difference of their sum means something only while they are the same units. */
static void measure_others(struct tracker *tracker, uint64_t hash, const struct tracked *before,
	const struct ledger_interval *iv)
{
	struct tracked *others = &tracker->others;
	uint64_t sum_us = others->used_us;
	bool same = hash == tracker->others_hash && sum_us >= before->cpu_usage_us;

	others->used_us = same ? sum_us - before->cpu_usage_us : 0;
	others->used_us = MIN(others->used_us, capacity_us(0, iv, iv->duration_us));
	others->cpu_usage_us = sum_us;
	tracker->others_hash = hash;
}

/* What a unit would have used if it had gone on as in the interval before. */
static uint64_t expected_us(const struct tracked *u, const struct ledger_interval *iv)
{
	if (!u->last_present_us)
		return 0;
	return prorate(u->last_used_us, iv->duration_us, u->last_present_us);
}

/*
 * The last CPU time of the units that ended: told by their parents' counters, otherwise what
 * appeared outside units since the last interval, as far as it fits to what they did before.
 */
static uint64_t ended_total_us(const struct tracker *tracker, const struct ledger_interval *iv,
	uint64_t live_us, uint64_t expected_sum_us)
{
	uint64_t outside = iv->node_cpu_busy_us - MIN(live_us, iv->node_cpu_busy_us);
	uint64_t usual = 0;

	if (iv->units_cpu_known)
		return MIN(iv->units_cpu_us - MIN(live_us, iv->units_cpu_us), outside);
	if (tracker->outside_span_us)
		usual = prorate(tracker->outside_us, iv->duration_us, tracker->outside_span_us);
	return MIN(outside - MIN(usual, outside), expected_sum_us);
}

/* When nobody saw its end, it lived as long as that CPU time took; nothing used tells nothing. */
static uint64_t ended_present_us(
	const struct tracked *u, const struct ledger_interval *iv, uint64_t expected)
{
	if (iv->ended_known)
		return MIN(iv->ended_us, iv->duration_us);
	if (!expected)
		return iv->duration_us / 2;
	return MIN(iv->duration_us, prorate(iv->duration_us, u->used_us, expected));
}

static uint64_t measure_ending(struct tracker *tracker, const struct ledger_interval *iv,
	uint64_t live_us, uint64_t expected_sum_us, size_t n_ending)
{
	uint64_t total = ended_total_us(tracker, iv, live_us, expected_sum_us), sum = 0;
	struct split split;

	split_begin(&split, total, expected_sum_us ? expected_sum_us : n_ending);
	for (size_t i = 0; i < tracker->n; i++) {
		struct tracked *u = tracker->units[i];
		uint64_t expected, used;

		if (u->state != TRACKED_ENDING)
			continue;
		expected = expected_us(u, iv);
		used = split_next(&split, expected_sum_us ? expected : 1);
		u->used_us = MIN(used, capacity_us(u->alloc_cpus_milli, iv, iv->duration_us));
		u->present_us = ended_present_us(u, iv, expected);
		sum += u->used_us;
	}
	return sum;
}

static void begin_pass(struct tracker *tracker)
{
	tracker->pass++;
	tracker->n_ended = 0;
	for (size_t i = 0; i < tracker->n; i++) {
		struct tracked *u = tracker->units[i];

		u->last_used_us = u->used_us;
		u->last_present_us = u->present_us;
		u->used_us = u->present_us = 0;
		if (u->state == TRACKED_ENDING)
			u->state = TRACKED_ENDED;
		tracker->n_ended += u->state == TRACKED_ENDED;
	}
}

static int take_readings(struct tracker *tracker, const struct ledger_interval *iv)
{
	struct tracked before = tracker->others;
	uint64_t hash_of_others = 0;

	tracker->others = (struct tracked){ .start_realtime_ns = 0 };
	memcpy(tracker->others.gathered, before.gathered, sizeof(before.gathered));
	memcpy(tracker->others.waiting, before.waiting, sizeof(before.waiting));
	tracker->others.head = before.head;
	for (size_t i = 0; i < iv->n_units; i++) {
		const struct unit_sample *s = &iv->units[i];
		uint64_t hash = hash_key(&s->key);
		int r;

		if (tracker->n >= tracker->max && !find(tracker, &s->key, hash) &&
			!forget_oldest(tracker)) {
			hash_of_others += hash ^ s->incarnation;
			add_to_others(&tracker->others, s, iv);
			continue;
		}
		r = follow_one(tracker, s, hash, iv);
		if (r < 0)
			return r;
	}
	measure_others(tracker, hash_of_others, &before, iv);
	return 0;
}

int tracker_follow(struct tracker *tracker, const struct ledger_interval *iv)
{
	uint64_t sum_us, expected_sum_us = 0;
	size_t n_ending = 0;
	int r;

	begin_pass(tracker);
	tracker->came_or_went = false;
	r = take_readings(tracker, iv);
	if (r < 0)
		return r;

	sum_us = tracker->others.used_us;
	for (size_t i = 0; i < tracker->n; i++) {
		struct tracked *u = tracker->units[i];

		sum_us += u->used_us;
		if (u->state != TRACKED_LIVE || u->pass == tracker->pass)
			continue;
		u->state = TRACKED_ENDING;
		tracker->came_or_went = true;
		u->ended_ns = iv->now_ns;
		expected_sum_us += expected_us(u, iv);
		n_ending++;
	}
	if (n_ending && iv->duration_us)
		sum_us += measure_ending(tracker, iv, sum_us, expected_sum_us, n_ending);
	tracker->outside_us = iv->node_cpu_busy_us - MIN(sum_us, iv->node_cpu_busy_us);
	tracker->outside_span_us = iv->duration_us;
	return 0;
}
