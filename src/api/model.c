// SPDX-License-Identifier: Apache-2.0
#include "api/model.h"

#include <errno.h>
#include <string.h>

enum { FIRST_ITEMS = 64 };

const char *const unit_metric_names[N_UNIT_METRICS] = {
	[TOTAL_TIME_SECONDS] = "total_time_seconds",
	[AVG_CPU_USAGE] = "avg_cpu_usage",
	[AVG_CPU_MEM_USAGE] = "avg_cpu_mem_usage",
	[TOTAL_CPU_ENERGY_USAGE_KWH] = "total_cpu_energy_usage_kwh",
	[TOTAL_CPU_EMISSIONS_GMS] = "total_cpu_emissions_gms",
	[AVG_GPU_USAGE] = "avg_gpu_usage",
	[AVG_GPU_MEM_USAGE] = "avg_gpu_mem_usage",
	[TOTAL_GPU_ENERGY_USAGE_KWH] = "total_gpu_energy_usage_kwh",
	[TOTAL_GPU_EMISSIONS_GMS] = "total_gpu_emissions_gms",
	[TOTAL_IO_WRITE_STATS] = "total_io_write_stats",
	[TOTAL_IO_READ_STATS] = "total_io_read_stats",
	[TOTAL_INGRESS_STATS] = "total_ingress_stats",
	[TOTAL_EGRESS_STATS] = "total_egress_stats",
};

/* Room for one more item of an arena list; the array at *v doubles when it is full. */
static void *push(struct arena *arena, void *v, size_t *n, size_t *cap, size_t size)
{
	if (*n == *cap) {
		size_t more = *cap ? *cap * 2 : FIRST_ITEMS;

		v = arena_grow(arena, v, *n, more, size);
		if (!v)
			return NULL;
		*cap = more;
	}
	++*n;
	return v;
}

struct unit *unit_list_push(struct unit_list *list, struct arena *arena)
{
	struct unit *v = push(arena, list->v, &list->n, &list->cap, sizeof(*v));

	if (!v)
		return NULL;
	list->v = v;
	v += list->n - 1;
	*v = (struct unit){
		.resource_manager = "",
		.cluster_id = "",
		.uuid = "",
		.name = "",
		.project = "",
		.groupname = "",
		.username = "",
		.created_at = "",
		.started_at = "",
		.ended_at = "",
		.elapsed = "",
		.state = "",
		.allocation = "",
		.tags = "",
	};
	return v;
}

struct user *user_list_push(struct user_list *list, struct arena *arena)
{
	struct user *v = push(arena, list->v, &list->n, &list->cap, sizeof(*v));

	if (!v)
		return NULL;
	list->v = v;
	v += list->n - 1;
	*v = (struct user){
		.uid = "",
		.cluster_id = "",
		.resource_manager = "",
		.name = "",
		.last_updated_at = "",
	};
	return v;
}

struct project *project_list_push(struct project_list *list, struct arena *arena)
{
	struct project *v = push(arena, list->v, &list->n, &list->cap, sizeof(*v));

	if (!v)
		return NULL;
	list->v = v;
	v += list->n - 1;
	*v = (struct project){
		.uid = "",
		.cluster_id = "",
		.resource_manager = "",
		.name = "",
		.last_updated_at = "",
	};
	return v;
}

int metric_map_put(struct metric_map *map, struct arena *arena, const char *key, double value)
{
	size_t at = 0;
	const char **keys;
	double *values;

	while (at < map->n && strcmp(map->keys[at], key) < 0)
		at++;
	if (at < map->n && strcmp(map->keys[at], key) == 0) {
		map->values[at] = value;
		map->set = true;
		return 0;
	}
	/* Maps are small and their arrays may be anybody's, so a new key takes new arrays. */
	keys = arena_alloc(arena, (map->n + 1) * sizeof(*keys));
	values = arena_alloc(arena, (map->n + 1) * sizeof(*values));
	key = arena_strdup(arena, key);
	if (!keys || !values || !key)
		return -ENOMEM;
	for (size_t i = 0; i < map->n; i++) {
		keys[i + (i >= at)] = map->keys[i];
		values[i + (i >= at)] = map->values[i];
	}
	keys[at] = key;
	values[at] = value;
	*map = (struct metric_map){ .keys = keys, .values = values, .n = map->n + 1, .set = true };
	return 0;
}
