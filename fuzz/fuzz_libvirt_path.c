// SPDX-License-Identifier: Apache-2.0
/* Names of control groups, and of domains behind a NUL. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/managers/libvirt_units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct libvirt_machine machine;
	struct unit_match match;
	struct slice name, domain;
	char *copy;

	if (size == 0 || size > PATH_MAX)
		return 0;
	copy = malloc(size);
	assert(copy);
	memcpy(copy, data, size);
	domain = (struct slice){ copy, size };
	slice_next(&domain, '\0', &name);
	if (libvirt_machine_parse(name, &machine)) {
		assert(machine.id.n > 0 && machine.name.n > 0);
		assert(machine.name.p + machine.name.n <= name.p + name.n);
		if (domain.p)
			(void)libvirt_machine_is_of(&machine, domain);
		/* What is in the alphabet already stays as it is. */
		if (machine.name.n < 32 && machine.id.n < 20 &&
			!memchr(machine.name.p, '.', machine.name.n) &&
			!memchr(machine.name.p, '-', machine.name.n)) {
			bool plain = true;

			for (size_t i = 0; i < machine.name.n; i++)
				plain &= strchr("0123456789abcdefghijklmnopqrstuvwxyz",
						 machine.name.p[i]) != NULL;
			assert(!plain || libvirt_machine_is_of(&machine, machine.name));
		}
	}
	if (libvirt_unit_manager.classify(CGROUP_V2, name, &match) == UNIT_PATH_UNIT)
		assert(match.id[0] && strlen(match.id) < UNIT_NAME_MAX);
	free(copy);
	return 0;
}
