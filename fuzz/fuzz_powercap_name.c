// SPDX-License-Identifier: Apache-2.0
#include "host/powercap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice name = { (const char *)data, size }, zone;
	int64_t index = 0;

	if (powercap_parse_name(name, &zone, &index) ? zone.n >= name.n : zone.n != name.n)
		__builtin_trap();
	return 0;
}
