// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/unit_overlap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alloc_fail.h"
#include "basic/macros.h"
#include "unit_test.h"

enum { UNITS_MAX_HERE = 8 };

static struct unit_overlap o;
static struct unit_sample units[UNITS_MAX_HERE];

/* Puts the units together; '|' in the list ends a table. What is left, as text. */
static const char *left_of(const char *const *paths, size_t n_paths)
{
	static char text[256];
	size_t ends[4], n_tables = 0, n = 0, n_left;

	for (size_t i = 0; i < n_paths; i++) {
		if (!strcmp(paths[i], "|"))
			ends[n_tables++] = n;
		else
			units[n++] = (struct unit_sample){ .path = paths[i], .incarnation = i };
	}
	ends[n_tables++] = n;
	assert_int_equal(unit_overlap_remove(&o, units, ends, n_tables, &n_left), 0);
	text[0] = '\0';
	for (size_t i = 0; i < n_left; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			units[i].path);
	return text;
}

#define LEFT(...)                                     \
	left_of((const char *const[]){ __VA_ARGS__ }, \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void units_of_different_trees_all_count(void **state)
{
	assert_string_equal(LEFT("slurm/job_1", "slurm/job_10", "|", "machine/vm", "|", "pods/x"),
		"slurm/job_1 slurm/job_10 machine/vm pods/x");
	assert_string_equal(LEFT("slurm/job_1", "|", "slurm/job_12", "slurm/job"),
		"slurm/job_1 slurm/job_12 slurm/job");
	unit_overlap_done(&o);
}

static void the_outer_one_counts_whoever_comes_first(void **state)
{
	assert_string_equal(LEFT("slurm/job_1", "|", "slurm/job_1/step/pods/x", "pods/y"),
		"slurm/job_1 pods/y");
	assert_string_equal(LEFT("slurm/job_1/step/pods/x", "|", "slurm/job_1"), "slurm/job_1");
	unit_overlap_done(&o);
}

static void the_same_group_counts_for_the_first_manager(void **state)
{
	assert_string_equal(LEFT("a/b", "c", "|", "a/b", "d"), "a/b c d");
	unit_overlap_done(&o);
}

static void a_look_is_taken_only_when_units_changed(void **state)
{
	const char *before = LEFT("a", "b", "|", "a/x");

	assert_string_equal(before, "a b");
	alloc_fail_at(0);
	assert_string_equal(LEFT("a", "b", "|", "a/x"), "a b");
	assert_int_equal(alloc_count(), 0);
	assert_string_equal(LEFT("a", "b", "|", "c/x", "d"), "a b c/x d");
	unit_overlap_done(&o);
}

static void without_memory_it_says_so(void **state)
{
	size_t ends[] = { 1, 2 }, n;

	units[0] = (struct unit_sample){ .path = "a" };
	units[1] = (struct unit_sample){ .path = "a/b" };
	for (size_t i = 1; i <= 2; i++) {
		alloc_fail_at(i);
		assert_int_equal(unit_overlap_remove(&o, units, ends, 2, &n), -ENOMEM);
		alloc_fail_at(0);
	}
	assert_int_equal(unit_overlap_remove(&o, units, ends, 2, &n), 0);
	assert_int_equal(n, 1);
	unit_overlap_done(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(units_of_different_trees_all_count),
		TEST(the_outer_one_counts_whoever_comes_first),
		TEST(the_same_group_counts_for_the_first_manager),
		TEST(a_look_is_taken_only_when_units_changed),
		TEST(without_memory_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
