// SPDX-License-Identifier: Apache-2.0
/*
 * The power of the node as its management controller (BMC) tells it over Redfish (spec
 * exporter-node.md 8.9). A thread asks the BMC; scrapes and the energy ledger get what came in
 * last. A BMC that is out of reach never keeps the exporter from starting.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/str.h"
#include "basic/version.h"
#include "exporter/collector.h"
#include "exporter/exporter.h"
#include "exporter/meters/redfish_bmc.h"
#include "exporter/meters/redfish_readings.h"
#include "exporter/meters/redfish_watch.h"
#include "exporter/poller.h"
#include "exporter/scrape_metrics.h"
#include "remote/redfish_config.h"

static const struct metric metrics[REDFISH_N_VALUES] = {
	[REDFISH_CURRENT] = { "ceems_redfish_current_watts",
		"Present power of a chassis, as its BMC tells it over Redfish.", METRIC_GAUGE,
		{ "hostname", "chassis" } },
	[REDFISH_MIN] = { "ceems_redfish_min_watts",
		"Least power of a chassis in the interval that its BMC keeps statistics of.",
		METRIC_GAUGE, { "hostname", "chassis" } },
	[REDFISH_MAX] = { "ceems_redfish_max_watts",
		"Highest power of a chassis in the interval that its BMC keeps statistics of.",
		METRIC_GAUGE, { "hostname", "chassis" } },
	[REDFISH_AVG] = { "ceems_redfish_avg_watts",
		"Mean power of a chassis in the interval that its BMC keeps statistics of.",
		METRIC_GAUGE, { "hostname", "chassis" } },
};

static const int64_t S_NS = 1000000000;

enum {
	START_WAIT_S = 10, /* for the first values */
	RETRY_S = 1,
	POLL_INTERVAL_MAX_S = 3600,
	MAX_AGE_MAX_S = 24 * 3600,
	LOGOUT_MS = 2000,
	CONFIG_ARENA_BYTES = 16 << 20,
	HOSTNAME_MAX_BYTES = 256,
};

struct redfish_options {
	const char *config_file, *web_config, *web_config_file;
	bool expand_env_vars;
	int64_t poll_interval_ns, max_age_ns;
};

#define FIELD(name) offsetof(struct redfish_options, name)

static const struct option_def options[] = {
	{ "collector.redfish.config.file", OPTION_STRING, FIELD(config_file), .value_name = "FILE",
		.env = "CEEMS_EXPORTER_REDFISH_COLL_CONFIG_FILE",
		.help = "Configuration file that tells where the BMC is and how to log in." },
	{ "collector.redfish.config.file.expand-env-vars", OPTION_BOOL, FIELD(expand_env_vars),
		.help = "Replace $NAME and ${NAME} in that file by environment variables." },
	{ "collector.redfish.max-age", OPTION_DURATION_GO, FIELD(max_age_ns), .fallback = "1m",
		.help = "Values that are older are left out." },
	{ "collector.redfish.poll-interval", OPTION_DURATION_GO, FIELD(poll_interval_ns),
		.fallback = "10s", .help = "How often the BMC is asked." },
	{ "collector.redfish.web-config", OPTION_STRING, FIELD(web_config), .value_name = "FILE",
		.env = "CEEMS_EXPORTER_REDFISH_COLL_WEB_CONFIG_FILE",
		.help = "Path of the configuration file.",
		.replaced_by = "collector.redfish.config.file", .flags = OPTION_DEPRECATED },
	{ "collector.redfish.web-config-file", OPTION_STRING, FIELD(web_config_file),
		.value_name = "FILE", .help = "Path of the configuration file.",
		.replaced_by = "collector.redfish.config.file", .flags = OPTION_DEPRECATED },
};

struct redfish_state {
	const struct collector_env *env;
	const struct redfish_options *options;
	struct arena arena; /* of the settings */
	struct redfish_settings settings;
	char user_agent[128];
	struct redfish *client;
	struct redfish_watch *watch;
	struct redfish_readings readings;
	struct power_meter meter;
	struct poller *poller;
};

static int check_options(const struct redfish_options *o, struct err *err)
{
	if (o->poll_interval_ns < S_NS || o->poll_interval_ns > POLL_INTERVAL_MAX_S * S_NS)
		return err_set(
			err, -EINVAL, "--collector.redfish.poll-interval: not between 1s and 1h");
	if (o->max_age_ns < o->poll_interval_ns || o->max_age_ns > MAX_AGE_MAX_S * S_NS)
		return err_set(err, -EINVAL,
			"--collector.redfish.max-age: not between --collector.redfish.poll-interval "
			"and 24h");
	return 0;
}

static const char *config_path(const struct redfish_options *o)
{
	if (o->web_config[0])
		return o->web_config;
	return o->web_config_file[0] ? o->web_config_file : o->config_file;
}

/* The label may have been emptied; the name in the file stands for the host all the same. */
static const char *own_hostname(
	const struct collector_env *env, char text[static HOSTNAME_MAX_BYTES])
{
	const char *name = getenv("NODE_NAME");

	if (env->hostname[0])
		return env->hostname;
	if (name && name[0])
		return name;
	text[0] = '\0';
	if (gethostname(text, HOSTNAME_MAX_BYTES - 1) < 0)
		return "";
	text[HOSTNAME_MAX_BYTES - 1] = '\0';
	return text;
}

