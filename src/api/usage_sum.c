// SPDX-License-Identifier: Apache-2.0
#include "api/usage_sum.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "api/metric_map.h"
#include "basic/num.h"

enum {
	SUM_MAX_BYTES = 512 << 20, /* all groups of one answer */
	ROW_MAX_BYTES = 16 << 20,
	ENTRIES_MAX = 1024, /* numbers of one row */
	FIRST_SLOTS = 256,
	KEYS_MAX = 4096, /* of one metric */
};

/* Columns of store_usage. */
enum { CLUSTER, MANAGER, NUM_UNITS, PROJECT, GROUPNAME, USERNAME, FIRST_METRIC };

/* Numbers by number of the key; shorter than the list of keys is fine. */
struct numbers {
	double *v;
	size_t n;
};

/* Sums of one metric in a group. */
struct sums {
	struct numbers values, weights; /* weights: of shares only */
	double weight;
};

struct group {
	const char *names[FIRST_METRIC]; /* NUM_UNITS is unused */
	int64_t num_units;
	struct sums sums[N_UNIT_METRICS];
};

/* All keys of a metric in the order of their appearance. */
struct keys {
	struct slice *v; /* with a NUL behind each */
	size_t n, cap;
};

/* One number of a row. */
struct entry {
	size_t metric;
	bool is_weight;
	struct slice key; /* in the row, or in row_arena */
	double value;
};

struct usage_sum {
	enum usage_sum_rows rows;
	uint64_t fields, group_by;
	struct arena arena; /* groups and keys */
	struct arena row_arena; /* reset for each row */
	struct entry entries[ENTRIES_MAX]; /* of the present row */
	size_t n_entries;
	struct group *last; /* of the row before */
	struct keys keys[N_UNIT_METRICS];
	struct group **slots; /* hash table, open addressing */
	size_t n_slots, n_groups;
	size_t unreadable;
};

int usage_sum_new(
	enum usage_sum_rows rows, uint64_t fields, uint64_t group_by, struct usage_sum **ret_sum)
{
	struct usage_sum *sum = calloc(1, sizeof(*sum));

	if (!sum)
		return -ENOMEM;
	sum->rows = rows;
	sum->fields = fields;
	sum->group_by = group_by | 1 << USERNAME | 1 << PROJECT;
	arena_init(&sum->arena, SUM_MAX_BYTES);
	arena_init(&sum->row_arena, ROW_MAX_BYTES);
	sum->n_slots = FIRST_SLOTS;
	sum->slots = calloc(sum->n_slots, sizeof(struct group *));
	if (!sum->slots) {
		usage_sum_free(sum);
		return -ENOMEM;
	}
	*ret_sum = sum;
	return 0;
}

void usage_sum_free(struct usage_sum *sum)
{
	if (!sum)
		return;
	arena_done(&sum->arena);
	arena_done(&sum->row_arena);
	free(sum->slots);
	free(sum);
}

size_t usage_sum_unreadable(const struct usage_sum *sum)
{
	return sum->unreadable;
}

size_t usage_sum_groups(const struct usage_sum *sum)
{
	return sum->n_groups;
}

static uint64_t hash_names(const struct usage_sum *sum, const char *const *names)
{
	uint64_t hash = 14695981039346656037U;

	for (size_t i = 0; i < FIRST_METRIC; i++) {
		if (!(sum->group_by >> i & 1))
			continue;
		for (const char *p = names[i]; *p; p++)
			hash = (hash ^ (unsigned char)*p) * 1099511628211U;
		hash = (hash ^ 0xff) * 1099511628211U;
	}
	return hash ^ hash >> 32;
}

static bool same_group(const struct usage_sum *sum, const char *const *a, const char *const *b)
{
	for (size_t i = 0; i < FIRST_METRIC; i++) {
		if ((sum->group_by >> i & 1) && !str_eq(a[i], b[i]))
			return false;
	}
	return true;
}

static struct group **find_slot(
	const struct usage_sum *sum, struct group **slots, size_t n, const char *const *names)
{
	size_t i = hash_names(sum, names) % n;

	while (slots[i] && !same_group(sum, slots[i]->names, names))
		i = (i + 1) % n;
	return &slots[i];
}

