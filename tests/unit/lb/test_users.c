// SPDX-License-Identifier: Apache-2.0
#include "lb/users.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit_test.h"

static struct users *users;
static char gone_on[64]; /* ids of those whose turn came */

struct request {
	struct user_waiter waiter; /* first */
	char id;
	struct user_slot *slot;
};

static void go_on(struct user_waiter *waiter)
{
	size_t n = strlen(gone_on);

	gone_on[n] = ((struct request *)waiter)->id;
	gone_on[n + 1] = '\0';
}

static int set_up(void **state)
{
	gone_on[0] = '\0';
	return users_new(&users);
}

static int tear_down(void **state)
{
	users_free(users);
	return 0;
}

static int enter(struct request *r, const char *name, char id, size_t waiting)
{
	r->id = id;
	r->waiter.go_on = go_on;
	return users_enter(users, name, 2, waiting, &r->waiter, &r->slot);
}

static void count_is(size_t active, size_t waiting)
{
	size_t a, w;

	users_count(users, &a, &w);
	assert_int_equal(a, active);
	assert_int_equal(w, waiting);
}

static void requests_beyond_the_limit_wait_in_order(void **state)
{
	struct request r[5];

	assert_int_equal(enter(&r[0], "ines", 'a', 2), 1);
	assert_int_equal(enter(&r[1], "ines", 'b', 2), 1);
	assert_int_equal(enter(&r[2], "ines", 'c', 2), 0);
	assert_int_equal(enter(&r[3], "ines", 'd', 2), 0);
	assert_int_equal(enter(&r[4], "ines", 'e', 2), -EAGAIN);
	count_is(2, 2);
	users_leave(users, r[1].slot, 2);
	assert_string_equal(gone_on, "c");
	users_leave(users, r[0].slot, 2);
	assert_string_equal(gone_on, "cd");
	users_leave(users, r[2].slot, 2);
	users_leave(users, r[3].slot, 2);
	count_is(0, 0);
}

static void who_leaves_makes_room_in_the_queue(void **state)
{
	struct request r[6];

	enter(&r[0], "ines", 'a', 3);
	enter(&r[1], "ines", 'b', 3);
	for (int i = 2; i < 5; i++)
		assert_int_equal(enter(&r[i], "ines", (char)('a' + i), 3), 0);
	assert_int_equal(enter(&r[5], "ines", 'f', 3), -EAGAIN);
	assert_true(users_cancel(users, r[3].slot, &r[3].waiter));
	count_is(2, 2);
	assert_int_equal(enter(&r[5], "ines", 'f', 3), 0);
	/* The last and the first one. */
	assert_true(users_cancel(users, r[5].slot, &r[5].waiter));
	assert_true(users_cancel(users, r[2].slot, &r[2].waiter));
	assert_int_equal(enter(&r[5], "ines", 'f', 3), 0);
	users_leave(users, r[0].slot, 2);
	assert_string_equal(gone_on, "e");
	assert_false(users_cancel(users, r[4].slot, &r[4].waiter));
	users_leave(users, r[1].slot, 2);
	assert_string_equal(gone_on, "ef");
	users_leave(users, r[4].slot, 2);
	users_leave(users, r[5].slot, 2);
	count_is(0, 0);
}

static void nobody_waits_for_another_user(void **state)
{
	struct request r[3];

	assert_int_equal(enter(&r[0], "ines", 'a', 0), 1);
	assert_int_equal(enter(&r[1], "ines", 'b', 0), 1);
	assert_int_equal(enter(&r[2], "omar", 'c', 0), 1);
	for (int i = 0; i < 3; i++)
		users_leave(users, r[i].slot, 2);
	count_is(0, 0);
}

static void a_raised_limit_lets_all_in(void **state)
{
	struct request r[4];

	for (int i = 0; i < 4; i++)
		enter(&r[i], "ines", (char)('a' + i), 9);
	users_leave(users, r[0].slot, 0);
	assert_string_equal(gone_on, "cd");
	for (int i = 1; i < 4; i++)
		users_leave(users, r[i].slot, 0);
	count_is(0, 0);
}

static void zero_is_without_a_limit(void **state)
{
	struct request r[9];

	for (int i = 0; i < 9; i++)
		assert_int_equal(users_enter(users, "ines", 0, 0, &r[i].waiter, &r[i].slot), 1);
	for (int i = 0; i < 9; i++)
		users_leave(users, r[i].slot, 0);
}

static void many_users_are_told_apart(void **state)
{
	static struct request r[20000];
	char name[16];

	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		assert_int_equal(enter(&r[i], name, 'x', 0), 1);
	}
	count_is(20000, 0);
	for (int i = 0; i < 20000; i++)
		users_leave(users, r[i].slot, 2);
	count_is(0, 0);
}

#define USERS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		USERS_TEST(requests_beyond_the_limit_wait_in_order),
		USERS_TEST(who_leaves_makes_room_in_the_queue),
		USERS_TEST(nobody_waits_for_another_user),
		USERS_TEST(a_raised_limit_lets_all_in),
		USERS_TEST(zero_is_without_a_limit),
		USERS_TEST(many_users_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
