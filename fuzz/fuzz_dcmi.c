// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "host/dcmi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dcmi_power power;
	struct in_addr address;
	struct err err;

	if (dcmi_parse_power(data, size, &power, &err) >= 0)
		for (int v = 0; v < DCMI_N_VALUES; v++)
			assert(power.watts[v] >= 0 && power.watts[v] <= UINT16_MAX);
	if (ipmi_parse_lan_address(data, size, &address, &err) >= 0)
		assert(address.s_addr != INADDR_ANY);
	return 0;
}
