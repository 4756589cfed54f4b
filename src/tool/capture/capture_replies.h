// SPDX-License-Identifier: Apache-2.0
/*
 * What services answer that the exporter asks: the BMC by Redfish, providers of emission factors.
 * Requests go out as the exporter's do, each answer is kept, anonymised:
 *
 *     replies/NAME/I.request   "GET /redfish/v1/Chassis"
 *     replies/NAME/I.status    "200\n"
 *     replies/NAME/I.type      "application/json"
 *     replies/NAME/I.body
 *
 * NAME is redfish, or a provider's. What went out beside the path (logins, tokens) is not kept.
 */
#ifndef CEEMS_TOOL_CAPTURE_CAPTURE_REPLIES_H
#define CEEMS_TOOL_CAPTURE_CAPTURE_REPLIES_H

#include "basic/err.h"
#include "tool/capture/capture_tree.h"

enum { CAPTURE_REPLIES_MAX = 2000 /* of one service */ };

/*
 * redfish_config_file "" or NULL: no BMC is asked. A service that fails is a failure of the tree,
 * but not what is given up because stop_fd is readable.
 * -EINVAL and others: the file can't be used; -ENOMEM.
 */
int capture_replies_run(struct capture_tree *tree, const char *redfish_config_file, bool emissions,
	int stop_fd, struct err *err);

#endif
