// SPDX-License-Identifier: Apache-2.0
#include "remote/tsdb_reply.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "basic/duration.h"

/* Parses the envelope {"status":"success","data":...}; *ret_data is borrowed from *ret_root. */
static int open_reply(struct slice text, json_t **ret_root, json_t **ret_data, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	json_error_t why;
	const char *status;
	json_t *data;

	if (text.n > TSDB_REPLY_MAX_BYTES)
		return err_set(
			err, -E2BIG, "the reply is larger than %d bytes", TSDB_REPLY_MAX_BYTES);
	root = json_loadb(text.n ? text.p : "", text.n, 0, &why);
	if (!root)
		return err_set(err, -EBADMSG, "the reply is no JSON: %s", why.text);
	status = json_string_value(json_object_get(root, "status"));
	data = json_object_get(root, "data");
	if (!status || !str_eq(status, "success")) {
		const char *type = json_string_value(json_object_get(root, "errorType"));
		const char *error = json_string_value(json_object_get(root, "error"));

		if (!error)
			return err_set(err, -EBADMSG, "the reply is not of the Prometheus API");
		return err_set(err, -EBADMSG, "%s: %s", type ? type : "error", error);
	}
	if (!data)
		return err_set(err, -EBADMSG, "the reply holds no data");
	*ret_data = data;
	*ret_root = TAKE(root);
	return 0;
}

const char *tsdb_reply_error(struct slice text, struct arena *arena)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	json_t *error;
	const char *copy = NULL;

	if (text.n && text.n <= TSDB_REPLY_MAX_BYTES)
		root = json_loadb(text.p, text.n, 0, NULL);
	error = json_object_get(root, "error");
	if (json_is_string(error))
		copy = arena_strdup(arena, json_string_value(error));
	return copy ? copy : "";
}

const char *tsdb_series_label(const struct tsdb_series *series, const char *name)
{
	for (size_t i = 0; i < series->n_labels; i++)
		if (str_eq(series->labels[i].name, name))
			return series->labels[i].value;
	return "";
}

