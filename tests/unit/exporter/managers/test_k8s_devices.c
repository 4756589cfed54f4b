// SPDX-License-Identifier: Apache-2.0
/*
 * Which pods hold which devices: a kubelet that speaks gRPC, an API server that lists and watches,
 * control groups in a tree, and GPUs that write down what they are told.
 */
#include "exporter/managers/k8s_devices.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "exporter/managers/k8s_units.h"
#include "grpc_peer.h"
#include "host/acl.h"
#include "host/privilege.h"
#include "net/http_server.h"
#include "unit_fixture.h"

#define UID_A "8e0c5f0e-1111-4222-8333-444455556666"
#define UID_B "0b6f7a52-aaaa-4bbb-8ccc-dddd00000001"
#define HASH "3a7be1f5d2c94e0f8b6a1d2c3e4f5061"

#define POD(ns, name, uid)                                                             \
	"{\"metadata\":{\"namespace\":\"" ns "\",\"name\":\"" name "\",\"uid\":\"" uid \
	"\",\"resourceVersion\":\"5\"}}"
#define STATIC_POD(ns, name, uid, hash)                                                       \
	"{\"metadata\":{\"namespace\":\"" ns "\",\"name\":\"" name "\",\"uid\":\"" uid        \
	"\",\"resourceVersion\":\"5\",\"annotations\":{\"kubernetes.io/config.hash\":\"" hash \
	"\","                                                                                 \
	"\"kubernetes.io/config.mirror\":\"" hash "\"}}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

enum { PATIENCE_MS = 30000, WATCH_POLL_US = 2000 };

static struct {
	pthread_mutex_t lock;
	const char *items; /* of the list */
	struct buffer events;
	int status; /* of any answer; 0: 200 */
	unsigned lists, watches; /* the latter: under way */
	char target[512]; /* of the last list */
	bool closing;
} api = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct http_server *server;
static char url[64], socket_path[128];
static struct unit_fixture f;
static struct kube_config kube;
static struct k8s_devices *devices;
static struct grpc_peer *kubelet;
static int64_t ahead_ns; /* of the time that has passed */

static struct {
	bool any;
	char bound[1024];
} gpus;

bool gpus_any(struct gpus *g)
{
	return gpus.any;
}

uint64_t gpus_generation(struct gpus *g)
{
	return gpus.any;
}

int gpus_bind(struct gpus *g, const char *name, const struct gpu_request *requests, size_t n)
{
	size_t len = 0;

	assert_string_equal(name, "k8s");
	gpus.bound[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < requests[i].n_refs; k++) {
			assert_int_equal(requests[i].refs[k].kind, GPU_REF_PLUGIN);
			len += (size_t)snprintf(gpus.bound + len, sizeof(gpus.bound) - len,
				"%.4s:%s*%u ", requests[i].key.uuid, requests[i].refs[k].text,
				requests[i].refs[k].count);
		}
	}
	return 0;
}

static int64_t monotonic(void *ctx)
{
	return clock_monotonic_ns(clock_system()) + __atomic_load_n(&ahead_ns, __ATOMIC_SEQ_CST);
}

static int64_t realtime(void *ctx)
{
	return clock_realtime_ns(clock_system());
}

static const struct clock test_clock = { realtime, monotonic, NULL };

/* A watch: what is new, until the server closes. */
static ssize_t watch(void *ctx, char *data, size_t max)
{
	size_t *sent = ctx, n;
	bool closing;

	for (;;) {
		pthread_mutex_lock(&api.lock);
		n = MIN(api.events.len - *sent, max);
		if (n)
			memcpy(data, api.events.data + *sent, n);
		*sent += n;
		closing = api.closing;
		pthread_mutex_unlock(&api.lock);
		if (n || closing)
			return (ssize_t)n;
		usleep(WATCH_POLL_US);
	}
}

static void watch_ended(void *ctx)
{
	pthread_mutex_lock(&api.lock);
	api.watches--;
	pthread_mutex_unlock(&api.lock);
	free(ctx);
}

