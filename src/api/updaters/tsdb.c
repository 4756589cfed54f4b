// SPDX-License-Identifier: Apache-2.0
/*
 * Metrics of units from a Prometheus-compatible server (spec api-server.md 10): for every query of
 * the configuration one instant query for a batch of units at the end of the window.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "api/updater.h"
#include "api/updaters/ask.h"
#include "api/updaters/queries.h"
#include "api/updaters/share.h"
#include "api/updaters/template.h"
#include "basic/duration.h"
#include "remote/tsdb.h"

enum {
	MS = 1000,
	DISCOVERY_MS = 6 * 3600 * MS,
	DISCOVERY_TIMEOUT_MS = 10 * MS,
	BATCH_MIN = 10,
	CONCURRENT_QUERIES = 8,
	OPEN_ARENA_BYTES = 64 << 20,
	QUERY_ARENA_BYTES = 512 << 20,
	QUERY_TEXT_MAX = 16 << 20,
	RATE_SCRAPES = 4, /* of the rate interval */
	/*
	 * VictoriaMetrics answers a query for a later time than this ago as if it were for this
	 * (-search.latencyOffset, 30 s).
	 */
	HELD_BACK_MS = 30 * MS,
};

struct extra {
	int64_t query_max_series, cutoff_ms, scrape_interval_ms, evaluation_interval_ms;
	double query_min_samples;
	bool delete_ignored;
	struct strings labels_to_drop;
	const struct config_node *queries;
};

struct web {
	const char *url;
	struct http_client_config client;
};

struct updater_state {
	struct updater_env env;
	struct arena arena; /* configuration */
	struct extra extra;
	struct web web; /* borrowed by the client */
	struct query_list queries;
	struct tsdb *tsdb; /* NULL: no URL, nothing is done */
	struct tsdb_settings settings;
	int64_t discovered_ms; /* monotonic; 0: not yet, or the last try failed */
	bool limits_untold; /* by the server: it may be VictoriaMetrics */
	bool discovery_failing, deletion_failing; /* said so already */
};

/* 0 means default, as in every key of this section. */
static int check_extra(void *value, struct err *err)
{
	struct extra *extra = value;

	if (extra->query_max_series < 0)
		return err_set(err, -EINVAL, "query_max_series must be more than 0");
	if (extra->scrape_interval_ms <= 0 || extra->evaluation_interval_ms <= 0)
		return err_set(err, -EINVAL,
			"scrape_interval and evaluation_interval must be more than 0s");
	if (!(extra->query_min_samples >= 0 && extra->query_min_samples <= 1))
		return err_set(err, -EINVAL, "query_min_samples must be between (0, 1]");
	if (!extra->query_max_series)
		extra->query_max_series = 50;
	if (extra->query_min_samples == 0)
		extra->query_min_samples = 0.5;
	return 0;
}

#define KEY(name, type, field, fallback, help)                                     \
	{                                                                          \
		name, type, offsetof(struct extra, field), NULL, fallback, help, 0 \
	}
static const struct config_key extra_keys[] = {
	KEY("query_max_series", CONFIG_INT, query_max_series, "50",
		"Series that one unit is expected to have; sizes the batches."),
	KEY("query_min_samples", CONFIG_DOUBLE, query_min_samples, "0.5",
		"Part of the server's query.max-samples that one query may load."),
	KEY("cutoff_duration", CONFIG_DURATION, cutoff_ms, "0s",
		"Units that ran shorter are kept but not listed."),
	KEY("delete_ignored", CONFIG_BOOL, delete_ignored, "false",
		"Delete the series of such units from the server."),
	KEY("labels_to_drop", CONFIG_STRINGS, labels_to_drop, NULL,
		"Series selectors that are deleted after each window."),
	KEY("scrape_interval", CONFIG_DURATION, scrape_interval_ms, "1m",
		"Scrape interval, for a server that doesn't tell its own."),
	KEY("evaluation_interval", CONFIG_DURATION, evaluation_interval_ms, "1m",
		"Interval of rules, likewise."),
	KEY("queries", CONFIG_NODE, queries, NULL, "Metric => sub-key => query template."),
};
static const struct config_table extra_table = {
	.size = sizeof(struct extra),
	.keys = extra_keys,
	.n_keys = ARRAY_SIZE(extra_keys),
	.check = check_extra,
};

