// SPDX-License-Identifier: Apache-2.0
/* By what energy is split: the table in docs/energy.md. GPUs have theirs in device_split.h. */
#ifndef CEEMS_EXPORTER_LEDGER_POLICY_H
#define CEEMS_EXPORTER_LEDGER_POLICY_H

#include "exporter/ledger/ledger.h"
#include "exporter/ledger/split.h"
#include "exporter/ledger/tracker.h"

/* A unit's weight, and what the weights of a whole node would sum to. */
struct measure {
	split_weight (*weight)(const struct tracked *u, const struct ledger_interval *iv);
	split_weight (*whole)(const struct ledger_interval *iv);
	enum energy_party rest; /* whose the part of the whole is that no unit stands for */
};

/* How the part that depends on load and the part that always flows are split; NULL: by device. */
struct policy {
	const struct measure *dynamic, *fixed;
};
extern const struct policy energy_policies[][N_ENERGY_DOMAINS];

#endif
