// SPDX-License-Identifier: Apache-2.0
#include "host/dcmi.h"

#include <errno.h>
#include <string.h>

#include "basic/macros.h"

enum {
	NETFN_TRANSPORT = 0x0c,
	NETFN_GROUP_EXTENSION = 0x2c,
	CMD_GET_LAN_CONFIGURATION = 0x02,
	CMD_GET_POWER_READING = 0x02,
	GROUP_DCMI = 0xdc,
	MODE_SYSTEM_POWER_STATISTICS = 0x01,
	LAN_CHANNEL = 0x01,
	LAN_PARAMETER_ADDRESS = 0x03,

	POWER_ANSWER_BYTES = 19,
	POWER_STATE_AT = 18,
	POWER_STATE_ACTIVE = 1 << 6,
	LAN_ANSWER_BYTES = 6,
	LAN_ADDRESS_AT = 2,
};

const struct ipmi_request dcmi_request_power = {
	.what = "reading the power",
	.netfn = NETFN_GROUP_EXTENSION,
	.cmd = CMD_GET_POWER_READING,
	.data = { GROUP_DCMI, MODE_SYSTEM_POWER_STATISTICS, 0, 0 },
	.n = 4,
};

const struct ipmi_request ipmi_request_lan_address = {
	.what = "reading the BMC's IP address",
	.netfn = NETFN_TRANSPORT,
	.cmd = CMD_GET_LAN_CONFIGURATION,
	.data = { LAN_CHANNEL, LAN_PARAMETER_ADDRESS, 0, 0 },
	.n = 4,
};

/* IPMI 2.0, table 5-2; those that a person can do something about. */
static const struct {
	uint8_t code;
	const char *text;
} completions[] = {
	{ 0xc0, "the BMC is busy" },
	{ 0xc1, "the BMC doesn't know the command" },
	{ 0xc3, "the BMC timed out" },
	{ 0xc9, "a parameter is out of range" },
	{ 0xcb, "the BMC has no such reading" },
	{ 0xcc, "the BMC takes the request for invalid" },
	{ 0xd3, "the destination can't be reached" },
	{ 0xd4, "the right to do it is missing, or firmware firewall" },
	{ 0xd5, "the BMC can't do it in its present state" },
	{ 0xff, "unspecified error" },
};

static const char *completion_text(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(completions); i++)
		if (completions[i].code == code)
			return completions[i].text;
	return "see table 5-2 of IPMI 2.0";
}

/* An answer that refuses ends behind its code. */
static int check_answer(const uint8_t *answer, size_t n, size_t least, struct err *err)
{
	if (n >= 1 && answer[0] != 0)
		return err_set(err, -EIO, "completion code 0x%02x: %s", answer[0],
			completion_text(answer[0]));
	if (n < least)
		return err_set(err, -EBADMSG, "the answer has %zu bytes instead of %zu", n, least);
	return 0;
}

static double le16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

int dcmi_parse_power(const uint8_t *answer, size_t n, struct dcmi_power *ret_power, struct err *err)
{
	int r = check_answer(answer, n, POWER_ANSWER_BYTES, err);

	if (r < 0)
		return r;
	if (answer[1] != GROUP_DCMI)
		return err_set(
			err, -EBADMSG, "the answer is of group 0x%02x instead of DCMI", answer[1]);
	if (!(answer[POWER_STATE_AT] & POWER_STATE_ACTIVE))
		return err_set(err, -ENODATA, "the BMC's power measurement is not active");
	*ret_power = (struct dcmi_power){ .watts = {
						  [DCMI_CURRENT] = le16(answer + 2),
						  [DCMI_MIN] = le16(answer + 4),
						  [DCMI_MAX] = le16(answer + 6),
						  [DCMI_AVG] = le16(answer + 8),
					  } };
	return 0;
}

int ipmi_parse_lan_address(
	const uint8_t *answer, size_t n, struct in_addr *ret_address, struct err *err)
{
	struct in_addr address;
	int r = check_answer(answer, n, LAN_ANSWER_BYTES, err);

	if (r < 0)
		return r;
	memcpy(&address, answer + LAN_ADDRESS_AT, sizeof(address));
	if (address.s_addr == INADDR_ANY || address.s_addr == INADDR_NONE)
		return err_set(err, -ENODATA, "the BMC has no IP address on its first LAN channel");
	*ret_address = address;
	return 0;
}