static const struct config_key web_keys[] = {
	{ "url", CONFIG_STRING, offsetof(struct web, url), NULL, NULL, "Base URL of the server.",
		0 },
	{ NULL, CONFIG_INLINE, offsetof(struct web, client), &http_client_config_inline, NULL, NULL,
		0 },
};
static const struct config_table web_table = {
	.size = sizeof(struct web),
	.keys = web_keys,
	.n_keys = ARRAY_SIZE(web_keys),
};

static void updater_close(void *state)
{
	struct updater_state *u = state;

	if (!u)
		return;
	tsdb_free(u->tsdb);
	arena_done(&u->arena);
	free(u);
}

static void updater_closep(struct updater_state **u)
{
	updater_close(*u);
}

/* Intervals are those of the configuration. */
static const struct tsdb_settings default_settings = {
	.query_timeout_ms = 120 * MS,
	.lookback_delta_ms = 300 * MS,
	.max_samples = 50000000,
};

static int updater_open(const struct updater_env *env, void **ret_state, struct err *err)
{
	CLEANUP(updater_closep) struct updater_state *u = calloc(1, sizeof(*u));
	const struct updater_config *config = env->config;
	int r;

	if (!u)
		return err_errno(err, -ENOMEM, "updater '%s'", config->id);
	u->env = *env;
	u->settings = default_settings;
	arena_init(&u->arena, OPEN_ARENA_BYTES);
	r = config_decode(
		config->extra_config, env->config_name, &extra_table, &u->extra, &u->arena, err);
	if (r >= 0)
		r = queries_load(
			u->extra.queries, env->config_name, env->log, &u->arena, &u->queries, err);
	if (r >= 0)
		r = config_decode(
			config->web, env->config_name, &web_table, &u->web, &u->arena, err);
	if (r < 0)
		return err_prefix(err, r, "updater '%s'", config->id);
	u->settings.scrape_interval_ms = u->extra.scrape_interval_ms;
	u->settings.evaluation_interval_ms = u->extra.evaluation_interval_ms;
	if (!u->web.url || !*u->web.url) {
		log_warn(env->log, "updater has no web.url and does nothing",
			LOG_STR("id", config->id));
	} else {
		u->web.client.directory = env->config_dir;
		r = tsdb_new(u->web.url, &u->web.client, "ceems/tsdb", &u->tsdb, err);
		if (r < 0)
			return err_prefix(err, r, "updater '%s'", config->id);
		tsdb_set_cancel_fd(u->tsdb, env->cancel_fd);
	}
	*ret_state = TAKE(u);
	return 0;
}

static int64_t or_default(int64_t found, int64_t fallback)
{
	return found > 0 ? found : fallback;
}

static void use_settings(struct updater_state *u, const struct tsdb_settings *found)
{
	const struct tsdb_settings *d = &default_settings;

	u->settings = (struct tsdb_settings){
		.scrape_interval_ms = or_default(
			found->scrape_interval_ms, u->extra.scrape_interval_ms),
		.evaluation_interval_ms = or_default(
			found->evaluation_interval_ms, u->extra.evaluation_interval_ms),
		.query_timeout_ms = or_default(found->query_timeout_ms, d->query_timeout_ms),
		.lookback_delta_ms = or_default(found->lookback_delta_ms, d->lookback_delta_ms),
		.max_samples = or_default(found->max_samples, d->max_samples),
	};
	/* The server gives up first and says why. */
	tsdb_set_timeout(u->tsdb, u->settings.query_timeout_ms + DISCOVERY_TIMEOUT_MS);
}

/*
 * What the server is set to. One that doesn't tell is taken to be set as it was last or by default;
 * one that cannot be reached is an error.
 */
static int discover(struct updater_state *u, struct err *err)
{
	int64_t now_ms = clock_monotonic_ns(u->env.clock) / 1000000 + 1;
	struct tsdb_settings found;
	int r;

	if (u->discovered_ms && now_ms - u->discovered_ms < DISCOVERY_MS)
		return 0;
	tsdb_set_timeout(u->tsdb, DISCOVERY_TIMEOUT_MS);
	r = tsdb_settings(u->tsdb, &found, err);
	if (r >= 0) {
		use_settings(u, &found);
		u->limits_untold = !found.max_samples;
		for (size_t i = 0; i < u->queries.n; i++)
			u->queries.v[i].units_max = 0; /* limits may have changed */
		u->discovered_ms = now_ms;
		u->discovery_failing = false;
		return 0;
	}
	use_settings(u, &u->settings);
	u->discovered_ms = 0;
	if (r != -EBADMSG && r != -EINVAL && r != -ENOENT)
		return r;
	if (!u->discovery_failing)
		log_warn(u->env.log,
			"settings of the TSDB are not known, the last ones are used until they are",
			LOG_STR("id", u->env.config->id), LOG_ERR(err));
	u->discovery_failing = true;
	return 0;
}

