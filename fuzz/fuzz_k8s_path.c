// SPDX-License-Identifier: Apache-2.0
/* A path of a control group: an id has only the characters of one, whatever the path's bytes are.
 */
#include <stdint.h>
#include <stdlib.h>

#include "exporter/managers/k8s_units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz-";
	struct unit_match match;

	if (k8s_unit_manager.classify(CGROUP_V2, (struct slice){ (const char *)data, size },
		    &match) != UNIT_PATH_UNIT)
		return 0;
	if (!match.id[0] || match.id[strspn(match.id, allowed)] || match.virtual_host[0])
		abort();
	return 0;
}
