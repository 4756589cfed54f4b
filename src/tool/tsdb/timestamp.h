// SPDX-License-Identifier: Apache-2.0
/* --start and --end of the tsdb commands. */
#ifndef CEEMS_TOOL_TSDB_TIMESTAMP_H
#define CEEMS_TOOL_TSDB_TIMESTAMP_H

#include "basic/str.h"

/*
 * RFC 3339 ("2031-04-09T06:00:00.5+02:00", years 1 to 9999) or Unix seconds, both with an optional
 * fraction. Seconds since the epoch. 0 or -EBADMSG.
 */
int timestamp_parse(struct slice text, double *ret_seconds);

#endif
