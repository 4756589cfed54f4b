// SPDX-License-Identifier: Apache-2.0
/* The configuration keys of the HTTP client and the rules between them. */
#include <errno.h>
#include <strings.h>

#include "basic/str.h"
#include "net/http_client_internal.h"

static const struct config_key tls_keys[] = {
#define KEY(name_, type_, field, ...)                                                            \
	{                                                                                        \
		.name = name_, .type = type_, .offset = offsetof(struct http_client_tls, field), \
		__VA_ARGS__                                                                      \
	}
	KEY("ca", CONFIG_STRING, ca, .help = "Certificates of the authorities to trust, PEM."),
	KEY("ca_file", CONFIG_STRING, ca_file, .help = "File with them."),
	KEY("cert", CONFIG_STRING, cert, .help = "Client certificate, PEM."),
	KEY("cert_file", CONFIG_STRING, cert_file, .help = "File with it."),
	KEY("key", CONFIG_STRING, key, .help = "Key of the client certificate, PEM.",
		.flags = CONFIG_SECRET),
	KEY("key_file", CONFIG_STRING, key_file, .help = "File with it."),
	KEY("server_name", CONFIG_STRING, server_name,
		.help = "Name that the server's certificate must carry, instead of the URL's."),
	KEY("insecure_skip_verify", CONFIG_BOOL, insecure_skip_verify,
		.help = "Don't verify the server's certificate."),
	KEY("min_version", CONFIG_STRING, min_version, .fallback = "TLS12",
		.help = "Lowest TLS version: TLS10, TLS11, TLS12, TLS13."),
	KEY("max_version", CONFIG_STRING, max_version, .help = "Highest TLS version."),
#undef KEY
};
static const struct config_table tls_table = {
	.size = sizeof(struct http_client_tls),
	.keys = tls_keys,
	.n_keys = ARRAY_SIZE(tls_keys),
	.closed = true,
};

static const struct config_key proxy_keys[] = {
#define KEY(name_, type_, field, ...)                                                              \
	{                                                                                          \
		.name = name_, .type = type_, .offset = offsetof(struct http_client_proxy, field), \
		__VA_ARGS__                                                                        \
	}
	KEY("proxy_url", CONFIG_STRING, url, .help = "Proxy for all requests.",
		.flags = CONFIG_SECRET),
	KEY("no_proxy", CONFIG_STRING, no_proxy,
		.help = "Comma-separated hosts, domains and networks that need no proxy."),
	KEY("proxy_from_environment", CONFIG_BOOL, from_environment,
		.help = "Take the proxy from http_proxy, https_proxy and no_proxy."),
	KEY("proxy_connect_header", CONFIG_LIST_MAP, connect_header,
		.help = "Headers for the proxy's CONNECT requests."),
#undef KEY
};
static const struct config_table proxy_table = {
	.size = sizeof(struct http_client_proxy),
	.keys = proxy_keys,
	.n_keys = ARRAY_SIZE(proxy_keys),
};

#define KEY(name_, type_, field, ...)                                             \
	{                                                                         \
		.name = name_, .type = type_,                                     \
		.offset = offsetof(struct http_client_config, field), __VA_ARGS__ \
	}
/* The sections are members without a type name; their keys' offsets count from the section. */
#define SECTION_KEY(section, name_, type_, field, ...)                         \
	{                                                                      \
		.name = name_, .type = type_,                                  \
		.offset = offsetof(struct http_client_config, section.field) - \
			offsetof(struct http_client_config, section),          \
		__VA_ARGS__                                                    \
	}
#define SECTION_TABLE(section, keys_)                                                     \
	{                                                                                 \
		.size = sizeof(((struct http_client_config *)0)->section), .keys = keys_, \
		.n_keys = ARRAY_SIZE(keys_), .closed = true                               \
	}

static const struct config_key basic_keys[] = {
	SECTION_KEY(basic_auth, "username", CONFIG_STRING, username, .help = "User name."),
	SECTION_KEY(basic_auth, "username_file", CONFIG_STRING, username_file,
		.help = "File with the user name."),
	SECTION_KEY(basic_auth, "password", CONFIG_STRING, password, .help = "Password.",
		.flags = CONFIG_SECRET),
	SECTION_KEY(basic_auth, "password_file", CONFIG_STRING, password_file,
		.help = "File with the password."),
};
static const struct config_table basic_table = SECTION_TABLE(basic_auth, basic_keys);

