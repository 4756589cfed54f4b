// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>

#include "remote/nodelist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer out = { 0 };

	nodelist_to_regex((struct slice){ (const char *)data, size }, &out);
	buffer_done(&out);
	return 0;
}
