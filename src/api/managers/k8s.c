// SPDX-License-Identifier: Apache-2.0
/*
 * Pods of Kubernetes (spec api-server.md 9): followed by a watch, so that also those are counted
 * that come and go between two windows. Several clusters are told apart by their kubeconfigs.
 */
#include <errno.h>
#include <stdlib.h>

#include "api/manager.h"
#include "api/managers/k8s_accounts.h"
#include "api/managers/k8s_follow.h"

enum { CONFIG_MEMORY_MAX_BYTES = 64 << 20, PAIRS_MEMORY_MAX_BYTES = 256 << 20 };

struct k8s_extra {
	const char *kubeconfig_file, *ns_users_list_file;
	struct strings gpu_resource_names, username_annotations, project_annotations;
};

#define EXTRA(key, kind, member, fallback, help)                                       \
	{                                                                              \
		key, kind, offsetof(struct k8s_extra, member), NULL, fallback, help, 0 \
	}
static const struct config_key extra_keys[] = {
	EXTRA("kubeconfig_file", CONFIG_STRING, kubeconfig_file, NULL,
		"Path of a kubeconfig file; without it the server is taken for a pod of the "
		"cluster."),
	EXTRA("ns_users_list_file", CONFIG_STRING, ns_users_list_file, "/var/run/ceems/users.yaml",
		"Path of a file `users: {NAMESPACE: [USER, ...]}`, read at each update."),
	EXTRA("gpu_resource_names", CONFIG_STRINGS, gpu_resource_names, NULL,
		"Names of resources that are GPUs (nvidia.com/gpu, amd.com/gpu)."),
	EXTRA("username_annotations", CONFIG_STRINGS, username_annotations, NULL,
		"Annotations of pods that name their user, by preference (ceems.io/created-by)."),
	EXTRA("project_annotations", CONFIG_STRINGS, project_annotations, NULL,
		"Annotations of pods that name their project, by preference; else it is the "
		"namespace."),
};
static const struct config_table extra_table = {
	.size = sizeof(struct k8s_extra),
	.keys = extra_keys,
	.n_keys = ARRAY_SIZE(extra_keys),
};

static const char *default_gpu_names[] = { "nvidia.com/gpu", "amd.com/gpu" };
static const char *default_username_annotations[] = { "ceems.io/created-by" };

/* Where it is told who belongs to which namespace, and what was said there last. */
struct source {
	struct arena arena; /* of the pairs */
	struct association_list pairs;
	bool known; /* it was read once */
	bool failing; /* which was logged */
};

struct k8s {
	struct manager_env env;
	struct arena arena; /* of the next three */
	struct k8s_extra extra;
	struct kube_config kube;
	struct k8s_naming naming;
	struct k8s_pods *pods;
	struct k8s_follow *follow;
	struct kube_client *client; /* of role bindings */
	struct source bindings, users;
};

