// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/sampler_loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "basic/file.h"
#include "exporter/ledger/tick_pace.h"

static const int64_t S_NS = 1000000000;

enum { STOP, TIMER, EVENTS, N_FDS = EVENTS + UNIT_READINGS_TABLES_MAX };

static void set_timer(const struct sampler_loop *loop, const struct tick_pace *pace)
{
	const int64_t due_ns = tick_pace_due_ns(pace);
	const struct itimerspec timer = {
		.it_value = { .tv_sec = due_ns / S_NS, .tv_nsec = due_ns % S_NS },
	};

	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

static void book(struct sampler_loop *loop, struct thread_meter *meter, struct thread_usage *before)
{
	struct thread_usage now;

	if (!loop->account)
		return;
	thread_meter_read(meter, &now);
	usage_account_add(loop->account, before, &now);
	*before = now;
}

/* Everything that happened since the last reading is in the next one. */
static void take_events(struct sampler_loop *loop, struct tick_pace *pace, bool listened)
{
	unsigned events = unit_readings_take_events(loop->units);
	const int64_t now_ns = clock_monotonic_ns(loop->clock);

	if (events & UNIT_WATCH_WENT) {
		loop->went(loop->ctx, listened ? now_ns : loop->heard_ns, now_ns);
		tick_pace_event(pace, now_ns, false);
	} else if (events & UNIT_WATCH_CAME) {
		tick_pace_event(pace, now_ns, true);
	}
	loop->heard_ns = now_ns;
}

/* Whether there are events; a descriptor that failed is of no use any more. */
static bool look_at_events(struct pollfd *fds, nfds_t n)
{
	bool any = false;

	for (nfds_t i = EVENTS; i < n; i++) {
		any |= fds[i].revents;
		if (fds[i].revents & ~POLLIN)
			fds[i].fd = -1;
	}
	return any;
}

static void *run(void *arg)
{
	struct sampler_loop *loop = arg;
	CLEANUP(thread_meter_close) struct thread_meter meter = { .io_fd = -1 };
	struct thread_usage before = { 0 };
	struct tick_pace pace;
	struct pollfd fds[N_FDS] = {
		[STOP] = { .fd = loop->stop_fd, .events = POLLIN },
		[TIMER] = { .fd = loop->timer_fd, .events = POLLIN },
	};
	nfds_t n = EVENTS;

	for (size_t i = 0; i < loop->units->n_tables; i++)
		fds[n++] = (struct pollfd){ .fd = loop->units->event_fds[i], .events = POLLIN };
	if (loop->account) {
		thread_meter_open(&meter);
		thread_meter_read(&meter, &before);
	}
	tick_pace_init(&pace, loop->interval_ns, clock_monotonic_ns(loop->clock));
	loop->heard_ns = clock_monotonic_ns(loop->clock);
	for (;;) {
		const bool listens = tick_pace_listens(&pace);
		uint64_t expirations;
		bool due;

		set_timer(loop, &pace);
		if (poll(fds, listens ? n : EVENTS, -1) < 0)
			continue; /* EINTR: nothing else can be */
		if (fds[STOP].revents)
			return NULL;
		due = read(loop->timer_fd, &expirations, sizeof(expirations)) ==
			sizeof(expirations);
		if ((listens && look_at_events(fds, n)) || due)
			take_events(loop, &pace, listens);
		if (!due)
			continue;
		loop->tick(loop->ctx);
		tick_pace_read(&pace, clock_monotonic_ns(loop->clock));
		book(loop, &meter, &before);
	}
}

int sampler_loop_start(struct sampler_loop *loop, struct err *err)
{
	sigset_t all, before;
	int r;

	loop->stop_fd = eventfd(0, EFD_CLOEXEC);
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->stop_fd < 0 || loop->timer_fd < 0)
		return err_errno(err, -errno, "ledger");
	unit_readings_watch(loop->units);
	loop->tick(loop->ctx); /* what is there already is not charged for its past */
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = -pthread_create(&loop->thread, NULL, run, loop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return err_errno(err, r, "ledger: thread");
	pthread_setname_np(loop->thread, "ledger");
	loop->running = true;
	return 0;
}

void sampler_loop_stop(struct sampler_loop *loop)
{
	const uint64_t one = 1;

	if (!loop->running)
		return;
	while (write(loop->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(loop->thread, NULL);
	loop->running = false;
}

void sampler_loop_done(struct sampler_loop *loop)
{
	file_closep(&loop->stop_fd);
	file_closep(&loop->timer_fd);
}
