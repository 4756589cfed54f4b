// SPDX-License-Identifier: Apache-2.0
/* Making a unit table, and what a scrape asks of it; the ledger's side is exporter/units/unit.h. */
#ifndef CEEMS_EXPORTER_UNITS_UNIT_TABLE_H
#define CEEMS_EXPORTER_UNITS_UNIT_TABLE_H

#include "basic/err.h"
#include "basic/log.h"
#include "exporter/units/unit.h"
#include "exporter/units/unit_files.h"
#include "exporter/units/unit_manager.h"
#include "host/root.h"

/* Pointers are borrowed and outlive the table. */
struct unit_table_config {
	const struct unit_manager *manager;
	void *manager_ctx; /* of the manager's functions */
	struct gpus *gpus; /* told who holds which; NULL: none */
	const struct host_root *host;
	const struct log *log; /* may be NULL */
	enum cgroup_version version;
	const char *active_subsystem; /* v1: the controller whose hierarchy is searched */
	unsigned sets; /* enum unit_file_set that a scrape reads besides usage and more */
	size_t open_max; /* descriptors that it may keep */
};

/* Warns when there is nothing yet. -EINVAL (active_subsystem), -ENOMEM. */
int unit_table_new(
	const struct unit_table_config *config, struct unit_table **ret_table, struct err *err);
void unit_table_free(struct unit_table *table);

/*
 * Finds units anew, reads all of their files and hands out each; the key and the values are valid
 * during the call, which comes under the table's lock. Its -errno ends the scrape. Sorted by path.
 */
typedef int (*unit_table_each_fn)(
	void *ctx, const struct unit_key *key, const struct unit_values *values);
/*
 * How many units there were, or -ENODATA: no control groups can be seen here. Where only the v1
 * hierarchy is missing, libvirt and Kubernetes have no units.
 */
int unit_table_scrape(struct unit_table *table, unit_table_each_fn each, void *ctx);

/*
 * Finds units anew and hands out the processes of each that is shown, in the order of a walk (depth
 * first, siblings by name), processes in the order of cgroup.procs, those of groups below a unit
 * after its own. id is what its directory names, key->uuid what it is known by. All is valid during
 * the call, which comes under the table's lock; its -errno ends the listing.
 */
typedef int (*unit_table_processes_fn)(
	void *ctx, const struct unit_key *key, const char *id, const uint64_t *pids, size_t n);
/* How many units there were, or -ENODATA: no control groups can be seen here. */
int unit_table_processes(struct unit_table *table, unit_table_processes_fn each, void *ctx);

struct gpus *unit_table_gpus(const struct unit_table *table); /* NULL: none */

/* Of the manager whose units these are: "slurm". */
const char *unit_table_manager_name(const struct unit_table *table);

#endif
