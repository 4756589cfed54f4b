// SPDX-License-Identifier: Apache-2.0
/* Yearly mean emission factors of electricity by country; origin and licence in owid.md. */
#ifndef CEEMS_REMOTE_EMISSIONS_OWID_H
#define CEEMS_REMOTE_EMISSIONS_OWID_H

#include <stddef.h>

struct owid_factor {
	const char *country_code; /* ISO 3166-1 alpha-2 */
	const char *country; /* Our World in Data's name */
	int year;
	double gco2_per_kwh; /* 0 = unknown */
};

extern const struct owid_factor owid_factors[]; /* sorted by country_code */
extern const size_t n_owid_factors;

/* By two-letter code, capitals; NULL if the table lacks it or its value. */
const struct owid_factor *owid_find(const char *country_code);

#endif
