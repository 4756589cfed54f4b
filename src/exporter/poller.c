// SPDX-License-Identifier: Apache-2.0
#include "exporter/poller.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "basic/file.h"

enum { THREAD_NAME_MAX = 16 };
static const int64_t S_NS = 1000000000;

struct poller {
	struct poller_config config;
	pthread_t thread;
	int cancel_fd, wake_fd;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t ended; /* a poll */
	struct poller_status status;
};

static void tell(struct poller *p, int before, int r, const struct err *err)
{
	const bool failed_before = before < 0 && before != -EINPROGRESS;

	if (r < 0 && !failed_before)
		log_error(p->config.log, "poll failed", LOG_STR("name", p->config.name),
			LOG_STR("what", p->config.what), LOG_ERR(err));
	if (r >= 0 && failed_before)
		log_info(p->config.log, "poll works again", LOG_STR("name", p->config.name),
			LOG_STR("what", p->config.what));
}

static int poll_once(struct poller *p)
{
	struct err err = { 0 };
	int r = p->config.poll(p->config.ctx, p->cancel_fd, &err), before;

	pthread_mutex_lock(&p->lock);
	before = p->status.last_result;
	p->status.polls++;
	p->status.last_result = r;
	if (r >= 0)
		p->status.last_success_ns = clock_monotonic_ns(p->config.clock);
	else
		p->status.failures++;
	pthread_cond_broadcast(&p->ended);
	pthread_mutex_unlock(&p->lock);
	if (r != -ECANCELED)
		tell(p, before, r, &err);
	return r;
}

/* How long to wait for the next poll, from the start of this one. */
static int64_t pause_ns(const struct poller_config *config, int64_t *backoff_ns, int r)
{
	if (r >= 0 || !config->retry_ns) {
		*backoff_ns = config->retry_ns;
		return r > 0 ? 0 : config->period_ns;
	}
	int64_t pause = *backoff_ns;

	*backoff_ns = MIN(*backoff_ns * 2, MAX(config->period_ns, config->retry_ns));
	return pause;
}

/* Until the cancellation (false), a call that may cut it short, or the end. */
static bool wait_for(struct poller *p, int64_t wait_ns, bool may_wake, bool *ret_woken)
{
	struct pollfd fds[] = { { .fd = p->cancel_fd, .events = POLLIN },
		{ .fd = may_wake ? p->wake_fd : -1, .events = POLLIN } };
	struct timespec ts = { .tv_sec = MAX(wait_ns, 0) / S_NS,
		.tv_nsec = MAX(wait_ns, 0) % S_NS };

	*ret_woken = ppoll(fds, ARRAY_SIZE(fds), &ts, NULL) > 0 && fds[1].revents;
	return !fds[0].revents;
}

/* Whether the poller goes on. */
static bool rest(struct poller *p, int64_t start_ns, int64_t pause)
{
	const struct clock *clock = p->config.clock;
	int64_t wait_ns = start_ns + pause - clock_monotonic_ns(clock);
	int64_t least_ns = MIN(p->config.least_ns, pause);
	uint64_t calls;
	bool woken;

	if (!wait_for(p, wait_ns, true, &woken))
		return false;
	if (!woken)
		return true;
	wait_ns = start_ns + least_ns - clock_monotonic_ns(clock);
	if (!wait_for(p, wait_ns, false, &woken))
		return false;
	/* What comes from now on wants a poll after the next. */
	while (read(p->wake_fd, &calls, sizeof(calls)) < 0 && errno == EINTR)
		;
	return true;
}

static void book(struct poller *p, struct thread_meter *meter, struct thread_usage *before)
{
	struct thread_usage now;

	if (!p->config.account)
		return;
	thread_meter_read(meter, &now);
	usage_account_add(p->config.account, before, &now);
	*before = now;
}

static void *run(void *arg)
{
	struct poller *p = arg;
	int64_t backoff_ns = p->config.retry_ns;
	CLEANUP(thread_meter_close) struct thread_meter meter = { .io_fd = -1 };
	struct thread_usage before = { 0 };

	if (p->config.account) {
		thread_meter_open(&meter);
		thread_meter_read(&meter, &before);
	}
	for (;;) {
		int64_t start_ns = clock_monotonic_ns(p->config.clock);
		int r = poll_once(p);
		int64_t pause = pause_ns(&p->config, &backoff_ns, r);

		book(p, &meter, &before);
		if (!rest(p, start_ns, pause))
			return NULL;
	}
}

static int start_thread(struct poller *p)
{
	char name[THREAD_NAME_MAX];
	sigset_t all, before;
	int r;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = -pthread_create(&p->thread, NULL, run, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "%s", p->config.name);
	pthread_setname_np(p->thread, name);
	return 0;
}

static void wait_first(struct poller *p, int64_t wait_ns)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (until.tv_nsec + wait_ns) / S_NS;
	until.tv_nsec = (until.tv_nsec + wait_ns) % S_NS;
	pthread_mutex_lock(&p->lock);
	while (!p->status.polls && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&p->ended, &p->lock, &until);
	pthread_mutex_unlock(&p->lock);
}

static void destroy(struct poller *p)
{
	pthread_cond_destroy(&p->ended);
	pthread_mutex_destroy(&p->lock);
	file_closep(&p->cancel_fd);
	file_closep(&p->wake_fd);
	free(p);
}

int poller_start(const struct poller_config *config, int64_t wait_ns, struct poller **ret_poller,
	struct err *err)
{
	struct poller *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;
	int r = 0;

	if (!p)
		return err_errno(err, -ENOMEM, "%s: starting to poll", config->name);
	p->config = *config;
	p->status.last_result = -EINPROGRESS;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->ended, &attr);
	pthread_condattr_destroy(&attr);
	p->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->cancel_fd < 0 || p->wake_fd < 0)
		r = -errno;
	if (r >= 0)
		r = start_thread(p);
	if (r < 0) {
		destroy(p);
		return err_errno(err, r, "%s: starting to poll", config->name);
	}
	wait_first(p, wait_ns);
	*ret_poller = p;
	return 0;
}

static void signal_fd(int fd)
{
	const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void poller_wake(struct poller *p)
{
	signal_fd(p->wake_fd);
}

void poller_stop(struct poller *p)
{
	if (!p)
		return;
	signal_fd(p->cancel_fd);
	pthread_join(p->thread, NULL);
	destroy(p);
}

void poller_status(struct poller *p, struct poller_status *ret_status)
{
	pthread_mutex_lock(&p->lock);
	*ret_status = p->status;
	pthread_mutex_unlock(&p->lock);
}
