// SPDX-License-Identifier: Apache-2.0
#include "net/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
/* After sys/socket.h, which it doesn't include. */
#include <linux/vm_sockets.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "basic/str.h"

#define VSOCK_PREFIX "vsock://"

enum { HOST_MAX = 256, SYSTEMD_FIRST_FD = 3 };

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_vm vm;
	struct sockaddr_storage storage;
};

static int bind_and_listen(const struct sockaddr *sa, socklen_t len)
{
	CLEANUP(file_closep)
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1, off = 0;
	int bound;

	if (fd < 0)
		return -errno;
	/* Both fail only on sockets that have no such option, and those don't need it. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa->sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, sa, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	bound = fd;
	fd = -1;
	return bound;
}

static int listen_any(uint16_t port, const char *address, struct err *err)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	int r = bind_and_listen((struct sockaddr *)&in6, sizeof(in6));

	/* A kernel without IPv6, or with it switched off. */
	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
		r = bind_and_listen((struct sockaddr *)&in, sizeof(in));
	if (r < 0)
		return err_errno(err, r, "listening on '%s'", address);
	return r;
}

static int listen_host(const char *host, const char *port, const char *address, struct err *err)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL, *pick;
	int r = getaddrinfo(host, port, &hints, &list);

	if (r != 0)
		return err_set(err, -EADDRNOTAVAIL, "listening on '%s': %s", address,
			r == EAI_SYSTEM ? err_name(errno) : gai_strerror(r));
	for (pick = list; pick && pick->ai_family != AF_INET; pick = pick->ai_next)
		;
	if (!pick)
		pick = list;
	r = bind_and_listen(pick->ai_addr, pick->ai_addrlen);
	freeaddrinfo(list);
	if (r < 0)
		return err_errno(err, r, "listening on '%s'", address);
	return r;
}

static int parse_port(
	const char *text, uint32_t max, const char *address, uint32_t *ret_port, struct err *err)
{
	uint64_t port;

	if (slice_to_u64(slice_from(text), &port) < 0 || port > max)
		return err_set(
			err, -EINVAL, "listening on '%s': '%s' is no port number", address, text);
	*ret_port = (uint32_t)port;
	return 0;
}

static int listen_vsock(const char *address, struct err *err)
{
	const char *rest = address + strlen(VSOCK_PREFIX);
	const char *colon = strchr(rest, ':');
	struct sockaddr_vm vm = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };
	int r = 0;

	if (!colon)
		return err_set(err, -EINVAL, "listening on '%s': needs a port, as in vsock://:9010",
			address);
	if (colon != rest) {
		char cid[16];
		int n = snprintf(cid, sizeof(cid), "%.*s", (int)MIN(colon - rest, 15), rest);

		if (n != colon - rest)
			return err_set(err, -EINVAL, "listening on '%s': bad context id", address);
		r = parse_port(cid, UINT32_MAX, address, &vm.svm_cid, err);
	}
	if (r >= 0)
		r = parse_port(colon + 1, UINT32_MAX, address, &vm.svm_port, err);
	if (r < 0)
		return r;
	r = bind_and_listen((struct sockaddr *)&vm, sizeof(vm));
	if (r < 0)
		return err_errno(err, r, "listening on '%s'", address);
	return r;
}

int http_listen(const char *address, struct err *err)
{
	const char *colon = strrchr(address, ':'), *host = address;
	char host_text[HOST_MAX];
	size_t host_len;
	uint32_t port = 0;
	int r;

	if (str_starts(address, VSOCK_PREFIX))
		return listen_vsock(address, err);
	if (!colon)
		return err_set(err, -EINVAL,
			"listening on '%s': needs a port, as in ':9010' or '127.0.0.1:9010'",
			address);
	host_len = (size_t)(colon - address);
	if (host_len >= 2 && host[0] == '[' && host[host_len - 1] == ']') {
		host++;
		host_len -= 2;
	} else if (memchr(host, ':', host_len)) {
		return err_set(err, -EINVAL,
			"listening on '%s': an IPv6 address needs brackets, as in '[::1]:9010'",
			address);
	}
	if (host_len >= sizeof(host_text))
		return err_set(err, -EINVAL, "listening on '%s': too long", address);
	memcpy(host_text, host, host_len);
	host_text[host_len] = '\0';
	r = parse_port(colon + 1, UINT16_MAX, address, &port, err);
	if (r < 0)
		return r;
	if (!host_len)
		return listen_any((uint16_t)port, address, err);
	return listen_host(host_text, colon + 1, address, err);
}

