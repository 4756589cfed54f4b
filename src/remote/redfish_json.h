// SPDX-License-Identifier: Apache-2.0
/*
 * The documents of a Redfish service (DMTF DSP0266, DSP2046) that lead to the power of a machine:
 * bytes in, structs out. Firmware takes liberties, so all of them take one object where a list
 * belongs, numbers written as text, null for what is missing, and links that are whole URLs, of
 * which the path counts: no document can make us talk to another host.
 *
 * 0, -EBADMSG (no such document), -E2BIG (over a limit) or -ENOMEM, each with a sentence. Texts
 * live in the arena; NULL is a text or link that isn't there.
 */
#ifndef CEEMS_REMOTE_REDFISH_JSON_H
#define CEEMS_REMOTE_REDFISH_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "basic/str.h"

enum {
	REDFISH_REPLY_MAX_BYTES = 512 << 10,
	REDFISH_PATH_MAX_BYTES = 1024,
	REDFISH_ID_MAX_BYTES = 128,
	REDFISH_TOKEN_MAX_BYTES = 4096,
	REDFISH_MEMBERS_MAX = 256, /* of all pages of a collection */
};
#define REDFISH_WATTS_MAX 1e7 /* of one machine; more is garbage */

/* "/path" or "https://host/path#part" -> "/path"; NULL for what is no path. */
const char *redfish_path(struct slice text, struct arena *arena);

struct redfish_root {
	const char *chassis, *sessions;
};
int redfish_parse_root(
	struct slice json, struct arena *arena, struct redfish_root *ret_root, struct err *err);

struct redfish_members {
	const char *paths[REDFISH_MEMBERS_MAX];
	size_t n;
};
/* Appends the members of one page, each once; ret_next is the path of the next page. */
int redfish_parse_collection(struct slice json, struct arena *arena,
	struct redfish_members *members, const char **ret_next, struct err *err);

struct redfish_chassis_links {
	const char *id; /* never NULL; "" without one */
	const char *power, *environment, *power_subsystem, *sensors;
	const char *contained_by;
	const char **contains;
	size_t n_contains;
};
int redfish_parse_chassis(struct slice json, struct arena *arena,
	struct redfish_chassis_links *ret_links, struct err *err);

enum redfish_value { REDFISH_CURRENT, REDFISH_MIN, REDFISH_MAX, REDFISH_AVG, REDFISH_N_VALUES };

struct redfish_power {
	double watts[REDFISH_N_VALUES]; /* 0: not told */
	double whole_watts; /* current power without what is a part of something else that is told
			     */
};

/*
 * Power (deprecated by DMTF, and what most firmware has): the sums over PowerControl. A value that
 * is no number makes its own sum 0; without a usable current power the document is -EBADMSG.
 */
int redfish_parse_power(struct slice json, struct redfish_power *ret_power, struct err *err);

/* EnvironmentMetrics: PowerWatts.Reading, and the sensor that it is an excerpt of. */
int redfish_parse_environment(struct slice json, struct arena *arena,
	struct redfish_power *ret_power, const char **ret_sensor, struct err *err);

/* The path behind one link of a document: PowerSupplies of PowerSubsystem, Metrics of a supply. */
int redfish_parse_link(struct slice json, struct arena *arena, const char *name,
	const char **ret_path, struct err *err);

/* PowerSupplyMetrics: InputPowerWatts. 0 watts without one. */
int redfish_parse_supply(struct slice json, double *ret_watts, struct err *err);

enum redfish_sensor_place {
	REDFISH_ELSEWHERE,
	REDFISH_WHOLE_CHASSIS,
	REDFISH_SUPPLY_INPUT,
};
struct redfish_sensor {
	bool is_power; /* measures power in watts */
	enum redfish_sensor_place place;
	double watts[REDFISH_N_VALUES];
};
int redfish_parse_sensor(struct slice json, struct redfish_sensor *ret_sensor, struct err *err);

/*
 * What a login gave: the header lines of the answer ("Name: value\n") and its body, for services
 * that tell the session's path only there. -EBADMSG: no token. The path may be NULL.
 */
int redfish_parse_session(struct slice headers, struct slice json, struct arena *arena,
	const char **ret_token, const char **ret_path, struct err *err);

#endif
