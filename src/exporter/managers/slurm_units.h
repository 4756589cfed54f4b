// SPDX-License-Identifier: Apache-2.0
/*
 * How Slurm lays out its control groups, and which job a directory belongs to. From 26.05 on a
 * job's directory in v2 is named by a SLUID, which says nothing about the job's number; the job's
 * processes do.
 */
#ifndef CEEMS_EXPORTER_MANAGERS_SLURM_UNITS_H
#define CEEMS_EXPORTER_MANAGERS_SLURM_UNITS_H

#include "basic/str.h"
#include "exporter/units/unit_manager.h"

extern const struct unit_manager slurm_unit_manager;

/* 's' and 13 characters of Crockford's base 32: digits and capitals without I, L, O, U. */
bool slurm_is_sluid(struct slice name);

/* Parsers of /proc/PID/{status,cmdline,environ}; -EBADMSG: it isn't there or not well-formed. */
int slurm_real_uid(struct slice status, uint64_t *ret_uid);
/* "slurmstepd: [N.step]", whose number is put in ret_job as text. */
int slurm_job_of_stepd(struct slice cmdline, struct slice *ret_job);
/* The first well-formed SLURM_JOB_ID. */
int slurm_job_of_environ(struct slice environ, struct slice *ret_job);

#endif
