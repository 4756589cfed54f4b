// SPDX-License-Identifier: Apache-2.0
#include "net/socket_owner.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "basic/macros.h"
#include "net/address.h"

enum { REPLY_MAX_BYTES = 8192, TIMEOUT_S = 2 };

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
};

/* The address in the form of its family; returns the port. */
static __be16 put_address(const struct sockaddr_storage *socket, const struct address *address,
	__be32 words[static 4])
{
	memset(words, 0, sizeof(address->bytes));
	if (address_is_v4(address))
		memcpy(words, address->bytes + 12, 4);
	else
		memcpy(words, address->bytes, sizeof(address->bytes));
	/* Both families have their port at the same place. */
	return ((const struct sockaddr_in *)(const void *)socket)->sin_port;
}

static int make_request(int fd, struct request *ret_request)
{
	struct sockaddr_storage here = { 0 }, there = { 0 };
	struct address here_address, there_address;
	socklen_t len = sizeof(here);
	struct inet_diag_sockid *id = &ret_request->body.id;

	if (getsockname(fd, (struct sockaddr *)&here, &len) < 0)
		return -errno;
	len = sizeof(there);
	if (getpeername(fd, (struct sockaddr *)&there, &len) < 0)
		return -errno;
	if (address_from_socket((struct sockaddr *)&here, &here_address) < 0 ||
		address_from_socket((struct sockaddr *)&there, &there_address) < 0 ||
		!address_is_loopback(&there_address))
		return -EOPNOTSUPP;
	*ret_request = (struct request){
		.header = {
			.nlmsg_len = sizeof(*ret_request),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.body = {
			.sdiag_family = address_is_v4(&there_address) ? AF_INET : AF_INET6,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = ~0U,
			.id.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
		},
	};
	/* Seen from there. */
	id->idiag_sport = put_address(&there, &there_address, id->idiag_src);
	id->idiag_dport = put_address(&here, &here_address, id->idiag_dst);
	return 0;
}

static int read_answer(int netlink, const struct request *request, uid_t *ret_uid)
{
	_Alignas(struct nlmsghdr) char reply[REPLY_MAX_BYTES];
	const struct nlmsghdr *header = (const void *)reply;
	const struct inet_diag_msg *socket = NLMSG_DATA(header);
	ssize_t n = recv(netlink, reply, sizeof(reply), 0);

	if (n < 0)
		return -errno;
	if (!NLMSG_OK(header, (size_t)n))
		return -EBADMSG;
	if (header->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = NLMSG_DATA(header);

		/* Without the module the kernel knows no such request. */
		return error->error == -ENOENT ? -ENOTCONN : -EOPNOTSUPP;
	}
	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
		header->nlmsg_len < NLMSG_LENGTH(sizeof(*socket)) ||
		socket->id.idiag_sport != request->body.id.idiag_sport ||
		socket->id.idiag_dport != request->body.id.idiag_dport)
		return -EBADMSG;
	/* A socket that nobody holds any more is shown as root's. */
	if (socket->idiag_state != TCP_ESTABLISHED || !socket->idiag_inode)
		return -ENOTCONN;
	*ret_uid = socket->idiag_uid;
	return 0;
}

static int tcp_owner(int fd, uid_t *ret_uid)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	struct request request;
	int netlink, r = make_request(fd, &request);

	if (r < 0)
		return r;
	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (netlink < 0)
		return -EOPNOTSUPP;
	(void)setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (send(netlink, &request, sizeof(request), 0) < 0)
		r = -errno;
	else
		r = read_answer(netlink, &request, ret_uid);
	close(netlink);
	return r;
}

int socket_owner(int fd, uid_t *ret_uid)
{
	struct sockaddr_storage own = { 0 };
	struct ucred peer;
	socklen_t len = sizeof(own);

	if (getsockname(fd, (struct sockaddr *)&own, &len) < 0)
		return -errno;
	if (own.ss_family != AF_UNIX)
		return tcp_owner(fd, ret_uid);
	len = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	*ret_uid = peer.uid;
	return 0;
}
