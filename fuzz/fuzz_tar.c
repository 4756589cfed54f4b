// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <errno.h>

#include "format/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data, size };
	static struct tar_entry e, again;
	int r;

	while ((r = tar_next(&rest, &e)) > 0) {
		CLEANUP(buffer_done) struct buffer out = { 0 };
		struct slice copy;

		(void)tar_link_is_safe(e.name, e.target);
		if (!tar_name_is_safe(e.name))
			continue;
		/* What is read can be written, and is read again as the same. */
		assert(tar_append(&out, e.type, e.name, e.target, e.data) == 0);
		copy = (struct slice){ out.data, out.len };
		assert(tar_next(&copy, &again) == 1 && copy.n == 0);
		assert(again.type == e.type && again.data.n == e.data.n);
		assert(str_eq(again.name, e.name) && str_eq(again.target, e.target));
	}
	assert(r == 0 || r == -EBADMSG || r == -EOPNOTSUPP);
	return 0;
}
