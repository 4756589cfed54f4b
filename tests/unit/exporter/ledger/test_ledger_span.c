// SPDX-License-Identifier: Apache-2.0
/* Spans of the rest whose beginning is learned later. */
#include "basic/macros.h"
#include "exporter/ledger/ledger.h"
#include "unit_test.h"

enum { SECOND_US = 1000000 };

/* The first interval of the span is a short one, of one unit alone; the span began 4 s earlier. */
static void a_short_first_interval_does_not_stand_for_seconds(void **state)
{
	const struct ledger_config config = {
		.policy = LEDGER_POLICY_USAGE, .max_units = 8, .interval_us = SECOND_US
	};
	struct unit_sample units[2] = {
		{ .key = { "slurm", "", "1" }, .incarnation = 1, .cpu_known = true },
		{ .key = { "slurm", "", "2" }, .incarnation = 1, .cpu_known = true },
	};
	struct ledger_interval iv = { .now_ns = 1,
		.node_known = true,
		.node_cpus_milli = 1000,
		.units = units,
		.n_units = 2 };
	struct ledger *ledger;
	struct ledger_totals totals;

	assert_int_equal(ledger_new(&config, &ledger), 0);
	assert_int_equal(ledger_book(ledger, &iv), 0);
	for (int i = 0; i < 10; i++) {
		iv.duration_us = i ? SECOND_US : SECOND_US / 20;
		iv.now_ns += (int64_t)iv.duration_us * 1000;
		iv.node_cpu_busy_us = iv.duration_us;
		units[i > 0].cpu_usage_us += iv.duration_us;
		iv.backlog[DOMAIN_REST] = (struct ledger_backlog){ .open = true };
		if (i == 9)
			iv.backlog[DOMAIN_REST] = (struct ledger_backlog){ .open = true,
				.settle = true,
				.stretch_us = 4 * SECOND_US,
				.energy_uj = 13050 };
		assert_int_equal(ledger_book(ledger, &iv), 0);
	}
	ledger_totals(ledger, &totals);
	assert_int_equal(totals.n_units, 2);
	/* Of 13.05 s 0.05 s and a 21st of the 4 s. */
	assert_in_range(totals.units[0].energy_uj[DOMAIN_REST], 239, 242);
	assert_int_equal(
		totals.units[0].energy_uj[DOMAIN_REST] + totals.units[1].energy_uj[DOMAIN_REST],
		13050);
	ledger_free(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_short_first_interval_does_not_stand_for_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
