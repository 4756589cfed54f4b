// SPDX-License-Identifier: Apache-2.0
/*
 * An estimate for nodes without any sensor, for instance virtual machines: a straight line over the
 * share of CPU time that was busy, from the power of the idle node to that of the node at full
 * load. Its static part is known: the idle power. Everything is in domain cpu; memory, disks and
 * network are within the two figures.
 */
#include <errno.h>
#include <stdlib.h>

#include "basic/macros.h"
#include "exporter/ledger/energy_floor.h"
#include "exporter/ledger/energy_source.h"

struct power_model {
	uint64_t idle_uw, max_uw; /* 0 = by the number of CPUs */
};

static int power_model_open(const struct energy_source_env *env, bool ret_domains[N_ENERGY_DOMAINS],
	void **ret_state, struct err *err)
{
	struct power_model *m = calloc(1, sizeof(*m));

	if (!m)
		return err_errno(err, -ENOMEM, "power model");
	m->idle_uw = env->model_idle_uw;
	m->max_uw = env->model_max_uw;
	ret_domains[DOMAIN_CPU] = true;
	*ret_state = m;
	return 0;
}

static void power_model_read(
	void *state, const struct energy_moment *at, struct energy_flow flows[N_ENERGY_DOMAINS])
{
	const struct power_model *m = state;
	struct energy_flow *flow = &flows[DOMAIN_CPU];
	uint64_t idle_uw = m->idle_uw, max_uw = m->max_uw, capacity_us;

	/* CPU time that could not be read shows up in the next difference, and the energy with it.
	 */
	if (!at->usage_known || !at->elapsed_us || !at->cpus_milli)
		return;
	if (!idle_uw)
		idle_uw = POWER_MODEL_IDLE_UW_PER_CPU * at->cpus_milli / 1000;
	if (!max_uw)
		max_uw = POWER_MODEL_MAX_UW_PER_CPU * at->cpus_milli / 1000;
	max_uw = MAX(max_uw, idle_uw);
	capacity_us = (uint64_t)((unsigned __int128)at->elapsed_us * at->cpus_milli / 1000);

	flow->complete = true;
	flow->sample_ns = at->span.now_ns;
	flow->static_known = true;
	flow->static_uw = idle_uw;
	flow->static_uj = energy_of_power(idle_uw, at->elapsed_us);
	/* (max - idle) * busy / capacity * elapsed, with capacity = CPUs * elapsed. */
	flow->energy_uj = flow->static_uj +
		energy_of_power(
			max_uw - idle_uw, MIN(at->busy_us, capacity_us) * 1000 / at->cpus_milli);
	if (at->elapsed_us > (uint64_t)at->span.max_gap_ns / 1000)
		flow->late_uj = flow->energy_uj;
}

const struct energy_source energy_source_power_model = {
	.name = "power_model",
	.measured = false,
	.open = power_model_open,
	.read = power_model_read,
	.close = free,
};
