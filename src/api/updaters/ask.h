// SPDX-License-Identifier: Apache-2.0
/*
 * One query for many units. Servers limit what a query may be and do (VictoriaMetrics its length to
 * 16 KiB, Prometheus its samples), and not all tell: where the query is refused for all units it is
 * asked for half of them, and so on down to one.
 */
#ifndef CEEMS_API_UPDATERS_ASK_H
#define CEEMS_API_UPDATERS_ASK_H

#include "api/updaters/template.h"
#include "remote/tsdb.h"

enum { ASK_VALUES_MAX = 8, ASK_TEXT_MAX_BYTES = 16 << 20 };

struct ask {
	struct tsdb *tsdb;
	const char *query; /* template */
	const struct template_value *values; /* beside UUIDs */
	size_t n_values; /* less than ASK_VALUES_MAX */
	double time;
	int64_t lookback_ms;
	/* How many units the server has taken of this query where more were refused; 0: not known.
	 */
	size_t *units_max;
};

/*
 * -EINVAL: refused for a single unit as well, which no retry mends. Others as tsdb_query() and
 * template_expand().
 */
int ask_for_units(const struct ask *ask, const char *const *ids, size_t n, struct arena *arena,
	struct tsdb_sample **ret_samples, size_t *ret_n, struct err *err);

#endif
