// SPDX-License-Identifier: Apache-2.0
/* What the vendors' tools print, and AMD's driver in sysfs. */
#include <errno.h>

#include "basic/buffer.h"
#include "basic/macros.h"
#include "host/amd_smi.h"
#include "host/kfd.h"
#include "host/nvidia_smi.h"
#include "tree.h"
#include "unit_test.h"

static struct gpu_list list;
static struct err err;

static int teardown(void **state)
{
	gpu_list_done(&list);
	return 0;
}

static struct slice fixture(const char *name, struct buffer *text)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/fixtures/gpu/%s", getenv("CEEMS_SOURCE"), name);
	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, text), 0);
	return (struct slice){ buffer_text(text), text->len };
}

static int parse_fixture(
	int (*parse)(struct slice, struct gpu_list *, struct err *), const char *name)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };

	return parse(fixture(name, &text), &list, &err);
}

static void whole_gpus_and_mig_devices_are_numbered_in_order(void **state)
{
	assert_int_equal(parse_fixture(nvidia_smi_parse, "nvidia.xml"), 0);
	assert_int_equal(list.n, 3);
	assert_true(list.v[0].is_cut);
	assert_string_equal(list.v[0].index, "");
	assert_string_equal(list.v[0].uuid, "GPU-aaaaaaaa-0000-0000-0000-000000000000");
	assert_int_equal(list.v[0].units, 108);
	assert_int_equal(list.v[0].address.bus, 0x10);
	assert_int_equal(list.v[0].device_minor, 2);
	assert_true(list.v[0].has_power);
	assert_int_equal(list.v[0].power_uw, 61250000);
	assert_int_equal(list.v[0].n_instances, 2);
	assert_string_equal(list.v[0].instances[0].index, "0");
	assert_string_equal(list.v[0].instances[0].id, "3");
	assert_int_equal(list.v[0].instances[0].units, 42);
	assert_string_equal(list.v[0].instances[1].index, "1");
	assert_int_equal(list.v[0].instances[1].units, 1);
	assert_string_equal(list.v[1].index, "2");
	assert_int_equal(list.v[1].units, 132);
	assert_int_equal(list.v[1].minor, 1);
	assert_true(list.v[1].is_vgpu);
	assert_false(list.v[1].has_power);
	assert_string_equal(list.v[2].index, "3");
	assert_int_equal(list.v[2].units, 0);
}

static void warnings_around_the_document_are_passed_over(void **state)
{
	static const char *const texts[] = {
		"WARNING: infoROM is corrupted at gpu 0000:10:00.0\n"
		"<?xml version=\"1.0\" ?>\n"
		"<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n"
		"<nvidia_smi_log><gpu id=\"00000000:10:00.0\"><uuid>GPU-a</uuid></gpu>"
		"</nvidia_smi_log>\nWARNING: <1> & more\n",
		"a < b\n<nvidia_smi_log><gpu id=\"00000000:10:00.0\"><uuid>GPU-a</uuid></gpu>"
		"</nvidia_smi_log>",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(nvidia_smi_parse(slice_from(texts[i]), &list, &err), 0);
		assert_int_equal(list.n, i + 1);
		assert_string_equal(list.v[i].uuid, "GPU-a");
	}
	assert_int_equal(
		nvidia_smi_parse(slice_from("No devices were found\n"), &list, &err), -EBADMSG);
}

static void mig_uuids_and_mediated_devices_are_joined(void **state)
{
	CLEANUP(buffer_done) struct buffer listing = { 0 }, vgpus = { 0 };

	assert_int_equal(parse_fixture(nvidia_smi_parse, "nvidia.xml"), 0);
	nvidia_smi_parse_mig_uuids(fixture("nvidia-L.txt", &listing), &list);
	assert_string_equal(
		list.v[0].instances[0].uuid, "MIG-11111111-0000-0000-0000-000000000000");
	assert_string_equal(
		list.v[0].instances[1].uuid, "MIG-22222222-0000-0000-0000-000000000000");
	assert_int_equal(nvidia_smi_parse_mdevs(fixture("nvidia-vgpu.txt", &vgpus), &list), 0);
	assert_int_equal(list.n_mdevs, 3);
	assert_int_equal(list.mdevs[0].device, 0);
	assert_int_equal(list.mdevs[0].instance, 0);
	assert_string_equal(list.mdevs[1].uuid, "50000000-0000-0000-0000-000000000000");
	assert_int_equal(list.mdevs[1].device, 1);
	assert_int_equal(list.mdevs[1].instance, -1);
}

