// SPDX-License-Identifier: Apache-2.0
/*
 * Emission factors of electricity (spec exporter-node.md 8.10). What the providers gave last is
 * kept in memory; those on the web are asked by a thread each. A value that could not be renewed
 * stays until it is too old.
 */
#include <errno.h>
#include <stdlib.h>

#include "basic/str.h"
#include "basic/version.h"
#include "exporter/collector.h"
#include "exporter/emission_store.h"
#include "exporter/exporter.h"
#include "exporter/poller.h"
#include "exporter/scrape_metrics.h"
#include "remote/emissions/provider.h"

enum { FACTOR, N_METRICS };

static const struct metric metrics[N_METRICS] = {
	[FACTOR] = {
		.name = "ceems_emissions_gCo2_kWh",
		.help = "Emission factor of electricity, in grams of CO2 equivalent per kWh.",
		.type = METRIC_GAUGE,
		.labels = { "country", "country_code", "provider", "provider_name" },
	},
};

static const int64_t RETRY_NS = 15 * 1000000000LL;

/* The rows of emission_providers[] that are not there in any case. */
static const char *const provider_names[] = { "owid", "emaps", "rte", "wt", NULL };

struct emissions_options {
	struct strings providers;
};

static const struct option_def options[] = {
	{ "collector.emissions.provider", OPTION_ENUMS,
		offsetof(struct emissions_options, providers), .choices = provider_names,
		.help = "Provider of emission factors to use. Without it all that "
			"are configured, and the world's average." },
};

/* A provider in use. */
struct source {
	const struct emission_provider *provider;
	const struct collector_env *env;
	void *state;
	struct emission_store store;
	struct poller *poller;
	char thread_name[16];
	bool gaps_logged; /* the latest good round left something out, and that was said */
};

struct emissions {
	size_t n;
	struct source sources[]; /* of all providers at most */
};

static int keep(void *ctx, const struct emission_factor *factor)
{
	struct source *source = ctx;

	return emission_store_put(&source->store, factor, clock_monotonic_ns(source->env->clock));
}

static void tell_gaps(struct source *source, const struct emission_sink *sink)
{
	if (sink->n_failed && !source->gaps_logged)
		log_warn(source->env->log, "some emission factors could not be had",
			LOG_STR("collector", "emissions"),
			LOG_STR("provider", source->provider->name),
			LOG_INT("count", (int64_t)sink->n_failed), LOG_ERR(&sink->first_failure));
	if (!sink->n_failed && source->gaps_logged)
		log_info(source->env->log, "all emission factors are there again",
			LOG_STR("collector", "emissions"),
			LOG_STR("provider", source->provider->name));
	source->gaps_logged = sink->n_failed;
}

static int fetch(void *ctx, int cancel_fd, struct err *err)
{
	struct source *source = ctx;
	struct emission_sink sink = { .found = keep, .ctx = source };
	int r = source->provider->fetch(source->state, cancel_fd, &sink, err);

	if (r >= 0)
		tell_gaps(source, &sink);
	return r;
}

static void close_source(struct source *source)
{
	source->provider->close(source->state);
	emission_store_done(&source->store);
}

static void emissions_close(void *state)
{
	struct emissions *emissions = state;

	while (emissions->n > 0)
		close_source(&emissions->sources[--emissions->n]);
	free(emissions);
}

static bool is_named(const struct emissions_options *opts, const char *name)
{
	for (size_t i = 0; i < opts->providers.n; i++)
		if (str_eq(opts->providers.v[i], name))
			return true;
	return false;
}

/* What waits for nobody is in the first scrape. */
static int open_source(struct emissions *emissions, const struct emission_provider *provider,
	const struct collector_env *env, const struct emission_settings *settings, struct err *err)
{
	struct source *source = &emissions->sources[emissions->n];
	int r = provider->open(settings, &source->state, err);

	if (r < 0)
		return err_prefix(err, r, "provider %s", provider->name);
	source->provider = provider;
	source->env = env;
	snprintf(source->thread_name, sizeof(source->thread_name), "emissions/%s", provider->name);
	emission_store_init(&source->store);
	emissions->n++;
	return provider->interval_ns ? 0 : fetch(source, -1, err);
}

