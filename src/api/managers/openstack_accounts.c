// SPDX-License-Identifier: Apache-2.0
#include "api/managers/openstack_accounts.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "api/associations.h"
#include "api/managers/openstack_names.h"
#include "remote/openstack/keystone.h"

enum { ACCOUNTS_ARENA_BYTES = 1 << 30, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

struct account {
	const char *id, *name;
	struct keystone_names projects;
	int64_t failing_ns; /* monotonic: since when; 0: the projects are those of the last try */
	bool known; /* the projects are those of some try */
};

/* What one refresh brought. Everything lives in its arenas. */
struct accounts_state {
	struct arena arenas[OPENSTACK_PARALLEL]; /* one for each thread */
	struct account *users; /* sorted by id */
	size_t n_users;
	/* Names by id, sorted; also of those that are gone, whose servers may still be there. */
	struct keystone_names user_names, project_names;
	size_t n_failed; /* users whose projects couldn't be had */
};

struct openstack_accounts {
	struct manager_env env;
	struct openstack_session *session;
	struct timezone_ *local; /* the server's own zone */
	struct accounts_state *now;
	int64_t complete_ns; /* monotonic: when all users were asked for last */
	char updated_at[TIME_TEXT_MAX];
	bool learn; /* the next refresh shall be complete */
	struct arena unknown_arena;
	struct keystone_names unknown; /* ids that the last complete refresh didn't bring */
	bool users_failing, projects_failing; /* said so already */
};

static void state_free(struct accounts_state *state)
{
	if (!state)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(state->arenas); i++)
		arena_done(&state->arenas[i]);
	free(state);
}

DEFINE_CLEANUP(struct accounts_state *, state_free);

static struct accounts_state *state_new(void)
{
	struct accounts_state *state = calloc(1, sizeof(*state));

	for (size_t i = 0; state && i < ARRAY_SIZE(state->arenas); i++)
		arena_init(&state->arenas[i], ACCOUNTS_ARENA_BYTES);
	return state;
}

static int account_by_id(const void *a, const void *b)
{
	const struct account *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static struct account *find_account(const struct accounts_state *state, const char *id)
{
	const struct account key = { .id = id };

	return state && state->n_users
		? bsearch(&key, state->users, state->n_users, sizeof(key), account_by_id)
		: NULL;
}

static int fill_names(struct accounts_state *state, const struct accounts_state *before)
{
	struct arena *arena = &state->arenas[0];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < state->n_users; i++) {
		const struct account *user = &state->users[i];
		const struct keystone_name name = { user->id, user->name };

		r = openstack_names_add(&state->user_names, &name, false, arena);
		for (size_t p = 0; r >= 0 && p < user->projects.n; p++)
			r = openstack_names_add(
				&state->project_names, &user->projects.v[p], false, arena);
	}
	openstack_names_sort(&state->user_names);
	openstack_names_sort(&state->project_names);
	if (r >= 0)
		r = openstack_names_keep(
			&state->user_names, before ? &before->user_names : NULL, arena);
	if (r >= 0)
		r = openstack_names_keep(
			&state->project_names, before ? &before->project_names : NULL, arena);
	return r;
}

/* The users who are asked for their projects, by several threads. */
struct round {
	struct openstack_session *session;
	struct accounts_state *state;
	bool all; /* or only those that failed last time */
	int64_t now_ns; /* monotonic */
	size_t next_user, next_thread, failures; /* taken atomically; failures in a row */
	pthread_mutex_t lock; /* of the next two */
	int r; /* of the first failure */
	struct err err;
};

static void note_failure(struct round *round, int r, const struct err *err)
{
	__atomic_fetch_add(&round->failures, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&round->lock);
	if (round->r >= 0) {
		round->r = r;
		round->err = *err;
	}
	pthread_mutex_unlock(&round->lock);
}

