// SPDX-License-Identifier: Apache-2.0
/* Reference pages of configuration files, in Markdown, from the tables that read them. */
#ifndef CEEMS_FORMAT_CONFIG_REFERENCE_H
#define CEEMS_FORMAT_CONFIG_REFERENCE_H

#include <stdio.h>

#include "format/config.h"

/* The keys of a table that stands inside others are said elsewhere; NULL: there is none. */
struct config_reference {
	const struct config_table *elsewhere;
	const char *where; /* in Markdown */
};

/* A heading of the second level and a row for each key, with prefix in front of their names. */
void config_print_section(const char *title, const struct config_table *table, const char *prefix,
	const struct config_reference *reference, FILE *out);

#endif
