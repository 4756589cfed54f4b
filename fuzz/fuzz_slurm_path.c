// SPDX-License-Identifier: Apache-2.0
/* Names of directories: systemd's escapes, and which job a path is of. The first byte picks v1 or
 * v2. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/managers/slurm_units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_unescape(struct slice name)
{
	char small[8], text[PATH_MAX];
	int r = cgroup_unescape(name, text, sizeof(text));

	if (r >= 0) {
		assert((size_t)r <= name.n && text[r] == '\0');
		assert(memchr(name.p, '\\', name.n) || memcmp(text, name.p, name.n) == 0);
	}
	r = cgroup_unescape(name, small, sizeof(small));
	assert(r < (int)sizeof(small));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unit_match match;
	enum cgroup_version version;
	struct slice path;
	char *copy;

	if (size < 2 || size > PATH_MAX)
		return 0;
	version = data[0] & 1 ? CGROUP_V1 : CGROUP_V2;
	copy = malloc(size);
	assert(copy);
	memcpy(copy, data + 1, size - 1);
	copy[size - 1] = '\0';
	path = (struct slice){ copy, strlen(copy) };
	check_unescape(path);
	(void)slurm_unit_manager.is_root(version, copy);
	if (slurm_unit_manager.classify(version, path, &match) == UNIT_PATH_UNIT) {
		struct slice id = slice_from(match.id);

		assert(id.n > 0 && id.n < UNIT_NAME_MAX);
		assert(strlen(match.virtual_host) < UNIT_NAME_MAX);
		assert(slurm_is_sluid(id) || strspn(match.id, "0123456789") == id.n);
	}
	free(copy);
	return 0;
}
