// SPDX-License-Identifier: Apache-2.0
#include "remote/redfish_chassis.h"

#include "unit_test.h"

enum { N = 4 };

/* Chassis a to d, each with a resource of its own. */
static void make(struct redfish_chassis chassis[N])
{
	static const char *paths[N] = { "/a", "/b", "/c", "/d" };
	static const char *resources[N] = { "/a/Power", "/b/Power", "/c/Power", "/d/Power" };

	for (size_t i = 0; i < N; i++)
		chassis[i] = (struct redfish_chassis){ .path = paths[i],
			.source = REDFISH_POWER,
			.resources = &resources[i],
			.n_resources = 1 };
}

static void assert_counts(
	const struct redfish_chassis chassis[N], const char *has_power, const char *expected)
{
	bool power[N], counts[N];

	for (size_t i = 0; i < N; i++)
		power[i] = has_power[i] == '1';
	redfish_outermost(chassis, N, power, counts);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(counts[i], expected[i] == '1');
}

static void chassis_side_by_side_all_count(void **state)
{
	struct redfish_chassis c[N];

	make(c);
	assert_counts(c, "1111", "1111");
	assert_counts(c, "1010", "1010");
}

static void what_is_inside_another_with_power_is_in_it(void **state)
{
	const char *inner[] = { "/b/", "/c" };
	struct redfish_chassis c[N];

	make(c);
	c[0].contains = inner;
	c[0].n_contains = 2;
	c[3].contained_by = "/c";
	assert_counts(c, "1111", "1000");
	assert_counts(c, "0111", "0110"); /* d is in c */
	assert_counts(c, "1101", "1000"); /* d is in a by way of c, which tells nothing */
	assert_counts(c, "0001", "0001");
}

static void the_order_of_the_list_does_not_matter(void **state)
{
	struct redfish_chassis c[N];

	make(c);
	c[0].contained_by = "/b";
	c[1].contained_by = "/c";
	c[2].contained_by = "/d/";
	assert_counts(c, "1111", "0001");
	assert_counts(c, "1110", "0010");
	assert_counts(c, "1001", "0001");
}

static void of_a_circle_one_counts(void **state)
{
	struct redfish_chassis c[N];

	make(c);
	c[0].contained_by = "/b";
	c[1].contained_by = "/c";
	c[2].contained_by = "/a";
	c[3].contained_by = "/d";
	assert_counts(c, "1111", "0011");
	assert_counts(c, "1101", "0101");
}

static void one_resource_counts_once(void **state)
{
	struct redfish_chassis c[N];

	make(c);
	c[2].resources = c[1].resources;
	assert_counts(c, "1111", "1101");
	assert_counts(c, "1011", "1011");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(chassis_side_by_side_all_count),
		TEST(what_is_inside_another_with_power_is_in_it),
		TEST(the_order_of_the_list_does_not_matter),
		TEST(of_a_circle_one_counts),
		TEST(one_resource_counts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
