// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs from sacct, users and accounts from sacctmgr (spec api-server.md 7); or both from
 * slurmrestd, where web.url says so.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/associations.h"
#include "api/manager.h"
#include "api/managers/slurm_cli.h"
#include "api/managers/slurm_rest.h"
#include "basic/buffer.h"
#include "format/json_writer.h"
#include "remote/nodelist.h"
#include "remote/sacct.h"

enum { MIB_SHIFT = 20, MS = 1000 };

struct slurm_extra {
	int64_t command_timeout_ms;
	const char *slurm_cluster, *rest_version;
};

struct slurm {
	struct manager_env env;
	struct arena arena; /* of the configuration */
	struct slurm_extra extra;
	struct slurm_cli *cli; /* one of the two */
	struct slurm_rest *rest;
};

static bool is_name(const char *text)
{
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return false;
	return *text != '-';
}

static int check_extra(void *value, struct err *err)
{
	struct slurm_extra *extra = value;

	if (!extra->slurm_cluster)
		extra->slurm_cluster = "";
	if (!extra->rest_version)
		extra->rest_version = "";
	if (extra->command_timeout_ms <= 0)
		return err_set(err, -EINVAL, "command_timeout must be more than 0s");
	if (!is_name(extra->slurm_cluster))
		return err_set(err, -EINVAL, "slurm_cluster '%s' is no name of a cluster",
			extra->slurm_cluster);
	if (!is_name(extra->rest_version) || strlen(extra->rest_version) >= SLURMREST_VERSION_MAX)
		return err_set(err, -EINVAL, "rest_version '%s' is no version such as v0.0.38",
			extra->rest_version);
	return 0;
}

#define EXTRA(name, type, field, fallback, help)                                         \
	{                                                                                \
		name, type, offsetof(struct slurm_extra, field), NULL, fallback, help, 0 \
	}
static const struct config_key extra_keys[] = {
	EXTRA("command_timeout", CONFIG_DURATION, command_timeout_ms, "5m",
		"Time limit of one call of sacct or sacctmgr, or of one request to slurmrestd."),
	EXTRA("slurm_cluster", CONFIG_STRING, slurm_cluster, NULL,
		"Slurm's name of the cluster, where one slurmdbd serves several (--clusters)."),
	EXTRA("rest_version", CONFIG_STRING, rest_version, NULL,
		"Version of slurmrestd's API; the newest that it has if not set."),
};
static const struct config_table extra_table = {
	.size = sizeof(struct slurm_extra),
	.keys = extra_keys,
	.n_keys = ARRAY_SIZE(extra_keys),
	.check = check_extra,
};

static void slurm_close(void *state)
{
	struct slurm *slurm = state;

	if (!slurm)
		return;
	slurm_cli_close(slurm->cli);
	slurm_rest_close(slurm->rest);
	arena_done(&slurm->arena);
	free(slurm);
}

static int open_source(struct slurm *slurm, struct err *err)
{
	const struct slurm_rest_options options = { slurm->extra.slurm_cluster,
		slurm->extra.rest_version, slurm->extra.command_timeout_ms };

	if (slurm_rest_is_wanted(slurm->env.cluster))
		return slurm_rest_open(&slurm->env, &options, &slurm->rest, err);
	return slurm_cli_open(&slurm->env, slurm->extra.command_timeout_ms, &slurm->cli, err);
}

static int slurm_open(const struct manager_env *env, void **ret_state, struct err *err)
{
	struct slurm *slurm = calloc(1, sizeof(*slurm));
	int r;

	if (!slurm)
		return err_errno(err, -ENOMEM, "SLURM manager");
	slurm->env = *env;
	arena_init(&slurm->arena, 1 << 20);
	r = config_decode(env->cluster->extra_config, env->config_name, &extra_table, &slurm->extra,
		&slurm->arena, err);
	if (r >= 0)
		r = open_source(slurm, err);
	if (r < 0)
		slurm_close(slurm);
	else
		*ret_state = slurm;
	return r;
}

static const char *copy(struct slice s, struct arena *arena)
{
	return s.n ? arena_strndup(arena, s.p, s.n) : "";
}

