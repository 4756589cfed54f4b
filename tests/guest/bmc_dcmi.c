// SPDX-License-Identifier: Apache-2.0
/*
 * Get Power Reading of DCMI 1.5 (6.6.1) for OpenIPMI's ipmi_sim, which has no DCMI. The option of
 * 'loadlib' names a file with 'CURRENT MIN MAX AVG ACTIVE', read again for each request.
 * gcc -shared -fPIC -o bmc_dcmi.so bmc_dcmi.c -lIPMIlanserv
 */
#include <stdio.h>
#include <string.h>

#include <OpenIPMI/mcserv.h>
#include <OpenIPMI/serv.h>

enum { GROUP_DCMI = 0xdc, GET_POWER_READING = 2, ANSWER_BYTES = 19, INVALID_COMMAND = 0xc1 };

static char power_file[4096];

static void le(unsigned char *at, int n_bytes, unsigned value)
{
	for (int i = 0; i < n_bytes; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

static void answer(
	lmc_data_t *mc, msg_t *request, unsigned char *data, unsigned int *len, void *context)
{
	unsigned value[5] = { 0 };
	FILE *f = request->cmd == GET_POWER_READING ? fopen(power_file, "r") : NULL;
	int n = 0;

	while (f && n < 5 && fscanf(f, "%u", &value[n]) == 1)
		n++;
	if (f)
		fclose(f);
	data[0] = n == 5 ? 0 : INVALID_COMMAND;
	*len = 1;
	if (n < 5)
		return;
	memset(data + 1, 0, ANSWER_BYTES - 1);
	data[1] = GROUP_DCMI;
	for (int i = 0; i < 4; i++)
		le(data + 2 + 2 * i, 2, value[i]);
	le(data + 14, 4, 1000);
	data[18] = value[4] ? 0x40 : 0;
	*len = ANSWER_BYTES;
}

int ipmi_sim_module_print_version(sys_data_t *sys, char *options)
{
	return 0;
}

int ipmi_sim_module_init(sys_data_t *sys, const char *options)
{
	snprintf(power_file, sizeof(power_file), "%s", options ? options : "");
	ipmi_emu_register_group_extension_handler(GROUP_DCMI, answer, NULL);
	return 0;
}
