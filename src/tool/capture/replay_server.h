// SPDX-License-Identifier: Apache-2.0
/*
 * Gives out, on a port of this machine, what services answered when they were captured
 * (Kubernetes: replay_kube.h). The
 * answers are read from the unpacked folder once; a request is answered by its path, the same or
 * the end of a recorded one (a service's address may have had a path of its own), and parameters.
 */
#ifndef CEEMS_TOOL_CAPTURE_REPLAY_SERVER_H
#define CEEMS_TOOL_CAPTURE_REPLAY_SERVER_H

#include <stdio.h>

#include "basic/err.h"

struct replay_server;

/* dir_fd: the folder, open until the end; dir: its absolute name. 0 and NULL: no answers were
 * captured. */
int replay_server_start(
	int dir_fd, const char *dir, struct replay_server **ret_server, struct err *err);
void replay_server_stop(struct replay_server *server); /* NULL is fine */

/*
 * Writes the BMC's file into the folder (dir: its name), if one answered, and one about the API
 * server of Kubernetes; and prints what the
 * exporter's environment needs, as "NAME=value ", or its flags, as " --flag".
 */
int replay_server_write_config(const struct replay_server *server, int dir_fd);
void replay_server_print_environment(const struct replay_server *server, FILE *out);
void replay_server_print_flags(const struct replay_server *server, const char *dir, FILE *out);

#endif
