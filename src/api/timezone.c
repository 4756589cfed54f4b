// SPDX-License-Identifier: Apache-2.0
/*
 * The zone database is read by GLib; the calendar is the proleptic Gregorian one of timegm(). GLib
 * is asked for offsets only, because GDateTime ends at the year 9999 and allocates.
 */
#include "api/timezone.h"

#include <ctype.h>
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "basic/civil.h"

enum { DAY_S = 86400, MS = 1000, ZONE_NAME_MAX = 128 };

struct timezone_ {
	GTimeZone *tz;
	char name[ZONE_NAME_MAX + 1]; /* "" for Local */
};

/* GLib also takes offsets ("+02") and would follow paths; a name of the zone database is neither.
 */
static bool is_zone_name(const char *name)
{
	if (!isalpha((unsigned char)name[0]) || strlen(name) > ZONE_NAME_MAX || strstr(name, ".."))
		return false;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_+-/", *p))
			return false;
	return true;
}

int timezone_new(const char *name, struct timezone_ **ret_zone, struct err *err)
{
	struct timezone_ *zone;
	GTimeZone *tz = NULL;

	if (str_eq(name, "Local"))
		tz = g_time_zone_new_local();
	else if (!*name || str_eq(name, "UTC"))
		tz = g_time_zone_new_utc();
	else if (is_zone_name(name))
		tz = g_time_zone_new_identifier(name);
	if (!tz)
		return err_set(err, -EINVAL,
			"unknown time zone '%s': use a name as in /usr/share/zoneinfo, UTC or Local",
			name);

	zone = malloc(sizeof(*zone));
	if (!zone) {
		g_time_zone_unref(tz);
		return err_errno(err, -ENOMEM, "time zone '%s'", name);
	}
	zone->tz = tz;
	snprintf(zone->name, sizeof(zone->name), "%s",
		str_eq(name, "Local") ? ""
			: !*name      ? "UTC"
				      : name);
	*ret_zone = zone;
	return 0;
}

const char *timezone_name(const struct timezone_ *zone)
{
	return *zone->name ? zone->name : NULL;
}

void timezone_free(struct timezone_ *zone)
{
	if (!zone)
		return;
	g_time_zone_unref(zone->tz);
	free(zone);
}

static int64_t offset_at(const struct timezone_ *zone, int64_t unix_s)
{
	gint i = g_time_zone_find_interval(zone->tz, G_TIME_TYPE_UNIVERSAL, unix_s);

	return g_time_zone_get_offset(zone->tz, i);
}

static int64_t floor_seconds(int64_t unix_ms)
{
	return unix_ms / MS - (unix_ms % MS < 0);
}

/* Wall time in the zone, given as if it were UTC. */
static int64_t wall_seconds(const struct timezone_ *zone, int64_t unix_ms, int64_t *ret_offset)
{
	int64_t s = floor_seconds(unix_ms);

	*ret_offset = offset_at(zone, s);
	return s + *ret_offset;
}

static int format_wall(int64_t wall_s, char text[static TIME_TEXT_MAX])
{
	time_t t = wall_s;
	struct tm tm;

	gmtime_r(&t, &tm); /* cannot overflow: milliseconds fit in 64 bits */
	return snprintf(text, TIME_TEXT_MAX, "%04lld-%02d-%02dT%02d:%02d:%02d",
		(long long)tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		tm.tm_sec);
}

void time_format_ldt(const struct timezone_ *zone, int64_t unix_ms, char text[static TIME_TEXT_MAX])
{
	int64_t offset;

	format_wall(wall_seconds(zone, unix_ms, &offset), text);
}

void time_format_zdt(const struct timezone_ *zone, int64_t unix_ms, char text[static TIME_TEXT_MAX])
{
	int64_t offset;
	int n = format_wall(wall_seconds(zone, unix_ms, &offset), text);
	int minutes = (int)(llabs(offset) / 60);

	snprintf(text + n, TIME_TEXT_MAX - (size_t)n, "%c%02d%02d", offset < 0 ? '-' : '+',
		minutes / 60, minutes % 60);
}

