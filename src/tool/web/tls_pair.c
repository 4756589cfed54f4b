// SPDX-License-Identifier: Apache-2.0
#include "tool/web/tls_pair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#include "basic/macros.h"

#define ORGANIZATION "Acme Co"

enum { SERIAL_BYTES = 16 }; /* RFC 5280 section 4.1.2.2 allows up to 20 */

DEFINE_CLEANUP(gnutls_x509_crt_t, gnutls_x509_crt_deinit);
DEFINE_CLEANUP(gnutls_x509_privkey_t, gnutls_x509_privkey_deinit);

static int add_host(gnutls_x509_crt_t crt, const char *host)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, host, address) == 1)
		return gnutls_x509_crt_set_subject_alt_name(
			crt, GNUTLS_SAN_IPADDRESS, address, 4, GNUTLS_FSAN_APPEND);
	if (inet_pton(AF_INET6, host, address) == 1)
		return gnutls_x509_crt_set_subject_alt_name(
			crt, GNUTLS_SAN_IPADDRESS, address, 16, GNUTLS_FSAN_APPEND);
	return gnutls_x509_crt_set_subject_alt_name(
		crt, GNUTLS_SAN_DNSNAME, host, (unsigned)strlen(host), GNUTLS_FSAN_APPEND);
}

static int set_serial(gnutls_x509_crt_t crt)
{
	unsigned char serial[SERIAL_BYTES];
	int r;

	r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
	if (r < 0)
		return r;
	serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and of full length */
	return gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
}

static int set_key_id(gnutls_x509_crt_t crt)
{
	unsigned char id[64];
	size_t len = sizeof(id);
	int r;

	r = gnutls_x509_crt_get_key_id(crt, 0, id, &len);
	if (r < 0)
		return r;
	return gnutls_x509_crt_set_subject_key_id(crt, id, len);
}

static int fill(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const struct strings *hosts,
	int64_t now_s, int64_t validity_s)
{
	int r;

	r = gnutls_x509_crt_set_version(crt, 3);
	if (r >= 0)
		r = set_serial(crt);
	if (r >= 0)
		r = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0,
			ORGANIZATION, sizeof(ORGANIZATION) - 1);
	if (r >= 0)
		r = gnutls_x509_crt_set_activation_time(crt, (time_t)now_s);
	if (r >= 0)
		r = gnutls_x509_crt_set_expiration_time(crt, (time_t)(now_s + validity_s));
	if (r >= 0)
		r = gnutls_x509_crt_set_key_usage(
			crt, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_CERT_SIGN);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	if (r >= 0)
		r = gnutls_x509_crt_set_basic_constraints(crt, 1, -1);
	for (size_t i = 0; r >= 0 && i < hosts->n; i++)
		r = add_host(crt, hosts->v[i]);
	if (r >= 0)
		r = gnutls_x509_crt_set_key(crt, key);
	if (r >= 0)
		r = set_key_id(crt);
	if (r >= 0)
		r = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
	return r;
}

static void take_pem(gnutls_datum_t *pem, struct buffer *out)
{
	buffer_append(out, pem->data, pem->size);
	explicit_bzero(pem->data, pem->size);
	gnutls_free(pem->data);
}

int tls_pair_generate(const struct strings *hosts, int64_t now_s, int64_t validity_s,
	struct buffer *ret_cert_pem, struct buffer *ret_key_pem, struct err *err)
{
	CLEANUP(gnutls_x509_privkey_deinitp) gnutls_x509_privkey_t key = NULL;
	CLEANUP(gnutls_x509_crt_deinitp) gnutls_x509_crt_t crt = NULL;
	gnutls_datum_t pem = { 0 };
	int r;

	r = gnutls_x509_privkey_init(&key);
	if (r >= 0)
		r = gnutls_x509_privkey_generate2(key, GNUTLS_PK_ECDSA,
			GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0, NULL, 0);
	if (r >= 0)
		r = gnutls_x509_crt_init(&crt);
	if (r >= 0)
		r = fill(crt, key, hosts, now_s, validity_s);
	if (r >= 0)
		r = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	if (r >= 0) {
		take_pem(&pem, ret_cert_pem);
		r = gnutls_x509_privkey_export2_pkcs8(
			key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem);
	}
	if (r >= 0)
		take_pem(&pem, ret_key_pem);
	if (r < 0)
		return err_set(
			err, -EIO, "making a self-signed certificate: %s", gnutls_strerror(r));
	if (buffer_error(ret_cert_pem) || buffer_error(ret_key_pem))
		return err_errno(err, -ENOMEM, "making a self-signed certificate");
	return 0;
}
