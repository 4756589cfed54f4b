// SPDX-License-Identifier: Apache-2.0
#include "api/model_docs.h"

static const char *const groupby_choices[] = { "cluster_id", "resource_manager", "project",
	"groupname", "username", NULL };
static const char *const role_choices[] = { "admin", NULL };
static const char *const format_choices[] = { "json", NULL };

const struct api_param api_params[N_API_PARAMS] = {
	[API_PARAM_TERMINATED] = { "__terminated", API_FLAG, false, NULL,
		"Only units that have ended." },
	[API_PARAM_CLUSTER_ID] = { "cluster_id", API_TEXT, true, NULL, "Only these clusters." },
	[API_PARAM_EXACT] = { "exact", API_FLAG, false, NULL,
		"Only what was used in the period, instead of whole units." },
	[API_PARAM_EXPERIMENTAL] = { "experimental", API_FLAG, false, NULL,
		"From the totals of whole days instead of whole units." },
	[API_PARAM_FIELD] = { "field", API_FIELD, true, NULL,
		"Only these fields; names that are none are left out." },
	[API_PARAM_FORMAT] = { "format", API_TEXT, false, format_choices,
		"JSON instead of a line of text." },
	[API_PARAM_FROM] = { "from", API_SECONDS, false, NULL,
		"Begin of the period; by default a day before its end." },
	[API_PARAM_GROUPBY] = { "groupby", API_TEXT, true, groupby_choices,
		"Rows of their own for each value of these fields, beside project and user." },
	[API_PARAM_PROJECT] = { "project", API_TEXT, true, NULL, "Only these projects." },
	[API_PARAM_ROLE] = { "role", API_TEXT, false, role_choices,
		"The administrators instead of the users." },
	[API_PARAM_RUNNING] = { "running", API_FLAG, false, NULL,
		"Units that still run, beside those that ended in the period." },
	[API_PARAM_TIMEZONE] = { "timezone", API_TEXT, false, NULL,
		"Name of the zone for texts of time (Europe/Berlin)." },
	[API_PARAM_TO] = { "to", API_SECONDS, false, NULL,
		"End of the period; by default a day after its begin, or now." },
	[API_PARAM_USER] = { "user", API_TEXT, true, NULL, "Only these users." },
	[API_PARAM_UUID] = { "uuid", API_TEXT, true, NULL, "Only these units, of any time." },
};

const struct api_model api_models[N_API_MODELS] = {
	[API_NO_MODEL] = { "None", NULL, "No data." },
	[API_UNIT] = { "Unit", &store_units, "A compute unit: a batch job, a VM or a pod." },
	[API_USAGE] = { "Usage", &store_usage, "What a user used in a project." },
	[API_USER_MODEL] = { "User", &store_users, "A user of a cluster." },
	[API_PROJECT] = { "Project", &store_projects,
		"A project of a cluster: an account, a tenant or a namespace." },
	[API_CLUSTER] = { "Cluster", &store_clusters, "A cluster that has units." },
	[API_STAT] = { "Stat", &store_stats, "Counts of a cluster." },
};

static const struct {
	const char *name, *help;
} fields[] = {
	{ "allocation", "What was given to it." },
	{ "avg_cpu_mem_usage", "Memory in use, in percent of what was given." },
	{ "avg_cpu_usage", "CPU in use, in percent of what was given." },
	{ "avg_gpu_mem_usage", "GPU memory in use, in percent." },
	{ "avg_gpu_usage", "GPU in use, in percent." },
	{ "cluster_id", "Cluster, as the configuration names it." },
	{ "created_at", "When it was submitted." },
	{ "created_at_ts", "The same in Unix milliseconds." },
	{ "elapsed", "How long it has run, [D-]hh:mm:ss." },
	{ "ended_at", "When it ended; 'Unknown' or 'N/A' while it runs." },
	{ "ended_at_ts", "The same in Unix milliseconds; left out while it runs." },
	{ "groupname", "Group of the user." },
	{ "id", "Cluster, as the configuration names it." },
	{ "manager", "Kind of its resource manager." },
	{ "name", "Name." },
	{ "num_active_units", "Units that run." },
	{ "num_inactive_units", "Units that have ended." },
	{ "num_projects", "Projects that have units." },
	{ "num_units", "Units." },
	{ "num_users", "Users who have units." },
	{ "project", "Account, tenant or namespace." },
	{ "projects", "Projects of the user." },
	{ "resource_manager", "slurm, openstack or k8s." },
	{ "started_at", "When it began to run." },
	{ "started_at_ts", "The same in Unix milliseconds." },
	{ "state", "State in the words of the resource manager." },
	{ "tags", "More that the resource manager knows; of users: where they are from." },
	{ "total_cpu_emissions_gms", "Emissions of host energy in grams of CO2 equivalents." },
	{ "total_cpu_energy_usage_kwh", "Energy of the host in kWh." },
	{ "total_egress_stats", "Sent to the network." },
	{ "total_gpu_emissions_gms", "Emissions of GPU energy in grams of CO2 equivalents." },
	{ "total_gpu_energy_usage_kwh", "Energy of GPUs in kWh." },
	{ "total_ingress_stats", "Received from the network." },
	{ "total_io_read_stats", "Read from files." },
	{ "total_io_write_stats", "Written to files." },
	{ "total_time_seconds",
		"Seconds that it ran (walltime), and times what was given: CPUs (alloc_cputime), "
		"memory in MiB (alloc_cpumemtime), GPUs (alloc_gputime, alloc_gpumemtime)." },
	{ "uid", "Id in the resource manager." },
	{ "username", "User." },
	{ "users", "Users of the project." },
	{ "uuid", "Id of the unit in the resource manager." },
};

const char *api_field_help(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (str_eq(fields[i].name, name))
			return fields[i].help;
	}
	return NULL;
}

const char *api_type_of_column(const struct store_column *column)
{
	switch (column->type) {
	case STORE_INT:
		return "integer";
	case STORE_METRICS:
		return "names to numbers";
	case STORE_OBJECT:
		return "object";
	case STORE_LIST:
		return "list of texts";
	case STORE_TEXT:
		break;
	}
	return "text";
}
