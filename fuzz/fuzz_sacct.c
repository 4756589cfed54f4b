// SPDX-License-Identifier: Apache-2.0
/* Output of sacct, with the usual and with a secret separator, its times and allocations. */
#include <stdint.h>

#include "api/timezone.h"
#include "remote/sacct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct slice output, const char *separator)
{
	struct sacct_records records;
	struct sacct_record record;
	struct sacct_tres tres;

	sacct_records_init(&records, output, separator);
	while (sacct_next(&records, &record)) {
		int64_t start = 0, end = 0;

		for (int i = 0; i < N_SACCT_FIELDS; i++)
			if (record.fields[i].n &&
				(record.fields[i].p < output.p ||
					record.fields[i].p + record.fields[i].n >
						output.p + output.n))
				__builtin_trap();
		sacct_parse_tres(record.fields[SACCT_ALLOC_TRES], &tres);
		if (tres.cpus < 0 || tres.gpus < 0 || tres.mem_bytes < 0)
			__builtin_trap();
		time_parse_zdt(record.fields[SACCT_START], &start);
		time_parse_zdt(record.fields[SACCT_END], &end);
		if (sacct_window_seconds(start, end, 1000, 2000, 9000) < 0)
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size }, line, account, user;

	read_all(text, "|");
	read_all(text, "~~");
	while (slice_next_line(&text, &line))
		sacctmgr_parse_association(line, &account, &user);
	return 0;
}
