// SPDX-License-Identifier: Apache-2.0
/* The command line of ceems_lb (spec lb-and-proxies.md 2.1). */
#ifndef CEEMS_LB_FLAGS_H
#define CEEMS_LB_FLAGS_H

#include "daemon/daemon.h"

struct lb_flags {
	const char *config_file, *web_config_file;
	bool expand_env;
	struct strings listen_addresses, trusted_proxies;
	bool systemd_socket, log_requests;
	int64_t gomaxprocs;
	struct daemon_flags daemon;
	struct options parsed; /* holds the strings */
};

/* As options_parse(). */
int lb_flags_parse(struct lb_flags *flags, int argc, char **argv, FILE *out, FILE *errors);
void lb_flags_done(struct lb_flags *flags);
/* The reference page in Markdown. */
void lb_flags_print_reference(FILE *out);

#endif
