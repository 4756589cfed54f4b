// SPDX-License-Identifier: Apache-2.0
#include "exporter/managers/k8s_devices.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporter/managers/k8s_pods.h"
#include "exporter/poller.h"
#include "host/acl.h"
#include "host/privilege.h"
#include "remote/kube/kube_watch.h"
#include "remote/kube/pod_resources.h"

static const int64_t S_NS = 1000000000;

enum {
	PERIOD_S = 30, /* of asking the kubelet, when nothing was heard of a change */
	STALE_S = 300, /* what it said last holds so long while it doesn't answer */
	FIRST_WAIT_S = 1,
	KUBELET_TIMEOUT_MS = 10000,
	LIST_TIMEOUT_MS = 30000,
	WATCH_MS = 290000,
	PAGE_PODS = 100,
	REPLY_MEMORY_MAX_BYTES = 64 << 20,
};

/* The devices of one unit. */
struct holder {
	const char *id;
	const char **devices; /* sorted; the same may come twice */
	size_t n;
};

struct map {
	struct arena arena;
	struct holder *v; /* sorted by id */
	size_t n;
};

struct k8s_devices {
	struct k8s_devices_config config;
	char *selector;
	struct kube_client *kube;
	struct kube_watch *watch;
	struct http_client *kubelet;
	struct k8s_pods *pods;
	atomic_bool wanted;
	/* Of the kubelet's thread. */
	int64_t last_answer_ns;
	int acl_before; /* of our own entry on the socket; ACL_ABSENT */
	bool acl_added;
	pthread_mutex_t lock; /* of what follows */
	struct poller *pods_poller, *devices_poller; /* NULL: not running */
	struct map *map;
	uint64_t generation;
};

static struct map *map_new(void)
{
	struct map *map = calloc(1, sizeof(*map));

	if (map)
		arena_init(&map->arena, REPLY_MEMORY_MAX_BYTES);
	return map;
}

static void map_free(struct map *map)
{
	if (!map)
		return;
	arena_done(&map->arena);
	free(map);
}
DEFINE_CLEANUP(struct map *, map_free);

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct holder *)a)->id, ((const struct holder *)b)->id);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Replicas of time slicing and MPS are told by a suffix "::N"; the device is one. */
static const char *device_of(struct arena *arena, const char *id)
{
	const char *suffix = strstr(id, "::");

	return suffix ? arena_strndup(arena, id, (size_t)(suffix - id)) : id;
}

static int fill(struct k8s_devices *d, struct map *map, const struct pod_resources *pod)
{
	struct holder *holder = &map->v[map->n];
	char id[UNIT_NAME_MAX];
	int r = k8s_pods_find(d->pods, pod->pod_namespace, pod->name, id, sizeof(id));

	/* The API server hasn't told yet, or has told already that it's gone. */
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r == -E2BIG ? 0 : r;
	holder->id = arena_strdup(&map->arena, id);
	holder->devices = ARENA_ARRAY(&map->arena, const char *, pod->n_device_ids + 1);
	holder->n = 0;
	if (!holder->id || !holder->devices)
		return -ENOMEM;
	for (size_t i = 0; i < pod->n_device_ids; i++) {
		const char *device = device_of(&map->arena, pod->device_ids[i]);

		if (!device)
			return -ENOMEM;
		holder->devices[holder->n++] = device;
	}
	qsort(holder->devices, holder->n, sizeof(*holder->devices), by_text);
	map->n++;
	return 0;
}

static bool same(const struct map *a, const struct map *b)
{
	if (!a || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!str_eq(a->v[i].id, b->v[i].id) || a->v[i].n != b->v[i].n)
			return false;
		for (size_t k = 0; k < a->v[i].n; k++)
			if (!str_eq(a->v[i].devices[k], b->v[i].devices[k]))
				return false;
	}
	return true;
}

/* Takes the map; NULL: nothing is known any more. */
static void use(struct k8s_devices *d, struct map *map)
{
	struct map *old = map;

	pthread_mutex_lock(&d->lock);
	if (map ? !same(d->map, map) : d->map != NULL) {
		old = d->map;
		d->map = map;
		d->generation++;
	}
	pthread_mutex_unlock(&d->lock);
	map_free(old);
}

/*
 * The kubelet makes its socket anew when it starts, so that what was done for the old one at our
 * start is lost.
 */
static int open_socket(struct k8s_devices *d)
{
	const capability_set raised = privilege_raise(
		CAPABILITY(CAP_FOWNER) | CAPABILITY(CAP_DAC_READ_SEARCH));
	struct stat st;
	int before, r = 0;

	if (stat(d->config.socket, &st) < 0)
		r = -errno;
	else if (!S_ISSOCK(st.st_mode))
		r = -ENOTSOCK;
	if (r >= 0)
		r = acl_file_set_user(d->config.socket, geteuid(), ACL_READ | ACL_WRITE, &before);
	if (r >= 0) {
		d->acl_before = before;
		d->acl_added = true;
	}
	privilege_lower(raised);
	return r;
}

