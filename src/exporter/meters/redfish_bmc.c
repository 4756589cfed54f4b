// SPDX-License-Identifier: Apache-2.0
#include "exporter/meters/redfish_bmc.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>

#include "host/ipmi.h"

/* Certificates are made out for names. Without one the address has to do. */
static void name_of(const char *address, char ret_host[static REDFISH_HOST_MAX_BYTES])
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	inet_pton(AF_INET, address, &to.sin_addr);
	if (getnameinfo((const struct sockaddr *)&to, sizeof(to), ret_host, REDFISH_HOST_MAX_BYTES,
		    NULL, 0, NI_NAMEREQD) != 0)
		snprintf(ret_host, REDFISH_HOST_MAX_BYTES, "%s", address);
}

int redfish_bmc_find(void *ctx, char ret_host[static REDFISH_HOST_MAX_BYTES], struct err *err)
{
	char address[INET_ADDRSTRLEN];
	int r = ipmi_lan_ipv4(0, address, err);

	if (r >= 0)
		name_of(address, ret_host);
	return r;
}