static void k8s_close(void *state)
{
	struct k8s *k = state;

	if (!k)
		return;
	k8s_follow_close(k->follow);
	kube_client_free(k->client);
	k8s_pods_free(k->pods);
	arena_done(&k->bindings.arena);
	arena_done(&k->users.arena);
	arena_done(&k->arena);
	free(k);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted and distinct, in memory of our own. */
static int sort_names(struct strings *names, struct arena *arena)
{
	const char **v = ARENA_ARRAY(arena, const char *, names->n + 1);
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	if (names->n)
		memcpy(v, names->v, names->n * sizeof(*v));
	qsort(v, names->n, sizeof(*v), by_text);
	for (size_t i = 0; i < names->n; i++)
		if (!n || !str_eq(v[n - 1], v[i]))
			v[n++] = v[i];
	*names = (struct strings){ v, n };
	return 0;
}

static int read_extra(struct k8s *k, struct err *err)
{
	struct k8s_extra *extra = &k->extra;
	int r = config_decode(k->env.cluster->extra_config, k->env.config_name, &extra_table, extra,
		&k->arena, err);

	if (r < 0)
		return r;
	if (!extra->gpu_resource_names.n)
		extra->gpu_resource_names = (struct strings){ default_gpu_names,
			ARRAY_SIZE(default_gpu_names) };
	if (!extra->username_annotations.n)
		extra->username_annotations = (struct strings){ default_username_annotations,
			ARRAY_SIZE(default_username_annotations) };
	k->naming = (struct k8s_naming){
		.username_annotations = extra->username_annotations,
		.project_annotations = extra->project_annotations,
		.gpu_resource_names = extra->gpu_resource_names,
	};
	r = sort_names(&k->naming.gpu_resource_names, &k->arena);
	return r < 0 ? err_errno(err, r, "extra_config") : 0;
}

static int find_server(struct k8s *k, struct err *err)
{
	const char *file = k->extra.kubeconfig_file;
	int r;

	if (file && *file)
		return kube_config_load(file, &k->arena, &k->kube, err);
	r = kube_config_in_cluster(getenv("KUBERNETES_SERVICE_HOST"),
		getenv("KUBERNETES_SERVICE_PORT"), KUBE_SERVICE_ACCOUNT_DIRECTORY, &k->arena,
		&k->kube, err);
	return r < 0 ? err_prefix(err, r, "no extra_config.kubeconfig_file is given, and") : r;
}

static int open_all(struct k8s *k, struct err *err)
{
	struct k8s_follow_config follow = {
		.kube = &k->kube,
		.clock = k->env.clock,
		.log = k->env.log,
		.cluster_id = k->env.cluster->id,
	};
	int r = read_extra(k, err);

	if (r >= 0)
		r = find_server(k, err);
	if (r >= 0 && k8s_pods_new(&k->naming, &k->pods) < 0)
		r = err_errno(err, -ENOMEM, "pods");
	if (r >= 0)
		r = kube_client_new(&k->kube, "ceems_api_server", &k->client, err);
	follow.pods = k->pods;
	return r < 0 ? r : k8s_follow_open(&follow, &k->follow, err);
}

static int k8s_open(const struct manager_env *env, void **ret_state, struct err *err)
{
	struct k8s *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return err_errno(err, -ENOMEM, "Kubernetes manager");
	k->env = *env;
	arena_init(&k->arena, CONFIG_MEMORY_MAX_BYTES);
	arena_init(&k->bindings.arena, PAIRS_MEMORY_MAX_BYTES);
	arena_init(&k->users.arena, PAIRS_MEMORY_MAX_BYTES);
	r = open_all(k, err);
	if (r < 0)
		k8s_close(k);
	else
		*ret_state = k;
	return r;
}

static int k8s_recall(void *state, const struct unit *unit, int64_t seen_ms)
{
	struct k8s *k = state;

	return k8s_pods_recall(k->pods, unit, seen_ms);
}

static int k8s_recall_owner(void *state, const char *project, const char *user)
{
	struct k8s *k = state;

	return k8s_pods_recall_owner(k->pods, project, user);
}

static int k8s_fetch_units(void *state, const struct window *window, struct arena *arena,
	struct unit_list *units, struct err *err)
{
	struct k8s *k = state;
	struct k8s_window in = {
		.window = window,
		.zone = k->env.zone,
		.cluster_id = k->env.cluster->id,
	};
	int r = k8s_follow_wait(k->follow, window->end_ms, k->env.cancel_fd, err);

	if (r < 0)
		return err_prefix(err, r, "pods");
	in.now_ms = clock_realtime_ns(k->env.clock) / 1000000;
	r = k8s_pods_units(k->pods, &in, arena, units);
	if (r < 0)
		return err_errno(err, r, "pods: %zu of them", units->n);
	log_debug(k->env.log, "pods fetched", LOG_STR("cluster_id", k->env.cluster->id),
		LOG_INT("units", (int64_t)units->n),
		LOG_INT("known", (int64_t)k8s_pods_count(k->pods)));
	return 0;
}

static void k8s_stored(void *state, const struct window *window)
{
	struct k8s *k = state;

	k8s_pods_stored(k->pods, window);
}

static void learn(struct source *source, struct arena *arena, struct association_list pairs)
{
	arena_done(&source->arena);
	*source = (struct source){ .arena = *arena, .pairs = pairs, .known = true };
}

/* Without the right to see them there are none. Otherwise those that are known stay. */
static int list_bindings(struct k8s *k, struct err *err)
{
	struct association_list pairs = { 0 };
	struct arena arena;
	struct err why = { 0 };
	int r;

	arena_init(&arena, PAIRS_MEMORY_MAX_BYTES);
	r = k8s_bindings_list(k->client, k->env.cancel_fd, &arena, &pairs, &why);
	if (r >= 0) {
		learn(&k->bindings, &arena, pairs);
		return 0;
	}
	arena_done(&arena);
	if (r == -ECANCELED || (!k->bindings.known && r != -EACCES && r != -ENOENT)) {
		if (err)
			*err = why;
		return err_prefix(err, r, "role bindings");
	}
	if (!k->bindings.failing)
		log_warn(k->env.log,
			"role bindings can't be listed; users are those known before, of pods and of the users file",
			LOG_STR("cluster_id", k->env.cluster->id), LOG_ERR(&why));
	k->bindings.failing = true;
	return 0;
}

/* No file is an empty one. One that can't be read leaves what it said before. */
static void load_users(struct k8s *k)
{
	struct association_list pairs = { 0 };
	struct arena arena;
	struct err err = { 0 };
	int r;

	arena_init(&arena, PAIRS_MEMORY_MAX_BYTES);
	r = k8s_users_load(k->extra.ns_users_list_file, &arena, &pairs, &err);
	if (r >= 0 || r == -ENOENT) {
		learn(&k->users, &arena, pairs);
		return;
	}
	arena_done(&arena);
	if (!k->users.failing)
		log_warn(k->env.log, "the users file can't be read; what it said before holds",
			LOG_STR("cluster_id", k->env.cluster->id), LOG_ERR(&err));
	k->users.failing = true;
}

static int add_pairs(
	const struct source *source, struct arena *arena, struct association_list *pairs)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < source->pairs.n; i++)
		r = association_list_push(
			pairs, arena, source->pairs.v[i].project, source->pairs.v[i].user);
	return r;
}

