// SPDX-License-Identifier: Apache-2.0
#include "exporter/collector_run.h"
#include "exporter/scrape_metrics.h"

#include <errno.h>

void collector_run_init(struct collector_run *run, const struct collector *collector, void *state)
{
	*run = (struct collector_run){ .collector = collector, .state = state };
	pthread_mutex_init(&run->lock, NULL);
	exposition_copy_init(&run->kept, COLLECTOR_KEPT_MAX_BYTES);
}

void collector_run_done(struct collector_run *run)
{
	exposition_copy_done(&run->kept);
	pthread_mutex_destroy(&run->lock);
}

/* 1: the samples of an earlier run stand in. */
static int repeat(struct collector_run *run, struct scrape *s)
{
	int r = 0;

	pthread_mutex_lock(&run->lock);
	if (run->repeats_left > 0) {
		run->repeats_left--;
		run->repeated++;
		r = exposition_copy_add(&run->kept, s->out, s->arena);
		if (r >= 0)
			r = scrape_add_age(s, run->collector->name, "repeated", run->kept_ns);
		if (r >= 0)
			r = 1;
	}
	pthread_mutex_unlock(&run->lock);
	return r;
}

static void tell_locked(struct collector_run *run, const struct scrape *s, bool over,
	uint64_t cpu_ns, int64_t budget)
{
	run->calm_runs = over ? 0 : run->calm_runs + 1;
	if (over && !run->over)
		log_warn(s->log, "collector is over its CPU budget, its samples are repeated",
			LOG_STR("collector", run->collector->name),
			LOG_F64("cpu_seconds", (double)cpu_ns / 1e9),
			LOG_F64("budget_seconds", (double)budget / 1e9),
			LOG_INT("repeats", run->repeats_left));
	if (run->over && run->calm_runs >= COLLECTOR_CALM_RUNS)
		log_info(s->log, "collector is within its CPU budget again",
			LOG_STR("collector", run->collector->name));
	run->over = over || (run->over && run->calm_runs < COLLECTOR_CALM_RUNS);
}

/* Who is out of memory for a copy is collected again. */
static void judge(struct collector_run *run, const struct scrape *s, uint64_t cpu_ns,
	int64_t budget_ns, int64_t start_ns)
{
	const uint64_t budget = (uint64_t)budget_ns;
	bool over;

	pthread_mutex_lock(&run->lock);
	over = run->ran && cpu_ns > budget;
	run->ran = true;
	run->repeats_left = 0;
	if (over && exposition_copy_take(&run->kept, s->out) >= 0) {
		const uint64_t times = cpu_ns / budget + (cpu_ns % budget > 0);

		run->repeats_left = (unsigned)MIN(times - 1, (uint64_t)COLLECTOR_REPEATS_MAX);
		run->kept_ns = start_ns;
	}
	tell_locked(run, s, over, cpu_ns, budget_ns);
	if (!run->over) /* nothing will be shown again */
		exposition_copy_done(&run->kept);
	pthread_mutex_unlock(&run->lock);
}

int collector_run(struct collector_run *run, struct scrape *s, struct collector_meter *meter)
{
	const int64_t start_ns = clock_monotonic_ns(s->env->clock);
	struct thread_usage after;
	int r = meter->cpu_budget_ns ? repeat(run, s) : 0;

	if (r != 0) {
		if (meter->meter) /* not to be charged to the next collector */
			thread_meter_read(meter->meter, &meter->before);
		return MIN(r, 0);
	}
	exposition_mark(s->out);
	r = run->collector->collect(run->state, s);
	if (!meter->meter)
		return r;
	thread_meter_read(meter->meter, &after);
	usage_account_add(&run->account, &meter->before, &after);
	if (meter->cpu_budget_ns && r >= 0)
		judge(run, s, after.cpu_ns - meter->before.cpu_ns, meter->cpu_budget_ns, start_ns);
	meter->before = after;
	return r;
}

void collector_run_status(struct collector_run *run, struct collector_run_status *ret_status)
{
	pthread_mutex_lock(&run->lock);
	*ret_status = (struct collector_run_status){ run->over, run->repeated };
	pthread_mutex_unlock(&run->lock);
}
