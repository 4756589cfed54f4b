// SPDX-License-Identifier: Apache-2.0
#include "remote/emissions/owid.h"

#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"
#include "remote/emissions/provider.h"

const struct owid_factor owid_factors[] = {
#include "owid_table.h"
};
const size_t n_owid_factors = ARRAY_SIZE(owid_factors);

static int by_code(const void *key, const void *row)
{
	return strcmp(key, ((const struct owid_factor *)row)->country_code);
}

const struct owid_factor *owid_find(const char *country_code)
{
	const struct owid_factor *found = bsearch(
		country_code, owid_factors, n_owid_factors, sizeof(*owid_factors), by_code);

	return found && found->gco2_per_kwh > 0 ? found : NULL;
}

static int owid_open(const struct emission_settings *settings, void **ret_state, struct err *err)
{
	*ret_state = NULL;
	return 0;
}

static int owid_fetch(void *state, int cancel_fd, struct emission_sink *sink, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n_owid_factors; i++) {
		const struct owid_factor *f = &owid_factors[i];
		const struct emission_factor factor = { f->country_code, f->country,
			f->gco2_per_kwh };

		r = sink->found(sink->ctx, &factor);
	}
	return r < 0 ? err_errno(err, r, "the table of countries") : 0;
}

static void owid_close(void *state)
{
}

const struct emission_provider provider_owid = {
	.name = "owid",
	.title = "OWID",
	.open = owid_open,
	.fetch = owid_fetch,
	.close = owid_close,
};
