// SPDX-License-Identifier: Apache-2.0
/* Pods that come, change and go, and what the windows of a collection make of them. */
#include "k8s_world.h"

static void a_running_pod_is_a_unit(void **state)
{
	struct facts f = RUNNING("u1", 0, 100);

	f.more_meta = ",\"annotations\":{\"ceems.io/created-by\":\"mira\",\"z\":\"<1>\"},"
		      "\"labels\":{\"app\":\"sim\"}";
	f.more_status = ",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]";
	list(0);
	tell(f, 100);
	ask(0, WINDOW_S);
	assert_int_equal(units.n, 1);
	const struct unit *u = &units.v[0];

	assert_string_equal(u->resource_manager, "k8s");
	assert_string_equal(u->cluster_id, "k");
	assert_string_equal(u->uuid, "u1");
	assert_string_equal(u->name, "pod");
	assert_string_equal(u->project, "ns");
	assert_string_equal(u->username, "mira");
	assert_string_equal(u->groupname, "");
	assert_string_equal(u->created_at, "2031-04-09T08:00:00+0200");
	assert_string_equal(u->started_at, "2031-04-09T08:01:40+0200");
	assert_string_equal(u->ended_at, "N/A");
	assert_int_equal(u->created_at_ms, T0 * MS);
	assert_int_equal(u->started_at_ms, (T0 + 100) * MS);
	assert_int_equal(u->ended_at_ms, 0);
	assert_string_equal(u->elapsed, "00:15:00");
	assert_string_equal(u->state, "Running/Ready");
	assert_string_equal(u->allocation, "{\"mem\":1024,\"nvidia.com/gpu\":1,\"vcpus\":2}");
	assert_string_equal(u->tags,
		"{\"annotations\":{\"ceems.io/created-by\":\"mira\",\"z\":\"\\u003c1\\u003e\"},"
		"\"labels\":{\"app\":\"sim\"},\"qos\":\"Burstable\"}");
	assert_int_equal(u->metrics[TOTAL_TIME_SECONDS].n, 5);
	assert_true(walltime("u1") == 800);
	assert_true(metric_map_get(&u->metrics[TOTAL_TIME_SECONDS], "alloc_cputime") == 1600);
	assert_true(
		metric_map_get(&u->metrics[TOTAL_TIME_SECONDS], "alloc_cpumemtime") == 800 * 1024);
	assert_true(metric_map_get(&u->metrics[TOTAL_TIME_SECONDS], "alloc_gputime") == 800);
	assert_true(metric_map_get(&u->metrics[TOTAL_TIME_SECONDS], "alloc_gpumemtime") == 800);
}

static void phases_have_their_texts(void **state)
{
	static const struct {
		const char *phase, *status, *state, *started, *elapsed;
	} rows[] = {
		{ "Pending", NULL, "Pending", "N/A", "N/A" },
		{ "Unknown", NULL, "Unknown", "N/A", "N/A" },
		{ "Dreaming", NULL, "Unknown", "N/A", "N/A" },
		{ "Running", NULL, "", "2031-04-09T08:00:05+0200", "00:15:00" },
		{ "Running",
			",\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"reason\":"
			"\"ContainersNotReady\"}]",
			"Running/ContainersNotReady", "2031-04-09T08:00:05+0200", "00:15:00" },
	};

	list(0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct facts f = { .uid = "u",
			.phase = rows[i].phase,
			.created = 0,
			.start = 5,
			.deletion = -1,
			.finished = -1,
			.more_status = rows[i].status };

		tell(f, 10);
		ask(0, WINDOW_S);
		assert_int_equal(units.n, 1);
		assert_string_equal(units.v[0].state, rows[i].state);
		assert_string_equal(units.v[0].started_at, rows[i].started);
		assert_string_equal(units.v[0].ended_at, "N/A");
		assert_string_equal(units.v[0].elapsed, rows[i].elapsed);
		assert_true(walltime("u") == (i < 3 ? 0 : 895));
	}
}