static void handle(void *ctx, struct http_request *req, struct http_response *res)
{
	const char *target = http_request_raw_target(req);

	pthread_mutex_lock(&api.lock);
	if (api.status) {
		http_response_status(res, api.status);
		buffer_puts(http_response_body(res), "{\"message\":\"not today\"}");
	} else if (strstr(target, "watch=true")) {
		size_t *sent = calloc(1, sizeof(*sent)); /* all since the list */

		api.watches++;
		http_response_stream(res, watch, watch_ended, sent);
	} else {
		api.lists++;
		snprintf(api.target, sizeof(api.target), "%s", target);
		buffer_printf(http_response_body(res),
			"{\"metadata\":{\"resourceVersion\":\"4\"},\"items\":[%s]}", api.items);
	}
	pthread_mutex_unlock(&api.lock);
}

static void send_event(const char *text)
{
	pthread_mutex_lock(&api.lock);
	buffer_puts(&api.events, text);
	pthread_mutex_unlock(&api.lock);
}

static int start_server(void **state)
{
	static const char *addresses[] = { "127.0.0.1:0" };
	const struct http_server_config c = {
		.listen_addresses = { addresses, 1 },
		.threads = 3,
		.max_header_bytes = 64 << 10,
		.max_response_bytes = 64 << 20,
		.header_timeout_ms = 10000,
		.idle_timeout_ms = 30000,
		.handler = handle,
	};
	struct err err;

	unsetenv("http_proxy");
	if (http_server_open(&c, &server, &err) < 0 || http_server_serve(server, &err) < 0)
		return -1;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", http_server_port(server, 0));
	return 0;
}

static int stop_server(void **state)
{
	http_server_stop(server, 2000);
	return 0;
}

static void open_devices(const char *node)
{
	const struct k8s_devices_config config = {
		.clock = &test_clock,
		.log = &f.log,
		.kube = &kube,
		.node_name = node,
		.socket = socket_path,
	};

	assert_int_equal(k8s_devices_open(&config, &devices, NULL), 0);
	f.manager_ctx = devices;
	fixture_open(&f, CGROUP_V2, 0, 100);
}

static void start_kubelet(void)
{
	kubelet = grpc_peer_start(socket_path, grpc_peer_pod_resources, f.tree.path);
}

static int setup(void **state)
{
	pthread_mutex_lock(&api.lock);
	api.items = "";
	buffer_init(&api.events, 0);
	api.status = 0;
	api.lists = 0;
	api.closing = false;
	pthread_mutex_unlock(&api.lock);
	gpus.any = true;
	strcpy(gpus.bound, "never");
	ahead_ns = 0;
	fixture_init(&f);
	f.manager = &k8s_unit_manager;
	f.gpus = (struct gpus *)&gpus;
	kube = (struct kube_config){ .server = url };
	snprintf(socket_path, sizeof(socket_path), "%s/kubelet.sock", f.tree.path);
	return 0;
}

static unsigned watches(void)
{
	unsigned n;

	pthread_mutex_lock(&api.lock);
	n = api.watches;
	pthread_mutex_unlock(&api.lock);
	return n;
}

static void set_items(const char *items)
{
	pthread_mutex_lock(&api.lock);
	api.items = items;
	pthread_mutex_unlock(&api.lock);
}

static void set_status(int status)
{
	pthread_mutex_lock(&api.lock);
	api.status = status;
	pthread_mutex_unlock(&api.lock);
}

static unsigned lists(void)
{
	unsigned n;

	pthread_mutex_lock(&api.lock);
	n = api.lists;
	pthread_mutex_unlock(&api.lock);
	return n;
}

