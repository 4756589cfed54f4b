// SPDX-License-Identifier: Apache-2.0
/*
 * The power readings that command line tools print: FreeIPMI's ipmi-dcmi, ipmitool and ipmiutil
 * (lines of text), and Cray's capmc (JSON), as spec exporter-node.md 8.8 has them. Pure.
 */
#ifndef CEEMS_HOST_DCMI_TEXT_H
#define CEEMS_HOST_DCMI_TEXT_H

#include "basic/err.h"
#include "basic/str.h"
#include "host/dcmi.h"

enum { DCMI_TEXT_MAX_BYTES = 64 << 10 };

/*
 * The first line of each kind counts, other lines may be anything. A value that isn't there is 0.
 * -ENODATA: the tool says that nothing is measured now, or doesn't say that something is. -E2BIG.
 */
int dcmi_text_parse(struct slice text, struct dcmi_power *ret_power, struct err *err);

/*
 * capmc's object; the current power is the mean of its window. -EIO: it tells of an error,
 * -EBADMSG: no JSON object, -E2BIG, -ENOMEM.
 */
int dcmi_text_parse_capmc(struct slice text, struct dcmi_power *ret_power, struct err *err);

#endif
