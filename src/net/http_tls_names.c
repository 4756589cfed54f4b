// SPDX-License-Identifier: Apache-2.0
#include "net/http_tls_names.h"

#include <errno.h>

#include "basic/str.h"

static const struct {
	const char *name, *gnutls;
} versions[] = {
	{ "TLS10", "VERS-TLS1.0" },
	{ "TLS11", "VERS-TLS1.1" },
	{ "TLS12", "VERS-TLS1.2" },
	{ "TLS13", "VERS-TLS1.3" },
};
enum { TLS13 = ARRAY_SIZE(versions) - 1 };

static const struct {
	const char *name, *gnutls;
} curves[] = {
	{ "CurveP256", "GROUP-SECP256R1" },
	{ "CurveP384", "GROUP-SECP384R1" },
	{ "CurveP521", "GROUP-SECP521R1" },
	{ "X25519", "GROUP-X25519" },
};

/* kx NULL: a suite of TLS 1.3. */
static const struct suite {
	const char *name, *kx, *cipher, *mac;
} suites[] = {
	{ "TLS_AES_128_GCM_SHA256", NULL, "AES-128-GCM", "AEAD" },
	{ "TLS_AES_256_GCM_SHA384", NULL, "AES-256-GCM", "AEAD" },
	{ "TLS_CHACHA20_POLY1305_SHA256", NULL, "CHACHA20-POLY1305", "AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA", "AES-128-CBC", "SHA1" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA", "AES-128-GCM", "AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA", "AES-256-CBC", "SHA1" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA", "AES-256-GCM", "AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA", "CHACHA20-POLY1305",
		"AEAD" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA", "AES-128-CBC", "SHA1" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA", "AES-128-GCM", "AEAD" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA", "AES-256-CBC", "SHA1" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA", "AES-256-GCM", "AEAD" },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA", "CHACHA20-POLY1305", "AEAD" },
};

static int find_version(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		if (str_eq(name, versions[i].name))
			return (int)i;
	}
	return -EINVAL;
}

static const struct suite *find_suite(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		if (str_eq(name, suites[i].name))
			return &suites[i];
	}
	return NULL;
}

static const char *find_curve(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(curves); i++) {
		if (str_eq(name, curves[i].name))
			return curves[i].gnutls;
	}
	return NULL;
}

int http_tls_client_auth(const char *name, enum http_tls_client_auth *ret_auth)
{
	static const struct {
		const char *name;
		enum http_tls_client_auth auth;
	} types[] = {
		{ "", HTTP_TLS_NO_CLIENT_CERT },
		{ "NoClientCert", HTTP_TLS_NO_CLIENT_CERT },
		{ "RequestClientCert", HTTP_TLS_REQUEST },
		{ "RequireAnyClientCert", HTTP_TLS_REQUIRE_ANY },
		{ "RequireClientCert", HTTP_TLS_REQUIRE_ANY },
		{ "VerifyClientCertIfGiven", HTTP_TLS_VERIFY_IF_GIVEN },
		{ "RequireAndVerifyClientCert", HTTP_TLS_REQUIRE_AND_VERIFY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (str_eq(name ? name : "", types[i].name)) {
			*ret_auth = types[i].auth;
			return 0;
		}
	}
	return -EINVAL;
}

static int check_versions(const struct web_tls_config *c, struct err *err)
{
	int min = find_version(c->min_version), max = find_version(c->max_version);

	if (min < 0 || max < 0)
		return err_set(err, -EINVAL,
			"tls_server_config: '%s' is no TLS version (TLS10, TLS11, TLS12, TLS13)",
			min < 0 ? c->min_version : c->max_version);
	if (min > max)
		return err_set(err, -EINVAL,
			"tls_server_config: min_version %s is above max_version %s", c->min_version,
			c->max_version);
	return 0;
}

int http_tls_check_names(const struct web_tls_config *c, struct err *err)
{
	enum http_tls_client_auth auth;
	int r = check_versions(c, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < c->cipher_suites.n; i++) {
		if (!find_suite(c->cipher_suites.v[i]))
			return err_set(err, -EINVAL, "tls_server_config: unknown cipher suite '%s'",
				c->cipher_suites.v[i]);
	}
	for (size_t i = 0; i < c->curve_preferences.n; i++) {
		if (!find_curve(c->curve_preferences.v[i]))
			return err_set(err, -EINVAL, "tls_server_config: unknown curve '%s'",
				c->curve_preferences.v[i]);
	}
	if (http_tls_client_auth(c->client_auth_type, &auth) < 0)
		return err_set(err, -EINVAL, "tls_server_config: unknown client_auth_type '%s'",
			c->client_auth_type);
	return 0;
}

static void add_suites(const struct web_tls_config *c, struct buffer *text)
{
	buffer_puts(text, ":-KX-ALL:-CIPHER-ALL:-MAC-ALL");
	/* Naming a part twice does no harm. */
	for (size_t i = 0; i < c->cipher_suites.n; i++) {
		const struct suite *s = find_suite(c->cipher_suites.v[i]);

		if (s->kx)
			buffer_printf(text, ":+%s", s->kx);
		buffer_printf(text, ":+%s:+%s", s->cipher, s->mac);
	}
}

int http_tls_priorities(const struct web_tls_config *c, struct buffer *ret_text, struct err *err)
{
	int min = find_version(c->min_version), max = find_version(c->max_version);
	/* Suites are about TLS 1.2 and below. */
	bool listed = c->cipher_suites.n && min < TLS13, old = !listed, aead = !listed;

	for (size_t i = 0; i < c->cipher_suites.n; i++) {
		const struct suite *s = find_suite(c->cipher_suites.v[i]);

		old |= s->kx != NULL;
		aead |= str_eq(s->mac, "AEAD");
	}
	buffer_puts(ret_text, "NORMAL:-RSA:-VERS-ALL");
	for (int v = max; v >= min; v--) {
		if (v == TLS13 ? aead : old)
			buffer_printf(ret_text, ":+%s", versions[v].gnutls);
	}
	if (listed)
		add_suites(c, ret_text);
	if (c->prefer_server_cipher_suites)
		buffer_puts(ret_text, ":%SERVER_PRECEDENCE");
	if (c->curve_preferences.n)
		buffer_puts(ret_text, ":-GROUP-ALL");
	for (size_t i = 0; i < c->curve_preferences.n; i++)
		buffer_printf(ret_text, ":+%s", find_curve(c->curve_preferences.v[i]));
	if (buffer_error(ret_text))
		return err_errno(err, buffer_error(ret_text), "TLS");
	return 0;
}
