// SPDX-License-Identifier: Apache-2.0
/*
 * A store in a scratch directory, with two SLURM clusters and a Kubernetes one:
 *   hpc-a  astro: mira, otto          hpc-b  bio: mira, astro: eve (a name on two clusters)
 *   kube   ns1: mira, ns1:svc         ns2: eve, ns2:svc
 * boss is an administrator (ceems), gwen another (grafana).
 */
#ifndef CEEMS_TESTS_SAMPLE_STORE_H
#define CEEMS_TESTS_SAMPLE_STORE_H

#include "api/store.h"

/* 2031-04-09T06:00:00Z, the start of the first window. */
#define SAMPLE_T0_S INT64_C(1933480800)
enum { SAMPLE_WINDOW_S = 900 };

struct sample_store {
	char dir[64], path[96];
	struct timezone_ *zone; /* Europe/Berlin, +0200 at T0 */
	struct store *store;
	struct arena arena; /* of the units below */
};

void sample_store_open(struct sample_store *s); /* empty */
void sample_store_reopen(struct sample_store *s);
/* Leaves what CEEMS 0.10.2 would: its tables, without any of ours. To be opened again. */
void sample_store_forget(struct sample_store *s);
/* Makes it an empty file of an older version of the schema, 0 to 9; not open. */
void sample_store_age(struct sample_store *s, int version);
void sample_store_close(struct sample_store *s); /* removes everything */

/* Three windows from T0 on for each cluster, and the administrators. */
void sample_store_fill(struct sample_store *s);

/* A unit of the window, on 1 CPU for all of it: 40 % busy, 0.25 kWh. end_s 0: it runs. */
struct unit *sample_unit(struct sample_store *s, struct unit_list *list, const char *manager,
	const char *uuid, const char *user, const char *project, int64_t start_s, int64_t end_s);
void sample_metric(struct sample_store *s, struct unit *unit, enum unit_metric metric,
	const char *key, double value);
void sample_account(struct sample_store *s, struct user_list *users, struct project_list *projects,
	const char *user, const char *project);

/* Runs SQL on the file behind the store's back; fails the test on an error. */
void sample_sql(const char *path, const char *sql);
/* The first column of all rows, one per line; in static storage. */
const char *sample_query(const char *path, const char *sql);

#endif
