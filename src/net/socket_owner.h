// SPDX-License-Identifier: Apache-2.0
/*
 * Who is at the other end of a connection within this machine: SO_PEERCRED (unix(7)), and for TCP
 * over the loopback the kernel's list of sockets (sock_diag(7)).
 */
#ifndef CEEMS_NET_SOCKET_OWNER_H
#define CEEMS_NET_SOCKET_OWNER_H

#include <sys/types.h>

/*
 * The user who owns the peer's socket. -EOPNOTSUPP: the peer is on another machine, or the kernel
 * doesn't tell. -ENOTCONN: it has closed its socket. Other errors as the system gave them.
 */
int socket_owner(int fd, uid_t *ret_uid);

#endif
