// SPDX-License-Identifier: Apache-2.0
/*
 * What the exporter's parts took, as metrics: its collectors in scrapes, its threads in the
 * background, and the tools that it ran.
 */
#ifndef CEEMS_EXPORTER_ACCOUNTS_H
#define CEEMS_EXPORTER_ACCOUNTS_H

#include "exporter/collector_run.h"
#include "format/exposition.h"
#include "host/thread_usage.h"

/* All return 0 or -ENOMEM; names are borrowed until the exposition is written. */
int accounts_add_collector(
	struct exposition *out, const char *name, const struct usage_account *account);
int accounts_add_budget(
	struct exposition *out, const char *name, const struct collector_run_status *status);
int accounts_add_thread(
	struct exposition *out, const char *name, const struct usage_account *account);
int accounts_add_tools(struct exposition *out);

/* Every family, for the reference page. */
extern const struct metric *const accounts_metrics[];
extern const size_t n_accounts_metrics;

#endif
