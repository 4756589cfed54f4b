// SPDX-License-Identifier: Apache-2.0
/*
 * The time series of units as CSV files (spec tool-cacct-deploy.md 2.6): each query of the
 * configuration is asked for each unit, over the time that it ran. A series is named by the hash
 * of its labels, which metadata.json tells.
 */
#ifndef CEEMS_CACCT_SERIES_H
#define CEEMS_CACCT_SERIES_H

#include "cacct/reply.h"
#include "cacct/settings.h"
#include "remote/tsdb.h"

struct series_job {
	const struct settings *settings; /* with the TSDB's section */
	const struct records *units;
	const char *dir; /* is made with mode 0700 */
	int64_t now_ms; /* the end of what still runs */
	int64_t deadline_ns; /* monotonic */
};

/* What fails for one unit and query is said on stderr and left out; an error ends the dump. */
int series_dump(const struct series_job *job, struct err *err);

/* FNV-1a, 64 bits, of each name and value with a byte 0xff behind; labels are sorted by name. */
uint64_t series_fingerprint(const struct tsdb_series *series);

/* The step of 10 s, or longer where Prometheus would refuse so many points. */
int64_t series_step_ms(int64_t span_ms);

/* The query for a unit: its id for each '%s', escaped for a string of PromQL. */
void series_query(const char *format, const char *uuid, struct buffer *out);

#endif