static void restore_socket(struct k8s_devices *d)
{
	capability_set raised;
	int before;

	if (!d->acl_added)
		return;
	raised = privilege_raise(CAPABILITY(CAP_FOWNER) | CAPABILITY(CAP_DAC_READ_SEARCH));
	(void)acl_file_set_user(d->config.socket, geteuid(), d->acl_before, &before);
	privilege_lower(raised);
}

/* The folders above the socket need not be open to all. */
static int ask_once(struct k8s_devices *d, int cancel_fd, struct arena *arena,
	struct pod_resources **ret_pods, size_t *ret_n, struct err *err)
{
	const capability_set raised = privilege_raise(CAPABILITY(CAP_DAC_READ_SEARCH));
	int r = pod_resources_list(d->kubelet, d->config.socket, KUBELET_TIMEOUT_MS, cancel_fd,
		arena, ret_pods, ret_n, err);

	privilege_lower(raised);
	return r;
}

static int ask_kubelet(struct k8s_devices *d, int cancel_fd, struct map *map, struct err *err)
{
	struct pod_resources *pods;
	size_t n;
	int r = ask_once(d, cancel_fd, &map->arena, &pods, &n, err);

	if (r == -EACCES && open_socket(d) >= 0)
		r = ask_once(d, cancel_fd, &map->arena, &pods, &n, err);
	if (r < 0)
		return r;
	map->v = ARENA_ARRAY(&map->arena, struct holder, n + 1);
	if (!map->v)
		r = -ENOMEM;
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = fill(d, map, &pods[i]);
	if (r < 0)
		return err_errno(err, r, "joining the devices with the pods");
	qsort(map->v, map->n, sizeof(*map->v), by_id);
	return 0;
}

static int poll_devices(void *ctx, int cancel_fd, struct err *err)
{
	struct k8s_devices *d = ctx;
	CLEANUP(map_freep) struct map *map = NULL;
	int64_t now_ns;
	int r;

	if (!atomic_load(&d->wanted))
		return 0;
	map = map_new();
	r = map ? ask_kubelet(d, cancel_fd, map, err) : err_errno(err, -ENOMEM, "devices");
	now_ns = clock_monotonic_ns(d->config.clock);
	if (r >= 0) {
		d->last_answer_ns = now_ns;
		use(d, TAKE(map));
	} else if (now_ns - d->last_answer_ns > STALE_S * S_NS) {
		use(d, NULL);
	}
	return r;
}

static void on_begin(void *ctx)
{
	struct k8s_devices *d = ctx;

	k8s_pods_begin(d->pods);
}

static int on_listed(void *ctx, const struct kube_object *pod)
{
	struct k8s_devices *d = ctx;

	return k8s_pods_list(d->pods, pod);
}

/* A pod that came or went changes the devices, too. */
static void wake_devices(struct k8s_devices *d)
{
	pthread_mutex_lock(&d->lock);
	if (d->devices_poller)
		poller_wake(d->devices_poller);
	pthread_mutex_unlock(&d->lock);
}

static int on_end(void *ctx)
{
	struct k8s_devices *d = ctx;

	if (k8s_pods_end(d->pods))
		wake_devices(d);
	return 0;
}

static int on_changed(void *ctx, enum kube_event_type type, const struct kube_object *pod)
{
	struct k8s_devices *d = ctx;
	int r = type == KUBE_DELETED ? k8s_pods_remove(d->pods, pod) : k8s_pods_put(d->pods, pod);

	if (r > 0)
		wake_devices(d);
	return r < 0 ? r : 0;
}

static int poll_pods(void *ctx, int cancel_fd, struct err *err)
{
	struct k8s_devices *d = ctx;

	return atomic_load(&d->wanted) ? kube_watch_step(d->watch, cancel_fd, err) : 0;
}

static int open_clients(struct k8s_devices *d, struct err *err)
{
	struct kube_watch_config watch = {
		.path = "/api/v1/pods",
		.field_selector = d->selector,
		.metadata_only = true,
		.page_limit = PAGE_PODS,
		.list_timeout_ms = LIST_TIMEOUT_MS,
		.watch_ms = WATCH_MS,
		.begin = on_begin,
		.listed = on_listed,
		.end = on_end,
		.changed = on_changed,
		.ctx = d,
	};
	int r = kube_client_new(d->config.kube, "ceems_exporter", &d->kube, err);

	watch.client = d->kube;
	if (r >= 0)
		r = kube_watch_new(&watch, &d->watch, err);
	if (r >= 0)
		r = http_client_new(NULL, "ceems_exporter", &d->kubelet, err);
	return r;
}

