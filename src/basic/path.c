// SPDX-License-Identifier: Apache-2.0
#include "basic/path.h"

#include <stdbool.h>
#include <string.h>

#include "basic/str.h"

size_t path_clean(const char *path, char *ret_clean)
{
	struct slice rest = slice_from(path), part;
	bool absolute = path[0] == '/';
	size_t n = 0;
	size_t floor; /* what ".." cannot remove */

	if (absolute)
		ret_clean[n++] = '/';
	floor = n;

	while (slice_next(&rest, '/', &part)) {
		if (part.n == 0 || slice_eq(part, "."))
			continue;
		if (slice_eq(part, "..") && n > floor) {
			while (n > floor && ret_clean[n - 1] != '/')
				n--;
			if (n > floor)
				n--; /* the slash in front of it */
			continue;
		}
		if (slice_eq(part, "..") && absolute)
			continue;
		if (n > 0 && ret_clean[n - 1] != '/')
			ret_clean[n++] = '/';
		memcpy(ret_clean + n, part.p, part.n);
		n += part.n;
		if (slice_eq(part, ".."))
			floor = n;
	}
	if (n == 0)
		ret_clean[n++] = '.';
	ret_clean[n] = '\0';
	return n;
}
