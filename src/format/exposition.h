// SPDX-License-Identifier: Apache-2.0
/*
 * Prometheus exposition: text format 0.0.4 exactly as in spec exporter-node.md 3.2, and
 * OpenMetrics 1.0. Samples are gathered in an arena in any order, then written sorted.
 */
#ifndef CEEMS_FORMAT_EXPOSITION_H
#define CEEMS_FORMAT_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/arena.h"
#include "basic/buffer.h"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER };
enum { METRIC_LABELS_MAX = 10 };

/* A family. Names are a public interface. Descriptors outlive every exposition that they are used
 * in. */
struct metric {
	const char *name; /* whole name, "ceems_" included */
	const char *help;
	enum metric_type type;
	const char *labels[METRIC_LABELS_MAX]; /* in the order in which values are handed in */
};

struct exposition; /* lives in the arena */

struct exposition *exposition_new(struct arena *arena); /* NULL: out of memory */

/*
 * Label values are given in the order of metric->labels, one for each; they are borrowed until
 * exposition_write(). Any bytes: invalid UTF-8 is replaced by U+FFFD when written. 0 or -ENOMEM.
 */
int exposition_add(struct exposition *e, const struct metric *metric, double value,
	const char *const *label_values);

/* The value is an exact count of millionths, for instance microjoules of a counter in joules. */
int exposition_add_micro(struct exposition *e, const struct metric *metric, int64_t micro,
	const char *const *label_values);

size_t exposition_count(const struct exposition *e);

/* A sample that was added, its label values in the order of metric->labels. */
struct exposition_sample {
	const struct metric *metric;
	bool is_micro;
	union {
		double value;
		int64_t micro;
	};
	const char *values[METRIC_LABELS_MAX];
	size_t n_values;
};

/* Samples that are added from now on are what exposition_each_marked() hands out. */
void exposition_mark(struct exposition *e);
/* Family by family. A negative result of each() ends it and is returned. */
int exposition_each_marked(const struct exposition *e,
	int (*each)(void *ctx, const struct exposition_sample *sample), void *ctx);

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

/*
 * Of samples with equal name and labels the first is kept; ret_duplicates counts the others. Two
 * descriptors with the same name are one family (the first's help and type).
 */
int exposition_write(struct exposition *e, enum exposition_format format, struct buffer *out,
	size_t *ret_duplicates);

#endif
