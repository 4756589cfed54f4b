// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/file.h"
#include "tool/web/password.h"
#include "tool/web/web_config.h"

static char dir[64], config_dir[128];

static int setup(void **state)
{
	strcpy(dir, "/tmp/ceems-web-config.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(config_dir, sizeof(config_dir), "%s/deep/config", dir);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void read_into(const char *name, struct buffer *buf)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", config_dir, name);
	buffer_init(buf, 0);
	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, buf), 0);
}

static mode_t mode_of(const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", config_dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static int create(const struct web_config_options *options, char **ret_messages, struct err *err)
{
	size_t len;
	FILE *messages = open_memstream(ret_messages, &len);
	int r = web_config_create(options, 1700000000, messages, err);

	fclose(messages);
	return r;
}

static void a_shown_password_matches_the_stored_hash(void **state)
{
	struct web_config_options o = { .basic_auth = true, .output_dir = config_dir };
	struct crypt_data data = { 0 };
	char *messages = NULL, *line, *hash;
	char password[PASSWORD_LEN + 1];
	struct buffer text;
	struct err err = { 0 };

	assert_int_equal(create(&o, &messages, &err), 0);
	assert_int_equal(mode_of("."), 0700);
	assert_int_equal(mode_of("web-config.yml"), 0600);
	line = strchr(messages, '\n') + 1;
	assert_non_null(strstr(messages, "/deep/config/web-config.yml\n"));
	assert_int_equal(
		sscanf(line, "plain text password for basic auth is %24[a-zA-Z0-9]\n", password),
		1);
	assert_int_equal(strlen(password), PASSWORD_LEN);
	read_into("web-config.yml", &text);
	hash = strstr(text.data, "  ceems: ");
	assert_ptr_equal(strstr(text.data,
				 "tls_server_config:\n  cert_file: \"\"\n  key_file: \"\"\n"
				 "basic_auth_users:\n  ceems: $2b$10$"),
		text.data);
	hash += strlen("  ceems: ");
	hash[strcspn(hash, "\n")] = '\0';
	assert_string_equal(crypt_r(password, hash, &data), hash);
	buffer_done(&text);
	free(messages);
}

static void no_password_is_shown_when_there_is_none(void **state)
{
	struct web_config_options o = { .output_dir = config_dir };
	char *messages = NULL;
	struct buffer text;

	assert_int_equal(create(&o, &messages, NULL), 0);
	assert_null(strstr(messages, "password"));
	read_into("web-config.yml", &text);
	assert_string_equal(text.data,
		"tls_server_config:\n  cert_file: \"\"\n  key_file: \"\"\n"
		"basic_auth_users: {}\n");
	buffer_done(&text);
	free(messages);
}

static void a_second_run_says_that_it_replaced_the_file(void **state)
{
	struct web_config_options o = { .basic_auth = true, .output_dir = config_dir };
	char *first = NULL, *second = NULL;

	assert_int_equal(create(&o, &first, NULL), 0);
	assert_int_equal(create(&o, &second, NULL), 0);
	assert_null(strstr(first, "replaced"));
	assert_non_null(strstr(second, "replaced"));
	assert_string_not_equal(strstr(first, "password"), strstr(second, "password"));
	free(first);
	free(second);
}

static gnutls_x509_crt_t load_certificate(void)
{
	gnutls_x509_crt_t crt;
	struct buffer pem;

	read_into("cert.pem", &pem);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt,
				 &(gnutls_datum_t){ (unsigned char *)pem.data, (unsigned)pem.len },
				 GNUTLS_X509_FMT_PEM),
		0);
	buffer_done(&pem);
	return crt;
}

static void check_names(gnutls_x509_crt_t crt)
{
	unsigned char name[64];
	size_t len = sizeof(name);

	assert_int_equal(
		gnutls_x509_crt_get_subject_alt_name(crt, 0, name, &len, NULL), GNUTLS_SAN_DNSNAME);
	assert_memory_equal(name, "node.example.org", 16);
	len = sizeof(name);
	assert_int_equal(gnutls_x509_crt_get_subject_alt_name(crt, 1, name, &len, NULL),
		GNUTLS_SAN_IPADDRESS);
	assert_int_equal(len, 4);
	assert_memory_equal(name, "\x7f\x00\x00\x01", 4);
	len = sizeof(name);
	assert_int_equal(gnutls_x509_crt_get_subject_alt_name(crt, 2, name, &len, NULL),
		GNUTLS_SAN_IPADDRESS);
	assert_int_equal(len, 16);
}

