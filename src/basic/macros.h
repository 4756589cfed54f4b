// SPDX-License-Identifier: Apache-2.0
/* Small helpers that every file may use: cleanup attributes, array sizes, format checks. */
#ifndef CEEMS_BASIC_MACROS_H
#define CEEMS_BASIC_MACROS_H

#include <stddef.h>

/* Runs func(&variable) when the variable goes out of scope. */
#define CLEANUP(func) __attribute__((cleanup(func)))

/* Hands a pointer over: yields its value and leaves NULL behind, so that its cleanup does nothing.
 */
#define TAKE(ptr)                                    \
	({                                           \
		__typeof__(ptr) take_value_ = (ptr); \
		(ptr) = NULL;                        \
		take_value_;                         \
	})

/* DEFINE_CLEANUP(struct unit *, unit_free) makes unit_freep() for CLEANUP(). */
#define DEFINE_CLEANUP(type, func)              \
	static inline void func##p(type *value) \
	{                                       \
		if (*value)                     \
			func(*value);           \
	}                                       \
	struct cleanup_##func##_semicolon

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define PRINTF_FORMAT(string, first) __attribute__((format(printf, string, first)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
