// SPDX-License-Identifier: Apache-2.0
#include "remote/slurmrest.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "basic/buffer.h"
#include "basic/macros.h"

enum {
	NOTHING_FOUND = 9003, /* ESLURM_REST_EMPTY_RESULT */
	SECONDS_PER_DAY = 24 * 3600,
	TIME_MAX = 32,
};

/* Beyond it gmtime_r() has no four digits for the year. */
static const int64_t last_second = INT64_C(253402300799);

static int load(struct slice text, json_t **ret_root, struct err *err)
{
	json_error_t why;
	json_t *root = json_loadb(text.n ? text.p : "", text.n, JSON_ALLOW_NUL, &why);

	if (!root && json_error_code(&why) == json_error_out_of_memory)
		return err_errno(err, -ENOMEM, "the answer");
	if (!root)
		return err_set(err, -EBADMSG, "the answer is no JSON: line %d, column %d", why.line,
			why.column);
	if (!json_is_object(root)) {
		json_decref(root);
		return err_set(err, -EBADMSG, "the answer is no JSON object");
	}
	*ret_root = root;
	return 0;
}

/* A number, plain or with a sign whether it is set; fallback for all else. */
static int64_t number(const json_t *value, int64_t fallback)
{
	if (json_is_object(value)) {
		const json_t *set = json_object_get(value, "set");

		if (set && !json_is_true(set))
			return fallback;
		value = json_object_get(value, "number");
	}
	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

/* Texts end at a NUL, which Slurm never writes. */
static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* What the reply says went wrong. */
static int check_errors(const json_t *root, struct err *err)
{
	const json_t *errors = json_object_get(root, "errors"), *item;
	size_t i;

	if (!json_is_array(errors))
		return 0;
	json_array_foreach(errors, i, item)
	{
		int64_t code = number(json_object_get(item, "error_number"), 0);
		const char *what = text_of(item, "description"), *error = text_of(item, "error");

		if (code == NOTHING_FOUND)
			continue;
		return err_set(err, -EBADMSG, "slurmrestd says: %.200s%s%.200s", what,
			*what && *error ? ": " : "", error);
	}
	return 0;
}

/* "/slurmdb/v0.0.38/jobs" or the same with a slash behind it: the version, as text and number. */
static bool jobs_version(const char *path, struct slice *ret_version, int *ret_minor)
{
	static const char prefix[] = "/slurmdb/";
	const char *version, *end;
	char after;

	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
		return false;
	version = path + sizeof(prefix) - 1;
	end = strchr(version, '/');
	if (!end || (!str_eq(end, "/jobs") && !str_eq(end, "/jobs/")) ||
		end - version >= SLURMREST_VERSION_MAX)
		return false;
	if (sscanf(version, "v0.0.%4d%c", ret_minor, &after) != 2 || after != '/')
		return false;
	*ret_version = (struct slice){ version, (size_t)(end - version) };
	return true;
}

static bool has_parameter(const json_t *path, const char *name)
{
	const json_t *list = json_object_get(json_object_get(path, "get"), "parameters"), *item;
	size_t i;

	json_array_foreach((json_t *)list, i, item)
	{
		if (str_eq(text_of(item, "name"), name))
			return true;
	}
	return false;
}

int slurmrest_parse_server(struct slice json, struct slurmrest_server *ret_server, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct slurmrest_server server = { 0 };
	int newest = -1, r;
	const char *path;
	json_t *item;

	r = load(json, &root, err);
	if (r < 0)
		return r;
	json_object_foreach(json_object_get(root, "paths"), path, item)
	{
		struct slice version;
		int minor;

		if (!jobs_version(path, &version, &minor) || minor <= newest)
			continue;
		newest = minor;
		memcpy(server.version, version.p, version.n);
		server.version[version.n] = '\0';
		server.show_duplicates = has_parameter(item, "show_duplicates");
	}
	if (newest < 0)
		return err_set(err, -EBADMSG,
			"slurmrestd offers no /slurmdb/v0.0.N/jobs: it needs the plugin slurmdbd "
			"(-s openapi/slurmdbd, or openapi/dbv0.0.N)");
	*ret_server = server;
	return 0;
}

void slurmrest_repair(char *json, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t code;
		size_t length = str_utf8_next(json + i, n - i, &code);

		if (!length)
			json[i] = '?';
		i += length ? length : 1;
	}
}

