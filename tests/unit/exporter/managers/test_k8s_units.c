// SPDX-License-Identifier: Apache-2.0
/* Which directories are pods, and what is told of a node's layout. */
#include "exporter/managers/k8s_units.h"

#include "basic/macros.h"
#include "tree.h"

#define UID "8e0c5f0e-1111-4222-8333-444455556666"
#define UID_ "8e0c5f0e_1111_4222_8333_444455556666"
#define HASH "3a7be1f5d2c94e0f8b6a1d2c3e4f5061"

static struct unit_match match;

static enum unit_path_is classify(const char *path)
{
	enum unit_path_is v1, v2;

	v1 = k8s_unit_manager.classify(CGROUP_V1, slice_from(path), &match);
	match = (struct unit_match){ .virtual_host = "not yet" };
	v2 = k8s_unit_manager.classify(CGROUP_V2, slice_from(path), &match);
	assert_int_equal(v1, v2);
	return v2;
}

static void check_pod(const char *path, const char *id)
{
	assert_int_equal(classify(path), UNIT_PATH_UNIT);
	assert_string_equal(match.id, id);
	assert_string_equal(match.virtual_host, "");
}

static void pods_of_the_cgroupfs_driver(void **state)
{
	check_pod("kubepods/pod" UID, UID);
	check_pod("kubepods/burstable/pod" UID, UID);
	check_pod("kubepods/besteffort/pod" HASH, HASH);
}

static void pods_of_the_systemd_driver(void **state)
{
	check_pod("kubepods.slice/kubepods-pod" UID_ ".slice", UID);
	check_pod("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice",
		UID);
	check_pod("kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" HASH ".slice",
		HASH);
	check_pod("kubepods.slice/kubepods\\x2dpod" UID_ ".slice", UID);
}

static void the_last_pod_of_a_name_counts(void **state)
{
	check_pod("kubepods/podmy-pod1", "1");
	check_pod("kubepods/pod_x-y.z", "-x-y");
	check_pod("kubepods/podpod", "pod");
}

static void slices_of_qos_classes_are_no_pods(void **state)
{
	static const char *const other[] = { "kubepods.slice", "kubepods", "kubepods/burstable",
		"kubepods.slice/kubepods-burstable.slice",
		"kubepods.slice/kubepods-besteffort.slice", "kubepods/pod", "kubepods/podABC",
		"kubepods/pod.slice", "kubepods/pods/x", "kubepods/tripod7", "", "pod" UID,
		"system.slice/pod" UID, "user.slice/x-pod1" };

	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		if (str_eq(other[i], "kubepods/pods/x"))
			assert_int_equal(classify(other[i]), UNIT_PATH_CHILD);
		else
			assert_int_equal(classify(other[i]), UNIT_PATH_OTHER);
	}
}

static void containers_are_no_pods(void **state)
{
	static const char *const children[] = {
		"kubepods/pod" UID "/0123456789abcdef",
		"kubepods/pod" UID "/podinner",
		"kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-1.scope",
		"kubepods.slice/kubepods-pod" UID_ ".slice/crio-1.scope",
		"kubepods.slice/kubepods-pod" UID_ ".slice/libpod-1.scope",
		"kubepods.slice/cri-containerd-pod1.scope",
		"kubepods/burstable/cri-containerd/pod1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(children); i++)
		assert_int_equal(classify(children[i]), UNIT_PATH_CHILD);
}

static void names_that_cannot_be_unescaped_are_left_out(void **state)
{
	assert_int_equal(classify("kubepods/pod\\q"), UNIT_PATH_CHILD);
	assert_int_equal(classify("kubepods/pod\\x00"), UNIT_PATH_CHILD);
	assert_int_equal(classify("kubepods/pod\\x2fa"), UNIT_PATH_CHILD);
}

static void other_bytes_end_the_id(void **state)
{
	check_pod("kubepods/podlatin\xe9", "latin");
	check_pod("kubepods/poda\nb", "a");
	check_pod("kubepods/poda\"b", "a");
}

static struct k8s_layout layout_of(const struct tree *tree, enum cgroup_version version)
{
	struct host_root host = { .cgroupfs_fd = tree->fd };

	return k8s_layout(&host, version, "cpuacct");
}

static void both_roots_are_seen_and_containers_outside_of_them(void **state)
{
	struct tree tree;
	struct k8s_layout layout;

	tree_make(&tree);
	tree_mkdirs(&tree, "kubepods.slice/");
	tree_mkdirs(&tree, "system.slice/kubepods-pod1.slice:cri-containerd:1/");
	layout = layout_of(&tree, CGROUP_V2);
	assert_false(layout.both_roots || layout.in_system_slice);
	tree_mkdirs(&tree, "kubepods/");
	layout = layout_of(&tree, CGROUP_V2);
	assert_true(layout.both_roots && layout.in_system_slice);
	tree_remove(&tree, "system.slice");
	layout = layout_of(&tree, CGROUP_V2);
	assert_true(layout.both_roots && !layout.in_system_slice);
	layout = layout_of(&tree, CGROUP_V1);
	assert_false(layout.both_roots);
	tree_mkdirs(&tree, "cpu,cpuacct/kubepods/");
	tree_mkdirs(&tree, "cpu,cpuacct/kubepods.slice/");
	tree_mkdirs(&tree, "cpu,cpuacct/system.slice/kubepods.slice/");
	layout = layout_of(&tree, CGROUP_V1);
	assert_true(layout.both_roots && layout.in_system_slice);
	tree_done(&tree);
}

static void a_node_without_control_groups_has_no_layout(void **state)
{
	const struct host_root host = { .cgroupfs_fd = -1 };

	assert_false(k8s_layout(&host, CGROUP_V1, "cpuacct").both_roots);
	assert_false(k8s_layout(&host, CGROUP_V2, "cpuacct").both_roots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pods_of_the_cgroupfs_driver),
		TEST(pods_of_the_systemd_driver),
		TEST(the_last_pod_of_a_name_counts),
		TEST(slices_of_qos_classes_are_no_pods),
		TEST(containers_are_no_pods),
		TEST(names_that_cannot_be_unescaped_are_left_out),
		TEST(other_bytes_end_the_id),
		TEST(both_roots_are_seen_and_containers_outside_of_them),
		TEST(a_node_without_control_groups_has_no_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
