// SPDX-License-Identifier: Apache-2.0
/*
 * What the API server of Kubernetes and the users file tell the API server of ours. 'u': a users
 * file; otherwise lines of JSON, each an object: a pod, which comes, or goes if it has a member
 * "gone", or a role binding, if it has "subjects". Windows are asked for meanwhile.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/managers/k8s_accounts.h"
#include "api/managers/k8s_pods.h"
#include "api/metric_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEP_MS = 60000 };

static const int64_t t0_ms = INT64_C(1933480800000);

static const char *annotations[] = { "ceems.io/created-by" };
static const char *gpus[] = { "amd.com/gpu", "nvidia.com/gpu" };
static const struct k8s_naming naming = { { annotations, 1 }, { annotations, 1 }, { gpus, 2 } };

static void check(bool good)
{
	if (!good)
		__builtin_trap();
}

static void check_json(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	check(json_is_object(json));
	json_decref(json);
}

static void ask(struct k8s_pods *pods, const struct timezone_ *zone, int64_t step)
{
	const struct window window = { t0_ms + (step - 3) * STEP_MS, t0_ms + step * STEP_MS,
		t0_ms + (step + 1) * STEP_MS };
	const struct k8s_window in = { &window, zone, "c", window.end_ms + 1000 };
	struct unit_list units = { 0 };
	struct arena arena;

	arena_init(&arena, 16 << 20);
	check(k8s_pods_units(pods, &in, &arena, &units) == 0);
	for (size_t i = 0; i < units.n; i++) {
		const struct unit *u = &units.v[i];

		check(*u->uuid && metric_map_get(&u->metrics[TOTAL_TIME_SECONDS], "walltime") >= 0);
		check(!u->ended_at_ms || !u->started_at_ms || u->ended_at_ms >= u->started_at_ms);
		check_json(u->allocation);
		check_json(u->tags);
	}
	if (step % 3)
		k8s_pods_stored(pods, &window);
	arena_done(&arena);
}

static void take(struct k8s_pods *pods, const json_t *json, int64_t now_ms, struct arena *arena,
	struct association_list *pairs)
{
	const json_t *meta = json_object_get(json, "metadata");
	const char *uid = json_string_value(json_object_get(meta, "uid"));
	const char *space = json_string_value(json_object_get(meta, "namespace"));
	const struct kube_object object = {
		.name = "n",
		.object_namespace = space ? space : "",
		.uid = uid ? uid : "",
		.resource_version = "",
		.json = json,
	};

	if (json_object_get(json, "subjects"))
		k8s_binding_read(&object, arena, pairs);
	else if (json_object_get(json, "gone"))
		k8s_pods_remove(pods, &object, now_ms);
	else
		k8s_pods_put(pods, &object, now_ms);
}

static void follow(struct slice text, struct arena *arena, struct association_list *pairs)
{
	struct timezone_ *zone = NULL;
	struct k8s_pods *pods = NULL;
	struct slice line;
	int64_t step = 0;

	check(timezone_new("UTC", &zone, NULL) == 0 && k8s_pods_new(&naming, &pods) == 0);
	k8s_pods_begin(pods, t0_ms);
	k8s_pods_end(pods);
	while (slice_next_line(&text, &line) && step < 100) {
		json_t *json = json_loadb(line.n ? line.p : "", line.n, 0, NULL);

		if (json_is_object(json))
			take(pods, json, t0_ms + step * STEP_MS + 5000, arena, pairs);
		json_decref(json);
		ask(pods, zone, step++);
	}
	k8s_pods_begin(pods, t0_ms + step * STEP_MS);
	k8s_pods_end(pods);
	ask(pods, zone, step);
	k8s_pods_free(pods);
	timezone_free(zone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct association_list pairs = { 0 };
	struct arena arena;
	struct err err;

	arena_init(&arena, 16 << 20);
	if (size && data[0] == 'u')
		k8s_users_parse((struct slice){ (const char *)data + 1, size - 1 }, "users", &arena,
			&pairs, &err);
	else
		follow((struct slice){ (const char *)data, size }, &arena, &pairs);
	for (size_t i = 0; i < pairs.n; i++)
		check(*pairs.v[i].project && *pairs.v[i].user);
	arena_done(&arena);
	return 0;
}
