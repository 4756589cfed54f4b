// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_index.h"

#include <errno.h>

#include "alloc_fail.h"
#include "unit_test.h"

enum { MANY = 1000 };

static int values[MANY];

static struct unit_index_key key(uint64_t inode, const char *path, size_t len)
{
	return (struct unit_index_key){ inode, path, len };
}

static void keys_differ_by_inode_and_by_path(void **state)
{
	struct unit_index index = { 0 };

	assert_null(unit_index_find(&index, key(0, "a", 1)));
	for (uint64_t i = 0; i < MANY; i++)
		assert_int_equal(unit_index_add(&index, key(i, "a/b", 3), &values[i]), 0);
	for (uint64_t i = 0; i < MANY; i++) {
		assert_ptr_equal(unit_index_find(&index, key(i, "a/b", 3)), &values[i]);
		assert_null(unit_index_find(&index, key(i, "a/c", 3)));
		assert_null(unit_index_find(&index, key(i, "a/b", 2)));
		assert_null(unit_index_find(&index, key(i + MANY, "a/b", 3)));
	}
	assert_int_equal(index.n, MANY);
	unit_index_done(&index);
}

static void the_same_key_is_replaced(void **state)
{
	struct unit_index index = { 0 };

	assert_int_equal(unit_index_add(&index, key(7, "a", 1), &values[0]), 0);
	assert_int_equal(unit_index_add(&index, key(7, "a", 1), &values[1]), 0);
	assert_int_equal(index.n, 1);
	assert_ptr_equal(unit_index_find(&index, key(7, "a", 1)), &values[1]);
	unit_index_done(&index);
}

static void a_cleared_index_is_empty_and_has_room(void **state)
{
	struct unit_index index = { 0 };

	for (uint64_t i = 0; i < MANY; i++)
		assert_int_equal(unit_index_add(&index, key(i, "a", 1), &values[i]), 0);
	unit_index_clear(&index);
	assert_null(unit_index_find(&index, key(1, "a", 1)));
	alloc_fail_at(1);
	for (uint64_t i = 0; i < MANY; i++)
		assert_int_equal(unit_index_add(&index, key(i, "b", 1), &values[i]), 0);
	assert_int_equal(alloc_count(), 0);
	alloc_fail_at(0);
	unit_index_done(&index);
}

static void without_memory_nothing_is_added_or_lost(void **state)
{
	struct unit_index index = { 0 };
	int r = 0;
	uint64_t n = 0;

	assert_int_equal(unit_index_add(&index, key(n, "a", 1), &values[n]), 0);
	alloc_fail_at(1);
	while (r == 0) {
		n++;
		r = unit_index_add(&index, key(n, "a", 1), &values[n]);
	}
	alloc_fail_at(0);
	assert_int_equal(r, -ENOMEM);
	assert_null(unit_index_find(&index, key(n, "a", 1)));
	for (uint64_t i = 0; i < n; i++)
		assert_ptr_equal(unit_index_find(&index, key(i, "a", 1)), &values[i]);
	unit_index_done(&index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_differ_by_inode_and_by_path),
		TEST(the_same_key_is_replaced),
		TEST(a_cleared_index_is_empty_and_has_room),
		TEST(without_memory_nothing_is_added_or_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
