// SPDX-License-Identifier: Apache-2.0
/*
 * Answers of a BMC as text, a line for each request, everything in hexadecimal bytes between single
 * blanks: network function, command and data, "=", and the answer with its completion code first.
 *
 *     2c 02 dc 01 00 00 = 00 dc 38 01 9c 00 70 02 2a 01 00 00 00 60 e8 03 00 00 40
 *
 * Nothing behind "=": the BMC didn't answer. Empty lines and lines that begin with '#' are
 * comments. Pure; ipmi_player.h plays it to the exporter.
 */
#ifndef CEEMS_HOST_IPMI_RECORDING_H
#define CEEMS_HOST_IPMI_RECORDING_H

#include "basic/buffer.h"
#include "basic/str.h"
#include "host/dcmi.h"

enum { IPMI_RECORDING_MAX_BYTES = 4096, IPMI_ANSWER_MAX_BYTES = 272 /* of the kernel's driver */ };

struct ipmi_answer {
	uint8_t data[IPMI_ANSWER_MAX_BYTES];
	size_t n;
};

/* Appends a line; answer NULL: there was none. Failures stick in the buffer. */
void ipmi_recording_put(
	struct buffer *out, const struct ipmi_request *request, const struct ipmi_answer *answer);

/*
 * The first line of that request. -ENODATA: there is none, or it has no answer; -EBADMSG: a line
 * before it is none of ours.
 */
int ipmi_recording_find(
	struct slice text, const struct ipmi_request *request, struct ipmi_answer *ret_answer);

#endif
