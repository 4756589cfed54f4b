// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/capture_replies.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/clock.h"
#include "net/http_client.h"
#include "remote/emissions/provider.h"
#include "remote/redfish_chassis.h"
#include "remote/redfish_config.h"

#define USER_AGENT "ceems_exporter"

enum { SETTINGS_MEMORY_MAX_BYTES = 16 << 20, HOSTNAME_MAX_BYTES = 256 };

/* One service. */
struct recorder {
	struct capture_tree *tree;
	const char *name;
	unsigned n;
	int error; /* of memory */
};

/* From the slash behind the host on. */
static const char *path_of(const char *url)
{
	const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;

	return path ? path : "/";
}

static int add(struct recorder *r, const char *suffix, struct slice data)
{
	char path[128];

	snprintf(path, sizeof(path), "replies/%s/%u.%s", r->name, r->n, suffix);
	return capture_tree_add(r->tree, TAR_FILE, path, NULL, data);
}

static int add_anonymised(struct recorder *r, const char *suffix, struct slice data)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };

	anonymise(r->tree->anonymiser, data, &text);
	if (buffer_error(&text))
		return -ENOMEM;
	return add(r, suffix, (struct slice){ buffer_text(&text), text.len });
}

static int record(struct recorder *r, const char *url, const struct http_reply *reply)
{
	CLEANUP(buffer_done) struct buffer request = { 0 };
	char status[16];
	int result;

	buffer_printf(&request, "GET %s", path_of(url));
	if (buffer_error(&request))
		return -ENOMEM;
	snprintf(status, sizeof(status), "%d\n", reply->status);
	result = add_anonymised(r, "request", (struct slice){ buffer_text(&request), request.len });
	if (result >= 0)
		result = add(r, "status", slice_from(status));
	if (result >= 0)
		result = add(r, "type", slice_from(reply->content_type));
	if (result >= 0)
		result = add_anonymised(
			r, "body", (struct slice){ buffer_text(&reply->body), reply->body.len });
	r->n++;
	return result;
}

static void answered(void *ctx, const char *method, const char *url, const struct http_reply *reply)
{
	struct recorder *r = ctx;

	/* A login has an answer that nobody else may see. */
	if (r->error || !str_eq(method, "GET"))
		return;
	if (r->n == CAPTURE_REPLIES_MAX)
		r->tree->cut = true;
	else
		r->error = record(r, url, reply);
}

static void failed(struct recorder *r, int result)
{
	char path[64];

	if (result == -ECANCELED)
		return;
	snprintf(path, sizeof(path), "replies/%s", r->name);
	capture_tree_failed(r->tree, path, result);
}

static int load(
	const char *file, struct arena *arena, struct redfish_settings *settings, struct err *err)
{
	char hostname[HOSTNAME_MAX_BYTES] = "";
	const char *name = getenv("NODE_NAME");
	const struct redfish_surroundings surroundings = {
		.hostname = name && *name ? name : hostname,
		.username = getenv("REDFISH_WEB_USERNAME"),
		.password = getenv("REDFISH_WEB_PASSWORD"),
	};

	(void)gethostname(hostname, sizeof(hostname) - 1);
	return redfish_config_load(file, false, &surroundings, arena, settings, err);
}

/* As the exporter does: finds the chassis and reads the power of each. */
static int read_all(struct redfish *redfish, int stop_fd, struct arena *arena, struct err *err)
{
	struct redfish_chassis *chassis;
	size_t n;
	int r;

	redfish_begin(redfish, stop_fd);
	r = redfish_discover(redfish, arena, NULL, NULL, &chassis, &n, err);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct redfish_power power;

		/* One that fails has answered all the same. */
		(void)redfish_read_power(redfish, &chassis[i], &power, NULL);
	}
	(void)redfish_logout(redfish, 5000, NULL);
	return r;
}

static int capture_redfish(struct capture_tree *tree, const char *file, int stop_fd,
	struct arena *arena, struct err *err)
{
	CLEANUP(redfish_freep) struct redfish *redfish = NULL;
	struct recorder recorder = { .tree = tree, .name = "redfish" };
	const struct http_observer observer = { answered, &recorder };
	struct redfish_settings settings;
	int r = load(file, arena, &settings, err);

	if (r < 0)
		return r;
	const struct redfish_config config = {
		.url = settings.url,
		.service_url = settings.service_url,
		.username = settings.username,
		.password = settings.password,
		.use_session = settings.use_session_token,
		.timeout_ms = settings.timeout_ms,
		.http = &settings.http,
		.user_agent = USER_AGENT,
		.clock = clock_system(),
		.observer = &observer,
	};

	r = redfish_new(&config, &redfish, err);
	if (r < 0)
		return r;
	r = read_all(redfish, stop_fd, arena, err);
	if (r < 0)
		failed(&recorder, r);
	return recorder.error;
}

static int ignore(void *ctx, const struct emission_factor *factor)
{
	return 0;
}

static int capture_provider(
	struct capture_tree *tree, const struct emission_provider *provider, int stop_fd)
{
	struct recorder recorder = { .tree = tree, .name = provider->name };
	const struct http_observer observer = { answered, &recorder };
	struct emission_sink sink = { .found = ignore };
	struct emission_settings settings = emission_settings_of(getenv, clock_system());
	void *state;
	int r;

	settings.user_agent = USER_AGENT;
	settings.observer = &observer;
	r = provider->open(&settings, &state, NULL);

	/* The environment doesn't say what it needs: the exporter would not ask it either. */
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = provider->fetch(state, stop_fd, &sink, NULL);
	provider->close(state);
	if (r < 0)
		failed(&recorder, r);
	return recorder.error;
}

int capture_replies_run(struct capture_tree *tree, const char *redfish_config_file, bool emissions,
	int stop_fd, struct err *err)
{
	struct arena arena;
	int r = 0;

	arena_init(&arena, SETTINGS_MEMORY_MAX_BYTES);
	if (redfish_config_file && *redfish_config_file)
		r = capture_redfish(tree, redfish_config_file, stop_fd, &arena, err);
	arena_done(&arena);
	for (size_t i = 0; r >= 0 && emissions && i < n_emission_providers; i++) {
		/* The others answer from a table. */
		if (emission_providers[i]->interval_ns)
			r = capture_provider(tree, emission_providers[i], stop_fd);
		if (r < 0)
			err_errno(err, r, "recording answers");
	}
	return r;
}
