// SPDX-License-Identifier: Apache-2.0
#include "net/http_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/file.h"
#include "basic/str.h"
#include "net/http_tls_names.h"

enum { SAN_MAX_BYTES = 1024 };

struct http_tls {
	atomic_uint refs;
	struct arena arena; /* of allowed_sans */
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priorities;
	enum http_tls_client_auth client_auth;
	struct strings allowed_sans;
};

DEFINE_CLEANUP(struct http_tls *, http_tls_unref);

struct http_tls *http_tls_ref(struct http_tls *tls)
{
	if (tls)
		atomic_fetch_add(&tls->refs, 1);
	return tls;
}

void http_tls_unref(struct http_tls *tls)
{
	if (!tls || atomic_fetch_sub(&tls->refs, 1) > 1)
		return;
	if (tls->priorities)
		gnutls_priority_deinit(tls->priorities);
	if (tls->credentials)
		gnutls_certificate_free_credentials(tls->credentials);
	arena_done(&tls->arena);
	free(tls);
}

/* Whether an alternative name of the certificate equals text. */
static bool san_equals(unsigned type, const char *san, size_t len, const char *text)
{
	char address[INET6_ADDRSTRLEN] = "";

	switch (type) {
	case GNUTLS_SAN_DNSNAME:
	case GNUTLS_SAN_RFC822NAME:
	case GNUTLS_SAN_URI:
		return len == strlen(text) && memcmp(san, text, len) == 0;
	case GNUTLS_SAN_IPADDRESS:
		if (len == 4)
			inet_ntop(AF_INET, san, address, sizeof(address));
		else if (len == 16)
			inet_ntop(AF_INET6, san, address, sizeof(address));
		return *address && str_eq(address, text);
	default:
		return false;
	}
}

static bool has_allowed_san(const struct http_tls *tls, gnutls_x509_crt_t leaf)
{
	char san[SAN_MAX_BYTES];

	for (unsigned i = 0;; i++) {
		size_t len = sizeof(san);
		int type = gnutls_x509_crt_get_subject_alt_name(leaf, i, san, &len, NULL);

		if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
			continue;
		if (type < 0)
			return false;
		for (size_t k = 0; k < tls->allowed_sans.n; k++) {
			if (san_equals((unsigned)type, san, len, tls->allowed_sans.v[k]))
				return true;
		}
	}
}

static bool leaf_is_allowed(const struct http_tls *tls, const gnutls_datum_t *der)
{
	gnutls_x509_crt_t leaf;
	bool allowed;

	if (gnutls_x509_crt_init(&leaf) < 0)
		return false;
	allowed = gnutls_x509_crt_import(leaf, der, GNUTLS_X509_FMT_DER) >= 0 &&
		has_allowed_san(tls, leaf);
	gnutls_x509_crt_deinit(leaf);
	return allowed;
}

/* Called in the handshake, also when the client sent no certificate and need not send one. */
static int verify_client(gnutls_session_t session)
{
	const struct http_tls *tls = gnutls_db_get_ptr(session);
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	const gnutls_datum_t *chain;
	unsigned n = 0, status = 0;

	chain = gnutls_certificate_get_peers(session, &n);
	if (!chain || !n)
		return 0; /* a required one is insisted on by the library */
	if (tls->client_auth == HTTP_TLS_VERIFY_IF_GIVEN ||
		tls->client_auth == HTTP_TLS_REQUIRE_AND_VERIFY) {
		if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0 || status)
			return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
	}
	if (tls->allowed_sans.n && !leaf_is_allowed(tls, &chain[0]))
		return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
	return 0;
}

/* The file's content if a file is named, else a copy of the text. Wipes itself. */
static int load(const char *directory, const char *text, const char *file, const char *what,
	struct buffer *ret_data, struct err *err)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	int r;

	buffer_init(ret_data, 0);
	if (!file || !*file) {
		buffer_puts(ret_data, text ? text : "");
		return buffer_error(ret_data) ? err_errno(err, -ENOMEM, "TLS %s", what) : 0;
	}
	if (*file != '/')
		buffer_printf(&path, "%s/", directory);
	buffer_puts(&path, file);
	r = buffer_error(&path);
	if (r >= 0)
		r = file_read(AT_FDCWD, buffer_text(&path), HTTP_TLS_FILE_MAX_BYTES, ret_data);
	return r < 0 ? err_errno(err, r, "reading the TLS %s '%s'", what, buffer_text(&path)) : 0;
}

static void wipe(struct buffer *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buffer_done(buf);
}

static gnutls_datum_t datum(const struct buffer *buf)
{
	return (gnutls_datum_t){ (unsigned char *)buffer_text(buf), (unsigned)buf->len };
}

static const char *name_of(const char *file)
{
	return file && *file ? file : "given inline";
}

static int load_pair(struct http_tls *tls, const struct web_tls_config *c, const char *directory,
	struct err *err)
{
	CLEANUP(buffer_done) struct buffer cert = { 0 };
	CLEANUP(wipe) struct buffer key = { 0 };
	gnutls_datum_t cert_datum, key_datum;
	int r = load(directory, c->cert, c->cert_file, "certificate", &cert, err);