static int teardown(void **state)
{
	pthread_mutex_lock(&api.lock);
	api.closing = true;
	pthread_mutex_unlock(&api.lock);
	if (devices) /* there are none where a test failed before */
		k8s_devices_stop(devices);
	if (kubelet)
		grpc_peer_stop(kubelet);
	kubelet = NULL;
	unit_table_free(f.table);
	f.table = NULL;
	k8s_devices_close(devices);
	devices = NULL;
	fixture_done(&f);
	while (watches() > 0)
		usleep(1000);
	buffer_done(&api.events);
	return 0;
}

static void put_pod(const char *id)
{
	char path[256];

	snprintf(path, sizeof(path), "cgroup/kubepods/burstable/pod%s/cpu.stat", id);
	tree_put(&f.tree, path, "usage_usec 1\nuser_usec 1\nsystem_usec 0\n");
}

static void remove_pod(const char *id)
{
	char path[256];

	snprintf(path, sizeof(path), "cgroup/kubepods/burstable/pod%s", id);
	tree_remove(&f.tree, path);
}

static void scan(void)
{
	const struct unit_sample *samples;
	size_t n;

	assert_int_equal(unit_table_sample(f.table, &samples, &n), 0);
}

static void wait_for_bound(const char *wanted)
{
	for (int i = 0; i < PATIENCE_MS; i++) {
		scan();
		if (str_eq(gpus.bound, wanted))
			return;
		usleep(1000);
	}
	assert_string_equal(gpus.bound, wanted);
}

/* A poll's failure is told after it has ended. */
static void wait_for_log(const char *text)
{
	for (int i = 0; i < PATIENCE_MS && !fixture_logged(&f, text); i++)
		usleep(1000);
	assert_int_equal(fixture_logged(&f, text), 1);
}

/* Nobody has to be waited for: the first scan finds all. */
static void first_scan_finds_who_holds_what(void **state)
{
	set_items(POD("ml", "train", UID_A) "," POD("web", "train", UID_B) "," STATIC_POD(
		"kube-system", "plugin-node1", "99999999-0000-4000-8000-000000000000", HASH));
	tree_put(&f.tree, "pods",
		"ml train GPU-a GPU-b GPU-a\nweb train GPU-c::0 GPU-c::7 GPU-d::1\n"
		"kube-system plugin-node1 0000:03:00.0\nml unknown GPU-x\n");
	put_pod(UID_A);
	put_pod(UID_B);
	put_pod(HASH);
	start_kubelet();
	open_devices("node 1");
	assert_int_equal(k8s_devices_start(devices, true, NULL), 0);
	scan();
	assert_string_equal(gpus.bound,
		"0b6f:GPU-c*2 0b6f:GPU-d*1 3a7b:0000:03:00.0*1 8e0c:GPU-a*2 8e0c:GPU-b*1 ");
	assert_non_null(strstr(api.target, "fieldSelector=spec.nodeName%3Dnode%201"));
}

static void a_pod_without_a_control_group_holds_nothing(void **state)
{
	set_items(POD("ml", "train", UID_A) "," POD("web", "ended", UID_B));
	tree_put(&f.tree, "pods", "ml train GPU-a\nweb ended GPU-b\n");
	put_pod(UID_A);
	start_kubelet();
	open_devices("");
	assert_int_equal(k8s_devices_start(devices, true, NULL), 0);
	scan();
	assert_string_equal(gpus.bound, "8e0c:GPU-a*1 ");
	assert_null(strstr(api.target, "fieldSelector"));
	remove_pod(UID_A);
	scan();
	assert_string_equal(gpus.bound, "");
}

static void pods_that_come_are_looked_up_at_once(void **state)
{
	start_kubelet();
	open_devices("n");
	assert_int_equal(k8s_devices_start(devices, true, NULL), 0);
	scan();
	/* The control group first, then the kubelet, the API server last. */
	put_pod(UID_A);
	scan();
	tree_put(&f.tree, "pods", "ml train GPU-a\n");
	send_event(EVENT("ADDED", POD("ml", "train", UID_A)));
	wait_for_bound("8e0c:GPU-a*1 ");
	/* The other way round. */
	send_event(EVENT("ADDED", POD("ml", "next", UID_B)));
	tree_put(&f.tree, "pods", "ml train GPU-a\nml next GPU-b\n");
	put_pod(UID_B);
	wait_for_bound("0b6f:GPU-b*1 8e0c:GPU-a*1 ");
	assert_int_equal(lists(), 1);
}

