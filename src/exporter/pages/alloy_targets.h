// SPDX-License-Identifier: Apache-2.0
/*
 * The processes of units as targets for Grafana Alloy's discovery.http, which hands them to
 * pyroscope.ebpf (spec exporter-units.md 9). Every call from any thread.
 */
#ifndef CEEMS_EXPORTER_PAGES_ALLOY_TARGETS_H
#define CEEMS_EXPORTER_PAGES_ALLOY_TARGETS_H

#include "basic/buffer.h"
#include "exporter/exporter.h"

enum {
	ALLOY_TARGETS_MAX = 65536, /* processes; the others are left out with a warning */
	ALLOY_CMDLINE_MAX_BYTES = 256 << 10, /* that are looked at */
	ALLOY_ENVIRON_MAX_BYTES = 1 << 20,
};

/* Pointers are borrowed and outlive the object. */
struct alloy_targets_config {
	struct exporter *exporter; /* with the tables of its units */
	const struct host_root *host;
	const struct clock *clock;
	const struct log *log;
	struct strings env_vars; /* processes without one of them are left out; none: all are in */
	bool self; /* the exporter is a target too */
};

struct alloy_targets;

/* -ENODATA: no collector has units. -ENOMEM. */
int alloy_targets_new(const struct alloy_targets_config *config, struct alloy_targets **ret_targets,
	struct err *err);
void alloy_targets_free(struct alloy_targets *targets); /* NULL is fine */

/* What looking at environments takes. */
capability_set alloy_targets_capabilities(const struct strings *env_vars);

/*
 * Appends the JSON text. It is made anew when it is older than ALLOY_FRESH_NS; who asks while it is
 * being made gets the one before. 0, or -errno with a sentence: no target, and units could not be
 * found.
 */
#define ALLOY_FRESH_NS (2 * 1000000000LL)
int alloy_targets_write(struct alloy_targets *targets, struct buffer *body, struct err *err);

#endif
