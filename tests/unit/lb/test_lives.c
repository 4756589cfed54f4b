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

enum { MANY = LIVES_ROWS_MAX };

/* As the contract says it, row by row. */
static int64_t end_by_contract(const struct lives_row *row, const struct lives_row *rows, size_t n)
{
	int64_t end_ms = row->ended_ms ? row->ended_ms : INT64_MAX;

	for (size_t i = 0; i < n; i++) {
		const int64_t start_ms = rows[i].started_ms;

		if (rows[i].own != row->own &&
			(start_ms > row->started_ms || (row->own && start_ms == row->started_ms)))
			end_ms = MIN(end_ms, start_ms);
	}
	return MAX(end_ms, row->started_ms);
}

static size_t count_life(const struct gate_life *v, size_t n, int64_t start_ms, int64_t end_ms)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		if (i)
			assert_true(v[i - 1].start_ms <= v[i].start_ms);
		found += v[i].start_ms == start_ms && v[i].end_ms == end_ms;
	}
	return found;
}

static void many_rows_of_both_sides_end_as_few_do(void **state)
{
	static struct lives_row rows[MANY];
	struct gate_unit_lives l;
	uint32_t random = 1;

	for (size_t i = 0; i < MANY; i++) {
		random = random * 1664525 + 1013904223;
		rows[i] = (struct lives_row){ .started_ms = 1 + (random >> 8) % 2000,
			.own = random >> 31 };
		rows[i].ended_ms = random >> 29 & 1 ? 0 : rows[i].started_ms + (random >> 12) % 9;
	}
	for (size_t n = 0; n <= MANY; n = n * 4 + 1) {
		l = make(rows, n);
		assert_int_equal(l.n + l.n_foreign, n);
		for (size_t i = 0; i < n; i += 1 + n / 200)
			assert_true(count_life(rows[i].own ? l.v : l.foreign,
				rows[i].own ? l.n : l.n_foreign, rows[i].started_ms,
				end_by_contract(&rows[i], rows, n)));
	}
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
		TEST(many_rows_of_both_sides_end_as_few_do),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
