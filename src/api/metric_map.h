// SPDX-License-Identifier: Apache-2.0
/* Metric maps as text and their arithmetic (spec api-server.md 3.4-3.6); no SQL functions involved.
 */
#ifndef CEEMS_API_METRIC_MAP_H
#define CEEMS_API_METRIC_MAP_H

#include "api/model.h"
#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/str.h"

/* Tolerates NULL, "", "null", NaN spellings. -EBADMSG for what is no object of numbers, -E2BIG. */
int metric_map_parse(const char *text, struct arena *arena, struct metric_map *ret_map);
/* Whether the text is JSON as metric_map_write() makes it, so that it may be passed on as it is. */
bool metric_map_is_plain(struct slice text);
/*
 * Walks through such a text from its '{' on, without memory: 1 an entry, 0 the end, -EBADMSG it is
 * not as metric_map_write() makes it (metric_map_parse() may know it nevertheless). Keys point into
 * the text, which a NUL follows.
 */
int metric_map_next(struct slice *rest, struct slice *ret_key, double *ret_value);
/* Appends {"a":1,"b":0.50000000}. */
void metric_map_write(const struct metric_map *map, struct buffer *out);
/* The same with 15 significant digits, for sums of many parts. */
void metric_map_write_exact(const struct metric_map *map, struct buffer *out);
double metric_map_get(const struct metric_map *map, const char *key); /* 0 if absent */

/* Adds to a key, in the map's own arrays; a key that isn't there is made. 0 or -ENOMEM. */
int metric_map_increase(struct metric_map *map, struct arena *arena, const char *key, double value);
/* A copy with arrays of its own; keys stay where they are. 0 or -ENOMEM. */
int metric_map_copy(const struct metric_map *map, struct arena *arena, struct metric_map *ret_map);

/* a := key-wise a + b over the union of keys; in a's own arrays if it has all of them. */
int metric_map_add(struct metric_map *a, const struct metric_map *b, struct arena *arena);
/* a := weighted mean; a key that only one map has keeps that map's value. Sum of weights <= 0: 0.
 */
int metric_map_average(struct metric_map *a, const struct metric_map *b, double weight_a,
	double weight_b, struct arena *arena);

/* Key of TOTAL_TIME_SECONDS that weighs an avg_* column; NULL for total_* columns. */
const char *unit_metric_weight(enum unit_metric metric);

#endif
