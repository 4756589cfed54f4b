// SPDX-License-Identifier: Apache-2.0
#include "host/net_dev.h"

void net_dev_skip_header(struct slice *rest)
{
	struct slice line;

	if (slice_next_line(rest, &line))
		(void)slice_next_line(rest, &line);
}

/* No interface has a colon in its name, but an alias of old has, as "eth0:1". */
static bool split_name(struct slice line, struct slice *ret_name, struct slice *ret_numbers)
{
	const char *colon = line.n ? memrchr(line.p, ':', line.n) : NULL;

	if (!colon)
		return false;
	*ret_name = slice_trim((struct slice){ line.p, (size_t)(colon - line.p) });
	*ret_numbers = (struct slice){ colon + 1, line.n - (size_t)(colon + 1 - line.p) };
	return ret_name->n > 0 && !memchr(ret_name->p, '\0', ret_name->n);
}

static bool parse_line(struct slice line, struct net_dev_line *ret_line)
{
	struct slice numbers, word;

	if (!split_name(slice_trim(line), &ret_line->name, &numbers))
		return false;
	for (size_t i = 0; i < NET_DEV_COLUMNS; i++)
		if (!slice_next_word(&numbers, &word) ||
			slice_to_u64(word, &ret_line->columns[i]) < 0)
			return false;
	return true;
}

bool net_dev_next(struct slice *rest, struct net_dev_line *ret_line)
{
	struct net_dev_line parsed;
	struct slice line;

	while (slice_next_line(rest, &line)) {
		if (!parse_line(line, &parsed))
			continue;
		*ret_line = parsed;
		return true;
	}
	return false;
}
