// SPDX-License-Identifier: Apache-2.0
/* Opens the managers and updaters of the configuration, for the collection loop. */
#ifndef CEEMS_API_SOURCES_H
#define CEEMS_API_SOURCES_H

#include "api/collect.h"
#include "api/config.h"

struct sources_env {
	const struct api_config *config;
	const char *config_name, *config_dir; /* of the configuration file */
	const struct timezone_ *zone;
	const struct clock *clock;
	const struct log *log;
	int cancel_fd;
};

struct sources {
	struct collect_cluster *clusters;
	size_t n;
};

/* The environment is borrowed until sources_close(). */
int sources_open(const struct sources_env *env, struct sources *ret_sources, struct err *err);
void sources_close(struct sources *sources); /* also one that is all zeros */

#endif
