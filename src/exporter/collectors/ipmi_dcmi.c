// SPDX-License-Identifier: Apache-2.0
/*
 * The power of the node as its management controller (BMC) tells it by IPMI's Data Center
 * Manageability Interface (spec exporter-node.md 8.8): by a command, or by the kernel's device. A
 * thread asks the BMC; scrapes and the energy ledger get what came in last.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <unistd.h>

#include "exporter/collector.h"
#include "exporter/exporter.h"
#include "exporter/meters/ipmi_readings.h"
#include "exporter/meters/ipmi_tool.h"
#include "exporter/poller.h"
#include "exporter/scrape_metrics.h"
#include "host/ipmi.h"

static const struct metric metrics[DCMI_N_VALUES] = {
	[DCMI_CURRENT] = { "ceems_ipmi_dcmi_current_watts",
		"Present power of the node, as its BMC tells it by IPMI DCMI.", METRIC_GAUGE,
		{ "hostname" } },
	[DCMI_MIN] = { "ceems_ipmi_dcmi_min_watts",
		"Least power of the node in the period that its BMC keeps statistics of.",
		METRIC_GAUGE, { "hostname" } },
	[DCMI_MAX] = { "ceems_ipmi_dcmi_max_watts",
		"Highest power of the node in the period that its BMC keeps statistics of.",
		METRIC_GAUGE, { "hostname" } },
	[DCMI_AVG] = { "ceems_ipmi_dcmi_avg_watts",
		"Mean power of the node in the period that its BMC keeps statistics of.",
		METRIC_GAUGE, { "hostname" } },
};

static const int64_t S_NS = 1000000000, MS_NS = 1000000;

enum {
	RETRY_S = 1,
	PROBE_AGAIN_S = 300, /* a command that works in no way: it may have been too early */
	POLL_INTERVAL_MAX_S = 3600,
	MAX_AGE_MAX_S = 24 * 3600,
	START_SPARE_MS = 500, /* more than the reading's own limit, for its end to be noticed */
	TEST_MODE_WAIT_MS = 1000,
};

struct ipmi_dcmi_options {
	const char *cmd, *old_cmd, *device;
	int64_t dev_num;
	bool force_native, test_mode;
	int64_t poll_interval_ns, max_age_ns;
};

#define FIELD(name) offsetof(struct ipmi_dcmi_options, name)

static const struct option_def options[] = {
	{ "collector.ipmi.dcmi.cmd", OPTION_STRING, FIELD(old_cmd), .value_name = "COMMAND",
		.help = "Command that reads the power.", .replaced_by = "collector.ipmi_dcmi.cmd",
		.flags = OPTION_DEPRECATED },
	{ "collector.ipmi_dcmi.cmd", OPTION_STRING, FIELD(cmd), .value_name = "COMMAND",
		.help = "Command that reads the power, split at blanks. Without it the first of "
			"ipmi-dcmi, ipmitool, ipmiutil and capmc that is installed, or else the "
			"kernel's device." },
	{ "collector.ipmi_dcmi.dev-num", OPTION_INT, FIELD(dev_num),
		.help = "N of the kernel's device /dev/ipmiN." },
	{ "collector.ipmi_dcmi.device", OPTION_STRING, FIELD(device), .value_name = "FILE",
		.help = "Use this device and no command; or a file with the answers of a BMC, as "
			"ceems_tool capture records them." },
	{ "collector.ipmi_dcmi.force-native-mode", OPTION_BOOL, FIELD(force_native),
		.help = "Use the kernel's device and no command." },
	{ "collector.ipmi_dcmi.max-age", OPTION_DURATION_GO, FIELD(max_age_ns), .fallback = "1m",
		.help = "Values that are older are left out." },
	{ "collector.ipmi_dcmi.poll-interval", OPTION_DURATION_GO, FIELD(poll_interval_ns),
		.fallback = "5s", .help = "How often the BMC is asked." },
	{ "collector.ipmi_dcmi.test-mode", OPTION_BOOL, FIELD(test_mode),
		.help = "Run the command as it is, again for every scrape.",
		.flags = OPTION_HIDDEN },
};

struct ipmi_dcmi {
	const struct collector_env *env;
	const struct ipmi_dcmi_options *options;
	bool is_native;
	struct ipmi *device; /* native; NULL: to be opened (again) */
	struct ipmi_tool tool;
	int64_t next_probe_ns; /* of a tool that works in no way so far */
	bool told_zero; /* that the BMC tells no power */
	bool told_device; /* which device is read */
	struct ipmi_readings readings;
	struct power_meter meter;
	struct poller *poller;
};

static const capability_set FOR_DEVICE = CAPABILITY(CAP_DAC_OVERRIDE);

/* 0: a command, -ENOENT: the device. */
static int choose(const struct ipmi_dcmi_options *o, struct ipmi_tool *ret_tool, struct err *err)
{
	const char *path = getenv("PATH");

	if (o->force_native || *o->device)
		return -ENOENT;
	if (o->old_cmd[0])
		return ipmi_tool_split(o->old_cmd, ret_tool, err);
	if (o->cmd[0])
		return ipmi_tool_split(o->cmd, ret_tool, err);
	return ipmi_tool_find(path ? path : "", ipmi_tool_further_dirs, ret_tool, err);
}