static void updater_timing(void *state, struct updater_timing *ret_timing)
{
	struct updater_state *u = state;
	struct err err;

	*ret_timing = (struct updater_timing){ 0 };
	if (!u->tsdb)
		return;
	discover(u, &err); /* a server that is down is told by update() */
	/* A sample of the last moment is scraped, seen by the rules and stored by then. */
	ret_timing->settle_ms = 2 * u->settings.scrape_interval_ms +
		u->settings.evaluation_interval_ms;
	if (u->limits_untold)
		ret_timing->settle_ms = MAX(
			ret_timing->settle_ms, HELD_BACK_MS + u->settings.scrape_interval_ms);
	ret_timing->min_window_ms = RATE_SCRAPES * u->settings.scrape_interval_ms;
}

struct values {
	char scrape[DURATION_TEXT_MAX], evaluation[DURATION_TEXT_MAX], rate[DURATION_TEXT_MAX];
	char range[DURATION_TEXT_MAX], scrape_ms[24], evaluation_ms[24];
};

static void fill_values(const struct updater_state *u, int64_t range_ms, struct values *v)
{
	int64_t scrape_ms = u->settings.scrape_interval_ms;
	int64_t evaluation_ms = u->settings.evaluation_interval_ms;

	duration_format_go(scrape_ms * 1000000, v->scrape);
	duration_format_go(evaluation_ms * 1000000, v->evaluation);
	duration_format_go(RATE_SCRAPES * scrape_ms * 1000000, v->rate);
	duration_format_go(range_ms * 1000000, v->range);
	snprintf(v->scrape_ms, sizeof(v->scrape_ms), "%lld", (long long)scrape_ms);
	snprintf(v->evaluation_ms, sizeof(v->evaluation_ms), "%lld", (long long)evaluation_ms);
}

/* The queries of one batch, asked by several threads. */
struct batch {
	struct updater_state *u;
	const struct unit_batch *units;
	const struct template_value *values;
	size_t n_values;
	double time;
	struct answer *answers; /* one for each query */
	size_t next; /* query to be asked, taken atomically */
};

struct answer {
	struct arena arena;
	struct tsdb_sample *samples;
	size_t n;
	int r;
	struct err err;
};

static void ask_one(struct batch *batch, struct query *query, struct answer *answer)
{
	struct updater_state *u = batch->u;
	const struct ask ask = {
		.tsdb = u->tsdb,
		.query = query->text,
		.values = batch->values,
		.n_values = batch->n_values,
		.time = batch->time,
		.lookback_ms = u->settings.scrape_interval_ms,
		.units_max = &query->units_max,
	};

	arena_init(&answer->arena, QUERY_ARENA_BYTES);
	answer->r = ask_for_units(&ask, batch->units->ids, batch->units->n_ids, &answer->arena,
		&answer->samples, &answer->n, &answer->err);
}

static void *ask_many(void *ctx)
{
	struct batch *batch = ctx;
	size_t n = batch->u->queries.n, i;

	while ((i = __atomic_fetch_add(&batch->next, 1, __ATOMIC_RELAXED)) < n)
		ask_one(batch, &batch->u->queries.v[i], &batch->answers[i]);
	return NULL;
}

static void ask_all(struct batch *batch)
{
	pthread_t threads[CONCURRENT_QUERIES - 1];
	size_t started = 0;

	while (started < ARRAY_SIZE(threads) && started + 1 < batch->u->queries.n &&
		pthread_create(&threads[started], NULL, ask_many, batch) == 0)
		started++;
	ask_many(batch); /* alone, if no thread can be had */
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}

/*
 * A query that the server refuses is said once and left out, as no retry mends it. All else fails
 * the window, which is then fetched again later.
 */
