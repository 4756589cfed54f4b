// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "basic/base64.h"
#include "basic/file.h"
#include "format/config.h"

/* As the file has them. */
struct cluster {
	const char *server, *ca_data, *ca_file, *tls_server_name, *proxy_url;
	bool insecure;
};

struct user {
	const char *token, *token_file, *cert_data, *cert_file, *key_data, *key_file;
	const char *username, *password;
	bool has_exec, has_provider, has_as, has_as_uid, has_as_groups;
};

struct context {
	const char *cluster, *user;
};

#define CLUSTER(key, kind, member)                                                        \
	{                                                                                 \
		.name = (key), .type = (kind), .offset = offsetof(struct cluster, member) \
	}
#define USER(key, kind, member)                                                        \
	{                                                                              \
		.name = (key), .type = (kind), .offset = offsetof(struct user, member) \
	}
#define CONTEXT(key, member)                                                                     \
	{                                                                                        \
		.name = (key), .type = CONFIG_STRING, .offset = offsetof(struct context, member) \
	}

static const struct config_key cluster_keys[] = {
	CLUSTER("server", CONFIG_STRING, server),
	CLUSTER("certificate-authority-data", CONFIG_STRING, ca_data),
	CLUSTER("certificate-authority", CONFIG_STRING, ca_file),
	CLUSTER("tls-server-name", CONFIG_STRING, tls_server_name),
	CLUSTER("proxy-url", CONFIG_STRING, proxy_url),
	CLUSTER("insecure-skip-tls-verify", CONFIG_BOOL, insecure),
};
static const struct config_table cluster_table = {
	.size = sizeof(struct cluster), .keys = cluster_keys, .n_keys = ARRAY_SIZE(cluster_keys)
};

static const struct config_key user_keys[] = {
	USER("token", CONFIG_STRING, token),
	USER("tokenFile", CONFIG_STRING, token_file),
	USER("client-certificate-data", CONFIG_STRING, cert_data),
	USER("client-certificate", CONFIG_STRING, cert_file),
	USER("client-key-data", CONFIG_STRING, key_data),
	USER("client-key", CONFIG_STRING, key_file),
	USER("username", CONFIG_STRING, username),
	USER("password", CONFIG_STRING, password),
	USER("exec", CONFIG_PRESENT, has_exec),
	USER("auth-provider", CONFIG_PRESENT, has_provider),
	USER("as", CONFIG_PRESENT, has_as),
	USER("as-uid", CONFIG_PRESENT, has_as_uid),
	USER("as-groups", CONFIG_PRESENT, has_as_groups),
};
static const struct config_table user_table = {
	.size = sizeof(struct user), .keys = user_keys, .n_keys = ARRAY_SIZE(user_keys)
};

static const struct config_key context_keys[] = {
	CONTEXT("cluster", cluster),
	CONTEXT("user", user),
};
static const struct config_table context_table = {
	.size = sizeof(struct context), .keys = context_keys, .n_keys = ARRAY_SIZE(context_keys)
};

struct parser {
	const struct config_node *root;
	const char *name, *directory;
	struct arena *arena;
	struct err *err;
};

static const char *text_of(const struct config_node *node)
{
	return node && node->kind == CONFIG_SCALAR && !node->is_null ? node->text : NULL;
}

/* The item of a list such as "clusters: [{name: ..., cluster: {...}}]". */
static int find(const struct parser *p, const char *list, const char *kind, const char *name,
	const struct config_table *table, void *ret_value)
{
	const struct config_node *items = config_get(p->root, list);

	for (size_t i = 0; items && items->kind == CONFIG_SEQUENCE && i < items->n; i++) {
		const char *item = text_of(config_get(items->items[i], "name"));

		if (item && str_eq(item, name))
			return config_decode(config_get(items->items[i], kind), p->name, table,
				ret_value, p->arena, p->err);
	}
	return err_set(p->err, -EBADMSG, "%s: there is no %s '%s'", p->name, kind, name);
}

static bool given(const char *text)
{
	return text && *text;
}

/* base64 of PEM, as text. */
static int decode(const struct parser *p, const char *what, const char *data, const char **ret_text)
{
	struct slice in = slice_trim(slice_from(data));
	char *out = arena_alloc(p->arena, BASE64_DECODED_MAX(in.n) + 1);
	ssize_t n;

	if (!out)
		return err_errno(p->err, -ENOMEM, "%s", p->name);
	n = base64_decode(in, out, BASE64_DECODED_MAX(in.n));
	if (n < 0 || memchr(out, '\0', (size_t)n))
		return err_set(p->err, -EBADMSG, "%s: '%s' is no base64 of a text", p->name, what);
	out[n] = '\0';
	*ret_text = out;
	return 0;
}

/* The data goes before the file. */
static int take_secret(const struct parser *p, const char *what, const char *data, const char *file,
	const char **ret_text, const char **ret_file)
{
	if (given(data))
		return decode(p, what, data, ret_text);
	if (!given(file))
		return 0;
	*ret_file = *file == '/' ? file : arena_printf(p->arena, "%s/%s", p->directory, file);
	return *ret_file ? 0 : err_errno(p->err, -ENOMEM, "%s", p->name);
}

static int take_cluster(const struct parser *p, const struct cluster *c, struct kube_config *config)
{
	int r;

	if (!given(c->server))
		return err_set(p->err, -EBADMSG, "%s: the cluster has no server", p->name);
	if (given(c->proxy_url))
		config->proxy_url = c->proxy_url;
	if (given(c->tls_server_name))
		config->tls_server_name = c->tls_server_name;
	config->insecure = c->insecure;
	r = take_secret(p, "certificate-authority-data", c->ca_data, c->ca_file, &config->ca,
		&config->ca_file);
	config->server = c->server;
	return r;
}