/* The text as it stands, or converted to our zone; ms is 0 for "Unknown" and the like. */
static const char *convert_time(
	const struct slurm *slurm, struct slice text, struct arena *arena, int64_t *ret_ms)
{
	char zoned[TIME_TEXT_MAX];

	*ret_ms = 0;
	/* Slurm up to 22.05 cuts times to 19 characters, that is before the offset. */
	if (time_parse_zdt(text, ret_ms) < 0 && time_parse_ldt(slurm->env.zone, text, ret_ms) < 0)
		return copy(text, arena);
	time_format_zdt(slurm->env.zone, *ret_ms, zoned);
	return arena_strdup(arena, zoned);
}

static int64_t number(struct slice text)
{
	int64_t value;

	return slice_to_i64(text, &value) < 0 ? 0 : value;
}

static void put_text(struct json_writer *w, const char *key, struct slice text)
{
	json_writer_key(w, key);
	json_writer_string_n(w, text.n ? text.p : "", text.n);
}

static void put_int(struct json_writer *w, const char *key, int64_t value)
{
	json_writer_key(w, key);
	json_writer_int(w, value);
}

static void write_allocation(const struct sacct_tres *tres, struct buffer *out)
{
	struct json_writer w = json_writer(out);

	buffer_clear(out);
	json_writer_open_object(&w);
	put_int(&w, "billing", tres->billing);
	put_int(&w, "cpus", tres->cpus);
	put_int(&w, "gpus", tres->gpus);
	put_int(&w, "mem", tres->mem_bytes);
	put_int(&w, "nodes", tres->nodes);
	json_writer_close_object(&w);
}

static int write_tags(const struct sacct_record *record, struct buffer *nodes, struct buffer *out)
{
	const struct slice *f = record->fields;
	struct json_writer w = json_writer(out);

	buffer_clear(out);
	buffer_clear(nodes);
	/* A list that is too long to be expanded leaves the expansion empty. */
	if (nodelist_to_regex(f[SACCT_NODELIST], nodes) == -ENOMEM)
		return -ENOMEM;
	json_writer_open_object(&w);
	put_text(&w, "exit_code", f[SACCT_EXIT_CODE]);
	if (f[SACCT_GID].p)
		put_int(&w, "gid", number(f[SACCT_GID]));
	put_text(&w, "nodelist", f[SACCT_NODELIST]);
	put_text(&w, "nodelistexp", (struct slice){ buffer_text(nodes), nodes->len });
	put_text(&w, "partition", f[SACCT_PARTITION]);
	put_text(&w, "qos", f[SACCT_QOS]);
	if (f[SACCT_UID].p)
		put_int(&w, "uid", number(f[SACCT_UID]));
	put_text(&w, "workdir", f[SACCT_WORKDIR]);
	json_writer_close_object(&w);
	return 0;
}

static int put_times(
	struct unit *unit, const struct sacct_tres *tres, int64_t seconds, struct arena *arena)
{
	struct metric_map *map = &unit->metrics[TOTAL_TIME_SECONDS];
	double s = (double)seconds;
	double mib = (double)tres->mem_bytes / (1 << MIB_SHIFT);
	int r;

	map->set = true;
	r = metric_map_put(map, arena, "walltime", s);
	if (r >= 0)
		r = metric_map_put(map, arena, "alloc_cputime", (double)tres->cpus * s);
	if (r >= 0)
		r = metric_map_put(map, arena, "alloc_cpumemtime",
			tres->mem_bytes ? (double)(int64_t)(mib * s) : s);
	if (r >= 0)
		r = metric_map_put(map, arena, "alloc_gputime", (double)tres->gpus * s);
	if (r >= 0)
		r = metric_map_put(map, arena, "alloc_gpumemtime", tres->gpus > 0 ? s : 0);
	return r;
}

struct scratch {
	struct buffer nodes, json;
};

static void scratch_done(struct scratch *scratch)
{
	buffer_done(&scratch->nodes);
	buffer_done(&scratch->json);
}

static int record_to_unit(const struct slurm *slurm, const struct sacct_record *record,
	const struct window *window, struct scratch *scratch, struct arena *arena,
	struct unit_list *units)
{
	const struct slice *f = record->fields;
	struct unit *unit = unit_list_push(units, arena);
	struct sacct_tres tres;

