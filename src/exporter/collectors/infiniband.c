// SPDX-License-Identifier: Apache-2.0
/*
 * State and counters of the ports of RDMA devices (/sys/class/infiniband). A file that is missing
 * or says that the device doesn't count ("N/A (no PMA)") costs its own series.
 */
#include <errno.h>

#include "basic/file.h"
#include "exporter/collector.h"
#include "host/infiniband.h"
#include "host/sysfs.h"

enum { INFO, STATE, PHYSICAL_STATE, RATE, FIRST_COUNTER };

#define GAUGE(name_, help_)                                                             \
	{                                                                               \
		.name = "ceems_infiniband_" name_, .help = help_, .type = METRIC_GAUGE, \
		.labels = {                                                             \
			"device",                                                       \
			"port"                                                          \
		}                                                                       \
	}
#define COUNTER(name_, help_)                                                                      \
	{                                                                                          \
		.name = "ceems_infiniband_" name_ "_total", .help = help_, .type = METRIC_COUNTER, \
		.labels = {                                                                        \
			"device",                                                                  \
			"port"                                                                     \
		}                                                                                  \
	}

static const struct metric metrics[] = {
	[INFO] = {
		.name = "ceems_infiniband_info",
		.help = "A device and its firmware; always 1.",
		.type = METRIC_GAUGE,
		.labels = { "device", "board_id", "firmware_version", "hca_type" },
	},
	[STATE] = GAUGE("state_id",
		"State of a port: 0 no change, 1 down, 2 init, 3 armed, 4 active, 5 active-defer."),
	[PHYSICAL_STATE] = GAUGE("physical_state_id",
		"Physical state of a port: 0 no change, 1 sleep, 2 polling, 3 disabled, 4 shift, "
		"5 link up, 6 link error recovery, 7 PHY test."),
	[RATE] = GAUGE("rate_bytes_per_second", "Highest rate of a port."),
	[FIRST_COUNTER] = COUNTER("excessive_buffer_overrun_errors",
		"Times that excessive buffer overruns were counted."),
	COUNTER("link_downed", "Times that the link failed to recover and went down."),
	COUNTER("link_error_recovery", "Times that the link recovered from errors."),
	COUNTER("local_link_integrity_errors", "Times that local errors of the link were too many."),
	COUNTER("symbol_error", "Minor errors of the link on physical lanes."),
	COUNTER("port_errors_received", "Packets received that contain an error."),
	COUNTER("multicast_packets_received", "Multicast packets received."),
	COUNTER("multicast_packets_transmitted", "Multicast packets transmitted."),
	COUNTER("unicast_packets_received", "Unicast packets received."),
	COUNTER("unicast_packets_transmitted", "Unicast packets transmitted."),
	COUNTER("port_constraint_errors_received",
		"Packets received that the switch's physical port discarded."),
	COUNTER("port_constraint_errors_transmitted",
		"Packets not transmitted from the switch's physical port."),
	COUNTER("port_data_received_bytes", "Bytes received on all virtual lanes."),
	COUNTER("port_data_transmitted_bytes", "Bytes transmitted on all virtual lanes."),
	COUNTER("port_discards_received", "Packets received that the port discarded."),
	COUNTER("port_discards_transmitted", "Packets that the port discarded as it was down or "
					     "congested."),
	COUNTER("port_packets_received", "Packets received on all virtual lanes."),
	COUNTER("port_packets_transmitted", "Packets transmitted on all virtual lanes."),
	COUNTER("port_receive_remote_physical_errors",
		"Packets received that were marked as bad on their way."),
	COUNTER("port_receive_switch_relay_errors",
		"Packets received that the switch could not forward."),
	COUNTER("port_transmit_wait", "Ticks during which there was data to send, and no data sent."),
	COUNTER("vl15_dropped", "Packets on virtual lane 15 that were dropped for lack of buffers."),
	COUNTER("legacy_data_received_bytes", "Bytes received, by a device's older counters."),
	COUNTER("legacy_data_transmitted_bytes", "Bytes transmitted, by a device's older counters."),
	COUNTER("legacy_packets_received", "Packets received, by a device's older counters."),
	COUNTER("legacy_packets_transmitted", "Packets transmitted, by a device's older counters."),
	COUNTER("legacy_multicast_packets_received",
		"Multicast packets received, by a device's older counters."),
	COUNTER("legacy_multicast_packets_transmitted",
		"Multicast packets transmitted, by a device's older counters."),
	COUNTER("legacy_unicast_packets_received",
		"Unicast packets received, by a device's older counters."),
	COUNTER("legacy_unicast_packets_transmitted",
		"Unicast packets transmitted, by a device's older counters."),
};

enum { N_METRICS = ARRAY_SIZE(metrics), N_COUNTERS = N_METRICS - FIRST_COUNTER };

