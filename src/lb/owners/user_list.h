// SPDX-License-Identifier: Apache-2.0
/*
 * The list of users in projects.users of the API server's database: a JSON array of strings. It is
 * looked at for every answer that is not at hand, and may be long, so it is not made a tree of.
 */
#ifndef CEEMS_LB_OWNERS_USER_LIST_H
#define CEEMS_LB_OWNERS_USER_LIST_H

#include <stdbool.h>

#include "basic/str.h"

/* Whether the name is in the list. What is no array of strings to its end has nobody. */
bool user_list_has(struct slice json, const char *name);

#endif
