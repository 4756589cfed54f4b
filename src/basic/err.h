// SPDX-License-Identifier: Apache-2.0
/*
 * A failure that a person must act on: a negative errno and a sentence that says what, where and,
 * where it helps, how to mend it. Functions take 'struct err *err' last; NULL means "not wanted".
 */
#ifndef CEEMS_BASIC_ERR_H
#define CEEMS_BASIC_ERR_H

#include <stdarg.h>
#include <stdio.h>

#include "basic/macros.h"

enum { ERR_TEXT_MAX = 1024 };

struct err {
	int code; /* negative errno, 0 when unset */
	char text[ERR_TEXT_MAX]; /* one line, truncated with "..." */
};

/* Stores the sentence and returns r, so that 'return err_set(err, -EINVAL, "...")' works. */
int err_set(struct err *err, int r, const char *format, ...) PRINTF_FORMAT(3, 4);

int err_vset(struct err *err, int r, const char *format, va_list args) PRINTF_FORMAT(3, 0);

/* Like err_set(), with ': ' and the system's words for r appended. */
int err_errno(struct err *err, int r, const char *format, ...) PRINTF_FORMAT(3, 4);

/* Puts 'context: ' in front of a sentence that is already there. Returns r. */
int err_prefix(struct err *err, int r, const char *format, ...) PRINTF_FORMAT(3, 4);

/*
 * The system's words for a negative errno, our own for -EBADMSG and -E2BIG; thread-safe, static
 * storage.
 */
const char *err_name(int r);

/* The line with which a daemon that can't start ends: local date and time, and the sentence. */
void err_print(const struct err *err, FILE *out);

#endif
