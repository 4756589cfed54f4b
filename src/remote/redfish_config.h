// SPDX-License-Identifier: Apache-2.0
/* The configuration file of the redfish collector (spec exporter-node.md 7 and 8.9). */
#ifndef CEEMS_REMOTE_REDFISH_CONFIG_H
#define CEEMS_REMOTE_REDFISH_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "format/config.h"
#include "net/http_client.h"

struct redfish_settings {
	const char *protocol, *hostname, *username, *password, *external_url;
	int64_t port, timeout_ms;
	bool use_session_token, insecure_skip_verify;
	struct http_client_config http;
	/* Made from these. */
	const char *service_url; /* "https://bmc:443" */
	const char *url; /* where requests go: external_url, or the service itself */
	bool deprecated_section; /* it was in redfish_web_config */
};
extern const struct config_table redfish_config_table;

enum { REDFISH_HOST_MAX_BYTES = 256 };

/* What comes from elsewhere. */
struct redfish_surroundings {
	const char *hostname; /* what {hostname} stands for */
	const char *username, *password; /* replace those of the file unless NULL or "" */
	/* The name or address of this machine's BMC, for a file that doesn't tell; NULL: such a
	 * file is an error. */
	int (*find_bmc)(void *ctx, char ret_host[static REDFISH_HOST_MAX_BYTES], struct err *err);
	void *ctx;
};

/*
 * Reads the file. Texts live in the arena. -EBADMSG or -EINVAL: the file is wrong, with a sentence;
 * otherwise why it can't be read, or what find_bmc() returned.
 */
int redfish_config_load(const char *path, bool expand_env,
	const struct redfish_surroundings *surroundings, struct arena *arena,
	struct redfish_settings *ret_settings, struct err *err);

/* Files that are read again for each request; NULL-terminated, borrowed from the settings. */
enum { REDFISH_CONFIG_FILES_MAX = 16 };
void redfish_config_files(const struct redfish_settings *settings,
	const char *ret_files[static REDFISH_CONFIG_FILES_MAX]);

#endif
