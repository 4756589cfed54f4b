// SPDX-License-Identifier: Apache-2.0
/* The configuration as it was read once: counted, because servers outlive a reload. */
#ifndef CEEMS_LB_SETTINGS_H
#define CEEMS_LB_SETTINGS_H

#include <stdatomic.h>

#include "lb/config.h"
#include "lb/strategy.h"

struct settings {
	struct lb_config config;
	const struct strategy *strategy;
	/* Private. */
	atomic_uint refs;
	struct arena arena;
};

/* directory: where relative file names of the servers' 'web' start. */
int settings_load(const char *path, bool expand_env, const char *directory,
	struct settings **ret_settings, struct err *err);
struct settings *settings_ref(struct settings *settings);
void settings_unref(struct settings *settings); /* NULL is fine */

#endif
