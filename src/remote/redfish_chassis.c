// SPDX-License-Identifier: Apache-2.0
#include "remote/redfish_chassis.h"

#include <errno.h>
#include <stdlib.h>

/* What one discovery needs all along. */
struct search {
	struct redfish *redfish;
	struct arena *arena; /* of the result */
	redfish_note note;
	void *ctx;
	struct err *first; /* why something was left out */
};

/* The service itself is out of reach, so that asking for the next document is in vain. */
static bool is_fatal(int r)
{
	return r == -ECANCELED || r == -ECONNREFUSED || r == -EHOSTUNREACH || r == -ENOMEM;
}

static void leave_out(const struct search *s, const char *path, const struct err *why)
{
	if (!s->first->code)
		*s->first = *why;
	if (s->note)
		s->note(s->ctx, path, why);
}

static struct slice body_of(const struct http_reply *reply)
{
	return (struct slice){ buffer_text(&reply->body), reply->body.len };
}

static bool is_among(const char *path, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(paths[i], path))
			return true;
	return false;
}

/* All pages, of which one may be empty; a list that leads back to itself ends. */
static int list_members(struct redfish *redfish, const char *path, struct arena *arena,
	struct redfish_members *members, struct err *err)
{
	const char *pages[REDFISH_PAGES_MAX];
	size_t n = 0;
	int r;

	members->n = 0;
	while (path && n < REDFISH_PAGES_MAX && !is_among(path, pages, n)) {
		struct http_reply reply = { 0 };
		const char *next = NULL;

		pages[n++] = path;
		r = redfish_get(redfish, path, &reply, err);
		if (r < 0)
			return r;
		r = redfish_parse_collection(body_of(&reply), arena, members, &next, err);
		http_reply_done(&reply);
		if (r < 0)
			return r;
		path = next;
	}
	return 0;
}

static int get_link(struct redfish *redfish, const char *path, const char *name,
	struct arena *arena, const char **ret_path, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	int r = redfish_get(redfish, path, &reply, err);

	return r < 0 ? r : redfish_parse_link(body_of(&reply), arena, name, ret_path, err);
}

static int get_sensor(struct redfish *redfish, const char *path, struct redfish_sensor *ret_sensor,
	struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	int r = redfish_get(redfish, path, &reply, err);

	return r < 0 ? r : redfish_parse_sensor(body_of(&reply), ret_sensor, err);
}

static int read_power(struct redfish *redfish, const struct redfish_chassis *c,
	struct redfish_power *power, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	int r = redfish_get(redfish, c->resources[0], &reply, err);

	return r < 0 ? r : redfish_parse_power(body_of(&reply), power, err);
}

/* The excerpt tells the present power only; what the sensor adds to it may be missing. */
static int add_statistics(
	struct redfish *redfish, const char *path, struct redfish_power *power, struct err *err)
{
	struct redfish_sensor sensor;
	struct err ignored;
	const bool needed = !power->watts[REDFISH_CURRENT];
	int r = get_sensor(redfish, path, &sensor, needed ? err : &ignored);

	if (r < 0)
		return needed || is_fatal(r) ? r : 0;
	if (!sensor.is_power)
		return 0;
	if (needed)
		power->watts[REDFISH_CURRENT] = power->whole_watts = sensor.watts[REDFISH_CURRENT];
	for (int v = REDFISH_MIN; v < REDFISH_N_VALUES; v++)
		power->watts[v] = sensor.watts[v];
	return 0;
}

static int read_environment(struct redfish *redfish, const struct redfish_chassis *c,
	struct redfish_power *power, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	const char *sensor = NULL;
	struct arena scratch;
	int r = redfish_get(redfish, c->resources[0], &reply, err);

	if (r < 0)
		return r;
	arena_init(&scratch, REDFISH_PATH_MAX_BYTES * 4);
	r = redfish_parse_environment(body_of(&reply), &scratch, power, &sensor, err);
	arena_done(&scratch);
	if (r >= 0 && c->statistics)
		r = add_statistics(redfish, c->statistics, power, err);
	return r;
}

static int read_supply(
	struct redfish *redfish, const char *path, struct redfish_power *power, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	double watts;
	int r = redfish_get(redfish, path, &reply, err);

	if (r >= 0)
		r = redfish_parse_supply(body_of(&reply), &watts, err);
	if (r >= 0)
		power->watts[REDFISH_CURRENT] += watts;
	return r;
}

