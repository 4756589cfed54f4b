// SPDX-License-Identifier: Apache-2.0
#include "tool/tsdb/timestamp.h"

#include <errno.h>
#include <math.h>

#include "basic/civil.h"

/* Beyond it a TSDB's milliseconds overflow. */
#define UNIX_SECONDS_MAX 9.2e15

static bool parse_rfc3339(struct slice s, double *ret)
{
	struct tm tm = { 0 };
	uint32_t ns;
	int east = 0;

	if (!civil_take_date(&s, &tm) || !civil_take_char(&s, 'T') || !civil_take_minute(&s, &tm) ||
		!civil_take_second(&s, &tm) || !civil_take_fraction(&s, &ns) || tm.tm_year < -1899)
		return false;
	if (!civil_take_char(&s, 'Z') && !civil_take_offset(&s, true, &east))
		return false;
	if (s.n > 0)
		return false;
	*ret = (double)(timegm(&tm) - east) + ns / 1e9;
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
