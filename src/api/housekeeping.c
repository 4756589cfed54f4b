// SPDX-License-Identifier: Apache-2.0
#include "api/housekeeping.h"

#include <errno.h>
#include <stdlib.h>

#include "api/ticker.h"

enum {
	PARTS_MAX = 10000, /* in one interval */
	PAUSE_MS = 10, /* between parts */
};

struct housekeeping {
	struct housekeeping_config config;
	struct ticker *ticker;
	bool purge_fails; /* said so already */
};

static void say_purge(
	struct housekeeping *h, const struct store_purge_result *sum, int r, const struct err *err)
{
	if (r < 0 && !h->purge_fails)
		log_error(h->config.log,
			"rows older than the retention period can't be deleted; it is tried again",
			LOG_ERR(err));
	else if (r >= 0 && h->purge_fails)
		log_info(h->config.log, "old rows can be deleted again");
	h->purge_fails = r < 0;
	if (sum->rows)
		log_info(h->config.log, "rows older than the retention period deleted",
			LOG_INT("rows", (int64_t)sum->rows));
	if (sum->given_up)
		log_error(h->config.log,
			"windows waited for metrics until their units were deleted",
			LOG_INT("windows", (int64_t)sum->given_up));
}

static void purge(struct housekeeping *h)
{
	struct store_purge_result sum = { 0 }, part = { .more = true };
	struct err err = { 0 };
	int r = 0;

	for (int i = 0; r >= 0 && part.more && i < PARTS_MAX; i++) {
		if (ticker_sleep(h->config.cancel_fd, i ? PAUSE_MS : 0))
			break;
		r = store_purge(h->config.store, h->config.retention_days,
			clock_realtime_ns(h->config.clock) / 1000000, &part, &err);
		if (r >= 0) {
			sum.rows += part.rows;
			sum.given_up += part.given_up;
		}
	}
	say_purge(h, &sum, r, &err);
}

static void tick(void *ctx)
{
	struct housekeeping *h = ctx;

	if (h->config.purge)
		purge(h);
}

int housekeeping_start(const struct housekeeping_config *config,
	struct housekeeping **ret_housekeeping, struct err *err)
{
	struct housekeeping *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_errno(err, -ENOMEM, "housekeeping");
	h->config = *config;
	r = ticker_start("housekeeping", 0, config->interval_ms, config->cancel_fd, tick, h,
		&h->ticker, err);
	if (r < 0) {
		free(h);
		return r;
	}
	*ret_housekeeping = h;
	return 0;
}

void housekeeping_stop(struct housekeeping *housekeeping)
{
	if (!housekeeping)
		return;
	ticker_join(housekeeping->ticker);
	free(housekeeping);
}