static int take_systemd_fd(int fd, struct err *err)
{
	int type = 0, listening = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return err_errno(err, -errno, "socket %d from systemd", fd);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
		return err_errno(err, -errno, "socket %d from systemd", fd);
	if (type != SOCK_STREAM || !listening)
		return err_set(err, -EINVAL,
			"socket %d from systemd is not a listening stream socket (ListenStream= with "
			"Accept=no)",
			fd);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return err_errno(err, -errno, "socket %d from systemd", fd);
	return 0;
}

int http_listen_systemd(int ret_fds[static HTTP_LISTENERS_MAX], struct err *err)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint64_t pid_value, n;
	int r;

	if (!pid || !count || slice_to_u64(slice_from(pid), &pid_value) < 0 ||
		pid_value != (uint64_t)getpid() || slice_to_u64(slice_from(count), &n) < 0 || !n)
		return err_set(err, -ENOENT,
			"systemd passed no socket (LISTEN_PID, LISTEN_FDS): start the program by its "
			"socket unit");
	if (n > HTTP_LISTENERS_MAX)
		return err_set(
			err, -E2BIG, "systemd passed more than %d sockets", HTTP_LISTENERS_MAX);
	for (int i = 0; i < (int)n; i++) {
		r = take_systemd_fd(SYSTEMD_FIRST_FD + i, err);
		if (r < 0)
			return r;
		ret_fds[i] = SYSTEMD_FIRST_FD + i;
	}
	return (int)n;
}

void http_listen_name(int fd, char *ret_name, size_t cap)
{
	union address a = { 0 };
	socklen_t len = sizeof(a);
	char host[INET6_ADDRSTRLEN] = "";

	if (getsockname(fd, &a.sa, &len) < 0)
		a.sa.sa_family = AF_UNSPEC;
	switch (a.sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &a.in.sin_addr, host, sizeof(host));
		snprintf(ret_name, cap, "%s:%d", host, ntohs(a.in.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &a.in6.sin6_addr, host, sizeof(host));
		snprintf(ret_name, cap, "[%s]:%d", host, ntohs(a.in6.sin6_port));
		break;
	case AF_VSOCK:
		snprintf(ret_name, cap, VSOCK_PREFIX ":%u", a.vm.svm_port);
		break;
	case AF_UNIX:
		snprintf(ret_name, cap, "unix:%.*s", (int)sizeof(a.un.sun_path), a.un.sun_path);
		break;
	default:
		snprintf(ret_name, cap, "descriptor %d", fd);
	}
}

int http_listen_port(int fd)
{
	union address a = { 0 };
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.sa, &len) < 0)
		return -errno;
	if (a.sa.sa_family == AF_INET)
		return ntohs(a.in.sin_port);
	if (a.sa.sa_family == AF_INET6)
		return ntohs(a.in6.sin6_port);
	if (a.sa.sa_family == AF_VSOCK)
		return (int)a.vm.svm_port;
	return -EAFNOSUPPORT;
}

int http_listen_all(const struct strings *addresses, bool systemd_socket,
	int fds[static HTTP_LISTENERS_MAX], size_t *n, struct err *err)
{
	*n = 0;
	if (systemd_socket) {
		int inherited = http_listen_systemd(fds, err);

		*n = inherited < 0 ? 0 : (size_t)inherited;
		return MIN(inherited, 0);
	}
	if (!addresses->n)
		return err_set(err, -EINVAL, "no address to listen on");
	if (addresses->n > HTTP_LISTENERS_MAX)
		return err_set(
			err, -E2BIG, "more than %d addresses to listen on", HTTP_LISTENERS_MAX);
	for (size_t i = 0; i < addresses->n; i++) {
		int fd = http_listen(addresses->v[i], err);

		if (fd < 0)
			return fd;
		fds[(*n)++] = fd;
	}
	return 0;
}
