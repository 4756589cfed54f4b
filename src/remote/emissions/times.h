// SPDX-License-Identifier: Apache-2.0
/* Dates and times as the services want them, whatever the host's time zone is. */
#ifndef CEEMS_REMOTE_EMISSIONS_TIMES_H
#define CEEMS_REMOTE_EMISSIONS_TIMES_H

#include <stdint.h>

enum { EMISSION_TIME_TEXT = 32 };

/* "2031-05-06" in Paris: central European time, with summer time from the last Sunday of March to
 * that of October, each at 01:00 UTC (Directive 2000/84/EC). */
void emission_date_paris(int64_t unix_s, char text[static EMISSION_TIME_TEXT]);

/* "2031-05-06T07:08:09Z" (RFC 3339). */
void emission_time_utc(int64_t unix_s, char text[static EMISSION_TIME_TEXT]);

#endif
