// SPDX-License-Identifier: Apache-2.0
/*
 * Who may see which unit, and who is an administrator (spec lb-and-proxies.md 2.4, 2.7, 2.10): from
 * the API server's database, read-only, or from its HTTP API. Answers are kept a few seconds, in
 * bounded memory; a change of the database (PRAGMA data_version) ends all of them. Whatever fails
 * is a refusal (OWNERS_UNAVAILABLE), is said once, and mends itself. Any thread.
 */
#ifndef CEEMS_LB_OWNERS_OWNERS_H
#define CEEMS_LB_OWNERS_OWNERS_H

#include "basic/clock.h"
#include "basic/log.h"
#include "lb/access/gate.h"
#include "net/http_client.h"

struct owners;

enum { OWNERS_CACHE_MAX_BYTES = 32 << 20, OWNERS_USER_MAX_BYTES = 1000 };

/* Strings, client, clock and log are borrowed until owners_free(). */
struct owners_config {
	const char *database; /* path of ceems.db; NULL: none */
	const char *api_url; /* NULL: none; the database goes first */
	const struct http_client_config *api_client;
	int64_t keep_ms; /* of an answer */
	size_t max_answers; /* and OWNERS_CACHE_MAX_BYTES */
	const struct clock *clock;
	const struct log *log;
	int cancel_fd;
};

/* Opens nothing that may fail later: a database that is not there yet refuses, and is tried again.
 */
int owners_new(const struct owners_config *config, struct owners **ret_owners, struct err *err);
void owners_free(struct owners *owners);

enum owners_verdict { OWNERS_DENY, OWNERS_ALLOW, OWNERS_UNAVAILABLE };

struct owners_question {
	const char *user, *cluster;
	const struct strings *units; /* distinct, sorted; not empty */
};

/*
 * Whether every unit is known on the cluster with a row in a project of that cluster that lists the
 * user. ret_lives (one for each unit, in the arena) has the rows the user may see.
 * -EAGAIN: the answer is not at hand and asking may block for longer than a local lookup: call
 * owners_ask() on a worker thread. -ENOMEM.
 */
/* The account of other CEEMS programs owns nothing and is no administrator: no person has it. */
int owners_try(struct owners *owners, const struct owners_question *question, struct arena *arena,
	enum owners_verdict *ret_verdict, const struct gate_unit_lives **ret_lives);
/* The same, waiting for the answer (time limit: OWNERS_TIMEOUT_MS); never -EAGAIN. */
enum { OWNERS_TIMEOUT_MS = 5000 };
int owners_ask(struct owners *owners, const struct owners_question *question, struct arena *arena,
	enum owners_verdict *ret_verdict, const struct gate_unit_lives **ret_lives);

/* Administrators; a failed lookup is no administrator. -EAGAIN as above when !may_block. */
int owners_is_admin(struct owners *owners, const char *user, bool may_block, bool *ret_admin);

/* The clusters that are known, for the check at start. May block. */
int owners_clusters(
	struct owners *owners, struct arena *arena, struct strings *ret_clusters, struct err *err);

/* Drops all remembered answers. for_good: none is kept any more, nor those being looked up now. */
void owners_forget(struct owners *owners, bool for_good);

/* For /metrics: hits, misses, denials, failures since the start; entries now. */
struct owners_stats {
	uint64_t hits, misses, failures;
	size_t entries;
	bool failing;
};
void owners_stats(struct owners *owners, struct owners_stats *ret_stats);

#endif
