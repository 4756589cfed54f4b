// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "exporter/managers/slurm_devices.h"
#include "host/pci_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct slice part, struct slice whole)
{
	assert(!part.n || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct slurm_devices d;
	struct pci_address address;

	if (slurm_devices_of_environ(text, "77", &d) >= 0) {
		inside(d.job_gpus, text);
		inside(d.step_gpus, text);
		inside(d.visible, text);
		assert(!memchr(d.job_gpus.n ? d.job_gpus.p : "x", '\0', d.job_gpus.n));
	}
	if (pci_address_parse(text, &address) >= 0)
		assert(pci_address_eq(&address, &address));
	return 0;
}
