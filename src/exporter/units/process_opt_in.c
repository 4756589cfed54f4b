// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/process_opt_in.h"

/* The rest behind the first place where the text stands, NULs taken as blanks; p is NULL if it
 * doesn't. */
static struct slice behind(struct slice bytes, struct slice text)
{
	for (size_t i = 0; i + text.n <= bytes.n; i++) {
		size_t k = 0;

		while (k < text.n && (bytes.p[i + k] ? bytes.p[i + k] : ' ') == text.p[k])
			k++;
		if (k == text.n)
			return (struct slice){ bytes.p + i + k, bytes.n - i - k };
	}
	return (struct slice){ NULL, 0 };
}

bool cmdline_is_empty(struct slice cmdline)
{
	for (size_t i = 0; i < cmdline.n; i++)
		if (cmdline.p[i])
			return false;
	return true;
}

static bool has_sleep(struct slice cmdline)
{
	struct slice rest = cmdline;

	while ((rest = behind(rest, SLICE("sleep "))).p)
		if (rest.n && rest.p[0] >= '0' && rest.p[0] <= '9')
			return true;
	return false;
}

bool cmdline_is_of_slurm(struct slice cmdline)
{
	struct slice shell = behind(cmdline, SLICE("/bin/bash "));

	return behind(cmdline, SLICE("slurmstepd:")).p || has_sleep(cmdline) ||
		(shell.p && behind(shell, SLICE("/slurm_script")).p);
}

static bool begins_with(struct slice text, const char *name)
{
	const size_t n = strlen(name);

	return text.n >= n && memcmp(text.p, name, n) == 0;
}

bool environ_begins_with(struct slice text, const struct strings *names)
{
	struct slice entry;

	while (slice_next(&text, '\0', &entry)) {
		/* The last entry has its NUL behind it, and nothing follows. */
		if (!text.p && entry.n == 0)
			break;
		for (size_t i = 0; i < names->n; i++)
			if (begins_with(entry, names->v[i]))
				return true;
	}
	return false;
}