static void a_missing_start_is_survived(void **state)
{
	list(0);
	tell(RUNNING("r", -1, -1), 10);
	tell((struct facts){ "s", "Succeeded", 0, -1, -1, 50, NULL, NULL }, 60);
	ask(0, WINDOW_S);
	assert_int_equal(units.n, 2);
	assert_string_equal(unit("r")->started_at, "N/A");
	assert_string_equal(unit("r")->created_at, "N/A");
	assert_true(walltime("r") == 0);
	assert_string_equal(unit("s")->started_at, "N/A");
	assert_string_equal(unit("s")->ended_at, "2031-04-09T08:00:50+0200");
	assert_string_equal(unit("s")->elapsed, "00:00:50");
	assert_true(walltime("s") == 0);
}

static void owners_come_from_annotations_in_order(void **state)
{
	static const struct {
		const char *annotations, *user, *project;
	} rows[] = {
		{ "", "ns:svc", "ns" },
		{ "\"team.example/owner\":\"zoe\"", "zoe", "ns" },
		{ "\"team.example/owner\":\"zoe\",\"ceems.io/created-by\":\"mira\"", "mira", "ns" },
		{ "\"team.example/owner\":\"zoe\",\"ceems.io/created-by\":"
		  "\"system:serviceaccount:ns:default\"",
			"zoe", "ns" },
		{ "\"ceems.io/created-by\":\"system:serviceaccount:ns:default\","
		  "\"team.example/project\":\"astro\"",
			"astro:svc", "astro" },
		{ "\"ceems.io/created-by\":\"\",\"team.example/project\":\"\"", "ns:svc", "ns" },
	};

	list(0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct facts f = RUNNING("u", 0, 0);
		char meta[512];

		snprintf(meta, sizeof(meta), ",\"annotations\":{%s}", rows[i].annotations);
		f.more_meta = meta;
		tell(f, 1);
		ask(0, WINDOW_S);
		assert_string_equal(units.v[0].username, rows[i].user);
		assert_string_equal(units.v[0].project, rows[i].project);
	}
	struct association_list pairs = { 0 };

	assert_int_equal(k8s_pods_pairs(pods, &arena, &pairs), 0);
	assert_int_equal(pairs.n, 4);
}

static void a_pod_that_comes_and_goes_between_two_windows_is_counted(void **state)
{
	struct facts f = RUNNING("short", 1000, 1002);

	list(0);
	store(0, WINDOW_S);
	tell(f, 1002);
	remove_pod(f, 1010);
	store(WINDOW_S, 2 * WINDOW_S);
	assert_true(walltime("short") == 8);
	assert_string_equal(unit("short")->ended_at, "2031-04-09T08:16:50+0200");
	/* Late metrics are still asked for, and then it is forgotten. */
	store(2 * WINDOW_S, 3 * WINDOW_S);
	assert_true(walltime("short") == 0);
	assert_int_equal(k8s_pods_count(pods), 1);
	store(3 * WINDOW_S, 4 * WINDOW_S);
	store(4 * WINDOW_S, 5 * WINDOW_S);
	assert_null(unit("short"));
	assert_int_equal(k8s_pods_count(pods), 0);
}

static void a_window_that_fails_is_asked_for_again_and_lacks_nothing(void **state)
{
	struct facts f = RUNNING("u", 0, 100);

	list(0);
	tell(f, 100);
	ask(0, WINDOW_S);
	assert_true(walltime("u") == 800);
	remove_pod(f, 1000);
	ask(0, WINDOW_S);
	assert_true(walltime("u") == 800);
	/* Longer now, as time went on. */
	store(0, 2 * WINDOW_S);
	assert_true(walltime("u") == 900);
	assert_int_equal(unit("u")->ended_at_ms, (T0 + 1000) * MS);
	/* Stored, though nobody said so. */
	ask(2 * WINDOW_S, 3 * WINDOW_S);
	assert_true(walltime("u") == 0);
	ask(2 * WINDOW_S, 3 * WINDOW_S);
	assert_true(walltime("u") == 0);
}

static void waiting_with_a_start_counts_once_it_runs(void **state)
{
	struct facts f = PENDING("u", 0);

	list(0);
	f.start = 600; /* accepted by a kubelet, which still fetches images */
	tell(f, 601);
	store(0, WINDOW_S);
	assert_string_equal(unit("u")->started_at, "N/A");
	assert_true(walltime("u") == 0);
	f.phase = "Running";
	tell(f, 1000);
	store(WINDOW_S, 2 * WINDOW_S);
	assert_string_equal(unit("u")->started_at, "2031-04-09T08:10:00+0200");
	assert_true(walltime("u") == 2 * WINDOW_S - 600);
}

