// SPDX-License-Identifier: Apache-2.0
#include "exporter/clean_name.h"

#include <stdbool.h>
#include <string.h>

static const char ALPHANUMERIC[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

void clean_name(char *text)
{
	const char *from = text;
	char *to = text;

	while (*from) {
		size_t good = strspn(from, ALPHANUMERIC);
		size_t other = strcspn(from + good, ALPHANUMERIC);
		bool underscores = strspn(from + good, "_") >= other;
		size_t kept = good + (underscores ? other : 0);

		memmove(to, from, kept);
		to += kept;
		from += good + other;
		if (!underscores)
			*to++ = '_';
	}
	*to = '\0';
}
