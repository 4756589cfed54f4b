// SPDX-License-Identifier: Apache-2.0
/*
 * ceems_tool config create-web-config: a web config file for the daemons, with a random password
 * and, if wanted, a self-signed TLS pair beside it.
 */
#ifndef CEEMS_TOOL_WEB_WEB_CONFIG_H
#define CEEMS_TOOL_WEB_WEB_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "basic/err.h"
#include "basic/options.h"

#define WEB_CONFIG_USER "ceems"

struct web_config_options {
	bool basic_auth, tls;
	struct strings tls_hosts;
	int64_t tls_validity_ns;
	const char *output_dir;
};

/*
 * Writes OUTPUT_DIR/web-config.yml (0600) and with tls cert.pem and key.pem; earlier files are
 * replaced. Says on messages what it did, the password included: it is stored nowhere else.
 * -EINVAL: the options contradict each other.
 */
int web_config_create(
	const struct web_config_options *options, int64_t now_s, FILE *messages, struct err *err);

#endif
