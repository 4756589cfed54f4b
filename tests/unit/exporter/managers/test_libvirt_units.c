// SPDX-License-Identifier: Apache-2.0
#include "exporter/managers/libvirt_units.h"

#include "unit_test.h"

static struct unit_match match;

static enum unit_path_is classify(const char *path)
{
	match = (struct unit_match){ 0 };
	return libvirt_unit_manager.classify(CGROUP_V2, slice_from(path), &match);
}

static void check_unit(const char *path, const char *id)
{
	assert_int_equal(classify(path), UNIT_PATH_UNIT);
	assert_string_equal(match.id, id);
	assert_string_equal(match.virtual_host, "");
}

static void instances_of_openstack_are_units_by_their_names(void **state)
{
	check_unit("machine.slice/machine-qemu\\x2d3\\x2dinstance\\x2d0000000a.scope",
		"instance-0000000a");
	check_unit("machine/qemu-3-instance-0000000a.libvirt-qemu", "instance-0000000a");
	check_unit("machine/a.partition/qemu-12-instance-ff.libvirt-qemu", "instance-ff");
	check_unit("machine.slice/machine-a.slice/machine-qemu\\x2d3\\x2dinstance\\x2d0.scope",
		"instance-0");
	/* Anything may stand around them. */
	check_unit("machine/xqemu-3-instance-0000000a", "instance-0000000a");
	check_unit("machine/qemu-3-instance-0000000a-clone.libvirt-qemu", "instance-0000000a");
	check_unit("machine/qemu-3-instance-0000000aXYZ.libvirt-qemu", "instance-0000000a");
}

static void machines_of_any_name_are_units(void **state)
{
	check_unit("machine.slice/machine-qemu\\x2d1\\x2dweb.scope", "web");
	check_unit("machine.slice/machine-qemu\\x2d1\\x2ddb\\x2dmaster.example.scope",
		"db-master.example");
	check_unit("machine/qemu-7-Win2k22.libvirt-qemu", "Win2k22");
	check_unit("machine/qemu-7-instance-.libvirt-qemu", "instance-");
	check_unit("machine/qemu-7-instance-xyz.libvirt-qemu", "instance-xyz");
	check_unit("machine/qemu-7-1.libvirt-qemu", "1");
	check_unit("machine/qemu-7-\xff\x01\".libvirt-qemu", "\xff\x01\"");
}

static void what_is_below_a_machine_is_no_unit(void **state)
{
	static const char *const below[] = {
		"machine.slice/machine-qemu\\x2d3\\x2dinstance\\x2d0000000a.scope/libvirt",
		"machine.slice/machine-qemu\\x2d3\\x2dinstance\\x2d0000000a.scope/libvirt/vcpu0",
		"machine/qemu-3-instance-0000000a.libvirt-qemu/emulator",
		"machine/qemu-3-instance-0000000a.libvirt-qemu/iothread1",
		"machine/qemu-3-web.libvirt-qemu/qemu-4-db.libvirt-qemu",
	};

	for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++)
		assert_int_equal(classify(below[i]), UNIT_PATH_CHILD);
}

static void other_names_are_no_units(void **state)
{
	static const char *const other[] = { "", "machine", "machine.slice",
		"machine.slice/machine-lxc\\x2d3\\x2dweb.scope",
		"machine.slice/libpod-qemu-1-web.scope", "machine.slice/machine-qemu.slice",
		"machine/qemu-x-web.libvirt-qemu", "machine/qemu-3-.libvirt-qemu",
		"machine/qemu-3.libvirt-qemu", "machine/qemu--web.libvirt-qemu",
		"machine/qemu-3-web.libvirt-lxc", "machine/qemu-3-web",
		"machine/QEMU-3-web.libvirt-qemu", "machine/qemu-3-Instance-00.scope",
		"machine/qemu-instance-00" };

	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		assert_int_equal(classify(other[i]), UNIT_PATH_OTHER);
	assert_int_equal(classify("machine/qemu-3-web\\q.libvirt-qemu"), UNIT_PATH_CHILD);
	assert_int_equal(classify("machine/qemu\\x2f3/qemu-3-web.libvirt-qemu"), UNIT_PATH_CHILD);
}

static bool is_of(const char *machine_name, const char *domain)
{
	struct libvirt_machine machine;

	assert_true(libvirt_machine_parse(slice_from(machine_name), &machine));
	return libvirt_machine_is_of(&machine, slice_from(domain));
}

static void names_of_domains_become_names_of_machines(void **state)
{
	assert_true(is_of("qemu-1-web.libvirt-qemu", "web"));
	assert_true(is_of("machine-qemu-1-web.scope", "web"));
	assert_true(is_of("qemu-1-myvm1.libvirt-qemu", "my vm_1"));
	assert_true(is_of("qemu-1-a-b.c.libvirt-qemu", "--a-.-b..c.-"));
	assert_true(is_of("qemu-1-Grn.libvirt-qemu", "Gr\xc3\xbcn"));
	assert_false(is_of("qemu-1-web.libvirt-qemu", "web2"));
	assert_false(is_of("qemu-1-web2.libvirt-qemu", "web"));
	assert_false(is_of("qemu-1-web.libvirt-qemu", ""));
	assert_false(is_of("qemu-1-web.libvirt-qemu", "Web"));
}

static void long_names_are_cut_at_64_bytes_with_what_stands_before(void **state)
{
	static const char name[] = "a123456789b123456789c123456789d123456789e123456789f123456789";
	char machine[128];

	snprintf(machine, sizeof(machine), "qemu-7-%.57s.libvirt-qemu", name);
	assert_true(is_of(machine, name));
	snprintf(machine, sizeof(machine), "qemu-123-%.55s.libvirt-qemu", name);
	assert_true(is_of(machine, name));
	snprintf(machine, sizeof(machine), "qemu-7-%.58s.libvirt-qemu", name);
	assert_false(is_of(machine, name));
	assert_false(is_of("qemu-"
			   "1234567890123456789012345678901234567890123456789012345678901234567890"
			   "-a.libvirt-qemu",
		"a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(instances_of_openstack_are_units_by_their_names),
		TEST(machines_of_any_name_are_units),
		TEST(what_is_below_a_machine_is_no_unit),
		TEST(other_names_are_no_units),
		TEST(names_of_domains_become_names_of_machines),
		TEST(long_names_are_cut_at_64_bytes_with_what_stands_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
