// SPDX-License-Identifier: Apache-2.0
/* Requests for Prometheus's API: gate_read() and gate_write() of GATE_TSDB. */
#ifndef CEEMS_LB_ACCESS_TSDB_H
#define CEEMS_LB_ACCESS_TSDB_H

#include "lb/access/gate.h"

int tsdb_read(const struct gate_options *options, const struct gate_request *request,
	struct arena *arena, struct gate_plan *ret_plan);

int tsdb_write(const struct gate_options *options, const struct gate_request *request,
	const struct gate_plan *plan, const struct gate_unit_lives *lives,
	const struct gate_cluster *cluster, struct arena *arena, struct gate_forward *ret_forward,
	struct gate_refusal *ret_refusal);

/* gate_judge_hidden() */
int tsdb_judge_hidden(const struct gate_plan *plan, struct slice path,
	const struct gate_cluster *cluster, struct arena *arena, struct gate_refusal *ret_refusal);

#endif
