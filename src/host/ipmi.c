// SPDX-License-Identifier: Apache-2.0
#include "host/ipmi.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ipmi.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "basic/clock.h"
#include "basic/file.h"
#include "host/ipmi_player.h"

_Static_assert(IPMI_ANSWER_MAX_BYTES >= IPMI_MAX_MSG_LENGTH, "any answer fits");

enum {
	DEVICE_PATH_MAX = 64,
	DROPPED_MAX = 64, /* messages that are no answer to a request, while one waits for it */
	NETFN_ANSWER = 1, /* is added to that of the request */
};

struct ipmi {
	struct ipmi_driver driver;
	long last_id;
};

static int system_control(void *ctx, int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static void release(struct ipmi_driver *driver)
{
	file_closep(&driver->fd);
	if (driver->release)
		driver->release(driver->ctx);
}

int ipmi_open_driver(const struct ipmi_driver *driver, struct ipmi **ret_ipmi)
{
	struct ipmi *ipmi = calloc(1, sizeof(*ipmi));
	struct ipmi_driver taken = *driver;

	if (!ipmi) {
		release(&taken);
		return -ENOMEM;
	}
	ipmi->driver = taken;
	*ret_ipmi = ipmi;
	return 0;
}

static int open_first(int64_t n, char path[static DEVICE_PATH_MAX])
{
	static const char *const dirs[] = { "/dev/ipmi", "/dev/ipmi/", "/dev/ipmidev/" };
	int fd = -1;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, DEVICE_PATH_MAX, "%s%" PRId64, dirs[i], n);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR))
			break;
	}
	return fd >= 0 ? fd : -errno;
}

int ipmi_open(int64_t dev_num, struct ipmi **ret_ipmi, struct err *err)
{
	char path[DEVICE_PATH_MAX];
	int fd, r;

	if (dev_num < 0 || dev_num > IPMI_DEVICE_NUMBER_MAX)
		return err_set(
			err, -EINVAL, "there is no IPMI device with number %" PRId64, dev_num);
	fd = open_first(dev_num, path);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return err_set(err, -ENOENT,
			"there is no IPMI device: none of /dev/ipmi%" PRId64 ", /dev/ipmi/%" PRId64
			" and /dev/ipmidev/%" PRId64 " (are the modules ipmi_si and ipmi_devintf "
			"loaded?)",
			dev_num, dev_num, dev_num);
	if (fd < 0)
		return err_errno(err, fd, "opening '%s'", path);
	r = ipmi_open_driver(
		&(struct ipmi_driver){ .fd = fd, .control = system_control }, ret_ipmi);
	return r < 0 ? err_errno(err, r, "opening '%s'", path) : 0;
}

int ipmi_open_path(const char *path, struct ipmi **ret_ipmi, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r = -ENOTTY;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		file_closep(&fd);
	} else if (S_ISREG(st.st_mode)) {
		r = ipmi_player_open(fd, ret_ipmi);
	} else if (S_ISCHR(st.st_mode)) {
		r = ipmi_open_driver(
			&(struct ipmi_driver){ .fd = fd, .control = system_control }, ret_ipmi);
	} else {
		file_closep(&fd);
	}
	return r < 0 ? err_errno(err, r, "opening '%s'", path) : 0;
}

void ipmi_close(struct ipmi *ipmi)
{
	if (!ipmi)
		return;
	release(&ipmi->driver);
	free(ipmi);
}

/*
 * The next message that the driver has, or -EAGAIN. One longer than our buffer comes cut, with
 * -EMSGSIZE, and off the queue.
 */
static int receive(struct ipmi *ipmi, struct ipmi_recv *recv, struct ipmi_answer *answer)
{
	struct ipmi_addr from; /* who else would answer */
	int r;

	*recv = (struct ipmi_recv){
		.addr = (unsigned char *)&from,
		.addr_len = sizeof(from),
		.msg = { .data = answer->data, .data_len = sizeof(answer->data) },
	};
	do {
		r = ipmi->driver.control(
			ipmi->driver.ctx, ipmi->driver.fd, IPMICTL_RECEIVE_MSG_TRUNC, recv);
	} while (r == -EINTR);
	if (r < 0 && r != -EMSGSIZE)
		return r;
	answer->n = MIN(recv->msg.data_len, sizeof(answer->data));
	return 0;
}

/* Answers to requests that had been given up. */
static void drop_stale(struct ipmi *ipmi)
{
	struct ipmi_recv recv;
	struct ipmi_answer answer;

	for (int i = 0; i < DROPPED_MAX; i++)
		if (receive(ipmi, &recv, &answer) < 0)
			return;
}

