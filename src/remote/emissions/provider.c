// SPDX-License-Identifier: Apache-2.0
#include "remote/emissions/provider.h"

#include "basic/macros.h"

extern const struct emission_provider provider_emaps, provider_global, provider_owid, provider_rte,
	provider_wt;

const struct emission_provider *const emission_providers[] = { &provider_emaps, &provider_global,
	&provider_owid, &provider_rte, &provider_wt };
const size_t n_emission_providers = ARRAY_SIZE(emission_providers);