static int grow_slots(struct usage_sum *sum)
{
	size_t n = sum->n_slots * 2;
	struct group **slots = calloc(n, sizeof(struct group *));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < sum->n_slots; i++) {
		if (sum->slots[i])
			*find_slot(sum, slots, n, sum->slots[i]->names) = sum->slots[i];
	}
	free(sum->slots);
	sum->slots = slots;
	sum->n_slots = n;
	return 0;
}

static int add_group(struct usage_sum *sum, const struct store_row *row, struct group **ret_group)
{
	struct group *group = ARENA_NEW(&sum->arena, struct group);

	for (size_t i = 0; group && i < FIRST_METRIC; i++) {
		struct slice text = store_row_text(row, i);

		group->names[i] = arena_strdup(&sum->arena, text.p ? text.p : "");
		if (!group->names[i])
			group = NULL;
	}
	if (!group)
		return -ENOMEM;
	*ret_group = group;
	return 0;
}

static int find_group(struct usage_sum *sum, const struct store_row *row, struct group **ret_group)
{
	const char *names[FIRST_METRIC] = { 0 };
	struct group **slot;
	int r;

	for (size_t i = 0; i < FIRST_METRIC; i++) {
		if (sum->group_by >> i & 1) {
			names[i] = store_row_text(row, i).p;
			names[i] = names[i] ? names[i] : "";
		}
	}
	if (sum->last && same_group(sum, sum->last->names, names)) {
		*ret_group = sum->last;
		return 0;
	}
	if (sum->n_groups * 2 >= sum->n_slots) {
		r = grow_slots(sum);
		if (r < 0)
			return r;
	}
	slot = find_slot(sum, sum->slots, sum->n_slots, names);
	if (!*slot) {
		r = add_group(sum, row, slot);
		if (r < 0)
			return r;
		sum->n_groups++;
	}
	*ret_group = sum->last = *slot;
	return 0;
}