static int open_all(struct emissions *emissions, const struct emissions_options *opts,
	const struct collector_env *env, struct err *err)
{
	const struct version *v = version_info();
	struct emission_settings settings = emission_settings_of(getenv, env->clock);
	char user_agent[128];
	int r = 0;

	snprintf(user_agent, sizeof(user_agent), "ceems_exporter/%s", v->version);
	settings.user_agent = user_agent;
	for (size_t i = 0; r >= 0 && i < n_emission_providers; i++) {
		const struct emission_provider *provider = emission_providers[i];
		const bool named = is_named(opts, provider->name);

		if (opts->providers.n > 0 && !named)
			continue;
		r = open_source(emissions, provider, env, &settings, err);
		if (r == -ENOKEY && !named) {
			log_warn(env->log, "a provider is not configured and left out",
				LOG_STR("collector", "emissions"),
				LOG_STR("provider", provider->name), LOG_ERR(err));
			r = 0;
		}
	}
	return r;
}

static int emissions_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	struct emissions *emissions = calloc(
		1, sizeof(*emissions) + n_emission_providers * sizeof(emissions->sources[0]));
	int r;

	if (!emissions)
		return err_errno(err, -ENOMEM, "emissions");
	r = open_all(emissions, opts, env, err);
	if (r < 0) {
		emissions_close(emissions);
		return r;
	}
	*ret_state = emissions;
	return 0;
}

static void emissions_stop(void *state)
{
	struct emissions *emissions = state;

	for (size_t i = 0; i < emissions->n; i++)
		poller_stop(TAKE(emissions->sources[i].poller));
}

static int start_source(struct source *source, struct err *err)
{
	const struct poller_config config = {
		.name = source->thread_name,
		.what = "fetching emission factors",
		.clock = source->env->clock,
		.log = source->env->log,
		.period_ns = source->provider->interval_ns,
		.retry_ns = RETRY_NS,
		.poll = fetch,
		.ctx = source,
		.account = exporter_thread_account(source->env->exporter, source->thread_name),
	};

	return poller_start(&config, 0, &source->poller, err);
}

static int emissions_start(void *state, struct err *err)
{
	struct emissions *emissions = state;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < emissions->n; i++)
		if (emissions->sources[i].provider->interval_ns)
			r = start_source(&emissions->sources[i], err);
	if (r < 0)
		emissions_stop(emissions);
	return r;
}

struct adding {
	struct scrape *s;
	const struct emission_provider *provider;
	size_t n;
};

static int add(void *ctx, const struct emission_factor *factor)
{
	struct adding *adding = ctx;

	adding->n++;
	return scrape_add(adding->s, &metrics[FACTOR], factor->gco2_per_kwh, factor->country,
		factor->country_code, adding->provider->name, adding->provider->title);
}

static int emissions_collect(void *state, struct scrape *s)
{
	struct emissions *emissions = state;
	const int64_t now_ns = clock_monotonic_ns(s->env->clock);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < emissions->n; i++) {
		struct source *source = &emissions->sources[i];
		const struct emission_provider *provider = source->provider;
		const int64_t latest_ns = emission_store_latest_ns(&source->store);
		struct adding adding = { s, provider, 0 };

		r = emission_store_each(&source->store,
			provider->interval_ns ? now_ns - provider->max_age_ns : INT64_MIN, add,
			&adding);
		if (r >= 0 && provider->interval_ns && adding.n)
			r = scrape_add_age(s, "emissions", provider->name, latest_ns);
	}
	return r;
}

const struct collector collector_emissions = {
	.name = "emissions",
	.help = "emission factors of electricity",
	.metrics = metrics,
	.n_metrics = N_METRICS,
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.options_size = sizeof(struct emissions_options),
	.open = emissions_open,
	.start = emissions_start,
	.collect = emissions_collect,
	.stop = emissions_stop,
	.close = emissions_close,
};