static int k8s_fetch_accounts(void *state, int64_t now_ms, struct arena *arena,
	struct user_list *users, struct project_list *projects, struct err *err)
{
	struct k8s *k = state;
	struct association_list pairs = { 0 };
	char updated[TIME_TEXT_MAX];
	struct association_origin origin = { k->env.cluster->id, "k8s", NULL };
	int r = list_bindings(k, err);

	if (r < 0)
		return r;
	load_users(k);
	time_format_zdt(k->env.zone, now_ms, updated);
	origin.updated_at = arena_strdup(arena, updated);
	r = origin.updated_at ? k8s_pods_pairs(k->pods, arena, &pairs) : -ENOMEM;
	if (r >= 0)
		r = add_pairs(&k->users, arena, &pairs);
	if (r >= 0)
		r = add_pairs(&k->bindings, arena, &pairs);
	if (r >= 0)
		r = associations_to_lists(&pairs, &origin, arena, users, projects);
	if (r < 0)
		return err_errno(err, r, "users and projects");
	/* What pods told is known from the database, too. */
	return k->bindings.known && k->users.known;
}

const struct manager manager_k8s = {
	.name = "k8s",
	.extra_config = &extra_table,
	.open = k8s_open,
	.recall = k8s_recall,
	.recall_owner = k8s_recall_owner,
	.fetch_units = k8s_fetch_units,
	.stored = k8s_stored,
	.fetch_accounts = k8s_fetch_accounts,
	.close = k8s_close,
};
