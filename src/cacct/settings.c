// SPDX-License-Identifier: Apache-2.0
#include "cacct/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "basic/str.h"

enum { SECRET_FILE_MAX_BYTES = 1 << 20 };

/* The file; what other programs read from it is skipped. */
struct section_web {
	const char *url;
	struct http_client_config client;
};
struct section_api {
	const char *cluster_id, *user_header_name;
	struct section_web web;
};
struct section_tsdb {
	struct section_web web;
	struct config_map queries;
};
struct document {
	struct section_api api;
	struct section_tsdb tsdb;
};

static const struct config_key web_keys[] = {
	{ "url", CONFIG_STRING, offsetof(struct section_web, url),
		.help = "Address of the server." },
	{ NULL, CONFIG_INLINE, offsetof(struct section_web, client),
		.table = &http_client_config_inline },
};
static const struct config_table web_table = {
	.size = sizeof(struct section_web),
	.keys = web_keys,
	.n_keys = ARRAY_SIZE(web_keys),
};
static const struct config_key api_keys[] = {
	{ "cluster_id", CONFIG_STRING, offsetof(struct section_api, cluster_id),
		.help = "Cluster whose units are asked for." },
	{ "user_header_name", CONFIG_STRING, offsetof(struct section_api, user_header_name),
		.fallback = "X-Grafana-User",
		.help = "Header that tells the API server the user's name." },
	{ "web", CONFIG_SECTION, offsetof(struct section_api, web), .table = &web_table,
		.help = "How to reach the API server." },
};
static const struct config_table api_table = {
	.size = sizeof(struct section_api),
	.keys = api_keys,
	.n_keys = ARRAY_SIZE(api_keys),
};
static const struct config_key tsdb_keys[] = {
	{ "web", CONFIG_SECTION, offsetof(struct section_tsdb, web), .table = &web_table,
		.help = "How to reach the TSDB." },
	{ "queries", CONFIG_STRING_MAP, offsetof(struct section_tsdb, queries),
		.help = "Name => query, with %s for the unit's id." },
};
static const struct config_table tsdb_table = {
	.size = sizeof(struct section_tsdb),
	.keys = tsdb_keys,
	.n_keys = ARRAY_SIZE(tsdb_keys),
};
static const struct config_key document_keys[] = {
	{ "ceems_api_server", CONFIG_SECTION, offsetof(struct document, api), .table = &api_table,
		.help = "The API server." },
	{ "tsdb", CONFIG_SECTION, offsetof(struct document, tsdb), .table = &tsdb_table,
		.help = "Where the time series of units are." },
};
static const struct config_table document_table = {
	.size = sizeof(struct document),
	.keys = document_keys,
	.n_keys = ARRAY_SIZE(document_keys),
};

/* --- rights --------------------------------------------------------------------------------- */

int settings_drop_rights(struct err *err)
{
	const struct rlimit none = { 0, 0 };
	const uid_t uid = getuid();
	const gid_t gid = getgid();
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_errno(err, -EPERM, "giving up the rights of the program's group");
	if (getresgid(&rg, &eg, &sg) < 0 || getresuid(&r, &e, &s) < 0 || eg != gid || sg != gid ||
		e != uid || s != uid)
		return err_set(err, -EPERM, "the rights of the program's group are still there");
	/* After the change of identity, which sets it by itself to what the system's default is. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return err_errno(err, -EPERM, "protecting the memory of the program");
	return 0;
}

/* --- secrets in files ----------------------------------------------------------------------- */

/* Reads the file of a value|file pair into the value: later the rights to do so are gone. */
static int inline_file(const char *config, const char *dir, const char **value, const char **file,
	bool trim, struct arena *arena, struct err *err)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct slice content;
	char *kept;
	const char *path = *file;
	int r;

	if (!path || !*path)
		return 0;
	if (*path != '/')
		path = arena_printf(arena, "%s/%s", dir, path);
	if (!path)
		return err_errno(err, -ENOMEM, "%s", config);
	buffer_init(&text, SECRET_FILE_MAX_BYTES);
	r = file_read(AT_FDCWD, path, SECRET_FILE_MAX_BYTES, &text);
	if (r < 0) {
		err_errno(err, r, "%s: reading '%s'", config, path);
		/* -ENOENT is for the configuration itself. */
		return err->code = -EBADMSG;
	}
	content = (struct slice){ buffer_text(&text), text.len };
	if (trim)
		content = slice_trim(content);
	kept = arena_strndup(arena, content.p, content.n);
	explicit_bzero(text.data, text.len);
	if (!kept)
		return err_errno(err, -ENOMEM, "%s", config);
	*value = kept;
	*file = NULL;
	return 0;
}

static int inline_headers(
	const char *config, struct http_client_config *client, struct arena *arena, struct err *err)
{
	struct config_list *list = &client->http_headers;

	for (size_t i = 0; i < list->n; i++) {
		struct http_client_header *h = &((struct http_client_header *)list->v)[i];
		const size_t n = h->secrets.n + h->files.n;
		const char **secrets = ARENA_ARRAY(arena, const char *, n ? n : 1);

		if (!secrets)
			return err_errno(err, -ENOMEM, "%s", config);
		for (size_t j = 0; j < h->secrets.n; j++)
			secrets[j] = h->secrets.v[j];
		for (size_t j = 0; j < h->files.n; j++) {
			int r = inline_file(config, client->directory, &secrets[h->secrets.n + j],
				&h->files.v[j], true, arena, err);

			if (r < 0)
				return r;
		}
		h->secrets = (struct strings){ secrets, n };
		h->files.n = 0;
	}
	return 0;
}

