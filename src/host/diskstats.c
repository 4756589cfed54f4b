// SPDX-License-Identifier: Apache-2.0
#include "host/diskstats.h"

static bool number(struct slice *line, uint32_t *ret_number)
{
	struct slice word;
	uint64_t value;

	if (!slice_next_word(line, &word) || slice_to_u64(word, &value) < 0 || value > UINT32_MAX)
		return false;
	*ret_number = (uint32_t)value;
	return true;
}

bool diskstats_next(struct slice *rest, struct diskstats_line *ret_line)
{
	struct slice line;

	while (slice_next_line(rest, &line)) {
		if (number(&line, &ret_line->major) && number(&line, &ret_line->minor) &&
			slice_next_word(&line, &ret_line->name) &&
			ret_line->name.n < DISKSTATS_NAME_MAX &&
			!memchr(ret_line->name.p, '\0', ret_line->name.n))
			return true;
	}
	return false;
}