static const struct config_key authorization_keys[] = {
	SECTION_KEY(authorization, "type", CONFIG_STRING, type, .fallback = "Bearer",
		.help = "Scheme in front of the credentials."),
	SECTION_KEY(authorization, "credentials", CONFIG_STRING, credentials,
		.help = "Credentials.", .flags = CONFIG_SECRET),
	SECTION_KEY(authorization, "credentials_file", CONFIG_STRING, credentials_file,
		.help = "File with the credentials."),
};
static const struct config_table authorization_table = SECTION_TABLE(
	authorization, authorization_keys);

static const struct config_key oauth2_keys[] = {
	SECTION_KEY(oauth2, "client_id", CONFIG_STRING, client_id, .help = "Client."),
	SECTION_KEY(oauth2, "client_secret", CONFIG_STRING, client_secret,
		.help = "Secret of the client.", .flags = CONFIG_SECRET),
	SECTION_KEY(oauth2, "client_secret_file", CONFIG_STRING, client_secret_file,
		.help = "File with the secret."),
	SECTION_KEY(oauth2, "scopes", CONFIG_STRINGS, scopes, .help = "Scopes to ask for."),
	SECTION_KEY(
		oauth2, "token_url", CONFIG_STRING, token_url, .help = "Where tokens are issued."),
	SECTION_KEY(oauth2, "endpoint_params", CONFIG_STRING_MAP, endpoint_params,
		.help = "Further parameters of the token request."),
	SECTION_KEY(oauth2, "tls_config", CONFIG_SECTION, tls, .table = &tls_table,
		.help = "TLS towards token_url."),
	SECTION_KEY(oauth2, NULL, CONFIG_INLINE, proxy, .table = &proxy_table),
};
static const struct config_table oauth2_table = SECTION_TABLE(oauth2, oauth2_keys);

static const struct config_key header_keys[] = {
#define HEADER_KEY(field, help_)                                                    \
	{                                                                           \
		.name = #field, .type = CONFIG_STRINGS,                             \
		.offset = offsetof(struct http_client_header, field), .help = help_ \
	}
	HEADER_KEY(values, "Values."),
	{ .name = "secrets",
		.type = CONFIG_STRINGS,
		.offset = offsetof(struct http_client_header, secrets),
		.help = "Values that are never shown.",
		.flags = CONFIG_SECRET },
	HEADER_KEY(files, "Files with a value each."),
#undef HEADER_KEY
};
static const struct config_table header_table = {
	.size = sizeof(struct http_client_header),
	.keys = header_keys,
	.n_keys = ARRAY_SIZE(header_keys),
	.closed = true,
};

static const struct config_key client_keys[] = {
	KEY("basic_auth", CONFIG_PRESENT, basic_auth.present),
	KEY("basic_auth", CONFIG_SECTION, basic_auth, .table = &basic_table,
		.help = "User name and password."),
	KEY("authorization", CONFIG_PRESENT, authorization.present),
	KEY("authorization", CONFIG_SECTION, authorization, .table = &authorization_table,
		.help = "Content of the Authorization header."),
	KEY("oauth2", CONFIG_PRESENT, oauth2.present),
	KEY("oauth2", CONFIG_SECTION, oauth2, .table = &oauth2_table,
		.help = "OAuth 2.0, client credentials flow (RFC 6749 section 4.4)."),
	KEY("bearer_token", CONFIG_STRING, bearer_token,
		.help = "Deprecated form of authorization.", .flags = CONFIG_SECRET),
	KEY("bearer_token_file", CONFIG_STRING, bearer_token_file,
		.help = "Deprecated form of authorization."),
	KEY("tls_config", CONFIG_SECTION, tls, .table = &tls_table,
		.help = "TLS towards the server."),
	KEY("follow_redirects", CONFIG_BOOL, follow_redirects, .fallback = "true",
		.help = "Follow redirects; credentials stay with the first host."),
	KEY("enable_http2", CONFIG_BOOL, enable_http2, .fallback = "true",
		.help = "Use HTTP/2 over TLS where the server has it."),
	{ .type = CONFIG_INLINE,
		.offset = offsetof(struct http_client_config, proxy),
		.table = &proxy_table },
	KEY("http_headers", CONFIG_TABLE_MAP, http_headers, .table = &header_table,
		.help = "Headers to add to each request."),
};

