// SPDX-License-Identifier: Apache-2.0
#include "net/web_config_file.h"

#include <errno.h>

#include "basic/str.h"
#include "net/http_tls_names.h"

#define TLS_KEY(name_, type_, ...)                                                               \
	{                                                                                        \
		.name = #name_, .type = type_, .offset = offsetof(struct web_tls_config, name_), \
		__VA_ARGS__                                                                      \
	}

static const struct config_key tls_keys[] = {
	TLS_KEY(cert, CONFIG_STRING, .help = "Certificate chain, PEM."),
	TLS_KEY(cert_file, CONFIG_STRING, .help = "File with it."),
	TLS_KEY(key, CONFIG_STRING, .help = "Key of the certificate, PEM.", .flags = CONFIG_SECRET),
	TLS_KEY(key_file, CONFIG_STRING, .help = "File with it."),
	TLS_KEY(client_ca, CONFIG_STRING, .help = "Authorities for client certificates, PEM."),
	TLS_KEY(client_ca_file, CONFIG_STRING, .help = "File with them."),
	TLS_KEY(client_auth_type, CONFIG_STRING,
		.help = "NoClientCert, RequestClientCert, RequireAnyClientCert, "
			"VerifyClientCertIfGiven or RequireAndVerifyClientCert."),
	TLS_KEY(client_allowed_sans, CONFIG_STRINGS,
		.help = "A client certificate needs one of these alternative names."),
	TLS_KEY(min_version, CONFIG_STRING, .fallback = "TLS12", .help = "TLS10 .. TLS13."),
	TLS_KEY(max_version, CONFIG_STRING, .fallback = "TLS13", .help = "TLS10 .. TLS13."),
	TLS_KEY(cipher_suites, CONFIG_STRINGS, .help = "Suites up to TLS 1.2, by IANA name."),
	TLS_KEY(prefer_server_cipher_suites, CONFIG_BOOL, .fallback = "true",
		.help = "The server's order of suites counts."),
	TLS_KEY(curve_preferences, CONFIG_STRINGS,
		.help = "CurveP256, CurveP384, CurveP521, X25519."),
};
static const struct config_table tls_table = {
	.size = sizeof(struct web_tls_config),
	.keys = tls_keys,
	.n_keys = ARRAY_SIZE(tls_keys),
	.closed = true,
};

#define HTTP_OFFSET(field) \
	(offsetof(struct web_config, http.field) - offsetof(struct web_config, http))

static const struct config_key http_keys[] = {
	{ .name = "http2",
		.type = CONFIG_BOOL,
		.offset = HTTP_OFFSET(http2),
		.fallback = "true",
		.help = "Accepted; HTTP/1.1 is spoken in any case." },
	{ .name = "headers",
		.type = CONFIG_STRING_MAP,
		.offset = HTTP_OFFSET(headers),
		.help = "Headers of every answer." },
};
static const struct config_table http_table = {
	.size = sizeof(((struct web_config *)0)->http),
	.keys = http_keys,
	.n_keys = ARRAY_SIZE(http_keys),
	.closed = true,
};

static int check(void *value, struct err *err);

static const struct config_key keys[] = {
	{ .name = "tls_server_config",
		.type = CONFIG_SECTION,
		.offset = offsetof(struct web_config, tls),
		.table = &tls_table,
		.help = "TLS; on if a certificate, key or client authority is set." },
	{ .name = "http_server_config",
		.type = CONFIG_SECTION,
		.offset = offsetof(struct web_config, http),
		.table = &http_table,
		.help = "HTTP." },
	{ .name = "basic_auth_users",
		.type = CONFIG_STRING_MAP,
		.offset = offsetof(struct web_config, users),
		.help = "Names with bcrypt hashes of their passwords; none: no authentication.",
		.flags = CONFIG_SECRET },
};
const struct config_table web_config_table = {
	.size = sizeof(struct web_config),
	.keys = keys,
	.n_keys = ARRAY_SIZE(keys),
	.closed = true,
	.check = check,
};

static bool given(const char *text)
{
	return text && *text;
}

bool web_config_has_tls(const struct web_config *config)
{
	const struct web_tls_config *tls = &config->tls;

	return given(tls->cert) || given(tls->cert_file) || given(tls->key) ||
		given(tls->key_file) || given(tls->client_ca) || given(tls->client_ca_file) ||
		given(tls->client_auth_type);
}

bool web_config_has_idle_tls_keys(const struct web_config *config)
{
	const struct web_tls_config *tls = &config->tls;

	return !web_config_has_tls(config) &&
		(tls->cipher_suites.n || tls->curve_preferences.n || tls->client_allowed_sans.n ||
			!str_eq(tls->min_version, "TLS12") || !str_eq(tls->max_version, "TLS13"));
}