/* As a StatefulSet does: the same name is another pod now. */
static void a_name_that_is_used_again_is_another_pod(void **state)
{
	set_items(POD("ml", "train-0", UID_A));
	tree_put(&f.tree, "pods", "ml train-0 GPU-a\n");
	put_pod(UID_A);
	start_kubelet();
	open_devices("n");
	assert_int_equal(k8s_devices_start(devices, true, NULL), 0);
	wait_for_bound("8e0c:GPU-a*1 ");
	remove_pod(UID_A);
	put_pod(UID_B);
	scan();
	assert_string_equal(gpus.bound, "");
	send_event(EVENT("DELETED", POD("ml", "train-0", UID_A))
			EVENT("ADDED", POD("ml", "train-0", UID_B)));
	wait_for_bound("0b6f:GPU-a*1 ");
}

static void nobody_is_asked_on_a_node_without_gpus(void **state)
{
	gpus.any = false;
	set_items(POD("ml", "train", UID_A));
	tree_put(&f.tree, "pods", "ml train GPU-a\n");
	put_pod(UID_A);
	start_kubelet();
	open_devices("n");
	assert_int_equal(k8s_devices_start(devices, false, NULL), 0);
	for (int i = 0; i < 20; i++)
		scan();
	assert_int_equal(lists(), 0);
	assert_int_equal(faccessat(f.tree.fd, "calls", F_OK, 0), -1);
	/* GPUs that show up later are asked for. */
	gpus.any = true;
	wait_for_bound("8e0c:GPU-a*1 ");
}

static void a_socket_that_is_missing_is_found_when_it_appears(void **state)
{
	set_items(POD("ml", "train", UID_A));
	tree_put(&f.tree, "pods", "ml train GPU-a\n");
	put_pod(UID_A);
	open_devices("n");
	assert_int_equal(k8s_devices_start(devices, true, NULL), 0);
	scan();
	assert_string_equal(gpus.bound, "");
	wait_for_log("asking the kubelet");
	assert_int_equal(fixture_logged(&f, socket_path), 1);
	start_kubelet();
	wait_for_bound("8e0c:GPU-a*1 ");
	wait_for_log("works again");
}

static void without_the_api_server_nothing_is_invented(void **state)
{
	set_status(403);
	set_items(POD("ml", "train", UID_A));
	tree_put(&f.tree, "pods", "ml train GPU-a\n");
	put_pod(UID_A);
	start_kubelet();
	open_devices("n");
	assert_int_equal(k8s_devices_start(devices, true, NULL), 0);
	scan();
	assert_string_equal(gpus.bound, "");
	wait_for_log("not today");
	set_status(0);
	wait_for_bound("8e0c:GPU-a*1 ");
}

static void what_the_kubelet_said_last_holds_for_a_while(void **state)
{
	set_items(POD("ml", "train", UID_A));
	tree_put(&f.tree, "pods", "ml train GPU-a\n");
	put_pod(UID_A);
	start_kubelet();
	open_devices("n");
	assert_int_equal(k8s_devices_start(devices, true, NULL), 0);
	wait_for_bound("8e0c:GPU-a*1 ");
	tree_put(&f.tree, "state", "14");
	put_pod(UID_B); /* makes it ask */
	scan();
	while (!fixture_logged(&f, "asking the kubelet")) {
		usleep(1000);
		scan();
	}
	assert_string_equal(gpus.bound, "8e0c:GPU-a*1 ");
	__atomic_store_n(&ahead_ns, INT64_C(301) * 1000000000, __ATOMIC_SEQ_CST);
	wait_for_bound("");
}

