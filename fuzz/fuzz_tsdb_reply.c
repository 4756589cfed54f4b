// SPDX-License-Identifier: Apache-2.0
/* The first byte chooses the reader, the rest is a reply of a Prometheus server. */
#include <stdint.h>

#include "remote/tsdb_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsdb_settings settings = { 0 };
	struct tsdb_sample *samples;
	struct tsdb_range *ranges;
	struct tsdb_series *series;
	struct tsdb_target *targets;
	struct tsdb_rule *rules;
	struct strings values;
	struct arena arena;
	struct slice json;
	struct err err;
	size_t n;

	if (!size)
		return 0;
	json = (struct slice){ (const char *)data + 1, size - 1 };
	arena_init(&arena, 8 << 20);
	switch (data[0] % 8) {
	case 0:
		if (tsdb_reply_vector(json, &arena, &samples, &n, &err) == 0)
			for (size_t i = 0; i < n; i++)
				tsdb_series_label(&samples[i].series, "uuid");
		tsdb_reply_matrix(json, &arena, &ranges, &n, &err);
		break;
	case 1:
		tsdb_reply_series(json, &arena, &series, &n, &err);
		break;
	case 2:
		tsdb_reply_strings(json, &arena, &values, &err);
		break;
	case 3:
		tsdb_reply_targets(json, &arena, &targets, &n, &err);
		break;
	case 4:
		tsdb_reply_config(json, &arena, &settings, &err);
		break;
	case 5:
		tsdb_reply_flags(json, &settings, &err);
		break;
	case 6:
		tsdb_reply_runtimeinfo(json, &settings, &err);
		break;
	default:
		tsdb_reply_error(json, &arena);
		tsdb_reply_rules(json, &arena, &rules, &n, &err);
	}
	arena_done(&arena);
	return 0;
}
