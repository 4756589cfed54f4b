// SPDX-License-Identifier: Apache-2.0
/*
 * Usage summed over units by user and project (spec api-server.md 5.11): totals add up, averages
 * are weighted by the allocated time of each unit. A unit without a value still weighs.
 */
#ifndef CEEMS_API_USAGE_SUM_H
#define CEEMS_API_USAGE_SUM_H

#include "api/store.h"
#include "format/json_writer.h"

struct usage_sum;

enum usage_sum_rows {
	USAGE_SUM_SOURCES, /* of store_get_usage_sources() */
	/*
	 * Of store_get_usage_shares(), which bring the weights of their averages: only units that
	 * have a value weigh.
	 */
	USAGE_SUM_SHARES,
};

/* Bits of store_usage's columns: which to show, and which to group by beside user and project. */
int usage_sum_new(
	enum usage_sum_rows rows, uint64_t fields, uint64_t group_by, struct usage_sum **ret_sum);
void usage_sum_free(struct usage_sum *sum);
DEFINE_CLEANUP(struct usage_sum *, usage_sum_free);

/* A store_row_fn for rows of store_usage. A row whose maps can't be read is counted only. */
int usage_sum_add(void *sum, const struct store_row *row);
size_t usage_sum_unreadable(const struct usage_sum *sum);
size_t usage_sum_groups(const struct usage_sum *sum);

/* Items of a JSON list, sorted by cluster, user and project. -ENOMEM. */
int usage_sum_write(struct usage_sum *sum, struct json_writer *w);

#endif