static int by_name(const void *a, const void *b)
{
	const struct tsdb_label *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int decode_labels(json_t *object, struct arena *arena, struct tsdb_series *ret_series)
{
	struct tsdb_series series = { 0 };
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return -EBADMSG;
	if (json_object_size(object) > TSDB_REPLY_MAX_LABELS)
		return -E2BIG;
	series.labels = ARENA_ARRAY(arena, struct tsdb_label, json_object_size(object) + 1);
	if (!series.labels)
		return -ENOMEM;
	json_object_foreach(object, name, value)
	{
		struct tsdb_label *label = &series.labels[series.n_labels++];

		if (!json_is_string(value))
			return -EBADMSG;
		label->name = arena_strdup(arena, name);
		label->value = arena_strdup(arena, json_string_value(value));
		if (!label->name || !label->value)
			return -ENOMEM;
	}
	qsort(series.labels, series.n_labels, sizeof(*series.labels), by_name);
	*ret_series = series;
	return 0;
}

/* Prometheus writes sample values as strings, so that NaN and infinities fit in JSON. */
static int decode_value(const char *text, double *ret_value)
{
	if (!text)
		return -EBADMSG;
	if (str_eq(text, "NaN"))
		*ret_value = NAN;
	else if (str_eq(text, "+Inf") || str_eq(text, "Inf"))
		*ret_value = INFINITY;
	else if (str_eq(text, "-Inf"))
		*ret_value = -INFINITY;
	else
		return slice_to_double(slice_from(text), ret_value);
	return 0;
}

/* [1700000000.5, "12"] */
static int decode_pair(json_t *pair, double *ret_timestamp_s, double *ret_value)
{
	json_t *time = json_array_get(pair, 0);

	if (json_array_size(pair) != 2 || !json_is_number(time))
		return -EBADMSG;
	*ret_timestamp_s = json_number_value(time);
	return decode_value(json_string_value(json_array_get(pair, 1)), ret_value);
}

static int decode_sample(json_t *item, struct arena *arena, struct tsdb_sample *ret_sample)
{
	int r;

	r = decode_labels(json_object_get(item, "metric"), arena, &ret_sample->series);
	if (r < 0)
		return r;
	return decode_pair(
		json_object_get(item, "value"), &ret_sample->timestamp_s, &ret_sample->value);
}

static int decode_range(json_t *item, struct arena *arena, struct tsdb_range *ret_range)
{
	json_t *values = json_object_get(item, "values"), *pair;
	struct tsdb_range range = { 0 };
	size_t i;
	int r;

	if (!json_is_array(values))
		return -EBADMSG;
	r = decode_labels(json_object_get(item, "metric"), arena, &range.series);
	if (r < 0)
		return r;
	range.n_points = json_array_size(values);
	range.points = ARENA_ARRAY(arena, struct tsdb_point, range.n_points + 1);
	if (!range.points)
		return -ENOMEM;
	json_array_foreach(values, i, pair)
	{
		struct tsdb_point *point = &range.points[i];

		r = decode_pair(pair, &point->timestamp_s, &point->value);
		if (r < 0)
			return r;
	}
	*ret_range = range;
	return 0;
}

static int no_list(struct err *err, int r, const char *what)
{
	if (r == -E2BIG)
		return err_set(err, r, "the reply holds more %s than this program takes", what);
	if (r == -ENOMEM)
		return err_errno(err, r, "a reply with %s", what);
	return err_set(err, r, "the reply holds no valid list of %s", what);
}

/* The list of a query's result, borrowed from *ret_root. */
static int open_result(struct slice text, const char *wanted, json_t **ret_root,
	json_t **ret_result, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	json_t *data, *result;
	const char *type;
	int r;

	r = open_reply(text, &root, &data, err);
	if (r < 0)
		return r;
	type = json_string_value(json_object_get(data, "resultType"));
	result = json_object_get(data, "result");
	if (!type || !str_eq(type, wanted) || !json_is_array(result))
		return err_set(err, type && !str_eq(type, wanted) ? -EINVAL : -EBADMSG,
			"the query gives a %s, not a %s", type ? type : "result of unknown type",
			wanted);
	/* Of a cluster of VictoriaMetrics, a part of which is away. */
	if (json_is_true(json_object_get(root, "isPartial")))
		return err_set(err, -EIO, "the answer is partial");
	if (json_array_size(result) > TSDB_REPLY_MAX_ITEMS)
		return no_list(err, -E2BIG, "samples");
	*ret_root = TAKE(root);
	*ret_result = result;
	return 0;
}

int tsdb_reply_matrix(struct slice text, struct arena *arena, struct tsdb_range **ret_ranges,
	size_t *ret_n, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct tsdb_range *ranges;
	json_t *result, *item;
	size_t i;
	int r;

	r = open_result(text, "matrix", &root, &result, err);
	if (r < 0)
		return r;
	ranges = ARENA_ARRAY(arena, struct tsdb_range, json_array_size(result) + 1);
	r = ranges ? 0 : -ENOMEM;
	json_array_foreach(result, i, item) if (r >= 0) r = decode_range(item, arena, &ranges[i]);
	if (r < 0)
		return no_list(err, r == -ERANGE ? -EBADMSG : r, "samples");
	*ret_ranges = ranges;
	*ret_n = json_array_size(result);
	return 0;
}

int tsdb_reply_vector(struct slice text, struct arena *arena, struct tsdb_sample **ret_samples,
	size_t *ret_n, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct tsdb_sample *samples;
	json_t *result, *item;
	size_t i;
	int r;

	r = open_result(text, "vector", &root, &result, err);
	if (r < 0)
		return r;

	samples = ARENA_ARRAY(arena, struct tsdb_sample, json_array_size(result) + 1);
	r = samples ? 0 : -ENOMEM;
	json_array_foreach(result, i, item) if (r >= 0) r = decode_sample(item, arena, &samples[i]);
	if (r < 0)
		return no_list(err, r == -ERANGE ? -EBADMSG : r, "samples");
	*ret_samples = samples;
	*ret_n = json_array_size(result);
	return 0;
}

int tsdb_reply_series(struct slice text, struct arena *arena, struct tsdb_series **ret_series,
	size_t *ret_n, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct tsdb_series *series;
	json_t *data, *item;
	size_t i;
	int r;

	r = open_reply(text, &root, &data, err);
	if (r < 0)
		return r;
	if (!json_is_array(data) || json_array_size(data) > TSDB_REPLY_MAX_ITEMS)
		return no_list(err, json_is_array(data) ? -E2BIG : -EBADMSG, "series");

	series = ARENA_ARRAY(arena, struct tsdb_series, json_array_size(data) + 1);
	r = series ? 0 : -ENOMEM;
	json_array_foreach(data, i, item) if (r >= 0) r = decode_labels(item, arena, &series[i]);
	if (r < 0)
		return no_list(err, r, "series");
	*ret_series = series;
	*ret_n = json_array_size(data);
	return 0;
}

int tsdb_reply_strings(
	struct slice text, struct arena *arena, struct strings *ret_values, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct strings values = { 0 };
	json_t *data, *item;
	size_t i;
	int r;

	r = open_reply(text, &root, &data, err);
	if (r < 0)
		return r;
	if (!json_is_array(data) || json_array_size(data) > TSDB_REPLY_MAX_ITEMS)
		return no_list(err, json_is_array(data) ? -E2BIG : -EBADMSG, "values");

	values.v = ARENA_ARRAY(arena, const char *, json_array_size(data) + 1);
	if (!values.v)
		return no_list(err, -ENOMEM, "values");
	json_array_foreach(data, i, item)
	{
		if (!json_is_string(item))
			return no_list(err, -EBADMSG, "values");
		values.v[values.n] = arena_strdup(arena, json_string_value(item));
		if (!values.v[values.n++])
			return no_list(err, -ENOMEM, "values");
	}
	*ret_values = values;
	return 0;
}

/* Milliseconds, or 0 for what is no duration. */
static int64_t duration_ms(const char *text)
{
	int64_t ms;

	if (!text || duration_parse_prometheus(slice_from(text), &ms) < 0)
		return 0;
	return ms;
}

int tsdb_reply_targets(struct slice text, struct arena *arena, struct tsdb_target **ret_targets,
	size_t *ret_n, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct tsdb_target *targets;
	json_t *data, *active, *item;
	size_t i, n = 0;
	int r;

	r = open_reply(text, &root, &data, err);
	if (r < 0)
		return r;
	active = json_object_get(data, "activeTargets");
	if (!json_is_array(active) || json_array_size(active) > TSDB_REPLY_MAX_ITEMS)
		return no_list(err, json_is_array(active) ? -E2BIG : -EBADMSG, "targets");

	targets = ARENA_ARRAY(arena, struct tsdb_target, json_array_size(active) + 1);
	if (!targets)
		return no_list(err, -ENOMEM, "targets");
	json_array_foreach(active, i, item)
	{
		json_t *labels = json_object_get(item, "discoveredLabels");
		const char *job = json_string_value(json_object_get(labels, "job"));

		targets[n].job = arena_strdup(arena, job ? job : "");
		if (!targets[n].job)
			return no_list(err, -ENOMEM, "targets");
		targets[n++].scrape_interval_ms = duration_ms(
			json_string_value(json_object_get(labels, "__scrape_interval__")));
	}
	*ret_targets = targets;
	*ret_n = n;
	return 0;
}

static size_t count_rules(json_t *groups)
{
	json_t *group;
	size_t i, n = 0;

	json_array_foreach(groups, i, group) n += json_array_size(json_object_get(group, "rules"));
	return n;
}

static const char *copy_string(struct arena *arena, json_t *text)
{
	return arena_strdup(arena, json_is_string(text) ? json_string_value(text) : "");
}

/* Appends the recording rules of a group. */
static int decode_group(
	json_t *group, struct arena *arena, struct tsdb_rule *rules, size_t *n_rules)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(group, "rules"), i, item)
	{
		const char *type = json_string_value(json_object_get(item, "type"));
		struct tsdb_rule *rule = &rules[*n_rules];

		if (!type || !str_eq(type, "recording"))
			continue;
		rule->group = copy_string(arena, json_object_get(group, "name"));
		rule->name = copy_string(arena, json_object_get(item, "name"));
		rule->provider = copy_string(
			arena, json_object_get(json_object_get(item, "labels"), "provider"));
		if (!rule->group || !rule->name || !rule->provider)
			return -ENOMEM;
		(*n_rules)++;
	}
	return 0;
}

