// SPDX-License-Identifier: Apache-2.0
/* Job names, providers and country codes are the servers' texts: they must stay inside their
 * quotes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tsdb/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct buffer out, quoted = { 0 };
	const char *providers[] = { text };
	struct rules_job job = { .name = text,
		.scrape_interval_ms = 1500,
		.source = size % 2 ? POWER_LEDGER : POWER_RAPL,
		.has_rapl = true,
		.has_dram = true };
	struct rules_settings settings = { .pue = 1,
		.eval_interval_ms = 30000,
		.emission = { .providers = { providers, 1 }, .country_code = text } };

	memcpy(text, data, size);
	text[size] = '\0';
	buffer_init(&out, RULES_MAX_BYTES);
	rules_append_quoted(&quoted, text);
	for (size_t i = 1; i + 1 < quoted.len; i++) {
		if ((unsigned char)quoted.data[i] < 0x20 || quoted.data[i] == '"')
			abort();
		if (quoted.data[i] == '\\')
			i++;
	}
	if (rules_write(&job, &settings, &out) >= 0 && out.len == 0)
		abort();
	buffer_done(&quoted);
	buffer_done(&out);
	free(text);
	return 0;
}