	if (!unit)
		return -ENOMEM;
	sacct_parse_tres(f[SACCT_ALLOC_TRES], &tres);
	unit->resource_manager = "slurm";
	unit->cluster_id = slurm->env.cluster->id;
	unit->uuid = copy(f[SACCT_JOBID], arena);
	unit->name = copy(f[SACCT_JOB_NAME], arena);
	unit->project = copy(f[SACCT_ACCOUNT], arena);
	unit->groupname = copy(f[SACCT_GROUP], arena);
	unit->username = copy(f[SACCT_USER], arena);
	unit->created_at = convert_time(slurm, f[SACCT_SUBMIT], arena, &unit->created_at_ms);
	unit->started_at = convert_time(slurm, f[SACCT_START], arena, &unit->started_at_ms);
	unit->ended_at = convert_time(slurm, f[SACCT_END], arena, &unit->ended_at_ms);
	unit->elapsed = copy(f[SACCT_ELAPSED], arena);
	unit->state = copy(f[SACCT_STATE], arena);
	write_allocation(&tres, &scratch->json);
	unit->allocation = arena_strndup(arena, buffer_text(&scratch->json), scratch->json.len);
	if (write_tags(record, &scratch->nodes, &scratch->json) < 0)
		return -ENOMEM;
	unit->tags = arena_strndup(arena, buffer_text(&scratch->json), scratch->json.len);
	if (buffer_error(&scratch->json) < 0 || !unit->uuid || !unit->name || !unit->project ||
		!unit->groupname || !unit->username || !unit->created_at || !unit->started_at ||
		!unit->ended_at || !unit->elapsed || !unit->state || !unit->allocation ||
		!unit->tags)
		return -ENOMEM;
	return put_times(unit, &tres,
		sacct_window_seconds(unit->started_at_ms, unit->ended_at_ms, window->since_ms,
			window->start_ms, window->end_ms),
		arena);
}

static int fetch_by_sacct(struct slurm *slurm, const struct window *window, struct arena *arena,
	struct unit_list *units, struct err *err)
{
	CLEANUP(buffer_done) struct buffer out = { .limit = SLURM_OUTPUT_MAX_BYTES };
	CLEANUP(scratch_done) struct scratch scratch = { 0 };
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
	struct sacct_records records;
	struct sacct_record record;
	char separator[SLURM_SEPARATOR_MAX], option[SLURM_SEPARATOR_MAX + 16];
	bool genuine = slurm_cli_separator(slurm->cli, separator);
	const char *more[4] = { 0 };
	size_t n_more = 0;
	int r;

	snprintf(option, sizeof(option), "--delimiter=%s", separator);
	if (genuine)
		more[n_more++] = option;
	if (*slurm->extra.slurm_cluster) {
		more[n_more++] = "--clusters";
		more[n_more++] = slurm->extra.slurm_cluster;
	}
	time_format_ldt(slurm->env.zone, window->since_ms, from);
	time_format_ldt(slurm->env.zone, window->end_ms, to);
	const char *const args[] = { "-D", "-X", "--noheader", "--allusers", "--parsable2",
		"--format", genuine ? sacct_format_wide : sacct_format, "--state",
		genuine ? sacct_all_states : sacct_states, "--starttime", from, "--endtime", to,
		more[0], more[1], more[2], NULL };

	r = slurm_cli_run(slurm->cli, "sacct", args, &out, err);
	if (r < 0)
		return err_prefix(err, r, "jobs");
	sacct_records_init(&records, (struct slice){ buffer_text(&out), out.len }, separator);
	while (sacct_next(&records, &record)) {
		r = record_to_unit(slurm, &record, window, &scratch, arena, units);
		if (r < 0)
			return err_errno(err, r, "jobs: %zu of them", units->n);
	}
	log_debug(slurm->env.log, "jobs fetched", LOG_STR("cluster_id", slurm->env.cluster->id),
		LOG_INT("units", (int64_t)units->n), LOG_INT("skipped", (int64_t)records.skipped));
	return 0;
}

/*
 * Unlike sacct with its states, the API lists jobs that waited in the window: those that still wait
 * have no nodes, and others begin later, in a window that is to come.
 */