static void ask_user(struct round *round, struct account *user, struct arena *arena)
{
	struct keystone_names projects = { 0 };
	struct err err;
	int r = 0;

	if (!user->failing_ns)
		user->failing_ns = round->now_ns;
	if (__atomic_load_n(&round->failures, __ATOMIC_RELAXED) >= OPENSTACK_FAILURES_MAX)
		return;
	r = keystone_user_projects(round->session, user->id, arena, &projects, &err);
	/* Deleted since the list of users was had. */
	if (r == -ENOENT)
		r = 0;
	if (r < 0) {
		err_prefix(&err, r, "projects of user '%s'", user->name);
		note_failure(round, r, &err);
		return;
	}
	__atomic_store_n(&round->failures, 0, __ATOMIC_RELAXED);
	user->projects = projects;
	user->known = true;
	user->failing_ns = 0;
}

static void *ask_users(void *ctx)
{
	struct round *round = ctx;
	struct accounts_state *state = round->state;
	size_t thread = __atomic_fetch_add(&round->next_thread, 1, __ATOMIC_RELAXED), i;

	while ((i = __atomic_fetch_add(&round->next_user, 1, __ATOMIC_RELAXED)) < state->n_users)
		if (round->all || state->users[i].failing_ns)
			ask_user(round, &state->users[i], &state->arenas[thread]);
	return NULL;
}

/* Returns the first failure; what could be had is there nevertheless. */
static int ask_all(struct round *round, struct err *err)
{
	pthread_t threads[OPENSTACK_PARALLEL - 1];
	size_t started = 0;

	pthread_mutex_init(&round->lock, NULL);
	while (started < ARRAY_SIZE(threads) && started + 1 < round->state->n_users &&
		pthread_create(&threads[started], NULL, ask_users, round) == 0)
		started++;
	ask_users(round); /* alone, if no thread can be had */
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&round->lock);
	round->state->n_failed = 0;
	for (size_t i = 0; i < round->state->n_users; i++)
		round->state->n_failed += round->state->users[i].failing_ns != 0;
	if (round->r < 0)
		*err = round->err;
	return round->r;
}

/* What is known of the user from before stays until there is something newer. */
static int carry_over(struct account *user, const struct account *before, struct arena *arena)
{
	struct keystone_names projects = { 0 };

	for (size_t p = 0; p < before->projects.n; p++)
		if (openstack_names_add(&projects, &before->projects.v[p], true, arena) < 0)
			return -ENOMEM;
	user->projects = projects;
	user->failing_ns = before->failing_ns;
	user->known = before->known;
	return 0;
}

