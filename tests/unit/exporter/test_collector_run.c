// SPDX-License-Identifier: Apache-2.0
#include "exporter/collector_run.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "basic/str.h"
#include "unit_test.h"

static const struct metric value = { "ceems_value", "Value.", METRIC_GAUGE, { "zone" } };

struct source {
	_Atomic int runs;
	int result;
};

static int collect(void *state, struct scrape *s)
{
	struct source *source = state;
	const int n = ++source->runs;
	int r = scrape_add(s, &value, n, arena_strdup(s->arena, "z"));

	return r < 0 ? r : source->result;
}

static const struct collector collector = { .name = "test", .collect = collect };

static int64_t now_ns;
static int64_t get_now(void *ctx)
{
	return now_ns;
}
static const struct clock still = { get_now, get_now, NULL };

static struct collector_run run;
static struct source source;
static struct log quiet;
static struct collector_env env = { .clock = &still, .log = &quiet, .hostname = "" };

static int set_up(void **state)
{
	source = (struct source){ 0 };
	quiet = (struct log){ .fd = memfd_create("log", MFD_CLOEXEC), .clock = &still };
	now_ns = 1000000000000;
	collector_run_init(&run, &collector, &source);
	return 0;
}

static int tear_down(void **state)
{
	collector_run_done(&run);
	close(quiet.fd);
	return 0;
}

static unsigned logged(const char *text)
{
	static char log[1 << 16];
	ssize_t n = pread(quiet.fd, log, sizeof(log) - 1, 0);
	unsigned count = 0;

	assert_true(n >= 0);
	log[n] = '\0';
	for (const char *p = log; (p = strstr(p, text)) != NULL; p++)
		count++;
	return count;
}

/* One scrape; the text of its answer, valid until the next. */
static const char *scrape(int64_t budget_ns, int wanted)
{
	static struct buffer out;
	struct thread_meter thread_meter;
	struct collector_meter meter = { .meter = &thread_meter, .cpu_budget_ns = budget_ns };
	struct arena arena;
	struct scrape s = { .env = &env, .arena = &arena, .log = &quiet };
	size_t duplicates;

	arena_init(&arena, 1 << 20);
	s.out = exposition_new(&arena);
	thread_meter_open(&thread_meter);
	thread_meter_read(&thread_meter, &meter.before);
	assert_int_equal(collector_run(&run, &s, &meter), wanted);
	thread_meter_close(&thread_meter);
	buffer_done(&out);
	buffer_init(&out, 0);
	assert_int_equal(exposition_write(s.out, EXPOSITION_TEXT, &out, &duplicates), 0);
	arena_done(&arena);
	return buffer_text(&out);
}

static bool shows(const char *text, int n, const char *more)
{
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "ceems_value{zone=\"z\"} %d\n", n);
	return strstr(text, wanted) && strstr(text, more);
}

static struct collector_run_status status(void)
{
	struct collector_run_status st;

	collector_run_status(&run, &st);
	return st;
}

enum { TINY = 1 };
static const int64_t HUGE_NS = 3600 * INT64_C(1000000000);

static void without_a_budget_every_scrape_is_collected(void **state)
{
	for (int i = 1; i <= 5; i++)
		assert_true(shows(scrape(0, 0), i, ""));
	assert_int_equal(run.account.runs, 5);
	assert_true(run.account.cpu_ns > 0);
	assert_int_equal(status().repeated, 0);
}

static void within_the_budget_too(void **state)
{
	for (int i = 1; i <= 25; i++)
		assert_true(shows(scrape(HUGE_NS, 0), i, ""));
	assert_false(status().over);
	assert_int_equal(lseek(quiet.fd, 0, SEEK_END), 0);
}

static void over_the_budget_samples_are_shown_again_with_their_age(void **state)
{
	assert_true(shows(scrape(TINY, 0), 1, "")); /* the first is not judged */
	assert_false(status().over);
	for (int round = 0; round < 3; round++) {
		assert_true(shows(scrape(TINY, 0), 2 + round, ""));
		assert_true(status().over);
		for (int i = 0; i < COLLECTOR_REPEATS_MAX; i++) {
			now_ns += 15000000000;
			assert_true(shows(scrape(TINY, 0), 2 + round,
				"sample_age_seconds{collector=\"test\",source=\"repeated\"} "));
		}
		assert_int_equal(status().repeated, (round + 1) * COLLECTOR_REPEATS_MAX);
	}
	assert_true(shows(scrape(TINY, 0), 5, ""));
	now_ns += 2500000000;
	assert_true(shows(scrape(TINY, 0), 5, "source=\"repeated\"} 2.5\n"));
	assert_int_equal(run.account.runs, 5);
	assert_int_equal(logged("is over its CPU budget"), 1);
}

static void it_is_said_when_it_stays_within_the_budget_again(void **state)
{
	scrape(TINY, 0);
	scrape(TINY, 0);
	run.repeats_left = 0;
	for (int i = 0; i < COLLECTOR_CALM_RUNS - 1; i++)
		scrape(HUGE_NS, 0);
	assert_true(status().over);
	assert_int_equal(logged("within its CPU budget again"), 0);
	scrape(HUGE_NS, 0);
	assert_false(status().over);
	scrape(HUGE_NS, 0);
	assert_int_equal(logged("within its CPU budget again"), 1);
	assert_int_equal(logged("is over its CPU budget"), 1);
}

static void a_failure_is_never_shown_again(void **state)
{
	scrape(TINY, 0);
	source.result = -EIO;
	for (int i = 2; i < 6; i++)
		assert_true(shows(scrape(TINY, -EIO), i, ""));
	assert_int_equal(status().repeated, 0);
}

static void *scrape_on(void *arg)
{
	static _Thread_local struct buffer out;
	struct thread_meter thread_meter;
	struct collector_meter meter = { .meter = &thread_meter, .cpu_budget_ns = TINY };
	struct arena arena;
	struct scrape s = { .env = &env, .arena = &arena, .log = &quiet };
	size_t duplicates;

	arena_init(&arena, 1 << 20);
	thread_meter_open(&thread_meter);
	for (int i = 0; i < 500; i++) {
		arena_reset(&arena);
		buffer_clear(&out);
		s.out = exposition_new(&arena);
		assert_int_equal(collector_run(&run, &s, &meter), 0);
		assert_int_equal(exposition_write(s.out, EXPOSITION_TEXT, &out, &duplicates), 0);
		assert_non_null(strstr(buffer_text(&out), "ceems_value{zone=\"z\"} "));
	}
	thread_meter_close(&thread_meter);
	arena_done(&arena);
	buffer_done(&out);
	return NULL;
}

static void scrapes_at_the_same_time_share_what_is_kept(void **state)
{
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, scrape_on, NULL), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(status().repeated + (uint64_t)source.runs, 2000);
	assert_true(status().repeated >= 1000);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(without_a_budget_every_scrape_is_collected),
		WITH(within_the_budget_too),
		WITH(over_the_budget_samples_are_shown_again_with_their_age),
		WITH(it_is_said_when_it_stays_within_the_budget_again),
		WITH(a_failure_is_never_shown_again),
		WITH(scrapes_at_the_same_time_share_what_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
