// SPDX-License-Identifier: Apache-2.0
#include "tool/web/web_config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/buffer.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "basic/str.h"
#include "tool/web/password.h"
#include "tool/web/tls_pair.h"

#define CERT_FILE "cert.pem"
#define KEY_FILE "key.pem"
#define CONFIG_FILE "web-config.yml"

enum { FILE_MAX_BYTES = 1 << 20, NS_PER_S = 1000000000 };

static void secret_buffer_done(struct buffer *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buffer_done(buf);
}

static int check_options(const struct web_config_options *o, struct err *err)
{
	if (!o->tls)
		return 0;
	if (o->tls_hosts.n == 0)
		return err_set(err, -EINVAL, "--tls needs at least one --tls.host");
	if (o->tls_validity_ns < NS_PER_S)
		return err_set(err, -EINVAL, "--tls.validity must be at least one second");
	for (size_t i = 0; i < o->tls_hosts.n; i++) {
		if (!*o->tls_hosts.v[i])
			return err_set(err, -EINVAL, "--tls.host must not be empty");
	}
	return 0;
}

/* Puts dir/name into path and replaces that file. */
static int write_file(const char *dir, const char *name, mode_t mode, const struct buffer *data,
	FILE *messages, struct err *err)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	bool existed;
	int r;

	buffer_init(&path, 0);
	buffer_printf(&path, "%s/%s", dir, name);
	if (buffer_error(&path))
		return err_errno(err, buffer_error(&path), "writing '%s'", name);
	existed = access(buffer_text(&path), F_OK) == 0;
	r = file_replace(buffer_text(&path), mode, buffer_text(data), data->len, err);
	if (r < 0)
		return r;
	if (messages)
		fprintf(messages, "web config file written to %s%s\n", buffer_text(&path),
			existed ? " (an earlier one was replaced)" : "");
	return 0;
}

static int write_pair(const struct web_config_options *o, int64_t now_s, struct err *err)
{
	CLEANUP(buffer_done) struct buffer cert = { 0 };
	CLEANUP(secret_buffer_done) struct buffer key = { 0 };
	mode_t mask = umask(077);
	int r;

	umask(mask);
	buffer_init(&cert, FILE_MAX_BYTES);
	buffer_init(&key, FILE_MAX_BYTES);
	r = tls_pair_generate(
		&o->tls_hosts, now_s, o->tls_validity_ns / NS_PER_S, &cert, &key, err);
	if (r >= 0)
		r = write_file(o->output_dir, CERT_FILE, 0666 & ~mask, &cert, NULL, err);
	if (r >= 0)
		r = write_file(o->output_dir, KEY_FILE, 0600, &key, NULL, err);
	return r;
}

static void render(const struct web_config_options *o, const char *hash, struct buffer *out)
{
	buffer_puts(out, "tls_server_config:\n");
	buffer_printf(out, "  cert_file: %s\n", o->tls ? CERT_FILE : "\"\"");
	buffer_printf(out, "  key_file: %s\n", o->tls ? KEY_FILE : "\"\"");
	if (o->basic_auth)
		buffer_printf(out, "basic_auth_users:\n  " WEB_CONFIG_USER ": %s\n", hash);
	else
		buffer_puts(out, "basic_auth_users: {}\n");
}

int web_config_create(
	const struct web_config_options *options, int64_t now_s, FILE *messages, struct err *err)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	char password[PASSWORD_LEN + 1] = "", hash[PASSWORD_HASH_MAX] = "";
	int r;

	buffer_init(&text, FILE_MAX_BYTES);
	r = check_options(options, err);
	if (r >= 0)
		r = file_mkdirs(options->output_dir, 0700, err);
	if (r >= 0 && options->tls)
		r = write_pair(options, now_s, err);
	if (r >= 0 && options->basic_auth)
		r = password_generate(password, err);
	if (r >= 0 && options->basic_auth)
		r = password_hash(password, hash, err);
	if (r >= 0) {
		render(options, hash, &text);
		if (buffer_error(&text))
			r = err_errno(err, buffer_error(&text), "writing the web config");
	}
	if (r >= 0)
		r = write_file(options->output_dir, CONFIG_FILE, 0600, &text, messages, err);
	if (r >= 0 && options->basic_auth)
		fprintf(messages,
			"plain text password for basic auth is %s\n"
			"keep it: Prometheus and other clients need it, and only its hash is stored "
			"(user name: " WEB_CONFIG_USER ")\n",
			password);
	explicit_bzero(password, sizeof(password));
	return r;
}
