// SPDX-License-Identifier: Apache-2.0
#include "alloc_fail.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);

static atomic_size_t allocations, fail_at;

static bool must_fail(void)
{
	size_t n = atomic_fetch_add(&allocations, 1) + 1;

	if (n != atomic_load(&fail_at))
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return must_fail() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	return must_fail() ? NULL : __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = must_fail() ? NULL : __real_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void alloc_fail_at(size_t nth)
{
	atomic_store(&fail_at, nth);
	atomic_store(&allocations, 0);
}

size_t alloc_count(void)
{
	return atomic_load(&allocations);
}

bool alloc_fail_happened(void)
{
	size_t nth = atomic_load(&fail_at);

	return nth && atomic_load(&allocations) >= nth;
}
