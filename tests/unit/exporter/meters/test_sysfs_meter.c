// SPDX-License-Identifier: Apache-2.0
#include "exporter/meters/sysfs_meter.h"

#include "alloc_fail.h"
#include "tree.h"

static int64_t now_ns;

static int64_t test_now(void *ctx)
{
	return now_ns;
}

static const struct clock test_clock = { test_now, test_now, NULL };

static struct host_root host;

static int setup(void **state)
{
	static struct tree tree;

	tree_make(&tree);
	assert_int_equal(host_root_open(&host, tree.path, tree.path, tree.path, NULL), 0);
	now_ns = 1000;
	*state = &tree;
	return 0;
}

static int teardown(void **state)
{
	host_root_close(&host);
	tree_done(*state);
	return 0;
}

static struct sysfs_meter *cray(void)
{
	const struct sysfs_meter_config config = {
		.source = POWER_METER_CRAY,
		.clock = &test_clock,
		.host = &host,
		.energy_path = "energy",
		.power_paths = { "power" },
		.micros = 1000000,
		.is_stamped = true,
	};
	struct sysfs_meter *meter;

	assert_int_equal(sysfs_meter_new(&config, &meter), 0);
	return meter;
}

static int read_it(const struct sysfs_meter *meter, struct power_reading *ret_reading)
{
	const struct power_meter *m = sysfs_meter_power_meter(meter);

	now_ns += 1000;
	return m->read(m->ctx, ret_reading);
}

static void a_sample_is_as_old_as_its_text(void **state)
{
	struct tree *tree = *state;
	CLEANUP(sysfs_meter_freep) struct sysfs_meter *meter = cray();
	struct power_reading reading;

	tree_put(tree, "energy", "100 J 77 us\n");
	tree_put(tree, "power", "5 W 77 us\n");
	assert_int_equal(read_it(meter, &reading), 0);
	assert_true(reading.energy_known && reading.power_known);
	assert_int_equal(reading.energy_uj, 100000000);
	assert_int_equal(reading.power_uw, 5000000);
	assert_int_equal(reading.sample_ns, 2000);
	assert_int_equal(read_it(meter, &reading), 0);
	assert_int_equal(reading.sample_ns, 2000);
	tree_put(tree, "energy", "100 J 78 us\n"); /* a new sample without any energy */
	assert_int_equal(read_it(meter, &reading), 0);
	assert_int_equal(reading.sample_ns, 4000);
	assert_int_equal(reading.energy_uj, 100000000);
}

static void files_vanish_and_return(void **state)
{
	struct tree *tree = *state;
	CLEANUP(sysfs_meter_freep) struct sysfs_meter *meter = cray();
	struct power_reading reading = { .energy_uj = 7 };

	assert_int_equal(read_it(meter, &reading), -ENODATA);
	assert_int_equal(reading.energy_uj, 7);
	tree_put(tree, "power", "5 W 77 us\n");
	assert_int_equal(read_it(meter, &reading), 0); /* one without a counter */
	assert_true(reading.power_known && !reading.energy_known);
	tree_put(tree, "energy", "100 J 77 us\n");
	assert_int_equal(read_it(meter, &reading), 0);
	tree_remove(tree, "energy");
	assert_int_equal(read_it(meter, &reading), -ENODATA);
	tree_mkdirs(tree, "energy/");
	assert_int_equal(read_it(meter, &reading), -ENODATA);
	tree_remove(tree, "energy");
	tree_put(tree, "energy", "200 J 99 us\n");
	tree_remove(tree, "power");
	assert_int_equal(read_it(meter, &reading), 0);
	assert_true(reading.energy_known && !reading.power_known);
	assert_int_equal(reading.energy_uj, 200000000);
}

static void what_was_kept_of_another_sysfs_is_not_read(void **state)
{
	struct tree *tree = *state;
	CLEANUP(sysfs_meter_freep) struct sysfs_meter *meter = cray();
	struct power_reading reading;
	char old[128];

	tree_put(tree, "energy", "100 J 1 us\n");
	assert_int_equal(read_it(meter, &reading), 0);
	snprintf(old, sizeof(old), "%s.old", tree->path);
	assert_int_equal(rename(tree->path, old), 0);
	assert_int_equal(host_root_follow(&host), (1 << N_HOST_ROOTS) - 1);
	assert_int_equal(read_it(meter, &reading), -ENODATA);
	assert_int_equal(rename(old, tree->path), 0);
	assert_int_equal(host_root_follow(&host), (1 << N_HOST_ROOTS) - 1);
	assert_int_equal(read_it(meter, &reading), 0);
}

static void text_that_is_no_reading_is_none(void **state)
{
	static const char *const odd[] = { "", "\n", "J", "-5 J 1 us", "1.5 J 1 us",
		"18446744073710 J 1 us", "0x5 J", "99999999999999999999 J" };
	struct tree *tree = *state;

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		CLEANUP(sysfs_meter_freep) struct sysfs_meter *meter = cray();
		struct power_reading reading;

		tree_put(tree, "energy", odd[i]);
		tree_put(tree, "power", odd[i]);
		assert_int_equal(read_it(meter, &reading), -ENODATA);
	}
}

static void an_input_stands_in_for_an_average(void **state)
{
	struct tree *tree = *state;
	const struct sysfs_meter_config config = {
		.source = POWER_METER_HWMON,
		.clock = &test_clock,
		.host = &host,
		.power_paths = { "average", "input" },
		.micros = 1,
	};
	CLEANUP(sysfs_meter_freep) struct sysfs_meter *meter = NULL;
	struct power_reading reading;

	assert_int_equal(sysfs_meter_new(&config, &meter), 0);
	tree_put(tree, "average", "345000000\n");
	tree_put(tree, "input", "350000000\n");
	assert_int_equal(read_it(meter, &reading), 0);
	assert_int_equal(reading.power_uw, 345000000);
	assert_int_equal(reading.sample_ns, 2000);
	assert_int_equal(read_it(meter, &reading), 0);
	assert_int_equal(reading.sample_ns, 3000); /* nothing tells whether it is a new one */
	tree_put(tree, "average", "0\n");
	assert_int_equal(read_it(meter, &reading), 0);
	assert_int_equal(reading.power_uw, 350000000);
	tree_remove(tree, "average");
	assert_int_equal(read_it(meter, &reading), 0);
	assert_int_equal(reading.power_uw, 350000000);
	tree_put(tree, "input", "0\n");
	assert_int_equal(read_it(meter, &reading), -ENODATA);
}

static void no_memory_no_meter(void **state)
{
	const struct sysfs_meter_config config = {
		.host = &host, .clock = &test_clock, .micros = 1
	};
	struct sysfs_meter *meter = NULL;

	alloc_fail_at(1);
	assert_int_equal(sysfs_meter_new(&config, &meter), -ENOMEM);
	alloc_fail_at(0);
	assert_null(meter);
	sysfs_meter_free(meter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_sample_is_as_old_as_its_text, setup, teardown),
		cmocka_unit_test_setup_teardown(files_vanish_and_return, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_was_kept_of_another_sysfs_is_not_read, setup, teardown),
		cmocka_unit_test_setup_teardown(text_that_is_no_reading_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(an_input_stands_in_for_an_average, setup, teardown),
		TEST(no_memory_no_meter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
