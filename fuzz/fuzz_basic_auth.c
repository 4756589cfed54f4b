// SPDX-License-Identifier: Apache-2.0
/* Authorization headers: no bcrypt, only reading and the memory of outcomes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/basic_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *names[] = { "me" };
	static const char *hashes[] = {
		"$2b$04$abcdefghijklmnopqrstuuKvkvmHkvmHkvmHkvmHkvmHkvmHkvmH."
	};
	static const struct config_map users = { names, hashes, 1 };
	static struct basic_auth *auth;
	struct basic_auth_login login;
	char *text;

	if (!auth && basic_auth_new(&auth) < 0)
		return 0;
	text = strndup((const char *)data, size);
	if (text && basic_auth_parse(auth, text, &users, &login) >= 0 &&
		basic_auth_lookup(auth, &login) != BASIC_AUTH_UNKNOWN)
		abort();
	basic_auth_login_done(&login);
	free(text);
	return 0;
}
