// SPDX-License-Identifier: Apache-2.0
/* The command line of ceems_api_server (spec api-server.md 1). */
#ifndef CEEMS_API_FLAGS_H
#define CEEMS_API_FLAGS_H

#include "daemon/daemon.h"

struct api_flags {
	const char *config_file, *web_config_file;
	bool expand_env;
	struct strings listen_addresses, user_headers, trusted_proxies, internal_peers;
	bool systemd_socket, compression, debug_server;
	const char *route_prefix, *cors_origin, *external_url, *max_period;
	int64_t max_requests, compression_level, gomaxprocs;
	bool skip_purge, no_checks;
	struct daemon_flags daemon;
	struct options parsed; /* holds the strings */
};

/* As options_parse(). */
int api_flags_parse(struct api_flags *flags, int argc, char **argv, FILE *out, FILE *errors);
void api_flags_done(struct api_flags *flags);
/* The reference page in Markdown. */
void api_flags_print_reference(FILE *out);

#endif
