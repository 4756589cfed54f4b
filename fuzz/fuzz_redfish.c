// SPDX-License-Identifier: Apache-2.0
/* The first byte chooses the reader, the rest is a document of a Redfish service. */
#include <assert.h>
#include <stdint.h>

#include "remote/redfish_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What comes from firmware must not lead to another host. */
static void check_path(const char *path)
{
	assert(!path || (path[0] == '/' && path[1] != '/'));
}

static void check_watts(const double watts[REDFISH_N_VALUES])
{
	for (int v = 0; v < REDFISH_N_VALUES; v++)
		assert(watts[v] >= 0 && watts[v] <= REDFISH_MEMBERS_MAX * REDFISH_WATTS_MAX);
}

static void read_session(struct slice text, struct arena *arena)
{
	const char *token, *path;
	struct slice headers = text, body = { "", 0 };
	const char *empty_line = text.n ? memmem(text.p, text.n, "\n\n", 2) : NULL;

	if (empty_line) {
		headers.n = (size_t)(empty_line - text.p);
		body = (struct slice){ empty_line + 2, text.n - headers.n - 2 };
	}
	if (redfish_parse_session(headers, body, arena, &token, &path, NULL) < 0)
		return;
	assert(*token && !strpbrk(token, "\r\n "));
	check_path(path);
}

static void read_chassis(struct slice json, struct arena *arena)
{
	struct redfish_chassis_links links;

	if (redfish_parse_chassis(json, arena, &links, NULL) < 0)
		return;
	check_path(links.power);
	check_path(links.environment);
	check_path(links.contained_by);
	for (size_t i = 0; i < links.n_contains; i++)
		check_path(links.contains[i]);
}

static void read_collection(struct slice json, struct arena *arena)
{
	static struct redfish_members members;
	const char *next = NULL;

	members.n = 0;
	for (int page = 0; page < 2; page++)
		if (redfish_parse_collection(json, arena, &members, &next, NULL) == 0)
			check_path(next);
	for (size_t i = 0; i < members.n; i++)
		check_path(members.paths[i]);
}

static void read_power(struct slice json)
{
	struct redfish_power power;

	if (redfish_parse_power(json, &power, NULL) == 0) {
		check_watts(power.watts);
		assert(power.whole_watts <= power.watts[REDFISH_CURRENT]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct redfish_root root;
	struct redfish_sensor sensor;
	struct redfish_power power;
	const char *path = NULL;
	struct arena arena;
	struct slice json;
	double watts;

	if (!size)
		return 0;
	json = (struct slice){ (const char *)data + 1, size - 1 };
	arena_init(&arena, 8 << 20);
	switch (data[0] % 8) {
	case 0:
		if (redfish_parse_root(json, &arena, &root, NULL) == 0)
			check_path(root.sessions);
		break;
	case 1:
		read_collection(json, &arena);
		break;
	case 2:
		read_chassis(json, &arena);
		break;
	case 3:
		read_power(json);
		break;
	case 4:
		if (redfish_parse_environment(json, &arena, &power, &path, NULL) == 0)
			check_watts(power.watts);
		check_path(path);
		break;
	case 5:
		if (redfish_parse_sensor(json, &sensor, NULL) == 0)
			check_watts(sensor.watts);
		break;
	case 6:
		read_session(json, &arena);
		break;
	default:
		redfish_parse_link(json, &arena, "Metrics", &path, NULL);
		check_path(path);
		redfish_parse_supply(json, &watts, NULL);
	}
	arena_done(&arena);
	return 0;
}
