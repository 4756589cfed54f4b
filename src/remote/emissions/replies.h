// SPDX-License-Identifier: Apache-2.0
/*
 * Replies of the services that publish emission factors: bytes in, values out. -EBADMSG with a
 * sentence for what is no such reply, -ENODATA for one without a value, -E2BIG, -ENOMEM. Sources:
 * https://odre.opendatasoft.com (Explore API 2.1), https://docs.electricitymaps.com (v3),
 * https://docs.watttime.org (v3).
 */
#ifndef CEEMS_REMOTE_EMISSIONS_REPLIES_H
#define CEEMS_REMOTE_EMISSIONS_REPLIES_H

#include <stddef.h>

#include "basic/arena.h"
#include "basic/err.h"
#include "basic/str.h"

enum {
	EMISSION_REPLY_MAX_BYTES = 64 << 10, /* of all but the list of zones */
	EMISSION_ZONES_MAX_BYTES = 1 << 20,
	EMISSION_ZONES_MAX = 2048,
	EMISSION_ZONE_KEY_MAX = 64, /* longer keys are left out, as are empty ones */
	EMISSION_NAME_MAX = 256, /* bytes of a zone's name; a longer one is cut */
	EMISSION_TOKEN_MAX = 8192,
};

/* results[0].taux_co2, g/kWh. */
int emission_reply_rte(struct slice json, double *ret_gco2_per_kwh, struct err *err);

struct emission_zone {
	const char *key, *name; /* in the arena */
};
/* In the order of the reply. */
int emission_reply_zones(struct slice json, struct arena *arena, struct emission_zone **ret_zones,
	size_t *ret_n, struct err *err);
/* carbonIntensity, g/kWh. */
int emission_reply_zone(struct slice json, double *ret_gco2_per_kwh, struct err *err);

/* The token of a login, in the arena: printable characters only. */
int emission_reply_login(
	struct slice json, struct arena *arena, const char **ret_token, struct err *err);
/* The last of data[], lb/MWh. An empty one's sentence holds the reply's warnings. */
int emission_reply_historical(struct slice json, double *ret_lb_per_mwh, struct err *err);

#endif
