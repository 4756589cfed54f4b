// SPDX-License-Identifier: Apache-2.0
#include "exporter/meters/redfish_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "exporter/clean_name.h"

static const int64_t S_NS = 1000000000;

enum {
	DISCOVERY_S = 30 * 60, /* chassis come and go seldom */
	DISCOVERY_RETRY_S = 60, /* for what wasn't there or failed */
	CHASSIS_ARENA_BYTES = 4 << 20,
};

/* One chassis and what is known of it. */
struct seen {
	char label[REDFISH_LABEL_MAX_BYTES];
	bool has_power; /* it told a power since it was found */
	bool failing; /* and that was said */
	int result; /* of the latest reading */
	double whole_watts;
};

struct redfish_watch {
	struct redfish *client;
	struct redfish_readings *readings;
	const struct clock *clock;
	const struct log *log;
	struct arena arenas[2]; /* one holds the chassis, the next discovery uses the other */
	int arena_used;
	struct redfish_chassis *chassis;
	struct seen seen[REDFISH_CHASSIS_MAX];
	size_t n;
	int64_t last_discovery_ns, next_discovery_ns;
	bool left_out; /* the discovery left something out that may come back */
	struct err nothing; /* why there is no chassis */
};

int redfish_watch_new(struct redfish *client, struct redfish_readings *readings,
	const struct clock *clock, const struct log *log, struct redfish_watch **ret_watch,
	struct err *err)
{
	struct redfish_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_errno(err, -ENOMEM, "redfish");
	w->client = client;
	w->readings = readings;
	w->clock = clock;
	w->log = log;
	w->next_discovery_ns = INT64_MIN;
	for (size_t i = 0; i < ARRAY_SIZE(w->arenas); i++)
		arena_init(&w->arenas[i], CHASSIS_ARENA_BYTES);
	*ret_watch = w;
	return 0;
}

void redfish_watch_free(struct redfish_watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(watch->arenas); i++)
		arena_done(&watch->arenas[i]);
	free(watch);
}

static void tell_left_out(const struct redfish_watch *w, const char *path, const struct err *why)
{
	log_debug(w->log, "left out", LOG_STR("collector", "redfish"), LOG_STR("object", path),
		LOG_ERR(why));
}

static void note(void *ctx, const char *path, const struct err *why)
{
	struct redfish_watch *w = ctx;

	w->left_out |= why->code != -ENOENT && why->code != -EACCES;
	tell_left_out(w, path, why);
}

/* Ids that differ only in what a label's form can't show get a number. */
static void make_label(const struct seen *before, size_t n, const char *id, struct seen *seen)
{
	char clean[REDFISH_ID_MAX_BYTES + 1];
	int number = 1;
	bool taken = true;

	snprintf(clean, sizeof(clean), "%s", id);
	clean_name(clean);
	snprintf(seen->label, sizeof(seen->label), "%s", clean);
	while (taken) {
		taken = false;
		for (size_t i = 0; i < n && !taken; i++)
			taken = str_eq(before[i].label, seen->label);
		if (taken)
			snprintf(seen->label, sizeof(seen->label), "%s_%d", clean, ++number);
	}
}

/* What was known of the same chassis goes on. */
static void take_over(struct redfish_watch *w, struct redfish_chassis *chassis, size_t n)
{
	struct seen seen[REDFISH_CHASSIS_MAX] = { 0 };

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < w->n; k++)
			if (str_eq(w->chassis[k].path, chassis[i].path))
				seen[i] = w->seen[k];
		make_label(seen, i, chassis[i].id, &seen[i]);
	}
	memcpy(w->seen, seen, sizeof(seen));
	w->chassis = chassis;
	w->n = n;
	w->arena_used = !w->arena_used;
	log_debug(w->log, "chassis found", LOG_STR("collector", "redfish"),
		LOG_INT("count", (int64_t)n));
}

static int discover(struct redfish_watch *w, struct err *err)
{
	struct arena *arena = &w->arenas[!w->arena_used];
	const int64_t now_ns = clock_monotonic_ns(w->clock);
	struct redfish_chassis *chassis;
	size_t n;
	int r;

	arena_reset(arena);
	w->left_out = false;
	r = redfish_discover(w->client, arena, note, w, &chassis, &n, err);
	w->last_discovery_ns = now_ns;
	w->next_discovery_ns = now_ns +
		(r < 0 || w->left_out ? DISCOVERY_RETRY_S : DISCOVERY_S) * S_NS;
	if (r >= 0)
		take_over(w, chassis, n);
	if (r == -ENODATA)
		w->n = 0;
	return r;
}

