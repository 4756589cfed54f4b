// SPDX-License-Identifier: Apache-2.0
#include "tool/timestamp.h"

#include <errno.h>
#include <math.h>

/* Beyond it a TSDB's milliseconds overflow. */
#define UNIX_SECONDS_MAX 9.2e15

/* Takes digits off the front; the number is in [0, max]. */
static bool take_number(struct slice *rest, size_t digits, int max, int *ret)
{
	int value = 0;

	if (rest->n < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		if (rest->p[i] < '0' || rest->p[i] > '9')
			return false;
		value = value * 10 + (rest->p[i] - '0');
	}
	rest->p += digits;
	rest->n -= digits;
	*ret = value;
	return value <= max;
}

static bool take_char(struct slice *rest, char c)
{
	if (rest->n == 0 || rest->p[0] != c)
		return false;
	rest->p++;
	rest->n--;
	return true;
}

/* Days since 1970-01-01 in the Gregorian calendar. */
static long days_from_civil(int year, int month, int day)
{
	const long y = month <= 2 ? year - 1 : year;
	const long era = y / 400, year_of_era = y - era * 400;
	const long day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
		day_of_year - 719468;
}

static bool date_exists(int year, int month, int day)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (year < 1 || month < 1 || month > 12 || day < 1)
		return false;
	return day <= days[month - 1] + (month == 2 && leap);
}

static bool take_fraction(struct slice *rest, double *ret)
{
	double scale = 0.1, value = 0;

	if (!take_char(rest, '.')) {
		*ret = 0;
		return true;
	}
	if (rest->n == 0 || rest->p[0] < '0' || rest->p[0] > '9')
		return false;
	for (; rest->n > 0 && rest->p[0] >= '0' && rest->p[0] <= '9'; rest->p++, rest->n--) {
		value += (rest->p[0] - '0') * scale;
		scale /= 10;
	}
	*ret = value;
	return true;
}

/* "Z" or "+hh:mm", in seconds east of UTC. */
static bool take_zone(struct slice *rest, int *ret)
{
	const bool west = rest->n > 0 && rest->p[0] == '-';
	int hours, minutes;

	if (take_char(rest, 'Z')) {
		*ret = 0;
		return true;
	}
	if (!take_char(rest, '+') && !take_char(rest, '-'))
		return false;
	if (!take_number(rest, 2, 23, &hours) || !take_char(rest, ':') ||
		!take_number(rest, 2, 59, &minutes))
		return false;
	*ret = (hours * 60 + minutes) * (west ? -60 : 60);
	return true;
}

static bool parse_rfc3339(struct slice s, double *ret)
{
	int year, month, day, hour, minute, second, east;
	double fraction;

	if (!take_number(&s, 4, 9999, &year) || !take_char(&s, '-') ||
		!take_number(&s, 2, 12, &month) || !take_char(&s, '-') ||
		!take_number(&s, 2, 31, &day) || !take_char(&s, 'T') ||
		!take_number(&s, 2, 23, &hour) || !take_char(&s, ':') ||
		!take_number(&s, 2, 59, &minute) || !take_char(&s, ':') ||
		!take_number(&s, 2, 59, &second) || !take_fraction(&s, &fraction) ||
		!take_zone(&s, &east) || s.n > 0 || !date_exists(year, month, day))
		return false;
	*ret = (double)(days_from_civil(year, month, day) * 86400 + hour * 3600L + minute * 60L +
		       second - east) +
		fraction;
	return true;
}

int timestamp_parse(struct slice text, double *ret_seconds)
{
	double seconds;

	if (!parse_rfc3339(text, &seconds) && slice_to_double(text, &seconds) < 0)
		return -EBADMSG;
	if (!(fabs(seconds) < UNIX_SECONDS_MAX))
		return -EBADMSG;
	*ret_seconds = seconds;
	return 0;
}