/* In the order of the metrics. */
static const char *const counter_files[] = {
	"counters/excessive_buffer_overrun_errors",
	"counters/link_downed",
	"counters/link_error_recovery",
	"counters/local_link_integrity_errors",
	"counters/symbol_error",
	"counters/port_rcv_errors",
	"counters/multicast_rcv_packets",
	"counters/multicast_xmit_packets",
	"counters/unicast_rcv_packets",
	"counters/unicast_xmit_packets",
	"counters/port_rcv_constraint_errors",
	"counters/port_xmit_constraint_errors",
	"counters/port_rcv_data",
	"counters/port_xmit_data",
	"counters/port_rcv_discards",
	"counters/port_xmit_discards",
	"counters/port_rcv_packets",
	"counters/port_xmit_packets",
	"counters/port_rcv_remote_physical_errors",
	"counters/port_rcv_switch_relay_errors",
	"counters/port_xmit_wait",
	"counters/VL15_dropped",
	"counters_ext/port_rcv_data_64",
	"counters_ext/port_xmit_data_64",
	"counters_ext/port_rcv_packets_64",
	"counters_ext/port_xmit_packets_64",
	"counters_ext/port_multicast_rcv_packets",
	"counters_ext/port_multicast_xmit_packets",
	"counters_ext/port_unicast_rcv_packets",
	"counters_ext/port_unicast_xmit_packets",
};
_Static_assert(ARRAY_SIZE(counter_files) == N_COUNTERS, "a file for each counter");

static bool counts_words(const struct metric *metric)
{
	return str_ends(metric->name, "_bytes_total");
}

static int add_counters(struct scrape *s, const char *device, const char *port, int port_fd)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < N_COUNTERS; i++) {
		const struct metric *metric = &metrics[FIRST_COUNTER + i];
		uint64_t value;

		if (infiniband_read_counter(port_fd, counter_files[i], &value) < 0)
			continue;
		r = scrape_add(s, metric,
			(double)value * (counts_words(metric) ? INFINIBAND_WORDS_TO_BYTES : 1),
			device, port);
	}
	return r;
}

/* Without counters/ the older ones aren't looked at either (irdma has neither). */
static bool has_counters(int port_fd)
{
	CLEANUP(file_closep) int fd = sysfs_open_dir(port_fd, "counters");

	return fd >= 0;
}

static int add_port(void *ctx, const char *device, const char *port, int port_fd)
{
	struct scrape *s = ctx;
	double rate;
	uint64_t id;
	int r = 0;

	if (infiniband_read_state(port_fd, "state", &id) >= 0)
		r = scrape_add(s, &metrics[STATE], (double)id, device, port);
	if (r >= 0 && infiniband_read_state(port_fd, "phys_state", &id) >= 0)
		r = scrape_add(s, &metrics[PHYSICAL_STATE], (double)id, device, port);
	if (r >= 0 && infiniband_read_rate(port_fd, &rate) >= 0)
		r = scrape_add(s, &metrics[RATE], rate, device, port);
	if (r >= 0 && has_counters(port_fd))
		r = add_counters(s, device, port, port_fd);
	return r;
}

/* The text of an attribute; "" without it, NULL: out of memory. */
static const char *read_text(struct scrape *s, int device_fd, const char *file)
{
	char text[SYSFS_TEXT_MAX];
	struct slice value;

	if (sysfs_read(device_fd, file, text, &value) < 0)
		return "";
	return arena_strndup(s->arena, value.p, value.n);
}

static int add_device(void *ctx, const char *device, int device_fd)
{
	struct scrape *s = ctx;
	char text[SYSFS_TEXT_MAX];
	const char *firmware, *board, *hca;
	struct slice value;
	int r = sysfs_read(device_fd, "fw_ver", text, &value);

	if (r < 0) {
		scrape_skip(s, "infiniband", device, r);
		return 0;
	}
	firmware = arena_strndup(s->arena, value.p, value.n);
	board = read_text(s, device_fd, "board_id");
	hca = read_text(s, device_fd, "hca_type");
	if (!firmware || !board || !hca)
		return -ENOMEM;
	return scrape_add(s, &metrics[INFO], 1, device, board, firmware, hca);
}

static int infiniband_collect(void *state, struct scrape *s)
{
	const struct infiniband_visitor visitor = { add_device, add_port, s };

	return infiniband_walk(s->env->host->sysfs_fd, s->arena, &visitor);
}

const struct collector collector_infiniband = {
	.name = "infiniband",
	.help = "state and counters of RDMA devices",
	.needs = COLLECTOR_NEEDS_SYSFS,
	.metrics = metrics,
	.n_metrics = N_METRICS,
	.collect = infiniband_collect,
};
