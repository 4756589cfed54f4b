// SPDX-License-Identifier: Apache-2.0
#include "exporter/emission_store.h"

#include <errno.h>
#include <stdio.h>

#include "alloc_fail.h"
#include "unit_test.h"

struct seen {
	size_t n;
	double sum;
	const char *last;
};

static int see(void *ctx, const struct emission_factor *factor)
{
	struct seen *seen = ctx;

	seen->n++;
	seen->sum += factor->gco2_per_kwh;
	seen->last = factor->country;
	return 0;
}

static void the_last_value_of_each_code_stays_until_it_is_old(void **state)
{
	const struct emission_factor france = { "FR", "France", 40 },
				     denmark = { "DK", "Denmark", 9 },
				     later = { "FR", "FRANCE", 50 };
	struct emission_store store;
	struct seen seen = { 0 };

	emission_store_init(&store);
	assert_int_equal(emission_store_latest_ns(&store), 0);
	assert_int_equal(emission_store_put(&store, &france, 100), 0);
	assert_int_equal(emission_store_put(&store, &denmark, 100), 0);
	assert_int_equal(emission_store_put(&store, &later, 200), 0);
	assert_int_equal(emission_store_latest_ns(&store), 200);
	assert_int_equal(emission_store_each(&store, 100, see, &seen), 0);
	assert_int_equal(seen.n, 2);
	assert_true(seen.sum == 59);

	seen = (struct seen){ 0 };
	assert_int_equal(emission_store_each(&store, 101, see, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.last, "France");
	emission_store_done(&store);
}

static void zero_is_no_value(void **state)
{
	const struct emission_factor good = { "CF", "x", 1 }, zero = { "CF", "x", 0 };
	struct emission_store store;
	struct seen seen = { 0 };

	emission_store_init(&store);
	assert_int_equal(emission_store_put(&store, &good, 1), 0);
	assert_int_equal(emission_store_put(&store, &zero, 2), 0);
	assert_int_equal(emission_store_each(&store, 0, see, &seen), 0);
	assert_int_equal(seen.n, 0);
	emission_store_done(&store);
}

static void it_is_limited(void **state)
{
	struct emission_store store;
	char code[16];
	const struct emission_factor factor = { code, "x", 1 };

	emission_store_init(&store);
	for (int i = 0; i < EMISSION_FACTORS_MAX; i++) {
		snprintf(code, sizeof(code), "%d", i);
		assert_int_equal(emission_store_put(&store, &factor, 1), 0);
	}
	assert_int_equal(emission_store_put(&store, &factor, 1), 0);
	snprintf(code, sizeof(code), "more");
	assert_int_equal(emission_store_put(&store, &factor, 1), -ENOSPC);
	emission_store_done(&store);
}

static void failing_allocations_leave_it_whole(void **state)
{
	const struct emission_factor factor = { "FR", "France", 40 };
	struct emission_store store;
	struct seen seen = { 0 };
	size_t n = 0;
	int r;

	emission_store_init(&store);
	do {
		alloc_fail_at(++n);
		r = emission_store_put(&store, &factor, 1);
		assert_true(r == 0 || r == -ENOMEM);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_true(n >= 3);
	assert_int_equal(emission_store_each(&store, 0, see, &seen), 0);
	assert_int_equal(seen.n, 1);
	emission_store_done(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_last_value_of_each_code_stays_until_it_is_old),
		TEST(zero_is_no_value),
		TEST(it_is_limited),
		TEST(failing_allocations_leave_it_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
