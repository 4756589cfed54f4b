// SPDX-License-Identifier: Apache-2.0
/* The order of families and series; only exposition.c includes it. */
#ifndef CEEMS_FORMAT_EXPOSITION_SORT_H
#define CEEMS_FORMAT_EXPOSITION_SORT_H

#include <stdbool.h>

#include "format/exposition.h"

struct family {
	const struct metric *metric;
	size_t index; /* order of arrival */
	size_t n_labels;
	uint8_t order[METRIC_LABELS_MAX]; /* label names sorted, as indices into the metric's */
	struct sample *first, **end;
	uint32_t n_samples;
	uint32_t mark; /* of the exposition when 'marked' was added */
	struct sample *marked; /* the first one after that mark */
};

struct sample {
	struct sample *next; /* in the family, in order of arrival */
	const struct family *family;
	union {
		double value;
		int64_t micro;
	};
	bool is_micro;
	uint32_t index; /* in the family */
	const char *values[]; /* in the family's order of labels */
};

/* By label values in the order of label names, then by the names. */
int sample_compare(const struct sample *a, const struct sample *b);

bool families_same(const struct family *a, const struct family *b); /* same name */
void families_sort(struct family **families, size_t n); /* by name, then by arrival */

/* Sorts the samples of one family after another in the same memory. */
struct sorter {
	const struct sample **samples; /* the result */
	size_t n;
	const struct sample **scratch;
	uint32_t *order; /* of the last family that had to be sorted, as sample indices */
	size_t n_order;
};

int sorter_init(struct sorter *sorter, struct arena *arena, size_t max_samples);
void sorter_load(struct sorter *sorter, struct family *const *families, size_t n_families);

#endif
