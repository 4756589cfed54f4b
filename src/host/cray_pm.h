// SPDX-License-Identifier: Apache-2.0
/*
 * Power management counters of HPE Cray machines, /sys/cray/pm_counters ("HPE Cray EX System Power
 * and Energy Monitoring"): files as "cpu_energy" whose text is "1234 J 1615397852013415 us",
 * renewed about ten times a second. All pure.
 */
#ifndef CEEMS_HOST_CRAY_PM_H
#define CEEMS_HOST_CRAY_PM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/str.h"

#define CRAY_PM_DIR "cray/pm_counters"

/*
 * The domain that the name of a file tells: "cpu", "memory" or "accel" with the digits behind it,
 * where "energy", "power" or "temp" follows; "" (the whole node) when such a word stands for
 * itself. False: not a counter.
 */
bool cray_pm_domain(struct slice file, struct slice *ret_domain);

/* The number at the front. -EBADMSG: none. */
int cray_pm_parse(struct slice text, uint64_t *ret_value);

#endif
