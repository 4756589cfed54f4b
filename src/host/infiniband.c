// SPDX-License-Identifier: Apache-2.0
#include "host/infiniband.h"

#include <errno.h>
#include <math.h>

#include "basic/file.h"
#include "host/sysfs.h"

static const double GBIT_BYTES = 125000000;

int infiniband_parse_state(struct slice text, uint64_t *ret_id)
{
	struct slice id;

	if (!slice_next(&text, ':', &id) || !text.p)
		return -EBADMSG;
	return slice_to_u64(slice_trim(id), ret_id) < 0 ? -EBADMSG : 0;
}

int infiniband_parse_rate(struct slice text, double *ret_bytes_per_second)
{
	struct slice word;
	double gbits;

	if (!slice_next_word(&text, &word) || slice_to_double(slice_trim(word), &gbits) < 0 ||
		!(gbits >= 0) || !isfinite(gbits * GBIT_BYTES))
		return -EBADMSG;
	*ret_bytes_per_second = gbits * GBIT_BYTES;
	return 0;
}

int infiniband_read_state(int port_fd, const char *file, uint64_t *ret_id)
{
	char text[SYSFS_TEXT_MAX];
	struct slice value;
	int r = sysfs_read(port_fd, file, text, &value);

	return r < 0 ? r : infiniband_parse_state(value, ret_id);
}

int infiniband_read_rate(int port_fd, double *ret_bytes_per_second)
{
	char text[SYSFS_TEXT_MAX];
	struct slice value;
	int r = sysfs_read(port_fd, "rate", text, &value);

	return r < 0 ? r : infiniband_parse_rate(value, ret_bytes_per_second);
}

int infiniband_read_counter(int port_fd, const char *file, uint64_t *ret_value)
{
	return sysfs_read_u64(port_fd, file, ret_value);
}

static int visit_port(const struct infiniband_visitor *visitor, const char *device, int ports_fd,
	const char *port)
{
	CLEANUP(file_closep) int fd = -1;
	uint64_t number;

	/* The kernel numbers ports. */
	if (slice_to_u64(slice_from(port), &number) < 0)
		return 0;
	fd = sysfs_open_dir(ports_fd, port);
	return fd < 0 ? 0 : visitor->port(visitor->ctx, device, port, fd);
}

static int visit_device(const struct infiniband_visitor *visitor, struct arena *arena, int class_fd,
	const char *device)
{
	CLEANUP(file_closep) int fd = sysfs_open_dir(class_fd, device);
	CLEANUP(file_closep) int ports_fd = fd < 0 ? -1 : sysfs_open_dir(fd, "ports");
	struct sysfs_names ports = { 0 };
	int r = 0;

	if (fd < 0)
		return 0;
	if (visitor->device)
		r = visitor->device(visitor->ctx, device, fd);
	if (r >= 0 && ports_fd >= 0 && sysfs_list(fd, "ports", arena, &ports) == -ENOMEM)
		r = -ENOMEM;
	for (size_t i = 0; r >= 0 && i < ports.n; i++)
		r = visit_port(visitor, device, ports_fd, ports.v[i]);
	return r;
}

int infiniband_walk(int sysfs_fd, struct arena *arena, const struct infiniband_visitor *visitor)
{
	CLEANUP(file_closep) int class_fd = sysfs_open_dir(sysfs_fd, "class/infiniband");
	struct sysfs_names devices;
	int r = class_fd < 0 ? class_fd : sysfs_list(class_fd, ".", arena, &devices);

	if (r < 0)
		return r == -ENOMEM || r == -E2BIG || r == -EMFILE ? r : -ENODATA;
	for (size_t i = 0; r >= 0 && i < devices.n; i++)
		r = visit_device(visitor, arena, class_fd, devices.v[i]);
	return r < 0 ? r : 0;
}