	if (r >= 0)
		r = load(directory, c->key, c->key_file, "key", &key, err);
	if (r < 0)
		return r;
	cert_datum = datum(&cert);
	key_datum = datum(&key);
	r = gnutls_certificate_set_x509_key_mem2(
		tls->credentials, &cert_datum, &key_datum, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (r < 0)
		return err_set(err, -EBADMSG, "TLS certificate '%s' and key '%s': %s",
			name_of(c->cert_file), name_of(c->key_file), gnutls_strerror(r));
	return 0;
}

static int load_authorities(struct http_tls *tls, const struct web_tls_config *c,
	const char *directory, struct err *err)
{
	CLEANUP(buffer_done) struct buffer ca = { 0 };
	gnutls_datum_t ca_datum;
	int r;

	if (!(c->client_ca && *c->client_ca) && !(c->client_ca_file && *c->client_ca_file))
		return 0;
	r = load(directory, c->client_ca, c->client_ca_file, "client authority", &ca, err);
	if (r < 0)
		return r;
	ca_datum = datum(&ca);
	r = gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca_datum, GNUTLS_X509_FMT_PEM);
	if (r <= 0)
		return err_set(err, -EBADMSG, "TLS client authority '%s': %s",
			name_of(c->client_ca_file),
			r ? gnutls_strerror(r) : "no certificate in it");
	return 0;
}

static int set_priorities(struct http_tls *tls, const struct web_tls_config *c, struct err *err)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int r = http_tls_priorities(c, &text, err);

	if (r < 0)
		return r;
	r = gnutls_priority_init(&tls->priorities, buffer_text(&text), NULL);
	if (r < 0)
		return err_set(err, -EINVAL,
			"tls_server_config: versions, suites and curves leave "
			"nothing to agree on (%s)",
			gnutls_strerror(r));
	return 0;
}

static int copy_sans(struct http_tls *tls, const struct strings *sans)
{
	const char **v = ARENA_ARRAY(&tls->arena, const char *, sans->n);

	for (size_t i = 0; v && i < sans->n; i++) {
		v[i] = arena_strdup(&tls->arena, sans->v[i]);
		if (!v[i])
			return -ENOMEM;
	}
	if (!v)
		return -ENOMEM;
	tls->allowed_sans = (struct strings){ v, sans->n };
	return 0;
}

int http_tls_new(const struct web_tls_config *config, const char *directory,
	struct http_tls **ret_tls, struct err *err)
{
	CLEANUP(http_tls_unrefp) struct http_tls *tls = calloc(1, sizeof(*tls));
	int r;

	if (!tls)
		return err_errno(err, -ENOMEM, "TLS");
	atomic_store(&tls->refs, 1);
	arena_init(&tls->arena, WEB_CONFIG_MAX_BYTES * 4);
	r = http_tls_client_auth(config->client_auth_type, &tls->client_auth);
	if (r < 0)
		return err_set(err, r, "tls_server_config: bad client_auth_type");
	if (copy_sans(tls, &config->client_allowed_sans) < 0 ||
		gnutls_certificate_allocate_credentials(&tls->credentials) < 0)
		return err_errno(err, -ENOMEM, "TLS");
	gnutls_certificate_set_verify_function(tls->credentials, verify_client);
	r = load_pair(tls, config, directory, err);
	if (r >= 0)
		r = load_authorities(tls, config, directory, err);
	if (r >= 0)
		r = set_priorities(tls, config, err);
	if (r < 0)
		return r;
	*ret_tls = TAKE(tls);
	return 0;
}

int http_tls_attach(struct http_tls *tls, gnutls_session_t session)
{
	static const gnutls_certificate_request_t requests[] = {
		[HTTP_TLS_NO_CLIENT_CERT] = GNUTLS_CERT_IGNORE,
		[HTTP_TLS_REQUEST] = GNUTLS_CERT_REQUEST,
		[HTTP_TLS_REQUIRE_ANY] = GNUTLS_CERT_REQUIRE,
		[HTTP_TLS_VERIFY_IF_GIVEN] = GNUTLS_CERT_REQUEST,
		[HTTP_TLS_REQUIRE_AND_VERIFY] = GNUTLS_CERT_REQUIRE,
	};

	if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0 ||
		gnutls_priority_set(session, tls->priorities) < 0)
		return -ENOMEM;
	/* The session's own pointer belongs to the HTTP library; sessions are not stored here. */
	gnutls_db_set_ptr(session, tls);
	gnutls_certificate_server_set_request(session, requests[tls->client_auth]);
	return 0;
}

bool http_tls_authenticates(const struct http_tls *tls)
{
	return tls->client_auth == HTTP_TLS_REQUIRE_AND_VERIFY;
}

bool http_tls_client_name(
	const struct http_tls *tls, gnutls_session_t session, char *ret_name, size_t cap)
{
	const gnutls_datum_t *chain;
	gnutls_x509_crt_t leaf;
	size_t len = cap;
	unsigned n = 0;

	/* verify_client() looked at it: the handshake would have failed. */
	if (tls->client_auth != HTTP_TLS_VERIFY_IF_GIVEN &&
		tls->client_auth != HTTP_TLS_REQUIRE_AND_VERIFY)
		return false;
	chain = gnutls_certificate_get_peers(session, &n);
	if (!chain || !n || gnutls_x509_crt_init(&leaf) < 0)
		return false;
	if (gnutls_x509_crt_import(leaf, &chain[0], GNUTLS_X509_FMT_DER) < 0 ||
		gnutls_x509_crt_get_dn_by_oid(
			leaf, GNUTLS_OID_X520_COMMON_NAME, 0, 0, ret_name, &len) < 0)
		*ret_name = '\0';
	gnutls_x509_crt_deinit(leaf);
	return true;
}

bool http_tls_peer_is_verified(const struct http_tls *tls, gnutls_session_t session)
{
	unsigned n = 0;

	return (tls->client_auth == HTTP_TLS_VERIFY_IF_GIVEN ||
		       tls->client_auth == HTTP_TLS_REQUIRE_AND_VERIFY) &&
		gnutls_certificate_get_peers(session, &n) && n;
}
