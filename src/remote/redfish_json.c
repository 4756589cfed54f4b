// SPDX-License-Identifier: Apache-2.0
#include "remote/redfish_json.h"

#include <errno.h>
#include <jansson.h>
#include <strings.h>

enum { CONTAINS_MAX = REDFISH_MEMBERS_MAX };

static const char BEYOND_RANGE[] = "is negative or too large";

/* Serial numbers padded with NUL and numbers of any length are none of our business. */
static int load(struct slice text, const char *what, json_t **ret_root, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	json_error_t why;

	if (text.n > REDFISH_REPLY_MAX_BYTES)
		return err_set(
			err, -E2BIG, "%s is larger than %d bytes", what, REDFISH_REPLY_MAX_BYTES);
	root = json_loadb(
		text.n ? text.p : "", text.n, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &why);
	if (!root && json_error_code(&why) == json_error_out_of_memory)
		return err_errno(err, -ENOMEM, "%s", what);
	if (!root)
		return err_set(err, -EBADMSG, "%s is no JSON: %s", what, why.text);
	if (!json_is_object(root))
		return err_set(err, -EBADMSG, "%s is no JSON object", what);
	*ret_root = TAKE(root);
	return 0;
}

static struct slice text_of(const json_t *value)
{
	if (!json_is_string(value))
		return (struct slice){ "", 0 };
	return (struct slice){ json_string_value(value), json_string_length(value) };
}

static bool is_path_byte(char c)
{
	return c > ' ' && c < 0x7f && !strchr("\"<>\\^`{|}", c);
}

const char *redfish_path(struct slice text, struct arena *arena)
{
	const char *scheme = text.n ? memmem(text.p, text.n, "://", 3) : NULL;
	const char *end = text.n ? memchr(text.p, '#', text.n) : NULL;

	if (end)
		text.n = (size_t)(end - text.p);
	if (scheme && scheme < text.p + text.n && text.p[0] != '/') {
		const char *rest = scheme + 3, *stop = text.p + text.n;
		const char *slash = rest < stop ? memchr(rest, '/', (size_t)(stop - rest)) : NULL;

		if (!slash)
			return NULL;
		text = (struct slice){ slash, (size_t)(stop - slash) };
	}
	if (!text.n || text.n > REDFISH_PATH_MAX_BYTES || text.p[0] != '/' ||
		(text.n > 1 && text.p[1] == '/'))
		return NULL;
	for (size_t i = 0; i < text.n; i++)
		if (!is_path_byte(text.p[i]))
			return NULL;
	return arena_strndup(arena, text.p, text.n);
}

/* The path of {"@odata.id": "/path"}, or of the first of a list of these. */
static const char *link_of(const json_t *value, struct arena *arena)
{
	if (json_is_array(value))
		value = json_array_get(value, 0);
	return redfish_path(text_of(json_object_get(value, "@odata.id")), arena);
}

/* One object stands for a list of one. */
static size_t count(const json_t *list)
{
	return json_is_array(list) ? json_array_size(list) : json_is_object(list);
}

static const json_t *item(const json_t *list, size_t i)
{
	return json_is_array(list) ? json_array_get(list, i) : list;
}

int redfish_parse_root(
	struct slice json, struct arena *arena, struct redfish_root *ret_root, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	int r = load(json, "the service root", &root, err);

	if (r < 0)
		return r;
	*ret_root = (struct redfish_root){
		.chassis = link_of(json_object_get(root, "Chassis"), arena),
		.sessions = link_of(
			json_object_get(json_object_get(root, "Links"), "Sessions"), arena),
	};
	return 0;
}

static bool has_member(const struct redfish_members *members, const char *path)
{
	for (size_t i = 0; i < members->n; i++)
		if (str_eq(members->paths[i], path))
			return true;
	return false;
}

int redfish_parse_collection(struct slice json, struct arena *arena,
	struct redfish_members *members, const char **ret_next, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const json_t *list, *next;
	int r = load(json, "the collection", &root, err);

	if (r < 0)
		return r;
	list = json_object_get(root, "Members");
	if (!json_is_array(list) && !json_is_object(list))
		return err_set(err, -EBADMSG, "the collection has no Members");
	for (size_t i = 0; i < count(list); i++) {
		const char *path = link_of(item(list, i), arena);

		if (!path || has_member(members, path))
			continue;
		if (members->n == REDFISH_MEMBERS_MAX)
			return err_set(err, -E2BIG, "the collection has more than %d members",
				REDFISH_MEMBERS_MAX);
		members->paths[members->n++] = path;
	}
	next = json_object_get(root, "Members@odata.nextLink");
	if (!next)
		next = json_object_get(root, "@odata.nextLink");
	*ret_next = redfish_path(text_of(next), arena);
	return 0;
}

