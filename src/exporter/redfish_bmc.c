// SPDX-License-Identifier: Apache-2.0
#include "exporter/redfish_bmc.h"

#include <errno.h>

int redfish_bmc_find(void *ctx, char ret_host[static REDFISH_HOST_MAX_BYTES], struct err *err)
{
	return err_set(err, -ENOTSUP, "IPMI is not in this version of CEEMS");
}