static void a_waiting_pod_that_is_deleted_has_an_end(void **state)
{
	list(0);
	tell(PENDING("u", 0), 10);
	store(0, WINDOW_S);
	assert_int_equal(unit("u")->ended_at_ms, 0);
	remove_pod(PENDING("u", 0), 1000);
	store(WINDOW_S, 2 * WINDOW_S);
	assert_string_equal(unit("u")->started_at, "N/A");
	assert_int_equal(unit("u")->ended_at_ms, (T0 + 1000) * MS);
	assert_string_equal(unit("u")->state, "Pending");
	assert_true(walltime("u") == 0);
}

static void ends_are_found_by_the_best_sign(void **state)
{
	static const struct {
		const char *what, *phase;
		int64_t deletion, finished, gone;
		const char *meta, *status;
		int64_t end; /* 0: none */
	} rows[] = {
		{ "runs", "Running", -1, -1, 0, NULL, NULL, 0 },
		{ "succeeded", "Succeeded", -1, 300, 0, NULL, NULL, 300 },
		{ "deletionTimestamp first", "Succeeded", 400, 300, 0, NULL, NULL, 400 },
		{ "finished before its deletion was asked for", "Succeeded", 400, 300, 0,
			",\"deletionGracePeriodSeconds\":30", NULL, 300 },
		{ "finished because of its deletion", "Failed", 400, 380, 0,
			",\"deletionGracePeriodSeconds\":30", NULL, 400 },
		{ "evicted", "Failed", -1, -1, 0, NULL,
			",\"conditions\":[{\"type\":\"Ready\",\"lastTransitionTime\":"
			"\"2031-04-09T06:04:10Z\"}]",
			250 },
		{ "no sign but its phase", "Failed", -1, -1, 0, NULL, NULL, 200 },
		{ "deleted some time ago, but still there", "Running", 350, -1, 0, NULL, NULL,
			350 },
		{ "deleted later on", "Running", 5000, -1, 0, NULL, NULL, 0 },
		{ "gone before the grace is over", "Running", 450, -1, 420, NULL, NULL, 420 },
		{ "gone after its time", "Running", 350, -1, 420, NULL, NULL, 350 },
		{ "gone without a word", "Running", -1, -1, 420, NULL, NULL, 420 },
		{ "gone, all containers had ended", "Running", -1, 410, 420, NULL, NULL, 410 },
		{ "gone in the state of being unknown", "Unknown", -1, -1, 420, NULL, NULL, 420 },
	};

	list(0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct facts f = { "u", rows[i].phase, 0, 100, rows[i].deletion, rows[i].finished,
			rows[i].meta, rows[i].status };

		teardown(NULL);
		setup(NULL);
		list(0);
		tell(f, 200);
		if (rows[i].gone)
			remove_pod(f, rows[i].gone);
		ask(0, WINDOW_S);
		if (units.n != 1 ||
			units.v[0].ended_at_ms != (rows[i].end ? T0 + rows[i].end : 0) * MS)
			fail_msg("%s: %s", rows[i].what, units.n ? units.v[0].ended_at : "none");
		if (strcmp(rows[i].phase, "Unknown") != 0)
			assert_true(walltime("u") == (rows[i].end ? rows[i].end : WINDOW_S) - 100);
	}
}

static void an_end_does_not_move_when_the_object_is_deleted_later(void **state)
{
	struct facts f = { "u", "Succeeded", 0, 100, -1, 300, NULL, NULL };

	list(0);
	tell(f, 301);
	store(0, WINDOW_S);
	assert_int_equal(unit("u")->ended_at_ms, (T0 + 300) * MS);
	assert_true(walltime("u") == 200);
	f.deletion = 1000;
	tell(f, 1000);
	remove_pod(f, 1001);
	store(WINDOW_S, 2 * WINDOW_S);
	assert_int_equal(unit("u")->ended_at_ms, (T0 + 300) * MS);
	assert_true(walltime("u") == 0);
}

static void an_end_that_is_heard_of_late_takes_nothing_back(void **state)
{
	struct facts f = RUNNING("u", 0, 100);

	list(0);
	tell(f, 100);
	store(0, WINDOW_S);
	f.deletion = 890;
	remove_pod(f, 950);
	store(WINDOW_S, 2 * WINDOW_S);
	assert_int_equal(unit("u")->ended_at_ms, (T0 + WINDOW_S) * MS);
	assert_true(walltime("u") == 0);
}

