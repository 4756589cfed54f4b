// SPDX-License-Identifier: Apache-2.0
#include "basic/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "alloc_fail.h"
#include "unit_test.h"

static void memory_is_aligned_apart_and_zeroed_on_demand(void **state)
{
	struct arena arena;
	char *last = NULL;

	arena_init(&arena, 1 << 20);
	for (size_t size = 0; size < 200; size++) {
		char *p = arena_alloc(&arena, size);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		assert_ptr_not_equal(p, last);
		memset(p, 0xff, size);
		last = p;
	}
	arena_reset(&arena);
	last = arena_calloc(&arena, 20, 5);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(last[i], 0);
	arena_done(&arena);
}

static void cap_is_never_exceeded(void **state)
{
	struct arena arena;
	size_t got = 0;

	arena_init(&arena, 100000);
	while (arena_alloc(&arena, 1000)) {
		got += 1000;
		assert_true(arena.total_bytes <= 100000);
	}
	assert_in_range(got, 50000, 100000);
	assert_null(arena_alloc(&arena, 100000));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX / 2));
	assert_null(arena_calloc(&arena, SIZE_MAX / 4, 8));
	assert_null(arena_strndup(&arena, "", 99999));
	arena_done(&arena);
	arena_init(&arena, 0);
	assert_null(arena_alloc(&arena, 1));
	arena_done(&arena);
}

static void reset_keeps_the_largest_chunk_only(void **state)
{
	struct arena arena;
	size_t total;

	arena_init(&arena, 10 << 20);
	assert_non_null(arena_alloc(&arena, 10));
	assert_non_null(arena_alloc(&arena, 1 << 20));
	assert_non_null(arena_alloc(&arena, 10));
	arena_reset(&arena);
	total = arena.total_bytes;
	assert_true(total >= 1 << 20);
	alloc_fail_at(0);
	assert_non_null(arena_alloc(&arena, 1 << 20));
	assert_int_equal(alloc_count(), 0);
	assert_int_equal(arena.total_bytes, total);
	assert_true(arena.peak_bytes >= total);
	arena_done(&arena);
	arena_done(&arena);
	arena_reset(&arena);
}

static void what_the_cap_refused_is_told_until_the_reset(void **state)
{
	struct arena arena;

	arena_init(&arena, 1 << 20);
	alloc_fail_at(1);
	assert_null(arena_alloc(&arena, 10));
	alloc_fail_at(0);
	assert_false(arena.over_limit);
	assert_null(arena_alloc(&arena, 2 << 20));
	assert_true(arena.over_limit);
	arena_reset(&arena);
	assert_false(arena.over_limit);
	assert_null(arena_alloc(&arena, 2 << 20));
	arena_done(&arena);
	assert_false(arena.over_limit);
}

static void failing_malloc_yields_null_and_no_damage(void **state)
{
	struct arena arena;

	arena_init(&arena, 1 << 20);
	alloc_fail_at(1);
	assert_null(arena_alloc(&arena, 10));
	assert_non_null(arena_alloc(&arena, 10));
	alloc_fail_at(1);
	assert_null(arena_printf(&arena, "%40000s", ""));
	alloc_fail_at(0);
	assert_non_null(arena_alloc(&arena, 40000));
	arena_done(&arena);
}

static void strings_are_copied_and_printed(void **state)
{
	struct arena arena;

	arena_init(&arena, 1 << 20);
	assert_string_equal(arena_strdup(&arena, "text"), "text");
	assert_string_equal(arena_strndup(&arena, "text", 2), "te");
	assert_string_equal(arena_strndup(&arena, "", 0), "");
	assert_string_equal(arena_printf(&arena, "%s-%d", "a", 7), "a-7");
	arena_done(&arena);
}

static void arrays_grow_and_keep_their_items(void **state)
{
	struct arena arena;
	int *v;

	arena_init(&arena, 1 << 20);
	v = arena_grow(&arena, NULL, 0, 2, sizeof(*v));
	assert_non_null(v);
	v[0] = 1;
	v[1] = 2;
	v = arena_grow(&arena, v, 2, 4, sizeof(*v));
	assert_int_equal(v[0] + v[1] + v[2] + v[3], 3);
	assert_null(arena_grow(&arena, v, 4, 1 << 20, sizeof(*v)));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(memory_is_aligned_apart_and_zeroed_on_demand),
		TEST(cap_is_never_exceeded),
		TEST(reset_keeps_the_largest_chunk_only),
		TEST(what_the_cap_refused_is_told_until_the_reset),
		TEST(failing_malloc_yields_null_and_no_damage),
		TEST(strings_are_copied_and_printed),
		TEST(arrays_grow_and_keep_their_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
