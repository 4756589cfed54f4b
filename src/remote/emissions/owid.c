// SPDX-License-Identifier: Apache-2.0
#include "remote/emissions/owid.h"

#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"

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
