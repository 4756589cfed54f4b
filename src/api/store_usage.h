// SPDX-License-Identifier: Apache-2.0
/*
 * What a step adds to the usage of accounts: the totals in usage and daily_usage (spec
 * api-server.md 3.6) and the own tables of usage by time. Everything is merged in memory and
 * written once for each account. For the store's files only; the caller holds the write lock and
 * a transaction.
 */
#ifndef CEEMS_API_STORE_USAGE_H
#define CEEMS_API_STORE_USAGE_H

#include "api/store_internal.h"
#include "api/usage_periods.h"

struct account; /* a user and project of the cluster */

struct usage_step {
	struct store *store;
	const char *cluster_id;
	int64_t start_ms, end_ms; /* the window */
	/*
	 * Bits of enum unit_metric. Without TOTAL_TIME_SECONDS the window was stored before, and
	 * metrics are added that come late.
	 */
	unsigned metrics;
	const char *const *metric_lanes; /* see struct store_step; NULL at first */
	bool only_periods; /* usage and daily_usage have it already */
	char label[TIME_TEXT_MAX]; /* LDT of the window's end */
	char day[TIME_TEXT_MAX]; /* key of daily_usage */
	struct usage_grid days, quarters;
	struct arena arena; /* accounts with all that they hold */
	struct buffer text; /* scratch */
	struct account **slots; /* hash table, open addressing */
	size_t n_slots, n;
	size_t n_failed; /* periods whose stored sums can't be read, and are left as they are */
	struct err first_failure;
};

int usage_step_init(struct usage_step *u, struct store *store, const char *cluster_id,
	int64_t start_ms, int64_t end_ms, int64_t now_ms);
void usage_step_done(struct usage_step *u);

/*
 * The account of the unit, with what is stored of it. -EBADMSG, -E2BIG: that can't be read, so
 * that nothing may be added to it.
 */
int usage_step_account(struct usage_step *u, const struct unit *unit, struct account **ret_account,
	struct err *err);
/* is_new: the unit is stored for the first time. */
int usage_step_add(struct usage_step *u, struct account *account, const struct unit *unit,
	bool is_new, struct err *err);
/*
 * Adds what the unit used in [from_ms, to_ms) to the usage by time only. is_new: it wasn't there
 * before.
 */
int usage_step_add_periods(struct usage_step *u, const struct unit *unit, int64_t from_ms,
	int64_t to_ms, bool is_new, struct err *err);
/* Its id in ceems_accounts, which is made if there is none. */
int usage_step_account_id(
	struct usage_step *u, struct account *account, int64_t *ret_id, struct err *err);
int usage_step_write(struct usage_step *u, struct err *err);

#endif