static int judge(
	struct updater_state *u, struct query *query, struct answer *answer, struct err *err)
{
	if (answer->r >= 0) {
		query->failing = false;
		return 0;
	}
	if (answer->r != -EINVAL) {
		if (err)
			*err = answer->err;
		return answer->r;
	}
	if (!query->failing)
		log_warn(u->env.log, "a query fails, its metric is left out",
			LOG_STR("id", u->env.config->id),
			LOG_STR("metric", unit_metric_names[query->metric]),
			LOG_STR("key", query->key), LOG_ERR(&answer->err));
	query->failing = true;
	return 0;
}

/* From all answers for one metric a new map for each unit of the batch. */
static int merge_metric(struct updater_state *u, struct answer *answers, size_t first, size_t last,
	const struct unit_batch *units, struct arena *arena)
{
	enum unit_metric metric = u->queries.v[first].metric;
	bool any = false;
	int r = 0;

	for (size_t q = first; q < last; q++)
		any |= answers[q].r >= 0;
	if (!any)
		return 0;
	unit_batch_reset(units, metric);
	for (size_t q = first; q < last; q++)
		for (size_t i = 0; r >= 0 && answers[q].r >= 0 && i < answers[q].n; i++) {
			const struct tsdb_sample *sample = &answers[q].samples[i];
			double value = isfinite(sample->value) && sample->value > 0 ? sample->value
										    : 0;

			r = unit_batch_put(units, tsdb_series_label(&sample->series, "uuid"),
				metric, u->queries.v[q].key, value, arena);
		}
	return r;
}

static int run_batch(struct updater_state *u, const struct window *window,
	const struct unit_batch *units, struct arena *arena, struct err *err)
{
	struct query_list *queries = &u->queries;
	struct values v;
	const struct template_value values[] = {
		{ "ScrapeInterval", v.scrape },
		{ "ScrapeIntervalMilli", v.scrape_ms },
		{ "EvaluationInterval", v.evaluation },
		{ "EvaluationIntervalMilli", v.evaluation_ms },
		{ "RateInterval", v.rate },
		{ "Range", v.range },
	};
	struct batch batch = { .u = u,
		.units = units,
		.values = values,
		.n_values = ARRAY_SIZE(values),
		.time = (double)window->end_ms / MS };
	int r = 0;

	fill_values(u, (window->end_ms - window->start_ms) / MS * MS, &v);
	batch.answers = calloc(queries->n, sizeof(*batch.answers));
	if (!batch.answers)
		return err_errno(err, -ENOMEM, "queries for %zu units", units->n_ids);
	ask_all(&batch);
	for (size_t q = 0; q < queries->n; q++) {
		int failed = judge(u, &queries->v[q], &batch.answers[q], r < 0 ? NULL : err);

		r = r < 0 ? r : failed;
	}
	for (size_t first = 0, last; r >= 0 && first < queries->n; first = last) {
		for (last = first;
			last < queries->n && queries->v[last].metric == queries->v[first].metric;)
			last++;
		r = merge_metric(u, batch.answers, first, last, units, arena);
		if (r < 0)
			err_errno(err, r, "answers for %zu units", units->n_ids);
	}
	for (size_t q = 0; q < queries->n; q++)
		arena_done(&batch.answers[q].arena);
	free(batch.answers);
	return r;
}

/* As many units as the server's limit on samples allows. */
static size_t batch_size(const struct updater_state *u, int64_t range_ms)
{
	int64_t samples = MAX(range_ms / u->settings.scrape_interval_ms, 1);
	int64_t labels = u->settings.max_samples / u->extra.query_max_series / samples;

	return (size_t)MAX((int64_t)(u->extra.query_min_samples * (double)labels), BATCH_MIN);
}

static int query_units(struct updater_state *u, const struct window *window,
	struct unit_list *units, struct arena *arena, struct err *err)
{
	struct unit_batch all;
	size_t size = batch_size(u, window->end_ms - window->start_ms);
	int r;

	r = unit_batch_init(&all, units, arena);
	if (r < 0)
		return err_errno(err, r, "%zu units", units->n);
	for (size_t i = 0; r >= 0 && i < all.n_ids; i += size) {
		struct unit_batch part = all;

		unit_batch_slice(&part, i, MIN(size, all.n_ids - i));
		r = run_batch(u, window, &part, arena, err);
	}
	return r;
}