static void a_pod_of_many_odd_devices_costs_only_the_odd_ones(void **state)
{
	struct buffer pods = { 0 };

	set_items(POD("ml", "train", UID_A));
	buffer_puts(&pods, "ml train :: GPU-a ");
	for (int i = 0; i < 2000; i++)
		buffer_printf(&pods, "GPU-b::%d ", i);
	tree_put(&f.tree, "pods", buffer_text(&pods));
	buffer_done(&pods);
	put_pod(UID_A);
	start_kubelet();
	open_devices("n");
	assert_int_equal(k8s_devices_start(devices, true, NULL), 0);
	wait_for_bound("8e0c:GPU-a*1 8e0c:GPU-b*2000 ");
}

/* In a process of its own, which becomes somebody else. */
static int ask_as_nobody(void)
{
	const struct privilege_plan plan = {
		.run_as_user = "nobody",
		.needed = CAPABILITY(CAP_FOWNER) | CAPABILITY(CAP_DAC_READ_SEARCH),
	};
	struct privilege *privilege;
	struct strings warnings;
	bool found = false;

	open_devices("n");
	if (privilege_drop(&plan, &privilege, &warnings, NULL) < 0 || geteuid() == 0 ||
		access(socket_path, R_OK) == 0)
		return 2;
	if (k8s_devices_start(devices, true, NULL) < 0)
		return 3;
	for (int i = 0; i < PATIENCE_MS && !found; i++) {
		scan();
		found = str_eq(gpus.bound, "8e0c:GPU-a*1 ");
		usleep(1000);
	}
	k8s_devices_stop(devices);
	unit_table_free(f.table);
	k8s_devices_close(devices);
	privilege_free(privilege);
	return found ? 0 : 4;
}

/* The kubelet's socket is root's, in a folder of root's, and made anew when the kubelet starts. */
static void a_closed_socket_gets_an_entry_for_us_that_goes_with_us(void **state)
{
	char list[ACL_BYTES_MAX];
	int status;
	pid_t pid;

	if (getuid() != 0)
		skip();
#ifdef __SANITIZE_THREAD__
	skip(); /* It can't follow the threads of a process that one with threads has forked. */
#endif
	set_items(POD("ml", "train", UID_A));
	tree_put(&f.tree, "pods", "ml train GPU-a\n");
	put_pod(UID_A);
	start_kubelet();
	assert_int_equal(chmod(socket_path, 0600), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(ask_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(getxattr(socket_path, "system.posix_acl_access", list, sizeof(list)) < 0);
	open_devices("n"); /* for the teardown */
}

static void without_a_start_nothing_is_known(void **state)
{
	struct unit_identity identity = { 0 };
	const struct unit_facts facts = { .id = UID_A, .wants_gpus = true };

	open_devices("n");
	assert_int_equal(k8s_devices_identify(devices, &facts, &identity), -EAGAIN);
	assert_int_equal(identity.n_refs, 0);
	assert_int_equal(k8s_devices_identify(NULL, &facts, &identity), 0);
	assert_int_equal(k8s_devices_generation(NULL), 0);
}

#define DEVICES_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEVICES_TEST(first_scan_finds_who_holds_what),
		DEVICES_TEST(a_pod_without_a_control_group_holds_nothing),
		DEVICES_TEST(pods_that_come_are_looked_up_at_once),
		DEVICES_TEST(a_name_that_is_used_again_is_another_pod),
		DEVICES_TEST(nobody_is_asked_on_a_node_without_gpus),
		DEVICES_TEST(a_socket_that_is_missing_is_found_when_it_appears),
		DEVICES_TEST(without_the_api_server_nothing_is_invented),
		DEVICES_TEST(what_the_kubelet_said_last_holds_for_a_while),
		DEVICES_TEST(a_pod_of_many_odd_devices_costs_only_the_odd_ones),
		DEVICES_TEST(a_closed_socket_gets_an_entry_for_us_that_goes_with_us),
		DEVICES_TEST(without_a_start_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
