// SPDX-License-Identifier: Apache-2.0
/* Which path is answered by whom, for whom, and what it takes (spec api-server.md 5.1). */
#include "api/api.h"

enum { STATS_WRITE_S = 60, LONG_WRITE_S = 5 * 60 };

#define WINDOW (API_TAKES(FROM) | API_TAKES(TO))
#define PLACES (API_TAKES(CLUSTER_ID) | API_TAKES(PROJECT))
#define UNITS                                                                            \
	(WINDOW | PLACES | API_TAKES(FIELD) | API_TAKES(RUNNING) | API_TAKES(TIMEZONE) | \
		API_TAKES(UUID))
#define GLOBAL_USAGE (PLACES | API_TAKES(FIELD))
#define CURRENT_USAGE                                                                              \
	(GLOBAL_USAGE | WINDOW | API_TAKES(GROUPBY) | API_TAKES(EXACT) | API_TAKES(EXPERIMENTAL) | \
		API_TAKES(TERMINATED))

static const char units_help[] =
	"Units that ended in the period. With 'uuid' the period does not count.";
static const char usage_help[] =
	"The period is widened to whole quarters of an hour. All of a unit counts if it was last "
	"updated in the period, or with 'exact' the part of it that lies in the period. Answers are kept for a quarter of an hour; 'Expires' tells until "
	"when.";
static const char projects_help[] = "All users of these projects are in the answer.";
static const char verify_help[] =
	"Answers 200 if every 'uuid' is known on these clusters and belongs to a project of the "
	"calling user there, else 403. Administrators own everything.";

const struct api_route api_routes[] = {
	{ "/", API_ROOTED | API_ANY_METHOD, API_OPEN, API_WRITE_S, api_get_landing, 0, API_NO_MODEL,
		"This page", NULL },
	{ "/debug/", API_ROOTED | API_DEBUG, API_OPEN, API_WRITE_S, api_get_debug, 0, API_NO_MODEL,
		"What can be looked into", NULL },
	{ "/debug/threads", API_ROOTED | API_DEBUG, API_OPEN, API_WRITE_S, api_get_debug_threads, 0,
		API_NO_MODEL, "Threads of the server", NULL },
	{ "/health", API_ROOTED | API_ANY_METHOD | API_CORS, API_OPEN, API_WRITE_S, api_get_health,
		API_TAKES(FORMAT), API_NO_MODEL, "Health Status", NULL },
	{ "/metrics", API_ROOTED, API_OPEN, API_WRITE_S, api_get_metrics, 0, API_NO_MODEL,
		"Metrics", NULL },
	{ "/swagger/", API_ROOTED, API_OPEN, API_WRITE_S, api_get_swagger, 0, API_NO_MODEL,
		"Leads to the page below", NULL },
	{ "/swagger/doc.json", API_ROOTED, API_OPEN, API_WRITE_S, api_get_openapi, 0, API_NO_MODEL,
		"Swagger API as JSON", NULL },
	{ "/swagger/index.html", API_ROOTED, API_OPEN, API_WRITE_S, api_get_swagger_page, 0,
		API_NO_MODEL, "Swagger API", NULL },
	{ "/clusters/admin", API_CORS, API_ADMIN, API_WRITE_S, api_get_clusters, API_TAKES(FIELD),
		API_CLUSTER, "Clusters that have units.", NULL },
	{ "/demo/units", API_CORS, API_OPEN, API_WRITE_S, api_get_demo_units, 0, API_UNIT,
		"Invented units, for those who write clients.", NULL },
	{ "/demo/usage", API_CORS, API_OPEN, API_WRITE_S, api_get_demo_usage, 0, API_USAGE,
		"Invented usage, for those who write clients.", NULL },
	{ "/projects", API_CORS, API_USER, API_WRITE_S, api_get_projects, PLACES | API_TAKES(FIELD),
		API_PROJECT, "Projects of the calling user.", NULL },
	{ "/projects/admin", API_CORS, API_ADMIN, API_WRITE_S, api_get_projects,
		PLACES | API_TAKES(FIELD), API_PROJECT, "All projects.", NULL },
	{ "/stats/current/admin", API_CORS, API_ADMIN, STATS_WRITE_S, api_get_current_stats,
		WINDOW | API_TAKES(CLUSTER_ID) | API_TAKES(FIELD), API_STAT,
		"Counts of a period, by cluster.", "Units that run or ended in the period." },
	{ "/stats/global/admin", API_CORS, API_ADMIN, STATS_WRITE_S, api_get_global_stats,
		API_TAKES(CLUSTER_ID) | API_TAKES(FIELD), API_STAT, "Counts, by cluster.", NULL },
	{ "/units", API_CORS, API_USER, LONG_WRITE_S, api_get_units, UNITS, API_UNIT,
		"Units of the calling user.", units_help },
	{ "/units/admin", API_CORS, API_ADMIN, LONG_WRITE_S, api_get_units, UNITS | API_TAKES(USER),
		API_UNIT, "Units of any user.", units_help },
	{ "/units/verify", API_CORS, API_USER, API_WRITE_S, api_verify_units,
		API_TAKES(CLUSTER_ID) | API_TAKES(UUID), API_NO_MODEL,
		"Whether units belong to projects of the calling user.", verify_help },
	{ "/usage/current", API_CORS, API_USER, LONG_WRITE_S, api_get_current_usage, CURRENT_USAGE,
		API_USAGE, "Usage in a period by the projects of the calling user.", usage_help },
	{ "/usage/current/admin", API_CORS, API_ADMIN, LONG_WRITE_S, api_get_current_usage,
		CURRENT_USAGE | API_TAKES(USER), API_USAGE, "Usage in a period by any project.",
		usage_help },
	{ "/usage/global", API_CORS, API_USER, API_WRITE_S, api_get_global_usage, GLOBAL_USAGE,
		API_USAGE, "Usage ever by the projects of the calling user.", projects_help },
	{ "/usage/global/admin", API_CORS, API_ADMIN, API_WRITE_S, api_get_global_usage,
		GLOBAL_USAGE | API_TAKES(USER), API_USAGE, "Usage ever by any project.",
		projects_help },
	{ "/users", API_CORS, API_USER, API_WRITE_S, api_get_users, PLACES | API_TAKES(FIELD),
		API_USER_MODEL, "The calling user.",
		"With 'project' also that project's service users." },
	{ "/users/admin", API_CORS, API_ADMIN, API_WRITE_S, api_get_users,
		PLACES | API_TAKES(FIELD) | API_TAKES(ROLE) | API_TAKES(USER), API_USER_MODEL,
		"All users.", NULL },
};
const size_t api_routes_count = ARRAY_SIZE(api_routes);

const struct api_route *api_route_find(const char *prefix, const char *path)
{
	size_t n = str_eq(prefix, "/") ? 0 : strlen(prefix);
	const char *below = NULL;

	if (strncmp(path, prefix, n) == 0 && str_starts(path + n, API_ROOT))
		below = path + n + strlen(API_ROOT);
	for (size_t i = 0; i < api_routes_count; i++) {
		const struct api_route *route = &api_routes[i];
		const char *wanted = route->flags & API_ROOTED ? path : below;

		if (wanted && str_eq(route->path, wanted))
			return route;
	}
	return NULL;
}
