// SPDX-License-Identifier: Apache-2.0
#include "cacct/time_arg.h"

#include <errno.h>
#include <time.h>

#include "basic/civil.h"

static bool take_clock(struct slice *rest, struct tm *tm)
{
	uint32_t ns;

	if (!civil_take_char(rest, 'T') || !civil_take_minute(rest, tm))
		return false;
	return rest->n == 0 || (civil_take_second(rest, tm) && civil_take_fraction(rest, &ns));
}

int time_arg_parse(struct slice text, int64_t *ret_seconds)
{
	struct tm tm = { .tm_isdst = -1 };
	time_t t;

	if (!civil_take_date(&text, &tm) || (text.n > 0 && !take_clock(&text, &tm)) || text.n > 0)
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
