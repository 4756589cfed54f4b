// SPDX-License-Identifier: Apache-2.0
/* The world's average, for whoever has nothing better. */
#include "remote/emissions/provider.h"

static const double WORLD_GCO2_PER_KWH = 475; /* the value that CEEMS has always used */

static int global_open(const struct emission_settings *settings, void **ret_state, struct err *err)
{
	*ret_state = NULL;
	return 0;
}

static int global_fetch(void *state, int cancel_fd, struct emission_sink *sink, struct err *err)
{
	const struct emission_factor world = { "ZZ", "World", WORLD_GCO2_PER_KWH };
	int r = sink->found(sink->ctx, &world);

	return r < 0 ? err_errno(err, r, "the world's average") : 0;
}

static void global_close(void *state)
{
}

const struct emission_provider provider_global = {
	.name = "global",
	.title = "World Average",
	.always = true,
	.open = global_open,
	.fetch = global_fetch,
	.close = global_close,
};
