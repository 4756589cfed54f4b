// SPDX-License-Identifier: Apache-2.0
#include "host/hwmon.h"

#include "tree.h"

static void the_name_of_a_file_tells_the_sensor(void **state)
{
	static const char *const odd[] = { "", "power", "power1", "power1_", "power_input",
		"power1_input_", "power1_input_max", "power1_max", "power1_cap", "temp1_input",
		"Power1_input", "power1a_input", "power-1_input", "power 1_input",
		"power99999999999999999999_input", "energy_1_input", "powerenergy1_input",
		"1_input", "_input" };
	struct hwmon_file file;

	assert_true(hwmon_parse_file("power007_input_lowest", &file));
	assert_int_equal(file.kind, HWMON_POWER);
	assert_int_equal(file.number, 7);
	assert_int_equal(file.property, HWMON_INPUT_LOWEST);
	assert_true(hwmon_parse_file("energy0_average", &file));
	assert_int_equal(file.kind, HWMON_ENERGY);
	assert_int_equal(file.number, 0);
	assert_int_equal(file.property, HWMON_AVERAGE);
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		assert_false(hwmon_parse_file(odd[i], &file));
}

static void names_are_made_fit_for_labels(void **state)
{
	static const struct {
		const char *name, *clean;
	} rows[] = {
		{ "zenpower", "zenpower" },
		{ "0000:40:18.5", "0000:40:18_5" },
		{ "LNXSYBUS:00", "lnxsybus:00" },
		{ "--a--b__", "a__b" },
		{ "\xc3\xa9t\xc3\xa9 1", "t__1" },
		{ "a\xe2\x82\xac\xff\xfe"
		  "b",
			"a___b" },
		{ "a\xe2\x82", "a" },
		{ "---", "" },
		{ "", "" },
	};
	char clean[HWMON_NAME_MAX], small[4];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(hwmon_clean(slice_from(rows[i].name), clean, sizeof(clean)),
			strlen(rows[i].clean));
		assert_string_equal(clean, rows[i].clean);
	}
	assert_int_equal(hwmon_clean(SLICE("abcdef"), small, sizeof(small)), 3);
	assert_int_equal(hwmon_clean(SLICE("a--b"), small, sizeof(small)), 1);
}

static void values_are_floats(void **state)
{
	double micro = 0;

	assert_int_equal(hwmon_parse_value(SLICE("61500000"), &micro), 0);
	assert_true(micro == 61500000);
	assert_int_equal(hwmon_parse_value(SLICE("-1.5e3"), &micro), 0);
	assert_true(micro == -1500);
	assert_int_equal(hwmon_parse_value(SLICE(""), &micro), -EBADMSG);
	assert_int_equal(hwmon_parse_value(SLICE("nan"), &micro), -EBADMSG);
	assert_int_equal(hwmon_parse_value(SLICE("12 W"), &micro), -EBADMSG);
	assert_int_equal(hwmon_parse_value(SLICE("1e999"), &micro), -EBADMSG);
}

static void the_entrys_sensor_comes_before_that_of_its_device(void **state)
{
	struct hwmon_sensors sensors;
	struct arena arena;
	struct tree tree;
	double micro;

	tree_make(&tree);
	arena_init(&arena, 1 << 20);
	tree_put(&tree, "class/hwmon/hwmon0/power2_input", "20");
	tree_put(&tree, "class/hwmon/hwmon0/device/power1_input", "1");
	tree_put(&tree, "class/hwmon/hwmon0/device/power2_input", "2");
	tree_put(&tree, "class/hwmon/hwmon1", "a file");
	assert_int_equal(hwmon_discover(tree.fd, tree.path, &arena, &sensors), 0);
	assert_int_equal(sensors.n, 2);
	assert_int_equal(hwmon_read(tree.fd, &sensors.v[0], &micro), 0);
	assert_true(micro == 1);
	assert_int_equal(hwmon_read(tree.fd, &sensors.v[1], &micro), 0);
	assert_true(micro == 20);
	assert_string_equal(sensors.v[0].chip->chip, "hwmon0_device");
	tree_remove(&tree, "class/hwmon/hwmon0");
	assert_int_equal(hwmon_read(tree.fd, &sensors.v[0], &micro), -ENOENT);
	assert_int_equal(hwmon_discover(tree.fd, tree.path, &arena, &sensors), 0);
	assert_int_equal(sensors.n, 0);
	tree_remove(&tree, "class");
	assert_int_equal(hwmon_discover(tree.fd, tree.path, &arena, &sensors), -ENODATA);
	arena_done(&arena);
	tree_done(&tree);
}

static void a_small_memory_fails_cleanly(void **state)
{
	struct hwmon_sensors sensors;
	struct tree tree;
	int r = -ENOMEM;

	tree_make(&tree);
	tree_put(&tree, "class/hwmon/hwmon0/power2_input", "20");
	tree_put(&tree, "class/hwmon/hwmon0/name", "a");
	for (size_t limit = 0; r == -ENOMEM && limit < 1 << 20; limit += 64) {
		struct arena arena;

		arena_init(&arena, limit);
		r = hwmon_discover(tree.fd, tree.path, &arena, &sensors);
		arena_done(&arena);
	}
	assert_int_equal(r, 0);
	tree_done(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_name_of_a_file_tells_the_sensor),
		TEST(names_are_made_fit_for_labels),
		TEST(values_are_floats),
		TEST(the_entrys_sensor_comes_before_that_of_its_device),
		TEST(a_small_memory_fails_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