static int read_contains(
	const json_t *list, struct arena *arena, struct redfish_chassis_links *links)
{
	const size_t n = MIN(count(list), CONTAINS_MAX);

	links->contains = ARENA_ARRAY(arena, const char *, n + 1);
	if (!links->contains)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *path = link_of(item(list, i), arena);

		if (path)
			links->contains[links->n_contains++] = path;
	}
	return 0;
}

int redfish_parse_chassis(struct slice json, struct arena *arena,
	struct redfish_chassis_links *ret_links, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct redfish_chassis_links links = { 0 };
	const json_t *related;
	struct slice id;
	int r = load(json, "the chassis", &root, err);

	if (r < 0)
		return r;
	related = json_object_get(root, "Links");
	id = text_of(json_object_get(root, "Id"));
	links.id = arena_strndup(
		arena, id.p, MIN(strnlen(id.p, id.n), (size_t)REDFISH_ID_MAX_BYTES));
	links.power = link_of(json_object_get(root, "Power"), arena);
	links.environment = link_of(json_object_get(root, "EnvironmentMetrics"), arena);
	links.power_subsystem = link_of(json_object_get(root, "PowerSubsystem"), arena);
	links.sensors = link_of(json_object_get(root, "Sensors"), arena);
	links.contained_by = link_of(json_object_get(related, "ContainedBy"), arena);
	r = read_contains(json_object_get(related, "Contains"), arena, &links);
	if (r < 0 || !links.id)
		return err_errno(err, -ENOMEM, "the chassis");
	*ret_links = links;
	return 0;
}

/* Nothing and null are 0. -EBADMSG: no number; -ERANGE: none that power can have. */
static int read_watts(const json_t *value, double *ret_watts)
{
	struct slice text = slice_trim(text_of(value));
	double watts = 0;
	int r;

	if (json_is_number(value)) {
		watts = json_number_value(value);
	} else if (json_is_string(value)) {
		r = text.n ? slice_to_double(text, &watts) : 0;
		if (r < 0)
			return r;
	} else if (value && !json_is_null(value)) {
		return -EBADMSG;
	}
	if (!(watts >= 0 && watts <= REDFISH_WATTS_MAX))
		return -ERANGE;
	*ret_watts = watts;
	return 0;
}

static int bad_watts(struct err *err, const char *name, int r)
{
	return err_set(err, -EBADMSG, "%s %s", name, r == -ERANGE ? BEYOND_RANGE : "is no number");
}

/* Some firmware lists processors and memory beside the machine that they are in. */
static bool is_part(const json_t *control)
{
	static const char *const parts[] = { "Accelerator", "ASIC", "CPU", "CPUSubsystem",
		"CoolingSubsystem", "Fan", "FPGA", "GPU", "GPUSubsystem", "Memory",
		"MemorySubsystem", "NetworkingDevice", "StorageDevice", "StorageSubsystem" };
	struct slice context = text_of(json_object_get(control, "PhysicalContext"));

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (slice_eq(context, parts[i]))
			return true;
	return false;
}

static const char *const metric_names[REDFISH_N_VALUES] = {
	[REDFISH_MIN] = "MinConsumedWatts",
	[REDFISH_MAX] = "MaxConsumedWatts",
	[REDFISH_AVG] = "AverageConsumedWatts",
};

/* What the sums of a Power document are made of. */
struct power_sums {
	struct redfish_power power;
	double parts_watts, others_watts;
	size_t n_others;
	bool bad[REDFISH_N_VALUES];
};

static int add_control(struct power_sums *sums, const json_t *control)
{
	const json_t *statistics = json_object_get(control, "PowerMetrics");
	double watts = 0;
	int r = read_watts(json_object_get(control, "PowerConsumedWatts"), &watts);

	if (r < 0)
		return r;
	sums->power.watts[REDFISH_CURRENT] += watts;
	if (is_part(control)) {
		sums->parts_watts += watts;
	} else {
		sums->others_watts += watts;
		sums->n_others++;
	}
	for (int v = REDFISH_MIN; v < REDFISH_N_VALUES; v++) {
		watts = 0;
		if (read_watts(json_object_get(statistics, metric_names[v]), &watts) < 0)
			sums->bad[v] = true;
		sums->power.watts[v] += watts;
	}
	return 0;
}

int redfish_parse_power(struct slice json, struct redfish_power *ret_power, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct power_sums sums = { 0 };
	const json_t *controls;
	int r = load(json, "the power document", &root, err);

	if (r < 0)
		return r;
	controls = json_object_get(root, "PowerControl");
	for (size_t i = 0; i < count(controls); i++) {
		r = add_control(&sums, item(controls, i));
		if (r < 0)
			return bad_watts(err, "PowerConsumedWatts", r);
	}
	if (sums.power.watts[REDFISH_CURRENT] > REDFISH_WATTS_MAX)
		return bad_watts(err, "PowerConsumedWatts", -ERANGE);
	for (int v = REDFISH_MIN; v < REDFISH_N_VALUES; v++)
		if (sums.bad[v] || sums.power.watts[v] > REDFISH_WATTS_MAX)
			sums.power.watts[v] = 0;
	sums.power.whole_watts = sums.n_others ? sums.others_watts : sums.parts_watts;
	*ret_power = sums.power;
	return 0;
}

