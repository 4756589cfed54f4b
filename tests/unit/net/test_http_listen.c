// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "basic/str.h"
#include "net/http_listen.h"
#include "net/http_server.h"
#include "raw_client.h"

enum { FIRST_FD = 3 };

static void an_empty_host_means_both_families(void **state)
{
	struct err err;
	int fd = http_listen(":0", &err), port;
	char name[128];

	assert_true(fd >= 0);
	port = http_listen_port(fd);
	assert_in_range(port, 1, 65535);
	close(raw_connect(port));
	http_listen_name(fd, name, sizeof(name));
	assert_true(str_starts(name, "[::]:") || str_starts(name, "0.0.0.0:"));
	assert_int_not_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	close(fd);
}

static void ipv6_addresses_stand_in_brackets(void **state)
{
	struct err err;
	int fd = http_listen("[::1]:0", &err);
	char name[128];

	if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT) {
		print_message("this machine has no IPv6: %s\n", err.text);
		skip();
	}
	assert_true(fd >= 0);
	http_listen_name(fd, name, sizeof(name));
	assert_true(str_starts(name, "[::1]:"));
	close(fd);
}

static void names_are_resolved(void **state)
{
	struct err err;
	int fd = http_listen("localhost:0", &err);
	char name[128];

	assert_true(fd >= 0);
	http_listen_name(fd, name, sizeof(name));
	assert_true(str_starts(name, "127.0.0.1:"));
	close(fd);
}

static void vsock_addresses_are_known(void **state)
{
	struct err err;
	int fd = http_listen("vsock://:29010", &err);
	char name[128];

	if (fd < 0) {
		assert_non_null(strstr(err.text, "vsock://:29010"));
		print_message("this machine has no vsock: %s\n", err.text);
		skip();
	}
	http_listen_name(fd, name, sizeof(name));
	assert_string_equal(name, "vsock://:29010");
	assert_int_equal(http_listen_port(fd), 29010);
	close(fd);
}

static void long_hosts_are_refused(void **state)
{
	char address[600];
	struct err err;

	memset(address, 'a', sizeof(address));
	strcpy(address + 590, ":80");
	assert_int_equal(http_listen(address, &err), -EINVAL);
}

static void what_is_no_socket_has_no_port(void **state)
{
	char name[128];

	assert_true(http_listen_port(-1) < 0);
	http_listen_name(-1, name, sizeof(name));
	assert_string_equal(name, "descriptor -1");
}

static void handler(void *ctx, struct http_request *req, struct http_response *res)
{
	buffer_printf(http_response_body(res), "family %d\n", http_request_peer(req)->sa_family);
}

/* In a child: descriptors from FIRST_FD on are as systemd would leave them. */
static int serve_as_systemd_child(const int *fds, int n, const char *count, int until_fd)
{
	const struct http_server_config config = {
		.systemd_socket = true,
		.handler = handler,
	};
	struct http_server *server = NULL;
	char pid[32], c;
	struct err err;
	int r;

	for (int i = 0; i < n; i++) {
		if (dup2(fds[i], FIRST_FD + i) < 0)
			return 1;
	}
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", count, 1);
	r = http_server_open(&config, &server, &err);
	if (r >= 0)
		r = http_server_serve(server, &err);
	if (r < 0)
		return -r;
	(void)!read(until_fd, &c, 1);
	http_server_stop(server, 1000);
	return 0;
}

/* The child's descriptors lie high, out of the way of those that dup2() makes. */
static int high(int fd)
{
	int copy = fcntl(fd, F_DUPFD, 50);

	assert_true(copy >= 0);
	close(fd);
	return copy;
}

static int run_child(const int *fds, int n, const char *count, int *ret_until)
{
	int until[2], pid;

	assert_int_equal(pipe(until), 0);
	until[0] = high(until[0]);
	until[1] = high(until[1]);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(until[1]);
		_exit(serve_as_systemd_child(fds, n, count, until[0]));
	}
	close(until[0]);
	*ret_until = until[1];
	return pid;
}

static int end_child(int pid, int until)
{
	int status;

	close(until);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void sockets_of_systemd_are_served(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fds[2], pid, until, client;
	struct buffer reply;
	struct err err;

	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/ceems-listen.%d", (int)getpid());
	fds[0] = high(http_listen("127.0.0.1:0", &err));
	fds[1] = high(socket(AF_UNIX, SOCK_STREAM, 0));
	assert_int_equal(bind(fds[1], (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fds[1], 5), 0);
	pid = run_child(fds, 2, "2", &until);
	assert_string_equal(raw_body(raw_request(http_listen_port(fds[0]),
				    "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")),
		"family 2\n");
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&un, sizeof(un)), 0);
	raw_puts(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	buffer_init(&reply, 0);
	assert_true(raw_read_all(client, &reply, RAW_TIMEOUT_MS));
	assert_string_equal(raw_body(buffer_text(&reply)), "family 1\n");
	buffer_done(&reply);
	close(client);
	assert_int_equal(end_child(pid, until), 0);
	close(fds[0]);
	close(fds[1]);
	unlink(un.sun_path);
}

static void wrong_sockets_of_systemd_are_refused(void **state)
{
	int fd = high(socket(AF_INET, SOCK_DGRAM, 0)), pid, until;

	pid = run_child(&fd, 1, "1", &until);
	assert_int_equal(end_child(pid, until), EINVAL);
	close(fd);
	fd = high(socket(AF_INET, SOCK_STREAM, 0)); /* doesn't listen */
	pid = run_child(&fd, 1, "1", &until);
	assert_int_equal(end_child(pid, until), EINVAL);
	pid = run_child(&fd, 1, "0", &until);
	assert_int_equal(end_child(pid, until), ENOENT);
	pid = run_child(&fd, 1, "x", &until);
	assert_int_equal(end_child(pid, until), ENOENT);
	pid = run_child(&fd, 1, "1000", &until);
	assert_int_equal(end_child(pid, until), E2BIG);
	close(fd);
}

static void sockets_for_another_process_are_not_taken(void **state)
{
	int fds[HTTP_LISTENERS_MAX];
	struct err err;

	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	assert_int_equal(http_listen_systemd(fds, &err), -ENOENT);
	unsetenv("LISTEN_PID");
	assert_int_equal(http_listen_systemd(fds, &err), -ENOENT);
	assert_non_null(strstr(err.text, "LISTEN_PID"));
	unsetenv("LISTEN_FDS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_host_means_both_families),
		TEST(ipv6_addresses_stand_in_brackets),
		TEST(names_are_resolved),
		TEST(vsock_addresses_are_known),
		TEST(long_hosts_are_refused),
		TEST(what_is_no_socket_has_no_port),
		TEST(sockets_of_systemd_are_served),
		TEST(wrong_sockets_of_systemd_are_refused),
		TEST(sockets_for_another_process_are_not_taken),
	};

	return cmocka_run_group_tests_name("http_listen", tests, NULL, NULL);
}
