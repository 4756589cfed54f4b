// SPDX-License-Identifier: Apache-2.0
/*
 * RAPL's counters below /sys/class/powercap (Documentation/power/powercap/powercap.rst): domain cpu
 * is the sum of the zones package-N, or package-N-die-M, domain dram that of the zones dram, which
 * are not part of their package's figure. Left out on purpose: core and uncore (parts of their
 * package), psys (the whole board, packages included), and intel-rapl-mmio, which shows the same
 * packages once more.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>

#include "basic/str.h"
#include "exporter/ledger/energy_source.h"
#include "host/powercap.h"
#include "host/privilege.h"

/* After a zone could not be read, the zones are looked for anew that often. */
static const int64_t RESCAN_NS = 30 * INT64_C(1000000000);

struct meter {
	char *entry, *name; /* what it is found by when the zones were opened anew */
	enum energy_domain domain;
	const struct powercap_zone *zone; /* NULL: it is gone */
	struct energy_counter counter;
	uint64_t sum_uj; /* that it brought */
	bool stuck; /* it did not move in the last interval: its energy will come later */
	bool was_stuck; /* the same of the interval before */
	bool failed; /* said so in the log */
};

struct rapl {
	const struct host_root *host;
	const struct log *log;
	struct powercap *powercap;
	struct meter *meters;
	size_t n;
	int64_t rescan_ns; /* not before; 0 = all is well */
	unsigned generation; /* of sysfs */
};

static bool domain_of(const struct powercap_zone *zone, enum energy_domain *ret_domain)
{
	if (str_starts(zone->entry, "intel-rapl-mmio"))
		return false;
	if (str_starts(zone->name, "package-"))
		*ret_domain = DOMAIN_CPU;
	else if (str_eq(zone->name, "dram"))
		*ret_domain = DOMAIN_DRAM;
	else
		return false;
	return true;
}

static struct meter *find_meter(struct rapl *rapl, const struct powercap_zone *zone)
{
	for (size_t i = 0; i < rapl->n; i++)
		if (str_eq(rapl->meters[i].entry, zone->entry) &&
			str_eq(rapl->meters[i].name, zone->name))
			return &rapl->meters[i];
	return NULL;
}

static int add_meter(struct rapl *rapl, const struct powercap_zone *zone, enum energy_domain domain)
{
	struct meter m = {
		.entry = strdup(zone->entry),
		.name = strdup(zone->name),
		.domain = domain,
		.zone = zone,
		.counter = { .max_uj = zone->max_energy_uj },
	};
	struct meter *meters = reallocarray(rapl->meters, rapl->n + 1, sizeof(*meters));

	if (meters)
		rapl->meters = meters;
	if (!meters || !m.entry || !m.name) {
		free(m.entry);
		free(m.name);
		return -ENOMEM;
	}
	rapl->meters[rapl->n++] = m;
	return 0;
}

/* Opens all zones; meters that were known go on where they were. */
static int scan(struct rapl *rapl)
{
	capability_set raised = privilege_raise(CAPABILITY(CAP_DAC_READ_SEARCH));
	struct powercap *powercap = NULL;
	int r;

	rapl->generation = host_root_generation(rapl->host, HOST_SYSFS);
	r = powercap_open(rapl->host->sysfs_fd, &powercap);
	privilege_lower(raised);
	if (r < 0)
		return r;
	powercap_close(rapl->powercap);
	rapl->powercap = powercap;
	for (size_t i = 0; i < rapl->n; i++)
		rapl->meters[i].zone = NULL;
	for (size_t i = 0; i < powercap->n && r >= 0; i++) {
		const struct powercap_zone *zone = &powercap->zones[i];
		enum energy_domain domain;
		struct meter *m;

		if (zone->energy_fd < 0 || !domain_of(zone, &domain))
			continue;
		m = find_meter(rapl, zone);
		if (!m) {
			r = add_meter(rapl, zone, domain);
			continue;
		}
		m->zone = zone;
		m->counter.max_uj = zone->max_energy_uj;
	}
	return r;
}

static void rapl_close(void *state)
{
	struct rapl *rapl = state;

	for (size_t i = 0; i < rapl->n; i++) {
		free(rapl->meters[i].entry);
		free(rapl->meters[i].name);
	}
	free(rapl->meters);
	powercap_close(rapl->powercap);
	free(rapl);
}

static int rapl_open(const struct energy_source_env *env, bool ret_domains[N_ENERGY_DOMAINS],
	void **ret_state, struct err *err)
{
	struct rapl *rapl = calloc(1, sizeof(*rapl));
	int r;

	if (!rapl)
		return err_errno(err, -ENOMEM, "rapl");
	rapl->host = env->host;
	rapl->log = env->log;
	r = scan(rapl);
	if (r >= 0 && !rapl->n)
		r = -ENODATA;
	if (r < 0) {
		rapl_close(rapl);
		return err_errno(err, r, "rapl");
	}
	for (size_t i = 0; i < rapl->n; i++)
		ret_domains[rapl->meters[i].domain] = true;
	*ret_state = rapl;
	return 0;
}

static void tell(const struct rapl *rapl, const struct meter *m, enum energy_event event)
{
	switch (event) {
	case ENERGY_EVENT_FROZEN:
		log_warn(rapl->log, "RAPL counter stands still", LOG_STR("zone", m->entry),
			LOG_STR("name", m->name));
		break;
	case ENERGY_EVENT_MOVES:
		log_info(rapl->log, "RAPL counter moves again", LOG_STR("zone", m->entry),
			LOG_STR("name", m->name));
		break;
	case ENERGY_EVENT_RESTART:
		log_warn(rapl->log, "RAPL counter made an impossible step and begins anew",
			LOG_STR("zone", m->entry), LOG_STR("name", m->name));
		break;
	case ENERGY_EVENT_NONE:
		break;
	}
}

