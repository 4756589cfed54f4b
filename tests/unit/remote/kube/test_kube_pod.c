// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_pod.h"

#include "basic/macros.h"
#include "unit_test.h"

/* 2031-04-09T06:00:00Z */
#define T0 INT64_C(1933480800000)

static json_t *root;
static struct kube_object object;

static struct kube_pod read_pod(const char *text)
{
	struct kube_pod pod;

	json_decref(root);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	object = (struct kube_object){ .json = root };
	kube_pod_read(&object, &pod);
	return pod;
}

static int forget(void **state)
{
	json_decref(root);
	root = NULL;
	return 0;
}

static void a_running_pod_is_read(void **state)
{
	const struct kube_pod pod = read_pod(
		"{\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"2031-04-09T06:00:00Z\","
		"\"annotations\":{\"a\":\"b\"},\"labels\":{}},"
		"\"spec\":{\"containers\":["
		"{\"resources\":{\"limits\":{\"cpu\":\"1500m\",\"memory\":\"1Gi\",\"x/gpu\":\"2\"}}},"
		"{\"resources\":{\"limits\":{\"cpu\":2,\"memory\":\"512\",\"x/gpu\":1}}},{}],"
		"\"initContainers\":[{\"resources\":{\"limits\":{\"cpu\":\"99\"}}}]},"
		"\"status\":{\"phase\":\"Running\",\"qosClass\":\"Burstable\","
		"\"startTime\":\"2031-04-09T06:00:05Z\",\"conditions\":["
		"{\"type\":\"Initialized\",\"status\":\"True\",\"lastTransitionTime\":\"2031-04-09T06:00:07Z\"},"
		"{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"2031-04-09T06:00:09Z\"}],"
		"\"containerStatuses\":[{\"state\":{\"terminated\":{\"finishedAt\":"
		"\"2031-04-09T06:01:00Z\"}}},{\"state\":{\"running\":{}}}]}}");
	int64_t sum = -1, last = -1;

	assert_int_equal(pod.phase, KUBE_RUNNING);
	assert_string_equal(pod.qos_class, "Burstable");
	assert_int_equal(pod.created_ms, T0);
	assert_int_equal(pod.started_ms, T0 + 5000);
	assert_int_equal(pod.deletion_ms, 0);
	assert_int_equal(pod.grace_s, -1);
	assert_int_equal(pod.finished_ms, T0 + 60000);
	assert_false(pod.all_finished);
	assert_int_equal(pod.changed_ms, T0 + 9000);
	assert_true(pod.has_ready && pod.is_ready);
	assert_int_equal(json_object_size(pod.annotations), 1);
	assert_null(pod.labels);
	assert_int_equal(pod.cpu_milli, 3500);
	assert_int_equal(pod.memory_bytes, (1 << 30) + 512);
	assert_true(kube_pod_resource(&object, "x/gpu", &sum, &last));
	assert_int_equal(sum, 3);
	assert_int_equal(last, 1);
	assert_false(kube_pod_resource(&object, "y/gpu", &sum, &last));
	assert_int_equal(sum, 3);
}

static void limits_of_the_pod_go_before_those_of_containers(void **state)
{
	const struct kube_pod pod = read_pod(
		"{\"spec\":{\"resources\":{\"limits\":{\"cpu\":\"250m\"}},\"containers\":["
		"{\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"9223372036854775807\"}}},"
		"{\"resources\":{\"limits\":{\"cpu\":\"-1\",\"memory\":\"1\"}}}]}}");

	assert_int_equal(pod.cpu_milli, 250);
	assert_int_equal(pod.memory_bytes, INT64_MAX);
}

