// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/capture_stop.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { STATUS_OF_SIGNAL = 128 /* is added to its number, as shells do */ };

/* A handler has nothing else to go by. */
static struct {
	int fd;
	atomic_int n_signals;
	const char *_Atomic partial;
} stop = { .fd = -1 };

static void on_signal(int number)
{
	const uint64_t one = 1;
	const int saved = errno;

	if (atomic_fetch_add(&stop.n_signals, 1) > 0) {
		const char *partial = atomic_load(&stop.partial);

		if (partial)
			unlink(partial);
		_exit(STATUS_OF_SIGNAL + number);
	}
	/* It can't be full. */
	if (write(stop.fd, &one, sizeof(one)) < 0)
		_exit(STATUS_OF_SIGNAL + number);
	errno = saved;
}

int capture_stop_watch(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	stop.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop.fd < 0)
		return -errno;
	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGINT);
	sigaddset(&action.sa_mask, SIGTERM);
	if (sigaction(SIGINT, &action, NULL) < 0 || sigaction(SIGTERM, &action, NULL) < 0)
		return -errno;
	return stop.fd;
}

bool capture_stop_asked(void)
{
	return atomic_load(&stop.n_signals) > 0;
}

void capture_stop_partial(const char *path)
{
	atomic_store(&stop.partial, path);
}
