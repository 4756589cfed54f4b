// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/energy_source.h"

const struct energy_source *const energy_sources[N_ENERGY_SOURCES] = {
	[ENERGY_SOURCE_RAPL] = &energy_source_rapl,
	[ENERGY_SOURCE_POWER_MODEL] = &energy_source_power_model,
};
