// SPDX-License-Identifier: Apache-2.0
/*
 * Query parameters of the API (spec api-server.md 5.7). Handlers read those only that their route
 * declares, so that its description is right.
 */
#ifndef CEEMS_API_API_QUERY_H
#define CEEMS_API_API_QUERY_H

#include "api/api.h"

/* All values of a parameter, in order. -ENOMEM. */
int api_query_values(struct api_request *req, const char *name, struct strings *ret_values);
const char *api_query_first(const struct api_request *req, const char *name); /* or NULL */
static inline bool api_query_has(const struct api_request *req, const char *name)
{
	return api_query_first(req, name) != NULL;
}

/*
 * 'field' as a mask of columns; without the parameter all of them. -EINVAL: none is a column.
 */
int api_query_fields(
	const struct api_request *req, const struct store_table *table, uint64_t *ret_fields);

/*
 * 'from' and 'to' in Unix seconds, the last day by default, kept to the years 1970 to 9999.
 * -EINVAL with the sentence that the API answers.
 */
int api_query_window(const struct api_request *req, int64_t now_s, int64_t max_period_ms,
	int64_t *ret_from_s, int64_t *ret_to_s, struct err *err);

/* The caller, and the lists that the route takes. They live in the request's arena. -ENOMEM. */
struct api_lists {
	struct strings users, projects, clusters, uuids;
};
int api_query_lists(struct api_request *req, struct api_lists *lists, struct store_query *query);

#endif
