// SPDX-License-Identifier: Apache-2.0
/* Whether text is JSON, for those who pass it on as it is. */
#ifndef CEEMS_FORMAT_JSON_CHECK_H
#define CEEMS_FORMAT_JSON_CHECK_H

#include <stdbool.h>

#include "basic/str.h"

enum { JSON_CHECK_DEPTH_MAX = 100 }; /* of arrays and objects; what goes deeper is not valid */

/*
 * One value with blanks around it (RFC 8259). Strings may hold bytes that are not UTF-8, which is
 * for json_writer_raw(); names may be there twice.
 */
bool json_is_valid(struct slice text);

#endif
