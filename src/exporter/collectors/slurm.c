// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs of Slurm on this node: what their control groups counted, v1 and v2. GPUs of jobs are not
 * told yet; their two flags are taken and have no effect.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>

#include "exporter/collector.h"
#include "exporter/exporter.h"
#include "exporter/managers/slurm_units.h"
#include "exporter/units/unit_collector.h"
#include "exporter/units/unit_metrics.h"

struct slurm_options {
	bool swap, swap_old, pressure, pressure_old;
	const char *gres_config_file, *gpu_order_map;
};

#define SLURM_OPTION(member) offsetof(struct slurm_options, member)

static const struct option_def options[] = {
	{ .name = "collector.slurm.gpu-order-map",
		.type = OPTION_STRING,
		.offset = SLURM_OPTION(gpu_order_map),
		.help = "Order of the GPUs as Slurm numbers them, if it isn't the driver's." },
	{ .name = "collector.slurm.gres-config-file",
		.type = OPTION_STRING,
		.offset = SLURM_OPTION(gres_config_file),
		.fallback = "/etc/slurm/gres.conf",
		.help = "Slurm's gres.conf, for its shared GPUs." },
	{ .name = "collector.slurm.psi-metrics",
		.type = OPTION_BOOL,
		.offset = SLURM_OPTION(pressure),
		.help = "Show the pressure stall information of jobs (cgroup v2)." },
	{ .name = "collector.slurm.psi.metrics",
		.type = OPTION_BOOL,
		.offset = SLURM_OPTION(pressure_old),
		.help = "Old name of --collector.slurm.psi-metrics.",
		.replaced_by = "collector.slurm.psi-metrics",
		.flags = OPTION_DEPRECATED },
	{ .name = "collector.slurm.swap-memory-metrics",
		.type = OPTION_BOOL,
		.offset = SLURM_OPTION(swap),
		.help = "Show the swap of jobs." },
	{ .name = "collector.slurm.swap.memory.metrics",
		.type = OPTION_BOOL,
		.offset = SLURM_OPTION(swap_old),
		.help = "Old name of --collector.slurm.swap-memory-metrics.",
		.replaced_by = "collector.slurm.swap-memory-metrics",
		.flags = OPTION_DEPRECATED },
};

struct slurm {
	struct unit_table *table;
	unsigned sets;
};

static capability_set slurm_capabilities(const void *opts)
{
	/* Which job a SLUID stands for, from the environment of its processes. */
	return CAPABILITY(CAP_SYS_PTRACE) | CAPABILITY(CAP_DAC_READ_SEARCH);
}

static void slurm_close(void *state)
{
	struct slurm *slurm = state;

	unit_table_free(slurm->table);
	free(slurm);
}

static int slurm_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	const struct slurm_options *o = opts;
	struct slurm *slurm = calloc(1, sizeof(*slurm));
	struct gpus *gpus = NULL;
	int r;

	if (!slurm)
		return err_errno(err, -ENOMEM, "slurm");
	if (o->swap || o->swap_old)
		slurm->sets |= UNIT_FILES_SWAP;
	if (o->pressure || o->pressure_old)
		slurm->sets |= UNIT_FILES_PRESSURE;
	r = exporter_open_gpus(env->exporter, &gpus, err);
	if (r >= 0)
		r = gpus_set_slurm(gpus, o->gpu_order_map, o->gres_config_file);
	if (r < 0) {
		slurm_close(slurm);
		return err_errno(err, r, "slurm");
	}
	r = unit_collector_open(env, &slurm_unit_manager, NULL, slurm->sets, &slurm->table, err);
	if (r < 0) {
		slurm_close(slurm);
		return r;
	}
	*ret_state = slurm;
	return 0;
}

static int slurm_collect(void *state, struct scrape *s)
{
	struct slurm *slurm = state;

	return unit_collector_collect(slurm->table, slurm_unit_manager.name, slurm->sets, s);
}

const struct collector collector_slurm = {
	.name = "slurm",
	.help = "jobs of Slurm",
	.needs = COLLECTOR_NEEDS_PROCFS,
	.metrics = unit_metrics,
	.n_metrics = N_UNIT_METRICS_WITHOUT_BLKIO,
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.options_size = sizeof(struct slurm_options),
	.capabilities = slurm_capabilities,
	.open = slurm_open,
	.collect = slurm_collect,
	.close = slurm_close,
};