static void mig_uuids_of_the_old_form_are_none(void **state)
{
	assert_int_equal(parse_fixture(nvidia_smi_parse, "nvidia.xml"), 0);
	nvidia_smi_parse_mig_uuids(
		slice_from("  MIG 1g.5gb Device  0: (UUID: MIG-before-any)\n"
			   "GPU 0: A100 (UUID: GPU-aaaaaaaa-0000-0000-0000-000000000000)\n"
			   "  MIG 1g.5gb Device  0: (UUID: MIG-GPU-aaaaaaaa/7/0)\n"
			   "  MIG 1g.5gb Device  x: (UUID: MIG-x)\n"
			   "  MIG 1g.5gb Device  9: (UUID: MIG-9)\n"
			   "GPU 1: unknown (UUID: GPU-0)\n"
			   "  MIG 1g.5gb Device  1: (UUID: MIG-of-unknown)\n"),
		&list);
	assert_string_equal(list.v[0].instances[0].uuid, "");
	assert_string_equal(list.v[0].instances[1].uuid, "");
}

static void products_are_known_by_an_exact_word(void **state)
{
	static const struct {
		const char *name;
		uint64_t sms;
	} products[] = {
		{ "Tesla V100-SXM2-32GB", 80 },
		{ "NVIDIA A10", 72 },
		{ "NVIDIA A10G", 0 },
		{ "NVIDIA A16", 10 },
		{ "A100-PCIE-40GB", 108 },
		{ "NVIDIA A2", 10 },
		{ "NVIDIA A30", 56 },
		{ "NVIDIA A40-8Q", 84 },
		{ "NVIDIA A800-SXM4-80GB", 108 },
		{ "NVIDIA H100 80GB HBM3", 132 },
		{ "NVIDIA H200", 132 },
		{ "NVIDIA H800", 114 },
		{ "NVIDIA B100", 132 },
		{ "NVIDIA B200", 132 },
		{ "NVIDIA h100", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(products); i++)
		assert_int_equal(
			nvidia_smi_product_sms(slice_from(products[i].name)), products[i].sms);
}

static void what_is_no_list_is_told(void **state)
{
	static const char *const texts[] = {
		"",
		"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
		"<a/>",
		"<nvidia_smi_log><gpu id='0'>",
		("<nvidia_smi_log><gpu><mig_devices><mig_device><index>x</index>"
		 "</mig_device></mig_devices></gpu></nvidia_smi_log>"),
		"<!DOCTYPE a [<!ENTITY b 'c'>]><nvidia_smi_log>&b;</nvidia_smi_log>",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(nvidia_smi_parse(slice_from(texts[i]), &list, &err), -EBADMSG);
		assert_true(err.text[0]);
		gpu_list_done(&list);
		assert_int_equal(rocm_smi_parse(slice_from(texts[i]), &list, &err), -EBADMSG);
		assert_int_equal(amd_smi_parse(slice_from(texts[i]), &list, &err), -EBADMSG);
	}
	assert_int_equal(
		nvidia_smi_parse(slice_from("<nvidia_smi_log><gpu><mig_devices><mig_device>"
					    "<index>0</index><gpu_instance_id>N/A"
					    "</gpu_instance_id></mig_device></mig_devices>"
					    "</gpu></nvidia_smi_log>"),
			&list, &err),
		-EBADMSG);
	assert_string_equal(err.text, "a MIG device's ids are no numbers");
	gpu_list_done(&list);
	assert_int_equal(nvidia_smi_parse(slice_from("<nvidia_smi_log/>"), &list, &err), 0);
	assert_int_equal(list.n, 0);
}

static void too_many_devices_are_refused(void **state)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };

	buffer_puts(&text, "<nvidia_smi_log>");
	for (int i = 0; i <= GPU_LIST_MAX; i++)
		buffer_puts(&text, "<gpu/>");
	buffer_puts(&text, "</nvidia_smi_log>");
	assert_int_equal(
		nvidia_smi_parse((struct slice){ text.data, text.len }, &list, &err), -E2BIG);
	buffer_clear(&text);
	for (int i = 0; i < 100000; i++)
		buffer_putc(&text, '[');
	assert_int_equal(
		amd_smi_parse((struct slice){ text.data, text.len }, &list, &err), -EBADMSG);
}

