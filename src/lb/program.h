// SPDX-License-Identifier: Apache-2.0
/* The parts of ceems_lb's start that can be told without running it (spec lb-and-proxies.md 2.3).
 */
#ifndef CEEMS_LB_PROGRAM_H
#define CEEMS_LB_PROGRAM_H

#include "lb/settings.h"
#include "net/address.h"

/* Which kinds of servers the configuration has, in the order of their listeners. */
size_t program_kinds(const struct lb_config *config, enum gate_kind ret_kinds[static N_GATE_KINDS]);

/* Whether only this host can connect to "host:port". */
bool program_is_local(const char *listen_address);
/* The same of sockets that systemd handed over, the first being descriptor 3. */
bool program_sockets_are_local(void);

/* 1: the web config file asks for a password or a client certificate. "": there is none. */
int program_authenticates(const char *web_config_file, struct err *err);

#endif
