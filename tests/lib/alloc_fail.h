// SPDX-License-Identifier: Apache-2.0
/*
 * Allocations that fail on purpose, and how many there were. Links with dep_alloc_fail, which wraps
 * malloc, calloc, realloc, reallocarray and strdup of everything that is linked statically (so not
 * those inside shared libraries). Counts all threads together.
 *
 *     size_t n = 0;
 *     do {
 *             alloc_fail_at(++n);
 *             r = call_that_must_survive();
 *     } while (alloc_fail_happened());
 *     alloc_fail_at(0);
 */
#ifndef CEEMS_TESTS_ALLOC_FAIL_H
#define CEEMS_TESTS_ALLOC_FAIL_H

#include <stdbool.h>
#include <stddef.h>

/* From now on the nth allocation fails, once. 0: none does. Also sets the count to 0. */
void alloc_fail_at(size_t nth);

/* Allocations since alloc_fail_at(), the failed one included. */
size_t alloc_count(void);

/* Whether the nth allocation came, and failed. */
bool alloc_fail_happened(void);

#endif
