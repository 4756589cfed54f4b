// SPDX-License-Identifier: Apache-2.0
#include "exporter/ledger/tick_pace.h"

#include "basic/macros.h"

void tick_pace_init(struct tick_pace *pace, int64_t interval_ns, int64_t now_ns)
{
	*pace = (struct tick_pace){
		.interval_ns = interval_ns,
		.last_ns = now_ns,
		.next_ns = now_ns + interval_ns,
		.credit_ns = TICK_PACE_EXTRA_SAVED * (interval_ns / TICK_PACE_EXTRA),
	};
}

static int64_t least_ns(const struct tick_pace *pace)
{
	return pace->interval_ns / TICK_PACE_LEAST_PARTS;
}

void tick_pace_event(struct tick_pace *pace, int64_t now_ns, bool came)
{
	int64_t at_ns = MAX(now_ns + (came ? least_ns(pace) : 0), pace->last_ns + least_ns(pace));

	if (tick_pace_listens(pace))
		pace->extra_ns = at_ns;
}

bool tick_pace_listens(const struct tick_pace *pace)
{
	return !pace->extra_ns && pace->credit_ns >= pace->interval_ns / TICK_PACE_EXTRA;
}

int64_t tick_pace_due_ns(const struct tick_pace *pace)
{
	const int64_t regular_ns = MAX(pace->next_ns, pace->last_ns + least_ns(pace));

	return pace->extra_ns ? MIN(pace->extra_ns, regular_ns) : regular_ns;
}

void tick_pace_read(struct tick_pace *pace, int64_t now_ns)
{
	const int64_t cost_ns = pace->interval_ns / TICK_PACE_EXTRA;

	pace->credit_ns = MIN(
		pace->credit_ns + MAX(now_ns - pace->last_ns, 0), TICK_PACE_EXTRA_SAVED * cost_ns);
	if (now_ns < pace->next_ns)
		pace->credit_ns -= cost_ns;
	else /* those that were missed are one long interval */
		pace->next_ns += ((now_ns - pace->next_ns) / pace->interval_ns + 1) *
			pace->interval_ns;
	pace->last_ns = now_ns;
	pace->extra_ns = 0;
}
