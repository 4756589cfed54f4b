// SPDX-License-Identifier: Apache-2.0
/* The first byte chooses the reader, the rest is a reply of a service of emission factors. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "remote/emissions/replies.h"
#include "remote/emissions/times.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int r, double value)
{
	if (r >= 0 && !isfinite(value))
		abort();
}

static void read_zones(struct slice json, struct arena *arena)
{
	struct emission_zone *zones;
	struct err err;
	size_t n;

	if (emission_reply_zones(json, arena, &zones, &n, &err) < 0)
		return;
	if (n == 0 || n > EMISSION_ZONES_MAX)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!zones[i].key[0] || strlen(zones[i].key) > EMISSION_ZONE_KEY_MAX ||
			strlen(zones[i].name) > EMISSION_NAME_MAX)
			abort();
}

static void read_times(struct slice bytes)
{
	char text[EMISSION_TIME_TEXT];
	int64_t t = 0;

	memcpy(&t, bytes.p, MIN(bytes.n, sizeof(t)));
	t %= INT64_C(1) << 50;
	emission_date_paris(t, text);
	emission_time_utc(t, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *token;
	double value = 0;
	struct arena arena;
	struct slice json;
	struct err err;

	if (!size)
		return 0;
	json = (struct slice){ (const char *)data + 1, size - 1 };
	arena_init(&arena, 4 << 20);
	switch (data[0] % 6) {
	case 0:
		check(emission_reply_rte(json, &value, &err), value);
		break;
	case 1:
		read_zones(json, &arena);
		break;
	case 2:
		check(emission_reply_zone(json, &value, &err), value);
		break;
	case 3:
		if (emission_reply_login(json, &arena, &token, &err) >= 0 &&
			strpbrk(token, " \r\n"))
			abort();
		break;
	case 4:
		check(emission_reply_historical(json, &value, &err), value);
		break;
	default:
		read_times(json);
	}
	arena_done(&arena);
	return 0;
}
