// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_identity.h"

#include <errno.h>

#include "basic/macros.h"

void unit_identity_clear(struct unit_identity *identity)
{
	identity->uuid[0] = '\0';
	identity->n_refs = 0;
	identity->shares = 0;
	identity->problem = NULL;
	identity->cause[0] = '\0';
	identity->text_len = 0;
}

void unit_identity_set_uuid(struct unit_identity *identity, struct slice uuid)
{
	size_t n = MIN(uuid.n, UNIT_NAME_MAX - 1);

	memcpy(identity->uuid, uuid.p, n);
	identity->uuid[n] = '\0';
}

int unit_identity_add_gpu(struct unit_identity *identity, enum gpu_ref_kind kind, struct slice text)
{
	char *copy = identity->text + identity->text_len;

	if (!text.n || memchr(text.p, '\0', text.n))
		return -EBADMSG;
	for (size_t i = 0; i < identity->n_refs; i++) {
		struct gpu_ref *ref = &identity->refs[i];

		if (ref->kind == kind && slice_eq(text, ref->text)) {
			ref->count += ref->count < UINT32_MAX;
			return 0;
		}
	}
	if (identity->n_refs == UNIT_GPU_REFS_MAX ||
		text.n >= UNIT_GPU_TEXT_MAX_BYTES - identity->text_len)
		return -E2BIG;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	identity->text_len += text.n + 1;
	identity->refs[identity->n_refs++] = (struct gpu_ref){ kind, copy, 1 };
	return 0;
}
