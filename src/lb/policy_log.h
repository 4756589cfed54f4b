// SPDX-License-Identifier: Apache-2.0
/* The record of each request. */
#ifndef CEEMS_LB_POLICY_LOG_H
#define CEEMS_LB_POLICY_LOG_H

#include "lb/visit.h"

void policy_log(struct visit *v, const struct exchange_report *report);
/* A request that was refused before it was one. */
void policy_log_early(struct lb *lb, size_t listener, const struct sockaddr *peer, int status);

#endif
