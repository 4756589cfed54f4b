// SPDX-License-Identifier: Apache-2.0
/*
 * The parts of ISO 8601 times, taken off the front of a text: what RFC 3339, Slurm and command
 * lines write is put together from them. A function that returns false may have taken some.
 */
#ifndef CEEMS_BASIC_CIVIL_H
#define CEEMS_BASIC_CIVIL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "basic/str.h"

bool civil_take_char(struct slice *rest, char c);

/* "2031-05-06", a day of the Gregorian calendar from year 0 on; the rest of *tm stays. */
bool civil_take_date(struct slice *rest, struct tm *tm);

/* "07:08", no leap seconds anywhere; and ":09". */
bool civil_take_minute(struct slice *rest, struct tm *tm);
bool civil_take_second(struct slice *rest, struct tm *tm);

/* ".123", or nothing, which is 0; digits beyond the ninth are cut off. */
bool civil_take_fraction(struct slice *rest, uint32_t *ret_ns);

/* "+07:00" or "-07:00", without the colon if that is what is asked for; seconds east of UTC. */
bool civil_take_offset(struct slice *rest, bool colon, int *ret_seconds);

#endif
