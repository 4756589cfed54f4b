// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/replay_server.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/arena.h"
#include "basic/file.h"
#include "net/http_server.h"
#include "tool/capture/capture_kube.h"
#include "tool/capture/capture_replies.h"
#include "tool/capture/replay_kube.h"

#define CONFIG "redfish.yml"

enum {
	MEMORY_MAX_BYTES = 512 << 20,
	HEADER_MAX_BYTES = 16 << 10,
	TIMEOUT_MS = 30000,
	GRACE_MS = 1000,
};

enum service { REDFISH, RTE, EMAPS, WT, N_SERVICES };

static const struct {
	const char *name;
	const char *environment; /* what makes the exporter ask here; %d is the port */
} services[N_SERVICES] = {
	[REDFISH] = { "redfish", NULL },
	[RTE] = { "rte", "__RTE_BASE_URL=http://127.0.0.1:%d/rte " },
	[EMAPS] = { "emaps",
		"EMAPS_API_TOKEN=captured __EMAPS_BASE_URL=http://127.0.0.1:%d/emaps " },
	[WT] = { "wt",
		"WT_USERNAME=captured WT_PASSWORD=captured __WT_BASE_URL=http://127.0.0.1:%d/wt " },
};

struct answer {
	struct slice path, query;
	struct slice body;
	const char *type;
	int status;
};

struct replay_server {
	struct arena arena;
	struct {
		struct answer *v;
		size_t n;
	} answers[N_SERVICES];
	struct replay_kube *kube; /* NULL: nothing of it was recorded */
	struct http_server *http;
};

static int read_part(int dir_fd, const char *name, unsigned i, const char *suffix,
	struct arena *arena, struct slice *ret_text)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	char path[128];
	int r;

	snprintf(path, sizeof(path), "replies/%s/%u.%s", name, i, suffix);
	r = file_read_nofollow(dir_fd, path, CAPTURE_FILE_MAX_BYTES, &text);
	if (r < 0)
		return r;
	ret_text->p = arena_strndup(arena, buffer_text(&text), text.len);
	ret_text->n = text.len;
	return ret_text->p ? 0 : -ENOMEM;
}

static int read_answer(
	int dir_fd, const char *name, unsigned i, struct arena *arena, struct answer *ret_answer)
{
	struct slice request, status, type;
	uint64_t number;
	int r = read_part(dir_fd, name, i, "request", arena, &request);

	if (r >= 0)
		r = read_part(dir_fd, name, i, "status", arena, &status);
	if (r >= 0)
		r = read_part(dir_fd, name, i, "type", arena, &type);
	if (r >= 0)
		r = read_part(dir_fd, name, i, "body", arena, &ret_answer->body);
	if (r < 0)
		return r;
	if (request.n < 5 || memcmp(request.p, "GET /", 5) != 0 ||
		slice_to_u64(slice_trim(status), &number) < 0 || number < 100 || number > 599 ||
		strlen(type.p) != type.n || strpbrk(type.p, "\r\n"))
		return -EBADMSG;
	request.p += 4;
	request.n -= 4;
	slice_next(&request, '?', &ret_answer->path);
	ret_answer->query = request;
	ret_answer->status = (int)number;
	ret_answer->type = type.p;
	return 0;
}

static int read_answers(struct replay_server *s, int dir_fd, enum service service)
{
	for (unsigned i = 0; i < CAPTURE_REPLIES_MAX; i++) {
		struct answer answer = { 0 }, *v;
		int r = read_answer(dir_fd, services[service].name, i, &s->arena, &answer);

		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
		v = arena_grow(&s->arena, s->answers[service].v, i, i + 1, sizeof(*v));
		if (!v)
			return -ENOMEM;
		v[i] = answer;
		s->answers[service].v = v;
		s->answers[service].n = i + 1;
	}
	return 0;
}

static bool ends_with(struct slice whole, struct slice end)
{
	return whole.n >= end.n && memcmp(whole.p + whole.n - end.n, end.p, end.n) == 0;
}

static struct slice without_end(struct slice path)
{
	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	return path;
}

