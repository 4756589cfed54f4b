// SPDX-License-Identifier: Apache-2.0
/* Slurm's host lists ("gn[08-10],login"): https://slurm.schedmd.com/hostlist.html. */
#ifndef CEEMS_REMOTE_NODELIST_H
#define CEEMS_REMOTE_NODELIST_H

#include "basic/buffer.h"
#include "basic/str.h"

enum {
	NODELIST_NAMES_MAX = 1 << 17,
	NODELIST_TEXT_MAX = 4 << 20, /* of the expanded text */
	NODELIST_GROUPS_MAX = 8, /* bracket groups of one name */
};

/*
 * Appends all names, escaped for a regular expression and joined with '|': "gn08|gn09|gn10|login".
 * Groups that are no ascending numbers give no name; an unmatched bracket is taken literally.
 * -E2BIG: over one of the limits, and out is as before; -ENOMEM.
 */
int nodelist_to_regex(struct slice nodelist, struct buffer *out);

#endif
