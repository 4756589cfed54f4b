// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/capture_ipmi.h"

#include <errno.h>

#include "basic/clock.h"

static int open_device(struct capture_ipmi *c)
{
	if (c->ipmi)
		return 0;
	return *c->device ? ipmi_open_path(c->device, &c->ipmi, NULL)
			  : ipmi_open(0, &c->ipmi, NULL);
}

/* An answer that refuses is one; silence is written down as such. */
static int ask(struct capture_ipmi *c, int cancel_fd)
{
	struct ipmi_answer answer;
	int r = open_device(c);

	if (r < 0)
		return r;
	r = ipmi_ask(c->ipmi, &dcmi_request_power, cancel_fd, &answer, NULL);
	if (r == -ECANCELED)
		return r;
	buffer_clear(&c->text);
	buffer_puts(&c->text, "# What the BMC answered: request = answer (docs/capture.md)\n");
	ipmi_recording_put(&c->text, &dcmi_request_power, r < 0 ? NULL : &answer);
	if (r == -EBADF) {
		ipmi_close(c->ipmi);
		c->ipmi = NULL;
	}
	return buffer_error(&c->text) ? -ENOMEM : r;
}

int capture_ipmi_read(struct capture_ipmi *c, int cancel_fd, struct capture_tree *tree)
{
	const int64_t now_ns = clock_monotonic_ns(clock_system());
	int r = 0;

	if (now_ns >= c->next_ns) {
		r = ask(c, cancel_fd);
		/* From its begin: a BMC that needs long is not asked less often. */
		c->next_ns = now_ns + CAPTURE_IPMI_PERIOD_S * 1000000000LL;
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0 && r != -ENOENT && r != -ECANCELED)
		capture_tree_failed(tree, CAPTURE_IPMI_FILE, r);
	if (!c->text.len)
		return 0;
	return capture_tree_add(tree, TAR_FILE, CAPTURE_IPMI_FILE, NULL,
		(struct slice){ c->text.data, c->text.len });
}

void capture_ipmi_done(struct capture_ipmi *c)
{
	ipmi_close(c->ipmi);
	c->ipmi = NULL;
	buffer_done(&c->text);
}
