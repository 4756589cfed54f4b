// SPDX-License-Identifier: Apache-2.0
#include "remote/emissions/replies.h"

#include <errno.h>
#include <jansson.h>

#include "basic/macros.h"

static int load(struct slice text, size_t max_bytes, json_t **ret_root, struct err *err)
{
	json_error_t why;
	json_t *root;

	if (text.n > max_bytes)
		return err_set(err, -E2BIG, "the reply is larger than %zu bytes", max_bytes);
	root = json_loadb(text.n ? text.p : "", text.n, 0, &why);
	if (!root)
		return err_set(err, -EBADMSG, "the reply is no JSON: %s", why.text);
	*ret_root = root;
	return 0;
}

static int number_of(const json_t *object, const char *key, double *ret_value, struct err *err)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_number(value))
		return err_set(err, -EBADMSG, "the reply has no number '%s'", key);
	*ret_value = json_number_value(value);
	return 0;
}

int emission_reply_rte(struct slice text, double *ret_gco2_per_kwh, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const json_t *results;
	int r = load(text, EMISSION_REPLY_MAX_BYTES, &root, err);

	if (r < 0)
		return r;
	results = json_object_get(root, "results");
	if (!json_is_array(results))
		return err_set(err, -EBADMSG, "the reply has no list 'results'");
	if (json_array_size(results) == 0)
		return err_set(err, -ENODATA, "there is no value of today yet");
	return number_of(json_array_get(results, 0), "taux_co2", ret_gco2_per_kwh, err);
}

/* "India" and "Western India" make "India Western India". */
static const char *zone_name(const json_t *zone, struct arena *arena)
{
	const char *country = json_string_value(json_object_get(zone, "countryName"));
	const char *name = json_string_value(json_object_get(zone, "zoneName"));
	const bool both = country && *country && name && *name;
	char *text = arena_printf(arena, "%.*s%s%.*s", EMISSION_NAME_MAX, country ? country : "",
		both ? " " : "", EMISSION_NAME_MAX, name ? name : "");

	if (text && strlen(text) > EMISSION_NAME_MAX)
		text[EMISSION_NAME_MAX] = '\0';
	return text;
}

int emission_reply_zones(struct slice text, struct arena *arena, struct emission_zone **ret_zones,
	size_t *ret_n, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct emission_zone *zones;
	const char *key;
	json_t *zone;
	size_t n = 0;
	int r = load(text, EMISSION_ZONES_MAX_BYTES, &root, err);

	if (r < 0)
		return r;
	if (!json_is_object(root))
		return err_set(err, -EBADMSG, "the reply is no list of zones");
	if (json_object_size(root) > EMISSION_ZONES_MAX)
		return err_set(err, -E2BIG, "the reply has more than %d zones", EMISSION_ZONES_MAX);
	zones = ARENA_ARRAY(arena, struct emission_zone, json_object_size(root) + 1);
	if (!zones)
		return err_errno(err, -ENOMEM, "a list of zones");
	json_object_foreach(root, key, zone)
	{
		if (!json_is_object(zone) || !*key || strlen(key) > EMISSION_ZONE_KEY_MAX)
			continue;
		zones[n].key = arena_strdup(arena, key);
		zones[n].name = zone_name(zone, arena);
		if (!zones[n].key || !zones[n].name)
			return err_errno(err, -ENOMEM, "a list of zones");
		n++;
	}
	if (n == 0)
		return err_set(err, -ENODATA, "the reply has no zone");
	*ret_zones = zones;
	*ret_n = n;
	return 0;
}

int emission_reply_zone(struct slice text, double *ret_gco2_per_kwh, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	int r = load(text, EMISSION_REPLY_MAX_BYTES, &root, err);

	return r < 0 ? r : number_of(root, "carbonIntensity", ret_gco2_per_kwh, err);
}

int emission_reply_login(
	struct slice text, struct arena *arena, const char **ret_token, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const char *token;
	int r = load(text, EMISSION_REPLY_MAX_BYTES, &root, err);

	if (r < 0)
		return r;
	token = json_string_value(json_object_get(root, "token"));
	if (!token || !*token || strlen(token) > EMISSION_TOKEN_MAX)
		return err_set(err, -EBADMSG, "the reply has no token");
	/* It goes into a header. */
	for (const char *c = token; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return err_set(err, -EBADMSG, "the reply's token has odd characters");
	token = arena_strdup(arena, token);
	if (!token)
		return err_errno(err, -ENOMEM, "a token");
	*ret_token = token;
	return 0;
}

static int no_history(const json_t *root, struct err *err)
{
	const json_t *warnings = json_object_get(json_object_get(root, "meta"), "warnings");
	const char *why = json_string_value(
		json_object_get(json_array_get(warnings, 0), "message"));

	return err_set(err, -ENODATA, "the reply has no data%s%s", why ? ": " : "", why ? why : "");
}

int emission_reply_historical(struct slice text, double *ret_lb_per_mwh, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const json_t *data;
	int r = load(text, EMISSION_REPLY_MAX_BYTES, &root, err);

	if (r < 0)
		return r;
	data = json_object_get(root, "data");
	if (json_array_size(data) == 0)
		return json_is_object(root) ? no_history(root, err)
					    : err_set(err, -EBADMSG, "the reply is no object");
	return number_of(
		json_array_get(data, json_array_size(data) - 1), "value", ret_lb_per_mwh, err);
}
