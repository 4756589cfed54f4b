// SPDX-License-Identifier: Apache-2.0
#include "cacct/field.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "basic/str.h"

const struct field fields[N_FIELDS] = {
	[FIELD_JOB_ID] = { "jobID", "uuid", "Job ID", "Identifier of the job", FIELD_TEXT, 3, 7,
		true },
	[FIELD_NAME] = { "Name", "name", "Name", "Name of the job", FIELD_TEXT, 5, 8, false },
	[FIELD_ACCOUNT] = { "Account", "project", "Account", "Account that the job ran under",
		FIELD_TEXT, 5, 8, true },
	[FIELD_GROUP] = { "group", "groupname", "Group", "Group of the user", FIELD_TEXT, 5, 5,
		false },
	[FIELD_USER] = { "user", "username", "User", "User who ran the job", FIELD_TEXT, 5, 5,
		false },
	[FIELD_CREATED] = { "createdAt", "created_at", "Created", "Time of submission", FIELD_TEXT,
		5, 8, false },
	[FIELD_STARTED] = { "startedAt", "started_at", "Started", "Time of the start", FIELD_TEXT,
		5, 12, false },
	[FIELD_ENDED] = { "endedAt", "ended_at", "Ended", "Time of the end", FIELD_TEXT, 5, 12,
		false },
	[FIELD_ELAPSED] = { "elapsed", "elapsed", "Elapsed", "Time that the job ran", FIELD_TEXT, 5,
		12, true },
	[FIELD_STATE] = { "state", "state", "State", "State of the job", FIELD_TEXT, 5, 5, false },
	[FIELD_CPU_USAGE] = { "cpuUsage", "avg_cpu_usage", "CPU Usage(%)",
		"Mean usage of the allocated CPUs, in percent", FIELD_PERCENT, 5, 6, true },
	[FIELD_CPU_MEMORY] = { "cpuMemoryUsage", "avg_cpu_mem_usage", "CPU Mem. Usage(%)",
		"Mean usage of the allocated memory, in percent", FIELD_PERCENT, 5, 6, true },
	[FIELD_HOST_ENERGY] = { "hostEnergy", "total_cpu_energy_usage_kwh", "Host Energy(kWh)",
		"Energy used on the hosts without GPUs, in kWh", FIELD_AMOUNT, 5, 8, true },
	[FIELD_HOST_EMISSIONS] = { "hostEmissions", "total_cpu_emissions_gms",
		"Host Emissions(gms)",
		"Emissions of that energy by provider of the factor, in g CO2e", FIELD_AMOUNT, 5,
		12, true },
	[FIELD_GPU_USAGE] = { "gpuUsage", "avg_gpu_usage", "GPU Usage(%)",
		"Mean usage of the allocated GPUs, in percent", FIELD_PERCENT, 5, 6, true },
	[FIELD_GPU_MEMORY] = { "gpuMemoryUsage", "avg_gpu_mem_usage", "GPU Mem. Usage(%)",
		"Mean usage of the memory of the GPUs, in percent", FIELD_PERCENT, 5, 6, true },
	[FIELD_GPU_ENERGY] = { "gpuEnergy", "total_gpu_energy_usage_kwh", "GPU Energy(kWh)",
		"Energy used by the GPUs, in kWh", FIELD_AMOUNT, 5, 8, true },
	[FIELD_GPU_EMISSIONS] = { "gpuEmissions", "total_gpu_emissions_gms", "GPU Emissions(gms)",
		"Emissions of that energy by provider of the factor, in g CO2e", FIELD_AMOUNT, 5,
		12, true },
};

int list_parse(const char *text, struct arena *arena, struct strings *ret_items)
{
	struct slice rest = slice_from(text), item;
	struct strings items = { 0 };
	size_t cap = 1;

	if (rest.n > FIELD_LIST_MAX_BYTES)
		return -E2BIG;
	for (const char *p = text; *p; p++)
		cap += *p == ',';
	items.v = ARENA_ARRAY(arena, const char *, cap);
	if (!items.v)
		return -ENOMEM;
	while (slice_next(&rest, ',', &item)) {
		item = slice_trim(item);
		if (item.n == 0)
			continue;
		items.v[items.n] = arena_strndup(arena, item.p, item.n);
		if (!items.v[items.n++])
			return -ENOMEM;
	}
	*ret_items = items;
	return 0;
}

static int find(struct slice name)
{
	for (int i = 0; i < N_FIELDS; i++) {
		if (strlen(fields[i].name) == name.n &&
			strncasecmp(fields[i].name, name.p, name.n) == 0)
			return i;
	}
	return -1;
}

int field_list_parse(const char *text, bool ret_wanted[static N_FIELDS], struct err *err)
{
	struct slice rest = slice_from(text), item;
	bool wanted[N_FIELDS] = { false }, any = false;

	if (rest.n > FIELD_LIST_MAX_BYTES)
		return err_set(err, -EINVAL, "the list of fields is too long");
	while (slice_next(&rest, ',', &item)) {
		int i;

		item = slice_trim(item);
		if (item.n == 0)
			continue;
		i = find(item);
		if (i < 0)
			return err_set(err, -EINVAL,
				"unknown field '%.*s', see --helpformat for those that exist",
				(int)item.n, item.p);
		wanted[i] = true;
		any = true;
	}
	if (!any)
		return err_set(err, -EINVAL, "no field is named, see --helpformat");
	memcpy(ret_wanted, wanted, sizeof(wanted));
	return 0;
}
