// SPDX-License-Identifier: Apache-2.0
/* Over a real socket, against a peer that has faults; then what the decoder refuses. */
#include "remote/kube/pod_resources.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/protobuf.h"
#include "grpc_peer.h"
#include "tree.h"

enum { TIMEOUT_MS = 20000, SHORT_MS = 200 };

static struct tree tree;
static char socket_path[128];
static struct http_client *client;
static struct grpc_peer *peer;
static struct arena arena;
static struct pod_resources *pods;
static size_t n;
static struct err err;

static int setup(void **state)
{
	tree_make(&tree);
	snprintf(socket_path, sizeof(socket_path), "%s/kubelet.sock", tree.path);
	assert_int_equal(http_client_new(NULL, "test", &client, NULL), 0);
	peer = grpc_peer_start(socket_path, grpc_peer_pod_resources, tree.path);
	arena_init(&arena, 64 << 20);
	err = (struct err){ 0 };
	return 0;
}

static int teardown(void **state)
{
	http_client_free(client);
	grpc_peer_stop(peer);
	arena_done(&arena);
	tree_done(&tree);
	return 0;
}

static int list(int timeout_ms)
{
	arena_reset(&arena);
	return pod_resources_list(client, socket_path, timeout_ms, 0, &arena, &pods, &n, &err);
}

static void pods_come_with_their_devices(void **state)
{
	tree_put(&tree, "pods",
		"ml train-0 GPU-aaaa GPU-bbbb GPU-aaaa\nweb front\nml shared x::1\n");
	assert_int_equal(list(TIMEOUT_MS), 0);
	assert_int_equal(n, 3);
	assert_string_equal(pods[0].pod_namespace, "ml");
	assert_string_equal(pods[0].name, "train-0");
	assert_int_equal(pods[0].n_device_ids, 3);
	assert_string_equal(pods[0].device_ids[0], "GPU-aaaa");
	assert_string_equal(pods[0].device_ids[1], "GPU-bbbb");
	assert_string_equal(pods[0].device_ids[2], "GPU-aaaa");
	assert_string_equal(pods[1].name, "front");
	assert_int_equal(pods[1].n_device_ids, 0);
	assert_string_equal(pods[2].device_ids[0], "x::1");
}

static void a_kubelet_without_pods_is_fine(void **state)
{
	assert_int_equal(list(TIMEOUT_MS), 0);
	assert_int_equal(n, 0);
}

static void a_large_answer_comes_whole(void **state)
{
	struct buffer text = { 0 };

	for (int i = 0; i < 4000; i++)
		buffer_printf(&text, "namespace-%d pod-%d GPU-%08d-0000-1111-2222-333333333333\n",
			i % 7, i, i);
	tree_put(&tree, "pods", buffer_text(&text));
	buffer_done(&text);
	assert_int_equal(list(TIMEOUT_MS), 0);
	assert_int_equal(n, 4000);
	assert_string_equal(pods[3999].name, "pod-3999");
	assert_string_equal(pods[3999].device_ids[0], "GPU-00003999-0000-1111-2222-333333333333");
}

static void a_restarted_kubelet_is_asked_again(void **state)
{
	tree_put(&tree, "pods", "a b c\n");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(list(TIMEOUT_MS), 0);
		assert_int_equal(n, 1);
		grpc_peer_stop(peer);
		peer = grpc_peer_start(socket_path, grpc_peer_pod_resources, tree.path);
	}
}

static void faults_of_the_peer_are_told(void **state)
{
	static const struct {
		enum grpc_peer_fault fault;
		int r;
	} faults[] = {
		{ GRPC_PEER_RESETS, 0 }, /* how these are seen depends on the moment */
		{ GRPC_PEER_CLOSES, 0 },
		{ GRPC_PEER_SPEAKS_HTTP1, 0 },
		{ GRPC_PEER_NO_TRAILERS, -EBADMSG },
		{ GRPC_PEER_WRONG_LENGTH, -EBADMSG },
		{ GRPC_PEER_COMPRESSED, -EBADMSG },
		{ GRPC_PEER_ENDLESS, -E2BIG },
	};

	tree_put(&tree, "pods", "a b c\n");
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		char number[8];
		int r;

		snprintf(number, sizeof(number), "%d", faults[i].fault);
		tree_put(&tree, "fault", number);
		r = list(TIMEOUT_MS);
		if (faults[i].r)
			assert_int_equal(r, faults[i].r);
		assert_true(r < 0 && r != -ETIMEDOUT);
		assert_non_null(strstr(err.text, socket_path));
	}
	tree_put(&tree, "fault", "0");
	assert_int_equal(list(TIMEOUT_MS), 0);
}

static void a_kubelet_that_hangs_costs_the_time_limit(void **state)
{
	tree_put(&tree, "fault", "1");
	assert_int_equal(list(SHORT_MS), -ETIMEDOUT);
}

