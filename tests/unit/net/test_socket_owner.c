// SPDX-License-Identifier: Apache-2.0
#include "net/socket_owner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit_test.h"

enum { OTHER_UID = 12345 };

static int listener;
static struct sockaddr_storage address;
static socklen_t address_len;

static void listen_on(int family)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	assert_int_equal(family == AF_INET ? bind(listener, (struct sockaddr *)&v4, sizeof(v4))
					   : bind(listener, (struct sockaddr *)&v6, sizeof(v6)),
		0);
	assert_int_equal(listen(listener, 8), 0);
	address_len = sizeof(address);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &address_len), 0);
}

/* Both ends of a connection; the far one belongs to uid. */
static void connect_as(uid_t uid, int *ret_near, int *ret_far)
{
	uid_t old = geteuid();

	assert_int_equal(seteuid(uid), 0);
	*ret_far = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(seteuid(old), 0);
	assert_int_equal(connect(*ret_far, (struct sockaddr *)&address, address_len), 0);
	*ret_near = accept(listener, NULL, NULL);
	assert_true(*ret_near >= 0);
}

static void check_family(int family)
{
	int near, far, r;
	uid_t uid = 77;

	listen_on(family);
	connect_as(geteuid(), &near, &far);
	r = socket_owner(near, &uid);
	if (r == -EOPNOTSUPP)
		skip(); /* a kernel without sock_diag */
	assert_int_equal(r, 0);
	assert_int_equal(uid, geteuid());
	close(far);
	assert_int_equal(socket_owner(near, &uid), -ENOTCONN);
	close(near);
	if (geteuid() == 0) {
		connect_as(OTHER_UID, &near, &far);
		assert_int_equal(socket_owner(near, &uid), 0);
		assert_int_equal(uid, OTHER_UID);
		close(near);
		close(far);
	}
	close(listener);
}

static void the_owner_of_an_ipv4_socket_is_told(void **state)
{
	check_family(AF_INET);
}

static void the_owner_of_an_ipv6_socket_is_told(void **state)
{
	int probe = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool works = probe >= 0 && bind(probe, (struct sockaddr *)&v6, sizeof(v6)) == 0;

	close(probe);
	if (!works)
		skip();
	check_family(AF_INET6);
}

static void a_socket_in_the_file_system_has_credentials(void **state)
{
	uid_t uid = 77;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(socket_owner(pair[0], &uid), 0);
	assert_int_equal(uid, geteuid());
	close(pair[0]);
	close(pair[1]);
}

static void what_is_no_socket_has_no_owner(void **state)
{
	uid_t uid;

	assert_int_equal(socket_owner(-1, &uid), -EBADF);
	assert_int_equal(socket_owner(STDIN_FILENO, &uid), -ENOTSOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_owner_of_an_ipv4_socket_is_told),
		cmocka_unit_test(the_owner_of_an_ipv6_socket_is_told),
		cmocka_unit_test(a_socket_in_the_file_system_has_credentials),
		cmocka_unit_test(what_is_no_socket_has_no_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
