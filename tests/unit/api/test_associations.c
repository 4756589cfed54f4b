// SPDX-License-Identifier: Apache-2.0
#include "api/associations.h"

#include <errno.h>
#include <string.h>

#include "unit_test.h"

static const struct association_origin origin = { "c", "k8s", "2031-04-09T08:15:00" };

static void assert_names(const struct strings *names, const char *expected)
{
	char text[256] = "";

	for (size_t i = 0; i < names->n; i++) {
		strcat(text, names->v[i]);
		strcat(text, " ");
	}
	assert_string_equal(text, expected);
}

static void pairs_become_sorted_and_distinct_lists(void **state)
{
	struct association rows[] = { { "web", "zoe" }, { "astro", "mira" }, { "web", "mira" },
		{ "web", "zoe" }, { "astro", "mira" }, { "astro", "ann" } };
	struct association_list pairs = { 0 };
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct arena arena;

	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(
			association_list_push(&pairs, &arena, rows[i].project, rows[i].user), 0);
	assert_int_equal(associations_to_lists(&pairs, &origin, &arena, &users, &projects), 0);
	assert_int_equal(users.n, 3);
	assert_string_equal(users.v[0].name, "ann");
	assert_string_equal(users.v[1].name, "mira");
	assert_names(&users.v[1].projects, "astro web ");
	assert_string_equal(users.v[1].uid, "");
	assert_string_equal(users.v[1].cluster_id, "c");
	assert_string_equal(users.v[1].last_updated_at, "2031-04-09T08:15:00");
	assert_names(&users.v[2].projects, "web ");
	assert_int_equal(projects.n, 2);
	assert_names(&projects.v[0].users, "ann mira ");
	assert_string_equal(projects.v[1].name, "web");
	assert_string_equal(projects.v[1].resource_manager, "k8s");
	assert_names(&projects.v[1].users, "mira zoe ");
	arena_done(&arena);
}

static void no_pairs_are_no_lists_and_no_memory_is_told(void **state)
{
	struct association_list pairs = { 0 };
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct arena arena;

	arena_init(&arena, 64);
	assert_int_equal(associations_to_lists(&pairs, &origin, &arena, &users, &projects), 0);
	assert_int_equal(users.n + projects.n, 0);
	assert_int_equal(association_list_push(&pairs, &arena, "p", "u"), -ENOMEM);
	pairs = (struct association_list){ &(struct association){ "p", "u" }, 1, 1 };
	assert_int_equal(
		associations_to_lists(&pairs, &origin, &arena, &users, &projects), -ENOMEM);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_become_sorted_and_distinct_lists),
		cmocka_unit_test(no_pairs_are_no_lists_and_no_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
