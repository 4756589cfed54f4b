// SPDX-License-Identifier: Apache-2.0
#include "remote/emissions/provider.h"

#include "basic/macros.h"

extern const struct emission_provider provider_emaps, provider_global, provider_owid, provider_rte,
	provider_wt;

const struct emission_provider *const emission_providers[] = { &provider_emaps, &provider_global,
	&provider_owid, &provider_rte, &provider_wt };
const size_t n_emission_providers = ARRAY_SIZE(emission_providers);

static const char *get_either(
	char *(*get)(const char *name), const char *capitals, const char *small)
{
	const char *value = get(capitals);

	return value && *value ? value : get(small);
}

struct emission_settings emission_settings_of(
	char *(*get)(const char *name), const struct clock *clock)
{
	return (struct emission_settings){
		.clock = clock,
		.emaps_token = get("EMAPS_API_TOKEN"),
		.wt_username = get("WT_USERNAME"),
		.wt_password = get("WT_PASSWORD"),
		.wt_region = get("WT_REGION"),
		.rte_base_url = get("__RTE_BASE_URL"),
		.emaps_base_url = get("__EMAPS_BASE_URL"),
		.wt_base_url = get("__WT_BASE_URL"),
		.http_proxy = get_either(get, "HTTP_PROXY", "http_proxy"),
		.https_proxy = get_either(get, "HTTPS_PROXY", "https_proxy"),
		.no_proxy = get_either(get, "NO_PROXY", "no_proxy"),
	};
}
