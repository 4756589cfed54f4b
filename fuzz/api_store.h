// SPDX-License-Identifier: Apache-2.0
/* For the fuzz targets of the API: a small store in memory-backed files, and a way to ask. */
#ifndef CEEMS_FUZZ_API_STORE_H
#define CEEMS_FUZZ_API_STORE_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/api.h"
#include "net/http_target.h"

/* Stands in everything that the asking user, mira of project astro, must not see. */
#define FUZZ_SECRET "XSECRETX"

struct fuzz_api {
	struct api_server_config config;
	struct api api;
	char path[64]; /* of the database */
};

static inline void fuzz_check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static inline int64_t fuzz_now(void *ctx)
{
	return INT64_C(1933483500) * 1000000000;
}

static inline const char *fuzz_header(void *ctx, const char *name)
{
	return strcasecmp(name, "X-Grafana-User") == 0 ? "mira" : NULL;
}

static inline void fuzz_add(struct store *store, struct arena *arena, const char *cluster,
	const char *user, const char *project, const char *uuid)
{
	struct unit_list units = { 0 };
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct store_step_result result;
	struct store_step step = { .cluster_id = cluster,
		.start_ms = INT64_C(1933480800000),
		.end_ms = INT64_C(1933483500000),
		.units = &units,
		.users = &users,
		.projects = &projects };
	struct unit *u = unit_list_push(&units, arena);
	struct project *p = project_list_push(&projects, arena);
	struct user *person = user_list_push(&users, arena);

	u->uuid = uuid;
	u->username = person->name = user;
	u->project = p->name = project;
	u->started_at = u->ended_at = "2031-04-09T06:44:00+0000";
	u->ended_at_ms = INT64_C(1933483440000);
	p->users = (struct strings){ &user, 1 };
	person->projects = (struct strings){ &project, 1 };
	fuzz_check(metric_map_put(&u->metrics[AVG_CPU_USAGE], arena, uuid, 0.5) == 0);
	fuzz_check(store_commit_step(store, &step, &result, NULL) >= 0);
}

/* Made at the first call. */
static inline struct fuzz_api *fuzz_api(void)
{
	static const struct clock clock = { fuzz_now, fuzz_now, NULL };
	static struct fuzz_api f;
	struct timezone_ *zone = NULL;
	struct store *store = NULL;
	char dir[] = "/dev/shm/ceems-fuzz-XXXXXX", file[80];
	struct arena arena;

	if (f.api.store)
		return &f;
	arena_init(&arena, 1 << 20);
	if (!mkdtemp(dir)) {
		strcpy(dir, "/tmp/ceems-fuzz-XXXXXX");
		fuzz_check(mkdtemp(dir) != NULL);
	}
	fuzz_check(timezone_new("UTC", &zone, NULL) >= 0);
	f.config = (struct api_server_config){
		.route_prefix = "/", .zone = zone, .clock = &clock, .version = "0"
	};
	fuzz_check(api_init(&f.api, &f.config, NULL) >= 0);
	fuzz_check(store_open(dir, zone, &store, NULL) >= 0);
	f.api.store = store;
	fuzz_add(f.api.store, &arena, "a", "mira", "astro", "1");
	fuzz_add(f.api.store, &arena, "b", FUZZ_SECRET, "secret" FUZZ_SECRET, FUZZ_SECRET);
	fuzz_add(f.api.store, &arena, "c", FUZZ_SECRET, "astro", FUZZ_SECRET);
	arena_done(&arena);
	snprintf(f.path, sizeof(f.path), "%s/ceems.db", dir);
	/* Nobody needs the names any more; connections keep the files. */
	if (!getenv("CEEMS_FUZZ_KEEP")) {
		for (int i = 0; i < 3; i++) {
			static const char *const suffixes[] = { "", "-wal", "-shm" };

			snprintf(file, sizeof(file), "%s%s", f.path, suffixes[i]);
			unlink(file);
		}
		rmdir(dir);
	}
	return &f;
}

/* Asks, and looks whether the answer is what it claims to be. Returns its status. */
static inline int fuzz_ask(struct fuzz_api *f, const char *target, struct buffer *body)
{
	const struct api_peer peer = { .login = "grafana" };
	struct http_params params = { 0 };
	struct http_target parsed = { 0 };
	struct api_response res = { .body = body };
	struct arena arena;
	int status = 0;

	arena_init(&arena, 64 << 20);
	if (http_target_parse(target, &arena, &parsed) >= 0 &&
		(!parsed.query ||
			http_params_parse(parsed.query, strlen(parsed.query), &arena, &params) >=
				0)) {
		struct api_request req = { .method = "GET",
			.path = parsed.path,
			.query = parsed.query,
			.params = params.v,
			.n_params = params.n,
			.peer = &peer,
			.header = fuzz_header,
			.arena = &arena };

		api_handle(&f->api, &req, &res);
		fuzz_check(!res.next);
		status = res.status;
		for (size_t i = 0; i < res.n_headers; i++) {
			if (strcmp(res.headers[i].value, "application/json") == 0) {
				json_error_t error;
				json_t *root = json_loads(
					buffer_text(body), JSON_DECODE_INT_AS_REAL, &error);

				/* A number beyond a double is JSON all the same. */
				fuzz_check(root ||
					json_error_code(&error) == json_error_numeric_overflow);
				json_decref(root);
			}
		}
	}
	arena_done(&arena);
	return status;
}

#endif