static int send_request(struct ipmi *ipmi, const struct ipmi_request *request)
{
	struct ipmi_system_interface_addr to = {
		.addr_type = IPMI_SYSTEM_INTERFACE_ADDR_TYPE,
		.channel = IPMI_BMC_CHANNEL,
		.lun = 0,
	};
	struct ipmi_req req = {
		.addr = (unsigned char *)&to,
		.addr_len = sizeof(to),
		.msgid = ++ipmi->last_id,
		.msg = { .netfn = request->netfn,
			.cmd = request->cmd,
			.data = (unsigned char *)request->data,
			.data_len = request->n },
	};
	int r;

	do {
		r = ipmi->driver.control(
			ipmi->driver.ctx, ipmi->driver.fd, IPMICTL_SEND_COMMAND, &req);
	} while (r == -EINTR);
	return r;
}

static bool is_answer(
	const struct ipmi *ipmi, const struct ipmi_request *request, const struct ipmi_recv *recv)
{
	return recv->recv_type == IPMI_RESPONSE_RECV_TYPE && recv->msgid == ipmi->last_id &&
		recv->msg.netfn == (request->netfn | NETFN_ANSWER) && recv->msg.cmd == request->cmd;
}

/* Until something can be received. */
static int wait_message(struct ipmi *ipmi, int64_t end_ns, int cancel_fd)
{
	struct pollfd fds[] = { { .fd = ipmi->driver.fd, .events = POLLIN },
		{ .fd = cancel_fd, .events = POLLIN } };

	for (;;) {
		int64_t left_ns = end_ns - clock_monotonic_ns(clock_system());
		int r;

		if (left_ns <= 0)
			return -ETIMEDOUT;
		r = poll(fds, ARRAY_SIZE(fds), (int)((left_ns + 999999) / 1000000));
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0 && fds[1].revents)
			return -ECANCELED;
		if (r > 0 && fds[0].revents & POLLIN)
			return 0;
		if (r > 0)
			return -ENODEV; /* hang-up: the driver is gone */
	}
}

static int wait_answer(struct ipmi *ipmi, const struct ipmi_request *request, int cancel_fd,
	struct ipmi_answer *ret_answer)
{
	int64_t end_ns = clock_monotonic_ns(clock_system()) + IPMI_REQUEST_TIMEOUT_MS * 1000000LL;
	struct ipmi_recv recv;

	for (int dropped = 0; dropped < DROPPED_MAX; dropped++) {
		int r = wait_message(ipmi, end_ns, cancel_fd);

		if (r >= 0)
			r = receive(ipmi, &recv, ret_answer);
		if (r == -EAGAIN)
			continue; /* nothing there after all */
		if (r < 0 || is_answer(ipmi, request, &recv))
			return r;
	}
	return -ELOOP;
}

int ipmi_ask(struct ipmi *ipmi, const struct ipmi_request *request, int cancel_fd,
	struct ipmi_answer *ret_answer, struct err *err)
{
	int r;

	drop_stale(ipmi);
	r = send_request(ipmi, request);
	if (r < 0)
		goto refused;
	r = wait_answer(ipmi, request, cancel_fd, ret_answer);
	if (r == -ETIMEDOUT)
		return err_set(err, r, "%s: no answer of the BMC within %d ms", request->what,
			IPMI_REQUEST_TIMEOUT_MS);
	if (r == -ECANCELED)
		return err_set(err, r, "%s: given up because the program stops", request->what);
	if (r == -ELOOP)
		return err_set(err, -EBADF, "%s: more than %d messages that were not asked for",
			request->what, DROPPED_MAX);
	if (r >= 0)
		return r;
refused:
	err_errno(err, r, "%s: the IPMI driver", request->what);
	return -EBADF;
}

int ipmi_read_power(struct ipmi *ipmi, int cancel_fd, struct dcmi_power *ret_power, struct err *err)
{
	const struct ipmi_request *request = &dcmi_request_power;
	struct ipmi_answer answer;
	int r = ipmi_ask(ipmi, request, cancel_fd, &answer, err);

	if (r < 0)
		return r;
	r = dcmi_parse_power(answer.data, answer.n, ret_power, err);
	return r < 0 ? err_prefix(err, r, "%s", request->what) : 0;
}

int ipmi_read_lan_address(
	struct ipmi *ipmi, int cancel_fd, struct in_addr *ret_address, struct err *err)
{
	const struct ipmi_request *request = &ipmi_request_lan_address;
	struct ipmi_answer answer;
	int r = ipmi_ask(ipmi, request, cancel_fd, &answer, err);

	if (r < 0)
		return r;
	r = ipmi_parse_lan_address(answer.data, answer.n, ret_address, err);
	return r < 0 ? err_prefix(err, r, "%s", request->what) : 0;
}

int ipmi_lan_ipv4(int64_t dev_num, char ret_text[static INET_ADDRSTRLEN], struct err *err)
{
	CLEANUP(ipmi_closep) struct ipmi *ipmi = NULL;
	struct in_addr address;
	int r = ipmi_open(dev_num, &ipmi, err);

	if (r >= 0)
		r = ipmi_read_lan_address(ipmi, -1, &address, err);
	if (r < 0)
		return r;
	inet_ntop(AF_INET, &address, ret_text, INET_ADDRSTRLEN);
	return 0;
}