static void readings_have_power_and_use(void **state)
{
	struct nvidia_smi_reading r;

	assert_int_equal(nvidia_smi_parse_reading(slice_from("GPU-1, 73.42, 99"), &r), 0);
	assert_true(slice_eq(r.uuid, "GPU-1"));
	assert_true(r.power_known && r.use_known);
	assert_int_equal(r.power_uw, 73420000);
	assert_int_equal(r.use_ppm, 990000);
	assert_int_equal(
		nvidia_smi_parse_reading(slice_from("GPU-1, [N/A], [Not Supported]\r"), &r), 0);
	assert_false(r.power_known || r.use_known);
	assert_int_equal(nvidia_smi_parse_reading(slice_from("GPU-1, -3, 101"), &r), 0);
	assert_false(r.power_known || r.use_known);
	assert_int_equal(nvidia_smi_parse_reading(slice_from(""), &r), -EBADMSG);
	assert_int_equal(nvidia_smi_parse_reading(slice_from("GPU-1, 2"), &r), -EBADMSG);
	assert_int_equal(nvidia_smi_parse_reading(slice_from("GPU-1,2,3,4"), &r), -EBADMSG);
	assert_int_equal(nvidia_smi_parse_reading(slice_from("No devices, 1, 2"), &r), -EBADMSG);
}

static void amd_devices_are_ordered_by_their_number(void **state)
{
	assert_int_equal(parse_fixture(amd_smi_parse, "amd-old.json"), 0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.v[0].uuid, "SER-A");
	assert_string_equal(list.v[0].index, "0");
	assert_int_equal(list.v[0].minor, 0);
	assert_false(list.v[0].is_cut);
	assert_string_equal(list.v[1].uuid, "SER-B");
	assert_string_equal(list.v[1].index, "1");
}

static void partitions_belong_to_the_device_of_their_serial_number(void **state)
{
	assert_int_equal(parse_fixture(amd_smi_parse, "amd-new.json"), 0);
	assert_int_equal(list.n, 2);
	assert_true(list.v[0].is_cut);
	assert_string_equal(list.v[0].index, "");
	assert_int_equal(list.v[0].n_instances, 3);
	for (size_t i = 0; i < 3; i++) {
		char number[2] = { (char)('0' + i), '\0' };

		assert_string_equal(list.v[0].instances[i].index, number);
		assert_string_equal(list.v[0].instances[i].id, number);
	}
	assert_string_equal(list.v[1].index, "3");
	assert_int_equal(list.v[1].minor, 1);
}

static void cards_of_rocm_smi_are_ordered_by_number(void **state)
{
	assert_int_equal(parse_fixture(rocm_smi_parse, "rocm.json"), 0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.v[0].uuid, "SER-A");
	assert_int_equal(list.v[0].n_instances, 2);
	assert_string_equal(list.v[0].instances[1].index, "1");
	assert_string_equal(list.v[0].instances[1].id, "1");
	assert_string_equal(list.v[1].index, "2");
}

#define NODE "sys/class/kfd/kfd/topology/nodes/"

static void put_node(struct tree *t, const char *node, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), NODE "%s/properties", node);
	tree_put(t, path, text);
}