/* Finds the chassis when there are none, or it is time. */
static int need_chassis(struct redfish_watch *w, struct err *err)
{
	const bool due = clock_monotonic_ns(w->clock) >= w->next_discovery_ns;
	struct err why = { 0 };
	int r;

	if (w->n && !due)
		return 0;
	if (!due && w->nothing.code)
		return err_set(err, w->nothing.code, "%s", w->nothing.text);
	r = discover(w, &why);
	w->nothing = (struct err){ 0 };
	if (r >= 0)
		return 0;
	if (w->n && r != -ECANCELED) /* those that we know are still there, for all we know */
		return 0;
	if (r == -ENODATA)
		w->nothing = why;
	return err_set(err, r, "%s", why.text);
}

/* What isn't there, or not for us, may be found elsewhere. */
static void reconsider(struct redfish_watch *w, int r)
{
	if (r == -ENOENT || r == -EACCES)
		w->next_discovery_ns = MIN(
			w->next_discovery_ns, w->last_discovery_ns + DISCOVERY_RETRY_S * S_NS);
}

static int read_one(struct redfish_watch *w, size_t i, struct err *err)
{
	struct seen *seen = &w->seen[i];
	struct redfish_power power;
	int r = redfish_read_power(w->client, &w->chassis[i], &power, err);

	seen->result = r;
	if (r < 0) {
		reconsider(w, r);
		return r;
	}
	seen->whole_watts = power.whole_watts;
	seen->has_power |= power.whole_watts > 0;
	redfish_readings_put(w->readings, seen->label, &power, clock_monotonic_ns(w->clock));
	return 0;
}

/* No other chassis can be read either. */
static bool is_over(const struct redfish_watch *w, int r)
{
	return r == -ECANCELED || r == -ECONNREFUSED || r == -EHOSTUNREACH || r == -ENOMEM ||
		(r == -EACCES && redfish_is_shut_out(w->client));
}

/* Half of a sum is no power of the node: without one of the chassis there is no new total. */
static void add_up(struct redfish_watch *w)
{
	bool has_power[REDFISH_CHASSIS_MAX], counts[REDFISH_CHASSIS_MAX];
	double watts = 0;

	for (size_t i = 0; i < w->n; i++)
		has_power[i] = w->seen[i].has_power && w->chassis[i].source != REDFISH_NO_SOURCE;
	redfish_outermost(w->chassis, w->n, has_power, counts);
	for (size_t i = 0; i < w->n; i++) {
		if (counts[i] && w->seen[i].result < 0)
			return;
		if (counts[i])
			watts += w->seen[i].whole_watts;
	}
	if (watts > 0)
		redfish_readings_put_total(w->readings, watts, clock_monotonic_ns(w->clock));
}

static void tell_failures(struct redfish_watch *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct seen *seen = &w->seen[i];

		if (seen->result < 0 && !seen->failing)
			log_warn(w->log, "a chassis cannot be read",
				LOG_STR("collector", "redfish"), LOG_STR("chassis", seen->label),
				LOG_STR("err", err_name(seen->result)));
		if (seen->result >= 0 && seen->failing)
			log_info(w->log, "a chassis can be read again",
				LOG_STR("collector", "redfish"), LOG_STR("chassis", seen->label));
		seen->failing = seen->result < 0;
	}
}

int redfish_watch_poll(void *ctx, int cancel_fd, struct err *err)
{
	struct redfish_watch *w = ctx;
	struct err why;
	size_t n_good = 0;
	int r, first = 0;

	redfish_begin(w->client, cancel_fd);
	r = need_chassis(w, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < w->n; i++) {
		if (w->chassis[i].source == REDFISH_NO_SOURCE)
			continue;
		r = read_one(w, i, &why);
		n_good += r >= 0;
		if (r >= 0)
			continue;
		tell_left_out(w, w->chassis[i].path, &why);
		if (!first)
			first = err_set(err, r, "%s", why.text);
		if (is_over(w, r))
			return r == -ECANCELED ? r : first;
	}
	add_up(w);
	if (!n_good)
		return first;
	tell_failures(w); /* if all fail, the poller says so */
	return 0;
}
