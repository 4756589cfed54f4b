// SPDX-License-Identifier: Apache-2.0
#include "api/housekeeping.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "api/ticker.h"
#include "db/db_check.h"

enum {
	PARTS_MAX = 10000, /* in one interval */
	PAUSE_MS = 10, /* between parts */
	CHECK_NICE = 19,
};

struct housekeeping {
	struct housekeeping_config config;
	struct ticker *ticker;
	bool purge_fails, backfill_fails; /* said so already */
	bool checks; /* there is a thread for it */
	pthread_t check_thread;
	atomic_bool check_ended; /* the thread */
	pthread_mutex_t check_lock;
	struct db_check *check; /* under check_lock; NULL: none is running */
	int check_said; /* the last failure, 0: none */
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

static void backfill(struct housekeeping *h)
{
	struct store_backfill_result part = { .more = true };
	int64_t units = 0, failed = 0;
	struct err err;
	int r = 0;

	while (r >= 0 && part.more && !ticker_sleep(h->config.cancel_fd, PAUSE_MS)) {
		r = store_backfill(
			h->config.store, clock_realtime_ns(h->config.clock) / 1000000, &part, &err);
		units += r >= 0 ? (int64_t)part.units : 0;
		failed += r >= 0 ? (int64_t)part.failed : 0;
	}
	if (r < 0 && !h->backfill_fails)
		log_error(h->config.log,
			"usage of units that were stored before can't be spread over time; it is tried "
			"again",
			LOG_ERR(&err));
	h->backfill_fails = r < 0;
	if (units)
		log_info(h->config.log,
			"usage of units that were stored before is spread over time",
			LOG_INT("units", units), LOG_INT("unreadable", failed));
}

/* NULL when it is given up. */
static void set_check(struct housekeeping *h, struct db_check *check)
{
	pthread_mutex_lock(&h->check_lock);
	h->check = check;
	pthread_mutex_unlock(&h->check_lock);
}

static int run_check(struct housekeeping *h, struct err *err)
{
	struct db_check *check;
	int r;

	r = db_check_open(h->config.database, &check, err);
	if (r < 0)
		return r;
	set_check(h, check);
	r = db_check_run(check, err);
	set_check(h, NULL);
	db_check_close(check);
	return r;
}

static void check(struct housekeeping *h)
{
	int64_t start_ns = clock_monotonic_ns(h->config.clock);
	struct err err;
	int r = run_check(h, &err);

	if (r == -ECANCELED)
		return;
	if (r >= 0)
		log_info(h->config.log, "no damage found in the database",
			LOG_STR("file", h->config.database),
			LOG_INT("seconds",
				(clock_monotonic_ns(h->config.clock) - start_ns) / 1000000000));
	else if (r == -EUCLEAN)
		log_error(h->config.log, "the database is damaged; old backups stay until it isn't",
			LOG_ERR(&err));
	else if (r != h->check_said)
		log_error(h->config.log, "the database can't be checked for damage", LOG_ERR(&err));
	if (r >= 0 || r == -EUCLEAN)
		atomic_store(h->config.damaged, r < 0);
	h->check_said = MIN(r, 0);
}

static void *run_checks(void *ctx)
{
	struct housekeeping *h = ctx;

	setpriority(PRIO_PROCESS, (id_t)gettid(), CHECK_NICE);
	do
		check(h);
	while (!ticker_sleep(h->config.cancel_fd, h->config.check_interval_ms));
	atomic_store(&h->check_ended, true);
	return NULL;
}

/* Again and again, as an interruption before the check begins has no effect. */
static void stop_checks(struct housekeeping *h)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };

	while (h->checks && !atomic_load(&h->check_ended)) {
		pthread_mutex_lock(&h->check_lock);
		if (h->check)
			db_check_cancel(h->check);
		pthread_mutex_unlock(&h->check_lock);
		nanosleep(&pause, NULL);
	}
	if (h->checks)
		pthread_join(h->check_thread, NULL);
	pthread_mutex_destroy(&h->check_lock);
}

static int start_checks(struct housekeeping *h, struct err *err)
{
	int r;

	if (h->config.check_interval_ms <= 0)
		return 0;
	r = pthread_create(&h->check_thread, NULL, run_checks, h);
	if (r)
		return err_errno(err, -r, "thread 'check'");
	pthread_setname_np(h->check_thread, "check");
	h->checks = true;
	return 0;
}

static void tick(void *ctx)
{
	struct housekeeping *h = ctx;

	if (h->config.purge)
		purge(h);
	backfill(h);
}

int housekeeping_start(const struct housekeeping_config *config,
	struct housekeeping **ret_housekeeping, struct err *err)
{
	struct housekeeping *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_errno(err, -ENOMEM, "housekeeping");
	h->config = *config;
	pthread_mutex_init(&h->check_lock, NULL);
	r = ticker_start("housekeeping", 0, config->interval_ms, config->cancel_fd, tick, h,
		&h->ticker, err);
	if (r >= 0)
		r = start_checks(h, err);
	/* A thread that runs is stopped with the program's others. */
	if (r >= 0 || h->ticker)
		*ret_housekeeping = h;
	else
		housekeeping_stop(h);
	return r;
}

void housekeeping_stop(struct housekeeping *housekeeping)
{
	if (!housekeeping)
		return;
	stop_checks(housekeeping);
	ticker_join(housekeeping->ticker);
	free(housekeeping);
}