static int refuse(const struct parser *p, const struct user *u, const char *name)
{
	if (u->has_exec || u->has_provider)
		return err_set(p->err, -ENOTSUP,
			"%s: user '%s' logs in by a plug-in (%s), which is not run here; give it a token, a tokenFile or a client certificate",
			p->name, name, u->has_exec ? "exec" : "auth-provider");
	if (u->has_as || u->has_as_uid || u->has_as_groups)
		return err_set(p->err, -ENOTSUP,
			"%s: user '%s' acts as another one (as), which is not done here; name that user's own credentials",
			p->name, name);
	return 0;
}

static int take_user(const struct parser *p, const struct user *u, struct kube_config *config)
{
	int r = take_secret(p, "client-certificate-data", u->cert_data, u->cert_file, &config->cert,
		&config->cert_file);

	if (r >= 0)
		r = take_secret(p, "client-key-data", u->key_data, u->key_file, &config->key,
			&config->key_file);
	if (r >= 0)
		r = take_secret(
			p, "tokenFile", NULL, u->token_file, &config->token, &config->token_file);
	if (r < 0)
		return r;
	if ((config->cert || config->cert_file) != (config->key || config->key_file))
		return err_set(p->err, -EBADMSG, "%s: a client certificate and its key go together",
			p->name);
	if (given(u->token))
		config->token = u->token;
	if (given(u->username)) {
		config->username = u->username;
		config->password = u->password ? u->password : "";
	}
	return 0;
}

/* Without a scheme it is what the other settings let expect. */
static int finish_server(struct kube_config *config, struct arena *arena)
{
	const bool tls = config->ca || config->ca_file || config->cert || config->cert_file ||
		config->insecure;
	const char *scheme = strstr(config->server, "://") ? "" : tls ? "https://" : "http://";
	char *server = arena_printf(arena, "%s%s", scheme, config->server);

	if (!server)
		return -ENOMEM;
	for (size_t n = strlen(server); n && server[n - 1] == '/'; n--)
		server[n - 1] = '\0';
	config->server = server;
	return 0;
}

static int use_context(const struct parser *p, const char *name, struct kube_config *config)
{
	struct context context;
	struct cluster cluster;
	struct user user = { 0 };
	int r = find(p, "contexts", "context", name, &context_table, &context);

	if (r >= 0)
		r = find(p, "clusters", "cluster", context.cluster ? context.cluster : "",
			&cluster_table, &cluster);
	if (r >= 0 && given(context.user))
		r = find(p, "users", "user", context.user, &user_table, &user);
	if (r >= 0 && given(context.user))
		r = refuse(p, &user, context.user);
	if (r >= 0)
		r = take_cluster(p, &cluster, config);
	return r < 0 ? r : take_user(p, &user, config);
}

int kube_config_parse(struct slice text, const char *name, const char *directory,
	struct arena *arena, struct kube_config *ret_config, struct err *err)
{
	struct parser p = { .name = name, .directory = directory, .arena = arena, .err = err };
	struct kube_config config = { 0 };
	const char *context;
	int r;

	if (text.n > KUBE_CONFIG_MAX_BYTES)
		return err_set(
			err, -E2BIG, "%s: larger than %d bytes", name, KUBE_CONFIG_MAX_BYTES);
	r = config_parse(text.n ? text.p : "", text.n, name, arena, &p.root, err);
	if (r < 0)
		return r;
	context = text_of(config_get(p.root, "current-context"));
	if (!given(context))
		return err_set(err, -EBADMSG, "%s: there is no current-context", name);
	r = use_context(&p, context, &config);
	if (r < 0)
		return r;
	if (finish_server(&config, arena) < 0)
		return err_errno(err, -ENOMEM, "%s", name);
	*ret_config = config;
	return 0;
}

int kube_config_load(
	const char *path, struct arena *arena, struct kube_config *ret_config, struct err *err)
{
	CLEANUP(buffer_done) struct buffer text;
	const char *slash = strrchr(path, '/');
	char *directory = slash ? arena_strndup(arena, path, MAX((size_t)(slash - path), 1))
				: arena_strdup(arena, ".");
	int r;

	buffer_init(&text, 0);
	if (!directory)
		return err_errno(err, -ENOMEM, "%s", path);
	r = file_read(AT_FDCWD, path, KUBE_CONFIG_MAX_BYTES, &text);
	if (r < 0)
		return err_errno(err, r, "reading the kubeconfig '%s'", path);
	return kube_config_parse((struct slice){ buffer_text(&text), text.len }, path, directory,
		arena, ret_config, err);
}

int kube_config_in_cluster(const char *host, const char *port, const char *directory,
	struct arena *arena, struct kube_config *ret_config, struct err *err)
{
	struct kube_config config = { 0 };
	const char *form;

	if (!given(host) || !given(port))
		return err_set(err, -ENOENT,
			"this is no pod of a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
	form = strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s";
	config.server = arena_printf(arena, form, host, port);
	config.token_file = arena_printf(arena, "%s/token", directory);
	config.ca_file = arena_printf(arena, "%s/ca.crt", directory);
	if (!config.server || !config.token_file || !config.ca_file)
		return err_errno(err, -ENOMEM, "the pod's service account");
	if (access(config.token_file, F_OK) < 0)
		return err_errno(err, errno == ENOENT ? -ENOENT : -errno,
			"this is no pod with a service account: '%s'", config.token_file);
	/* Without one, the system's authorities have to do. */
	if (access(config.ca_file, F_OK) < 0)
		config.ca_file = NULL;
	*ret_config = config;
	return 0;
}
