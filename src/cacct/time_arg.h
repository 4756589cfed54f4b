// SPDX-License-Identifier: Apache-2.0
/* --starttime and --endtime: wall time in the local zone. */
#ifndef CEEMS_CACCT_TIME_ARG_H
#define CEEMS_CACCT_TIME_ARG_H

#include <stdint.h>

#include "basic/str.h"

/*
 * "YYYY-MM-DD[THH:MM[:SS[.f]]]" in the zone of the process (tzset() was called); the fraction is
 * dropped. Unix seconds. 0 or -EBADMSG. A time that the change to summer time skips counts as the
 * one after it.
 */
int time_arg_parse(struct slice text, int64_t *ret_seconds);

/* Midnight at the start of the local day of 'now'. */
int64_t time_arg_today(int64_t now);

#endif
