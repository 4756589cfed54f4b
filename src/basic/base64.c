// SPDX-License-Identifier: Apache-2.0
#include "basic/base64.h"

#include <errno.h>

static int value_of(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

ssize_t base64_decode(struct slice in, char *out, size_t cap)
{
	unsigned bits = 0, n_bits = 0;
	size_t len = 0;

	for (int padding = 0; padding < 2 && in.n && in.p[in.n - 1] == '='; padding++)
		in.n--;
	for (size_t i = 0; i < in.n; i++) {
		int value = value_of(in.p[i]);

		if (value < 0)
			return -EBADMSG;
		bits = (bits << 6 | (unsigned)value) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			if (len == cap)
				return -EBADMSG;
			out[len++] = (char)(bits >> n_bits);
		}
	}
	return n_bits >= 6 ? -EBADMSG : (ssize_t)len;
}
