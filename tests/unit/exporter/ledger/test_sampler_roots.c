// SPDX-License-Identifier: Apache-2.0
/* The sampling loop while the mounts that it reads below go, return, and are replaced. */
#include "exporter/ledger/sampler.h"

#include <errno.h>
#include <stdio.h>

#include "sampler_node.h"

static void move(const char *from, const char *to)
{
	char old[160], new[160];

	snprintf(old, sizeof(old), "%s/%s", t.path, from);
	snprintf(new, sizeof(new), "%s/%s", t.path, to);
	assert_int_equal(rename(old, new), 0);
}

static uint64_t party(enum energy_party p)
{
	return t.report.totals.party_uj[DOMAIN_CPU][p];
}

static void a_server(void)
{
	zone("intel-rapl:0", "package-0\n", 1000);
	node_start(NULL);
}

static void what_was_kept_of_a_sysfs_that_is_gone_is_not_counted(void **state)
{
	a_server();
	move("sys", "old");
	put("old/class/powercap/intel-rapl:0/energy_uj", "2000\n");
	tick(1);
	tick(1);
	assert_int_equal(t.report.totals.meter_uj[DOMAIN_CPU], 0);
	assert_int_equal(t.report.domains[DOMAIN_CPU].covered_us, 0);
	assert_int_equal(t.report.domains[DOMAIN_CPU].age_ns, 2 * S_NS);
	move("old", "sys");
	tick(1); /* at once, and not when zones are looked for anew */
	assert_int_equal(t.report.totals.meter_uj[DOMAIN_CPU], 1000);
	assert_int_equal(t.report.domains[DOMAIN_CPU].covered_us, 3000000);
}

static void zones_of_another_sysfs_are_read(void **state)
{
	a_server();
	move("sys", "old");
	zone("intel-rapl:0", "package-0\n", 1500);
	tick(1);
	put("old/class/powercap/intel-rapl:0/energy_uj", "900000\n");
	put_energy("intel-rapl:0", 1700);
	tick(1);
	assert_int_equal(t.report.totals.meter_uj[DOMAIN_CPU], 700);
}

/* As put_stat() writes it: whoever reads the file of before sees no time pass. */
static void energy_is_unattributed_while_procfs_is_gone(void **state)
{
	a_server();
	t.busy_ticks += 10;
	put_energy("intel-rapl:0", 1100);
	tick(1);
	assert_int_equal(party(PARTY_UNATTRIBUTED), 0);
	move("proc", "old");
	put_energy("intel-rapl:0", 1300);
	t.mono_ns += S_NS;
	t.real_ns += S_NS;
	sampler_tick(t.sampler);
	report();
	assert_int_equal(party(PARTY_UNATTRIBUTED), 200);

	/* Another one, whose counters say nothing about what was before. */
	put("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 600 kB\nMemAvailable: 600 kB\n");
	t.busy_ticks += 100000;
	put_energy("intel-rapl:0", 1700);
	tick(1);
	assert_int_equal(party(PARTY_UNATTRIBUTED), 600);
	t.busy_ticks += 10;
	put_energy("intel-rapl:0", 1800);
	tick(1);
	assert_int_equal(party(PARTY_UNATTRIBUTED), 600);
}

/* The table says so; it is not the same as that there are none. */
static void energy_is_unattributed_while_units_cannot_be_seen(void **state)
{
	a_server();
	t.units_error = -ESTALE;
	put_energy("intel-rapl:0", 1300);
	tick(1);
	assert_int_equal(party(PARTY_UNATTRIBUTED), 300);
	t.units_error = -ENODATA;
	put_energy("intel-rapl:0", 1400);
	tick(1);
	assert_int_equal(party(PARTY_UNATTRIBUTED), 300);
}

#define NODE(name) cmocka_unit_test_setup_teardown(name, node_setup, node_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODE(what_was_kept_of_a_sysfs_that_is_gone_is_not_counted),
		NODE(zones_of_another_sysfs_are_read),
		NODE(energy_is_unattributed_while_procfs_is_gone),
		NODE(energy_is_unattributed_while_units_cannot_be_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
