// SPDX-License-Identifier: Apache-2.0
/* Byte strings: slices without a copy, trimming, strict numbers. Nothing here depends on the
 * locale. */
#ifndef CEEMS_BASIC_STR_H
#define CEEMS_BASIC_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes, not NUL-terminated. */
struct slice {
	const char *p;
	size_t n;
};

#define SLICE(literal) ((struct slice){ (literal), sizeof(literal) - 1 })

static inline struct slice slice_from(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static inline bool str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* The length of a literal is known when this is compiled, and most that differ do so at once. */
static inline bool slice_eq(struct slice a, const char *b)
{
	if (!a.n)
		return !*b;
	return *a.p == *b && a.n == strlen(b) && memcmp(a.p, b, a.n) == 0;
}

bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);
struct slice slice_trim(struct slice s); /* space, tab, CR, LF, VT, FF at both ends */

/*
 * Cuts the next field off *rest at the separator. False when *rest is used up (its p is NULL then);
 * "a,,b" gives three fields, "" gives one empty field.
 */
bool slice_next(struct slice *rest, char separator, struct slice *ret_field);

/* Cuts the next line, without its LF. False at the end; a last line without LF counts, an empty
 * rest doesn't. */
bool slice_next_line(struct slice *rest, struct slice *ret_line);

/* Cuts the next run of non-blank bytes (blank: space, tab). False at the end. */
bool slice_next_word(struct slice *rest, struct slice *ret_word);

/*
 * Strict decimal numbers: all of the slice, no blanks, no sign but a leading '-' where signed.
 * 0, -EBADMSG (no number) or -ERANGE.
 */
int slice_to_u64(struct slice s, uint64_t *ret_value);
int slice_to_i64(struct slice s, int64_t *ret_value);
/* Also takes fractions and exponents ("1e3"), not hex, not "nan" or "inf". */
int slice_to_double(struct slice s, double *ret_value);

/* How many bytes at the start are UTF-8; eight at a time as long as they are ASCII. */
size_t str_utf8_length(const char *text, size_t len);
bool str_is_utf8(const char *text, size_t len);

/* The length of the UTF-8 sequence at the start of len > 0 bytes, and its code point; 0 if there is
 * none. */
size_t str_utf8_next(const char *text, size_t len, uint32_t *ret_code);

/* Writes a code point up to 0x10ffff in UTF-8; returns the length. */
size_t str_utf8_put(char out[static 4], uint32_t code);

#endif