int k8s_devices_open(
	const struct k8s_devices_config *config, struct k8s_devices **ret_devices, struct err *err)
{
	struct k8s_devices *d = calloc(1, sizeof(*d));
	int r = 0;

	if (!d)
		return err_errno(err, -ENOMEM, "k8s");
	pthread_mutex_init(&d->lock, NULL);
	d->config = *config;
	d->acl_before = ACL_ABSENT;
	if (*config->node_name && asprintf(&d->selector, "spec.nodeName=%s", config->node_name) < 0)
		d->selector = NULL;
	if ((*config->node_name && !d->selector) || k8s_pods_new(&d->pods) < 0)
		r = err_errno(err, -ENOMEM, "k8s");
	if (r >= 0)
		r = open_clients(d, err);
	if (r < 0) {
		k8s_devices_close(d);
		return r;
	}
	*ret_devices = d;
	return 0;
}

void k8s_devices_close(struct k8s_devices *d)
{
	if (!d)
		return;
	restore_socket(d);
	kube_watch_free(d->watch);
	kube_client_free(d->kube);
	http_client_free(d->kubelet);
	k8s_pods_free(d->pods);
	map_free(d->map);
	free(d->selector);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static int start_one(struct k8s_devices *d, const struct poller_config *config, int64_t wait_ns,
	struct poller **place, struct err *err)
{
	struct poller *poller;
	int r = poller_start(config, wait_ns, &poller, err);

	if (r < 0)
		return r;
	pthread_mutex_lock(&d->lock);
	*place = poller;
	pthread_mutex_unlock(&d->lock);
	return 0;
}

/* The pods first, so that the devices of the first answer find their units. */
int k8s_devices_start(struct k8s_devices *d, bool wanted, struct err *err)
{
	const struct poller_config pods = {
		.name = K8S_PODS_THREAD,
		.what = "listing and watching the pods of the API server",
		.clock = d->config.clock,
		.log = d->config.log,
		.period_ns = PERIOD_S * S_NS,
		.least_ns = S_NS,
		.retry_ns = S_NS,
		.poll = poll_pods,
		.ctx = d,
		.account = d->config.pods_account,
	};
	struct poller_config devices = pods;
	const int64_t wait_ns = wanted ? FIRST_WAIT_S * S_NS : 0;
	int r;

	devices.name = K8S_DEVICES_THREAD;
	devices.what = "asking the kubelet for the devices of pods";
	devices.poll = poll_devices;
	devices.account = d->config.devices_account;
	atomic_store(&d->wanted, wanted);
	r = start_one(d, &pods, wait_ns, &d->pods_poller, err);
	return r < 0 ? r : start_one(d, &devices, wait_ns, &d->devices_poller, err);
}

static void stop_one(struct k8s_devices *d, struct poller **place)
{
	struct poller *poller;

	pthread_mutex_lock(&d->lock);
	poller = TAKE(*place);
	pthread_mutex_unlock(&d->lock);
	poller_stop(poller);
}

void k8s_devices_stop(struct k8s_devices *d)
{
	stop_one(d, &d->pods_poller);
	stop_one(d, &d->devices_poller);
}

/* Somebody has a use for devices now. */
static void want(struct k8s_devices *d)
{
	atomic_store(&d->wanted, true);
	if (d->pods_poller)
		poller_wake(d->pods_poller);
}

int k8s_devices_identify(
	void *devices, const struct unit_facts *facts, struct unit_identity *ret_identity)
{
	struct k8s_devices *d = devices;
	const struct holder key = { .id = facts->id }, *holder = NULL;

	if (!d || !facts->wants_gpus)
		return 0;
	pthread_mutex_lock(&d->lock);
	if (!atomic_load(&d->wanted))
		want(d);
	if (d->map && d->map->n)
		holder = bsearch(&key, d->map->v, d->map->n, sizeof(key), by_id);
	for (size_t i = 0; holder && i < holder->n; i++)
		(void)unit_identity_add_gpu(
			ret_identity, GPU_REF_PLUGIN, slice_from(holder->devices[i]));
	/* A pod that is newer than the last answer. */
	if (!holder && d->devices_poller)
		poller_wake(d->devices_poller);
	pthread_mutex_unlock(&d->lock);
	return holder ? 0 : -EAGAIN;
}

uint64_t k8s_devices_generation(void *devices)
{
	struct k8s_devices *d = devices;
	uint64_t generation;

	if (!d)
		return 0;
	pthread_mutex_lock(&d->lock);
	generation = d->generation;
	pthread_mutex_unlock(&d->lock);
	return generation;
}
