// SPDX-License-Identifier: Apache-2.0
/* Names and texts of attributes: hwmon, Cray's counters, InfiniBand. One line each. */
#include <assert.h>
#include <stdlib.h>

#include "host/cray_pm.h"
#include "host/hwmon.h"
#include "host/infiniband.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_hwmon(struct slice line)
{
	char clean[16], *name = strndup(line.p, line.n);
	struct hwmon_file file;
	double micro;
	size_t n = hwmon_clean(line, clean, sizeof(clean));

	assert(name && n < sizeof(clean) && strlen(clean) == n);
	assert(strspn(clean, "abcdefghijklmnopqrstuvwxyz0123456789:_") == n);
	assert(!n || (clean[0] != '_' && clean[n - 1] != '_'));
	if (hwmon_parse_file(name, &file))
		assert(file.property < N_HWMON_PROPERTIES);
	if (hwmon_parse_value(line, &micro) >= 0)
		assert(micro - micro == 0); /* finite */
	free(name);
}

static void check_cray(struct slice line)
{
	struct slice domain;
	uint64_t value;

	if (cray_pm_domain(line, &domain))
		assert(domain.p >= line.p && domain.p + domain.n < line.p + line.n);
	(void)cray_pm_parse(line, &value);
}

static void check_infiniband(struct slice line)
{
	uint64_t id;
	double rate;

	(void)infiniband_parse_state(line, &id);
	if (infiniband_parse_rate(line, &rate) >= 0)
		assert(rate >= 0 && rate - rate == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data, size }, line;

	while (slice_next_line(&rest, &line)) {
		check_hwmon(line);
		check_cray(line);
		check_infiniband(line);
	}
	return 0;
}
