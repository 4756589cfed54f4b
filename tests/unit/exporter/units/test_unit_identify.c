// SPDX-License-Identifier: Apache-2.0
/*
 * How a table asks its manager what units are known by and which devices they hold, whom it tells,
 * and in which order it hands out processes. The manager and the GPUs are stand-ins.
 */
#include "exporter/units/unit_identify.h"

#include <errno.h>

#include "alloc_fail.h"
#include "unit_fixture.h"

static struct unit_fixture f;
static const struct unit_sample *samples;

/* The manager: units are directories "u-NAME" right below one of its roots. */
static struct {
	unsigned calls;
	uint64_t generation;
	int answer;
	const char *uuid, *gpu, *problem;
	unsigned gpu_count;
	bool wants_gpus;
	uint64_t first_pid;
	bool remembers;
	const char *removes; /* what vanishes while it is asked */
} manager;

static enum unit_path_is classify(
	enum cgroup_version version, struct slice path, struct unit_match *match)
{
	const char *name = memrchr(path.p, '/', path.n);

	if (!name || strncmp(name, "/u-", 3) != 0)
		return UNIT_PATH_OTHER;
	snprintf(match->id, sizeof(match->id), "%.*s", (int)(path.p + path.n - name - 3), name + 3);
	match->virtual_host[0] = '\0';
	return UNIT_PATH_UNIT;
}

static int identify(void *ctx, const struct unit_facts *facts, struct unit_identity *identity)
{
	const uint64_t *pids;

	assert_ptr_equal(ctx, &manager);
	manager.calls++;
	if (manager.remembers && *facts->note == manager.generation + 1)
		return 1;
	*facts->note = manager.generation + 1;
	if (manager.removes)
		tree_remove(&f.tree, manager.removes);
	manager.removes = NULL;
	manager.wants_gpus = facts->wants_gpus;
	manager.first_pid = facts->processes(facts->lister, &pids) ? pids[0] : 0;
	if (manager.uuid)
		unit_identity_set_uuid(identity, slice_from(manager.uuid));
	for (unsigned i = 0; i < manager.gpu_count; i++)
		assert_int_equal(
			unit_identity_add_gpu(identity, GPU_REF_UUID, slice_from(manager.gpu)), 0);
	identity->problem = manager.problem;
	strcpy(identity->cause, manager.problem ? "Permission denied" : "");
	return manager.answer;
}

static uint64_t generation(void *ctx)
{
	assert_ptr_equal(ctx, &manager);
	return manager.generation;
}

static const char *const roots[] = { "m", "m.slice", NULL };
static const char *const others[] = { "cpu", "unified", NULL };
static const struct unit_manager stand_in = {
	.name = "stand-in",
	.root_names = roots,
	.other_hierarchies = others,
	.classify = classify,
	.identify = identify,
	.generation = generation,
};
static struct unit_manager first_only;

/* The GPUs. */
static struct {
	bool any;
	uint64_t generation;
	int answer;
	unsigned calls;
	size_t n;
	char bound[512];
} gpus;

bool gpus_any(struct gpus *g)
{
	return gpus.any;
}

uint64_t gpus_generation(struct gpus *g)
{
	return gpus.generation;
}

int gpus_collect(struct gpus *g, const char *name, struct scrape *s)
{
	return 0;
}

int gpus_bind(struct gpus *g, const char *name, const struct gpu_request *requests, size_t n)
{
	size_t len = 0;

	assert_string_equal(name, f.manager->name);
	gpus.calls++;
	gpus.bound[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		len += (size_t)snprintf(
			gpus.bound + len, sizeof(gpus.bound) - len, "%s:", requests[i].key.uuid);
		for (size_t k = 0; k < requests[i].n_refs; k++)
			len += (size_t)snprintf(gpus.bound + len, sizeof(gpus.bound) - len,
				"%s*%u ", requests[i].refs[k].text, requests[i].refs[k].count);
	}
	return gpus.answer;
}

static void put_unit(const char *path, unsigned pid)
{
	char text[32], name[256];

	snprintf(name, sizeof(name), "%s/cgroup.procs", path);
	snprintf(text, sizeof(text), "%u\n", pid);
	tree_put(&f.tree, name, text);
	snprintf(name, sizeof(name), "proc/%u/", pid);
	tree_mkdirs(&f.tree, name);
}

static int setup(void **state)
{
	memset(&manager, 0, sizeof(manager));
	memset(&gpus, 0, sizeof(gpus));
	fixture_init(&f);
	f.manager = &stand_in;
	f.manager_ctx = &manager;
	f.gpus = (struct gpus *)&gpus;
	put_unit("cgroup/m/u-a", 100);
	fixture_open(&f, CGROUP_V2, 0, 100);
	return 0;
}

