// SPDX-License-Identifier: Apache-2.0
/*
 * Time zones and the three spellings of time in the database and API (spec api-server.md, terms):
 * LDT 2031-04-09T08:05:00, ZDT 2031-04-09T08:05:00+0200, Unix time. On GLib's GTimeZone. A zone is
 * immutable and may be used by several threads.
 */
#ifndef CEEMS_API_TIMEZONE_H
#define CEEMS_API_TIMEZONE_H

#include <stdint.h>

#include "basic/err.h"
#include "basic/str.h"

struct timezone_;

enum { TIME_TEXT_MAX = 40 };

/* IANA name, "Local", or "" (UTC). -EINVAL with a sentence for an unknown name. */
int timezone_new(const char *name, struct timezone_ **ret_zone, struct err *err);
void timezone_free(struct timezone_ *zone);

/* The name as a value of TZ for other programs; NULL for Local. */
const char *timezone_name(const struct timezone_ *zone);

void time_format_ldt(
	const struct timezone_ *zone, int64_t unix_ms, char text[static TIME_TEXT_MAX]);
void time_format_zdt(
	const struct timezone_ *zone, int64_t unix_ms, char text[static TIME_TEXT_MAX]);

/* -EBADMSG. A wall time that a change of clocks skips or repeats is taken as the earlier offset. */
int time_parse_ldt(const struct timezone_ *zone, struct slice text, int64_t *ret_unix_ms);
int time_parse_zdt(struct slice text, int64_t *ret_unix_ms);
/* RFC 3339 with optional fraction, and "YYYY-MM-DD[THH:MM[:SS]]" in the zone. */
int time_parse_rfc3339(struct slice text, int64_t *ret_unix_ms);
int time_parse_date(const struct timezone_ *zone, struct slice text, int64_t *ret_unix_ms);
/*
 * How long something takes (spec api-server.md 6): "hh:mm:ss", "D-hh:mm:ss" above 24 h. 24 h itself
 * is "00:00:00", as CEEMS 0.10.2 writes it. Less than nothing is nothing.
 */
void time_format_span(int64_t seconds, char text[static TIME_TEXT_MAX]);
/* Midnight of the day of unix_ms in the zone. */
int64_t time_day_start(const struct timezone_ *zone, int64_t unix_ms);

#endif