static capability_set ipmi_dcmi_capabilities(const void *opts)
{
	const struct ipmi_dcmi_options *o = opts;
	struct ipmi_tool tool;

	if (choose(o, &tool, NULL) == -ENOENT)
		return FOR_DEVICE;
	return o->test_mode ? 0 : ipmi_tool_capabilities;
}

static int check_options(const struct ipmi_dcmi_options *o, struct err *err)
{
	if (o->poll_interval_ns < S_NS || o->poll_interval_ns > POLL_INTERVAL_MAX_S * S_NS)
		return err_set(
			err, -EINVAL, "--collector.ipmi_dcmi.poll-interval: not between 1s and 1h");
	if (o->max_age_ns < o->poll_interval_ns || o->max_age_ns > MAX_AGE_MAX_S * S_NS)
		return err_set(err, -EINVAL,
			"--collector.ipmi_dcmi.max-age: not between "
			"--collector.ipmi_dcmi.poll-interval and 24h");
	return 0;
}

static void log_device(struct ipmi_dcmi *state)
{
	const char *path = state->options->device;

	if (state->told_device)
		return;
	state->told_device = true;
	if (*path)
		log_info(state->env->log, "power is read from a device or a recording",
			LOG_STR("collector", "ipmi_dcmi"), LOG_STR("path", path));
	else
		log_info(state->env->log, "power is read from the kernel's IPMI device",
			LOG_STR("collector", "ipmi_dcmi"),
			LOG_INT("number", state->options->dev_num));
}

static int open_device(struct ipmi_dcmi *state, struct err *err)
{
	capability_set raised = privilege_raise(FOR_DEVICE);
	const char *path = state->options->device;
	int r = *path ? ipmi_open_path(path, &state->device, err)
		      : ipmi_open(state->options->dev_num, &state->device, err);

	privilege_lower(raised);
	if (r >= 0)
		log_device(state);
	return r;
}

/* A device that is there but closed to us costs its values, not the start: the first poll says so.
 */
static int open_native(struct ipmi_dcmi *state, struct err *err)
{
	int r = open_device(state, err);

	return r == -EACCES || r == -EPERM ? 0 : r;
}

static void log_way(const struct ipmi_dcmi *state)
{
	log_info(state->env->log, "power is read by a command", LOG_STR("collector", "ipmi_dcmi"),
		LOG_STR("command", state->tool.argv[1]),
		LOG_STR("way", ipmi_tool_way_names[state->tool.way]),
		LOG_STR("user", state->tool.root_start ? "root" : "own"));
}

static void open_tool(struct ipmi_dcmi *state)
{
	struct err err = { 0 };

	if (state->options->test_mode) {
		state->tool.way = IPMI_TOOL_AS_IS;
		log_way(state);
		return;
	}
	state->tool.root_start = geteuid() == 0;
	if (ipmi_tool_probe(&state->tool, true, -1, &err) >= 0) {
		log_way(state);
		return;
	}
	state->next_probe_ns = clock_monotonic_ns(state->env->clock) + PROBE_AGAIN_S * S_NS;
	log_warn(state->env->log, "the command works neither as it is nor by sudo nor as root",
		LOG_STR("collector", "ipmi_dcmi"), LOG_STR("command", state->tool.argv[1]),
		LOG_ERR(&err));
}

static int read_native(
	struct ipmi_dcmi *state, int cancel_fd, struct dcmi_power *ret_power, struct err *err)
{
	int r = state->device ? 0 : open_device(state, err);

	if (r >= 0)
		r = ipmi_read_power(state->device, cancel_fd, ret_power, err);
	if (r == -EBADF)
		ipmi_close(TAKE(state->device));
	return r;
}

static int read_by_tool(
	struct ipmi_dcmi *state, int cancel_fd, struct dcmi_power *ret_power, struct err *err)
{
	int64_t now_ns = clock_monotonic_ns(state->env->clock);
	int r = 0;

	if (state->tool.way == IPMI_TOOL_UNKNOWN) {
		if (now_ns < state->next_probe_ns)
			return err_set(
				err, -ENODATA, "no way to run '%s' works", state->tool.argv[1]);
		/* Not by sudo: each refusal is reported to the administrator. */
		r = ipmi_tool_probe(&state->tool, false, cancel_fd, err);
		state->next_probe_ns = now_ns + PROBE_AGAIN_S * S_NS;
		if (r >= 0)
			log_way(state);
	}
	return r < 0 ? r : ipmi_tool_read(&state->tool, cancel_fd, ret_power, err);
}

static void tell_zero(struct ipmi_dcmi *state, bool is_zero)
{
	if (is_zero && !state->told_zero)
		log_error(state->env->log, "the BMC tells a power of 0",
			LOG_STR("collector", "ipmi_dcmi"));
	state->told_zero = is_zero;
}

