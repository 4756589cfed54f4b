// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/kube_devices_json.h"

#include <errno.h>

#include "alloc_fail.h"
#include "unit_test.h"

static const struct anonymiser site = { .key = "0123456789abcdef0123456789abcde", .host = "node7" };
static const char *ids[] = { "GPU-1b4e28ba-2fa1-11d2-883f-0016d3cca427::0", "0000:83:00.0",
	"card\"1" };
static const struct pod_resources recorded[] = {
	{ .pod_namespace = "ml", .name = "train", .device_ids = ids, .n_device_ids = 3 },
	{ .pod_namespace = "web", .name = "train" },
};

static struct arena arena;
static struct err err;

static int setup(void **state)
{
	arena_init(&arena, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static int message(const char *json, struct buffer *out)
{
	buffer_clear(out);
	return kube_devices_json_message(slice_from(json), out);
}

static void what_the_kubelet_said_comes_back_without_its_names(void **state)
{
	CLEANUP(buffer_done) struct buffer json = { 0 }, out = { 0 };
	struct pod_resources *pods;
	size_t n;

	assert_int_equal(kube_devices_json_put(&site, recorded, 2, &json), 0);
	assert_null(strstr(buffer_text(&json), "train"));
	assert_null(strstr(buffer_text(&json), "1b4e28ba"));
	assert_int_equal(message(buffer_text(&json), &out), 0);
	assert_int_equal(pod_resources_decode((struct slice){ buffer_text(&out), out.len }, &arena,
				 &pods, &n, &err),
		0);
	assert_int_equal(n, 2);
	assert_string_equal(pods[0].name, pods[1].name);
	assert_string_not_equal(pods[0].pod_namespace, pods[1].pod_namespace);
	assert_int_equal(pods[0].n_device_ids, 3);
	assert_int_equal(pods[1].n_device_ids, 0);
	assert_true(str_starts(pods[0].device_ids[0], "GPU-"));
	assert_true(str_ends(pods[0].device_ids[0], "::0"));
	assert_string_equal(pods[0].device_ids[1], ids[1]);
	assert_string_equal(pods[0].device_ids[2], ids[2]);
}

static void what_is_no_recording_is_refused(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "7", "{\"pods\":{}}", "{\"pods\":[7]}",
		"{\"pods\":[{\"name\":\"x\",\"devices\":[]}]}",
		"{\"pods\":[{\"name\":\"x\",\"namespace\":\"y\"}]}",
		"{\"pods\":[{\"name\":\"x\",\"namespace\":\"y\",\"devices\":[7]}]}",
		"{\"pods\":[{\"name\":7,\"namespace\":\"y\",\"devices\":[]}]}" };
	CLEANUP(buffer_done) struct buffer out = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(message(texts[i], &out), -EBADMSG);
}

static void what_the_decoder_would_not_take_is_refused(void **state)
{
	CLEANUP(buffer_done) struct buffer json = { 0 }, out = { 0 };

	buffer_puts(&json, "{\"pods\":[{}");
	for (int i = 0; i < POD_RESOURCES_PODS_MAX; i++)
		buffer_puts(&json, ",{}");
	buffer_puts(&json, "]}");
	assert_int_equal(message(buffer_text(&json), &out), -E2BIG);
	buffer_clear(&json);
	buffer_puts(&json, "{\"pods\":[{\"namespace\":\"y\",\"devices\":[],\"name\":\"");
	for (int i = 0; i <= POD_RESOURCES_TEXT_MAX; i++)
		buffer_putc(&json, 'x');
	buffer_puts(&json, "\"}]}");
	assert_int_equal(message(buffer_text(&json), &out), -E2BIG);
	buffer_clear(&json);
	buffer_puts(&json, "{\"pods\":[{\"namespace\":\"y\",\"name\":\"x\",\"devices\":[\"\"");
	for (int i = 0; i < POD_RESOURCES_DEVICES_MAX; i++)
		buffer_puts(&json, ",\"\"");
	buffer_puts(&json, "]}]}");
	assert_int_equal(message(buffer_text(&json), &out), -E2BIG);
}

static void memory_that_cannot_be_had_is_an_error(void **state)
{
	int r = -ENOMEM;

	for (long n = 1; r < 0; n++) {
		CLEANUP(buffer_done) struct buffer out = { 0 };

		alloc_fail_at(n);
		r = kube_devices_json_put(&site, recorded, 2, &out);
		alloc_fail_at(0);
		assert_true(r == 0 || r == -ENOMEM);
		assert_true(n < 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_the_kubelet_said_comes_back_without_its_names, setup, teardown),
		TEST(what_is_no_recording_is_refused),
		TEST(what_the_decoder_would_not_take_is_refused),
		TEST(memory_that_cannot_be_had_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