static void pods_that_a_new_list_lacks_ended_when_they_were_last_known(void **state)
{
	list(0);
	tell(RUNNING("a", 0, 100), 100);
	tell(RUNNING("b", 0, 100), 100);
	store(0, WINDOW_S);
	k8s_pods_heard(pods, (T0 + 1000) * MS + 700);
	/* Then the watch breaks, and its version is gone. */
	k8s_pods_begin(pods, (T0 + 3000) * MS);
	tell(RUNNING("b", 0, 100), 3000);
	tell(RUNNING("c", 2000, 2001), 3000);
	ask(WINDOW_S, 3000);
	assert_int_equal(unit("a")->ended_at_ms, 0);
	k8s_pods_end(pods);
	store(WINDOW_S, 3000);
	assert_int_equal(unit("a")->ended_at_ms, (T0 + 1000) * MS);
	assert_true(walltime("a") == 100);
	assert_true(walltime("b") == 2100);
	assert_true(walltime("c") == 999);
	/* A list that breaks off says nothing of what it lacks. */
	k8s_pods_begin(pods, (T0 + 3100) * MS);
	k8s_pods_begin(pods, (T0 + 3200) * MS);
	store(3000, 4000);
	assert_int_equal(unit("b")->ended_at_ms, 0);
	assert_true(walltime("b") == 1000);
}

static struct unit stored_unit(const char *uuid, const char *started_at, int64_t start_s)
{
	return (struct unit){ .uuid = uuid,
		.name = "old",
		.project = "ns",
		.username = "mira",
		.created_at = "",
		.started_at = started_at,
		.created_at_ms = (T0 - 5000) * MS,
		.started_at_ms = start_s ? (T0 + start_s) * MS : 0,
		.state = "Running/Ready",
		.allocation = "{\"vcpus\":2}",
		.tags = "{}",
		.elapsed = "" };
}

/* Whether the list comes before or after what the database knows. */
static void run_restart(bool list_first)
{
	/* In a zone that was configured before. */
	const struct unit lives = stored_unit("lives", "2031-04-09T02:00:00-0300", -3600);
	const struct unit vanished = stored_unit("vanished", "2031-04-09T07:00:00+0200", -3600);
	const struct unit waited = stored_unit("waited", "N/A", 0);
	const struct unit waits = stored_unit("waits", "N/A", 0);

	if (!list_first) {
		assert_int_equal(k8s_pods_recall(pods, &lives, T0 * MS), 0);
		assert_int_equal(k8s_pods_recall(pods, &vanished, T0 * MS), 0);
	}
	k8s_pods_begin(pods, (T0 + 2000) * MS);
	tell(RUNNING("lives", -1, 0), 2000);
	{
		struct facts f = RUNNING("waits", 0, 30);

		tell(f, 2000);
	}
	k8s_pods_end(pods);
	if (list_first) {
		assert_int_equal(k8s_pods_recall(pods, &lives, T0 * MS), 0);
		assert_int_equal(k8s_pods_recall(pods, &vanished, T0 * MS), 0);
	}
	assert_int_equal(k8s_pods_recall(pods, &waited, T0 * MS), 0);
	assert_int_equal(k8s_pods_recall(pods, &waits, T0 * MS), 0);
	/* A row of a pod that CEEMS 0.10.2 never ended, from long ago. */
	const struct unit ancient = stored_unit("ancient", "2031-04-01T07:00:00+0200", -694800);

	assert_int_equal(k8s_pods_recall(pods, &ancient, (T0 - 600000) * MS), 0);
	ask(0, WINDOW_S); /* fails */
	ask(0, WINDOW_S);
	assert_string_equal(unit("lives")->started_at,
		list_first ? "2031-04-09T02:00:00-0300" : "2031-04-09T02:00:00-0300");
	assert_true(walltime("lives") == WINDOW_S);
	assert_string_equal(unit("vanished")->started_at, "2031-04-09T07:00:00+0200");
	assert_int_equal(unit("vanished")->ended_at_ms, T0 * MS);
	assert_string_equal(unit("vanished")->ended_at, "2031-04-09T08:00:00+0200");
	assert_string_equal(unit("vanished")->name, "old");
	assert_string_equal(unit("vanished")->state, "Running/Ready");
	assert_true(walltime("vanished") == 0);
	assert_string_equal(unit("waited")->started_at, "N/A");
	assert_int_equal(unit("waited")->ended_at_ms, T0 * MS);
	assert_true(walltime("waits") == WINDOW_S - 30);
	assert_int_equal(unit("ancient")->ended_at_ms, (T0 - 600000) * MS);
	k8s_pods_stored(pods, &window);
	for (int64_t s = WINDOW_S; s <= 3 * WINDOW_S; s += WINDOW_S)
		store(s, s + WINDOW_S);
	assert_null(unit("ancient"));
	assert_null(unit("vanished"));
	assert_int_equal(k8s_pods_count(pods), 2);
	assert_true(walltime("lives") == WINDOW_S);
}