static bool is_base64_of_bcrypt(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '.' || c == '/';
}

static int bcrypt_cost(const char *hash)
{
	uint64_t cost;

	if (strlen(hash) != WEB_CONFIG_BCRYPT_LEN || hash[0] != '$' || hash[1] != '2' ||
		!strchr("aby", hash[2]) || hash[3] != '$' || hash[6] != '$' ||
		slice_to_u64((struct slice){ hash + 4, 2 }, &cost) < 0)
		return -EBADMSG;
	for (const char *p = hash + 7; *p; p++) {
		if (!is_base64_of_bcrypt(*p))
			return -EBADMSG;
	}
	return (int)cost;
}

bool web_config_is_bcrypt(const char *hash)
{
	int cost = bcrypt_cost(hash);

	return cost >= 4 && cost <= WEB_CONFIG_BCRYPT_COST_MAX;
}

static int check_users(const struct config_map *users, struct err *err)
{
	for (size_t i = 0; i < users->n; i++) {
		int cost = bcrypt_cost(users->values[i]);

		if (cost > WEB_CONFIG_BCRYPT_COST_MAX && cost <= 31)
			return err_set(err, -EINVAL,
				"basic_auth_users: the hash of '%s' has cost %d; more than %d would "
				"make each login take too long",
				users->names[i], cost, WEB_CONFIG_BCRYPT_COST_MAX);
		if (!web_config_is_bcrypt(users->values[i]))
			return err_set(err, -EINVAL,
				"basic_auth_users: the value of '%s' is no bcrypt hash ($2b$...)",
				users->names[i]);
		if (strchr(users->names[i], ':'))
			return err_set(err, -EINVAL,
				"basic_auth_users: the name '%s' has a colon, which no client can "
				"send",
				users->names[i]);
	}
	return 0;
}

static int check_headers(const struct config_map *headers, struct err *err)
{
	/* A second and third column list the only values that make sense. */
	static const char *const allowed[][3] = {
		{ "Content-Security-Policy", NULL, NULL },
		{ "Strict-Transport-Security", NULL, NULL },
		{ "X-Content-Type-Options", "nosniff", NULL },
		{ "X-Frame-Options", "deny", "sameorigin" },
		{ "X-XSS-Protection", NULL, NULL },
	};

	for (size_t i = 0; i < headers->n; i++) {
		const char *name = headers->names[i], *value = headers->values[i];
		size_t k = 0;

		while (k < ARRAY_SIZE(allowed) && !str_eq(name, allowed[k][0]))
			k++;
		if (k == ARRAY_SIZE(allowed))
			return err_set(err, -EINVAL,
				"http_server_config.headers: '%s' can't be set here", name);
		if (strpbrk(value, "\r\n"))
			return err_set(err, -EINVAL,
				"http_server_config.headers: '%s' has a line break", name);
		if (allowed[k][1] && !str_eq(value, allowed[k][1]) &&
			!(allowed[k][2] && str_eq(value, allowed[k][2])))
			return err_set(err, -EINVAL,
				"http_server_config.headers: '%s' must be %s%s%s, not '%s'", name,
				allowed[k][1], allowed[k][2] ? " or " : "",
				allowed[k][2] ? allowed[k][2] : "", value);
	}
	return 0;
}

static int check_tls(const struct web_config *config, struct err *err)
{
	const struct web_tls_config *tls = &config->tls;
	int r = http_tls_check_names(tls, err);

	if (r < 0 || !web_config_has_tls(config))
		return r;
	if (!given(tls->cert) && !given(tls->cert_file))
		return err_set(err, -EINVAL,
			"tls_server_config: TLS needs a certificate (cert or cert_file)");
	if (!given(tls->key) && !given(tls->key_file))
		return err_set(
			err, -EINVAL, "tls_server_config: TLS needs a key (key or key_file)");
	if ((given(tls->client_ca) || given(tls->client_ca_file)) &&
		(!given(tls->client_auth_type) || str_eq(tls->client_auth_type, "NoClientCert")))
		return err_set(err, -EINVAL,
			"tls_server_config: a client_ca needs a client_auth_type that asks for "
			"certificates");
	return 0;
}

static int check(void *value, struct err *err)
{
	const struct web_config *config = value;
	int r = check_tls(config, err);

	if (r >= 0)
		r = check_headers(&config->http.headers, err);
	if (r >= 0)
		r = check_users(&config->users, err);
	return r;
}

int web_config_parse(const char *text, size_t len, const char *name, struct arena *arena,
	struct web_config *ret_config, struct err *err)
{
	const struct config_node *root;
	int r = config_parse(text, len, name, arena, &root, err);

	if (r < 0)
		return r;
	return config_decode(root, name, &web_config_table, ret_config, arena, err);
}
