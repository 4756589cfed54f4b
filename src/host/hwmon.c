// SPDX-License-Identifier: Apache-2.0
#include "host/hwmon.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/sysfs.h"

enum { FIRST_SENSORS = 16 };

static const char *const kind_names[] = { [HWMON_POWER] = "power", [HWMON_ENERGY] = "energy" };
static const char *const property_names[] = {
	[HWMON_INPUT] = "input",
	[HWMON_INPUT_LOWEST] = "input_lowest",
	[HWMON_INPUT_HIGHEST] = "input_highest",
	[HWMON_AVERAGE] = "average",
};

static int find(const char *const *names, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(name, names[i]))
			return (int)i;
	return -1;
}

bool hwmon_parse_file(const char *name, struct hwmon_file *ret_file)
{
	struct slice rest = slice_from(name), first;
	size_t letters = strcspn(name, "0123456789");
	int kind = find(kind_names, ARRAY_SIZE(kind_names), (struct slice){ name, letters });
	uint64_t number;
	int property;

	if (kind < 0 || !slice_next(&rest, '_', &first) || !rest.p)
		return false;
	property = find(property_names, ARRAY_SIZE(property_names), rest);
	if (property < 0 || first.n <= letters ||
		slice_to_u64((struct slice){ name + letters, first.n - letters }, &number) < 0)
		return false;
	*ret_file = (struct hwmon_file){ (enum hwmon_kind)kind, number,
		(enum hwmon_property)property };
	return true;
}

size_t hwmon_clean(struct slice name, char *ret_clean, size_t cap)
{
	size_t n = 0;

	while (name.n && n + 1 < cap) {
		uint32_t code;
		size_t length = str_utf8_next(name.p, name.n, &code);
		char c = length == 1 ? name.p[0] : '_';

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':'))
			c = '_';
		if (n || c != '_')
			ret_clean[n++] = c;
		name.p += MAX(length, (size_t)1);
		name.n -= MAX(length, (size_t)1);
	}
	while (n && ret_clean[n - 1] == '_')
		n--;
	ret_clean[n] = '\0';
	return n;
}

/* Where a link leads: the name of the directory, and of the one above it. */
static bool resolve(const char *sysfs, const char *path, char real[static PATH_MAX],
	struct slice *ret_parent, struct slice *ret_name)
{
	char full[PATH_MAX];
	char *name, *parent;

	if (snprintf(full, sizeof(full), "%s/%s", sysfs, path) >= (int)sizeof(full) ||
		!realpath(full, real))
		return false;
	name = strrchr(real, '/');
	*name++ = '\0';
	parent = strrchr(real, '/');
	*ret_name = slice_from(name);
	*ret_parent = slice_from(parent ? parent + 1 : real);
	return true;
}

/* Empty when no name can be made of it. */
static void name_by_device(const char *sysfs, const char *dir, char *ret_chip, size_t cap)
{
	char path[SYSFS_PATH_MAX], real[PATH_MAX];
	struct slice parent, name;
	char clean[HWMON_NAME_MAX];
	size_t n;

	ret_chip[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/device", dir) >= (int)sizeof(path) ||
		!resolve(sysfs, path, real, &parent, &name) ||
		!hwmon_clean(name, clean, sizeof(clean)))
		return;
	n = hwmon_clean(parent, ret_chip, cap / 2);
	snprintf(ret_chip + n, cap - n, "%s%s", n ? "_" : "", clean);
}

static void name_by_directory(const char *sysfs, const char *dir, char *ret_chip, size_t cap)
{
	char real[PATH_MAX];
	struct slice parent, name;

	if (resolve(sysfs, dir, real, &parent, &name))
		hwmon_clean(name, ret_chip, cap);
}

static int make_chip(int sysfs_fd, const char *sysfs, const char *dir, struct arena *arena,
	struct hwmon_chip **ret_chip)
{
	char path[SYSFS_PATH_MAX], text[SYSFS_TEXT_MAX];
	char chip[2 * HWMON_NAME_MAX], name[SYSFS_TEXT_MAX + 1] = "";
	struct hwmon_chip *made = ARENA_NEW(arena, struct hwmon_chip);
	struct slice value;