static int inline_files(
	const char *config, struct http_client_config *c, struct arena *arena, struct err *err)
{
	const struct {
		const char **value, **file;
		bool trim;
	} pairs[] = {
		{ &c->basic_auth.username, &c->basic_auth.username_file, true },
		{ &c->basic_auth.password, &c->basic_auth.password_file, true },
		{ &c->authorization.credentials, &c->authorization.credentials_file, true },
		{ &c->oauth2.client_secret, &c->oauth2.client_secret_file, true },
		{ &c->bearer_token, &c->bearer_token_file, true },
		{ &c->tls.ca, &c->tls.ca_file, false },
		{ &c->tls.cert, &c->tls.cert_file, false },
		{ &c->tls.key, &c->tls.key_file, false },
		{ &c->oauth2.tls.ca, &c->oauth2.tls.ca_file, false },
		{ &c->oauth2.tls.cert, &c->oauth2.tls.cert_file, false },
		{ &c->oauth2.tls.key, &c->oauth2.tls.key_file, false },
	};
	const char *slash = strrchr(config, '/');
	const char *dir = arena_strndup(arena, config, (size_t)(slash - config));

	if (!dir)
		return err_errno(err, -ENOMEM, "%s", config);
	c->directory = dir;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		/* Both given is an error that the HTTP client finds: leave the pair as it is. */
		if (*pairs[i].value && **pairs[i].value)
			continue;
		if (inline_file(config, dir, pairs[i].value, pairs[i].file, pairs[i].trim, arena,
			    err) < 0)
			return err->code;
	}
	return inline_headers(config, c, arena, err);
}

/* --- the file ------------------------------------------------------------------------------- */

static int load(const struct settings_places *places, const char *path, struct arena *arena,
	struct settings *ret, struct err *err)
{
	struct document doc = { 0 };
	struct settings s = { .path = path };
	int r;

	r = config_load(path, false, &document_table, &doc, arena, err);
	if (r < 0)
		return r;
	s.cluster_id = doc.api.cluster_id ? doc.api.cluster_id : "";
	s.user_header_name = doc.api.user_header_name;
	s.url = doc.api.web.url;
	s.client = doc.api.web.client;
	if (!s.url || !*s.url)
		return err_set(err, -EBADMSG, "%s: 'ceems_api_server.web.url' is missing", path);
	if (!*s.user_header_name || s.user_header_name[strcspn(s.user_header_name, ": \t")])
		return err_set(err, -EBADMSG,
			"%s: 'ceems_api_server.user_header_name' is no name of a header", path);
	r = inline_files(path, &s.client, arena, err);
	if (r >= 0 && places->with_tsdb) {
		s.tsdb = (struct settings_tsdb){ doc.tsdb.web.url, doc.tsdb.web.client,
			doc.tsdb.queries };
		r = inline_files(path, &s.tsdb.client, arena, err);
	}
	if (r < 0)
		return r;
	*ret = s;
	return 0;
}

/* -ENOENT: none of the four names is there. */
static int load_from(const struct settings_places *places, const char *dir, struct arena *arena,
	struct settings *ret, struct err *err)
{
	static const char *const names[] = { "config.yml", "config.yaml", "cacct.yml",
		"cacct.yaml" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *path = arena_printf(arena, "%s/%s", dir, names[i]);

		if (!path)
			return err_errno(err, -ENOMEM, "looking for the configuration");
		/* With the effective rights, as open() will. */
		if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0)
			return load(places, path, arena, ret, err);
		if (errno != ENOENT && errno != ENOTDIR)
			return err_errno(err, -errno, "looking for '%s'", path);
	}
	return -ENOENT;
}

/* The user's own folder, NULL with a sentence. */
static const char *user_dir(
	const struct settings_places *places, struct arena *arena, struct err *err)
{
	const char *xdg = places->xdg_config_home, *dir;

	if (xdg && *xdg && *xdg != '/') {
		err_set(err, -EINVAL, "XDG_CONFIG_HOME must be an absolute path");
		return NULL;
	}
	if ((!xdg || !*xdg) && (!places->home || !*places->home)) {
		err_set(err, -ENOENT,
			"no configuration in %s, and neither XDG_CONFIG_HOME nor HOME is set",
			places->system_dir);
		return NULL;
	}
	dir = xdg && *xdg ? arena_printf(arena, "%s/ceems", xdg)
			  : arena_printf(arena, "%s/.config/ceems", places->home);
	if (!dir)
		err_errno(err, -ENOMEM, "looking for the configuration");
	return dir;
}

int settings_load(const struct settings_places *places, struct arena *arena,
	struct settings *ret_settings, struct err *err)
{
	const char *dir;
	int r, dropped;

	r = load_from(places, places->system_dir, arena, ret_settings, err);
	dropped = settings_drop_rights(err);
	if (dropped < 0)
		return dropped;
	if (r == -ENOENT && places->test_dir)
		r = load_from(places, places->test_dir, arena, ret_settings, err);
	if (r != -ENOENT)
		return r;
	dir = user_dir(places, arena, err);
	if (!dir)
		return err ? err->code : -EINVAL;
	r = load_from(places, dir, arena, ret_settings, err);
	if (r == -ENOENT)
		err_set(err, r,
			"no configuration found: looked for config.yml, config.yaml, cacct.yml and "
			"cacct.yaml in %s and %s",
			places->system_dir, dir);
	return r;
}