static int teardown(void **state)
{
	fixture_done(&f);
	return 0;
}

static size_t sample(void)
{
	size_t n = SIZE_MAX;

	assert_int_equal(unit_table_sample(f.table, &samples, &n), 0);
	return n;
}

static void a_unit_is_asked_about_once(void **state)
{
	manager.uuid = "uuid-a";
	assert_int_equal(sample(), 1);
	assert_string_equal(samples[0].key.uuid, "uuid-a");
	assert_int_equal(manager.first_pid, 100);
	sample();
	assert_int_equal(manager.calls, 1);
	put_unit("cgroup/m/u-b", 101);
	assert_int_equal(sample(), 2);
	assert_int_equal(manager.calls, 2);
}

static void another_generation_asks_again_and_old_keys_stay_readable(void **state)
{
	const struct unit_sample *before;

	manager.uuid = "first";
	assert_int_equal(sample(), 1);
	before = samples;
	manager.uuid = "second";
	manager.generation++;
	fixture_scrape(&f, 0);
	manager.uuid = NULL;
	manager.generation++;
	fixture_scrape(&f, 0);
	assert_string_equal(before[0].key.uuid, "first");
	assert_int_equal(sample(), 1);
	assert_string_equal(samples[0].key.uuid, "a");
	assert_int_equal(manager.calls, 3);
}

static void an_answer_for_now_is_used_and_asked_for_again(void **state)
{
	manager.answer = -EAGAIN;
	manager.uuid = "for-now";
	manager.problem = "the stand-in has a problem";
	assert_int_equal(sample(), 1);
	assert_string_equal(samples[0].key.uuid, "for-now");
	for (int i = 0; i < 600; i++)
		sample();
	assert_int_equal(manager.calls, 10);
	assert_int_equal(fixture_logged(&f, "the stand-in has a problem"), 1);
	assert_int_equal(fixture_logged(&f, "unit=a err=\"Permission denied\""), 1);
	manager.answer = 0;
	manager.problem = NULL;
	manager.generation++;
	sample();
	manager.problem = "the stand-in has a problem";
	manager.answer = -EAGAIN;
	manager.generation++;
	sample();
	assert_int_equal(fixture_logged(&f, "the stand-in has a problem"), 2);
}

static void a_group_below_that_comes_or_goes_ends_the_pause(void **state)
{
	manager.answer = -EAGAIN;
	for (int i = 0; i < 600; i++)
		sample();
	assert_int_equal(manager.calls, 10);
	tree_mkdirs(&f.tree, "cgroup/m/u-a/step_0/");
	sample();
	assert_int_equal(manager.calls, 11);
	sample();
	assert_int_equal(manager.calls, 12); /* its processes may come a little later */
	for (int i = 0; i < 600; i++)
		sample();
	assert_int_equal(manager.calls, 20);
	manager.answer = 0;
	tree_remove(&f.tree, "cgroup/m/u-a/step_0");
	sample();
	assert_int_equal(manager.calls, 21);
	tree_mkdirs(&f.tree, "cgroup/m/u-a/step_1/");
	sample();
	assert_int_equal(manager.calls, 21);
}

static void what_was_known_stays_when_the_manager_fails_or_says_so(void **state)
{
	manager.uuid = "known";
	manager.gpu = "GPU-1";
	manager.gpu_count = 1;
	sample();
	manager.uuid = "not this";
	manager.gpu_count = 0;
	manager.answer = -EIO;
	manager.generation++;
	sample();
	manager.answer = 1;
	manager.generation++;
	assert_int_equal(sample(), 1);
	assert_string_equal(samples[0].key.uuid, "known");
	assert_string_equal(gpus.bound, "known:GPU-1*1 ");
	assert_int_equal(manager.calls, 3);
}

static void gpus_are_told_who_holds_them(void **state)
{
	gpus.any = true;
	manager.uuid = "A";
	manager.gpu = "GPU-1";
	manager.gpu_count = 3;
	sample();
	assert_true(manager.wants_gpus);
	assert_string_equal(gpus.bound, "A:GPU-1*3 ");
	for (int i = 0; i < 5; i++)
		sample();
	assert_int_equal(gpus.calls, 1);
	manager.uuid = NULL;
	manager.gpu = "GPU-2";
	put_unit("cgroup/m/u-b", 101);
	sample();
	assert_string_equal(gpus.bound, "A:GPU-1*3 b:GPU-2*3 ");
	tree_remove(&f.tree, "cgroup/m/u-a");
	sample();
	assert_string_equal(gpus.bound, "b:GPU-2*3 ");
	assert_int_equal(gpus.calls, 3);
}

