// SPDX-License-Identifier: Apache-2.0
/*
 * Pods of Kubernetes on this node: what their control groups counted, v1 and v2. The API server and
 * the kubelet are asked only where the node has GPUs, for which pod holds which.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "exporter/collector.h"
#include "exporter/exporter.h"
#include "exporter/managers/k8s_devices.h"
#include "exporter/managers/k8s_units.h"
#include "exporter/units/unit_collector.h"
#include "exporter/units/unit_metrics.h"

#define CGROUP_MOUNT "/sys/fs/cgroup"
#define KUBELET_SOCKET "/var/lib/kubelet/pod-resources/kubelet.sock"

struct k8s_options {
	const char *kubeconfig, *kubeconfig_old, *kubeconfig_other, *socket, *socket_old;
	bool pressure;
};

#define K8S_OPTION(member) offsetof(struct k8s_options, member)

static const struct option_def options[] = {
	{ .name = "collector.k8s.kube-config-file",
		.type = OPTION_STRING,
		.offset = K8S_OPTION(kubeconfig_old),
		.help = "Old name of --collector.k8s.kubeconfig.file.",
		.replaced_by = "collector.k8s.kubeconfig.file",
		.flags = OPTION_DEPRECATED },
	{ .name = "collector.k8s.kubeconfig.file",
		.type = OPTION_STRING,
		.offset = K8S_OPTION(kubeconfig),
		.help = "Path of a kubeconfig file, where the exporter is no pod of the cluster." },
	{ .name = "collector.k8s.kubeconfig-file",
		.type = OPTION_STRING,
		.offset = K8S_OPTION(kubeconfig_other),
		.help = "The same under a name of older documentation.",
		.replaced_by = "collector.k8s.kubeconfig.file",
		.flags = OPTION_DEPRECATED },
	{ .name = "collector.k8s.kubelet-podresources-socket.file",
		.type = OPTION_STRING,
		.offset = K8S_OPTION(socket),
		.fallback = KUBELET_SOCKET,
		.help = "Socket on which the kubelet tells the devices of pods." },
	{ .name = "collector.k8s.kubelet-socket-file",
		.type = OPTION_STRING,
		.offset = K8S_OPTION(socket_old),
		.help = "Old name of --collector.k8s.kubelet-podresources-socket.file.",
		.replaced_by = "collector.k8s.kubelet-podresources-socket.file",
		.flags = OPTION_DEPRECATED },
	{ .name = "collector.k8s.psi-metrics",
		.type = OPTION_BOOL,
		.offset = K8S_OPTION(pressure),
		.help = "Show the pressure stall information of pods (cgroup v2)." },
};

enum { KUBECONFIG_MEMORY_MAX_BYTES = 64 << 20 };

struct k8s {
	struct unit_table *table;
	struct k8s_devices *devices;
	struct arena arena; /* of the next two */
	struct kube_config kube;
	char *node_name;
	const struct collector_env *env;
	unsigned sets;
	enum cgroup_version version;
	atomic_bool both_roots_logged, system_slice_logged;
};

static capability_set k8s_capabilities(const void *opts)
{
	/*
	 * An entry for us on a socket that the kubelet has made anew; credentials and folders that
	 * are not open to all.
	 */
	return CAPABILITY(CAP_FOWNER) | CAPABILITY(CAP_DAC_READ_SEARCH);
}

static void k8s_close(void *state)
{
	struct k8s *k = state;

	unit_table_free(k->table);
	k8s_devices_close(k->devices);
	arena_done(&k->arena);
	free(k);
}

static const char *first_given(const char *a, const char *b, const char *c)
{
	return *a ? a : *b ? b : c;
}

static int find_server(struct k8s *k, const struct k8s_options *o, struct err *err)
{
	const char *path = first_given(o->kubeconfig_old, o->kubeconfig, o->kubeconfig_other);
	int r;

	if (*path)
		return kube_config_load(path, &k->arena, &k->kube, err);
	r = kube_config_in_cluster(getenv("KUBERNETES_SERVICE_HOST"),
		getenv("KUBERNETES_SERVICE_PORT"), KUBE_SERVICE_ACCOUNT_DIRECTORY, &k->arena,
		&k->kube, err);
	return r < 0 ? err_prefix(err, r, "no --collector.k8s.kubeconfig.file is given, and") : r;
}

