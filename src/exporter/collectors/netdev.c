// SPDX-License-Identifier: Apache-2.0
/* What network interfaces counted (/proc/net/dev), of the network namespace that we are in. */
#include <errno.h>
#include <stdlib.h>

#include "basic/file.h"
#include "exporter/collector.h"
#include "format/pattern.h"
#include "host/net_dev.h"

#define COUNTER(name_, help_)                                                                  \
	{                                                                                      \
		.name = "ceems_netdev_" name_ "_total", .help = help_, .type = METRIC_COUNTER, \
		.labels = {                                                                    \
			"hostname",                                                            \
			"device"                                                               \
		}                                                                              \
	}

/* In the order of the file's columns. */
static const struct metric metrics[NET_DEV_COLUMNS] = {
	COUNTER("receive_bytes", "Bytes received."),
	COUNTER("receive_packets", "Packets received."),
	COUNTER("receive_errors", "Errors while receiving."),
	COUNTER("receive_dropped", "Received packets that were dropped."),
	COUNTER("receive_fifo", "Overruns while receiving."),
	COUNTER("receive_frame", "Framing errors while receiving."),
	COUNTER("receive_compressed", "Compressed packets received."),
	COUNTER("receive_multicast", "Multicast packets received."),
	COUNTER("transmit_bytes", "Bytes transmitted."),
	COUNTER("transmit_packets", "Packets transmitted."),
	COUNTER("transmit_errors", "Errors while transmitting."),
	COUNTER("transmit_dropped", "Packets dropped instead of transmitted."),
	COUNTER("transmit_fifo", "Overruns while transmitting."),
	COUNTER("transmit_colls", "Collisions while transmitting."),
	COUNTER("transmit_carrier", "Losses of carrier while transmitting."),
	COUNTER("transmit_compressed", "Compressed packets transmitted."),
};

struct netdev_options {
	const char *include, *exclude;
};

static const struct option_def options[] = {
	{ "collector.netdev.device-include", OPTION_STRING,
		offsetof(struct netdev_options, include),
		.help = "Regular expression of the interfaces to report." },
	{ "collector.netdev.device-exclude", OPTION_STRING,
		offsetof(struct netdev_options, exclude),
		.help = "Regular expression of the interfaces to leave out." },
};

struct netdev {
	struct pattern *include, *exclude; /* NULL: not given */
};

static void netdev_close(void *state)
{
	struct netdev *netdev = state;

	pattern_free(netdev->include);
	pattern_free(netdev->exclude);
	free(netdev);
}

static bool is_given(const char *text)
{
	return text && *text;
}

static int filter(const char *flag, const char *text, struct pattern **ret_pattern, struct err *err)
{
	int r = is_given(text) ? pattern_new(text, ret_pattern, err) : 0;

	return r < 0 ? err_prefix(err, r, "--%s", flag) : 0;
}

static int netdev_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	const struct netdev_options *o = opts;
	struct netdev *netdev;
	int r;

	if (is_given(o->include) && is_given(o->exclude))
		return err_set(err, -EINVAL, "--%s and --%s can't be used together",
			options[0].name, options[1].name);
	netdev = calloc(1, sizeof(*netdev));
	if (!netdev)
		return err_errno(err, -ENOMEM, "netdev");
	r = filter(options[0].name, o->include, &netdev->include, err);
	if (r >= 0)
		r = filter(options[1].name, o->exclude, &netdev->exclude, err);
	if (r < 0) {
		netdev_close(netdev);
		return r;
	}
	*ret_state = netdev;
	return 0;
}

static bool is_wanted(const struct netdev *netdev, struct slice name)
{
	if (netdev->include)
		return pattern_matches(netdev->include, name);
	return !netdev->exclude || !pattern_matches(netdev->exclude, name);
}

static int add_interface(struct scrape *s, const struct net_dev_line *line)
{
	char *device = arena_strndup(s->arena, line->name.p, line->name.n);
	int r = device ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < NET_DEV_COLUMNS; i++)
		r = scrape_add(s, &metrics[i], (double)line->columns[i], s->env->hostname, device);
	return r;
}

static int netdev_collect(void *state, struct scrape *s)
{
	const struct netdev *netdev = state;
	struct buffer text = { 0 };
	struct net_dev_line line;
	struct slice rest;
	int r = file_read(s->env->host->procfs_fd, "net/dev", NET_DEV_MAX_BYTES, &text);

	rest = (struct slice){ buffer_text(&text), text.len };
	net_dev_skip_header(&rest);
	while (r >= 0 && net_dev_next(&rest, &line))
		r = is_wanted(netdev, line.name) ? add_interface(s, &line) : 0;
	buffer_done(&text);
	return r;
}

const struct collector collector_netdev = {
	.name = "netdev",
	.help = "counters of network interfaces",
	.needs = COLLECTOR_NEEDS_PROCFS,
	.metrics = metrics,
	.n_metrics = NET_DEV_COLUMNS,
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.options_size = sizeof(struct netdev_options),
	.open = netdev_open,
	.collect = netdev_collect,
	.close = netdev_close,
};
