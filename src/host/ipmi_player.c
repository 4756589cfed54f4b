// SPDX-License-Identifier: Apache-2.0
#include "host/ipmi_player.h"

#include <errno.h>
#include <linux/ipmi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "basic/file.h"
#include "host/ipmi_recording.h"

enum { NETFN_ANSWER = 1 /* is added to that of the request */ };

struct player {
	int file_fd;
	int ready_fd; /* readable while there is an answer; the device owns it */
	bool has_answer;
	struct ipmi_request request;
	struct ipmi_answer answer;
	long msgid;
};

static int take_request(struct player *p, const struct ipmi_req *req)
{
	char text[IPMI_RECORDING_MAX_BYTES];
	ssize_t n = file_reread(p->file_fd, text, sizeof(text));
	const uint64_t one = 1;
	int r;

	if (n < 0)
		return (int)n;
	if (req->msg.data_len > sizeof(p->request.data))
		return -EMSGSIZE;
	p->request = (struct ipmi_request){
		.netfn = req->msg.netfn, .cmd = req->msg.cmd, .n = req->msg.data_len
	};
	memcpy(p->request.data, req->msg.data, p->request.n);
	p->msgid = req->msgid;
	r = ipmi_recording_find((struct slice){ text, (size_t)n }, &p->request, &p->answer);
	if (r < 0)
		return r == -ENODATA ? 0 : r;
	if (!p->has_answer && write(p->ready_fd, &one, sizeof(one)) != sizeof(one))
		return -errno;
	p->has_answer = true;
	return 0;
}

static int give_answer(struct player *p, struct ipmi_recv *recv)
{
	const size_t n = MIN(p->answer.n, recv->msg.data_len);
	uint64_t all;

	if (!p->has_answer)
		return -EAGAIN;
	if (read(p->ready_fd, &all, sizeof(all)) != sizeof(all))
		return -errno;
	p->has_answer = false;
	recv->recv_type = IPMI_RESPONSE_RECV_TYPE;
	recv->msgid = p->msgid;
	recv->msg.netfn = p->request.netfn | NETFN_ANSWER;
	recv->msg.cmd = p->request.cmd;
	memcpy(recv->msg.data, p->answer.data, n);
	recv->msg.data_len = (unsigned short)n;
	return n < p->answer.n ? -EMSGSIZE : 0;
}

static int control(void *ctx, int fd, unsigned long request, void *arg)
{
	switch (request) {
	case IPMICTL_SEND_COMMAND:
		return take_request(ctx, arg);
	case IPMICTL_RECEIVE_MSG_TRUNC:
		return give_answer(ctx, arg);
	default:
		return -ENOTTY;
	}
}

static void player_free(void *ctx)
{
	struct player *p = ctx;

	file_closep(&p->file_fd);
	free(p);
}

int ipmi_player_open(int file_fd, struct ipmi **ret_ipmi)
{
	struct player *p = calloc(1, sizeof(*p));
	struct ipmi_driver driver = { .control = control, .release = player_free, .ctx = p };

	if (!p) {
		file_closep(&file_fd);
		return -ENOMEM;
	}
	p->file_fd = file_fd;
	p->ready_fd = driver.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (driver.fd < 0) {
		int r = -errno;

		player_free(p);
		return r;
	}
	return ipmi_open_driver(&driver, ret_ipmi);
}