/* What the label shows may be another name, or none. */
static int find_node(struct k8s *k, struct err *err)
{
	const char *name = getenv("NODE_NAME");

	k->node_name = arena_strdup(&k->arena, name ? name : "");
	return k->node_name ? 0 : err_errno(err, -ENOMEM, "NODE_NAME");
}

static void warn_of_layout(struct k8s *k)
{
	const struct k8s_layout layout = k8s_layout(k->env->host, k->version,
		exporter_settings(k->env->exporter)->cgroups_active_subsystem);

	if (layout.both_roots && !atomic_exchange(&k->both_roots_logged, true))
		log_warn(k->env->log,
			"there are both kubepods and kubepods.slice: left over from another cgroup driver, or not all use the same",
			LOG_STR("collector", "k8s"));
	if (layout.in_system_slice && !atomic_exchange(&k->system_slice_logged, true))
		log_warn(k->env->log,
			"containers lie in system.slice/kubepods*: the container runtime's cgroup driver is not the kubelet's, and what they use is not counted",
			LOG_STR("collector", "k8s"));
}

static int open_all(struct k8s *k, const struct k8s_options *o, struct err *err)
{
	struct k8s_devices_config devices = {
		.clock = k->env->clock,
		.log = k->env->log,
		.kube = &k->kube,
		.pods_account = exporter_thread_account(k->env->exporter, K8S_PODS_THREAD),
		.devices_account = exporter_thread_account(k->env->exporter, K8S_DEVICES_THREAD),
		.socket = *o->socket_old ? o->socket_old : o->socket,
	};
	int r = find_server(k, o, err);

	if (r >= 0)
		r = find_node(k, err);
	devices.node_name = k->node_name;
	if (r >= 0)
		exporter_set_kube(k->env->exporter, &k->kube, k->node_name);
	if (r >= 0)
		r = k8s_devices_open(&devices, &k->devices, err);
	if (r >= 0)
		r = unit_collector_open(
			k->env, &k8s_unit_manager, k->devices, k->sets, &k->table, err);
	return r;
}

static int k8s_open(
	const struct collector_env *env, const void *opts, void **ret_state, struct err *err)
{
	const struct exporter_settings *settings = exporter_settings(env->exporter);
	const struct k8s_options *o = opts;
	struct k8s *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return err_errno(err, -ENOMEM, "k8s");
	arena_init(&k->arena, KUBECONFIG_MEMORY_MAX_BYTES);
	k->env = env;
	k->sets = UNIT_FILES_SWAP | UNIT_FILES_BLKIO | (o->pressure ? UNIT_FILES_PRESSURE : 0);
	k->version = settings->cgroups_force_version
		? (enum cgroup_version)settings->cgroups_force_version
		: cgroup_detect(CGROUP_MOUNT);
	r = open_all(k, o, err);
	if (r < 0) {
		k8s_close(k);
		return r;
	}
	warn_of_layout(k);
	*ret_state = k;
	return 0;
}

static int k8s_start(void *state, struct err *err)
{
	struct k8s *k = state;
	struct gpus *gpus = exporter_gpus(k->env->exporter);

	return k8s_devices_start(k->devices, gpus && gpus_any(gpus), err);
}

static int k8s_collect(void *state, struct scrape *s)
{
	struct k8s *k = state;

	warn_of_layout(k);
	return unit_collector_collect(k->table, k8s_unit_manager.name, k->sets, s);
}

static void k8s_stop(void *state)
{
	struct k8s *k = state;

	k8s_devices_stop(k->devices);
}

const struct collector collector_k8s = {
	.name = "k8s",
	.help = "pods of Kubernetes",
	.needs = COLLECTOR_NEEDS_PROCFS,
	.metrics = unit_metrics,
	.n_metrics = N_UNIT_METRICS,
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.options_size = sizeof(struct k8s_options),
	.capabilities = k8s_capabilities,
	.open = k8s_open,
	.start = k8s_start,
	.collect = k8s_collect,
	.stop = k8s_stop,
	.close = k8s_close,
};
