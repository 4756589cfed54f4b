// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/policy.h"

/* No unit holds more than the node has. */
static uint64_t upto(uint64_t value, uint64_t limit)
{
	return limit && value > limit ? limit : value;
}

static split_weight cpu_time(const struct tracked *u, const struct ledger_interval *iv)
{
	return u->used_us;
}

static split_weight cpu_time_whole(const struct ledger_interval *iv)
{
	return iv->node_cpu_busy_us;
}

/* CPUs times time. A unit whose allocation is not known holds what it uses. */
static split_weight cpu_alloc(const struct tracked *u, const struct ledger_interval *iv)
{
	if (!u->alloc_cpus_milli)
		return (split_weight)u->used_us * 1000;
	return (split_weight)upto(u->alloc_cpus_milli, iv->node_cpus_milli) * u->present_us;
}

static split_weight cpu_alloc_whole(const struct ledger_interval *iv)
{
	return (split_weight)iv->node_cpus_milli * iv->duration_us;
}

static split_weight memory_working_set(const struct tracked *u, const struct ledger_interval *iv)
{
	return (split_weight)upto(u->working_set_bytes, iv->node_memory_bytes) * u->present_us;
}

static split_weight memory_used(const struct tracked *u, const struct ledger_interval *iv)
{
	return (split_weight)upto(u->memory_used_bytes, iv->node_memory_bytes) * u->present_us;
}

static split_weight memory_used_whole(const struct ledger_interval *iv)
{
	return (split_weight)iv->node_memory_used_bytes * iv->duration_us;
}

static split_weight memory_alloc(const struct tracked *u, const struct ledger_interval *iv)
{
	if (!u->alloc_memory_bytes)
		return memory_working_set(u, iv);
	return (split_weight)upto(u->alloc_memory_bytes, iv->node_memory_bytes) * u->present_us;
}

static split_weight memory_alloc_whole(const struct ledger_interval *iv)
{
	return (split_weight)iv->node_memory_bytes * iv->duration_us;
}

static split_weight head(const struct tracked *u, const struct ledger_interval *iv)
{
	return u->present_us;
}

static split_weight nothing(const struct ledger_interval *iv)
{
	return 0;
}

static const struct measure by_cpu_time = { cpu_time, cpu_time_whole, PARTY_SYSTEM };
static const struct measure by_cpu_alloc = { cpu_alloc, cpu_alloc_whole, PARTY_IDLE };
static const struct measure by_working_set = { memory_working_set, memory_used_whole,
	PARTY_SYSTEM };
static const struct measure by_memory_used = { memory_used, memory_used_whole, PARTY_SYSTEM };
static const struct measure by_memory_alloc = { memory_alloc, memory_alloc_whole, PARTY_IDLE };
static const struct measure by_head = { head, nothing, PARTY_IDLE };

const struct policy energy_policies[][N_ENERGY_DOMAINS] = {
	[LEDGER_POLICY_SPLIT] = {
		[DOMAIN_CPU] = { &by_cpu_time, &by_cpu_alloc },
		[DOMAIN_DRAM] = { &by_working_set, &by_memory_alloc },
		[DOMAIN_REST] = { &by_cpu_time, &by_cpu_alloc },
	},
	[LEDGER_POLICY_USAGE] = {
		[DOMAIN_CPU] = { &by_cpu_time, &by_cpu_time },
		[DOMAIN_DRAM] = { &by_working_set, &by_working_set },
		[DOMAIN_REST] = { &by_cpu_time, &by_cpu_time },
	},
	[LEDGER_POLICY_COMPAT] = {
		[DOMAIN_CPU] = { &by_cpu_time, &by_cpu_time },
		[DOMAIN_DRAM] = { &by_memory_used, &by_memory_used },
		[DOMAIN_REST] = { &by_head, &by_head },
	},
};
