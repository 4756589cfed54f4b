// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes of the two IPMI requests that we send, and of their answers: Get Power Reading of the Data
 * Center Manageability Interface (DCMI 1.5, 6.6.1) and Get LAN Configuration Parameters (IPMI 2.0,
 * 23.2). Answers are as the BMC sent them, the completion code first. Pure.
 */
#ifndef CEEMS_HOST_DCMI_H
#define CEEMS_HOST_DCMI_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/err.h"

/* The least, highest and mean power are of a period that the BMC chooses. */
enum dcmi_value { DCMI_CURRENT, DCMI_MIN, DCMI_MAX, DCMI_AVG, DCMI_N_VALUES };

struct dcmi_power {
	double watts[DCMI_N_VALUES]; /* 0: not told */
};

enum { DCMI_WATTS_MAX = 10000000 }; /* what claims more is not believed */

struct ipmi_request {
	const char *what; /* "reading the power" */
	uint8_t netfn, cmd;
	uint8_t data[4];
	uint16_t n;
};

extern const struct ipmi_request dcmi_request_power;
extern const struct ipmi_request ipmi_request_lan_address; /* of channel 1 */

/*
 * -EIO: the BMC refused (the sentence has the completion code), -ENODATA: it doesn't measure now,
 * -EBADMSG: not an answer to this request.
 */
int dcmi_parse_power(
	const uint8_t *answer, size_t n, struct dcmi_power *ret_power, struct err *err);

/* The same errors; -ENODATA: it has no address. */
int ipmi_parse_lan_address(
	const uint8_t *answer, size_t n, struct in_addr *ret_address, struct err *err);

#endif
