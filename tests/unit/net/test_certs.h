// SPDX-License-Identifier: Apache-2.0
/* Certificates made on the spot: an authority and what it signs, ECDSA P-256, PEM. */
#ifndef CEEMS_TESTS_TEST_CERTS_H
#define CEEMS_TESTS_TEST_CERTS_H

#include <arpa/inet.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#include "basic/file.h"

struct test_cert {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

static inline void test_cert_done(struct test_cert *cert)
{
	gnutls_x509_crt_deinit(cert->crt);
	gnutls_x509_privkey_deinit(cert->key);
}

/* issuer NULL: self-signed authority. san: a DNS name, or an IPv4 address, or NULL. */
static inline void test_cert_make(struct test_cert *cert, const struct test_cert *issuer,
	const char *name, const char *san, const char *purpose)
{
	static unsigned char serial = 1;
	struct in_addr address;

	serial++;
	assert_int_equal(gnutls_x509_privkey_init(&cert->key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(cert->key, GNUTLS_PK_ECDSA,
				 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
		0);
	assert_int_equal(gnutls_x509_crt_init(&cert->crt), 0);
	gnutls_x509_crt_set_version(cert->crt, 3);
	gnutls_x509_crt_set_serial(cert->crt, &serial, 1);
	gnutls_x509_crt_set_activation_time(cert->crt, time(NULL) - 3600);
	gnutls_x509_crt_set_expiration_time(cert->crt, time(NULL) + 3600);
	gnutls_x509_crt_set_key(cert->crt, cert->key);
	gnutls_x509_crt_set_dn_by_oid(
		cert->crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name));
	if (!issuer) {
		gnutls_x509_crt_set_basic_constraints(cert->crt, 1, -1);
		gnutls_x509_crt_set_key_usage(cert->crt, GNUTLS_KEY_KEY_CERT_SIGN);
	} else if (purpose) {
		gnutls_x509_crt_set_key_purpose_oid(cert->crt, purpose, 0);
	}
	if (san && inet_pton(AF_INET, san, &address) == 1)
		gnutls_x509_crt_set_subject_alt_name(
			cert->crt, GNUTLS_SAN_IPADDRESS, &address, 4, GNUTLS_FSAN_APPEND);
	else if (san)
		gnutls_x509_crt_set_subject_alt_name(cert->crt, GNUTLS_SAN_DNSNAME, san,
			(unsigned)strlen(san), GNUTLS_FSAN_APPEND);
	assert_int_equal(gnutls_x509_crt_sign2(cert->crt, issuer ? issuer->crt : cert->crt,
				 issuer ? issuer->key : cert->key, GNUTLS_DIG_SHA256, 0),
		0);
}

/* Writes dir/NAME.pem and dir/NAME.key. */
static inline void test_cert_write(const struct test_cert *cert, const char *dir, const char *name)
{
	gnutls_datum_t pem;
	char path[256];

	assert_int_equal(gnutls_x509_crt_export2(cert->crt, GNUTLS_X509_FMT_PEM, &pem), 0);
	snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
	assert_int_equal(file_replace(path, 0644, pem.data, pem.size, NULL), 0);
	gnutls_free(pem.data);
	assert_int_equal(gnutls_x509_privkey_export2(cert->key, GNUTLS_X509_FMT_PEM, &pem), 0);
	snprintf(path, sizeof(path), "%s/%s.key", dir, name);
	assert_int_equal(file_replace(path, 0600, pem.data, pem.size, NULL), 0);
	gnutls_free(pem.data);
}

#endif