/* 0 or -errno. What it brings is added to *energy_uj and *late_uj. */
static int read_meter(struct rapl *rapl, struct meter *m, const struct energy_moment *at,
	uint64_t *energy_uj, uint64_t *late_uj)
{
	uint64_t value_uj;
	int r = m->zone ? powercap_read_energy(m->zone, &value_uj) : -ENODEV;

	if (r < 0) {
		if (!m->failed)
			log_warn(rapl->log, "RAPL zone cannot be read any more",
				LOG_STR("zone", m->entry), LOG_STR("name", m->name),
				LOG_STR("err", err_name(r)));
		m->failed = true;
		return r;
	}
	if (m->failed)
		log_info(rapl->log, "RAPL zone is back", LOG_STR("zone", m->entry),
			LOG_STR("name", m->name));
	m->failed = false;
	tell(rapl, m, energy_counter_read(&m->counter, value_uj, &at->span, energy_uj, late_uj));
	return 0;
}

static void earliest(int64_t *since_ns, int64_t ns)
{
	if (!*since_ns || ns < *since_ns)
		*since_ns = ns;
}

/* A zone moves all the time; the energy of one that did not will come with its next step. */
static bool follow_meter(struct rapl *rapl, struct meter *m, const struct energy_moment *at,
	struct energy_flow *flow)
{
	struct ledger_backlog *b = &flow->backlog;
	bool known = m->counter.known;
	int64_t moved_ns = m->counter.moved_ns;
	uint64_t energy_uj = 0, late_uj = 0;
	int r = read_meter(rapl, m, at, &energy_uj, &late_uj);

	m->was_stuck = m->stuck;
	m->sum_uj += energy_uj;
	*(m->stuck ? &b->energy_uj : &flow->energy_uj) += energy_uj;
	*(m->stuck ? &b->late_uj : &flow->late_uj) += late_uj;
	if (!known)
		return r >= 0;
	if (m->counter.moved_ns != moved_ns) {
		if (m->stuck)
			earliest(&flow->settled_since_ns, moved_ns);
		b->settle |= m->stuck;
		m->stuck = false;
	} else {
		m->stuck = true;
		if (at->span.now_ns - moved_ns <= at->span.max_gap_ns) {
			b->again = true;
			earliest(&flow->open_since_ns, moved_ns);
		}
	}
	return r >= 0;
}

/* The part of a domain's energy that comes from the zones that did not stand still. */
static uint32_t moving_part(const struct rapl *rapl, enum energy_domain d)
{
	uint64_t moving = 0, all = 0;

	for (size_t i = 0; i < rapl->n; i++) {
		const struct meter *m = &rapl->meters[i];

		if (m->domain != d)
			continue;
		all += m->sum_uj;
		if (!m->stuck && !m->was_stuck)
			moving += m->sum_uj;
	}
	return all ? (uint32_t)((unsigned __int128)moving * LEDGER_WHOLE_PPM / all)
		   : LEDGER_WHOLE_PPM;
}

/* In another sysfs, or none, what was opened is no zone of this node. */
static void follow_sysfs(struct rapl *rapl)
{
	if (rapl->generation == host_root_generation(rapl->host, HOST_SYSFS))
		return;
	for (size_t i = 0; i < rapl->n; i++)
		rapl->meters[i].zone = NULL;
	powercap_close(rapl->powercap);
	rapl->powercap = NULL;
	scan(rapl);
}

static void rapl_read(
	void *state, const struct energy_moment *at, struct energy_flow flows[N_ENERGY_DOMAINS])
{
	struct rapl *rapl = state;
	bool all = true;

	follow_sysfs(rapl);
	if (rapl->rescan_ns && at->span.now_ns >= rapl->rescan_ns) {
		rapl->rescan_ns = 0; /* a failure shows below: no zone or a dead descriptor */
		scan(rapl);
	}
	for (int d = 0; d < N_ENERGY_DOMAINS; d++)
		flows[d].complete = true;
	for (size_t i = 0; i < rapl->n; i++) {
		struct meter *m = &rapl->meters[i];
		struct energy_flow *flow = &flows[m->domain];

		if (!follow_meter(rapl, m, at, flow))
			all = flow->complete = false;
		if (m->counter.frozen)
			flow->complete = false;
		if (!flow->sample_ns || m->counter.moved_ns < flow->sample_ns)
			flow->sample_ns = m->counter.moved_ns;
	}
	for (int d = 0; d < N_ENERGY_DOMAINS; d++) {
		struct ledger_backlog *b = &flows[d].backlog;

		b->open = b->settle || b->again;
		if (b->open)
			flows[d].moving_ppm = moving_part(rapl, (enum energy_domain)d);
	}
	if (!all && !rapl->rescan_ns)
		rapl->rescan_ns = at->span.now_ns + RESCAN_NS;
}

const struct energy_source energy_source_rapl = {
	.name = "rapl",
	.measured = true,
	.resolution_ns = 1000000, /* Intel SDM volume 3, RAPL: about 1 ms */
	.open = rapl_open,
	.read = rapl_read,
	.close = rapl_close,
};
