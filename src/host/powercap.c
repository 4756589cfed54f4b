// SPDX-License-Identifier: Apache-2.0
#include "host/powercap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/file.h"
#include "basic/macros.h"

enum { NUMBER_TEXT_MAX = 64 };

DEFINE_CLEANUP(DIR *, closedir);

int powercap_parse_name(struct slice name, struct slice *ret_zone, int64_t *ret_index)
{
	struct slice rest = name, zone, number;
	int64_t index;

	*ret_zone = name;
	if (!slice_next(&rest, '-', &zone) || !slice_next(&rest, '-', &number) || rest.p ||
		slice_to_i64(number, &index) < 0)
		return 0;
	*ret_zone = zone;
	*ret_index = index;
	return 1;
}

uint64_t powercap_energy_delta(uint64_t before_uj, uint64_t now_uj, uint64_t max_energy_uj)
{
	if (now_uj >= before_uj)
		return now_uj - before_uj;
	/* Without a known range, or above it, how much was lost cannot be told: count what is
	 * there. */
	if (before_uj > max_energy_uj)
		return now_uj;
	return max_energy_uj - before_uj + now_uj + 1;
}

static int read_number(int dirfd, const char *path, uint64_t *ret_value)
{
	char text[NUMBER_TEXT_MAX];
	ssize_t n = file_read_small(dirfd, path, text, sizeof(text));

	if (n < 0)
		return (int)n;
	return slice_to_u64(slice_trim((struct slice){ text, (size_t)n }), ret_value);
}

static void zone_close(struct powercap_zone *zone)
{
	file_closep(&zone->energy_fd);
	free(zone->entry);
	free(zone->name);
	free(zone->zone);
}

/* 1: ret_zone is one; 0: an entry without a readable name, for instance the control type itself. */
static int zone_open(int class_fd, const char *entry, struct powercap_zone *ret_zone)
{
	char path[NAME_MAX + 32], text[POWERCAP_NAME_MAX];
	struct powercap_zone z = { .energy_fd = -1 };
	struct slice name, zone;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/name", entry);
	n = file_read_small(class_fd, path, text, sizeof(text));
	if (n < 0)
		return 0;
	name = slice_trim((struct slice){ text, (size_t)n });
	powercap_parse_name(name, &zone, &z.index);
	z.entry = strdup(entry);
	z.name = strndup(name.p, name.n);
	z.zone = strndup(zone.p, zone.n);
	if (!z.entry || !z.name || !z.zone) {
		zone_close(&z);
		return -ENOMEM;
	}

	snprintf(path, sizeof(path), "%s/max_energy_range_uj", entry);
	z.has_range = read_number(class_fd, path, &z.max_energy_uj) >= 0;
	snprintf(path, sizeof(path), "%s/energy_uj", entry);
	z.energy_fd = openat(class_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	z.energy_error = z.energy_fd < 0 ? -errno : 0;
	*ret_zone = z;
	return 1;
}

/* A zone whose name has no index gets 1 + the index last given to that zone name, at first 0. */
static void number_zones(struct powercap *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct powercap_zone *z = &p->zones[i];
		struct slice zone;

		if (powercap_parse_name(slice_from(z->name), &zone, &z->index))
			continue;
		for (size_t j = i; j-- > 0;) {
			if (!str_eq(p->zones[j].zone, z->zone))
				continue;
			z->index = p->zones[j].index;
			z->index += z->index < INT64_MAX;
			break;
		}
	}
}

static int by_entry(const void *a, const void *b)
{
	const struct powercap_zone *x = a, *y = b;

	return strcmp(x->entry, y->entry);
}

static int add_zones(struct powercap *p, DIR *dir)
{
	const struct dirent *d;
	size_t cap = 0;

	while ((d = readdir(dir))) {
		int r;

		if (d->d_name[0] == '.')
			continue;
		if (p->n == POWERCAP_ZONES_MAX)
			return -E2BIG;
		if (p->n == cap) {
			struct powercap_zone *grown;

			cap = cap ? cap * 2 : 8;
			grown = reallocarray(p->zones, cap, sizeof(*grown));
			if (!grown)
				return -ENOMEM;
			p->zones = grown;
		}
		r = zone_open(p->class_fd, d->d_name, &p->zones[p->n]);
		if (r < 0)
			return r;
		p->n += (size_t)r;
	}
	return 0;
}

int powercap_open(int sysfs_fd, struct powercap **ret_powercap)
{
	CLEANUP(powercap_closep) struct powercap *p = NULL;
	CLEANUP(closedirp) DIR *dir = NULL;
	int fd, r;

	fd = openat(sysfs_fd, "class/powercap", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == EACCES || errno == EPERM ? -ENODATA : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->class_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	r = p->class_fd < 0 ? -errno : add_zones(p, dir);
	if (r < 0)
		return r;
	if (p->n > 0)
		qsort(p->zones, p->n, sizeof(*p->zones), by_entry);
	number_zones(p);
	*ret_powercap = TAKE(p);
	return 0;
}

void powercap_close(struct powercap *powercap)
{
	if (!powercap)
		return;
	for (size_t i = 0; i < powercap->n; i++)
		zone_close(&powercap->zones[i]);
	free(powercap->zones);
	file_closep(&powercap->class_fd);
	free(powercap);
}

int powercap_read_energy(const struct powercap_zone *zone, uint64_t *ret_uj)
{
	char text[NUMBER_TEXT_MAX];
	ssize_t n;

	if (zone->energy_fd < 0)
		return zone->energy_error;
	/* One read: the attribute is a single line, and each read asks the hardware. */
	do {
		n = pread(zone->energy_fd, text, sizeof(text), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return slice_to_u64(slice_trim((struct slice){ text, (size_t)n }), ret_uj) < 0 ? -EBADMSG
										       : 0;
}

int powercap_read_limit(
	const struct powercap *powercap, const struct powercap_zone *zone, uint64_t *ret_uw)
{
	char path[NAME_MAX + 48];
	uint64_t window[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/constraint_%d_time_window_us", zone->entry, i);
		if (read_number(powercap->class_fd, path, &window[i]) < 0)
			window[i] = 0;
	}
	snprintf(path, sizeof(path), "%s/constraint_%d_power_limit_uw", zone->entry,
		window[1] > window[0]);
	return read_number(powercap->class_fd, path, ret_uw);
}