int tsdb_reply_rules(struct slice text, struct arena *arena, struct tsdb_rule **ret_rules,
	size_t *ret_n, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct tsdb_rule *rules;
	json_t *data, *groups, *group;
	size_t i, n = 0;
	int r;

	r = open_reply(text, &root, &data, err);
	if (r < 0)
		return r;
	groups = json_object_get(data, "groups");
	if (!json_is_array(groups) || count_rules(groups) > TSDB_REPLY_MAX_ITEMS)
		return no_list(err, json_is_array(groups) ? -E2BIG : -EBADMSG, "rule groups");
	rules = ARENA_ARRAY(arena, struct tsdb_rule, count_rules(groups) + 1);
	if (!rules)
		return no_list(err, -ENOMEM, "rules");
	json_array_foreach(groups, i, group)
	{
		if (decode_group(group, arena, rules, &n) < 0)
			return no_list(err, -ENOMEM, "rules");
	}
	*ret_rules = rules;
	*ret_n = n;
	return 0;
}

int tsdb_reply_config(
	struct slice text, struct arena *arena, struct tsdb_settings *settings, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const struct config_node *document, *global, *scrape, *evaluation;
	json_t *data, *yaml;
	int r;

	r = open_reply(text, &root, &data, err);
	if (r < 0)
		return r;
	yaml = json_object_get(data, "yaml");
	if (!json_is_string(yaml))
		return err_set(err, -EBADMSG, "the reply holds no configuration");
	r = config_parse(json_string_value(yaml), json_string_length(yaml),
		"configuration of Prometheus", arena, &document, err);
	if (r < 0)
		return r;
	global = config_get(document, "global");
	scrape = config_get(global, "scrape_interval");
	evaluation = config_get(global, "evaluation_interval");
	if (scrape && duration_ms(scrape->text) > 0)
		settings->scrape_interval_ms = duration_ms(scrape->text);
	if (evaluation && duration_ms(evaluation->text) > 0)
		settings->evaluation_interval_ms = duration_ms(evaluation->text);
	return 0;
}

