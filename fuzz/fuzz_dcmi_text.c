// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "host/dcmi_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct dcmi_power *power)
{
	for (int v = 0; v < DCMI_N_VALUES; v++)
		assert(power->watts[v] >= 0 && power->watts[v] <= DCMI_WATTS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct dcmi_power power;
	struct err err;

	if (dcmi_text_parse(text, &power, &err) >= 0)
		check(&power);
	if (dcmi_text_parse_capmc(text, &power, &err) >= 0)
		check(&power);
	return 0;
}