static int check_table(void *value, struct err *err)
{
	return http_client_config_check(value, err);
}

const struct config_table http_client_config_table = {
	.size = sizeof(struct http_client_config),
	.keys = client_keys,
	.n_keys = ARRAY_SIZE(client_keys),
	.closed = true,
	.check = check_table,
};

const struct config_table http_client_config_inline = {
	.size = sizeof(struct http_client_config),
	.keys = client_keys,
	.n_keys = ARRAY_SIZE(client_keys),
	.check = check_table,
};

static bool given(const char *text)
{
	return text && *text;
}

static int one_of(const char *a, const char *b, const char *name, struct err *err)
{
	if (given(a) && given(b))
		return err_set(
			err, -EINVAL, "at most one of %s and %s_file may be set", name, name);
	return 0;
}

static int check_pairs(const struct http_client_config *c, struct err *err)
{
	int r = one_of(
		c->basic_auth.username, c->basic_auth.username_file, "basic_auth.username", err);

	if (r >= 0)
		r = one_of(c->basic_auth.password, c->basic_auth.password_file,
			"basic_auth.password", err);
	if (r >= 0)
		r = one_of(c->authorization.credentials, c->authorization.credentials_file,
			"authorization.credentials", err);
	if (r >= 0)
		r = one_of(c->oauth2.client_secret, c->oauth2.client_secret_file,
			"oauth2.client_secret", err);
	if (r >= 0)
		r = one_of(c->bearer_token, c->bearer_token_file, "bearer_token", err);
	return r;
}

bool http_client_uses_basic(const struct http_client_config *c)
{
	return c->basic_auth.present &&
		(given(c->basic_auth.username) || given(c->basic_auth.username_file) ||
			given(c->basic_auth.password) || given(c->basic_auth.password_file));
}

bool http_client_uses_authorization(const struct http_client_config *c)
{
	return c->authorization.present &&
		(given(c->authorization.credentials) || given(c->authorization.credentials_file));
}

bool http_client_uses_oauth2(const struct http_client_config *c)
{
	return c->oauth2.present && (given(c->oauth2.client_id) || given(c->oauth2.token_url));
}

bool http_client_uses_bearer(const struct http_client_config *c)
{
	return given(c->bearer_token) || given(c->bearer_token_file);
}

static int check_auth(const struct http_client_config *c, struct err *err)
{
	if (http_client_uses_basic(c) + http_client_uses_authorization(c) +
			http_client_uses_oauth2(c) + http_client_uses_bearer(c) >
		1)
		return err_set(err, -EINVAL,
			"at most one of basic_auth, authorization, oauth2 and bearer_token may be "
			"set");
	if (c->authorization.present && c->authorization.type &&
		strcasecmp(c->authorization.type, "basic") == 0)
		return err_set(err, -EINVAL,
			"authorization.type must not be 'basic': use basic_auth instead");
	if (http_client_uses_oauth2(c) && !given(c->oauth2.client_id))
		return err_set(err, -EINVAL, "oauth2.client_id is missing");
	if (http_client_uses_oauth2(c) && !given(c->oauth2.token_url))
		return err_set(err, -EINVAL, "oauth2.token_url is missing");
	return 0;
}

int http_client_tls_version(const char *name)
{
	static const struct {
		const char *name;
		int version;
	} versions[] = {
		{ "TLS10", CURL_SSLVERSION_TLSv1_0 },
		{ "TLS11", CURL_SSLVERSION_TLSv1_1 },
		{ "TLS12", CURL_SSLVERSION_TLSv1_2 },
		{ "TLS13", CURL_SSLVERSION_TLSv1_3 },
	};

	if (!given(name))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		if (str_eq(name, versions[i].name))
			return versions[i].version;
	}
	return -EINVAL;
}