	if (snprintf(path, sizeof(path), "%s/name", dir) < (int)sizeof(path) &&
		sysfs_read(sysfs_fd, path, text, &value) >= 0)
		hwmon_clean(value, name, sizeof(name));
	name_by_device(sysfs, dir, chip, sizeof(chip));
	if (!chip[0])
		snprintf(chip, sizeof(chip), "%s", name);
	if (!chip[0])
		name_by_directory(sysfs, dir, chip, sizeof(chip));
	if (!made)
		return -ENOMEM;
	made->chip = arena_strdup(arena, chip);
	made->name = arena_strdup(arena, name);
	if (!made->chip || !made->name)
		return -ENOMEM;
	*ret_chip = made;
	return 0;
}

struct discovery {
	int sysfs_fd;
	const char *sysfs;
	struct arena *arena;
	struct hwmon_sensors sensors;
	size_t cap;
	size_t chip_start; /* of the chip that is looked at */
};

static int compare(const struct hwmon_file *a, const struct hwmon_file *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return (int)a->property - (int)b->property;
}

static int by_file(const void *a, const void *b)
{
	const struct hwmon_sensor *x = a, *y = b;

	return compare(&x->file, &y->file);
}

/* The one that was found first stays, so the entry's own comes before that of its device. */
static bool is_known(const struct discovery *d, const struct hwmon_file *file)
{
	for (size_t i = d->chip_start; i < d->sensors.n; i++)
		if (compare(&d->sensors.v[i].file, file) == 0)
			return true;
	return false;
}

static int add_sensor(struct discovery *d, const struct hwmon_chip *chip,
	const struct hwmon_file *file, const char *dir, const char *name)
{
	struct hwmon_sensor *sensor;

	if (d->sensors.n == HWMON_SENSORS_MAX)
		return -E2BIG;
	if (d->sensors.n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : FIRST_SENSORS;

		d->sensors.v = arena_grow(
			d->arena, d->sensors.v, d->cap, cap, sizeof(*d->sensors.v));
		if (!d->sensors.v)
			return -ENOMEM;
		d->cap = cap;
	}
	sensor = &d->sensors.v[d->sensors.n++];
	*sensor = (struct hwmon_sensor){ chip, *file, arena_printf(d->arena, "%s/%s", dir, name) };
	return sensor->path ? 0 : -ENOMEM;
}

/* Of a chip's directory, or of its device's. */
static int add_directory(struct discovery *d, const struct hwmon_chip *chip, const char *dir)
{
	struct sysfs_names names;
	int r = sysfs_list(d->sysfs_fd, dir, d->arena, &names);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		struct hwmon_file file;

		if (hwmon_parse_file(names.v[i], &file) && !is_known(d, &file))
			r = add_sensor(d, chip, &file, dir, names.v[i]);
	}
	return r;
}

static int add_chip(struct discovery *d, const char *entry)
{
	char dir[SYSFS_PATH_MAX], device[SYSFS_PATH_MAX];
	struct hwmon_chip *chip = NULL;
	int r;

	snprintf(dir, sizeof(dir), "class/hwmon/%s", entry);
	snprintf(device, sizeof(device), "class/hwmon/%s/device", entry);
	r = make_chip(d->sysfs_fd, d->sysfs, dir, d->arena, &chip);
	d->chip_start = d->sensors.n;
	if (r >= 0)
		r = add_directory(d, chip, dir);
	if (r >= 0)
		r = add_directory(d, chip, device);
	if (r >= 0 && d->sensors.n > d->chip_start)
		qsort(d->sensors.v + d->chip_start, d->sensors.n - d->chip_start,
			sizeof(*d->sensors.v), by_file);
	return r;
}

int hwmon_discover(
	int sysfs_fd, const char *sysfs, struct arena *arena, struct hwmon_sensors *ret_sensors)
{
	struct discovery d = { .sysfs_fd = sysfs_fd, .sysfs = sysfs, .arena = arena };
	struct sysfs_names entries;
	int r = sysfs_list(sysfs_fd, "class/hwmon", arena, &entries);

	if (r < 0)
		return r == -ENOMEM || r == -E2BIG ? r : -ENODATA;
	for (size_t i = 0; r >= 0 && i < entries.n; i++)
		r = add_chip(&d, entries.v[i]);
	if (r < 0)
		return r;
	*ret_sensors = d.sensors;
	return 0;
}

int hwmon_parse_value(struct slice text, double *ret_micro)
{
	return slice_to_double(text, ret_micro) < 0 ? -EBADMSG : 0;
}

int hwmon_read(int sysfs_fd, const struct hwmon_sensor *sensor, double *ret_micro)
{
	char text[SYSFS_TEXT_MAX];
	struct slice value;
	int r = sysfs_read(sysfs_fd, sensor->path, text, &value);

	return r < 0 ? r : hwmon_parse_value(value, ret_micro);
}
