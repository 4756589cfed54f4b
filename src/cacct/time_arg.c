// SPDX-License-Identifier: Apache-2.0
#include "cacct/time_arg.h"

#include <errno.h>
#include <time.h>

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

static bool take_date(struct slice *rest, struct tm *tm)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day;
	bool leap;

	if (!take_number(rest, 4, 9999, &year) || !take_char(rest, '-') ||
		!take_number(rest, 2, 12, &month) || !take_char(rest, '-') ||
		!take_number(rest, 2, 31, &day) || month < 1 || day < 1)
		return false;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return day <= days[month - 1] + (month == 2 && leap);
}

static bool take_fraction(struct slice *rest)
{
	if (!take_char(rest, '.'))
		return true;
	if (rest->n == 0)
		return false;
	while (rest->n > 0 && rest->p[0] >= '0' && rest->p[0] <= '9') {
		rest->p++;
		rest->n--;
	}
	return rest->n == 0;
}

static bool take_clock(struct slice *rest, struct tm *tm)
{
	if (!take_char(rest, 'T') || !take_number(rest, 2, 23, &tm->tm_hour) ||
		!take_char(rest, ':') || !take_number(rest, 2, 59, &tm->tm_min))
		return false;
	if (!take_char(rest, ':'))
		return true;
	return take_number(rest, 2, 59, &tm->tm_sec) && take_fraction(rest);
}

int time_arg_parse(struct slice text, int64_t *ret_seconds)
{
	struct tm tm = { .tm_isdst = -1 };
	time_t t;

	if (!take_date(&text, &tm) || (text.n > 0 && !take_clock(&text, &tm)) || text.n > 0)
		return -EBADMSG;
	errno = 0;
	t = mktime(&tm);
	if (t == (time_t)-1 && errno != 0)
		return -EBADMSG;
	*ret_seconds = t;
	return 0;
}

int64_t time_arg_today(int64_t now)
{
	const time_t t = now;
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return now;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return mktime(&tm);
}