/*
 * Short units are deleted when they are listed for the last time: their series get samples for a
 * while after their end, and what is deleted earlier would be counted anew.
 */
static int delete_series(struct updater_state *u, const struct window *window,
	const struct unit_list *units, struct arena *arena, struct err *err)
{
	CLEANUP(buffer_done) struct buffer selector = { .limit = QUERY_TEXT_MAX };
	int64_t next_since_ms = window->end_ms - (window->start_ms - window->since_ms);
	const char **ids = ARENA_ARRAY(arena, const char *, units->n + 1);
	size_t n = 0, n_matchers = u->extra.labels_to_drop.n;
	const char **matchers = ARENA_ARRAY(arena, const char *, n_matchers + 1);
	int r;

	if (!ids || !matchers)
		return err_errno(err, -ENOMEM, "series to be deleted");
	for (size_t i = 0; u->extra.delete_ignored && i < units->n; i++)
		if (units->v[i].ignore && *units->v[i].uuid &&
			units->v[i].ended_at_ms <= next_since_ms)
			ids[n++] = units->v[i].uuid;
	for (size_t i = 0; i < n_matchers; i++)
		matchers[i] = u->extra.labels_to_drop.v[i];
	if (n) {
		buffer_puts(&selector, "{uuid=~\"");
		template_quote_ids(ids, n, &selector);
		buffer_puts(&selector, "\"}");
		matchers[n_matchers++] = buffer_text(&selector);
	}
	if (!n_matchers || buffer_error(&selector) < 0)
		return buffer_error(&selector);
	r = tsdb_delete_series(u->tsdb, matchers, n_matchers,
		(double)(window->since_ms - u->extra.cutoff_ms) / MS, (double)window->end_ms / MS,
		err);
	/*
	 * VictoriaMetrics refuses times. A short unit has hardly any series outside of them, but
	 * what labels_to_drop names must not go with all its past.
	 */
	if (r == -EINVAL && n) {
		struct err why;
		int whole = tsdb_delete_series(
			u->tsdb, &matchers[n_matchers - 1], 1, TSDB_ANY_TIME, TSDB_ANY_TIME, &why);

		if (whole >= 0 && n_matchers == 1)
			return 0;
	}
	return r;
}

static void updater_mark(void *state, struct unit_list *units)
{
	struct updater_state *u = state;

	if (!u->tsdb)
		return;
	for (size_t i = 0; i < units->n; i++) {
		struct unit *unit = &units->v[i];

		if (unit->ended_at_ms > 0 &&
			unit->ended_at_ms - unit->started_at_ms < u->extra.cutoff_ms)
			unit->ignore = true;
	}
}

static int updater_update(void *state, const struct window *window, struct unit_list *units,
	struct arena *arena, struct err *err)
{
	struct updater_state *u = state;
	int64_t range_ms = window->end_ms - window->start_ms;
	int r;

	if (!u->tsdb)
		return 0;
	r = discover(u, err);
	if (r >= 0 && range_ms >= RATE_SCRAPES * u->settings.scrape_interval_ms)
		r = query_units(u, window, units, arena, err);
	if (r < 0)
		return err_prefix(err, r, "updater '%s'", u->env.config->id);
	return 0;
}

static void updater_stored(void *state, const struct window *window, const struct unit_list *units,
	struct arena *arena)
{
	struct updater_state *u = state;
	struct err err;

	if (!u->tsdb)
		return;
	if (delete_series(u, window, units, arena, &err) >= 0) {
		u->deletion_failing = false;
		return;
	}
	if (!u->deletion_failing)
		log_warn(u->env.log, "series could not be deleted",
			LOG_STR("id", u->env.config->id), LOG_ERR(&err));
	u->deletion_failing = true;
}

static unsigned updater_metrics(void *state)
{
	const struct updater_state *u = state;
	unsigned metrics = 0;

	for (size_t i = 0; u->tsdb && i < u->queries.n; i++)
		metrics |= 1U << u->queries.v[i].metric;
	return metrics;
}

const struct updater updater_tsdb = {
	.name = "tsdb",
	.extra_config = &extra_table,
	.open = updater_open,
	.metrics = updater_metrics,
	.mark = updater_mark,
	.update = updater_update,
	.stored = updater_stored,
	.timing = updater_timing,
	.close = updater_close,
};
