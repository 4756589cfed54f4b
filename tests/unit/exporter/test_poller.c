// SPDX-License-Identifier: Apache-2.0
#include "exporter/poller.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "unit_test.h"

static const int64_t MS = 1000000, S = 1000000000, LONG_S = 3600;

struct source {
	_Atomic int polls;
	int results[4]; /* of the first polls; the last one's stays */
	bool hangs; /* until it is cancelled */
	_Atomic bool cancelled;
};

static int poll_source(void *ctx, int cancel_fd, struct err *err)
{
	struct source *s = ctx;
	int n = atomic_fetch_add(&s->polls, 1), r = s->results[MIN(n, 3)];

	if (s->hangs) {
		struct pollfd fd = { .fd = cancel_fd, .events = POLLIN };

		atomic_store(&s->cancelled, poll(&fd, 1, -1) == 1);
		return err_set(err, -ECANCELED, "given up");
	}
	return r < 0 ? err_set(err, r, "no answer") : r;
}

static struct poller_config config(struct source *s)
{
	static struct log quiet;

	quiet = (struct log){ .fd = -1, .clock = clock_system() };
	return (struct poller_config){ .name = "test",
		.what = "polling",
		.clock = clock_system(),
		.log = &quiet,
		.period_ns = LONG_S * S,
		.poll = poll_source,
		.ctx = s };
}

static void first_poll_has_ended_when_start_returns(void **state)
{
	struct source s = { 0 };
	struct poller_config c = config(&s);
	struct poller_status status;
	struct poller *p;

	assert_int_equal(poller_start(&c, 60 * S, &p, NULL), 0);
	poller_status(p, &status);
	assert_int_equal(status.polls, 1);
	assert_int_equal(status.last_result, 0);
	assert_true(status.last_success_ns > 0);
	poller_stop(p);
	assert_int_equal(s.polls, 1);
}

static void source_that_hangs_is_cancelled_and_start_does_not_wait_for_it(void **state)
{
	struct source s = { .hangs = true };
	struct poller_config c = config(&s);
	struct poller_status status;
	struct poller *p;

	assert_int_equal(poller_start(&c, MS, &p, NULL), 0);
	poller_status(p, &status);
	assert_int_equal(status.polls, 0);
	assert_int_equal(status.last_result, -EINPROGRESS);
	poller_stop(p);
	assert_true(s.cancelled);
}

static void failure_is_tried_again_sooner(void **state)
{
	struct source s = { .results = { -EIO, -EIO, -EIO, 0 } };
	struct poller_config c = config(&s);
	struct poller_status status;
	struct poller *p;

	c.retry_ns = MS;
	assert_int_equal(poller_start(&c, 60 * S, &p, NULL), 0);
	do {
		usleep(1000);
		poller_status(p, &status);
	} while (status.polls < 4);
	assert_int_equal(status.failures, 3);
	assert_int_equal(status.last_result, 0);
	poller_stop(p);
	assert_int_equal(s.polls, 4);
}

static void wait_for_polls(struct poller *p, uint64_t n)
{
	struct poller_status status;

	do {
		usleep(1000);
		poller_status(p, &status);
	} while (status.polls < n);
}

static void poll_that_has_more_is_followed_by_the_next_at_once(void **state)
{
	struct source s = { .results = { 1, 1, 0, 0 } };
	struct poller_config c = config(&s);
	struct poller *p;

	assert_int_equal(poller_start(&c, 60 * S, &p, NULL), 0);
	wait_for_polls(p, 3);
	poller_stop(p);
	assert_int_equal(s.polls, 3);
}

static void pause_ends_when_it_is_woken(void **state)
{
	struct source s = { .results = { 0, -EIO, 0, 0 } };
	struct poller_config c = config(&s);
	struct poller *p;

	c.retry_ns = LONG_S * S;
	assert_int_equal(poller_start(&c, 60 * S, &p, NULL), 0);
	for (uint64_t n = 2; n <= 4; n++) {
		poller_wake(p);
		wait_for_polls(p, n);
	}
	poller_stop(p);
	assert_int_equal(s.polls, 4);
}

static void woken_poller_keeps_its_distance(void **state)
{
	struct source s = { 0 };
	struct poller_config c = config(&s);
	struct poller *p;

	c.least_ns = LONG_S * S;
	assert_int_equal(poller_start(&c, 60 * S, &p, NULL), 0);
	poller_wake(p);
	poller_wake(p);
	poller_stop(p);
	assert_int_equal(s.polls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_poll_has_ended_when_start_returns),
		cmocka_unit_test(source_that_hangs_is_cancelled_and_start_does_not_wait_for_it),
		cmocka_unit_test(failure_is_tried_again_sooner),
		cmocka_unit_test(poll_that_has_more_is_followed_by_the_next_at_once),
		cmocka_unit_test(pause_ends_when_it_is_woken),
		cmocka_unit_test(woken_poller_keeps_its_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
