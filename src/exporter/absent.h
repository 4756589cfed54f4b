// SPDX-License-Identifier: Apache-2.0
/*
 * Flags of CEEMS 0.10.2 whose parts are not in this version: they are accepted, so that an
 * existing command line starts, and what they ask for is said to be missing. A row goes when its
 * part comes.
 */
#ifndef CEEMS_EXPORTER_ABSENT_H
#define CEEMS_EXPORTER_ABSENT_H

#include "basic/buffer.h"
#include "basic/options.h"

struct absent_flags; /* the values */

int absent_new(struct absent_flags **ret_absent);
void absent_free(struct absent_flags *absent);

/* The rows for the parser. Valid until absent_free(). */
struct option_group absent_group(struct absent_flags *absent);

/* Names, separated by blanks, of the features that were asked for and bring nothing. */
void absent_features(const struct absent_flags *absent, struct buffer *ret_names);

#endif