static void tls_writes_a_self_signed_ecdsa_pair_for_the_hosts(void **state)
{
	const char *hosts[] = { "node.example.org", "127.0.0.1", "::1" };
	struct web_config_options o = { .tls = true,
		.tls_hosts = { hosts, 3 },
		.tls_validity_ns = 3600LL * 1000000000,
		.output_dir = config_dir };
	char *messages = NULL;
	unsigned usage, bits, ca, critical;
	unsigned char serial[32];
	size_t len = sizeof(serial);
	struct buffer text;
	gnutls_x509_crt_t crt;
	mode_t mask = umask(027);

	assert_int_equal(create(&o, &messages, NULL), 0);
	umask(mask);
	assert_int_equal(mode_of("cert.pem"), 0640);
	assert_int_equal(mode_of("key.pem"), 0600);
	read_into("web-config.yml", &text);
	assert_non_null(strstr(text.data, "  cert_file: cert.pem\n  key_file: key.pem\n"));
	buffer_done(&text);
	read_into("key.pem", &text);
	assert_ptr_equal(strstr(text.data, "-----BEGIN PRIVATE KEY-----"), text.data); /* PKCS#8 */
	buffer_done(&text);

	crt = load_certificate();
	check_names(crt);
	assert_int_equal(gnutls_x509_crt_get_pk_algorithm(crt, &bits), GNUTLS_PK_ECDSA);
	assert_int_equal(bits, 256);
	assert_int_equal(gnutls_x509_crt_get_activation_time(crt), 1700000000);
	assert_int_equal(gnutls_x509_crt_get_expiration_time(crt), 1700003600);
	assert_int_equal(gnutls_x509_crt_get_key_usage(crt, &usage, &critical), 0);
	assert_int_equal(usage, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_CERT_SIGN);
	assert_true(gnutls_x509_crt_get_basic_constraints(crt, &critical, &ca, NULL) >= 0);
	assert_true(ca);
	assert_int_equal(gnutls_x509_crt_get_serial(crt, serial, &len), 0);
	assert_int_equal(len, 16);
	assert_int_equal(gnutls_x509_crt_check_issuer(crt, crt), 1);
	gnutls_x509_crt_deinit(crt);
	free(messages);
}

static void contradicting_options_are_refused(void **state)
{
	const char *empty[] = { "" };
	const char *host[] = { "h" };
	struct web_config_options no_host = {
		.tls = true, .tls_validity_ns = 3600000000000, .output_dir = config_dir
	};
	struct web_config_options empty_host = no_host, no_time = no_host;
	char *messages = NULL;
	struct err err = { 0 };

	empty_host.tls_hosts = (struct strings){ empty, 1 };
	no_time.tls_hosts = (struct strings){ host, 1 };
	no_time.tls_validity_ns = 0;
	assert_int_equal(create(&no_host, &messages, &err), -EINVAL);
	assert_non_null(strstr(err.text, "--tls.host"));
	free(messages);
	assert_int_equal(create(&empty_host, &messages, &err), -EINVAL);
	free(messages);
	assert_int_equal(create(&no_time, &messages, &err), -EINVAL);
	assert_non_null(strstr(err.text, "--tls.validity"));
	free(messages);
	assert_int_equal(access(config_dir, F_OK), -1);
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
	struct web_config_options o = { .output_dir = "/proc/nothing/here" };
	char *messages = NULL;
	struct err err = { 0 };

	assert_true(create(&o, &messages, &err) < 0);
	assert_non_null(strstr(err.text, "/proc/nothing"));
	assert_string_equal(messages, "");
	free(messages);
}

static void passwords_use_all_letters_and_never_repeat(void **state)
{
	char one[PASSWORD_LEN + 1], last[PASSWORD_LEN + 1] = "";
	bool seen[256] = { false };
	int n = 0;

	for (int i = 0; i < 200; i++) {
		assert_int_equal(password_generate(one, NULL), 0);
		assert_int_equal(strlen(one), PASSWORD_LEN);
		assert_string_not_equal(one, last);
		strcpy(last, one);
		for (const char *p = one; *p; p++)
			seen[(unsigned char)*p] = true;
	}
	for (int c = 0; c < 256; c++)
		n += seen[c];
	assert_int_equal(n, 62);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_shown_password_matches_the_stored_hash, setup, teardown),
		cmocka_unit_test_setup_teardown(
			no_password_is_shown_when_there_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_second_run_says_that_it_replaced_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(
			tls_writes_a_self_signed_ecdsa_pair_for_the_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(contradicting_options_are_refused, setup, teardown),
		TEST(a_folder_that_cannot_be_made_is_named),
		TEST(passwords_use_all_letters_and_never_repeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
