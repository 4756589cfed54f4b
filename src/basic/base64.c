// SPDX-License-Identifier: Apache-2.0
#include "basic/base64.h"

#include <errno.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
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

void base64_encode(struct slice bytes, struct buffer *out)
{
	for (size_t i = 0; i < bytes.n; i += 3) {
		const size_t left = bytes.n - i;
		unsigned bits = (unsigned)(unsigned char)bytes.p[i] << 16;

		if (left > 1)
			bits |= (unsigned)(unsigned char)bytes.p[i + 1] << 8;
		if (left > 2)
			bits |= (unsigned char)bytes.p[i + 2];
		const char group[4] = { digits[bits >> 18], digits[bits >> 12 & 63],
			left > 1 ? digits[bits >> 6 & 63] : '=',
			left > 2 ? digits[bits & 63] : '=' };

		buffer_append(out, group, sizeof(group));
	}
}
