// SPDX-License-Identifier: Apache-2.0
#include "lb/access/param.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "basic/civil.h"
#include "basic/duration.h"

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000, MS_PER_S = 1000 };

/* Digits beyond the millisecond are cut off, as the server does. */
static bool parse_rfc3339(struct slice text, int64_t *ret_ms)
{
	struct tm tm = { 0 };
	int offset = 0;
	uint32_t ns;

	if (!civil_take_date(&text, &tm) || !civil_take_char(&text, 'T') ||
		!civil_take_minute(&text, &tm) || !civil_take_second(&text, &tm) ||
		!civil_take_fraction(&text, &ns))
		return false;
	if (!civil_take_char(&text, 'Z') && !civil_take_offset(&text, true, &offset))
		return false;
	if (text.n)
		return false;
	*ret_ms = ((int64_t)timegm(&tm) - offset) * MS_PER_S + ns / NS_PER_MS;
	return true;
}

static int parse_time(struct slice text, int64_t *ret_ms, const char **ret_reason)
{
	double seconds;
	int64_t ms;

	*ret_reason = "a time as Unix seconds or RFC 3339 is expected";
	if (!parse_rfc3339(text, &ms)) {
		if (slice_to_double(text, &seconds) < 0)
			return -EBADMSG;
		if (fabs(seconds) * MS_PER_S > (double)PARAM_TIME_MAX_MS) {
			*ret_reason = "the time is out of range";
			return -EBADMSG;
		}
		ms = llround(seconds * MS_PER_S);
	}
	*ret_ms = ms;
	return 0;
}

static int parse_duration(struct slice text, int64_t *ret_ns, const char **ret_reason)
{
	double seconds;
	int64_t ms;

	*ret_reason = "a duration is expected: seconds, or like 1m30s";
	if (slice_to_double(text, &seconds) >= 0) {
		if (seconds < 0)
			return -EBADMSG;
		if (seconds * NS_PER_S >= (double)INT64_MAX) {
			*ret_reason = "the duration is out of range";
			return -EBADMSG;
		}
		*ret_ns = (int64_t)(seconds * NS_PER_S);
		return 0;
	}
	if (duration_parse_prometheus(text, &ms) < 0)
		return -EBADMSG;
	*ret_ns = ms * NS_PER_MS;
	return 0;
}

static int parse_step(struct slice text, int64_t *ret_ns, const char **ret_reason)
{
	int64_t ns;
	int r = parse_duration(text, &ns, ret_reason);

	if (r < 0)
		return r;
	/* The server counts in whole milliseconds from here on. */
	if (ns < NS_PER_MS) {
		*ret_reason = "the step must be a millisecond or more";
		return -EBADMSG;
	}
	*ret_ns = ns;
	return 0;
}

static int parse_limit(struct slice text, int64_t *ret_count, const char **ret_reason)
{
	uint64_t count;

	if (slice_to_u64(text, &count) < 0 || count > INT64_MAX) {
		*ret_reason = "a count is expected";
		return -EBADMSG;
	}
	*ret_count = (int64_t)count;
	return 0;
}

int param_parse(
	enum param_kind kind, struct slice text, int64_t *ret_value, const char **ret_reason)
{
	switch (kind) {
	case PARAM_TIME:
	case PARAM_START:
	case PARAM_END:
		return parse_time(text, ret_value, ret_reason);
	case PARAM_STEP:
		return parse_step(text, ret_value, ret_reason);
	case PARAM_LOOKBACK:
	case PARAM_DURATION:
		return parse_duration(text, ret_value, ret_reason);
	case PARAM_LIMIT:
		return parse_limit(text, ret_value, ret_reason);
	case PARAM_STATS:
		/* Any word but "all" counts as "true" there. */
		*ret_value = slice_eq(text, "all") ? 2 : 1;
		return 0;
	case PARAM_EXPR:
	case PARAM_SELECTOR:
	case PARAM_TEXT:
		break;
	}
	*ret_reason = "no number";
	return -EBADMSG;
}

/* As few digits as needed, never an exponent. */
static void put_seconds(struct buffer *out, int64_t value, int64_t per_second, int digits)
{
	const uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
	const uint64_t fraction = size % (uint64_t)per_second;

	buffer_printf(out, "%s%" PRIu64, value < 0 ? "-" : "", size / (uint64_t)per_second);
	if (!fraction)
		return;
	buffer_printf(out, ".%0*" PRIu64, digits, fraction);
	while (out->len && out->data[out->len - 1] == '0')
		out->data[--out->len] = '\0';
}

void param_print(enum param_kind kind, int64_t value, struct buffer *out)
{
	switch (kind) {
	case PARAM_TIME:
	case PARAM_START:
	case PARAM_END:
		put_seconds(out, value, MS_PER_S, 3);
		break;
	case PARAM_STEP:
	case PARAM_LOOKBACK:
	case PARAM_DURATION:
		put_seconds(out, value, NS_PER_S, 9);
		break;
	case PARAM_LIMIT:
		buffer_printf(out, "%" PRId64, value);
		break;
	case PARAM_STATS:
		buffer_puts(out, value == 2 ? "all" : "true");
		break;
	case PARAM_EXPR:
	case PARAM_SELECTOR:
	case PARAM_TEXT:
		break;
	}
}