static bool same(struct slice a, struct slice b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

/*
 * The latest of those with this path and these parameters: what came last is what holds. Where one
 * path was asked for with the same parameters always, others are those of another time.
 */
static const struct answer *find(
	const struct replay_server *s, enum service service, struct slice path, struct slice query)
{
	const struct answer *by_path = NULL, *found = NULL;
	bool differ = false;

	for (size_t i = 0; i < s->answers[service].n; i++) {
		const struct answer *answer = &s->answers[service].v[i];

		if (!ends_with(without_end(answer->path), without_end(path)))
			continue;
		differ = differ || (by_path && !same(by_path->query, answer->query));
		by_path = answer;
		if (same(answer->query, query))
			found = answer;
	}
	return found ? found : differ ? NULL : by_path;
}

static void handle(void *ctx, struct http_request *req, struct http_response *res)
{
	const struct replay_server *s = ctx;
	struct slice path = slice_from(http_request_path(req));
	const char *mark = strchr(http_request_raw_target(req), '?');
	const struct slice query = slice_from(mark ? mark + 1 : "");
	const struct answer *answer = NULL;

	if (replay_kube_answer(s->kube, req, res))
		return;
	if (str_starts(path.p, "/redfish"))
		answer = find(s, REDFISH, path, query);
	for (int i = RTE; !answer && i < N_SERVICES; i++) {
		const size_t n = strlen(services[i].name);

		if (path.n > n && memcmp(path.p + 1, services[i].name, n) == 0 &&
			(path.n == n + 1 || path.p[n + 1] == '/'))
			answer = find(s, (enum service)i,
				(struct slice){ path.p + n + 1, path.n - n - 1 }, query);
	}
	if (!answer) {
		http_response_text(res, 404, "this was not captured\n");
		return;
	}
	http_response_status(res, answer->status);
	if (*answer->type)
		http_response_header(res, "Content-Type", answer->type);
	buffer_append(http_response_body(res), answer->body.p, answer->body.n);
}

static int serve(struct replay_server *s, struct err *err)
{
	static const char *addresses[] = { "127.0.0.1:0" };
	const struct http_server_config config = {
		.listen_addresses = { addresses, 1 },
		.threads = 1,
		.max_header_bytes = HEADER_MAX_BYTES,
		.max_response_bytes = CAPTURE_KUBE_MAX_BYTES,
		.header_timeout_ms = TIMEOUT_MS,
		.idle_timeout_ms = TIMEOUT_MS,
		.handler = handle,
		.ctx = s,
	};
	int r = http_server_open(&config, &s->http, err);

	return r < 0 ? r : http_server_serve(s->http, err);
}

int replay_server_start(
	int dir_fd, const char *dir, struct replay_server **ret_server, struct err *err)
{
	struct replay_server *s = calloc(1, sizeof(*s));
	size_t n = 0;
	int r;

	if (!s)
		return err_errno(err, -ENOMEM, "answers");
	arena_init(&s->arena, MEMORY_MAX_BYTES);
	r = replay_kube_start(dir_fd, dir, &s->kube, err);
	for (int i = 0; r >= 0 && i < N_SERVICES; i++) {
		r = read_answers(s, dir_fd, (enum service)i);
		if (r < 0)
			err_errno(err, r, "reading answers");
		n += s->answers[i].n;
	}
	if (r >= 0 && (n || s->kube))
		r = serve(s, err);
	if (r < 0 || !(n || s->kube)) {
		replay_server_stop(s);
		s = NULL;
	}
	*ret_server = s;
	return r;
}

void replay_server_stop(struct replay_server *server)
{
	if (!server)
		return;
	http_server_stop(server->http, GRACE_MS);
	replay_kube_stop(server->kube);
	arena_done(&server->arena);
	free(server);
}

static int write_redfish_config(const struct replay_server *server, int dir_fd)
{
	CLEANUP(file_closep) int fd = -1;
	char text[256];
	int n;

	fd = openat(dir_fd, CONFIG, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	n = snprintf(text, sizeof(text),
		"redfish_collector:\n  protocol: http\n  hostname: 127.0.0.1\n  port: %d\n",
		http_server_port(server->http, 0));
	return write(fd, text, (size_t)n) == n ? 0 : -EIO;
}

int replay_server_write_config(const struct replay_server *server, int dir_fd)
{
	int r;

	if (!server)
		return 0;
	r = replay_kube_write_config(server->kube, http_server_port(server->http, 0));
	return r >= 0 && server->answers[REDFISH].n ? write_redfish_config(server, dir_fd) : r;
}

/* WattTime is asked for one region, which its answer doesn't name. */
static void print_region(const struct replay_server *server, FILE *out)
{
	struct slice pair, region;

	for (size_t i = 0; i < server->answers[WT].n; i++) {
		struct slice rest = server->answers[WT].v[i].query;

		while (slice_next(&rest, '&', &pair)) {
			if (pair.n < 7 || memcmp(pair.p, "region=", 7) != 0)
				continue;
			region = (struct slice){ pair.p + 7, pair.n - 7 };
			/* It stands in a command line. */
			for (size_t k = 0; k < region.n; k++)
				if (!isalnum((unsigned char)region.p[k]) &&
					!strchr("_-.", region.p[k]))
					return;
			fprintf(out, "WT_REGION=%.*s ", (int)region.n, region.p);
			return;
		}
	}
}

void replay_server_print_environment(const struct replay_server *server, FILE *out)
{
	for (int i = 0; server && i < N_SERVICES; i++)
		if (services[i].environment && server->answers[i].n)
			fprintf(out, services[i].environment, http_server_port(server->http, 0));
	if (server)
		print_region(server, out);
}

void replay_server_print_flags(const struct replay_server *server, const char *dir, FILE *out)
{
	if (!server)
		return;
	if (server->answers[REDFISH].n)
		fprintf(out, " --collector.redfish --collector.redfish.config.file=%s/" CONFIG,
			dir);
	replay_kube_print_flags(server->kube, out);
	for (int i = RTE; i < N_SERVICES; i++) {
		if (server->answers[i].n) {
			fputs(" --collector.emissions", out);
			break;
		}
	}
}
