// SPDX-License-Identifier: Apache-2.0
#include "cacct/reply.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"
#include "basic/str.h"

static int compare_metrics(const void *a, const void *b)
{
	return strcmp(((const struct metric *)a)->key, ((const struct metric *)b)->key);
}

/* Everything but numbers in the map is left out. */
static int decode_metrics(json_t *map, struct arena *arena, struct metrics *ret)
{
	struct metrics m = { 0 };
	const char *key;
	json_t *value;

	if (!json_is_object(map) || json_object_size(map) == 0)
		return 0;
	m.v = ARENA_ARRAY(arena, struct metric, json_object_size(map));
	if (!m.v)
		return -ENOMEM;
	json_object_foreach(map, key, value)
	{
		if (!json_is_number(value))
			continue;
		m.v[m.n].key = arena_strdup(arena, key);
		m.v[m.n].value = json_number_value(value);
		if (!m.v[m.n++].key)
			return -ENOMEM;
	}
	qsort(m.v, m.n, sizeof(*m.v), compare_metrics);
	*ret = m;
	return 0;
}

static int decode_text(json_t *value, struct arena *arena, const char **ret)
{
	const char *text = json_string_value(value);
	char *copy;

	if (!text)
		return 0;
	copy = arena_strdup(arena, text);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

static int decode_record(json_t *object, struct arena *arena, struct record *record)
{
	json_t *walltime = json_object_get(
		json_object_get(object, "total_time_seconds"), "walltime");
	int r = 0;

	for (int i = 0; i < N_FIELDS && r >= 0; i++) {
		json_t *value = json_object_get(object, fields[i].api);

		record->text[i] = "";
		if (fields[i].kind == FIELD_TEXT)
			r = decode_text(value, arena, &record->text[i]);
		else
			r = decode_metrics(value, arena, &record->metrics[i]);
	}
	record->num_units = json_integer_value(json_object_get(object, "num_units"));
	record->started_at_ms = json_integer_value(json_object_get(object, "started_at_ts"));
	record->ended_at_ms = json_integer_value(json_object_get(object, "ended_at_ts"));
	record->walltime_s = json_number_value(walltime);
	return r;
}

static int decode_data(json_t *data, struct arena *arena, struct records *ret, struct err *err)
{
	struct records records = { 0 };
	size_t n = json_array_size(data); /* 0 for null */

	if (!json_is_array(data) && !json_is_null(data))
		return err_set(err, -EBADMSG, "'data' is no list");
	if (n > 0) {
		records.v = ARENA_ARRAY(arena, struct record, n);
		if (!records.v)
			return err_errno(err, -ENOMEM, "reading %zu entries", n);
	}
	for (size_t i = 0; i < n; i++) {
		json_t *object = json_array_get(data, i);

		if (!json_is_object(object))
			return err_set(err, -EBADMSG, "entry %zu is no object", i);
		if (decode_record(object, arena, &records.v[records.n++]) < 0)
			return err_errno(err, -ENOMEM, "reading %zu entries", n);
	}
	*ret = records;
	return 0;
}

int reply_decode(const char *body, size_t len, struct arena *arena, struct records *ret_records,
	struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	json_error_t error;
	const char *status, *why;

	root = json_loadb(body, len, 0, &error);
	if (!root)
		return err_set(err, -EBADMSG, "not JSON: %s", error.text);
	status = json_string_value(json_object_get(root, "status"));
	if (!status)
		return err_set(err, -EBADMSG, "no 'status' in the answer");
	if (str_eq(status, "error")) {
		why = json_string_value(json_object_get(root, "error"));
		return err_set(err, -EREMOTEIO, "%s", why ? why : "no reason given");
	}
	if (!str_eq(status, "success"))
		return err_set(err, -EBADMSG, "unknown status '%.100s'", status);
	if (!json_object_get(root, "data"))
		return err_set(err, -EBADMSG, "no 'data' in the answer");
	return decode_data(json_object_get(root, "data"), arena, ret_records, err);
}