static int read_sensor(
	struct redfish *redfish, const char *path, struct redfish_power *power, struct err *err)
{
	struct redfish_sensor sensor;
	int r = get_sensor(redfish, path, &sensor, err);

	for (int v = 0; r >= 0 && v < REDFISH_N_VALUES; v++)
		power->watts[v] += sensor.watts[v];
	return r;
}

/* Half a sum would be wrong, so all of the resources or nothing. */
static int read_sum(struct redfish *redfish, const struct redfish_chassis *c,
	struct redfish_power *power, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->n_resources; i++)
		r = c->source == REDFISH_SUPPLIES
			? read_supply(redfish, c->resources[i], power, err)
			: read_sensor(redfish, c->resources[i], power, err);
	/* The extremes of several sensors came at different times. */
	if (c->n_resources > 1)
		power->watts[REDFISH_MIN] = power->watts[REDFISH_MAX] = 0;
	power->whole_watts = power->watts[REDFISH_CURRENT];
	return r;
}

int redfish_read_power(struct redfish *redfish, const struct redfish_chassis *chassis,
	struct redfish_power *ret_power, struct err *err)
{
	struct redfish_power power = { 0 };
	int r = -ENODATA;

	switch (chassis->source) {
	case REDFISH_NO_SOURCE:
		return err_set(err, r, "%s tells no power", chassis->path);
	case REDFISH_POWER:
		r = read_power(redfish, chassis, &power, err);
		break;
	case REDFISH_ENVIRONMENT:
		r = read_environment(redfish, chassis, &power, err);
		break;
	case REDFISH_SUPPLIES:
	case REDFISH_SENSORS:
		r = read_sum(redfish, chassis, &power, err);
		break;
	}
	if (r >= 0)
		*ret_power = power;
	return r;
}

static int set_resources(const struct search *s, struct redfish_chassis *c,
	enum redfish_source source, const char *const *paths, size_t n)
{
	c->resources = ARENA_ARRAY(s->arena, const char *, n);
	if (!c->resources)
		return -ENOMEM;
	memcpy(c->resources, paths, n * sizeof(*paths));
	c->n_resources = n;
	c->source = source;
	return 0;
}

static int try_environment(const struct search *s, struct redfish_chassis *c,
	const struct redfish_chassis_links *links, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	struct redfish_power power;
	int r = redfish_get(s->redfish, links->environment, &reply, err);

	if (r >= 0)
		r = redfish_parse_environment(
			body_of(&reply), s->arena, &power, &c->statistics, err);
	return r < 0 ? r : set_resources(s, c, REDFISH_ENVIRONMENT, &links->environment, 1);
}

static int try_supplies(const struct search *s, struct redfish_chassis *c,
	const struct redfish_chassis_links *links, struct err *err)
{
	struct redfish_members *members = ARENA_NEW(s->arena, struct redfish_members);
	const char *metrics[REDFISH_SUPPLIES_MAX], *path = NULL;
	size_t n = 0;
	int r = members ? 0 : err_errno(err, -ENOMEM, "the power supplies");

	if (r >= 0)
		r = get_link(
			s->redfish, links->power_subsystem, "PowerSupplies", s->arena, &path, err);
	if (r >= 0 && path)
		r = list_members(s->redfish, path, s->arena, members, err);
	for (size_t i = 0; r >= 0 && i < members->n; i++) {
		if (n == REDFISH_SUPPLIES_MAX)
			return err_set(
				err, -E2BIG, "more than %d power supplies", REDFISH_SUPPLIES_MAX);
		path = NULL;
		r = get_link(s->redfish, members->paths[i], "Metrics", s->arena, &path, err);
		if (r >= 0 && path)
			metrics[n++] = path;
	}
	if (r < 0 || !n)
		return r;
	return set_resources(s, c, REDFISH_SUPPLIES, metrics, n);
}

