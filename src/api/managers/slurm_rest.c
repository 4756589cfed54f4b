// SPDX-License-Identifier: Apache-2.0
#include "api/managers/slurm_rest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/http_client.h"

enum {
	ARENA_BYTES = 16 << 20, /* of the configuration */
	REPLY_MAX_BYTES = 64 << 20,
	PAGES_MAX = 1024, /* of one window */
};

struct web {
	const char *url;
	struct http_client_config client;
};

struct slurm_rest {
	struct manager_env env;
	struct slurm_rest_options options;
	struct arena arena;
	struct web web; /* borrowed by the client */
	struct http_client *http;
	struct slurmrest_server server; /* version "": not asked yet */
};

DEFINE_CLEANUP(struct slurm_rest *, slurm_rest_close);

static const struct config_key web_keys[] = {
	{ "url", CONFIG_STRING, offsetof(struct web, url), NULL, NULL, "Base URL of slurmrestd.",
		0 },
	{ NULL, CONFIG_INLINE, offsetof(struct web, client), &http_client_config_inline, NULL, NULL,
		0 },
};
static const struct config_table web_table = {
	.size = sizeof(struct web),
	.keys = web_keys,
	.n_keys = ARRAY_SIZE(web_keys),
};

bool slurm_rest_is_wanted(const struct cluster_config *cluster)
{
	const struct config_node *url = config_get(cluster->web, "url");

	return url && url->text && *url->text;
}

void slurm_rest_close(struct slurm_rest *rest)
{
	if (!rest)
		return;
	http_client_free(rest->http);
	arena_done(&rest->arena);
	free(rest);
}

int slurm_rest_open(const struct manager_env *env, const struct slurm_rest_options *options,
	struct slurm_rest **ret_rest, struct err *err)
{
	CLEANUP(slurm_rest_closep) struct slurm_rest *rest = calloc(1, sizeof(*rest));
	int r;

	if (!rest)
		return err_errno(err, -ENOMEM, "SLURM manager");
	rest->env = *env;
	rest->options = *options;
	arena_init(&rest->arena, ARENA_BYTES);
	r = config_decode(
		env->cluster->web, env->config_name, &web_table, &rest->web, &rest->arena, err);
	if (r < 0)
		return r;
	rest->web.client.directory = env->config_dir;
	r = http_client_new(&rest->web.client, "ceems/slurm", &rest->http, err);
	if (r < 0)
		return r;
	*ret_rest = TAKE(rest);
	return 0;
}

static int status_errno(int status)
{
	switch (status) {
	case 401:
	case 403:
		return -EACCES;
	case 404:
		return -ENOENT;
	default:
		return -EREMOTEIO;
	}
}

/* Bodies of other statuses are read as well: Slurm 22.05 tells "nothing found" with some. */
static bool tells(int status)
{
	return status != 401 && status != 403 && status != 404;
}

static int get(struct slurm_rest *rest, const char *path, const struct buffer *query,
	struct http_reply *ret_reply, struct err *err)
{
	CLEANUP(buffer_done) struct buffer url = { 0 };
	CLEANUP(buffer_done) struct buffer shown = { 0 };
	static const char *const headers[] = { "Accept: application/json", NULL };
	struct http_reply reply = { 0 };
	struct http_call call = {
		.method = "GET",
		.headers = headers,
		.timeout_ms = rest->options.timeout_ms,
		.max_response_bytes = REPLY_MAX_BYTES,
		.cancel_fd = rest->env.cancel_fd,
	};
	int r;

	r = url_join(rest->web.url, path, &url);
	if (r >= 0 && query && query->len) {
		buffer_putc(&url, '?');
		buffer_append(&url, query->data, query->len);
	}
	if (r < 0 || buffer_error(&url) < 0)
		return err_errno(err, r < 0 ? r : -ENOMEM, "address of slurmrestd");
	call.url = buffer_text(&url);
	r = http_client_call(rest->http, &call, &reply, err);
	if (r >= 0 && !tells(reply.status))
		r = err_set(err, status_errno(reply.status), "HTTP status %d%s", reply.status,
			reply.status == 401
				? ": is the token of web.http_headers.X-SLURM-USER-TOKEN good?"
				: "");
	if (r < 0) {
		http_reply_done(&reply);
		url_redact(rest->web.url, &shown);
		return err_prefix(err, r, "slurmrestd %s, %s", buffer_text(&shown), path);
	}
	*ret_reply = reply;
	return 0;
}

static struct slice repaired(struct http_reply *reply)
{
	if (reply->body.len)
		slurmrest_repair(reply->body.data, reply->body.len);
	return (struct slice){ buffer_text(&reply->body), reply->body.len };
}

/* A reply that can't be read comes with the status, which may be why. */
static int judge(int r, const struct http_reply *reply, const char *what, struct err *err)
{
	if (r >= 0)
		return 0;
	if (r == -EBADMSG && reply->status != 200)
		return err_prefix(
			err, -EREMOTEIO, "slurmrestd, %s, HTTP status %d", what, reply->status);
	return err_prefix(err, r, "slurmrestd, %s", what);
}

static int discover(struct slurm_rest *rest, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	struct slurmrest_server server;
	int r;

	if (*rest->server.version)
		return 0;
	r = get(rest, "openapi/v3", NULL, &reply, err);
	if (r < 0)
		return r;
	r = judge(
		slurmrest_parse_server(repaired(&reply), &server, err), &reply, "openapi/v3", err);
	if (r < 0)
		return r;
	if (*rest->options.version)
		snprintf(server.version, sizeof(server.version), "%s", rest->options.version);
	log_info(rest->env.log, "slurmrestd found", LOG_STR("cluster_id", rest->env.cluster->id),
		LOG_STR("version", server.version));
	rest->server = server;
	return 0;
}

