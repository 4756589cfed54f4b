// SPDX-License-Identifier: Apache-2.0
/* A random password and its bcrypt hash for web config files. */
#ifndef CEEMS_TOOL_WEB_PASSWORD_H
#define CEEMS_TOOL_WEB_PASSWORD_H

#include "basic/err.h"

enum {
	PASSWORD_LEN = 24,
	PASSWORD_HASH_MAX = 128, /* room for a bcrypt hash (60 bytes) */
	PASSWORD_BCRYPT_COST = 10,
};

/* PASSWORD_LEN letters and digits, each uniformly random (getrandom). */
int password_generate(char text[static PASSWORD_LEN + 1], struct err *err);

/* The bcrypt hash of text with a random salt. */
int password_hash(const char *text, char hash[static PASSWORD_HASH_MAX], struct err *err);

#endif
