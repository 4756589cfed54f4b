// SPDX-License-Identifier: Apache-2.0
#include "lb/strategy.h"

#include "unit_test.h"

enum { MANY = 6 };

/* Who is picked, as digits. */
static const char *picks(
	const struct strategy *strategy, struct strategy_candidate *candidates, size_t n, int times)
{
	static char text[64];
	atomic_uint turn = 0;

	for (int i = 0; i < times; i++)
		text[i] = (char)('0' + strategy->pick(&turn, candidates, n));
	text[times] = '\0';
	return text;
}

static void strategies_are_found_by_their_names(void **state)
{
	assert_ptr_equal(strategy_find("round-robin"), &strategy_round_robin);
	assert_ptr_equal(strategy_find("least-connection"), &strategy_least_connection);
	assert_null(strategy_find(""));
	assert_null(strategy_find("random"));
}

static void round_robin_begins_with_the_second(void **state)
{
	struct strategy_candidate c[] = { { true, 9 }, { true, 0 } };

	assert_string_equal(picks(&strategy_round_robin, c, 2, MANY), "101010");
	assert_string_equal(picks(&strategy_round_robin, c, 1, MANY), "000000");
}

static void a_dead_servers_share_is_spread(void **state)
{
	struct strategy_candidate c[] = { { true, 0 }, { false, 0 }, { true, 0 } };

	assert_string_equal(picks(&strategy_round_robin, c, 3, MANY), "202020");
}

static void least_connection_takes_the_least_loaded(void **state)
{
	struct strategy_candidate c[] = { { true, 3 }, { true, 1 }, { false, 0 }, { true, 2 } };

	assert_string_equal(picks(&strategy_least_connection, c, 4, MANY), "111111");
}

static void equals_take_turns(void **state)
{
	struct strategy_candidate c[] = { { true, 1 }, { true, 4 }, { true, 1 }, { false, 1 },
		{ true, 1 } };

	assert_string_equal(picks(&strategy_least_connection, c, 5, MANY), "024024");
}

static void without_a_usable_server_there_is_none(void **state)
{
	struct strategy_candidate c[] = { { false, 0 }, { false, 0 } };

	assert_string_equal(picks(&strategy_round_robin, c, 2, 2), "22");
	assert_string_equal(picks(&strategy_least_connection, c, 2, 2), "22");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(strategies_are_found_by_their_names),
		TEST(round_robin_begins_with_the_second),
		TEST(a_dead_servers_share_is_spread),
		TEST(least_connection_takes_the_least_loaded),
		TEST(equals_take_turns),
		TEST(without_a_usable_server_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