static int load_settings(struct redfish_state *state, struct err *err)
{
	const char *path = config_path(state->options);
	char hostname[HOSTNAME_MAX_BYTES];
	const struct redfish_surroundings surroundings = {
		.hostname = own_hostname(state->env, hostname),
		.username = getenv("REDFISH_WEB_USERNAME"),
		.password = getenv("REDFISH_WEB_PASSWORD"),
		.find_bmc = redfish_bmc_find,
		.ctx = (void *)state->env,
	};
	int r;

	if (!path[0])
		return err_set(err, -EINVAL, "--collector.redfish.config.file is needed");
	r = redfish_config_load(path, state->options->expand_env_vars, &surroundings, &state->arena,
		&state->settings, err);
	if (r >= 0 && state->settings.deprecated_section)
		log_warn(state->env->log,
			"the section 'redfish_web_config' is deprecated: rename it to "
			"'redfish_collector'",
			LOG_STR("collector", "redfish"), LOG_STR("file", path));
	return r;
}

/* They are read again later, by the user that the exporter becomes. */
static int need_files(struct redfish_state *state, struct err *err)
{
	const char *files[REDFISH_CONFIG_FILES_MAX];
	int r = 0;

	redfish_config_files(&state->settings, files);
	for (size_t i = 0; r >= 0 && files[i]; i++)
		r = exporter_need_path(state->env->exporter, files[i], false);
	return r < 0 ? err_errno(err, r, "noting the files of the configuration") : 0;
}

static int make_client(struct redfish_state *state, struct err *err)
{
	const struct redfish_settings *settings = &state->settings;
	const struct redfish_config config = {
		.url = settings->url,
		.service_url = settings->service_url,
		.username = settings->username,
		.password = settings->password,
		.use_session = settings->use_session_token,
		.timeout_ms = settings->timeout_ms,
		.http = &settings->http,
		.user_agent = state->user_agent,
		.clock = state->env->clock,
	};
	int r;

	snprintf(state->user_agent, sizeof(state->user_agent), "ceems_exporter/%s",
		version_info()->version);
	r = redfish_new(&config, &state->client, err);
	if (r >= 0)
		r = redfish_watch_new(state->client, &state->readings, state->env->clock,
			state->env->log, &state->watch, err);
	return r;
}

static void redfish_close(void *opaque)
{
	struct redfish_state *state = opaque;

	redfish_watch_free(state->watch);
	redfish_free(state->client);
	redfish_readings_done(&state->readings);
	arena_done(&state->arena);
	free(state);
}

static int redfish_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	struct redfish_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return err_errno(err, -ENOMEM, "redfish");
	state->env = env;
	state->options = opts;
	arena_init(&state->arena, CONFIG_ARENA_BYTES);
	redfish_readings_init(&state->readings);
	state->meter = (struct power_meter){
		.source = POWER_METER_REDFISH,
		.read = redfish_readings_total,
		.ctx = &state->readings,
		.resolution_ns = state->options->poll_interval_ns,
	};
	r = check_options(opts, err);
	if (r >= 0)
		r = load_settings(state, err);
	if (r >= 0)
		r = need_files(state, err);
	if (r >= 0)
		r = make_client(state, err);
	if (r >= 0 && exporter_add_power_meter(env->exporter, &state->meter) < 0)
		r = err_set(err, -ENOSPC, "too many meters of the node's power");
	if (r < 0) {
		redfish_close(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

static int redfish_start(void *opaque, struct err *err)
{
	struct redfish_state *state = opaque;
	const struct poller_config config = {
		.name = "redfish",
		.what = "reading the power",
		.clock = state->env->clock,
		.log = state->env->log,
		.period_ns = state->options->poll_interval_ns,
		.retry_ns = RETRY_S * S_NS,
		.poll = redfish_watch_poll,
		.ctx = state->watch,
		.account = exporter_thread_account(state->env->exporter, "redfish"),
	};

	return poller_start(&config, START_WAIT_S * S_NS, &state->poller, err);
}

/* BMCs have room for a handful of sessions. */
static void redfish_stop(void *opaque)
{
	struct redfish_state *state = opaque;
	struct err err;

	poller_stop(TAKE(state->poller));
	if (redfish_logout(state->client, LOGOUT_MS, &err) < 0)
		log_warn(state->env->log, "the Redfish session could not be ended",
			LOG_STR("collector", "redfish"), LOG_ERR(&err));
}

static int add_reading(struct scrape *s, const struct redfish_reading *reading)
{
	const char *chassis = arena_strdup(s->arena, reading->chassis);
	int r = chassis ? 0 : -ENOMEM;

	for (int v = 0; r >= 0 && v < REDFISH_N_VALUES; v++)
		if (reading->watts[v] > 0)
			r = scrape_add(
				s, &metrics[v], reading->watts[v], s->env->hostname, chassis);
	return r < 0 ? r : scrape_add_age(s, "redfish", chassis, reading->sample_ns);
}

static int redfish_collect(void *opaque, struct scrape *s)
{
	struct redfish_state *state = opaque;
	struct redfish_reading *readings = ARENA_ARRAY(
		s->arena, struct redfish_reading, REDFISH_CHASSIS_MAX);
	size_t n;
	int r = 0;

	if (!readings)
		return -ENOMEM;
	n = redfish_readings_get(&state->readings,
		clock_monotonic_ns(s->env->clock) - state->options->max_age_ns, readings);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = add_reading(s, &readings[i]);
	return r < 0 || n ? r : -ENODATA;
}

const struct collector collector_redfish = {
	.name = "redfish",
	.help = "power of the node as its BMC tells it over Redfish",
	.metrics = metrics,
	.n_metrics = REDFISH_N_VALUES,
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.options_size = sizeof(struct redfish_options),
	.open = redfish_open,
	.start = redfish_start,
	.collect = redfish_collect,
	.stop = redfish_stop,
	.close = redfish_close,
};
