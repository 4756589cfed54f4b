// SPDX-License-Identifier: Apache-2.0
/* Samples of one exposition, kept to be shown in later ones. */
#ifndef CEEMS_FORMAT_EXPOSITION_COPY_H
#define CEEMS_FORMAT_EXPOSITION_COPY_H

#include "format/exposition.h"

struct exposition_copy {
	struct arena arena; /* of all that is copied */
	struct exposition_sample *v;
	size_t n, cap;
};

/* limit_bytes is what a copy may take. */
void exposition_copy_init(struct exposition_copy *copy, size_t limit_bytes);
void exposition_copy_done(struct exposition_copy *copy);

/* Copies the marked samples, with their descriptors; what was there before goes. -ENOMEM: nothing
 * is kept. */
int exposition_copy_take(struct exposition_copy *copy, const struct exposition *e);

/* Adds them to an exposition; the arena is that of the exposition. -ENOMEM. */
int exposition_copy_add(
	const struct exposition_copy *copy, struct exposition *e, struct arena *arena);

#endif