static int try_sensors(const struct search *s, struct redfish_chassis *c,
	const struct redfish_chassis_links *links, struct err *err)
{
	struct redfish_members *members = ARENA_NEW(s->arena, struct redfish_members);
	const char *whole = NULL, *inputs[REDFISH_SUPPLIES_MAX];
	size_t n_inputs = 0;
	int r = members ? 0 : err_errno(err, -ENOMEM, "the sensors");

	if (r >= 0)
		r = list_members(s->redfish, links->sensors, s->arena, members, err);
	for (size_t i = 0; r >= 0 && !whole && i < MIN(members->n, REDFISH_SENSORS_MAX); i++) {
		struct redfish_sensor sensor = { 0 };
		int one = get_sensor(s->redfish, members->paths[i], &sensor, err);

		if (one < 0 && is_fatal(one))
			r = one;
		if (one < 0 || !sensor.is_power)
			continue;
		if (sensor.place == REDFISH_WHOLE_CHASSIS)
			whole = members->paths[i];
		else if (sensor.place == REDFISH_SUPPLY_INPUT && n_inputs < REDFISH_SUPPLIES_MAX)
			inputs[n_inputs++] = members->paths[i];
	}
	if (r < 0)
		return r;
	if (whole)
		return set_resources(s, c, REDFISH_SENSORS, &whole, 1);
	return n_inputs ? set_resources(s, c, REDFISH_SENSORS, inputs, n_inputs) : 0;
}

struct candidate {
	const char *link;
	int (*try)(const struct search *s, struct redfish_chassis *c,
		const struct redfish_chassis_links *links, struct err *err);
};

/* The first of the newer resources that tells a power. */
static int choose_newer(const struct search *s, struct redfish_chassis *c,
	const struct redfish_chassis_links *links, struct err *err)
{
	const struct candidate candidates[] = {
		{ links->environment, try_environment },
		{ links->power_subsystem, try_supplies },
		{ links->sensors, try_sensors },
	};

	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
		struct redfish_power power = { 0 };
		int r;

		if (!candidates[i].link)
			continue;
		r = candidates[i].try(s, c, links, err);
		if (r >= 0 && c->source != REDFISH_NO_SOURCE)
			r = redfish_read_power(s->redfish, c, &power, err);
		if (r < 0 && is_fatal(r))
			return r;
		if (r < 0)
			leave_out(s, candidates[i].link, err);
		if (r >= 0 && power.watts[REDFISH_CURRENT] > 0)
			return 0;
		c->source = REDFISH_NO_SOURCE;
		c->statistics = NULL;
	}
	return 0;
}

/*
 * Power goes first wherever it works, because its values are those that the series always had. One
 * that isn't there although it is linked, or that tells nothing, makes room for something newer.
 */
static int choose_source(const struct search *s, struct redfish_chassis *c,
	const struct redfish_chassis_links *links, struct err *err)
{
	struct redfish_power power = { 0 };
	struct redfish_chassis old = *c;
	bool there = false;
	int r;

	if (links->power) {
		r = set_resources(s, &old, REDFISH_POWER, &links->power, 1);
		if (r >= 0)
			r = redfish_read_power(s->redfish, &old, &power, err);
		if (r < 0 && is_fatal(r))
			return r;
		if (r < 0)
			leave_out(s, links->power, err);
		/* Another failure may pass. */
		there = r != -ENOENT && r != -EACCES;
		if (there && (r < 0 || power.watts[REDFISH_CURRENT] > 0)) {
			*c = old;
			return 0;
		}
	}
	r = choose_newer(s, c, links, err);
	if (r >= 0 && c->source == REDFISH_NO_SOURCE && there)
		*c = old;
	return r;
}

static const char *last_segment(const char *path, struct arena *arena)
{
	size_t end = strcspn(path, "?"), start;

	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/';)
		start--;
	return arena_strndup(arena, path + start, MIN(end - start, (size_t)REDFISH_ID_MAX_BYTES));
}

static int look_at(const struct search *s, const char *path, struct redfish_chassis *ret_chassis,
	struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	struct redfish_chassis_links links;
	int r = redfish_get(s->redfish, path, &reply, err);

	if (r >= 0)
		r = redfish_parse_chassis(body_of(&reply), s->arena, &links, err);
	if (r < 0)
		return r;
	*ret_chassis = (struct redfish_chassis){
		.path = path,
		.id = links.id[0] ? links.id : last_segment(path, s->arena),
		.contained_by = links.contained_by,
		.contains = links.contains,
		.n_contains = links.n_contains,
	};
	if (!ret_chassis->id)
		return err_errno(err, -ENOMEM, "chassis '%s'", path);
	return choose_source(s, ret_chassis, &links, err);
}

