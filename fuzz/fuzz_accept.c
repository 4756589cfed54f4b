// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/pages/negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *accept = strndup((const char *)data, size);

	if (accept) {
		struct negotiated n = negotiate(accept, true);

		if ((n.content_type[0] == 'a') != (n.format == EXPOSITION_OPENMETRICS))
			__builtin_trap();
	}
	free(accept);
	return 0;
}
