// SPDX-License-Identifier: Apache-2.0
/* What gathering and printing a scrape costs: jobs times families, in nanoseconds of CPU
 * time per sample. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/exposition.h"

enum { FAMILIES = 15, ROUNDS = 20 };

static struct metric metrics[FAMILIES];

/* What families of the exporter hold: whole bytes, ticks of 10 ms, microjoules, ratios. */
static int add(struct exposition *e, const struct metric *m, size_t kind, size_t job,
	const char *const *labels)
{
	switch (kind % 4) {
	case 0:
		return exposition_add(e, m, (double)(job * 4096 + 1073741824), labels);
	case 1:
		return exposition_add(e, m, (double)(job * 977 + 13) / 100, labels);
	case 2:
		return exposition_add_micro(e, m, (int64_t)job * 1234567891, labels);
	default:
		return exposition_add(e, m, (double)(job + 1) / 977, labels);
	}
}

static int scrape(struct arena *arena, struct buffer *out, char (*uuids)[16], size_t jobs)
{
	struct exposition *e;
	size_t duplicates;

	arena_reset(arena);
	buffer_clear(out);
	e = exposition_new(arena);
	for (size_t j = 0; e && j < jobs; j++) {
		for (size_t f = 0; f < FAMILIES; f++) {
			const char *labels[] = { "slurm", "node17", "", uuids[j] };

			if (add(e, &metrics[f], f, j, labels) < 0)
				return -1;
		}
	}
	return e ? exposition_write(e, EXPOSITION_TEXT, out, &duplicates) : -1;
}

int main(int argc, char **argv)
{
	size_t jobs = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
	char(*uuids)[16] = calloc(jobs, sizeof(*uuids));
	char names[FAMILIES][32];
	struct buffer out;
	struct arena arena;
	clock_t start;
	int r = 0;

	arena_init(&arena, 1UL << 30);
	buffer_init(&out, 0);
	for (size_t f = 0; f < FAMILIES; f++) {
		snprintf(names[f], sizeof(names[f]), "ceems_family_%zu", f);
		metrics[f] = (struct metric){ names[f], "Help.", METRIC_GAUGE,
			{ "manager", "hostname", "cgrouphostname", "uuid" } };
	}
	/* Numbers of seven digits, in the order of a directory: none. */
	for (size_t j = 0; uuids && j < jobs; j++)
		snprintf(uuids[j], sizeof(uuids[j]), "%zu", 1000000 + j * 7919 % 999983);
	start = clock();
	for (int i = 0; uuids && i < ROUNDS && r >= 0; i++)
		r = scrape(&arena, &out, uuids, jobs);
	printf("exposition: %zu samples, %zu bytes, %.0f ns per sample, arena %zu bytes\n",
		jobs * FAMILIES, out.len,
		(double)(clock() - start) * 1e9 / CLOCKS_PER_SEC / ROUNDS /
			(double)(jobs * FAMILIES),
		arena.peak_bytes);
	arena_done(&arena);
	buffer_done(&out);
	free(uuids);
	return r < 0;
}