static void what_vanished_while_we_were_away_gets_an_end(void **state)
{
	run_restart(false);
	teardown(NULL);
	setup(NULL);
	run_restart(true);
}

static void of_two_rows_of_a_pod_the_one_with_a_start_counts(void **state)
{
	const struct unit waits = stored_unit("u", "N/A", 0);
	const struct unit runs = stored_unit("u", "2031-04-09T07:00:00+0200", -3600);

	for (int order = 0; order < 2; order++) {
		teardown(NULL);
		setup(NULL);
		list(0);
		assert_int_equal(k8s_pods_recall(pods, order ? &waits : &runs, T0 * MS), 0);
		assert_int_equal(k8s_pods_recall(pods, order ? &runs : &waits, T0 * MS), 0);
		ask(0, WINDOW_S);
		assert_int_equal(units.n, 1);
		assert_string_equal(units.v[0].started_at, "2031-04-09T07:00:00+0200");
		assert_int_equal(units.v[0].ended_at_ms, T0 * MS);
	}
}

static void a_pod_of_which_nothing_is_known_keeps_its_row(void **state)
{
	struct facts f = RUNNING("u", 0, 100);

	list(0);
	tell(f, 100);
	store(0, WINDOW_S);
	f.phase = "Unknown";
	tell(f, 1000);
	store(WINDOW_S, 2 * WINDOW_S);
	assert_string_equal(unit("u")->started_at, "2031-04-09T08:01:40+0200");
	assert_string_equal(unit("u")->state, "Unknown");
	assert_true(walltime("u") == 0);
	f.phase = "Running";
	tell(f, 2000);
	store(2 * WINDOW_S, 3 * WINDOW_S);
	assert_true(walltime("u") == 2 * WINDOW_S);
}

/* They have their rows, without time; but not again after a restart. */
static void pods_that_ended_before_the_very_first_window_are_listed_once(void **state)
{
	const struct k8s_window first = { &window, zone, "k", (T0 + WINDOW_S * 4 + 10) * MS };

	list(0);
	tell((struct facts){ "old", "Succeeded", 0, 10, -1, 20, NULL, NULL }, 30);
	units = (struct unit_list){ 0 };
	window = (struct window){ (T0 + WINDOW_S * 3) * MS, (T0 + WINDOW_S * 3) * MS,
		(T0 + WINDOW_S * 4) * MS };
	assert_int_equal(k8s_pods_units(pods, &first, &arena, &units), 0);
	assert_int_equal(units.n, 1);
	assert_string_equal(unit("old")->ended_at, "2031-04-09T08:00:20+0200");
	assert_true(walltime("old") == 0);
	k8s_pods_stored(pods, &window);
	ask(WINDOW_S * 4, WINDOW_S * 5);
	assert_int_equal(units.n, 0);
}

static void pods_that_ended_before_a_later_window_are_not_listed(void **state)
{
	list(0);
	tell((struct facts){ "old", "Succeeded", 0, 10, -1, 20, NULL, NULL }, 30);
	ask(WINDOW_S * 3, WINDOW_S * 4);
	assert_int_equal(units.n, 0);
	/* The API server still has it. */
	assert_int_equal(k8s_pods_count(pods), 1);
	/* One that isn't there yet in a window of the past. */
	tell(RUNNING("new", 9000, 9000), 9000);
	ask(WINDOW_S * 4, WINDOW_S * 5);
	assert_int_equal(units.n, 0);
}

