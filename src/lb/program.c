// SPDX-License-Identifier: Apache-2.0
#include "lb/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "basic/file.h"
#include "net/web_config_file.h"

enum { ARENA_BYTES = 16 << 20, SYSTEMD_FIRST_FD = 3, SYSTEMD_MAX = 64 };

static void add_kind(enum gate_kind kind, enum gate_kind *kinds, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		if (kinds[i] == kind)
			return;
	kinds[(*n)++] = kind;
}

size_t program_kinds(const struct lb_config *config, enum gate_kind ret_kinds[static N_GATE_KINDS])
{
	const struct lb_backend_config *v = config->backends.v;
	size_t n = 0;

	for (size_t i = 0; i < config->backends.n; i++)
		for (int kind = 0; kind < N_GATE_KINDS; kind++)
			if (v[i].servers[kind].n)
				add_kind(kind, ret_kinds, &n);
	return n;
}

bool program_is_local(const char *listen_address)
{
	const char *colon = strrchr(listen_address, ':');
	struct slice host = { listen_address, colon ? (size_t)(colon - listen_address) : 0 };
	struct address address;

	return slice_eq(host, "localhost") ||
		(host.n && address_parse(host, &address) >= 0 && address_is_loopback(&address));
}

bool program_sockets_are_local(void)
{
	const char *text = getenv("LISTEN_FDS");
	int64_t n = 0;

	if (!text || slice_to_i64(slice_from(text), &n) < 0 || n > SYSTEMD_MAX)
		return false;
	for (int i = 0; i < (int)n; i++) {
		struct sockaddr_storage socket = { 0 };
		socklen_t len = sizeof(socket);
		struct address address;

		if (getsockname(SYSTEMD_FIRST_FD + i, (struct sockaddr *)&socket, &len) < 0 ||
			address_from_socket((const struct sockaddr *)&socket, &address) < 0 ||
			!address_is_loopback(&address))
			return false;
	}
	return true;
}

static bool asks_for_certificate(const char *type)
{
	return type &&
		(str_eq(type, "RequireAndVerifyClientCert") ||
			str_eq(type, "VerifyClientCertIfGiven"));
}

int program_authenticates(const char *web_config_file, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = { 0 };
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct web_config config;
	int r;

	if (!*web_config_file)
		return 0;
	arena_init(&arena, ARENA_BYTES);
	r = file_read(AT_FDCWD, web_config_file, WEB_CONFIG_MAX_BYTES, &text);
	if (r < 0)
		return err_errno(err, r, "web config file '%s'", web_config_file);
	r = web_config_parse(buffer_text(&text), text.len, web_config_file, &arena, &config, err);
	if (r < 0)
		return r;
	return config.users.n || asks_for_certificate(config.tls.client_auth_type);
}
