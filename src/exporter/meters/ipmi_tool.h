// SPDX-License-Identifier: Apache-2.0
/*
 * The command that reads the node's power from the BMC (spec exporter-node.md 8.8): which one it
 * is, how it has to be run, and one run of it. The user's environment decides where it is found.
 */
#ifndef CEEMS_EXPORTER_METERS_IPMI_TOOL_H
#define CEEMS_EXPORTER_METERS_IPMI_TOOL_H

#include <stdbool.h>

#include "basic/err.h"
#include "host/dcmi.h"
#include "host/privilege.h"

enum {
	IPMI_TOOL_WORDS_MAX = 64,
	IPMI_TOOL_TEXT_MAX_BYTES = 4096,
	IPMI_TOOL_TIMEOUT_MS = 5000,
	IPMI_TOOL_SUDO_TIMEOUT_MS = 1000,
};

enum ipmi_tool_way {
	IPMI_TOOL_UNKNOWN, /* not found out yet */
	IPMI_TOOL_AS_IS,
	IPMI_TOOL_BY_SUDO,
	IPMI_TOOL_AS_ROOT,
};
extern const char *const ipmi_tool_way_names[]; /* for the log */

struct ipmi_tool {
	char text[IPMI_TOOL_TEXT_MAX_BYTES]; /* of the words */
	const char *argv[1 + IPMI_TOOL_WORDS_MAX + 1]; /* "sudo", the command, NULL */
	enum ipmi_tool_way way;
	bool root_start; /* every way means 'by root', even after the change of user */
};

/* Splits at blanks; quotes mean nothing. -EINVAL: no word, or too many; -E2BIG. */
int ipmi_tool_split(const char *command_line, struct ipmi_tool *ret_tool, struct err *err);

/*
 * The first of ipmi-dcmi, ipmitool, ipmiutil and capmc in the folders of path (as in PATH; those
 * that are not absolute don't count) and then in the NULL-terminated further ones, by its full
 * path. -ENOENT: none.
 */
int ipmi_tool_find(
	const char *path, const char *const *further, struct ipmi_tool *ret_tool, struct err *err);
extern const char *const ipmi_tool_further_dirs[]; /* /sbin, /usr/sbin, /usr/local/sbin */

/*
 * Runs it as is, by sudo (if wanted) and as root, and remembers the first way that ends with status
 * 0. A failure is that of the first try.
 */
int ipmi_tool_probe(struct ipmi_tool *tool, bool try_sudo, int cancel_fd, struct err *err);

/* One run, the way that was found out. Errors of command_run() and of dcmi_text.h. */
int ipmi_tool_read(
	const struct ipmi_tool *tool, int cancel_fd, struct dcmi_power *ret_power, struct err *err);

/* What running it as root takes. */
extern const capability_set ipmi_tool_capabilities;

#endif
