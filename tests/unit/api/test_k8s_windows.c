// SPDX-License-Identifier: Apache-2.0
/* Windows of pods: they sum up to each pod's life, whatever fails. */
#include "alloc_fail.h"
#include "k8s_world.h"

/* Random lives, told with delays, in windows of random length that fail now and then. */
struct life {
	char uid[16];
	int64_t created, start, end; /* seconds; start < 0: never */
	int how; /* it ends */
	int told; /* steps of its life */
	bool in_api;
	double seconds;
	const char *started_at;
	int64_t stored_end_ms;
};

enum { LIVES = 60, HORIZON_S = 20000 };

static uint32_t random_state;

static int64_t below(int64_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return n ? (int64_t)((random_state >> 8) % (uint64_t)n) : 0;
}

static struct facts facts_of(const struct life *l, int64_t now)
{
	struct facts f = { l->uid, "Pending", l->created, -1, -1, -1, NULL, NULL };

	if (l->start >= 0 && now >= l->start) {
		f.start = l->start;
		/* Some wait with a start for a while. */
		f.phase = now < l->start + 40 && l->how % 2 ? "Pending" : "Running";
	}
	if (now >= l->end) {
		if (l->how < 2) {
			f.phase = "Succeeded";
			f.finished = l->end;
		} else if (l->how < 4) {
			f.phase = f.start >= 0 ? "Running" : "Pending";
			f.deletion = l->end;
		} else {
			f.phase = f.start >= 0 ? "Running" : "Pending";
		}
	}
	return f;
}

/* Everything that the watch has to tell at a time. */
static void watch_tells(struct life *lives, int64_t now)
{
	for (size_t i = 0; i < LIVES; i++) {
		struct life *l = &lives[i];
		bool over = now >= l->end;

		if (now < l->created || l->told == 2)
			continue;
		if (!over || l->how < 2) {
			tell(facts_of(l, now), now);
			l->told = over ? 2 : 1;
			l->in_api = true;
		} else {
			remove_pod(facts_of(l, now), now);
			l->told = 2;
			l->in_api = false;
		}
	}
}

static void take_window(struct life *lives, int64_t to)
{
	for (size_t i = 0; i < LIVES; i++) {
		const struct unit *u = unit(lives[i].uid);
		double s = u ? metric_map_get(&u->metrics[TOTAL_TIME_SECONDS], "walltime") : 0;

		assert_true(s >= 0);
		lives[i].seconds += s;
		if (!u)
			continue;
		lives[i].stored_end_ms = u->ended_at_ms;
		assert_true(u->created_at_ms < (T0 + to) * MS);
	}
}

static void windows_sum_up_to_the_life_of_each_pod(void **state)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		struct life lives[LIVES] = { 0 };
		int64_t from = 0, now = 0;

		teardown(NULL);
		setup(NULL);
		random_state = seed;
		for (size_t i = 0; i < LIVES; i++) {
			struct life *l = &lives[i];

			snprintf(l->uid, sizeof(l->uid), "u%zu", i);
			l->created = below(HORIZON_S / 2);
			l->start = below(8) ? l->created + below(600) : -1;
			l->end = MAX(l->start, l->created) + (below(2) ? below(20) : below(9000));
			l->how = (int)below(6);
		}
		list(0);
		while (from < HORIZON_S + LATE_S + 3000) {
			int64_t to = from + 1 + below(2000);

			/* Events come at once; windows end ten seconds ago. */
			for (; now < to + 10; now += 1 + below(200))
				watch_tells(lives, now);
			now = to + 10;
			watch_tells(lives, now);
			ask(from, to);
			if (below(3) == 0)
				continue; /* it failed */
			if (below(2))
				k8s_pods_stored(pods, &window);
			take_window(lives, to);
			from = to;
		}
		for (size_t i = 0; i < LIVES; i++) {
			const struct life *l = &lives[i];
			double life = l->start < 0
				? 0
				: (double)(l->stored_end_ms / MS - T0 - l->start);

			if (l->seconds != life || !l->stored_end_ms ||
				l->stored_end_ms / MS < T0 + l->end)
				fail_msg("seed %u: pod %s (%d): %g of %g s, end %lld of %lld", seed,
					l->uid, l->how, l->seconds, life,
					(long long)(l->stored_end_ms / MS - T0), (long long)l->end);
			/* Exact where the pod tells it. */
			if (l->how < 4)
				assert_int_equal(l->stored_end_ms / MS, T0 + l->end);
		}
	}
}

/* A pod that comes and changes its owner, with the nth allocation failing. */
static int live(bool *ret_known)
{
	struct facts f = RUNNING("u", 0, 100);
	struct kube_object object = make(&f);
	struct k8s_window in = { &window, zone, "k", (T0 + WINDOW_S + 10) * MS };
	struct unit_list found = { 0 };
	struct arena small;
	int r = k8s_pods_put(pods, &object, (T0 + 100) * MS);

	json_decref((json_t *)object.json);
	if (r < 0)
		return r;
	*ret_known = true;
	arena_init(&small, 1 << 20);
	window = (struct window){ T0 * MS, T0 * MS, (T0 + WINDOW_S) * MS };
	r = k8s_pods_units(pods, &in, &small, &found);
	if (r >= 0) {
		assert_int_equal(found.n, 1);
		assert_string_equal(found.v[0].username, "ns:svc");
		k8s_pods_stored(pods, &window);
	}
	arena_done(&small);
	return r;
}

static void no_memory_loses_no_pod(void **state)
{
	size_t n = 0, failed = 0;

	do {
		bool known = false;
		int r;

		teardown(NULL);
		setup(NULL);
		list(0);
		alloc_fail_at(++n);
		r = live(&known);
		if (alloc_fail_happened() && r < 0) {
			assert_int_equal(r, -ENOMEM);
			failed++;
		}
		/* It's there, or nothing of it is. */
		assert_int_equal(k8s_pods_count(pods), known);
		if (r < 0)
			assert_int_equal(live(&known), 0);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_true(failed > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PODS_TEST(windows_sum_up_to_the_life_of_each_pod),
		PODS_TEST(no_memory_loses_no_pod),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
