// SPDX-License-Identifier: Apache-2.0
/* Units and usage as a table (the columns are in field.h). */
#ifndef CEEMS_CACCT_REPORT_H
#define CEEMS_CACCT_REPORT_H

#include "basic/arena.h"
#include "basic/options.h" /* struct strings */
#include "cacct/reply.h"
#include "cacct/table.h"

/*
 * Units in their order, a row 'Summary', then one footer row for each usage of one of the users.
 * Columns that are empty for all units are left out. The table lives in the arena. -ENOMEM.
 */
int report_build(const struct records *units, const struct records *usages,
	const struct strings *users, struct arena *arena, struct table *ret_table);

/* The fields that there are, for --helpformat; sorted by name in lower case. -ENOMEM. */
int report_fields(struct arena *arena, struct table *ret_table);

enum { WALLTIME_TEXT_MAX = 64 };
/* "[D-]HH:MM:SS", days above 24 h only; "" for nothing. */
void report_walltime(double seconds, char text[static WALLTIME_TEXT_MAX]);

#endif