static void a_node_whose_clock_is_behind_loses_no_time(void **state)
{
	list(0);
	tell((struct facts){ "u", "Succeeded", WINDOW_S + 5, WINDOW_S - 10, -1, WINDOW_S + 20, NULL,
		     NULL },
		WINDOW_S + 30);
	store(0, WINDOW_S);
	assert_true(walltime("u") == 10);
	store(WINDOW_S, 2 * WINDOW_S);
	assert_true(walltime("u") == 20);
	assert_string_equal(unit("u")->elapsed, "00:00:15");
}

static void a_unit_stays_with_who_had_it_first(void **state)
{
	const struct unit recalled = stored_unit("r", "2031-04-09T07:00:00+0200", -3600);
	struct facts f = RUNNING("u", 0, 100), r = RUNNING("r", -1, -3600);

	list(0);
	tell(f, 100);
	tell(r, 100);
	assert_int_equal(k8s_pods_recall(pods, &recalled, T0 * MS), 0);
	store(0, WINDOW_S);
	assert_string_equal(unit("u")->username, "ns:svc");
	assert_string_equal(unit("r")->username, "mira");
	for (int i = 1; i < 3; i++) {
		char meta[128];

		snprintf(meta, sizeof(meta),
			",\"annotations\":{\"ceems.io/created-by\":\"user%d\"}", i);
		f.more_meta = r.more_meta = meta;
		tell(f, 1000 * i);
		tell(r, 1000 * i);
		store(i * WINDOW_S, (i + 1) * WINDOW_S);
		assert_string_equal(unit("u")->username, "ns:svc");
		assert_string_equal(unit("r")->username, "mira");
	}
}

static void large_annotations_are_left_out(void **state)
{
	struct facts f = RUNNING("u", 0, 0);
	struct kube_object object = make(&f);
	json_t *annotations = json_object();
	char *large = malloc(K8S_TAGS_MAX_BYTES + 1);

	memset(large, 'x', K8S_TAGS_MAX_BYTES);
	large[K8S_TAGS_MAX_BYTES] = '\0';
	json_object_set_new(annotations, "b", json_string(large));
	json_object_set_new(annotations, "a", json_string("1"));
	json_object_set_new(annotations, "c", json_integer(2));
	json_object_set_new(annotations, "d", json_string("3"));
	json_object_set_new(json_object_get(object.json, "metadata"), "annotations", annotations);
	list(0);
	assert_int_equal(k8s_pods_put(pods, &object, T0 * MS), 0);
	ask(0, WINDOW_S);
	assert_string_equal(units.v[0].tags,
		"{\"annotations\":{\"a\":\"1\",\"d\":\"3\"},\"qos\":\"Burstable\"}");
	object.uid = "";
	assert_int_equal(k8s_pods_put(pods, &object, T0 * MS), 0);
	assert_int_equal(k8s_pods_count(pods), 1);
	json_decref((json_t *)object.json);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PODS_TEST(a_running_pod_is_a_unit),
		PODS_TEST(phases_have_their_texts),
		PODS_TEST(a_missing_start_is_survived),
		PODS_TEST(owners_come_from_annotations_in_order),
		PODS_TEST(a_pod_that_comes_and_goes_between_two_windows_is_counted),
		PODS_TEST(a_window_that_fails_is_asked_for_again_and_lacks_nothing),
		PODS_TEST(waiting_with_a_start_counts_once_it_runs),
		PODS_TEST(a_waiting_pod_that_is_deleted_has_an_end),
		PODS_TEST(ends_are_found_by_the_best_sign),
		PODS_TEST(an_end_does_not_move_when_the_object_is_deleted_later),
		PODS_TEST(an_end_that_is_heard_of_late_takes_nothing_back),
		PODS_TEST(pods_that_a_new_list_lacks_ended_when_they_were_last_known),
		PODS_TEST(what_vanished_while_we_were_away_gets_an_end),
		PODS_TEST(of_two_rows_of_a_pod_the_one_with_a_start_counts),
		PODS_TEST(a_pod_of_which_nothing_is_known_keeps_its_row),
		PODS_TEST(pods_that_ended_before_the_very_first_window_are_listed_once),
		PODS_TEST(pods_that_ended_before_a_later_window_are_not_listed),
		PODS_TEST(a_node_whose_clock_is_behind_loses_no_time),
		PODS_TEST(a_unit_stays_with_who_had_it_first),
		PODS_TEST(large_annotations_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
