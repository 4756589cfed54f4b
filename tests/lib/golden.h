// SPDX-License-Identifier: Apache-2.0
/*
 * Whole outputs against files in tests/golden/. GOLDEN_REWRITE=1 in the environment writes the
 * files anew (and the test passes); the diff is then reviewed like code.
 */
#ifndef CEEMS_TESTS_GOLDEN_H
#define CEEMS_TESTS_GOLDEN_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/buffer.h"
#include "basic/file.h"
#include "unit_test.h"

enum { GOLDEN_MAX_BYTES = 8 << 20 };

static inline void golden_check(const char *name, const char *text, size_t len)
{
	const char *source = getenv("CEEMS_SOURCE");
	struct buffer path = { 0 }, wanted = { 0 };

	assert_non_null(source);
	buffer_printf(&path, "%s/tests/golden/%s", source, name);
	if (getenv("GOLDEN_REWRITE")) {
		assert_int_equal(file_replace(buffer_text(&path), 0644, text, len, NULL), 0);
	} else if (file_read(AT_FDCWD, buffer_text(&path), GOLDEN_MAX_BYTES, &wanted) < 0) {
		fail_msg("no %s; GOLDEN_REWRITE=1 makes it", buffer_text(&path));
	} else if (wanted.len != len || memcmp(buffer_text(&wanted), text, len) != 0) {
		fprintf(stderr, "%s differs; it should be:\n%.*s\n", buffer_text(&path), (int)len,
			text);
		fail_msg("%s differs", buffer_text(&path));
	}
	buffer_done(&path);
	buffer_done(&wanted);
}

#endif