int tsdb_reply_flags(struct slice text, struct tsdb_settings *settings, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const char *max_samples;
	int64_t timeout_ms, lookback_ms, samples;
	json_t *data;
	int r;

	r = open_reply(text, &root, &data, err);
	if (r < 0)
		return r;
	if (!json_is_object(data))
		return err_set(err, -EBADMSG, "the reply holds no flags");
	max_samples = json_string_value(json_object_get(data, "query.max-samples"));
	timeout_ms = duration_ms(json_string_value(json_object_get(data, "query.timeout")));
	lookback_ms = duration_ms(json_string_value(json_object_get(data, "query.lookback-delta")));
	if (max_samples && slice_to_i64(slice_from(max_samples), &samples) >= 0 && samples > 0)
		settings->max_samples = samples;
	if (timeout_ms > 0)
		settings->query_timeout_ms = timeout_ms;
	if (lookback_ms > 0)
		settings->lookback_delta_ms = lookback_ms;
	return 0;
}

/* "15d", "10GB", or "15d or 10GB": the part that is a duration. */
static int64_t retention_ms(const char *text)
{
	struct slice rest = slice_from(text), word;
	int64_t ms;

	while (slice_next_word(&rest, &word))
		if (duration_parse_prometheus(word, &ms) >= 0 && ms > 0)
			return ms;
	return 0;
}

int tsdb_reply_runtimeinfo(struct slice text, struct tsdb_settings *settings, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const char *retention;
	json_t *data;
	int r;

	r = open_reply(text, &root, &data, err);
	if (r < 0)
		return r;
	if (!json_is_object(data))
		return err_set(err, -EBADMSG, "the reply holds no runtime information");
	retention = json_string_value(json_object_get(data, "storageRetention"));
	if (retention && retention_ms(retention) > 0)
		settings->retention_ms = retention_ms(retention);
	return 0;
}
