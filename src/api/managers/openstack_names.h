// SPDX-License-Identifier: Apache-2.0
/* Lists of ids with the names of what they are of: users and projects of an OpenStack cloud. */
#ifndef CEEMS_API_MANAGERS_OPENSTACK_NAMES_H
#define CEEMS_API_MANAGERS_OPENSTACK_NAMES_H

#include "basic/arena.h"
#include "remote/openstack/keystone.h"

/* At the end. copy: the texts, too, otherwise these are borrowed. -ENOMEM. */
int openstack_names_add(struct keystone_names *names, const struct keystone_name *name, bool copy,
	struct arena *arena);
/* Sorts by id, each once. The functions below take such lists. */
void openstack_names_sort(struct keystone_names *names);
/* A copy in its place. -ENOMEM. */
int openstack_names_insert(
	struct keystone_names *names, const struct keystone_name *name, struct arena *arena);
/* Adds copies of those that only the list before had, which may be NULL. -ENOMEM. */
int openstack_names_keep(
	struct keystone_names *names, const struct keystone_names *before, struct arena *arena);
/* The name of an id; NULL: there is none. */
const char *openstack_names_find(const struct keystone_names *names, const char *id);

/* The list sorted by name, with borrowed texts. -ENOMEM. */
int openstack_names_by_name(
	const struct keystone_names *names, struct arena *arena, struct keystone_names *ret_sorted);
/* Of such a list, the id of the first of those who have the name; "": nobody has. */
const char *openstack_names_find_id(const struct keystone_names *sorted, const char *name);

#endif