static void a_call_can_be_cancelled(void **state)
{
	int fd = eventfd(1, EFD_CLOEXEC);

	tree_put(&tree, "fault", "1");
	assert_int_equal(
		pod_resources_list(client, socket_path, TIMEOUT_MS, fd, &arena, &pods, &n, &err),
		-ECANCELED);
	close(fd);
}

static void the_state_of_a_refusal_is_told(void **state)
{
	tree_put(&tree, "state", "7");
	assert_int_equal(list(TIMEOUT_MS), -EACCES);
	tree_put(&tree, "state", "12");
	assert_int_equal(list(TIMEOUT_MS), -ENOSYS);
	tree_put(&tree, "state", "14");
	assert_int_equal(list(TIMEOUT_MS), -EREMOTEIO);
	assert_non_null(strstr(err.text, "14"));
}

static void a_socket_that_is_not_there_is_told_from_one_that_is_closed(void **state)
{
	char path[160];

	snprintf(path, sizeof(path), "%s.gone", socket_path);
	assert_int_equal(
		pod_resources_list(client, path, TIMEOUT_MS, 0, &arena, &pods, &n, &err), -ENOENT);
	assert_int_equal(chmod(socket_path, 0), 0);
	assert_int_equal(chmod(tree.path, 0755), 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(list(TIMEOUT_MS), -EACCES);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static int decode(struct buffer *message)
{
	struct slice text = { buffer_text(message), message->len };

	arena_reset(&arena);
	return pod_resources_decode(text, &arena, &pods, &n, &err);
}

static void hostile_answers_are_refused(void **state)
{
	CLEANUP(buffer_done) struct buffer message = { 0 };
	CLEANUP(buffer_done) struct buffer pod = { 0 };
	CLEANUP(buffer_done) struct buffer text = { 0 };

	buffer_puts(&message, "this is no message");
	assert_int_equal(decode(&message), -EBADMSG);

	protobuf_put_bytes(&pod, 1, "a\0b", 3);
	buffer_clear(&message);
	protobuf_put_bytes(&message, 1, pod.data, pod.len);
	assert_int_equal(decode(&message), -EBADMSG);

	buffer_clear(&pod);
	for (int i = 0; i <= POD_RESOURCES_TEXT_MAX; i++)
		buffer_putc(&text, 'x');
	protobuf_put_bytes(&pod, 1, text.data, text.len);
	buffer_clear(&message);
	protobuf_put_bytes(&message, 1, pod.data, pod.len);
	assert_int_equal(decode(&message), -E2BIG);

	buffer_clear(&message);
	for (int i = 0; i <= POD_RESOURCES_PODS_MAX; i++)
		protobuf_put_bytes(&message, 1, "", 0);
	assert_int_equal(decode(&message), -E2BIG);
}

static void too_many_devices_are_refused(void **state)
{
	CLEANUP(buffer_done) struct buffer message = { 0 };
	CLEANUP(buffer_done) struct buffer pod = { 0 };
	CLEANUP(buffer_done) struct buffer container = { 0 };
	CLEANUP(buffer_done) struct buffer devices = { 0 };

	for (int i = 0; i <= POD_RESOURCES_DEVICES_MAX; i++)
		protobuf_put_string(&devices, 2, "");
	protobuf_put_bytes(&container, 2, devices.data, devices.len);
	protobuf_put_bytes(&pod, 3, container.data, container.len);
	protobuf_put_bytes(&message, 1, pod.data, pod.len);
	assert_int_equal(decode(&message), -E2BIG);
}

static void without_memory_there_is_no_answer(void **state)
{
	CLEANUP(buffer_done) struct buffer message = { 0 };
	CLEANUP(buffer_done) struct buffer pod = { 0 };
	struct arena small;

	protobuf_put_string(&pod, 1, "name");
	for (int i = 0; i < 1000; i++)
		protobuf_put_bytes(&message, 1, pod.data, pod.len);
	arena_init(&small, 4096);
	assert_int_equal(pod_resources_decode((struct slice){ message.data, message.len }, &small,
				 &pods, &n, &err),
		-ENOMEM);
	arena_done(&small);
}

#define PEER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(pods_come_with_their_devices),
		PEER_TEST(a_kubelet_without_pods_is_fine),
		PEER_TEST(a_large_answer_comes_whole),
		PEER_TEST(a_restarted_kubelet_is_asked_again),
		PEER_TEST(faults_of_the_peer_are_told),
		PEER_TEST(a_kubelet_that_hangs_costs_the_time_limit),
		PEER_TEST(a_call_can_be_cancelled),
		PEER_TEST(the_state_of_a_refusal_is_told),
		PEER_TEST(a_socket_that_is_not_there_is_told_from_one_that_is_closed),
		PEER_TEST(hostile_answers_are_refused),
		PEER_TEST(too_many_devices_are_refused),
		PEER_TEST(without_memory_there_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