static int fetch_by_rest(struct slurm *slurm, const struct window *window, struct arena *arena,
	struct unit_list *units, struct err *err)
{
	CLEANUP(scratch_done) struct scratch scratch = { 0 };
	struct sacct_record *records;
	size_t n;
	int r;

	r = slurm_rest_jobs(
		slurm->rest, window->since_ms / MS, window->end_ms / MS, arena, &records, &n, err);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = record_to_unit(slurm, &records[i], window, &scratch, arena, units);
		if (r < 0)
			err_errno(err, r, "jobs: %zu of them", units->n);
		else if (units->v[units->n - 1].started_at_ms >= window->end_ms)
			units->n--;
	}
	return r;
}

/* What stands in for sacct gets the times that CEEMS 0.10.2 would give it. */
static bool slurm_lists_late(void *state)
{
	struct slurm *slurm = state;

	return slurm->rest || slurm_cli_is_genuine(slurm->cli);
}

static int slurm_fetch_units(void *state, const struct window *window, struct arena *arena,
	struct unit_list *units, struct err *err)
{
	struct slurm *slurm = state;

	return slurm->rest ? fetch_by_rest(slurm, window, arena, units, err)
			   : fetch_by_sacct(slurm, window, arena, units, err);
}

static int parse_associations(
	struct slice text, struct arena *arena, struct association_list *pairs)
{
	struct slice line, account, user;

	while (slice_next_line(&text, &line)) {
		const char *project, *name;
		int r;

		if (!sacctmgr_parse_association(line, &account, &user))
			continue;
		project = copy(account, arena);
		name = copy(user, arena);
		r = project && name ? association_list_push(pairs, arena, project, name) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

static int pairs_by_sacctmgr(
	struct slurm *slurm, struct arena *arena, struct association_list *pairs, struct err *err)
{
	CLEANUP(buffer_done) struct buffer out = { .limit = SLURM_OUTPUT_MAX_BYTES };
	const char *cluster = NULL;
	int r;

	if (*slurm->extra.slurm_cluster) {
		cluster = arena_printf(arena, "cluster=%s", slurm->extra.slurm_cluster);
		if (!cluster)
			return err_errno(err, -ENOMEM, "users and accounts");
	}
	const char *const args[] = { "--parsable2", "--noheader", "list", "associations",
		"format=Account,User", cluster, NULL };

	r = slurm_cli_run(slurm->cli, "sacctmgr", args, &out, err);
	if (r < 0)
		return err_prefix(err, r, "users and accounts");
	r = parse_associations((struct slice){ buffer_text(&out), out.len }, arena, pairs);
	return r < 0 ? err_errno(err, r, "users and accounts") : 0;
}

static int pairs_by_rest(
	struct slurm *slurm, struct arena *arena, struct association_list *pairs, struct err *err)
{
	struct slurmrest_pair *found;
	size_t n;
	int r;

	r = slurm_rest_associations(slurm->rest, arena, &found, &n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = association_list_push(pairs, arena, found[i].account, found[i].user);
	return r < 0 ? err_errno(err, r, "users and accounts") : 0;
}

static int slurm_fetch_accounts(void *state, int64_t now_ms, struct arena *arena,
	struct user_list *users, struct project_list *projects, struct err *err)
{
	struct slurm *slurm = state;
	struct association_list pairs = { 0 };
	struct association_origin origin = { slurm->env.cluster->id, "slurm", NULL };
	char updated[TIME_TEXT_MAX];
	int r;

	r = slurm->rest ? pairs_by_rest(slurm, arena, &pairs, err)
			: pairs_by_sacctmgr(slurm, arena, &pairs, err);
	if (r < 0)
		return r;
	time_format_ldt(slurm->env.zone, now_ms, updated);
	origin.updated_at = arena_strdup(arena, updated);
	r = origin.updated_at ? associations_to_lists(&pairs, &origin, arena, users, projects)
			      : -ENOMEM;
	return r < 0 ? err_errno(err, r, "users and accounts") : 1;
}

const struct manager manager_slurm = {
	.name = "slurm",
	.extra_config = &extra_table,
	.open = slurm_open,
	.lists_late = slurm_lists_late,
	.fetch_units = slurm_fetch_units,
	.fetch_accounts = slurm_fetch_accounts,
	.close = slurm_close,
};
