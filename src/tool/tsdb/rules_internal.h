// SPDX-License-Identifier: Apache-2.0
/* What the files that write rules share. Nobody else includes this. */
#ifndef CEEMS_TOOL_TSDB_RULES_INTERNAL_H
#define CEEMS_TOOL_TSDB_RULES_INTERNAL_H

#include "basic/arena.h"
#include "tool/tsdb/rules.h"

enum { RULES_WORDS_MAX = 20, RULES_WORDS_MAX_BYTES = 1 << 20, RULES_RATE_SCRAPES = 4 };

#define RULES_FACTOR_SERIES "ceems_emissions_gCo2_kWh{country_code=$COUNTRY,provider=$PROVIDER}"

struct rules_word {
	const char *name;
	const char *text;
};

struct rules_writer {
	const struct rules_job *job;
	const struct rules_settings *settings;
	struct arena arena;
	struct rules_word words[RULES_WORDS_MAX]; /* of the group that is being written */
	size_t n_words;
	const char *units; /* $UNITS, not quoted */
	const char *provider; /* of the rule set that is being written, quoted */
	const char *host, *meter; /* $HOST, $METER; "" without such a meter */
	struct buffer *out;
	int error;
};

/* A copy for the table of words; NULL (and a sticky error) without memory. */
const char *rules_keep(struct rules_writer *w, const char *text);

/* Sets the words for a group with this interval. */
void rules_set_words(struct rules_writer *w, int64_t eval_ms);
void rules_set_provider(struct rules_writer *w, const char *provider); /* $PROVIDER */

/* Every line but the first gets indent blanks in front. */
void rules_put_text(struct rules_writer *w, const char *text, size_t indent);
/* Also sets the words of the group. */
void rules_put_group(struct rules_writer *w, const char *prefix, int64_t interval_ms);
/* labels: lines of YAML, or NULL. Texts hold $WORDS. */
void rules_put_rule(
	struct rules_writer *w, const char *record, const char *labels, const char *expr);
void rules_put_comment(struct rules_writer *w, const char *text);

/* Sets $HOST and $METER where the job's source is IPMI or Redfish. */
void rules_set_meter(struct rules_writer *w);
void rules_put_unit_power_meter(struct rules_writer *w);
void rules_put_job_power_meter(struct rules_writer *w);
void rules_put_unit_power_cray(struct rules_writer *w);
void rules_put_job_power_cray(struct rules_writer *w);

#endif
