// SPDX-License-Identifier: Apache-2.0
#include "exporter/gpu/gpu_power.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "exporter/gpu/gpu_scan.h"
#include "host/command.h"

enum {
	LINE_MAX_BYTES = 1024,
	FOLLOW_MS = 60 * 60 * 1000,
	NUMBER_MAX_BYTES = 64,
};

static const uint64_t AMD_POWER_MAX_UW = UINT64_C(10000000000);

struct follow {
	void (*take)(void *ctx, const struct nvidia_smi_reading *reading);
	void *ctx;
	char line[LINE_MAX_BYTES];
	size_t n;
	bool too_long; /* the line: the rest of it is dropped */
};

static void line_ends(struct follow *f)
{
	struct nvidia_smi_reading reading;

	if (!f->too_long &&
		nvidia_smi_parse_reading((struct slice){ f->line, f->n }, &reading) >= 0)
		f->take(f->ctx, &reading);
	f->n = 0;
	f->too_long = false;
}

static int take_output(void *ctx, struct slice piece)
{
	struct follow *f = ctx;

	for (size_t i = 0; i < piece.n; i++) {
		if (piece.p[i] == '\n')
			line_ends(f);
		else if (f->n < sizeof(f->line))
			f->line[f->n++] = piece.p[i];
		else
			f->too_long = true;
	}
	return 0;
}

int gpu_power_follow_nvidia(const char *nvidia_smi_path, int cancel_fd,
	void (*take)(void *ctx, const struct nvidia_smi_reading *reading), void *ctx,
	struct err *err)
{
	char path[PATH_MAX];
	const char *const argv[] = { gpu_tool_program(
					     nvidia_smi_path, "nvidia-smi", path, sizeof(path)),
		NVIDIA_SMI_READINGS, "--format=csv,noheader,nounits", "-lms", "1000", NULL };
	struct follow follow = { .take = take, .ctx = ctx };
	const struct command command = {
		.argv = argv,
		.timeout_ms = FOLLOW_MS,
		.cancel_fd = cancel_fd,
		.output = take_output,
		.output_ctx = &follow,
	};
	CLEANUP(buffer_done) struct buffer none = { 0 };
	int r = command_run(&command, &none, err);

	if (r == -ETIMEDOUT)
		return 0;
	return r < 0 ? r : err_set(err, -EIO, "'%s' ended by itself", argv[0]);
}

static bool read_number(int dirfd, const char *file, uint64_t *ret_number)
{
	char text[NUMBER_MAX_BYTES];
	ssize_t n = file_read_small(dirfd, file, text, sizeof(text));

	return n >= 0 &&
		slice_to_u64(slice_trim((struct slice){ text, (size_t)n }), ret_number) >= 0;
}

static bool read_hwmon(int hwmon_fd, struct power_reading *power)
{
	power->energy_known = read_number(hwmon_fd, "energy1_input", &power->energy_uj);
	power->power_known = (read_number(hwmon_fd, "power1_average", &power->power_uw) ||
				     read_number(hwmon_fd, "power1_input", &power->power_uw)) &&
		power->power_uw <= AMD_POWER_MAX_UW;
	return power->energy_known || power->power_known;
}

/* The first of the device's hwmon directories that tells something. */
static bool read_device(int device_fd, struct power_reading *power)
{
	CLEANUP(file_closep)
	int fd = openat(device_fd, "hwmon", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	bool found = false;
	DIR *dir;

	if (fd < 0)
		return false;
	dir = fdopendir(dup(fd));
	while (dir && !found && (entry = readdir(dir))) {
		CLEANUP(file_closep) int hwmon_fd = -1;

		if (!str_starts(entry->d_name, "hwmon"))
			continue;
		hwmon_fd = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		found = hwmon_fd >= 0 && read_hwmon(hwmon_fd, power);
	}
	if (dir)
		closedir(dir);
	return found;
}

int gpu_power_read_amd(const struct host_root *host, const struct pci_address *address,
	const struct clock *clock, struct gpu_reading *ret_reading)
{
	CLEANUP(file_closep) int device_fd = -1;
	struct gpu_reading reading = { 0 };
	uint64_t percent;
	char path[96];

	snprintf(path, sizeof(path), "bus/pci/devices/%04x:%02x:%02x.%x", address->domain,
		address->bus, address->slot, address->function);
	device_fd = openat(host->sysfs_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (device_fd < 0 || !read_device(device_fd, &reading.power))
		return -ENODATA;
	if (read_number(device_fd, "gpu_busy_percent", &percent) && percent <= 100) {
		reading.use_known = true;
		reading.use_ppm = (uint32_t)percent * 10000;
	}
	reading.power.sample_ns = clock_monotonic_ns(clock);
	*ret_reading = reading;
	return 0;
}
