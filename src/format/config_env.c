// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "basic/str.h"
#include "format/config.h"

enum { NAME_MAX_BYTES = 4096 };

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(char c)
{
	return is_name_start(c) || (c >= '0' && c <= '9');
}

static void put_value(struct slice name, const char *(*get)(void *ctx, const char *name), void *ctx,
	struct buffer *out)
{
	char text[NAME_MAX_BYTES];
	const char *value;

	/* No variable has such a name. */
	if (!name.n || name.n >= sizeof(text) || memchr(name.p, '\0', name.n))
		return;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	value = get(ctx, text);
	if (value)
		buffer_puts(out, value);
}

/* What stands after a '$'. Returns how many bytes of it belong to the reference. */
static size_t expand_one(struct slice rest, const char *(*get)(void *ctx, const char *name),
	void *ctx, struct buffer *out)
{
	const char *end;
	size_t n = 0;

	if (rest.n && rest.p[0] == '$') {
		buffer_putc(out, '$');
		return 1;
	}
	if (rest.n && rest.p[0] == '{') {
		end = memchr(rest.p, '}', rest.n);
		if (end) {
			put_value((struct slice){ rest.p + 1, (size_t)(end - rest.p) - 1 }, get,
				ctx, out);
			return (size_t)(end - rest.p) + 1;
		}
	} else if (rest.n && is_name_start(rest.p[0])) {
		while (n < rest.n && is_name(rest.p[n]))
			n++;
		put_value((struct slice){ rest.p, n }, get, ctx, out);
		return n;
	} else if (rest.n && rest.p[0] && strchr("0123456789*#@!?-", rest.p[0])) {
		return 1; /* the shell's own parameters, which nobody has here */
	}
	buffer_putc(out, '$');
	return 0;
}

int config_expand_env(const char *text, size_t len, const char *(*get)(void *ctx, const char *name),
	void *ctx, struct buffer *ret_text, struct err *err)
{
	static const char token[] = "[[{$}]]"; /* what others put in for a literal '$' */
	const char *end = text + len;

	if (len && memmem(text, len, token, sizeof(token) - 1))
		return err_set(err, -EINVAL,
			"expanding env vars is not supported with literal template token %s in "
			"the config file",
			token);
	while (text < end) {
		const char *dollar = memchr(text, '$', (size_t)(end - text));

		if (!dollar) {
			buffer_append(ret_text, text, (size_t)(end - text));
			break;
		}
		buffer_append(ret_text, text, (size_t)(dollar - text));
		text = dollar + 1;
		text += expand_one(
			(struct slice){ text, (size_t)(end - text) }, get, ctx, ret_text);
	}
	return buffer_error(ret_text);
}