static void an_ended_pod_is_read(void **state)
{
	const struct kube_pod pod = read_pod(
		"{\"metadata\":{\"deletionTimestamp\":\"2031-04-09T08:01:30+02:00\","
		"\"deletionGracePeriodSeconds\":30},"
		"\"status\":{\"phase\":\"Failed\",\"conditions\":[{\"type\":\"Ready\",\"status\":"
		"\"False\",\"reason\":\"PodFailed\"}],"
		"\"initContainerStatuses\":[{\"state\":{\"terminated\":{\"finishedAt\":"
		"\"2031-04-09T06:00:10Z\"}}}],"
		"\"containerStatuses\":[{\"state\":{\"terminated\":{\"finishedAt\":"
		"\"2031-04-09T06:00:20.5Z\"}}},{\"state\":{\"terminated\":{\"finishedAt\":null}}}]}}");

	assert_int_equal(pod.phase, KUBE_FAILED);
	assert_int_equal(pod.deletion_ms, T0 + 90000);
	assert_int_equal(pod.grace_s, 30);
	assert_int_equal(pod.finished_ms, T0 + 20500);
	assert_true(pod.all_finished);
	assert_true(pod.has_ready && !pod.is_ready);
	assert_string_equal(pod.ready_reason, "PodFailed");
}

static void an_init_container_that_ended_is_not_the_pods_end(void **state)
{
	const struct kube_pod pod = read_pod(
		"{\"status\":{\"phase\":\"Pending\",\"initContainerStatuses\":[{\"state\":"
		"{\"terminated\":{\"finishedAt\":\"2031-04-09T06:00:10Z\"}}}]}}");

	assert_int_equal(pod.finished_ms, T0 + 10000);
	assert_false(pod.all_finished);
}

static void what_is_malformed_is_not_given(void **state)
{
	static const char *const texts[] = { "{}", "{\"metadata\":7,\"spec\":[],\"status\":\"x\"}",
		"{\"metadata\":{\"creationTimestamp\":\"yesterday\",\"annotations\":[],\"labels\":1,"
		"\"deletionGracePeriodSeconds\":\"x\"},"
		"\"spec\":{\"containers\":{\"a\":1},\"resources\":7},"
		"\"status\":{\"phase\":1,\"qosClass\":{},\"startTime\":\"2031-13-40T99:00:00Z\","
		"\"conditions\":[1,{\"type\":7}],\"containerStatuses\":\"x\"}}",
		("{\"spec\":{\"containers\":[7,{\"resources\":[]},{\"resources\":{\"limits\":{\"cpu\":"
		 "\"many\",\"memory\":null}}}]},\"status\":{\"phase\":\"Unknown\"}}") };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct kube_pod pod = read_pod(texts[i]);
		int64_t sum, last;

		assert_int_equal(pod.phase, KUBE_PHASE_OTHER);
		assert_string_equal(pod.qos_class, "");
		assert_string_equal(pod.ready_reason, "");
		assert_int_equal(pod.created_ms + pod.started_ms + pod.deletion_ms +
				pod.finished_ms + pod.changed_ms + pod.cpu_milli + pod.memory_bytes,
			0);
		assert_int_equal(pod.grace_s, -1);
		assert_false(pod.has_ready || pod.all_finished);
		assert_false(kube_pod_resource(&object, "x", &sum, &last));
	}
}

static void times_are_rfc_3339(void **state)
{
	assert_int_equal(kube_time_ms("2031-04-09T06:00:00Z"), T0);
	assert_int_equal(kube_time_ms("2031-04-09T08:00:00.123456+02:00"), T0 + 123);
	assert_int_equal(kube_time_ms("2031-04-09T06:00:00"), 0);
	assert_int_equal(kube_time_ms("2031-04-09T06:00:00ZZ"), 0);
	assert_int_equal(kube_time_ms(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_running_pod_is_read),
		TEST(limits_of_the_pod_go_before_those_of_containers),
		TEST(an_ended_pod_is_read),
		TEST(an_init_container_that_ended_is_not_the_pods_end),
		TEST(what_is_malformed_is_not_given),
		TEST(times_are_rfc_3339),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
