// SPDX-License-Identifier: Apache-2.0
/* What a unit is known by, and which devices it was given. */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_IDENTITY_H
#define CEEMS_EXPORTER_UNITS_UNIT_IDENTITY_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/str.h"
#include "exporter/gpu/gpus.h"

enum {
	UNIT_NAME_MAX = NAME_MAX + 1, /* ids, host names and uuids, NUL included */
	UNIT_GPU_REFS_MAX = 256,
	UNIT_CAUSE_MAX = 512,
	UNIT_GPU_TEXT_MAX_BYTES = 16 * 1024, /* of all references together */
};

/* Filled in place; the references' texts are inside, so it must not be copied. */
struct unit_identity {
	char uuid[UNIT_NAME_MAX]; /* "" = its id */
	struct gpu_ref refs[UNIT_GPU_REFS_MAX];
	size_t n_refs;
	uint64_t shares; /* see gpu_request */
	/* Why it isn't known, as a message for the log, with its cause or ""; NULL: nothing to say.
	 */
	const char *problem;
	char cause[UNIT_CAUSE_MAX];
	char text[UNIT_GPU_TEXT_MAX_BYTES];
	size_t text_len;
};

void unit_identity_clear(struct unit_identity *identity);

/* Cut to UNIT_NAME_MAX. */
void unit_identity_set_uuid(struct unit_identity *identity, struct slice uuid);

/*
 * One device more; the same kind and text again counts up. -E2BIG: over a limit, nothing changed;
 * -EBADMSG: the text is empty or holds a NUL.
 */
int unit_identity_add_gpu(
	struct unit_identity *identity, enum gpu_ref_kind kind, struct slice text);

#endif
