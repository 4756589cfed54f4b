// SPDX-License-Identifier: Apache-2.0
#include "lb/owners/answer_cache.h"

#include <stdio.h>

#include "alloc_fail.h"
#include "basic/macros.h"
#include "unit_test.h"

static struct arena arena;

static int set_up(void **state)
{
	arena_init(&arena, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	arena_done(&arena);
	return 0;
}

static void put(struct answer_cache *c, const char *key, bool allowed)
{
	const struct answer answer = { .allowed = allowed };

	answer_cache_put(c, slice_from(key), 1000, &answer);
}

static int get(struct answer_cache *c, const char *key, int64_t now_ms)
{
	struct answer answer;
	int r = answer_cache_get(c, slice_from(key), now_ms, &arena, &answer);

	return r == 1 ? answer.allowed : r == 0 ? -1 : r;
}

static void answers_are_kept_for_their_time(void **state)
{
	struct answer_cache *c;

	assert_int_equal(answer_cache_new(10, 1 << 20, &c), 0);
	put(c, "a", true);
	put(c, "b", false);
	assert_int_equal(get(c, "a", 999), 1);
	assert_int_equal(get(c, "b", 999), 0);
	assert_int_equal(get(c, "", 0), -1);
	assert_int_equal(get(c, "a", 1000), -1);
	assert_int_equal(answer_cache_count(c), 1);
	put(c, "b", true);
	assert_int_equal(get(c, "b", 0), 1);
	answer_cache_clear(c);
	assert_int_equal(get(c, "b", 0), -1);
	answer_cache_free(c);
}

static void the_least_recently_used_goes_first(void **state)
{
	struct answer_cache *c;

	assert_int_equal(answer_cache_new(3, 1 << 20, &c), 0);
	put(c, "a", true);
	put(c, "b", true);
	put(c, "c", true);
	assert_int_equal(get(c, "a", 0), 1);
	put(c, "d", true);
	assert_int_equal(get(c, "a", 0), 1);
	assert_int_equal(get(c, "b", 0), -1);
	assert_int_equal(get(c, "d", 0), 1);
	assert_int_equal(answer_cache_count(c), 3);
	answer_cache_free(c);
}

static void its_bytes_are_bounded(void **state)
{
	struct answer_cache *c;
	char key[300];

	assert_int_equal(answer_cache_new(10000, 4096, &c), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "%0200d", i);
		put(c, key, true);
		assert_in_range(answer_cache_count(c), 1, 20);
	}
	assert_int_equal(get(c, key, 0), 1);
	answer_cache_free(c);
}

static void lives_are_copied(void **state)
{
	struct gate_life own[] = { { 1, 2 }, { 3, 4 } }, foreign[] = { { 5, 6 } };
	struct gate_unit_lives lives[] = { { own, 2, NULL, 0 }, { own, 1, foreign, 1 } };
	struct answer answer = { true, lives, 2 }, found;
	struct answer_cache *c;

	assert_int_equal(answer_cache_new(10, 1 << 20, &c), 0);
	answer_cache_put(c, SLICE("k"), 1, &answer);
	memset(own, 0xff, sizeof(own));
	memset(foreign, 0xff, sizeof(foreign));
	memset(lives, 0xff, sizeof(lives));
	assert_int_equal(answer_cache_get(c, SLICE("k"), 0, &arena, &found), 1);
	answer_cache_free(c);
	assert_int_equal(found.n_lives, 2);
	assert_int_equal(found.lives[0].n, 2);
	assert_int_equal(found.lives[0].v[1].end_ms, 4);
	assert_int_equal(found.lives[0].n_foreign, 0);
	assert_int_equal(found.lives[1].v[0].end_ms, 2);
	assert_int_equal(found.lives[1].foreign[0].start_ms, 5);
}

static void without_memory_nothing_is_kept(void **state)
{
	struct answer_cache *c;
	size_t n = 0;
	int r;

	do {
		alloc_fail_at(++n);
		c = NULL;
		r = answer_cache_new(10, 1 << 20, &c);
		if (r == 0)
			put(c, "a", true);
		if (r == 0 && alloc_fail_happened())
			assert_int_equal(answer_cache_count(c), 0);
		answer_cache_free(c);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_int_equal(r, 0);
	assert_true(n > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_are_kept_for_their_time),
		TEST(the_least_recently_used_goes_first),
		TEST(its_bytes_are_bounded),
		TEST(lives_are_copied),
		TEST(without_memory_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
