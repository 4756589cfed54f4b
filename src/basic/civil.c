// SPDX-License-Identifier: Apache-2.0
#include "basic/civil.h"

static bool is_digit(const struct slice *rest)
{
	return rest->n > 0 && rest->p[0] >= '0' && rest->p[0] <= '9';
}

static void skip(struct slice *rest, size_t n)
{
	rest->p += n;
	rest->n -= n;
}

bool civil_take_char(struct slice *rest, char c)
{
	if (rest->n == 0 || rest->p[0] != c)
		return false;
	skip(rest, 1);
	return true;
}

static bool take_digits(struct slice *rest, int n, int max, int *ret)
{
	int value = 0;

	for (; n > 0; n--) {
		if (!is_digit(rest))
			return false;
		value = value * 10 + (rest->p[0] - '0');
		skip(rest, 1);
	}
	*ret = value;
	return value <= max;
}

bool civil_take_date(struct slice *rest, struct tm *tm)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day;
	bool leap;

	if (!take_digits(rest, 4, 9999, &year) || !civil_take_char(rest, '-') ||
		!take_digits(rest, 2, 12, &month) || !civil_take_char(rest, '-') ||
		!take_digits(rest, 2, 31, &day) || month < 1 || day < 1)
		return false;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return day <= days[month - 1] + (month == 2 && leap);
}

bool civil_take_minute(struct slice *rest, struct tm *tm)
{
	return take_digits(rest, 2, 23, &tm->tm_hour) && civil_take_char(rest, ':') &&
		take_digits(rest, 2, 59, &tm->tm_min);
}

bool civil_take_second(struct slice *rest, struct tm *tm)
{
	return civil_take_char(rest, ':') && take_digits(rest, 2, 59, &tm->tm_sec);
}

bool civil_take_fraction(struct slice *rest, uint32_t *ret_ns)
{
	uint32_t weight = 100000000, ns = 0;

	if (civil_take_char(rest, '.')) {
		if (!is_digit(rest))
			return false;
		for (; is_digit(rest); skip(rest, 1)) {
			ns += (uint32_t)(rest->p[0] - '0') * weight;
			weight /= 10;
		}
	}
	*ret_ns = ns;
	return true;
}

bool civil_take_offset(struct slice *rest, bool colon, int *ret_seconds)
{
	const bool west = rest->n > 0 && rest->p[0] == '-';
	int hours, minutes;

	if (!civil_take_char(rest, '+') && !civil_take_char(rest, '-'))
		return false;
	if (!take_digits(rest, 2, 23, &hours) || (colon && !civil_take_char(rest, ':')) ||
		!take_digits(rest, 2, 59, &minutes))
		return false;
	*ret_seconds = (hours * 60 + minutes) * (west ? -60 : 60);
	return true;
}