/* Texts of a record, made in one buffer and copied into the arena. */
struct maker {
	struct arena *arena;
	struct buffer text;
	int error;
};

static struct slice keep(struct maker *m, const char *text, size_t n)
{
	const char *kept = arena_strndup(m->arena, text, n);

	if (!kept)
		m->error = -ENOMEM;
	return (struct slice){ kept ? kept : "", kept ? n : 0 };
}

static struct slice keep_text(struct maker *m, const char *text)
{
	return keep(m, text, strlen(text));
}

static struct slice keep_made(struct maker *m)
{
	struct slice made = keep(m, buffer_text(&m->text), m->text.len);

	if (buffer_error(&m->text) < 0)
		m->error = buffer_error(&m->text);
	buffer_clear(&m->text);
	return made;
}

static struct slice make_number(struct maker *m, int64_t value)
{
	buffer_printf(&m->text, "%lld", (long long)value);
	return keep_made(m);
}

static struct slice make_time(struct maker *m, int64_t unix_s)
{
	char text[TIME_MAX] = "";
	time_t t = (time_t)unix_s;
	struct tm tm;

	if (unix_s <= 0 || unix_s > last_second || !gmtime_r(&t, &tm) ||
		!strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+0000", &tm))
		return keep_text(m, "Unknown");
	return keep_text(m, text);
}

/* "[D-]hh:mm:ss" */
static struct slice make_elapsed(struct maker *m, int64_t seconds)
{
	int64_t days;

	seconds = MAX(seconds, 0);
	days = seconds / SECONDS_PER_DAY;
	if (days)
		buffer_printf(&m->text, "%lld-", (long long)days);
	buffer_printf(&m->text, "%02d:%02d:%02d", (int)(seconds % SECONDS_PER_DAY / 3600),
		(int)(seconds % 3600 / 60), (int)(seconds % 60));
	return keep_made(m);
}

/* {"type": "gres", "name": "gpu:h100", "count": 2}, … as "gres/gpu:h100=2,mem=100M". */
static struct slice make_tres(struct maker *m, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)list, i, item)
	{
		const char *type = text_of(item, "type"), *name = text_of(item, "name");
		int64_t count = number(json_object_get(item, "count"), -1);

		if (!*type || count < 0 || strpbrk(type, ",=") || strpbrk(name, ",="))
			continue;
		if (m->text.len)
			buffer_putc(&m->text, ',');
		buffer_puts(&m->text, type);
		if (*name)
			buffer_printf(&m->text, "/%s", name);
		/* The API counts memory in MiB. */
		buffer_printf(
			&m->text, "=%lld%s", (long long)count, str_eq(type, "mem") ? "M" : "");
	}
	return keep_made(m);
}

/* "CANCELLED by 1207" where it is known; of a list the first, which is the state proper. */
static struct slice make_state(struct maker *m, const json_t *job)
{
	const json_t *current = json_object_get(json_object_get(job, "state"), "current");
	const char *killer = text_of(job, "kill_request_user");
	const char *state;

	if (json_is_array(current))
		current = json_array_get(current, 0);
	state = json_string_value(current);
	buffer_puts(&m->text, state ? state : "");
	if (state && str_eq(state, "CANCELLED") && *killer)
		buffer_printf(&m->text, " by %s", killer);
	return keep_made(m);
}

static struct slice make_exit_code(struct maker *m, const json_t *job)
{
	const json_t *code = json_object_get(job, "exit_code");
	const json_t *signal = json_object_get(code, "signal");
	const json_t *id = json_object_get(signal, "signal_id");

	if (!id)
		id = json_object_get(signal, "id");
	buffer_printf(&m->text, "%lld:%lld",
		(long long)number(json_object_get(code, "return_code"), 0),
		(long long)number(id, 0));
	return keep_made(m);
}

