// SPDX-License-Identifier: Apache-2.0
#include "lb/owners/lives.h"
#include "unit_test.h"

static struct arena arena;

static struct gate_unit_lives make(const struct lives_row *rows, size_t n)
{
	struct gate_unit_lives lives;

	assert_int_equal(lives_make(rows, n, &arena, &lives), 0);
	return lives;
}
#define MAKE(...)                                       \
	make((const struct lives_row[]){ __VA_ARGS__ }, \
		sizeof((const struct lives_row[]){ __VA_ARGS__ }) / sizeof(struct lives_row))

static void is(const struct gate_life *life, int64_t start_ms, int64_t end_ms)
{
	assert_int_equal(life->start_ms, start_ms);
	assert_int_equal(life->end_ms, end_ms);
}

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

static void runs_of_one_unit_are_sorted(void **state)
{
	struct gate_unit_lives l = MAKE({ 10, 500, 0, true }, { 10, 20, 100, true });

	assert_int_equal(l.n, 2);
	assert_int_equal(l.n_foreign, 0);
	is(&l.v[0], 20, 100);
	is(&l.v[1], 500, INT64_MAX);
}

static void an_id_that_was_somebody_elses_is_told(void **state)
{
	struct gate_unit_lives l = MAKE(
		{ 0, 900, 950, false }, { 0, 20, 100, true }, { 0, 200, 300, false });

	assert_int_equal(l.n, 1);
	is(&l.v[0], 20, 100);
	assert_int_equal(l.n_foreign, 2);
	is(&l.foreign[0], 200, 300);
	is(&l.foreign[1], 900, 950);
}

static void a_row_without_an_end_ends_with_the_next_owner(void **state)
{
	struct gate_unit_lives l = MAKE({ 0, 20, 0, true }, { 0, 200, 0, false });

	is(&l.v[0], 20, 200);
	is(&l.foreign[0], 200, INT64_MAX);
	l = MAKE({ 0, 20, 0, false }, { 0, 200, 0, true });
	is(&l.v[0], 200, INT64_MAX);
	is(&l.foreign[0], 20, 200);
}

static void of_two_that_begin_together_the_caller_sees_nothing(void **state)
{
	struct gate_unit_lives l = MAKE({ 0, 20, 90, true }, { 0, 20, 50, false });

	is(&l.v[0], 20, 20);
	is(&l.foreign[0], 20, 50);
}

static void a_unit_that_waits_begins_when_it_was_made_known(void **state)
{
	struct gate_unit_lives l = MAKE({ 700, 0, 0, true }, { 0, 20, 50, false });

	is(&l.v[0], 700, INT64_MAX);
	l = MAKE({ 0, 0, 0, true }, { 0, 20, 50, false });
	is(&l.v[0], INT64_MAX, INT64_MAX);
}

static void an_end_before_the_start_is_none(void **state)
{
	struct gate_unit_lives l = MAKE({ 0, 100, 50, true });

	is(&l.v[0], 100, 100);
}

static void nothing_known_is_no_life(void **state)
{
	struct gate_unit_lives l = make(NULL, 0);

	assert_int_equal(l.n, 0);
	assert_int_equal(l.n_foreign, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(runs_of_one_unit_are_sorted),
		TEST(an_id_that_was_somebody_elses_is_told),
		TEST(a_row_without_an_end_ends_with_the_next_owner),
		TEST(of_two_that_begin_together_the_caller_sees_nothing),
		TEST(a_unit_that_waits_begins_when_it_was_made_known),
		TEST(an_end_before_the_start_is_none),
		TEST(nothing_known_is_no_life),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
