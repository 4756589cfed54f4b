// SPDX-License-Identifier: Apache-2.0
/* Jobs from sacct, users and accounts from sacctmgr (spec api-server.md 7). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/associations.h"
#include "api/manager.h"
#include "api/managers/slurm_cli.h"
#include "basic/buffer.h"
#include "format/json_writer.h"
#include "remote/nodelist.h"
#include "remote/sacct.h"

enum { MIB_SHIFT = 20 };

struct slurm {
	struct manager_env env;
	struct slurm_cli *cli;
};

struct slurm_extra {
	int64_t command_timeout_ms;
};

static const struct config_key extra_keys[] = {
	{ "command_timeout", CONFIG_DURATION, offsetof(struct slurm_extra, command_timeout_ms),
		NULL, "5m", "Time limit of one call of sacct or sacctmgr.", 0 },
};
static const struct config_table extra_table = {
	.size = sizeof(struct slurm_extra),
	.keys = extra_keys,
	.n_keys = ARRAY_SIZE(extra_keys),
};

static int slurm_open(const struct manager_env *env, void **ret_state, struct err *err)
{
	struct slurm *slurm = calloc(1, sizeof(*slurm));
	struct slurm_extra extra;
	struct arena arena;
	int r;

	if (!slurm)
		return err_errno(err, -ENOMEM, "SLURM manager");
	slurm->env = *env;
	arena_init(&arena, 1 << 20);
	r = config_decode(
		env->cluster->extra_config, env->config_name, &extra_table, &extra, &arena, err);
	arena_done(&arena);
	if (r >= 0 && extra.command_timeout_ms <= 0)
		r = err_set(err, -EINVAL, "command_timeout must be more than 0s");
	if (r >= 0)
		r = slurm_cli_open(env, extra.command_timeout_ms, &slurm->cli, err);
	if (r < 0)
		free(slurm);
	else
		*ret_state = slurm;
	return r;
}

static void slurm_close(void *state)
{
	struct slurm *slurm = state;

	if (!slurm)
		return;
	slurm_cli_close(slurm->cli);
	free(slurm);
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
	put_int(&w, "gid", number(f[SACCT_GID]));
	put_text(&w, "nodelist", f[SACCT_NODELIST]);
	put_text(&w, "nodelistexp", (struct slice){ buffer_text(nodes), nodes->len });
	put_text(&w, "partition", f[SACCT_PARTITION]);
	put_text(&w, "qos", f[SACCT_QOS]);
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

static int slurm_fetch_units(void *state, const struct window *window, struct arena *arena,
	struct unit_list *units, struct err *err)
{
	struct slurm *slurm = state;
	CLEANUP(buffer_done) struct buffer out = { .limit = SLURM_OUTPUT_MAX_BYTES };
	CLEANUP(scratch_done) struct scratch scratch = { 0 };
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
	struct sacct_records records;
	struct sacct_record record;
	char separator[SLURM_SEPARATOR_MAX], option[SLURM_SEPARATOR_MAX + 16];
	bool secret = slurm_cli_separator(slurm->cli, separator);
	int r;

	snprintf(option, sizeof(option), "--delimiter=%s", separator);
	time_format_ldt(slurm->env.zone, window->since_ms, from);
	time_format_ldt(slurm->env.zone, window->end_ms, to);
	const char *const args[] = { "-D", "-X", "--noheader", "--allusers", "--parsable2",
		"--format", secret ? sacct_format_wide : sacct_format, "--state", sacct_states,
		"--starttime", from, "--endtime", to, secret ? option : NULL, NULL };

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

static int slurm_fetch_accounts(void *state, int64_t now_ms, struct arena *arena,
	struct user_list *users, struct project_list *projects, struct err *err)
{
	static const char *const args[] = { "--parsable2", "--noheader", "list", "associations",
		"format=Account,User", NULL };
	struct slurm *slurm = state;
	CLEANUP(buffer_done) struct buffer out = { .limit = SLURM_OUTPUT_MAX_BYTES };
	struct association_list pairs = { 0 };
	char updated[TIME_TEXT_MAX];
	const char *text;
	int r;

	r = slurm_cli_run(slurm->cli, "sacctmgr", args, &out, err);
	if (r < 0)
		return err_prefix(err, r, "users and accounts");
	time_format_ldt(slurm->env.zone, now_ms, updated);
	text = arena_strdup(arena, updated);
	r = text ? parse_associations((struct slice){ buffer_text(&out), out.len }, arena, &pairs)
		 : -ENOMEM;
	if (r >= 0) {
		const struct association_origin origin = { slurm->env.cluster->id, "slurm", text };

		r = associations_to_lists(&pairs, &origin, arena, users, projects);
	}
	return r < 0 ? err_errno(err, r, "users and accounts") : 0;
}

const struct manager manager_slurm = {
	.name = "slurm",
	.extra_config = &extra_table,
	.open = slurm_open,
	.fetch_units = slurm_fetch_units,
	.all_accounts = true,
	.fetch_accounts = slurm_fetch_accounts,
	.close = slurm_close,
};
