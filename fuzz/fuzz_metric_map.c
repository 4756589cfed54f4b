// SPDX-License-Identifier: Apache-2.0
/* Stored metric maps: what is read can be written, and then reads the same. */
#include <stdint.h>
#include <string.h>

#include "api/metric_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static void check_same(const struct metric_map *map, struct arena *arena)
{
	struct metric_map again, merged = *map;
	struct buffer text;

	buffer_init(&text, 0);
	metric_map_write(map, &text);
	check(metric_map_parse(text.data, arena, &again) == 0);
	check(again.n <= map->n); /* broken UTF-8 may make keys alike */
	for (size_t i = 1; i < map->n; i++)
		check(strcmp(map->keys[i - 1], map->keys[i]) < 0);
	check(metric_map_add(&merged, &again, arena) <= 0);
	check(metric_map_average(&merged, map, 1, -1, arena) <= 0);
	buffer_done(&text);
}

/* What the quick reader takes, the parser reads alike; the last of equal keys counts. */
static void check_walk(const char *text, const struct metric_map *map)
{
	struct slice rest = slice_from(text), key;
	size_t n = 0;
	double value;
	int r;

	while ((r = metric_map_next(&rest, &key, &value)) == 1) {
		bool known = false;

		for (size_t i = 0; i < map->n; i++)
			known |= slice_eq(key, map->keys[i]);
		check(known);
		if (n < map->n && slice_eq(key, map->keys[n]))
			check(map->values[n] == value || map->n == 1);
		n++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct metric_map map;
	struct arena arena;
	char *text;
	int r;

	arena_init(&arena, 64 << 20);
	text = arena_strndup(&arena, (const char *)data, size);
	r = metric_map_parse(text, &arena, &map);
	if (metric_map_is_plain((struct slice){ text, strlen(text) }))
		check(r == 0 || r == -7 /* E2BIG */);
	if (r == 0 && map.n < 100 && strlen(text) < 4096)
		check_walk(text, &map);
	if (r == 0)
		check_same(&map, &arena);
	arena_done(&arena);
	return 0;
}
