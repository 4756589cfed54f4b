// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/unit_readings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"

int unit_readings_use(struct unit_readings *u, struct unit_table *const *tables, size_t n)
{
	if (n > UNIT_READINGS_TABLES_MAX)
		return -ENOSPC;
	if (n)
		memcpy(u->tables, tables, n * sizeof(*tables));
	memset(u->roots_known, 0, sizeof(u->roots_known));
	u->n_tables = n;
	return 0;
}

void unit_readings_watch(struct unit_readings *u)
{
	for (size_t i = 0; i < u->n_tables; i++)
		u->event_fds[i] = MAX(unit_table_watch(u->tables[i]), -1);
}

unsigned unit_readings_take_events(struct unit_readings *u)
{
	unsigned events = 0;

	for (size_t i = 0; i < u->n_tables; i++)
		if (u->event_fds[i] >= 0)
			events |= unit_table_take_events(u->tables[i]);
	return events;
}

void unit_readings_done(struct unit_readings *u)
{
	free(u->all);
	unit_overlap_done(&u->overlap);
	u->all = NULL;
	u->n = u->cap = 0;
}

static int append(struct unit_readings *u, const struct unit_sample *samples, size_t n)
{
	if (u->n + n > u->cap) {
		size_t cap = MAX(u->n + n, u->cap * 2);
		struct unit_sample *all = reallocarray(u->all, cap, sizeof(*all));

		if (!all)
			return -ENOMEM;
		u->all = all;
		u->cap = cap;
	}
	if (n)
		memcpy(u->all + u->n, samples, n * sizeof(*samples));
	u->n += n;
	return 0;
}

static int read_table(struct unit_readings *u, size_t i)
{
	const struct unit_sample *samples;
	uint64_t roots_us, before_us = u->roots_us[i];
	bool was_known = u->roots_known[i];
	size_t n;
	int r;

	u->roots_known[i] = false; /* a difference over a gap would count for one interval */
	r = unit_table_sample(u->tables[i], &samples, &n);
	if (r == -ENODATA) { /* nothing that could hold units: there are none */
		u->cpu_known = false;
		return 0;
	}
	if (r >= 0)
		r = append(u, samples, n);
	if (r < 0)
		return r;
	r = unit_table_roots_cpu_usage(u->tables[i], &roots_us);
	if (r < 0) {
		u->cpu_known = false;
		return r == -ENODATA ? 0 : r;
	}
	u->roots_us[i] = roots_us;
	u->roots_known[i] = true;
	if (was_known && roots_us >= before_us)
		u->cpu_us += roots_us - before_us;
	else
		u->cpu_known = false;
	return 0;
}

int unit_readings_read(struct unit_readings *u)
{
	size_t ends[UNIT_READINGS_TABLES_MAX] = { 0 }, n;
	int result = 0, r;

	u->n = 0;
	u->cpu_us = 0;
	u->cpu_known = u->n_tables > 0;
	for (size_t i = 0; i < u->n_tables; i++) {
		r = read_table(u, i);
		ends[i] = u->n;
		if (r < 0 && result >= 0)
			result = r;
	}
	r = unit_overlap_remove(&u->overlap, u->all, ends, u->n_tables, &n);
	if (r < 0)
		return result < 0 ? result : r;
	if (n < u->n)
		u->cpu_known = false; /* some of it may be in the counters of two tables */
	u->n = n;
	return result;
}
