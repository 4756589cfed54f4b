// SPDX-License-Identifier: Apache-2.0
/*
 * What a collector is: a row of the generated table in collectors.c. See docs/architecture.md for
 * how to add one.
 */
#ifndef CEEMS_EXPORTER_COLLECTOR_H
#define CEEMS_EXPORTER_COLLECTOR_H

#include <stdbool.h>

#include "basic/arena.h"
#include "basic/clock.h"
#include "basic/err.h"
#include "basic/log.h"
#include "basic/options.h"
#include "format/exposition.h"
#include "host/privilege.h"
#include "host/root.h"

struct exporter; /* shared services: see exporter.h */

/* What collectors get at open; outlives them. */
struct collector_env {
	const struct host_root *host;
	const struct clock *clock;
	const struct log *log;
	const char *hostname; /* label value; may be "" */
	struct exporter *exporter;
};

/* One scrape of one collector. */
struct scrape {
	const struct collector_env *env;
	struct exposition *out;
	struct arena *arena; /* lives until the answer is written */
	const struct log *log;
};

/* What a collector can't do without: the start ends if it is missing. */
enum { COLLECTOR_NEEDS_PROCFS = 1, COLLECTOR_NEEDS_SYSFS = 2 };

struct collector {
	const char *name; /* --collector.NAME */
	const char *help; /* "Enable the NAME collector (HELP)." */
	bool default_on;
	unsigned needs;
	const struct metric *metrics; /* every family that it can emit */
	size_t n_metrics;
	const struct option_def *options; /* its own flags; offsets into a struct of options_size */
	size_t n_options;
	size_t options_size;
	capability_set (*capabilities)(const void *options); /* may be NULL */
	/* Before privileges are dropped. An error ends the program. May be NULL. */
	int (*open)(const struct collector_env *env, const void *options, void **ret_state,
		struct err *err);
	/* After the drop, before the listener: start threads here. May be NULL. */
	int (*start)(void *state, struct err *err);
	/* May run concurrently with itself unless serialised by its own lock. 0, -ENODATA or
	 * -errno. */
	int (*collect)(void *state, struct scrape *s);
	/* Ends the threads that start() made. All stop() run before the first close(). May be NULL.
	 */
	void (*stop)(void *state);
	void (*close)(void *state); /* may be NULL */
};

/* Generated from the list in collectors/meson.build; sorted by name. */
extern const struct collector *const collectors[];
extern const size_t n_collectors;

/* Adds a sample; label values follow in the metric's order. 0 or -ENOMEM. */
#define scrape_add(s, metric, value, ...) \
	exposition_add((s)->out, (metric), (value), (const char *const[]){ __VA_ARGS__ })
#define scrape_add_micro(s, metric, micro, ...) \
	exposition_add_micro((s)->out, (metric), (micro), (const char *const[]){ __VA_ARGS__ })

/* Says at debug level that one object of a collector was left out, and why. */
#define scrape_skip(s, collector_name, object, r)                               \
	log_debug((s)->log, "left out", LOG_STR("collector", (collector_name)), \
		LOG_STR("object", (object)), LOG_STR("err", err_name(r)))

#endif