static void other_hardware_asks_and_tells_again(void **state)
{
	sample();
	assert_false(manager.wants_gpus);
	assert_int_equal(gpus.calls, 1);
	gpus.any = true;
	gpus.generation++;
	manager.gpu = "GPU-1";
	manager.gpu_count = 1;
	sample();
	assert_true(manager.wants_gpus);
	assert_int_equal(manager.calls, 2);
	assert_string_equal(gpus.bound, "a:GPU-1*1 ");
	gpus.generation++;
	sample();
	assert_int_equal(gpus.calls, 3);
}

static void what_the_gpus_did_not_take_is_told_again(void **state)
{
	gpus.answer = -ENOMEM;
	sample();
	sample();
	assert_int_equal(gpus.calls, 2);
	gpus.answer = 0;
	sample();
	sample();
	assert_int_equal(gpus.calls, 3);
}

static void references_are_bounded(void **state)
{
	static struct unit_identity identity;
	char text[64];
	int r = 0;

	unit_identity_clear(&identity);
	assert_int_equal(unit_identity_add_gpu(&identity, GPU_REF_PCI, SLICE("")), -EBADMSG);
	assert_int_equal(unit_identity_add_gpu(&identity, GPU_REF_PCI, SLICE("a\0b")), -EBADMSG);
	for (int i = 0; r >= 0; i++) {
		snprintf(text, sizeof(text), "%d", i);
		r = unit_identity_add_gpu(&identity, GPU_REF_PCI, slice_from(text));
	}
	assert_int_equal(r, -E2BIG);
	assert_int_equal(identity.n_refs, UNIT_GPU_REFS_MAX);
	assert_int_equal(unit_identity_add_gpu(&identity, GPU_REF_PCI, SLICE("7")), 0);
	assert_int_equal(identity.refs[7].count, 2);
	assert_int_equal(unit_identity_add_gpu(&identity, GPU_REF_MDEV, SLICE("7")), -E2BIG);
	unit_identity_clear(&identity);
	memset(text, 'x', sizeof(text));
	while (unit_identity_add_gpu(
		       &identity, GPU_REF_PCI, (struct slice){ text, sizeof(text) }) >= 0)
		text[identity.n_refs % sizeof(text)]++;
	assert_true(identity.text_len <= UNIT_GPU_TEXT_MAX_BYTES);
}

static int list(
	void *ctx, const struct unit_key *key, const char *id, const uint64_t *pids, size_t n)
{
	buffer_printf(&f.text, "%s/%s:", id, key->uuid);
	for (size_t i = 0; i < n; i++)
		buffer_printf(&f.text, "%u ", (unsigned)pids[i]);
	return *(int *)ctx;
}

static void processes_come_in_the_order_of_a_walk(void **state)
{
	int answer = 0;

	put_unit("cgroup/m/x-y/u-e", 500);
	put_unit("cgroup/m/x/u-d", 400);
	put_unit("cgroup/m/x/u-d/b", 402);
	put_unit("cgroup/m/x/u-d/a-z", 404);
	tree_put(&f.tree, "cgroup/m/x/u-d/b/cgroup.procs", "402\n400\n");
	put_unit("cgroup/m/x/u-d/a/z", 403);
	put_unit("cgroup/m/x/u-d/a", 405);
	tree_put(&f.tree, "cgroup/m/x/u-d/a/cgroup.procs", "405\n999\n401\n");
	tree_mkdirs(&f.tree, "proc/401/");
	buffer_clear(&f.text);
	assert_int_equal(unit_table_processes(f.table, list, &answer), 3);
	assert_string_equal(buffer_text(&f.text), "a/a:100 d/d:400 405 401 403 404 402 e/e:500 ");
	answer = -ENOMEM;
	assert_int_equal(unit_table_processes(f.table, list, &answer), -ENOMEM);
}

static void a_unit_that_vanishes_between_its_finding_and_its_reading_is_left_out(void **state)
{
	put_unit("cgroup/m/u-b", 101);
	manager.removes = "cgroup/m/u-a";
	fixture_scrape(&f, 0);
	assert_non_null(strstr(buffer_text(&f.text),
		"ceems_compute_units{"
		"hostname=\"n1\",manager=\"stand-in\"} 1\n"));
	assert_null(strstr(buffer_text(&f.text), "collect_error"));
	assert_null(strstr(buffer_text(&f.text), "uuid=\"a\""));
	put_unit("cgroup/m/u-c", 102);
	manager.removes = "cgroup/m/u-c";
	assert_int_equal(sample(), 1);
	assert_int_equal(fixture_logged(&f, "can't be"), 0);
}

