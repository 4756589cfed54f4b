// SPDX-License-Identifier: Apache-2.0
#include "basic/err.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static void finish(struct err *err, int r, int wanted)
{
	err->code = r;
	if (wanted >= ERR_TEXT_MAX) {
		char *end = err->text + ERR_TEXT_MAX - 4;

		/* No UTF-8 character is left by halves. */
		for (int i = 0; i < 3 && (*end & 0xc0) == 0x80; i++)
			end--;
		memcpy(end, "...", 4);
	}
	/* One line, whatever a peer or a file put into it. */
	for (char *p = err->text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	}
}

int err_vset(struct err *err, int r, const char *format, va_list args)
{
	if (err)
		finish(err, r, vsnprintf(err->text, sizeof(err->text), format, args));
	return r;
}

int err_set(struct err *err, int r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err_vset(err, r, format, args);
	va_end(args);
	return r;
}

int err_errno(struct err *err, int r, const char *format, ...)
{
	va_list args;
	int n, m;

	if (!err)
		return r;
	va_start(args, format);
	n = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (n >= 0 && n < ERR_TEXT_MAX) {
		m = snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", err_name(r));
		n += m;
	}
	finish(err, r, n);
	return r;
}

int err_prefix(struct err *err, int r, const char *format, ...)
{
	char old[ERR_TEXT_MAX];
	va_list args;
	int n;

	if (!err)
		return r;
	memcpy(old, err->text, sizeof(old));
	old[sizeof(old) - 1] = '\0';
	va_start(args, format);
	n = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (n >= 0 && n < ERR_TEXT_MAX)
		n += snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", old);
	finish(err, r, n);
	return r;
}

const char *err_name(int r)
{
	const int code = r < 0 ? -r : r;
	const char *name;

	/* The system's words are about messages and arguments, of which nobody here knows. */
	if (code == EBADMSG)
		return "Malformed contents";
	if (code == E2BIG)
		return "Larger than the limit";
	name = strerrordesc_np(code);
	return name ? name : "Unknown error";
}

void err_print(const struct err *err, FILE *out)
{
	const time_t now = time(NULL);
	struct tm tm;
	char stamp[32] = "";

	if (localtime_r(&now, &tm))
		strftime(stamp, sizeof(stamp), "%Y/%m/%d %H:%M:%S", &tm);
	fprintf(out, "%s %s\n", stamp, err->text);
}
