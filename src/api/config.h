// SPDX-License-Identifier: Apache-2.0
/* The configuration file of ceems_api_server (spec api-server.md 2). */
#ifndef CEEMS_API_CONFIG_H
#define CEEMS_API_CONFIG_H

#include "api/manager.h"
#include "api/updater.h"
#include "net/http_client.h"

struct api_config {
	struct {
		const char *path, *backup_path;
		int64_t retention_ms, update_interval_ms, max_update_interval_ms;
		int64_t backup_interval_ms, backups_kept, check_interval_ms, wal_autocheckpoint;
		const char *update_from, *time_zone;
		int64_t settle_delay_ms, late_metrics_ms, catch_up_pause_ms;
	} data;
	struct {
		struct strings users; /* with the internal account */
		struct {
			const char *url;
			struct strings teams_ids;
			struct http_client_config client;
		} grafana;
	} admin;
	struct config_list clusters; /* of struct cluster_config */
	struct config_list updaters; /* of struct updater_config */
};

/*
 * Reads and checks the file. Strings live in the arena. With no_checks the rules of values (not of
 * syntax) are left out. Errors are sentences for the user.
 */
int api_config_load(const char *path, bool expand_env, bool no_checks, struct arena *arena,
	struct api_config *ret_config, struct err *err);

/* The keys of the file, for the reference page. */
extern const struct config_table api_config_table;

/* The managers and updaters that are built in; NULL for an unknown name. */
const struct manager *api_manager_find(const char *name);
const struct updater *api_updater_find(const char *name);

/* data.update_from as Unix ms: "today" or a date in the zone; never later than now. */
int api_config_update_from(const struct api_config *config, const struct timezone_ *zone,
	int64_t now_ms, int64_t *ret_ms, struct err *err);

#endif