/* Those without power stay in the list: others may be in them. */
static int look_at_all(const struct search *s, const struct redfish_members *members,
	struct redfish_chassis *chassis, size_t *ret_n, size_t *ret_with_power, struct err *err)
{
	for (size_t i = 0; i < members->n && *ret_n < REDFISH_CHASSIS_MAX; i++) {
		int r = look_at(s, members->paths[i], &chassis[*ret_n], err);

		if (r < 0 && is_fatal(r))
			return r;
		if (r < 0) {
			leave_out(s, members->paths[i], err);
			continue;
		}
		*ret_with_power += chassis[*ret_n].source != REDFISH_NO_SOURCE;
		(*ret_n)++;
	}
	return 0;
}

int redfish_discover(struct redfish *redfish, struct arena *arena, redfish_note note, void *ctx,
	struct redfish_chassis **ret_chassis, size_t *ret_n, struct err *err)
{
	struct err first = { 0 };
	const struct search s = { redfish, arena, note, ctx, &first };
	struct redfish_members *members = ARENA_NEW(arena, struct redfish_members);
	struct redfish_chassis *chassis = ARENA_ARRAY(
		arena, struct redfish_chassis, REDFISH_CHASSIS_MAX);
	const char *path;
	size_t n = 0, with_power = 0;
	int r;

	if (!members || !chassis)
		return err_errno(err, -ENOMEM, "looking for chassis");
	r = redfish_chassis_path(redfish, &path, err);
	if (r >= 0)
		r = list_members(redfish, path, arena, members, err);
	if (r >= 0)
		r = look_at_all(&s, members, chassis, &n, &with_power, err);
	if (r == -ENOMEM)
		return err_errno(err, r, "looking for chassis");
	if (r < 0)
		return r;
	if (!with_power)
		return err_set(err, -ENODATA, "none of %zu chassis tells its power%s%s", members->n,
			first.code ? ": " : "", first.text);
	*ret_chassis = chassis;
	*ret_n = n;
	return 0;
}

/* Firmware doesn't always agree with itself on a '/' at the end. */
static bool same_path(const char *a, const char *b)
{
	const size_t n = strlen(a), m = strlen(b);
	const size_t n_bare = n - (n && a[n - 1] == '/'), m_bare = m - (m && b[m - 1] == '/');

	return n_bare == m_bare && memcmp(a, b, n_bare) == 0;
}

static bool contains(const struct redfish_chassis *outer, const struct redfish_chassis *inner)
{
	if (inner->contained_by && same_path(inner->contained_by, outer->path))
		return true;
	for (size_t i = 0; i < outer->n_contains; i++)
		if (same_path(outer->contains[i], inner->path))
			return true;
	return false;
}

/*
 * Goes outwards from one chassis; each is visited once, so that circles end. Of a circle all but
 * the last in the list give way.
 */
static bool is_within_power(const struct redfish_chassis *chassis, size_t n, const bool *has_power,
	const bool *counts, size_t start)
{
	bool seen[REDFISH_CHASSIS_MAX] = { false };
	size_t todo[REDFISH_CHASSIS_MAX], n_todo = 0;

	seen[start] = true;
	todo[n_todo++] = start;
	while (n_todo > 0) {
		const struct redfish_chassis *inner = &chassis[todo[--n_todo]];

		for (size_t i = 0; i < n; i++) {
			if (seen[i] || !contains(&chassis[i], inner))
				continue;
			if (has_power[i] && (i > start || counts[i]))
				return true;
			seen[i] = true;
			todo[n_todo++] = i;
		}
	}
	return false;
}

/* Several chassis may point at one resource. */
static bool is_told_before(const struct redfish_chassis *chassis, const bool *counts, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (counts[j] && same_path(chassis[j].resources[0], chassis[i].resources[0]))
			return true;
	return false;
}

void redfish_outermost(
	const struct redfish_chassis *chassis, size_t n, const bool *has_power, bool *ret_counts)
{
	for (size_t i = 0; i < n; i++)
		ret_counts[i] = has_power[i] &&
			!is_within_power(chassis, n, has_power, ret_counts, i) &&
			!is_told_before(chassis, ret_counts, i);
}