static int make_users(struct accounts_state *state, const struct keystone_names *names,
	const struct accounts_state *before)
{
	struct arena *arena = &state->arenas[0];

	state->users = ARENA_ARRAY(arena, struct account, names->n + 1);
	if (!state->users)
		return -ENOMEM;
	for (size_t i = 0; i < names->n; i++) {
		struct account *user = &state->users[state->n_users++];
		const struct account *known = find_account(before, names->v[i].id);

		user->id = names->v[i].id;
		user->name = names->v[i].name;
		if (known && carry_over(user, known, arena) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int list_users(struct openstack_accounts *a, struct accounts_state *state, struct err *err)
{
	struct keystone_names names;
	bool truncated;
	int r = keystone_users(a->session, &state->arenas[0], &names, &truncated, err);

	if (r < 0)
		return r;
	if (truncated)
		log_warn(a->env.log,
			"Keystone tells a part of the users only; raise list_limit in its "
			"configuration",
			LOG_STR("cluster_id", a->env.cluster->id),
			LOG_INT("users", (int64_t)names.n));
	openstack_names_sort(&names);
	r = make_users(state, &names, a->now);
	return r < 0 ? err_errno(err, r, "users") : 0;
}

static void say(struct openstack_accounts *a, bool *failing, bool fails, const char *what,
	const struct err *err)
{
	if (fails && !*failing)
		log_error(a->env.log, "cannot be had from Keystone; what is known stays",
			LOG_STR("cluster_id", a->env.cluster->id), LOG_STR("what", what),
			LOG_ERR(err));
	else if (!fails && *failing)
		log_info(a->env.log, "can be had from Keystone again",
			LOG_STR("cluster_id", a->env.cluster->id), LOG_STR("what", what));
	*failing = fails;
}

/* Asks all users for their projects and makes the result the present state. */
static int refresh_all(struct openstack_accounts *a, struct err *err)
{
	CLEANUP(state_freep) struct accounts_state *state = state_new();
	struct err why;
	int r;

	if (!state)
		return err_errno(err, -ENOMEM, "users and projects");
	r = list_users(a, state, err);
	if (r < 0)
		return r;

	struct round round = { .session = a->session,
		.state = state,
		.all = true,
		.now_ns = clock_monotonic_ns(a->env.clock) };

	r = ask_all(&round, &why);
	if (r == -ECANCELED)
		return err_set(err, r, "users and projects: cancelled");
	say(a, &a->projects_failing, r < 0, "projects of users", &why);
	if (fill_names(state, a->now) < 0)
		return err_errno(err, -ENOMEM, "users and projects");
	state_free(a->now);
	a->now = TAKE(state);
	a->complete_ns = clock_monotonic_ns(a->env.clock);
	a->learn = false;
	return 0;
}

/* Asks those that failed. Their users stay in the state that is there. */
static int refresh_failed(struct openstack_accounts *a, struct err *err)
{
	struct round round = {
		.session = a->session, .state = a->now, .now_ns = clock_monotonic_ns(a->env.clock)
	};
	struct err why;
	int r = ask_all(&round, &why);

	if (r == -ECANCELED)
		return err_set(err, r, "users and projects: cancelled");
	say(a, &a->projects_failing, r < 0, "projects of users", &why);
	return fill_names(a->now, NULL) < 0 ? err_errno(err, -ENOMEM, "users and projects") : 0;
}

int openstack_accounts_refresh(struct openstack_accounts *a, int64_t now_ms, struct err *err)
{
	const int64_t age_ns = clock_monotonic_ns(a->env.clock) - a->complete_ns;
	bool due = age_ns >= (int64_t)OPENSTACK_ACCOUNTS_LIFE_S * NS_PER_S;
	struct err why;
	int r;

	if (!due && !a->learn)
		return a->now->n_failed ? refresh_failed(a, err) : 0;
	r = refresh_all(a, &why);
	if (r == -ECANCELED || r == -ENOMEM) {
		*err = why;
		return r;
	}
	say(a, &a->users_failing, r < 0, "list of users", &why);
	if (r < 0)
		return 0;
	time_format_zdt(a->env.zone, now_ms, a->updated_at);
	if (due) {
		arena_reset(&a->unknown_arena);
		a->unknown = (struct keystone_names){ 0 };
	}
	return 0;
}

const char *openstack_accounts_user(const struct openstack_accounts *a, const char *id)
{
	const char *name = openstack_names_find(&a->now->user_names, id);

	return name ? name : "";
}

const char *openstack_accounts_project(const struct openstack_accounts *a, const char *id)
{
	const char *name = openstack_names_find(&a->now->project_names, id);

	return name ? name : "";
}

bool openstack_accounts_is_new(const struct openstack_accounts *a, const char *id)
{
	return *id && !openstack_names_find(&a->now->user_names, id) &&
		!openstack_names_find(&a->now->project_names, id) &&
		!openstack_names_find(&a->unknown, id);
}

int openstack_accounts_learn(struct openstack_accounts *a, const char *id)
{
	const struct keystone_name name = { id, "" };

	a->learn = true;
	if (a->unknown.n == KEYSTONE_NAMES_MAX)
		return 0;
	return openstack_names_insert(&a->unknown, &name, &a->unknown_arena);
}

/* Whether the projects of all users are known, as far as they ever will be. */
static bool is_complete(const struct openstack_accounts *a)
{
	const int64_t patience_ns = (int64_t)OPENSTACK_PATIENCE_S * NS_PER_S;

	for (size_t i = 0; i < a->now->n_users; i++) {
		const struct account *user = &a->now->users[i];

		if (!user->known &&
			clock_monotonic_ns(a->env.clock) - user->failing_ns < patience_ns)
			return false;
	}
	return true;
}

static int make_pairs(
	const struct accounts_state *state, struct arena *arena, struct association_list *pairs)
{
	int r = 0;

	for (size_t i = 0; i < state->n_users; i++) {
		const struct account *user = &state->users[i];

		for (size_t p = 0; r >= 0 && *user->name && p < user->projects.n; p++)
			if (*user->projects.v[p].name)
				r = association_list_push(
					pairs, arena, user->projects.v[p].name, user->name);
	}
	return r;
}

static int user_by_name(const void *a, const void *b)
{
	const struct user *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Users who are in no project. */
static int add_loners(const struct accounts_state *state, const struct association_origin *origin,
	struct arena *arena, struct user_list *users)
{
	size_t members = users->n;

	for (size_t i = 0; i < state->n_users; i++) {
		const struct account *account = &state->users[i];
		const struct user key = { .name = account->name };
		struct user *user;

		if (!*account->name ||
			(members && bsearch(&key, users->v, members, sizeof(key), user_by_name)))
			continue;
		user = user_list_push(users, arena);
		if (!user)
			return -ENOMEM;
		user->cluster_id = origin->cluster_id;
		user->resource_manager = origin->resource_manager;
		user->last_updated_at = origin->updated_at;
		user->name = account->name;
	}
	if (users->n)
		qsort(users->v, users->n, sizeof(*users->v), user_by_name);
	return 0;
}

int openstack_accounts_list(struct openstack_accounts *a, struct arena *arena,
	struct user_list *users, struct project_list *projects)
{
	const struct accounts_state *state = a->now;
	const struct association_origin origin = { a->env.cluster->id, "openstack", a->updated_at };
	struct keystone_names user_ids, project_ids;
	struct association_list pairs = { 0 };

	if (!is_complete(a))
		return 0;
	if (make_pairs(state, arena, &pairs) < 0 ||
		associations_to_lists(&pairs, &origin, arena, users, projects) < 0 ||
		add_loners(state, &origin, arena, users) < 0 ||
		openstack_names_by_name(&state->user_names, arena, &user_ids) < 0 ||
		openstack_names_by_name(&state->project_names, arena, &project_ids) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < users->n; i++)
		users->v[i].uid = openstack_names_find_id(&user_ids, users->v[i].name);
	for (size_t i = 0; i < projects->n; i++)
		projects->v[i].uid = openstack_names_find_id(&project_ids, projects->v[i].name);
	return 0;
}

void openstack_accounts_close(struct openstack_accounts *a)
{
	if (!a)
		return;
	state_free(a->now);
	timezone_free(a->local);
	arena_done(&a->unknown_arena);
	free(a);
}

DEFINE_CLEANUP(struct openstack_accounts *, openstack_accounts_close);

int openstack_accounts_open(const struct manager_env *env, struct openstack_session *session,
	struct openstack_accounts **ret_accounts, struct err *err)
{
	CLEANUP(openstack_accounts_closep)
	struct openstack_accounts *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return err_errno(err, -ENOMEM, "users and projects");
	a->env = *env;
	a->session = session;
	arena_init(&a->unknown_arena, ACCOUNTS_ARENA_BYTES);
	r = timezone_new("Local", &a->local, err);
	if (r >= 0)
		r = refresh_all(a, err);
	if (r < 0)
		return r;
	/* Of the first refresh CEEMS 0.10.2 tells the time in the server's own zone. */
	time_format_zdt(a->local, clock_realtime_ns(env->clock) / NS_PER_MS, a->updated_at);
	*ret_accounts = TAKE(a);
	return 0;
}
