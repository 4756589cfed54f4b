// SPDX-License-Identifier: Apache-2.0
/* Durations as text: Prometheus's form (spec api-server.md 2.2) and Go's (tool-cacct-deploy.md,
 * intro). */
#ifndef CEEMS_BASIC_DURATION_H
#define CEEMS_BASIC_DURATION_H

#include <stddef.h>
#include <stdint.h>

#include "basic/str.h"

enum { DURATION_TEXT_MAX = 48 };

/* "1d12h", "90s", "0"; units y w d h m s ms in that order, integers only. -EBADMSG, -ERANGE. */
int duration_parse_prometheus(struct slice text, int64_t *ret_ms);

/* "1h30m", "1.5s", "250ms", also "1w2d"; may be negative. -EBADMSG, -ERANGE. */
int duration_parse_go(struct slice text, int64_t *ret_ns);

/* "1h0m0s", "15s", "1.5s", "250ms", "0s". Returns the length. */
size_t duration_format_go(int64_t ns, char text[static DURATION_TEXT_MAX]);

/* Prometheus's shortest form: "1h", "90s" -> "1m30s", "0s". Returns the length. */
size_t duration_format_prometheus(int64_t ms, char text[static DURATION_TEXT_MAX]);

#endif
