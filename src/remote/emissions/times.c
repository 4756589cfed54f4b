// SPDX-License-Identifier: Apache-2.0
#include "remote/emissions/times.h"

#include <stdbool.h>
#include <time.h>

enum { HOUR_S = 3600, DAY_S = 86400, MARCH = 2, OCTOBER = 9 };

static void split(int64_t unix_s, struct tm *ret_tm)
{
	const time_t t = unix_s;

	*ret_tm = (struct tm){ .tm_mday = 1 };
	gmtime_r(&t, ret_tm);
}

/* 01:00 UTC on the last Sunday of a month of 31 days. */
static int64_t last_sunday(int year, int month)
{
	struct tm tm = { .tm_year = year, .tm_mon = month, .tm_mday = 31, .tm_hour = 1 };
	const time_t end = timegm(&tm);

	return end - (int64_t)tm.tm_wday * DAY_S;
}

void emission_date_paris(int64_t unix_s, char text[static EMISSION_TIME_TEXT])
{
	struct tm tm;
	bool summer;

	split(unix_s, &tm);
	summer = unix_s >= last_sunday(tm.tm_year, MARCH) &&
		unix_s < last_sunday(tm.tm_year, OCTOBER);
	split(unix_s + (summer ? 2 : 1) * HOUR_S, &tm);
	if (strftime(text, EMISSION_TIME_TEXT, "%Y-%m-%d", &tm) == 0)
		text[0] = '\0';
}

void emission_time_utc(int64_t unix_s, char text[static EMISSION_TIME_TEXT])
{
	struct tm tm;

	split(unix_s, &tm);
	if (strftime(text, EMISSION_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		text[0] = '\0';
}
