// SPDX-License-Identifier: Apache-2.0
/*
 * Requests to this machine's BMC through the kernel's IPMI character device (linux/ipmi.h,
 * Documentation/driver-api/ipmi.rst). Events are not subscribed to. A device is used by one thread
 * at a time, thus has one request under way.
 */
#ifndef CEEMS_HOST_IPMI_H
#define CEEMS_HOST_IPMI_H

#include <netinet/in.h>
#include <stdint.h>

#include "basic/err.h"
#include "basic/macros.h"
#include "host/dcmi.h"
#include "host/ipmi_recording.h"

enum { IPMI_REQUEST_TIMEOUT_MS = 1000, IPMI_DEVICE_NUMBER_MAX = 255 };

/* The system's side of a device, for tests. */
struct ipmi_driver {
	int fd; /* readable when there is something to be received; owned by the device */
	int (*control)(void *ctx, int fd, unsigned long request, void *arg); /* 0 or -errno */
	void *ctx;
	void (*release)(void *ctx); /* when the device is closed; may be NULL */
};

struct ipmi;

/* The first of /dev/ipmiN, /dev/ipmi/N and /dev/ipmidev/N. -ENOENT: none is there; -EINVAL: N is
 * negative or too large; -EACCES and others of open(2). */
int ipmi_open(int64_t dev_num, struct ipmi **ret_ipmi, struct err *err);
/*
 * A device by its path; or a regular file, which holds answers of a BMC (ipmi_recording.h).
 * -ENOTTY: it is neither; of open(2).
 */
int ipmi_open_path(const char *path, struct ipmi **ret_ipmi, struct err *err);
/* Takes the driver over with its descriptor, also on failure. -ENOMEM. */
int ipmi_open_driver(const struct ipmi_driver *driver, struct ipmi **ret_ipmi);
void ipmi_close(struct ipmi *ipmi); /* NULL is fine */
DEFINE_CLEANUP(struct ipmi *, ipmi_close);

/*
 * -ETIMEDOUT: no answer within IPMI_REQUEST_TIMEOUT_MS; it may still come, and is told apart from
 * the next one's. -ECANCELED: cancel_fd (-1 = none) became readable. -EIO, -ENODATA, -EBADMSG: of
 * the answer, see dcmi.h. -EBADF: the driver refused, or lost the BMC: open the device anew.
 */
int ipmi_read_power(
	struct ipmi *ipmi, int cancel_fd, struct dcmi_power *ret_power, struct err *err);
int ipmi_read_lan_address(
	struct ipmi *ipmi, int cancel_fd, struct in_addr *ret_address, struct err *err);
/* The answer as it came, whatever it says. */
int ipmi_ask(struct ipmi *ipmi, const struct ipmi_request *request, int cancel_fd,
	struct ipmi_answer *ret_answer, struct err *err);

/* Opens device dev_num and asks for the IPv4 address of the BMC's first LAN channel. */
int ipmi_lan_ipv4(int64_t dev_num, char ret_text[static INET_ADDRSTRLEN], struct err *err);

#endif
