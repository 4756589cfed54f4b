// SPDX-License-Identifier: Apache-2.0
/* Where this machine's BMC is, for a configuration that doesn't tell. */
#ifndef CEEMS_EXPORTER_METERS_REDFISH_BMC_H
#define CEEMS_EXPORTER_METERS_REDFISH_BMC_H

#include "remote/redfish_config.h"

/*
 * Asks the BMC for its IPv4 address by IPMI (device 0), and the resolver for the name of that. In
 * the form of find_bmc(); ctx is not used. At the start, while /dev/ipmi0 can be opened.
 */
int redfish_bmc_find(void *ctx, char ret_host[static REDFISH_HOST_MAX_BYTES], struct err *err);

#endif
