// SPDX-License-Identifier: Apache-2.0
/* A list that can be read can be edited, and what is put in can be taken out. */
#include <string.h>

#include "host/acl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[ACL_BYTES_MAX];
	struct acl acl, again;
	int before;

	if (acl_decode(&acl, data, size) < 0)
		return 0;
	if (acl_decode(&again, bytes, acl_encode(&acl, bytes)) < 0 || again.n != acl.n)
		__builtin_trap();
	if (acl_set_user(&acl, 65534, ACL_READ, &before) >= 0 &&
		(acl_set_user(&acl, 65534, ACL_ABSENT, &before) < 0 || before != ACL_READ))
		__builtin_trap();
	return 0;
}
