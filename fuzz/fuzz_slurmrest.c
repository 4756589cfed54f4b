// SPDX-License-Identifier: Apache-2.0
/* The first byte chooses the reader, the rest is a reply of slurmrestd. */
#include <stdint.h>
#include <stdlib.h>

#include "remote/slurmrest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slurmrest_server server;
	struct slurmrest_pair *pairs;
	struct sacct_record *records;
	struct sacct_tres tres;
	struct arena arena;
	struct slice json;
	struct err err;
	char *text;
	size_t n;

	if (!size || !(text = malloc(size)))
		return 0;
	memcpy(text, data + 1, size - 1);
	slurmrest_repair(text, size - 1);
	if (size > 1 && !str_is_utf8(text, size - 1))
		abort();
	json = (struct slice){ text, size - 1 };
	arena_init(&arena, 8 << 20);
	switch (data[0] % 3) {
	case 0:
		if (slurmrest_parse_jobs(json, &arena, &records, &n, &err) == 0)
			for (size_t i = 0; i < n; i++)
				sacct_parse_tres(records[i].fields[SACCT_ALLOC_TRES], &tres);
		break;
	case 1:
		slurmrest_parse_associations(json, "lab", &arena, &pairs, &n, &err);
		break;
	default:
		slurmrest_parse_server(json, &server, &err);
	}
	arena_done(&arena);
	free(text);
	return 0;
}