static int check_tls(const struct http_client_tls *tls, struct err *err)
{
	int r = one_of(tls->ca, tls->ca_file, "tls_config.ca", err);

	if (r >= 0)
		r = one_of(tls->cert, tls->cert_file, "tls_config.cert", err);
	if (r >= 0)
		r = one_of(tls->key, tls->key_file, "tls_config.key", err);
	if (r < 0)
		return r;
	if ((given(tls->cert) || given(tls->cert_file)) !=
		(given(tls->key) || given(tls->key_file)))
		return err_set(err, -EINVAL, "tls_config needs both a cert and a key, or neither");
	if (http_client_tls_version(tls->min_version) < 0)
		return err_set(err, -EINVAL,
			"tls_config.min_version must be TLS10, TLS11, TLS12 or TLS13, not '%s'",
			tls->min_version);
	if (http_client_tls_version(tls->max_version) < 0)
		return err_set(err, -EINVAL,
			"tls_config.max_version must be TLS10, TLS11, TLS12 or TLS13, not '%s'",
			tls->max_version);
	return 0;
}

static int check_proxy(const struct http_client_proxy *proxy, struct err *err)
{
	if (proxy->from_environment && (given(proxy->url) || given(proxy->no_proxy)))
		return err_set(
			err, -EINVAL, "proxy_from_environment excludes proxy_url and no_proxy");
	if (given(proxy->no_proxy) && !given(proxy->url))
		return err_set(err, -EINVAL, "no_proxy needs a proxy_url");
	if (proxy->connect_header.n && !given(proxy->url) && !proxy->from_environment)
		return err_set(err, -EINVAL,
			"proxy_connect_header needs a proxy_url or proxy_from_environment");
	return 0;
}

static bool is_token(const char *name)
{
	for (const char *p = name; *p; p++) {
		if (*p <= ' ' || *p == 0x7f || strchr("()<>@,;:\\\"/[]?={}", *p))
			return false;
	}
	return *name;
}

static bool is_reserved(const char *name)
{
	static const char *const reserved[] = { "Authorization", "Host", "Content-Encoding",
		"Content-Length", "Content-Type", "User-Agent", "Connection", "Keep-Alive",
		"Proxy-Authenticate", "Proxy-Authorization", "WWW-Authenticate", "Accept-Encoding",
		"TE", "Trailer", "Transfer-Encoding", "Upgrade" };

	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		if (strcasecmp(name, reserved[i]) == 0)
			return true;
	}
	return strncasecmp(name, "X-Prometheus-", 13) == 0 || strncasecmp(name, "X-Amz-", 6) == 0;
}

static int check_headers(const struct http_client_config *c, struct err *err)
{
	const struct http_client_header *headers = c->http_headers.v;

	for (size_t i = 0; i < c->http_headers.n; i++) {
		const char *name = c->http_headers.names[i];

		if (!is_token(name))
			return err_set(err, -EINVAL, "http_headers: '%s' is no header name", name);
		if (is_reserved(name))
			return err_set(err, -EINVAL,
				"http_headers: '%s' is set by the client itself", name);
		for (size_t k = 0; k < headers[i].values.n; k++) {
			if (strpbrk(headers[i].values.v[k], "\r\n"))
				return err_set(err, -EINVAL,
					"http_headers: a value of '%s' has a line break", name);
		}
		for (size_t k = 0; k < headers[i].secrets.n; k++) {
			if (strpbrk(headers[i].secrets.v[k], "\r\n"))
				return err_set(err, -EINVAL,
					"http_headers: a secret of '%s' has a line break", name);
		}
	}
	return 0;
}

int http_client_config_check(const struct http_client_config *config, struct err *err)
{
	int r = check_pairs(config, err);

	if (r >= 0)
		r = check_auth(config, err);
	if (r >= 0)
		r = check_tls(&config->tls, err);
	if (r >= 0)
		r = check_tls(&config->oauth2.tls, err);
	if (r >= 0)
		r = check_proxy(&config->proxy, err);
	if (r >= 0)
		r = check_proxy(&config->oauth2.proxy, err);
	if (r >= 0)
		r = check_headers(config, err);
	return r;
}
