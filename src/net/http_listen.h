// SPDX-License-Identifier: Apache-2.0
/* Listening sockets: host:port, :port, [v6]:port, vsock://:port, and those that systemd passes. */
#ifndef CEEMS_NET_HTTP_LISTEN_H
#define CEEMS_NET_HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "basic/err.h"
#include "basic/options.h" /* struct strings */

enum { HTTP_LISTENERS_MAX = 64 };

/*
 * Binds and listens; returns a non-blocking descriptor. An empty host means every address of the
 * machine (IPv6 and IPv4 on one socket), a name its first IPv4 address, else its first address.
 */
int http_listen(const char *address, struct err *err);

/*
 * The stream sockets of LISTEN_FDS, if LISTEN_PID names this process (sd_listen_fds(3)): their
 * number, each made non-blocking and close-on-exec. -ENOENT if there are none.
 */
int http_listen_systemd(int ret_fds[static HTTP_LISTENERS_MAX], struct err *err);

/*
 * Either these addresses or the sockets of http_listen_systemd(). *n counts what is open, also
 * after an error: the caller closes it.
 */
int http_listen_all(const struct strings *addresses, bool systemd_socket,
	int fds[static HTTP_LISTENERS_MAX], size_t *n, struct err *err);

/* "127.0.0.1:9010", "[::]:9010", "vsock://:9010", "unix:/path". */
void http_listen_name(int fd, char *ret_name, size_t cap);

/* -EAFNOSUPPORT where the socket has no ports. */
int http_listen_port(int fd);

#endif
