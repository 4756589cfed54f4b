// SPDX-License-Identifier: Apache-2.0
/* Servers of OpenStack: what they ran in windows. Times are seconds from an arbitrary epoch. */
#include "api/managers/openstack_runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"

enum { EPOCH = 1900000000, US = 1000000, NEVER = -1 };

static struct arena arena;
static struct openstack_runs runs; /* what is known */

static int setup(void **state)
{
	arena_init(&arena, 1 << 30);
	runs = (struct openstack_runs){ 0 };
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static int64_t at(int64_t s)
{
	return s == NEVER ? 0 : (EPOCH + s) * US;
}

static const char *name_of(void *ctx, const char *id)
{
	return str_eq(id, "gone") ? "" : id;
}

static const struct openstack_names names = { NULL, name_of, name_of };

static struct nova_server make(
	const char *status, int64_t launched, int64_t updated, int64_t terminated)
{
	return (struct nova_server){
		.id = "vm",
		.project_id = "astro",
		.user_id = "mira",
		.name = "web",
		.status = status,
		.zone = "nova",
		.reservation_id = "r-1",
		.metadata = "{}",
		.tags = "[]",
		.created_us = at(-100000),
		.updated_us = at(updated),
		.launched_us = at(launched),
		.terminated_us = at(terminated),
		.power_state = 1,
		.flavor = { .name = "small", .extra_specs = "{}", .vcpus = 2, .memory_mib = 512 },
	};
}

static void list_many(const struct nova_server *v, size_t n, int64_t since, int64_t end)
{
	const struct nova_servers list = { (struct nova_server *)v, n, n };
	struct openstack_servers servers;

	assert_int_equal(openstack_servers_join(&list, 1, &arena, &servers), 0);
	assert_int_equal(
		openstack_runs_update(&runs, &servers, &names, at(since), at(end), &arena, &runs),
		0);
}

static void list_one(struct nova_server server, int64_t since, int64_t end)
{
	list_many(&server, 1, since, end);
}

static double seconds(size_t i, int64_t start, int64_t end)
{
	assert_true(i < runs.n);
	return openstack_run_seconds(&runs.v[i], at(start), at(end));
}

/* What the specification says for one look at a server; NAN never. */
static double by_formula(const struct nova_server *s, int64_t start_us, int64_t end_us)
{
	static const char *const stopped[] = { "SHUTOFF", "SUSPENDED", "SHELVED",
		"SHELVED_OFFLOADED", "ERROR" };
	bool ended = str_eq(s->status, "DELETED") || str_eq(s->status, "SOFT_DELETED");
	bool is_stopped = false;
	int64_t until = ended ? s->terminated_us : s->updated_us, us;

	for (size_t i = 0; i < ARRAY_SIZE(stopped); i++)
		is_stopped |= str_eq(s->status, stopped[i]);
	if (ended || is_stopped) /* from launched at the earliest, to the end at the latest */
		us = s->launched_us ? MIN(until, end_us) - MAX(start_us, s->launched_us) : 0;
	else if (s->updated_us > start_us)
		us = end_us - s->updated_us;
	else
		us = end_us - start_us;
	return (double)MAX(us, 0) / US;
}

static const char *const statuses[] = { "ACTIVE", "BUILD", "DELETED", "ERROR", "HARD_REBOOT",
	"MIGRATING", "PASSWORD", "PAUSED", "REBOOT", "REBUILD", "RESCUE", "RESIZE", "REVERT_RESIZE",
	"SHELVED", "SHELVED_OFFLOADED", "SHUTOFF", "SOFT_DELETED", "SUSPENDED", "UNKNOWN",
	"VERIFY_RESIZE", "" };

/* Each status with each order of launched <= updated <= terminated and the window's two ends. */
static void one_look_counts_as_the_specification_says(void **state)
{
	static const int64_t times[] = { -30, -20, 0, 10, 20, 100, 110, 120 };
	size_t n = ARRAY_SIZE(times), checked = 0;

	for (size_t st = 0; st < ARRAY_SIZE(statuses); st++)
		for (size_t l = 0; l < n; l++)
			for (size_t u = l; u < n; u++)
				for (size_t t = l; t < n; t++) {
					struct nova_server s = make(
						statuses[st], times[l], times[u], times[t]);

					runs.n = 0;
					list_one(s, 0, 100);
					assert_int_equal(runs.n, 1);
					assert_true(seconds(0, 0, 100) ==
						by_formula(&s, at(0), at(100)));
					checked++;
				}
	assert_int_equal(checked, ARRAY_SIZE(statuses) * 204);
}

static void time_before_the_launch_is_not_counted(void **state)
{
	list_one(make("SHUTOFF", 40, 60, NEVER), 0, 100);
	assert_true(seconds(0, 0, 100) == 20);
	runs.n = 0;
	list_one(make("DELETED", 40, 70, 60), 0, 100);
	assert_true(seconds(0, 0, 100) == 20);
}

static void a_server_that_was_never_launched_has_not_run(void **state)
{
	list_one(make("ERROR", NEVER, 60, NEVER), 0, 100);
	assert_true(seconds(0, 0, 100) == 0);
	runs.n = 0;
	list_one(make("DELETED", NEVER, 60, 60), 0, 100);
	assert_true(seconds(0, 0, 100) == 0);
	assert_int_equal(runs.v[0].ended_us, at(60));
}

static void fractions_of_seconds_are_kept(void **state)
{
	struct nova_server s = make("DELETED", 10, 30, 20);

	s.launched_us += 250000;
	s.terminated_us += 500001;
	list_one(s, 0, 100);
	assert_true(seconds(0, 0, 100) == 10.250001);
}

static void a_deletion_without_a_time_is_when_it_was_updated(void **state)
{
	list_one(make("SOFT_DELETED", 10, 30, NEVER), 0, 100);
	assert_true(seconds(0, 0, 100) == 20);
	assert_int_equal(runs.v[0].ended_us, at(30));
}

/* One look, whose times may lie anywhere: windows add up to the window around them. */
static void consecutive_windows_add_up(void **state)
{
	srand(1);
	for (int round = 0; round < 20000; round++) {
		int64_t launched = rand() % 1000 - 200;
		int64_t updated = launched + rand() % 800;
		int64_t terminated = launched + rand() % 800;
		double sum = 0;
		int64_t from = 0, to;

		runs.n = 0;
		list_one(make(statuses[(size_t)rand() % ARRAY_SIZE(statuses)], launched, updated,
				 terminated),
			0, 1000);
		for (; from < 1000; from = to) {
			to = from + 1 + rand() % 200;
			to = MIN(to, 1000);
			sum += seconds(0, from, to);
		}
		assert_true(sum == seconds(0, 0, 1000));
		if (round % 1000 == 0)
			arena_reset(&arena);
	}
}

/*
 * A server that is started, stopped and touched at random (at most once between two looks, not
 * before the first) and deleted in the end: what the windows hold is exactly what it ran.
 */
static void what_a_server_ran_is_what_the_windows_hold(void **state)
{
	enum { LOOKS = 60, WINDOW = 100, LAG = 10 };

	srand(2);
	for (int round = 0; round < 300; round++) {
		struct nova_server s = make("ACTIVE", 5, 5, NEVER);
		bool running = true;
		int64_t since = 5, ran = 0;
		double sum = 0;

		runs = (struct openstack_runs){ 0 };
		arena_reset(&arena);
		for (int64_t end = WINDOW; end <= LOOKS * WINDOW; end += WINDOW) {
			/* between this look and the one before, which was LAG after its window */
			int64_t when = end - WINDOW + LAG + 1 + rand() % (WINDOW - 1);
			int what = end == LOOKS * WINDOW ? 3 : end == WINDOW ? 2 : rand() % 3;

			if (what == 0 && running) {
				ran += when - since;
				running = false;
				s.status = "SHUTOFF";
			} else if (what == 1 && !running) {
				since = when;
				running = true;
				s.status = "ACTIVE";
			} else if (what == 3) {
				ran += running ? MIN(when, end) - since : 0;
				s.status = "DELETED";
				s.terminated_us = at(when);
			}
			if (end > WINDOW) /* a rename, say, where it is nothing of these */
				s.updated_us = at(when);
			list_one(s, end - WINDOW, end);
			assert_int_equal(runs.n, 1);
			sum += seconds(0, end - WINDOW, end);
		}
		assert_true(sum == (double)ran);
	}
}

static void a_resized_server_has_two_runs(void **state)
{
	struct nova_server s = make("ACTIVE", -50, -50, NEVER);

	list_one(s, -100, 0);
	assert_true(seconds(0, -100, 0) == 50);
	s = make("VERIFY_RESIZE", 40, 41, NEVER);
	s.flavor.vcpus = 8;
	list_one(s, 0, 100);
	assert_int_equal(runs.n, 2);
	assert_int_equal(runs.v[0].launched_us, at(-50));
	assert_int_equal(runs.v[0].ended_us, at(40));
	assert_int_equal(runs.v[0].amounts.vcpus, 2);
	assert_string_equal(runs.v[0].status, "ACTIVE");
	assert_true(seconds(0, 0, 100) == 40);
	assert_int_equal(runs.v[1].ended_us, 0);
	assert_int_equal(runs.v[1].amounts.vcpus, 8);
	assert_true(seconds(1, 0, 100) == 60);

	/* Confirmed meanwhile; the first run is listed until nobody asks for it any more. */
	s.status = "ACTIVE";
	s.updated_us = at(130);
	list_one(s, 20, 200);
	assert_int_equal(runs.n, 2);
	assert_true(seconds(0, 100, 200) == 0);
	assert_true(seconds(1, 100, 200) == 100);
	list_one(s, 40, 300);
	assert_int_equal(runs.n, 1);
	assert_int_equal(runs.v[0].launched_us, at(40));
}

/* Windows that are fetched late end before the resize that is already seen. */
static void a_late_window_gets_the_flavor_of_its_time(void **state)
{
	struct nova_server s = make("ACTIVE", -50, -50, NEVER);

	list_one(s, -100, 0);
	s = make("ACTIVE", 250, 260, NEVER);
	s.flavor.vcpus = 8;
	list_one(s, 0, 100);
	assert_true(seconds(0, 0, 100) == 100);
	assert_true(seconds(1, 0, 100) == 0);
	list_one(s, 100, 200);
	assert_true(seconds(0, 100, 200) == 100);
	list_one(s, 200, 300);
	assert_true(seconds(0, 200, 300) == 50);
	assert_int_equal(runs.v[0].amounts.vcpus, 2);
	assert_true(seconds(1, 200, 300) == 50);
}

static void a_stopped_server_that_is_resized_does_not_run(void **state)
{
	list_one(make("SHUTOFF", -50, -20, NEVER), -100, 0);
	list_one(make("SHUTOFF", 40, 60, NEVER), 0, 100);
	assert_int_equal(runs.n, 2);
	assert_true(seconds(0, 0, 100) == 0);
	assert_true(seconds(1, 0, 100) == 0);
}

static void a_server_under_construction_becomes_the_one_that_runs(void **state)
{
	list_one(make("BUILD", NEVER, -10, NEVER), -100, 0);
	assert_int_equal(runs.v[0].launched_us, 0);
	assert_true(seconds(0, -100, 0) == 10);
	list_one(make("ACTIVE", 20, 21, NEVER), 0, 100);
	assert_int_equal(runs.n, 1);
	assert_int_equal(runs.v[0].launched_us, at(20));
	assert_int_equal(runs.v[0].ended_us, 0);
	assert_true(seconds(0, 0, 100) == 100);
}

static void a_server_that_is_restored_goes_on(void **state)
{
	list_one(make("ACTIVE", -50, -50, NEVER), -100, 0);
	list_one(make("SOFT_DELETED", -50, 40, NEVER), 0, 100);
	assert_true(seconds(0, 0, 100) == 40);
	list_one(make("ACTIVE", -50, 150, NEVER), 0, 200);
	assert_int_equal(runs.n, 1);
	assert_int_equal(runs.v[0].ended_us, 0);
	assert_true(seconds(0, 100, 200) == 50);
}

static void a_server_that_is_not_listed_any_more_has_ended(void **state)
{
	list_one(make("ACTIVE", -50, -50, NEVER), -100, 0);
	list_many(NULL, 0, 0, 100);
	assert_int_equal(runs.n, 1);
	assert_string_equal(runs.v[0].status, "DELETED");
	assert_int_equal(runs.v[0].ended_us, at(0));
	assert_true(seconds(0, 0, 100) == 0);
	list_many(NULL, 0, 0, 200);
	assert_int_equal(runs.n, 0);
}

static void a_user_who_is_gone_keeps_the_servers(void **state)
{
	struct nova_server s = make("ACTIVE", -50, -50, NEVER);

	list_one(s, -100, 0);
	s.user_id = s.project_id = "gone";
	list_one(s, 0, 100);
	assert_string_equal(runs.v[0].username, "mira");
	assert_string_equal(runs.v[0].project, "astro");
	s.launched_us = at(150);
	list_one(s, 0, 200);
	assert_string_equal(runs.v[1].username, "mira");
	s.id = "another";
	list_one(s, 0, 200);
	assert_string_equal(runs.v[0].username, "");
}

static struct unit unit_of(const char *id, const char *status, int64_t launched)
{
	return (struct unit){
		.uuid = id,
		.state = status,
		.name = "web",
		.project = "astro",
		.username = "mira",
		.allocation = "{\"mem\":512,\"vcpus\":2,\"vgpus\":1}",
		.tags = "{\"az\":\"nova\"}",
		.created_at_ms = (EPOCH - 100000) * INT64_C(1000),
		.started_at_ms = launched == NEVER ? 0 : (EPOCH + launched) * INT64_C(1000),
	};
}

static void recall(struct unit unit, int64_t seen)
{
	assert_int_equal(
		openstack_runs_recall(&runs, &unit, (EPOCH + seen) * INT64_C(1000), &arena), 0);
}

static void what_ran_when_the_program_stopped_is_taken_up_again(void **state)
{
	struct nova_server s = make("ACTIVE", -50, 30, NEVER);

	s.launched_us += 123; /* the database has no microseconds */
	recall(unit_of("vm", "ACTIVE", -50), 0);
	openstack_runs_sort(&runs);
	list_one(s, 0, 100);
	assert_int_equal(runs.n, 1);
	assert_true(seconds(0, 0, 100) == 100);
	assert_int_equal(runs.v[0].launched_us, at(-50) + 123);
}

static void a_resize_while_the_program_was_stopped_is_seen(void **state)
{
	recall(unit_of("vm", "ACTIVE", -50), 0);
	openstack_runs_sort(&runs);
	list_one(make("ACTIVE", 40, 41, NEVER), 0, 100);
	assert_int_equal(runs.n, 2);
	assert_true(seconds(0, 0, 100) == 40);
	assert_int_equal(runs.v[0].amounts.vcpus, 2);
	assert_int_equal(runs.v[0].amounts.memory_mib, 512);
	assert_int_equal(runs.v[0].amounts.vgpus, 1);
	assert_string_equal(runs.v[0].tags, "{\"az\":\"nova\"}");
	assert_true(seconds(1, 0, 100) == 60);
}

/* CEEMS 0.10.2 leaves the rows of earlier runs without an end. */
static void rows_that_never_ended_end_where_the_next_began(void **state)
{
	recall(unit_of("vm", "ACTIVE", -30), 0);
	recall(unit_of("vm", "ACTIVE", -90), 0);
	recall(unit_of("vm", "ACTIVE", -60), 0);
	recall(unit_of("vm", "ACTIVE", -60), 0);
	openstack_runs_sort(&runs);
	assert_int_equal(runs.n, 3);
	list_one(make("ACTIVE", -30, -30, NEVER), 0, 100);
	assert_int_equal(runs.n, 3);
	assert_int_equal(runs.v[0].ended_us, at(-60));
	assert_int_equal(runs.v[1].ended_us, at(-30));
	assert_int_equal(runs.v[2].ended_us, 0);
	assert_true(seconds(0, 0, 100) + seconds(1, 0, 100) == 0);
	assert_true(seconds(2, 0, 100) == 100);
	list_one(make("ACTIVE", -30, -30, NEVER), 0, 200);
	assert_int_equal(runs.n, 1);
}

static void what_was_stopped_when_the_program_stopped_has_not_run(void **state)
{
	recall(unit_of("vm", "SHUTOFF", -50), 0);
	recall(unit_of("gone", "ACTIVE", -50), -10);
	recall(unit_of("wait", "BUILD", NEVER), 0);
	openstack_runs_sort(&runs);
	list_one(make("SHUTOFF", -50, 30, NEVER), 0, 100);
	assert_int_equal(runs.n, 3);
	assert_string_equal(runs.v[0].id, "gone");
	assert_int_equal(runs.v[0].ended_us, at(-10));
	assert_string_equal(runs.v[1].id, "vm");
	assert_true(seconds(1, 0, 100) == 0);
	assert_string_equal(runs.v[2].id, "wait");
	assert_int_equal(runs.v[2].ended_us, at(0));
}

static void a_server_in_two_lists_is_taken_from_the_later_one(void **state)
{
	struct nova_server now[] = { make("ACTIVE", 0, 0, NEVER), make("ACTIVE", 0, 0, NEVER) };
	struct nova_server gone[] = { make("DELETED", 0, 50, 50) };
	const struct nova_servers lists[] = { { now, 2, 2 }, { gone, 1, 1 } };
	struct openstack_servers servers;

	now[0].id = "another";
	assert_int_equal(openstack_servers_join(lists, 2, &arena, &servers), 0);
	assert_int_equal(servers.n, 2);
	assert_string_equal(servers.v[0]->id, "another");
	assert_string_equal(servers.v[1]->status, "DELETED");
}

static void it_runs_out_of_memory_in_good_order(void **state)
{
	struct nova_server s = make("ACTIVE", 0, 0, NEVER);
	const struct nova_servers list = { &s, 1, 1 };
	int r = -ENOMEM;

	for (size_t limit = 0; r == -ENOMEM; limit += 256) {
		struct openstack_servers servers;
		struct openstack_runs before = { 0 }, after;
		const struct unit unit = unit_of("vm", "ACTIVE", -50);
		struct arena small;

		assert_true(limit < 1 << 20);
		arena_init(&small, limit);
		r = openstack_runs_recall(&before, &unit, 0, &small);
		if (r >= 0)
			r = openstack_servers_join(&list, 1, &small, &servers);
		if (r >= 0)
			r = openstack_runs_update(
				&before, &servers, &names, 0, at(100), &small, &after);
		assert_true(r == 0 || r == -ENOMEM);
		arena_done(&small);
	}
}

static void texts_of_the_database_are_sorted(void **state)
{
	struct nova_server s = make("ACTIVE", 0, 0, NEVER);
	struct openstack_amounts amounts;

	s.flavor = (struct nova_flavor){ .name = "g<1>",
		.extra_specs = "{\"resources:VGPU\":\"2\"}",
		.vcpus = 4,
		.memory_mib = 8192,
		.disk_gib = 40,
		.swap_mib = 512,
		.vgpus = 2 };
	s.metadata = "{\"k\":\"v\"}";
	s.tags = "[\"x\"]";
	assert_string_equal(openstack_allocation(&s.flavor, &arena),
		"{\"disk\":40,\"extra_specs\":{\"resources:VGPU\":\"2\"},\"mem\":8192,\"name\":"
		"\"g\\u003c1\\u003e\",\"swap\":512,\"vcpus\":4,\"vgpus\":2}");
	openstack_allocation_amounts(openstack_allocation(&s.flavor, &arena), &amounts);
	assert_int_equal(amounts.vcpus, 4);
	assert_int_equal(amounts.memory_mib, 8192);
	assert_int_equal(amounts.vgpus, 2);
	s.flavor.vgpus = 0;
	assert_null(strstr(openstack_allocation(&s.flavor, &arena), "vgpus"));
	assert_string_equal(openstack_tags(&s, &arena),
		"{\"az\":\"nova\",\"metadata\":{\"k\":\"v\"},\"power_state\":\"RUNNING\","
		"\"reservation_id\":\"r-1\",\"tags\":[\"x\"]}");
}

static void power_states_have_names(void **state)
{
	static const char *const texts[] = { "NOSTATE", "RUNNING", "_UNUSED", "PAUSED", "SHUTDOWN",
		"_UNUSED", "CRASHED", "SUSPENDED", "N/A" };
	struct nova_server s = make("ACTIVE", 0, 0, NEVER);

	for (int i = -1; i < 9; i++) {
		s.power_state = i;
		assert_non_null(strstr(openstack_tags(&s, &arena),
			arena_printf(&arena, "\"power_state\":\"%s\"", texts[i < 0 ? 8 : i])));
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_look_counts_as_the_specification_says),
		T(time_before_the_launch_is_not_counted),
		T(a_server_that_was_never_launched_has_not_run),
		T(fractions_of_seconds_are_kept),
		T(a_deletion_without_a_time_is_when_it_was_updated),
		T(consecutive_windows_add_up),
		T(what_a_server_ran_is_what_the_windows_hold),
		T(a_resized_server_has_two_runs),
		T(a_late_window_gets_the_flavor_of_its_time),
		T(a_stopped_server_that_is_resized_does_not_run),
		T(a_server_under_construction_becomes_the_one_that_runs),
		T(a_server_that_is_restored_goes_on),
		T(a_server_that_is_not_listed_any_more_has_ended),
		T(a_user_who_is_gone_keeps_the_servers),
		T(what_ran_when_the_program_stopped_is_taken_up_again),
		T(a_resize_while_the_program_was_stopped_is_seen),
		T(rows_that_never_ended_end_where_the_next_began),
		T(what_was_stopped_when_the_program_stopped_has_not_run),
		T(a_server_in_two_lists_is_taken_from_the_later_one),
		T(it_runs_out_of_memory_in_good_order),
		T(texts_of_the_database_are_sorted),
		T(power_states_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