static void make_record(struct maker *m, const json_t *job, struct sacct_record *record)
{
	const json_t *time = json_object_get(job, "time");
	struct slice *f = record->fields;
	int64_t elapsed = number(json_object_get(time, "elapsed"), 0);

	f[SACCT_JOBID] = make_number(m, number(json_object_get(job, "job_id"), 0));
	f[SACCT_PARTITION] = keep_text(m, text_of(job, "partition"));
	f[SACCT_QOS] = keep_text(m, text_of(job, "qos"));
	f[SACCT_ACCOUNT] = keep_text(m, text_of(job, "account"));
	f[SACCT_GROUP] = keep_text(m, text_of(job, "group"));
	f[SACCT_USER] = keep_text(m, text_of(job, "user"));
	f[SACCT_SUBMIT] = make_time(m, number(json_object_get(time, "submission"), 0));
	f[SACCT_START] = make_time(m, number(json_object_get(time, "start"), 0));
	f[SACCT_END] = make_time(m, number(json_object_get(time, "end"), 0));
	f[SACCT_ELAPSED] = make_elapsed(m, elapsed);
	f[SACCT_ELAPSED_RAW] = make_number(m, elapsed);
	f[SACCT_EXIT_CODE] = make_exit_code(m, job);
	f[SACCT_STATE] = make_state(m, job);
	f[SACCT_ALLOC_TRES] = make_tres(
		m, json_object_get(json_object_get(job, "tres"), "allocated"));
	f[SACCT_NODELIST] = keep_text(m, text_of(job, "nodes"));
	f[SACCT_JOB_NAME] = keep_text(m, text_of(job, "name"));
	f[SACCT_WORKDIR] = keep_text(m, text_of(job, "working_directory"));
}

static bool has_nodes(const json_t *job)
{
	const char *nodes = text_of(job, "nodes");

	return *nodes && !str_eq(nodes, "None assigned") &&
		number(json_object_get(job, "job_id"), 0) > 0;
}

int slurmrest_parse_jobs(struct slice json, struct arena *arena, struct sacct_record **ret_records,
	size_t *ret_n, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct maker m = { .arena = arena };
	struct sacct_record *records;
	const json_t *jobs, *job;
	size_t i, n = 0;
	int r;

	r = load(json, &root, err);
	if (r >= 0)
		r = check_errors(root, err);
	if (r < 0)
		return r;
	jobs = json_object_get(root, "jobs");
	if (jobs && !json_is_array(jobs) && !json_is_null(jobs))
		return err_set(err, -EBADMSG, "the answer has no list of jobs");
	if (json_array_size(jobs) > SLURMREST_JOBS_MAX)
		return err_set(err, -E2BIG, "the answer has more than %d jobs", SLURMREST_JOBS_MAX);
	records = ARENA_ARRAY(arena, struct sacct_record, json_array_size(jobs) + 1);
	if (!records)
		return err_errno(err, -ENOMEM, "jobs");
	json_array_foreach((json_t *)jobs, i, job)
	{
		if (has_nodes(job))
			make_record(&m, job, &records[n++]);
	}
	buffer_done(&m.text);
	if (m.error < 0)
		return err_errno(err, m.error, "jobs");
	*ret_records = records;
	*ret_n = n;
	return 0;
}

int slurmrest_parse_associations(struct slice json, const char *cluster, struct arena *arena,
	struct slurmrest_pair **ret_pairs, size_t *ret_n, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	struct slurmrest_pair *pairs;
	const json_t *list, *item;
	size_t i, n = 0;
	int r;

	r = load(json, &root, err);
	if (r >= 0)
		r = check_errors(root, err);
	if (r < 0)
		return r;
	list = json_object_get(root, "associations");
	if (!json_is_array(list))
		return err_set(err, -EBADMSG, "the answer has no list of associations");
	if (json_array_size(list) > SLURMREST_PAIRS_MAX)
		return err_set(err, -E2BIG, "the answer has more than %d associations",
			SLURMREST_PAIRS_MAX);
	pairs = ARENA_ARRAY(arena, struct slurmrest_pair, json_array_size(list) + 1);
	if (!pairs)
		return err_errno(err, -ENOMEM, "associations");
	json_array_foreach((json_t *)list, i, item)
	{
		const char *account = text_of(item, "account"), *user = text_of(item, "user");

		if (!*account || !*user || str_eq(account, "root") || str_eq(user, "root") ||
			(cluster && !str_eq(text_of(item, "cluster"), cluster)))
			continue;
		pairs[n].account = arena_strdup(arena, account);
		pairs[n].user = arena_strdup(arena, user);
		if (!pairs[n].account || !pairs[n].user)
			return err_errno(err, -ENOMEM, "associations");
		n++;
	}
	*ret_pairs = pairs;
	*ret_n = n;
	return 0;
}