static int count(
	void *ctx, const struct unit_key *key, const char *id, const uint64_t *pids, size_t n)
{
	*(size_t *)ctx = n;
	return 0;
}

static void tens_of_thousands_of_processes_are_all_listed(void **state)
{
	struct buffer text = { 0 };
	char path[64];
	size_t n = 0;

	for (unsigned pid = 100000; pid < 120000; pid++)
		buffer_printf(&text, "%u\n", pid % 10 ? pid : 100);
	snprintf(path, sizeof(path), "proc/%u/", 119999);
	tree_mkdirs(&f.tree, path);
	tree_put(&f.tree, "cgroup/m/u-a/cgroup.procs", buffer_text(&text));
	buffer_done(&text);
	assert_int_equal(unit_table_processes(f.table, count, &n), 1);
	assert_int_equal(n, 2001);
}

static void the_first_root_hides_the_second_if_the_manager_says_so(void **state)
{
	put_unit("cgroup/m.slice/u-b", 101);
	assert_int_equal(sample(), 2);
	unit_table_free(f.table);
	host_root_close(&f.host);
	first_only = stand_in;
	first_only.first_root_only = true;
	f.manager = &first_only;
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_int_equal(sample(), 1);
	tree_remove(&f.tree, "cgroup/m");
	fixture_scrape(&f, 0);
	assert_int_equal(sample(), 1);
	assert_string_equal(samples[0].key.uuid, "b");
}

static void other_hierarchies_of_v1_stand_in_while_the_active_one_has_no_root(void **state)
{
	unit_table_free(f.table);
	host_root_close(&f.host);
	fixture_open(&f, CGROUP_V1, 0, 100);
	assert_int_equal(fixture_logged(&f, "no control groups to be seen"), 1);
	tree_mkdirs(&f.tree, "cgroup/cpuacct/");
	tree_mkdirs(&f.tree, "cgroup/cpu/");
	assert_int_equal(sample(), 0);
	put_unit("cgroup/unified/m/u-b", 101);
	assert_int_equal(sample(), 1);
	put_unit("cgroup/cpuacct/m/u-b", 101);
	put_unit("cgroup/cpuacct/m/u-c", 102);
	assert_int_equal(sample(), 1);
	tree_remove(&f.tree, "cgroup/unified");
	fixture_scrape(&f, 0);
	fixture_scrape(&f, 0);
	assert_int_equal(sample(), 2);
}

static void identities_survive_every_failing_allocation(void **state)
{
	manager.remembers = true;
	for (size_t nth = 1; nth < 40; nth++) {
		size_t n;

		manager.uuid = nth % 2 ? "odd" : "even";
		manager.gpu = manager.uuid;
		manager.gpu_count = 1;
		manager.generation++;
		alloc_fail_at(nth);
		(void)unit_table_sample(f.table, &samples, &n);
		alloc_fail_at(0);
		for (int i = 0; i < 4; i++)
			sample();
		assert_string_equal(samples[0].key.uuid, manager.uuid);
		assert_non_null(strstr(gpus.bound, manager.uuid));
	}
	sample();
	alloc_fail_at(0);
	sample();
	assert_int_equal(alloc_count(), 0);
}

#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TABLE(a_unit_is_asked_about_once),
		WITH_TABLE(another_generation_asks_again_and_old_keys_stay_readable),
		WITH_TABLE(an_answer_for_now_is_used_and_asked_for_again),
		WITH_TABLE(a_group_below_that_comes_or_goes_ends_the_pause),
		WITH_TABLE(what_was_known_stays_when_the_manager_fails_or_says_so),
		WITH_TABLE(gpus_are_told_who_holds_them),
		WITH_TABLE(other_hardware_asks_and_tells_again),
		WITH_TABLE(what_the_gpus_did_not_take_is_told_again),
		WITH_TABLE(references_are_bounded),
		WITH_TABLE(processes_come_in_the_order_of_a_walk),
		WITH_TABLE(a_unit_that_vanishes_between_its_finding_and_its_reading_is_left_out),
		WITH_TABLE(tens_of_thousands_of_processes_are_all_listed),
		WITH_TABLE(the_first_root_hides_the_second_if_the_manager_says_so),
		WITH_TABLE(other_hierarchies_of_v1_stand_in_while_the_active_one_has_no_root),
		WITH_TABLE(identities_survive_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
