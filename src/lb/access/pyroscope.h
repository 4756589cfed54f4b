// SPDX-License-Identifier: Apache-2.0
/*
 * Requests for Pyroscope: gate_read() and gate_write() of GATE_PYROSCOPE (spec pyroscope-api.md). A
 * call of the querier as Connect (protobuf, JSON) or gRPC-Web, and /pyroscope/render. A body of
 * another type is read as protobuf, as CEEMS 0.10.2 does, and goes on under its right name.
 */
#ifndef CEEMS_LB_ACCESS_PYROSCOPE_H
#define CEEMS_LB_ACCESS_PYROSCOPE_H

#include "lb/access/gate.h"

int pyroscope_read(const struct gate_options *options, const struct gate_request *request,
	struct arena *arena, struct gate_plan *ret_plan);

int pyroscope_write(const struct gate_options *options, const struct gate_request *request,
	const struct gate_plan *plan, const struct gate_unit_lives *lives,
	const struct gate_cluster *cluster, struct arena *arena, struct gate_forward *ret_forward,
	struct gate_refusal *ret_refusal);

#endif
