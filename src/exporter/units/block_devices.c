// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/block_devices.h"

#include <stdlib.h>

#include "basic/buffer.h"
#include "basic/file.h"
#include "basic/macros.h"

void block_devices_init(struct block_devices *devices, int procfs_fd)
{
	*devices = (struct block_devices){ .procfs_fd = procfs_fd, .may_read = true };
}

void block_devices_done(struct block_devices *devices)
{
	free(devices->v);
	devices->v = NULL;
	devices->n = 0;
}

static int by_number(const void *a, const void *b)
{
	const struct block_device *x = a, *y = b;

	if (x->major != y->major)
		return x->major < y->major ? -1 : 1;
	return (x->minor > y->minor) - (x->minor < y->minor);
}

static size_t count(struct slice text)
{
	struct diskstats_line line;
	size_t n = 0;

	while (n < BLOCK_DEVICES_MAX && diskstats_next(&text, &line))
		n++;
	return n;
}

/* What can't be read leaves what was known. */
static void read_all(struct block_devices *devices)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct diskstats_line line;
	struct block_device *v;
	struct slice rest;
	size_t n, i = 0;

	buffer_init(&text, 0);
	if (file_read(devices->procfs_fd, "diskstats", BLOCK_DEVICES_MAX_BYTES, &text) < 0)
		return;
	rest = (struct slice){ buffer_text(&text), text.len };
	n = count(rest);
	v = n ? calloc(n, sizeof(*v)) : NULL;
	if (!v)
		return;
	while (i < n && diskstats_next(&rest, &line)) {
		v[i].major = line.major;
		v[i].minor = line.minor;
		memcpy(v[i++].name, line.name.p, line.name.n);
	}
	qsort(v, n, sizeof(*v), by_number);
	free(devices->v);
	devices->v = v;
	devices->n = n;
}

static const char *find(const struct block_devices *devices, uint32_t major, uint32_t minor)
{
	const struct block_device key = { .major = major, .minor = minor };
	const struct block_device *found = devices->n
		? bsearch(&key, devices->v, devices->n, sizeof(key), by_number)
		: NULL;

	return found ? found->name : "";
}

const char *block_devices_name(struct block_devices *devices, uint32_t major, uint32_t minor)
{
	const char *name = find(devices, major, minor);

	if (name[0] || !devices->may_read)
		return name;
	devices->may_read = false;
	read_all(devices);
	return find(devices, major, minor);
}
