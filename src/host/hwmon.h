// SPDX-License-Identifier: Apache-2.0
/*
 * Power and energy sensors of hardware monitors (/sys/class/hwmon,
 * Documentation/hwmon/sysfs-interface.rst). Other kinds of sensors are none here.
 */
#ifndef CEEMS_HOST_HWMON_H
#define CEEMS_HOST_HWMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/arena.h"
#include "basic/str.h"

enum { HWMON_NAME_MAX = 256, HWMON_SENSORS_MAX = 16384 };

enum hwmon_kind { HWMON_POWER, HWMON_ENERGY };
enum hwmon_property {
	HWMON_INPUT,
	HWMON_INPUT_LOWEST,
	HWMON_INPUT_HIGHEST,
	HWMON_AVERAGE,
	N_HWMON_PROPERTIES
};

struct hwmon_file {
	enum hwmon_kind kind;
	uint64_t number;
	enum hwmon_property property;
};

/* "power1_average". False: no sensor of ours. Pure. */
bool hwmon_parse_file(const char *name, struct hwmon_file *ret_file);

/*
 * A name made fit for a label: lower case, what is not a letter, a digit, ':' or '_' is '_', none
 * of these at the ends. Returns its length, below cap; longer ones are cut. Pure.
 */
size_t hwmon_clean(struct slice name, char *ret_clean, size_t cap);

struct hwmon_chip {
	const char *chip; /* where it is: "pci0000:40_0000:40:18_5" */
	const char *name; /* of its driver: "zenpower", or "" */
};

struct hwmon_sensor {
	const struct hwmon_chip *chip;
	struct hwmon_file file;
	const char *path; /* below the root of sysfs */
};

/* In the order of chips' directories, then kind, number and property; one of each. */
struct hwmon_sensors {
	struct hwmon_sensor *v;
	size_t n;
};

/*
 * Finds the sensors; all is in the arena. The path of the root is for where chips' links lead.
 * -ENODATA: there is no class/hwmon, or it can't be read. -E2BIG, -ENOMEM.
 */
int hwmon_discover(
	int sysfs_fd, const char *sysfs, struct arena *arena, struct hwmon_sensors *ret_sensors);

/* In microwatts or microjoules; pure. -EBADMSG: no number. */
int hwmon_parse_value(struct slice text, double *ret_micro);
int hwmon_read(int sysfs_fd, const struct hwmon_sensor *sensor, double *ret_micro);

#endif
