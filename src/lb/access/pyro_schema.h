// SPDX-License-Identifier: Apache-2.0
/*
 * Messages of Pyroscope's querier (spec pyroscope-api.md 2): numbers and names of their fields, and
 * what each means to the decision. What is not in these tables is not sent on.
 */
#ifndef CEEMS_LB_ACCESS_PYRO_SCHEMA_H
#define CEEMS_LB_ACCESS_PYRO_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pyro_kind {
	PYRO_STRING,
	PYRO_SELECTOR, /* a string: is bound */
	PYRO_INT, /* int64 */
	PYRO_UINT, /* uint32 */
	PYRO_START, /* int64, Unix ms: where what is read begins; likewise the end */
	PYRO_END,
	PYRO_STEP, /* double, seconds, up to PYRO_STEP_MAX_S */
	PYRO_ENUM,
	PYRO_BOOL,
	PYRO_MESSAGE,
	PYRO_FORBIDDEN, /* not for users */
};

struct pyro_field {
	uint32_t number;
	const char *name; /* as in the definition; JSON knows its lowerCamelCase, too */
	enum pyro_kind kind;
	bool repeated;
	bool required; /* without it the request would be about everything */
	const struct pyro_message *message; /* of PYRO_MESSAGE */
	const char *const *words; /* of PYRO_ENUM, by value; ends with NULL */
};

struct pyro_message {
	const struct pyro_field *fields; /* in the order of their numbers */
	size_t n;
	bool by_index; /* answered by whole blocks of the storage */
};

struct pyro_method {
	const char *name; /* "SelectSeries" */
	const struct pyro_message *request;
};

enum { PYRO_NAME_MAX = 64 };
/* 10,000 years: as long as any time that is known, and whole milliseconds of it are numbers. */
static const double PYRO_STEP_MAX_S = 10000 * 366 * 24 * 3600.0;

/* By name; NULL: none that users may call. */
const struct pyro_method *pyro_method_find(const char *name, size_t n);
const struct pyro_method *pyro_methods(size_t *ret_n); /* for tests and documentation */

/* The field's other name: "profile_typeID" -> "profileTypeID". */
void pyro_json_name(const struct pyro_field *field, char ret_name[static PYRO_NAME_MAX]);

#endif
