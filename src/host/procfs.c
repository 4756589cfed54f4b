// SPDX-License-Identifier: Apache-2.0
#include "host/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "basic/file.h"
#include "basic/macros.h"

enum { FIRST_BUFFER_BYTES = 4096 };

const char *const procfs_cpu_mode_names[N_CPU_MODES] = {
	[CPU_USER] = "user",
	[CPU_NICE] = "nice",
	[CPU_SYSTEM] = "system",
	[CPU_IDLE] = "idle",
	[CPU_IOWAIT] = "iowait",
	[CPU_IRQ] = "irq",
	[CPU_SOFTIRQ] = "softirq",
	[CPU_STEAL] = "steal",
};

int procfs_file_open(struct procfs_file *file, int procfs_fd, const char *path)
{
	int fd = openat(procfs_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	*file = (struct procfs_file){ .fd = fd };
	return 0;
}

int procfs_file_read(struct procfs_file *file, struct slice *ret_text)
{
	for (;;) {
		size_t cap = file->cap ? file->cap * 2 : FIRST_BUFFER_BYTES;
		ssize_t n = file->cap ? pread(file->fd, file->data, file->cap, 0) : 0;
		char *data;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if ((size_t)n < file->cap) {
			*ret_text = (struct slice){ file->data, (size_t)n };
			return 0;
		}
		/* Full: perhaps not all. Read anew, so that all of it is of one moment. */
		if (cap > PROCFS_FILE_MAX_BYTES)
			return -E2BIG;
		data = realloc(file->data, cap);
		if (!data)
			return -ENOMEM;
		file->data = data;
		file->cap = cap;
	}
}

void procfs_file_close(struct procfs_file *file)
{
	file_closep(&file->fd);
	free(file->data);
	*file = (struct procfs_file){ .fd = -1 };
}

static int parse_cpu_columns(struct slice columns, struct procfs_cpu_times *times)
{
	struct slice word;

	for (size_t i = 0; i < N_CPU_MODES && slice_next_word(&columns, &word); i++) {
		int r = slice_to_u64(word, &times->ticks[i]);

		if (r < 0)
			return -EBADMSG;
	}
	return 0;
}

int procfs_parse_stat(struct slice text, struct procfs_cpu_times *ret_times)
{
	struct procfs_cpu_times times = { 0 };
	struct slice line, word;
	bool found = false;

	while (slice_next_line(&text, &line)) {
		if (line.n < 3 || memcmp(line.p, "cpu", 3) != 0)
			break; /* the cpu lines come first; the long intr line is not looked at */
		if (!slice_next_word(&line, &word))
			break;
		if (word.n > 3) {
			times.n_cpus++;
			continue;
		}
		if (parse_cpu_columns(line, &times) < 0)
			return -EBADMSG;
		found = true;
	}
	if (!found)
		return -EBADMSG;
	*ret_times = times;
	return 0;
}

int procfs_read_stat(struct procfs_file *file, struct procfs_cpu_times *ret_times)
{
	struct slice text;
	int r = procfs_file_read(file, &text);

	return r < 0 ? r : procfs_parse_stat(text, ret_times);
}

uint64_t procfs_cpu_busy_us(const struct procfs_cpu_times *times)
{
	uint64_t busy = 0;

	for (size_t i = 0; i < N_CPU_MODES; i++)
		if (i != CPU_IDLE && i != CPU_IOWAIT && i != CPU_STEAL)
			busy += times->ticks[i];
	return busy * PROCFS_TICK_US;
}

int procfs_meminfo_next(struct slice *rest, struct procfs_meminfo_field *ret_field)
{
	struct slice line, name, value, unit, more;
	double number;

	do {
		if (!slice_next_line(rest, &line))
			return 0;
		line = slice_trim(line);
	} while (line.n == 0);

	if (!slice_next_word(&line, &name) || name.n < 2 || name.p[name.n - 1] != ':' ||
		!slice_next_word(&line, &value) || slice_to_double(value, &number) < 0)
		return -EBADMSG;

	ret_field->name = (struct slice){ name.p, name.n - 1 };
	ret_field->in_bytes = slice_next_word(&line, &unit);
	if (ret_field->in_bytes && slice_next_word(&line, &more))
		return -EBADMSG;
	ret_field->value = ret_field->in_bytes ? number * 1024 : number;
	return 1;
}

static uint64_t to_bytes(double value)
{
	return value > 0 && value < 0x1p63 ? (uint64_t)value : 0;
}

int procfs_parse_memory(struct slice text, struct procfs_memory *ret_memory)
{
	struct procfs_memory memory = { 0 };
	struct procfs_meminfo_field field;
	bool total = false, available = false;
	int r;

	while ((r = procfs_meminfo_next(&text, &field)) > 0) {
		if (slice_eq(field.name, "MemTotal")) {
			memory.total_bytes = to_bytes(field.value);
			total = true;
		} else if (slice_eq(field.name, "MemFree")) {
			memory.free_bytes = to_bytes(field.value);
		} else if (slice_eq(field.name, "MemAvailable")) {
			memory.available_bytes = to_bytes(field.value);
			available = true;
		}
	}
	if (r < 0)
		return r;
	if (!total)
		return -EBADMSG;
	if (!available)
		memory.available_bytes = memory.free_bytes;
	*ret_memory = memory;
	return 0;
}

int procfs_read_memory(struct procfs_file *file, struct procfs_memory *ret_memory)
{
	struct slice text;
	int r = procfs_file_read(file, &text);

	return r < 0 ? r : procfs_parse_memory(text, ret_memory);
}

/* One processor's entry in cpuinfo, as far as it was read. */
struct cpuinfo_entry {
	uint64_t socket, cores;
	bool has_socket, has_cores;
};

struct sockets {
	uint64_t ids[PROCFS_SOCKETS_MAX];
	size_t n;
};

static int end_entry(
	struct cpuinfo_entry *entry, struct sockets *sockets, struct procfs_topology *topology)
{
	struct cpuinfo_entry e = *entry;

	*entry = (struct cpuinfo_entry){ 0 };
	if (!e.has_socket || !e.has_cores)
		return 0;
	for (size_t i = 0; i < sockets->n; i++)
		if (sockets->ids[i] == e.socket)
			return 0;
	if (sockets->n == PROCFS_SOCKETS_MAX)
		return -E2BIG;
	sockets->ids[sockets->n++] = e.socket;
	if (e.cores <= UINT16_MAX)
		topology->physical += (unsigned)e.cores;
	return 0;
}

int procfs_parse_cpuinfo(struct slice text, struct procfs_topology *ret_topology)
{
	struct procfs_topology topology = { 0 };
	struct cpuinfo_entry entry = { 0 };
	struct sockets sockets = { .n = 0 };
	struct slice line, key;
	int r = 0;

	while (r >= 0 && slice_next_line(&text, &line)) {
		if (!slice_next(&line, ':', &key))
			continue;
		key = slice_trim(key);
		line = slice_trim(line);
		if (slice_eq(key, "processor")) {
			r = end_entry(&entry, &sockets, &topology);
			topology.logical++;
		} else if (slice_eq(key, "physical id")) {
			entry.has_socket = slice_to_u64(line, &entry.socket) >= 0;
		} else if (slice_eq(key, "cpu cores")) {
			entry.has_cores = slice_to_u64(line, &entry.cores) >= 0;
		}
	}
	if (r >= 0)
		r = end_entry(&entry, &sockets, &topology);
	if (r < 0)
		return r;
	*ret_topology = topology;
	return 0;
}