/* "YYYY-MM-DDThh:mm:ss"; what follows stays in *text. */
static int cut_wall(struct slice *text, int64_t *ret_wall_s)
{
	struct tm tm = { 0 };

	if (!civil_take_date(text, &tm) || !civil_take_char(text, 'T') ||
		!civil_take_minute(text, &tm) || !civil_take_second(text, &tm))
		return -EBADMSG;
	*ret_wall_s = timegm(&tm);
	return 0;
}

/*
 * No offset lies outside [-12 h, +14 h], so a day before and after the wall time read as UTC stand
 * on both sides of a change of clocks, if there is one near. In a gap neither offset fits, and in
 * the repeated hour both do: the one before the change is taken.
 */
static int64_t wall_to_unix(const struct timezone_ *zone, int64_t wall_s)
{
	int64_t before = offset_at(zone, wall_s - DAY_S);
	int64_t after = offset_at(zone, wall_s + DAY_S);

	if (offset_at(zone, wall_s - before) != before && offset_at(zone, wall_s - after) == after)
		return wall_s - after;
	return wall_s - before;
}

int time_parse_ldt(const struct timezone_ *zone, struct slice text, int64_t *ret_unix_ms)
{
	int64_t wall_s;

	if (cut_wall(&text, &wall_s) < 0 || text.n)
		return -EBADMSG;
	*ret_unix_ms = wall_to_unix(zone, wall_s) * MS;
	return 0;
}

int time_parse_zdt(struct slice text, int64_t *ret_unix_ms)
{
	int64_t wall_s;
	int offset;

	if (cut_wall(&text, &wall_s) < 0 || !civil_take_offset(&text, false, &offset) || text.n)
		return -EBADMSG;
	*ret_unix_ms = (wall_s - offset) * MS;
	return 0;
}

int time_parse_rfc3339(struct slice text, int64_t *ret_unix_ms)
{
	int64_t wall_s;
	uint32_t ns;
	int offset = 0;

	if (cut_wall(&text, &wall_s) < 0 || !civil_take_fraction(&text, &ns))
		return -EBADMSG;
	if (!civil_take_char(&text, 'Z') && !civil_take_offset(&text, true, &offset))
		return -EBADMSG;
	if (text.n)
		return -EBADMSG;
	*ret_unix_ms = (wall_s - offset) * MS + ns / 1000000;
	return 0;
}

int time_parse_date(const struct timezone_ *zone, struct slice text, int64_t *ret_unix_ms)
{
	struct tm tm = { 0 };

	if (!civil_take_date(&text, &tm))
		return -EBADMSG;
	if (text.n && (!civil_take_char(&text, 'T') || !civil_take_minute(&text, &tm)))
		return -EBADMSG;
	if (text.n && !civil_take_second(&text, &tm))
		return -EBADMSG;
	if (text.n)
		return -EBADMSG;
	*ret_unix_ms = wall_to_unix(zone, timegm(&tm)) * MS;
	return 0;
}

int64_t time_day_start(const struct timezone_ *zone, int64_t unix_ms)
{
	int64_t offset;
	int64_t wall_s = wall_seconds(zone, unix_ms, &offset);
	int64_t into_day = wall_s % DAY_S;

	if (into_day < 0)
		into_day += DAY_S;
	return wall_to_unix(zone, wall_s - into_day) * MS;
}

void time_format_span(int64_t seconds, char text[static TIME_TEXT_MAX])
{
	const int64_t s = MAX(seconds, 0), days = s / DAY_S;
	const int rest = (int)(s % DAY_S), minutes = rest / 60;

	if (s > DAY_S)
		snprintf(text, TIME_TEXT_MAX, "%lld-%02d:%02d:%02d", (long long)days, minutes / 60,
			minutes % 60, rest % 60);
	else
		snprintf(text, TIME_TEXT_MAX, "%02d:%02d:%02d", minutes / 60, minutes % 60,
			rest % 60);
}
