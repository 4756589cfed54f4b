// SPDX-License-Identifier: Apache-2.0
/* Paths as text; nothing here looks at the file system. */
#ifndef CEEMS_BASIC_PATH_H
#define CEEMS_BASIC_PATH_H

#include <stddef.h>

/*
 * The shortest path that means the same: no doubled or trailing slash, no "." and, but for those
 * at the front of a relative path, no "..". "" becomes ".". The result needs at most
 * strlen(path) + 2 bytes, NUL included. Returns its length.
 */
size_t path_clean(const char *path, char *ret_clean);

#endif