static bool same_text(struct slice a, struct slice b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* Number of the key among its metric's; guess is tried first. */
static int find_key(struct usage_sum *sum, struct keys *keys, struct slice key, size_t guess,
	size_t *ret_number)
{
	size_t i = 0;

	if (guess < keys->n && same_text(keys->v[guess], key)) {
		*ret_number = guess;
		return 0;
	}
	while (i < keys->n && !same_text(keys->v[i], key))
		i++;
	if (i == keys->n) {
		if (i == KEYS_MAX)
			return -E2BIG;
		if (keys->n == keys->cap) {
			size_t cap = keys->cap ? keys->cap * 2 : 8;
			struct slice *v = arena_grow(
				&sum->arena, keys->v, keys->n, cap, sizeof(*v));

			if (!v)
				return -ENOMEM;
			keys->v = v;
			keys->cap = cap;
		}
		key.p = arena_strndup(&sum->arena, key.p, key.n);
		if (!key.p)
			return -ENOMEM;
		keys->v[keys->n++] = key;
	}
	*ret_number = i;
	return 0;
}

static int add_number(struct usage_sum *sum, const struct keys *keys, struct numbers *numbers,
	size_t i, double value)
{
	if (i >= numbers->n) {
		size_t n = MAX(i + 1, keys->n);
		double *v = arena_grow(&sum->arena, numbers->v, numbers->n, n, sizeof(*v));

		if (!v)
			return -ENOMEM;
		numbers->v = v;
		numbers->n = n;
	}
	numbers->v[i] += value;
	return 0;
}

static bool is_shown(const struct usage_sum *sum, size_t metric)
{
	return sum->fields >> (FIRST_METRIC + metric) & 1;
}

static int keep_entry(struct usage_sum *sum, const struct entry *entry)
{
	if (sum->n_entries == ENTRIES_MAX)
		return -E2BIG;
	sum->entries[sum->n_entries++] = *entry;
	return 0;
}

/* The forms that other programs and older versions wrote. */
static int read_odd_map(struct usage_sum *sum, const char *text, size_t metric, bool is_weight)
{
	struct metric_map map;
	int r = metric_map_parse(text, &sum->row_arena, &map);

	for (size_t i = 0; r >= 0 && i < map.n; i++)
		r = keep_entry(sum,
			&(struct entry){
				metric, is_weight, slice_from(map.keys[i]), map.values[i] });
	return r;
}

static bool comes_before(struct slice a, struct slice b)
{
	int c = memcmp(a.p, b.p, MIN(a.n, b.n));

	return c < 0 || (c == 0 && a.n < b.n);
}

static int read_map(struct usage_sum *sum, struct slice text, size_t metric, bool is_weight)
{
	struct entry entry = { .metric = metric, .is_weight = is_weight };
	size_t first = sum->n_entries;
	struct slice rest = text;
	int r;

	if (!text.n || slice_eq(text, "null"))
		return 0;
	while ((r = metric_map_next(&rest, &entry.key, &entry.value)) == 1) {
		/* Of equal keys the last one counts, which the parser knows. */
		if (sum->n_entries > first &&
			!comes_before(sum->entries[sum->n_entries - 1].key, entry.key)) {
			r = -EBADMSG;
			break;
		}
		r = keep_entry(sum, &entry);
		if (r < 0)
			return r;
	}
	if (r == -EBADMSG) {
		sum->n_entries = first;
		r = read_odd_map(sum, text.p, metric, is_weight);
	}
	return r;
}

/* The numbers of the row that are shown, and the times that weigh them. */
static int read_row(struct usage_sum *sum, const struct store_row *row)
{
	bool shares = sum->rows == USAGE_SUM_SHARES;
	size_t weight = STORE_WEIGHTS;
	int r = 0;

	sum->n_entries = 0;
	for (size_t m = 0; r >= 0 && m < N_UNIT_METRICS; m++) {
		bool average = unit_metric_weight((enum unit_metric)m) != NULL;

		if (is_shown(sum, m) || (m == TOTAL_TIME_SECONDS && !shares))
			r = read_map(sum, store_row_text(row, FIRST_METRIC + m), m, false);
		if (r >= 0 && average && shares && is_shown(sum, m))
			r = read_map(sum, store_row_text(row, weight), m, true);
		weight += average;
	}
	return r;
}

/* What the values of each metric are multiplied by. */
static void find_weights(const struct usage_sum *sum, double weights[N_UNIT_METRICS])
{
	for (size_t m = 0; m < N_UNIT_METRICS; m++) {
		const char *key = unit_metric_weight((enum unit_metric)m);

		weights[m] = 1;
		if (!key || sum->rows == USAGE_SUM_SHARES)
			continue;
		weights[m] = 0;
		for (size_t i = 0; i < sum->n_entries; i++) {
			const struct entry *e = &sum->entries[i];

			if (e->metric == TOTAL_TIME_SECONDS && slice_eq(e->key, key))
				weights[m] = e->value;
		}
	}
}

static int add_entries(
	struct usage_sum *sum, struct group *group, const double weights[N_UNIT_METRICS])
{
	size_t place = 0;

	for (size_t i = 0; i < sum->n_entries; i++) {
		const struct entry *e = &sum->entries[i];
		struct sums *sums = &group->sums[e->metric];
		struct keys *keys = &sum->keys[e->metric];
		size_t number;
		int r;

		place = i && e[-1].metric == e->metric && e[-1].is_weight == e->is_weight
			? place + 1
			: 0;
		if (!is_shown(sum, e->metric))
			continue;
		r = find_key(sum, keys, e->key, place, &number);
		if (r >= 0)
			r = add_number(sum, keys, e->is_weight ? &sums->weights : &sums->values,
				number, e->is_weight ? e->value : e->value * weights[e->metric]);
		if (r < 0)
			return r;
	}
	return 0;
}

int usage_sum_add(void *ctx, const struct store_row *row)
{
	double weights[N_UNIT_METRICS];
	struct usage_sum *sum = ctx;
	struct group *group;
	int r;

	arena_reset(&sum->row_arena);
	r = read_row(sum, row);
	if (r == -EBADMSG || r == -E2BIG) {
		sum->unreadable++;
		return 0;
	}
	if (r >= 0)
		r = find_group(sum, row, &group);
	if (r < 0)
		return r;
	group->num_units += store_row_i64(row, NUM_UNITS);
	find_weights(sum, weights);
	for (size_t m = 0; m < N_UNIT_METRICS; m++)
		group->sums[m].weight += weights[m];
	return add_entries(sum, group, weights);
}

static int compare_groups(const void *a, const void *b)
{
	static const int order[] = { CLUSTER, USERNAME, PROJECT, MANAGER, GROUPNAME };
	const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		int c = strcmp(x->names[order[i]], y->names[order[i]]);

		if (c)
			return c;
	}
	return 0;
}

