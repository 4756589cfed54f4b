// SPDX-License-Identifier: Apache-2.0
#include "host/thread_usage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <time.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "host/privilege.h"

enum { IO_TEXT_MAX = 512 };

void thread_meter_open(struct thread_meter *meter)
{
	const capability_set raised = privilege_raise(CAPABILITY(CAP_DAC_READ_SEARCH));

	*meter = (struct thread_meter){ .io_fd = open("/proc/thread-self/io",
						O_RDONLY | O_CLOEXEC | O_NOCTTY) };
	privilege_lower(raised);
}

void thread_meter_close(struct thread_meter *meter)
{
	file_closep(&meter->io_fd);
}

/* "syscr: 12" */
static bool next_counter(struct slice *rest, struct slice *ret_name, uint64_t *ret_value)
{
	struct slice line;

	if (!slice_next_line(rest, &line) || !slice_next(&line, ':', ret_name) || !line.p)
		return false;
	return slice_to_u64(slice_trim(line), ret_value) >= 0;
}

int thread_usage_parse_io(struct slice text, uint64_t *ret_calls, uint64_t *ret_bytes)
{
	uint64_t calls = 0, bytes = 0, value;
	struct slice name;
	unsigned n = 0;

	while (next_counter(&text, &name, &value)) {
		const bool is_calls = slice_eq(name, "syscr") || slice_eq(name, "syscw");
		const bool is_bytes = slice_eq(name, "rchar") || slice_eq(name, "wchar");

		calls += is_calls ? value : 0;
		bytes += is_bytes ? value : 0;
		n += is_calls || is_bytes;
	}
	if (n != 4)
		return -EBADMSG;
	*ret_calls = calls;
	*ret_bytes = bytes;
	return 0;
}

void thread_meter_read(struct thread_meter *meter, struct thread_usage *ret_usage)
{
	struct thread_usage usage = { 0 };
	char text[IO_TEXT_MAX];
	struct timespec cpu = { 0 };
	ssize_t n = meter->io_fd < 0 ? -1 : pread(meter->io_fd, text, sizeof(text), 0);
	uint64_t calls, bytes;

	if (n > 0 &&
		thread_usage_parse_io((struct slice){ text, (size_t)n }, &calls, &bytes) >= 0) {
		usage.io_known = true;
		usage.io_calls = calls - MIN(meter->own_calls, calls);
		usage.io_bytes = bytes - MIN(meter->own_bytes, bytes);
	}
	if (n >= 0) {
		meter->own_calls++; /* the next reading sees this one */
		meter->own_bytes += (uint64_t)n;
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	usage.cpu_ns = (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec;
	*ret_usage = usage;
}

static void add(atomic_uint_fast64_t *sum, uint64_t value)
{
	atomic_fetch_add_explicit(sum, value, memory_order_relaxed);
}

void usage_account_add(struct usage_account *account, const struct thread_usage *before,
	const struct thread_usage *after)
{
	add(&account->runs, 1);
	add(&account->cpu_ns, after->cpu_ns - before->cpu_ns);
	if (!before->io_known || !after->io_known)
		return;
	add(&account->io_calls, after->io_calls - before->io_calls);
	add(&account->io_bytes, after->io_bytes - before->io_bytes);
	atomic_store_explicit(&account->io_known, true, memory_order_relaxed);
}
