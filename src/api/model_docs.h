// SPDX-License-Identifier: Apache-2.0
/*
 * Words for what the API takes and gives: parameters, objects and their fields. The description of
 * the API (openapi.h), the reference pages, the checks of handlers and the tests that ask at random
 * all read these tables.
 */
#ifndef CEEMS_API_MODEL_DOCS_H
#define CEEMS_API_MODEL_DOCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/store.h"

enum api_param_type {
	API_TEXT,
	API_SECONDS, /* Unix seconds */
	API_FLAG, /* it is the presence that counts, whatever the value */
	API_FIELD, /* a field of the route's model */
};

struct api_param {
	const char *name;
	enum api_param_type type;
	bool repeatable;
	const char *const *choices; /* NULL-terminated, or NULL: any */
	const char *help;
};

enum api_param_id { /* sorted by name */
	API_PARAM_TERMINATED,
	API_PARAM_CLUSTER_ID,
	API_PARAM_EXACT,
	API_PARAM_EXPERIMENTAL,
	API_PARAM_FIELD,
	API_PARAM_FORMAT,
	API_PARAM_FROM,
	API_PARAM_GROUPBY,
	API_PARAM_PROJECT,
	API_PARAM_ROLE,
	API_PARAM_RUNNING,
	API_PARAM_TIMEZONE,
	API_PARAM_TO,
	API_PARAM_USER,
	API_PARAM_UUID,
	N_API_PARAMS,
};
extern const struct api_param api_params[N_API_PARAMS];

/* As a set, for a route's column. */
#define API_TAKES(id) (UINT32_C(1) << API_PARAM_##id)

struct api_model {
	const char *name; /* "Unit" */
	const struct store_table *table; /* NULL: no object, data is null */
	const char *help;
};

enum api_model_id {
	API_NO_MODEL, /* the answer isn't the envelope, or has no data */
	API_UNIT,
	API_USAGE,
	API_USER_MODEL,
	API_PROJECT,
	API_CLUSTER,
	API_STAT,
	N_API_MODELS,
};
extern const struct api_model api_models[N_API_MODELS];

/* What a field of any model means; NULL for an unknown one. */
const char *api_field_help(const char *name);

/* What stands in a field, for people: "names to numbers". */
const char *api_type_of_column(const struct store_column *column);

#endif