static int poll_power(void *ctx, int cancel_fd, struct err *err)
{
	struct ipmi_dcmi *state = ctx;
	struct dcmi_power power;
	int r;

	ipmi_readings_begin(&state->readings);
	r = state->is_native ? read_native(state, cancel_fd, &power, err)
			     : read_by_tool(state, cancel_fd, &power, err);
	r = ipmi_readings_end(&state->readings, r, &power, clock_monotonic_ns(state->env->clock));
	if (r >= 0)
		tell_zero(state, r == 1);
	return r < 0 ? r : 0;
}

static void ipmi_dcmi_close(void *opaque)
{
	struct ipmi_dcmi *state = opaque;

	ipmi_close(state->device);
	ipmi_readings_done(&state->readings);
	free(state);
}

static int open_mode(struct ipmi_dcmi *state, struct err *err)
{
	int r = choose(state->options, &state->tool, err);

	state->is_native = r == -ENOENT;
	if (state->is_native)
		return open_native(state, err);
	if (r < 0)
		return err_prefix(err, r, "--collector.ipmi_dcmi.cmd");
	open_tool(state);
	return 0;
}

static int ipmi_dcmi_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	struct ipmi_dcmi *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return err_errno(err, -ENOMEM, "ipmi_dcmi");
	state->env = env;
	state->options = opts;
	ipmi_readings_init(&state->readings);
	state->meter = (struct power_meter){
		.source = POWER_METER_IPMI,
		.read = ipmi_readings_meter,
		.ctx = &state->readings,
		.resolution_ns = state->options->poll_interval_ns,
	};
	r = check_options(opts, err);
	if (r >= 0)
		r = open_mode(state, err);
	if (r >= 0 && exporter_add_power_meter(env->exporter, &state->meter) < 0)
		r = err_set(err, -ENOSPC, "too many meters of the node's power");
	if (r < 0) {
		ipmi_dcmi_close(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

/* The first values are there for the first scrape, unless the BMC needs longer than it may. */
static int64_t start_wait_ns(const struct ipmi_dcmi *state)
{
	int64_t limit_ms = IPMI_TOOL_TIMEOUT_MS;

	if (state->is_native)
		limit_ms = IPMI_REQUEST_TIMEOUT_MS;
	else if (state->tool.way == IPMI_TOOL_BY_SUDO)
		limit_ms = IPMI_TOOL_SUDO_TIMEOUT_MS;
	return (limit_ms + START_SPARE_MS) * MS_NS;
}

static int ipmi_dcmi_start(void *opaque, struct err *err)
{
	struct ipmi_dcmi *state = opaque;
	const struct poller_config config = {
		.name = "ipmi_dcmi",
		.what = "reading the power",
		.clock = state->env->clock,
		.log = state->env->log,
		.period_ns = state->options->poll_interval_ns,
		.retry_ns = RETRY_S * S_NS,
		.poll = poll_power,
		.ctx = state,
		.account = exporter_thread_account(state->env->exporter, "ipmi_dcmi"),
	};

	return poller_start(&config, start_wait_ns(state), &state->poller, err);
}

static void ipmi_dcmi_stop(void *opaque)
{
	struct ipmi_dcmi *state = opaque;

	poller_stop(TAKE(state->poller));
}

/* Who compares the answer with the command's output wants what it prints now; for a while. */
static void read_anew(struct ipmi_dcmi *state)
{
	uint64_t number = ipmi_readings_next(&state->readings);

	poller_wake(state->poller);
	ipmi_readings_wait(&state->readings, number, TEST_MODE_WAIT_MS);
}

static int ipmi_dcmi_collect(void *opaque, struct scrape *s)
{
	struct ipmi_dcmi *state = opaque;
	struct dcmi_power power;
	int64_t sample_ns;
	int r;

	if (state->options->test_mode)
		read_anew(state);
	r = ipmi_readings_get(&state->readings,
		clock_monotonic_ns(s->env->clock) - state->options->max_age_ns, &power, &sample_ns);
	if (r != 0)
		return r < 0 ? r : 0;
	for (int v = 0; r >= 0 && v < DCMI_N_VALUES; v++)
		if (power.watts[v] > 0)
			r = scrape_add(s, &metrics[v], power.watts[v], s->env->hostname);
	return r < 0 ? r : scrape_add_age(s, "ipmi_dcmi", "", sample_ns);
}

const struct collector collector_ipmi_dcmi = {
	.name = "ipmi_dcmi",
	.help = "power of the node as its BMC tells it by IPMI DCMI",
	.metrics = metrics,
	.n_metrics = DCMI_N_VALUES,
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.options_size = sizeof(struct ipmi_dcmi_options),
	.capabilities = ipmi_dcmi_capabilities,
	.open = ipmi_dcmi_open,
	.start = ipmi_dcmi_start,
	.collect = ipmi_dcmi_collect,
	.stop = ipmi_dcmi_stop,
	.close = ipmi_dcmi_close,
};