static int compare_keys(const void *a, const void *b, void *keys)
{
	const struct slice *v = ((const struct keys *)keys)->v;

	return strcmp(v[*(const size_t *)a].p, v[*(const size_t *)b].p);
}

/* Numbers of the metric's keys in the order of their names. */
static const size_t *sorted_keys(struct usage_sum *sum, struct keys *keys)
{
	size_t *order = arena_alloc(&sum->arena, keys->n * sizeof(*order));

	if (!order)
		return NULL;
	for (size_t i = 0; i < keys->n; i++)
		order[i] = i;
	qsort_r(order, keys->n, sizeof(*order), compare_keys, keys);
	return order;
}

static double number(const struct numbers *numbers, size_t i)
{
	return i < numbers->n ? numbers->v[i] : 0;
}

/* Parts of wholes add up but for the last bits: a whole number shows as one. */
static double rounded(double value)
{
	static const double scale = 1e8, exact_max = 9e7;

	return fabs(value) < exact_max ? rint(value * scale) / scale : value;
}

static void write_metric(const struct usage_sum *sum, size_t m, const size_t *order,
	const struct group *group, struct json_writer *w)
{
	bool average = unit_metric_weight((enum unit_metric)m) != NULL;
	const struct sums *sums = &group->sums[m];
	char text[NUM_TEXT_MAX];

	json_writer_key(w, unit_metric_names[m]);
	json_writer_open_object(w);
	for (size_t i = 0; i < sum->keys[m].n; i++) {
		double value = number(&sums->values, order[i]);

		if (average) {
			double weight = sum->rows == USAGE_SUM_SHARES
				? number(&sums->weights, order[i])
				: sums->weight;

			value = weight > 0 ? value / weight : 0;
		}
		if (sum->rows == USAGE_SUM_SHARES)
			value = rounded(value);
		json_writer_key(w, sum->keys[m].v[order[i]].p);
		json_writer_raw(w, text, num_metric_map(value, text));
	}
	json_writer_close_object(w);
}

static void write_group(const struct usage_sum *sum, const size_t *const *orders,
	const struct group *group, struct json_writer *w)
{
	json_writer_open_object(w);
	for (size_t i = 0; i < FIRST_METRIC; i++) {
		bool shown = sum->fields >> i & 1;

		json_writer_key(w, store_usage.columns[i].name);
		if (i == NUM_UNITS)
			json_writer_int(w, shown ? group->num_units : 0);
		else
			json_writer_string(w, shown ? group->names[i] : "");
	}
	for (size_t m = 0; m < N_UNIT_METRICS; m++) {
		if (is_shown(sum, m) && sum->keys[m].n)
			write_metric(sum, m, orders[m], group, w);
	}
	json_writer_close_object(w);
}

int usage_sum_write(struct usage_sum *sum, struct json_writer *w)
{
	const size_t *orders[N_UNIT_METRICS];
	struct group **groups = arena_alloc(&sum->arena, sum->n_groups * sizeof(struct group *));
	size_t n = 0;

	if (!groups)
		return -ENOMEM;
	for (size_t m = 0; m < N_UNIT_METRICS; m++) {
		orders[m] = sorted_keys(sum, &sum->keys[m]);
		if (!orders[m])
			return -ENOMEM;
	}
	for (size_t i = 0; i < sum->n_slots; i++) {
		if (sum->slots[i])
			groups[n++] = sum->slots[i];
	}
	qsort(groups, n, sizeof(*groups), compare_groups);
	for (size_t i = 0; i < n; i++)
		write_group(sum, orders, groups[i], w);
	return buffer_error(w->out);
}