static void the_driver_tells_units_and_names_of_partitions(void **state)
{
	struct tree t;
	int sysfs_fd;

	tree_make(&t);
	put_node(&t, "0", "simd_count 0\ndrm_render_minor 0\n");
	put_node(&t, "1", "simd_count 152\nsimd_per_cu 4\nunique_id 77\ndrm_render_minor 128\n");
	put_node(&t, "2", "simd_count 148\nsimd_per_cu 4\nunique_id 77\ndrm_render_minor 130\n");
	put_node(&t, "3", "simd_count 144\nsimd_per_cu 4\nunique_id 77\ndrm_render_minor 129\n");
	put_node(&t, "4", "simd_count 1216\nsimd_per_cu 4\nunique_id 78\ndrm_render_minor 131\n");
	tree_mkdirs(&t, "sys/module/amdgpu/drivers/pci:amdgpu/0000:c0:00.0/drm/renderD128/");
	tree_mkdirs(&t, "sys/module/amdgpu/drivers/pci:amdgpu/0000:c0:00.0/drm/card0/");
	tree_mkdirs(&t, "sys/module/amdgpu/drivers/pci:amdgpu/0000:d0:00.0/drm/renderD131/");
	tree_mkdirs(&t, "sys/module/amdgpu/drivers/pci:amdgpu/bind/");
	tree_mkdirs(&t, "sys/devices/platform/amdgpu_xcp_0/drm/renderD130/");
	tree_mkdirs(&t, "sys/devices/platform/amdgpu_xcp_1/drm/renderD129/");
	tree_mkdirs(&t, "sys/devices/platform/serial8250/");
	sysfs_fd = openat(t.fd, "sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(parse_fixture(amd_smi_parse, "amd-new.json"), 0);
	assert_int_equal(kfd_complete(sysfs_fd, &list), 0);
	assert_string_equal(list.v[0].plugin, "");
	assert_string_equal(list.v[0].instances[0].plugin, "0000:c0:00.0");
	assert_int_equal(list.v[0].instances[0].units, 38);
	assert_string_equal(list.v[0].instances[1].plugin, "amdgpu_xcp_1");
	assert_int_equal(list.v[0].instances[1].units, 36);
	assert_string_equal(list.v[0].instances[2].plugin, "amdgpu_xcp_0");
	assert_int_equal(list.v[0].instances[2].units, 37);
	assert_string_equal(list.v[1].plugin, "0000:d0:00.0");
	assert_int_equal(list.v[1].units, 304);

	/* Other numbers of partitions than the tool told: nothing is guessed. */
	gpu_list_done(&list);
	tree_remove(&t, "sys/devices/platform/amdgpu_xcp_0");
	assert_int_equal(parse_fixture(amd_smi_parse, "amd-new.json"), 0);
	assert_int_equal(kfd_complete(sysfs_fd, &list), 0);
	assert_string_equal(list.v[0].instances[0].plugin, "");
	assert_int_equal(list.v[0].instances[0].units, 0);
	close(sysfs_fd);
	tree_done(&t);
}

static void addresses_are_compared_as_numbers(void **state)
{
	struct pci_address a, b;

	assert_int_equal(pci_address_parse(SLICE("00000000:0A:00.1"), &a), 0);
	assert_int_equal(pci_address_parse(SLICE("0x0:0xa:0x0.0x1"), &b), 0);
	assert_true(pci_address_eq(&a, &b));
	assert_int_equal(pci_address_parse(SLICE("a:0.2"), &b), 0);
	assert_false(pci_address_eq(&a, &b));
	assert_true(pci_address_same_slot(&a, &b));
	assert_int_equal(pci_address_parse(SLICE(""), &a), -EBADMSG);
	assert_int_equal(pci_address_parse(SLICE("a.1"), &a), -EBADMSG);
	assert_int_equal(pci_address_parse(SLICE("0:0:0:0.1"), &a), -EBADMSG);
	assert_int_equal(pci_address_parse(SLICE("0:a:0."), &a), -EBADMSG);
	assert_int_equal(pci_address_parse(SLICE("0:g:0.1"), &a), -EBADMSG);
	assert_int_equal(pci_address_parse(SLICE("0:123456789:0.1"), &a), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			whole_gpus_and_mig_devices_are_numbered_in_order, teardown),
		cmocka_unit_test_teardown(warnings_around_the_document_are_passed_over, teardown),
		cmocka_unit_test_teardown(mig_uuids_and_mediated_devices_are_joined, teardown),
		cmocka_unit_test_teardown(mig_uuids_of_the_old_form_are_none, teardown),
		cmocka_unit_test(products_are_known_by_an_exact_word),
		cmocka_unit_test_teardown(what_is_no_list_is_told, teardown),
		cmocka_unit_test_teardown(too_many_devices_are_refused, teardown),
		cmocka_unit_test(readings_have_power_and_use),
		cmocka_unit_test_teardown(amd_devices_are_ordered_by_their_number, teardown),
		cmocka_unit_test_teardown(
			partitions_belong_to_the_device_of_their_serial_number, teardown),
		cmocka_unit_test_teardown(cards_of_rocm_smi_are_ordered_by_number, teardown),
		cmocka_unit_test_teardown(the_driver_tells_units_and_names_of_partitions, teardown),
		cmocka_unit_test(addresses_are_compared_as_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