int redfish_parse_environment(struct slice json, struct arena *arena,
	struct redfish_power *ret_power, const char **ret_sensor, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const json_t *excerpt;
	double watts = 0;
	int r = load(json, "the environment metrics", &root, err);

	if (r < 0)
		return r;
	excerpt = json_object_get(root, "PowerWatts");
	r = read_watts(json_object_get(excerpt, "Reading"), &watts);
	if (r < 0)
		return bad_watts(err, "PowerWatts.Reading", r);
	*ret_power = (struct redfish_power){ .watts[REDFISH_CURRENT] = watts,
		.whole_watts = watts };
	*ret_sensor = redfish_path(text_of(json_object_get(excerpt, "DataSourceUri")), arena);
	return 0;
}

int redfish_parse_link(struct slice json, struct arena *arena, const char *name,
	const char **ret_path, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	int r = load(json, "the document", &root, err);

	if (r >= 0)
		*ret_path = link_of(json_object_get(root, name), arena);
	return r;
}

int redfish_parse_supply(struct slice json, double *ret_watts, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	double watts = 0;
	int r = load(json, "the power supply's metrics", &root, err);

	if (r < 0)
		return r;
	r = read_watts(
		json_object_get(json_object_get(root, "InputPowerWatts"), "Reading"), &watts);
	if (r < 0)
		return bad_watts(err, "InputPowerWatts.Reading", r);
	*ret_watts = watts;
	return 0;
}

static enum redfish_sensor_place place_of(const json_t *root)
{
	struct slice context = text_of(json_object_get(root, "PhysicalContext"));
	struct slice part = text_of(json_object_get(root, "PhysicalSubContext"));

	if (slice_eq(context, "Chassis"))
		return REDFISH_WHOLE_CHASSIS;
	if (slice_eq(context, "PowerSupply") && slice_eq(part, "Input"))
		return REDFISH_SUPPLY_INPUT;
	return REDFISH_ELSEWHERE;
}

int redfish_parse_sensor(struct slice json, struct redfish_sensor *ret_sensor, struct err *err)
{
	static const char *const names[REDFISH_N_VALUES] = {
		[REDFISH_CURRENT] = "Reading",
		[REDFISH_MIN] = "LowestReading",
		[REDFISH_MAX] = "PeakReading",
		[REDFISH_AVG] = "AverageReading",
	};
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct redfish_sensor sensor = { 0 };
	struct slice type, unit;
	int r = load(json, "the sensor", &root, err);

	if (r < 0)
		return r;
	type = text_of(json_object_get(root, "ReadingType"));
	unit = text_of(json_object_get(root, "ReadingUnits"));
	sensor.is_power = (slice_eq(type, "Power") || !type.n) && slice_eq(unit, "W");
	sensor.place = place_of(root);
	for (int v = 0; v < REDFISH_N_VALUES && sensor.is_power; v++) {
		r = read_watts(json_object_get(root, names[v]), &sensor.watts[v]);
		if (r < 0 && v == REDFISH_CURRENT)
			return bad_watts(err, "Reading", r);
	}
	*ret_sensor = sensor;
	return 0;
}

/* The value of a header, "" without it. */
static struct slice header(struct slice headers, const char *name)
{
	const size_t len = strlen(name);
	struct slice line;

	while (slice_next_line(&headers, &line))
		if (line.n > len && line.p[len] == ':' && strncasecmp(line.p, name, len) == 0)
			return slice_trim((struct slice){ line.p + len + 1, line.n - len - 1 });
	return (struct slice){ "", 0 };
}

static bool is_token(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] >= 0x7f)
			return false;
	return text.n > 0 && text.n <= REDFISH_TOKEN_MAX_BYTES;
}

int redfish_parse_session(struct slice headers, struct slice json, struct arena *arena,
	const char **ret_token, const char **ret_path, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct slice token = header(headers, "X-Auth-Token");
	const char *path = redfish_path(header(headers, "Location"), arena);
	const char *copy;

	if (!is_token(token))
		return err_set(err, -EBADMSG, "the answer to the login holds no X-Auth-Token");
	if (!path && load(json, "the session", &root, NULL) >= 0)
		path = link_of(root, arena);
	copy = arena_strndup(arena, token.p, token.n);
	if (!copy)
		return err_errno(err, -ENOMEM, "the answer to the login");
	*ret_token = copy;
	*ret_path = path;
	return 0;
}
