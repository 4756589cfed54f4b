// SPDX-License-Identifier: Apache-2.0
#include "tool/web/password.h"

#include <crypt.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "basic/macros.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static int random_bytes(void *data, size_t len, struct err *err)
{
	ssize_t n;

	/* Up to 256 bytes come whole and uninterrupted (getrandom(2)). */
	do {
		n = getrandom(data, len, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(err, -errno, "getting random bytes");
	if ((size_t)n != len)
		return err_set(err, -EIO, "getting random bytes: got %zd of %zu", n, len);
	return 0;
}

int password_generate(char text[static PASSWORD_LEN + 1], struct err *err)
{
	enum { LETTERS = sizeof(alphabet) - 1, FAIR = 256 / LETTERS * LETTERS };
	char made[PASSWORD_LEN + 1];
	uint8_t pool[64];
	size_t n = 0;
	int r;

	while (n < PASSWORD_LEN) {
		r = random_bytes(pool, sizeof(pool), err);
		if (r < 0)
			return r;
		/* Bytes of the uneven rest would make some letters likelier: thrown away. */
		for (size_t i = 0; i < sizeof(pool) && n < PASSWORD_LEN; i++) {
			if (pool[i] < FAIR)
				made[n++] = alphabet[pool[i] % LETTERS];
		}
	}
	made[n] = '\0';
	memcpy(text, made, sizeof(made));
	explicit_bzero(pool, sizeof(pool));
	explicit_bzero(made, sizeof(made));
	return 0;
}

int password_hash(const char *text, char hash[static PASSWORD_HASH_MAX], struct err *err)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *data;
	uint8_t salt[16];
	const char *made;
	int r;

	r = random_bytes(salt, sizeof(salt), err);
	if (r < 0)
		return r;
	if (!crypt_gensalt_rn("$2b$", PASSWORD_BCRYPT_COST, (const char *)salt, sizeof(salt),
		    setting, sizeof(setting)))
		return err_errno(err, -errno, "making a bcrypt salt");
	data = calloc(1, sizeof(*data)); /* 32 KiB: not for the stack */
	if (!data)
		return err_errno(err, -ENOMEM, "hashing a password");
	made = crypt_r(text, setting, data);
	r = 0;
	if (!made || made[0] == '*' || strlen(made) >= PASSWORD_HASH_MAX)
		r = err_errno(err, made ? -EIO : -errno, "hashing a password with bcrypt");
	else
		snprintf(hash, PASSWORD_HASH_MAX, "%s", made);
	explicit_bzero(data, sizeof(*data));
	free(data);
	return r;
}
