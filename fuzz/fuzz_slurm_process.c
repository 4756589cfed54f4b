// SPDX-License-Identifier: Apache-2.0
/* What a job's processes say: status, cmdline and environ are written by the job's user. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/managers/slurm_units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_job(struct slice text, struct slice job)
{
	assert(job.n > 0 && job.n <= 20);
	assert(job.p >= text.p && job.p + job.n <= text.p + text.n);
	for (size_t i = 0; i < job.n; i++)
		assert(job.p[i] >= '0' && job.p[i] <= '9');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	struct slice text = { copy, size }, job;
	uint64_t uid;

	assert(copy);
	if (size)
		memcpy(copy, data, size);
	(void)slurm_real_uid(text, &uid);
	if (slurm_job_of_stepd(text, &job) == 0)
		check_job(text, job);
	if (slurm_job_of_environ(text, &job) == 0)
		check_job(text, job);
	free(copy);
	return 0;
}
