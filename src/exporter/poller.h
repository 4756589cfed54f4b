// SPDX-License-Identifier: Apache-2.0
/*
 * A source that may be slow (a BMC, a web API, a vendor's tool) is asked in a thread of its own, so
 * that no scrape and no reading of the ledger ever waits for it. Who polls keeps what came in under
 * a lock of its own, with the moment of its reading, and drops it when it is too old.
 */
#ifndef CEEMS_EXPORTER_POLLER_H
#define CEEMS_EXPORTER_POLLER_H

#include <stdint.h>

#include "basic/clock.h"
#include "basic/err.h"
#include "basic/log.h"
#include "basic/macros.h"
#include "host/thread_usage.h"

/* Pointers are borrowed and outlive the poller. */
struct poller_config {
	const char *name; /* names the thread (its first 15 bytes) and the log records */
	const char *what; /* of a record: "reading the power" */
	const struct clock *clock;
	const struct log *log;
	/* From the start of one poll to that of the next; a poll that takes longer delays it. */
	int64_t period_ns;
	int64_t least_ns; /* the same when poller_wake() cuts the pause short */
	int64_t retry_ns; /* the same after a failure; doubled at each, up to the period if that is
			     longer; 0 = the period */
	/*
	 * One poll; never runs twice at a time. cancel_fd is readable when it should give up. 0, 1:
	 * there is more, poll again at once, or -errno with err. A failure is logged when it is the
	 * first after a success, and once again when a success follows.
	 */
	int (*poll)(void *ctx, int cancel_fd, struct err *err);
	void *ctx;
	/* Where the thread's use is booked (exporter_thread_account()); NULL: nowhere. */
	struct usage_account *account;
};

struct poller;

/*
 * Starts the thread, and waits for its first poll to end, but no longer than wait_ns: what is there
 * by then is in the first scrape. After the change of user. -ENOMEM, -EAGAIN, -EMFILE.
 */
int poller_start(const struct poller_config *config, int64_t wait_ns, struct poller **ret_poller,
	struct err *err);

/* Cancels a poll under way, ends the thread and frees the poller. NULL is fine. */
void poller_stop(struct poller *poller);
DEFINE_CLEANUP(struct poller *, poller_stop);

/* There is something new to be had: the pause ends. From any thread; never blocks. */
void poller_wake(struct poller *poller);

struct poller_status {
	uint64_t polls, failures; /* that ended */
	int64_t last_success_ns; /* monotonic: when the latest good poll ended; 0 = none yet */
	int last_result; /* of the latest poll; -EINPROGRESS: none ended yet */
};
void poller_status(struct poller *poller, struct poller_status *ret_status);

#endif