/* Another Slurm may have taken over, with other versions. */
static int ask(struct slurm_rest *rest, const char *what, const struct buffer *query,
	struct http_reply *ret_reply, struct err *err)
{
	char path[64 + SLURMREST_VERSION_MAX];
	int r;

	r = discover(rest, err);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "slurmdb/%s/%s", rest->server.version, what);
	r = get(rest, path, query, ret_reply, err);
	if (r == -ENOENT)
		rest->server = (struct slurmrest_server){ 0 };
	return r;
}

/* "uts" in front of Unix seconds is understood by all versions, whatever zone the server is in. */
static void put_time(struct buffer *query, const char *name, int64_t unix_s)
{
	char text[32];

	snprintf(text, sizeof(text), "uts%lld", (long long)unix_s);
	url_append_param(query, name, text);
}

/* A window that is being read: pages are spans of time, as the API knows no others. */
struct pages {
	struct arena *arena;
	struct sacct_record *v;
	size_t n, cap;
	int asked;
};

static int keep_records(
	struct pages *pages, const struct sacct_record *records, size_t n, struct err *err)
{
	if (pages->n + n > pages->cap) {
		size_t cap = pages->n + n + pages->n / 2;

		pages->v = arena_grow(pages->arena, pages->v, pages->cap, cap, sizeof(*pages->v));
		if (!pages->v)
			return err_errno(err, -ENOMEM, "jobs: %zu of them", cap);
		pages->cap = cap;
	}
	if (n)
		memcpy(pages->v + pages->n, records, n * sizeof(*records));
	pages->n += n;
	return 0;
}

static int read_page(
	struct slurm_rest *rest, int64_t from_s, int64_t to_s, struct pages *pages, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer query = { 0 };
	struct sacct_record *records;
	size_t n;
	int r;

	if (++pages->asked > PAGES_MAX)
		return err_set(err, -E2BIG, "jobs: more than %d answers", PAGES_MAX);
	r = discover(rest, err);
	if (r < 0)
		return r;
	put_time(&query, "start_time", from_s);
	put_time(&query, "end_time", to_s);
	url_append_param(&query, "skip_steps", "true");
	if (rest->server.show_duplicates)
		url_append_param(&query, "show_duplicates", "true");
	if (*rest->options.cluster)
		url_append_param(&query, "cluster", rest->options.cluster);
	if (buffer_error(&query) < 0)
		return err_errno(err, -ENOMEM, "jobs");
	r = ask(rest, "jobs", &query, &reply, err);
	if (r < 0)
		return r;
	r = judge(slurmrest_parse_jobs(repaired(&reply), pages->arena, &records, &n, err), &reply,
		"jobs", err);
	return r < 0 ? r : keep_records(pages, records, n, err);
}

/* Halves what is too large for one answer. */
static int read_span(
	struct slurm_rest *rest, int64_t from_s, int64_t to_s, struct pages *pages, struct err *err)
{
	int64_t middle_s = from_s + (to_s - from_s) / 2;
	int r;

	r = read_page(rest, from_s, to_s, pages, err);
	if (r != -E2BIG || middle_s <= from_s || pages->asked > PAGES_MAX)
		return r;
	r = read_span(rest, from_s, middle_s, pages, err);
	return r < 0 ? r : read_span(rest, middle_s, to_s, pages, err);
}

static int compare_slices(struct slice a, struct slice b)
{
	int r = memcmp(a.p, b.p, MIN(a.n, b.n));

	return r ? r : (a.n > b.n) - (a.n < b.n);
}

/* By run; of one run the one that has ended last. */
static int by_run(const void *a, const void *b)
{
	const struct sacct_record *x = a, *y = b;
	int r = compare_slices(x->fields[SACCT_JOBID], y->fields[SACCT_JOBID]);

	if (!r)
		r = compare_slices(x->fields[SACCT_START], y->fields[SACCT_START]);
	return r ? r : -compare_slices(x->fields[SACCT_ELAPSED_RAW], y->fields[SACCT_ELAPSED_RAW]);
}

static bool same_run(const struct sacct_record *a, const struct sacct_record *b)
{
	return !compare_slices(a->fields[SACCT_JOBID], b->fields[SACCT_JOBID]) &&
		!compare_slices(a->fields[SACCT_START], b->fields[SACCT_START]);
}

int slurm_rest_jobs(struct slurm_rest *rest, int64_t from_s, int64_t to_s, struct arena *arena,
	struct sacct_record **ret_records, size_t *ret_n, struct err *err)
{
	struct pages pages = { .arena = arena };
	size_t n = 0;
	int r;

	r = read_span(rest, from_s, to_s, &pages, err);
	if (r < 0)
		return r;
	if (pages.n)
		qsort(pages.v, pages.n, sizeof(*pages.v), by_run);
	for (size_t i = 0; i < pages.n; i++)
		if (!n || !same_run(&pages.v[i], &pages.v[n - 1]))
			pages.v[n++] = pages.v[i];
	*ret_records = pages.v;
	*ret_n = n;
	return 0;
}

int slurm_rest_associations(struct slurm_rest *rest, struct arena *arena,
	struct slurmrest_pair **ret_pairs, size_t *ret_n, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	const char *cluster = *rest->options.cluster ? rest->options.cluster : NULL;
	int r;

	r = ask(rest, "associations", NULL, &reply, err);
	if (r < 0)
		return r;
	return judge(slurmrest_parse_associations(
			     repaired(&reply), cluster, arena, ret_pairs, ret_n, err),
		&reply, "associations", err);
}
