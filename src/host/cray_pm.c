// SPDX-License-Identifier: Apache-2.0
#include "host/cray_pm.h"

#include <errno.h>

#include "basic/macros.h"

static const char *const domains[] = { "cpu", "memory", "accel" };
static const char *const quantities[] = { "energy", "power", "temp" };

static bool starts(struct slice s, const char *word)
{
	size_t n = strlen(word);

	return s.n >= n && memcmp(s.p, word, n) == 0;
}

static struct slice after(struct slice s, size_t n)
{
	return (struct slice){ s.p + n, s.n - n };
}

/* "_energy" or "energy" */
static bool is_quantity(struct slice s)
{
	if (starts(s, "_"))
		s = after(s, 1);
	for (size_t i = 0; i < ARRAY_SIZE(quantities); i++)
		if (starts(s, quantities[i]))
			return true;
	return false;
}

static size_t domain_length(struct slice s)
{
	for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
		size_t n = strlen(domains[i]);

		if (!starts(s, domains[i]))
			continue;
		while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
			n++;
		return n;
	}
	return 0;
}

bool cray_pm_domain(struct slice file, struct slice *ret_domain)
{
	for (struct slice s = file; s.n; s = after(s, 1)) {
		size_t n = domain_length(s);

		if (!is_quantity(after(s, n)))
			continue;
		*ret_domain = (struct slice){ s.p, n };
		return true;
	}
	return false;
}

int cray_pm_parse(struct slice text, uint64_t *ret_value)
{
	struct slice word;

	if (!slice_next_word(&text, &word))
		return -EBADMSG;
	return slice_to_u64(word, ret_value) < 0 ? -EBADMSG : 0;
}
