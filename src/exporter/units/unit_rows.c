// SPDX-License-Identifier: Apache-2.0
#include "exporter/units/unit_rows.h"

#include <errno.h>

#include "basic/macros.h"
#include "host/cgroup_parse.h"

enum { V1_TICK_US = 10000 }; /* cpuacct.stat counts in USER_HZ */

/* v1's "no limit": the largest number of pages that fits, so at least this. */
#define V1_UNLIMITED (UINT64_C(0x7fffffffffffffff) - 65536)

#define BIT(name) UNIT_VALUE_BIT(UNIT_##name)

static int parse_number(const struct unit_parse *p, enum unit_value value, struct slice text)
{
	return cgroup_parse_number(text, &p->values->v[value]);
}

static int parse_used(const struct unit_parse *p, struct slice text)
{
	return parse_number(p, UNIT_MEMORY_USED, text);
}

static int parse_failures(const struct unit_parse *p, struct slice text)
{
	return parse_number(p, UNIT_MEMORY_FAILURES, text);
}

static int parse_swap_used(const struct unit_parse *p, struct slice text)
{
	return parse_number(p, UNIT_SWAP_USED, text);
}

static int parse_swap_failures(const struct unit_parse *p, struct slice text)
{
	return parse_number(p, UNIT_SWAP_FAILURES, text);
}

/* The host's size stands for "max", if it is known. */
static int parse_limit(const struct unit_parse *p, struct slice text)
{
	uint64_t *limit = &p->values->v[UNIT_MEMORY_LIMIT];
	int r = parse_number(p, UNIT_MEMORY_LIMIT, text);

	if (r < 0)
		return r;
	p->values->unlimited = *limit == UINT64_MAX ||
		(p->version == CGROUP_V1 && *limit >= V1_UNLIMITED);
	if (*limit == UINT64_MAX && p->memory_total_bytes)
		*limit = p->memory_total_bytes;
	return 0;
}

static int parse_swap_limit(const struct unit_parse *p, struct slice text)
{
	const uint64_t host = p->swap_total_bytes ? p->swap_total_bytes : p->memory_total_bytes;
	uint64_t *limit = &p->values->v[UNIT_SWAP_LIMIT];
	int r = parse_number(p, UNIT_SWAP_LIMIT, text);

	if (r >= 0 && *limit == UINT64_MAX && host)
		*limit = host;
	return r;
}

static int parse_cpus(const struct unit_parse *p, struct slice text)
{
	unsigned n;
	int r = cgroup_parse_cpus(text, &n);

	if (r >= 0)
		p->values->v[UNIT_CPUS] = (uint64_t)n * 1000;
	return r;
}

static int parse_v2_cpu(const struct unit_parse *p, struct slice text)
{
	static const char *const keys[] = { "usage_usec", "user_usec", "system_usec" };
	uint64_t v[ARRAY_SIZE(keys)], sum;
	uint32_t found;
	int r = cgroup_parse_keyed(text, keys, ARRAY_SIZE(keys), v, &found);

	if (r < 0)
		return r;
	if (__builtin_add_overflow(v[1], v[2], &sum))
		sum = UINT64_MAX;
	p->values->v[UNIT_CPU_USAGE] = found & 1 ? v[0] : sum;
	p->values->v[UNIT_CPU_USER] = v[1];
	p->values->v[UNIT_CPU_SYSTEM] = v[2];
	return 0;
}

static int parse_v1_cpu(const struct unit_parse *p, struct slice text)
{
	static const char *const keys[] = { "user", "system" };
	uint64_t v[ARRAY_SIZE(keys)];
	int r = cgroup_parse_keyed(text, keys, ARRAY_SIZE(keys), v, NULL);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (__builtin_mul_overflow(v[i], V1_TICK_US, &v[i]))
			v[i] = UINT64_MAX;
	}
	p->values->v[UNIT_CPU_USER] = v[0];
	p->values->v[UNIT_CPU_SYSTEM] = v[1];
	return 0;
}

static int parse_v1_usage(const struct unit_parse *p, struct slice text)
{
	int r = parse_number(p, UNIT_CPU_USAGE, text);

	p->values->v[UNIT_CPU_USAGE] /= 1000;
	return r;
}

static int parse_memory_stat(
	const struct unit_parse *p, const char *const keys[3], struct slice text)
{
	uint64_t v[3];
	int r = cgroup_parse_keyed(text, keys, 3, v, NULL);

	if (r < 0)
		return r;
	p->values->v[UNIT_MEMORY_RSS] = v[0];
	p->values->v[UNIT_MEMORY_CACHE] = v[1];
	p->values->v[UNIT_INACTIVE_FILE] = v[2];
	return 0;
}

static int parse_v2_memory_stat(const struct unit_parse *p, struct slice text)
{
	static const char *const keys[] = { "anon", "file", "inactive_file" };

	return parse_memory_stat(p, keys, text);
}

static int parse_v1_memory_stat(const struct unit_parse *p, struct slice text)
{
	static const char *const keys[] = { "total_rss", "total_cache", "total_inactive_file" };

	return parse_memory_stat(p, keys, text);
}

static int parse_events(const struct unit_parse *p, struct slice text)
{
	static const char *const keys[] = { "oom" };

	return cgroup_parse_keyed(text, keys, 1, &p->values->v[UNIT_MEMORY_FAILURES], NULL);
}

static int parse_cpu_pressure(const struct unit_parse *p, struct slice text)
{
	return cgroup_parse_pressure(text, &p->values->v[UNIT_CPU_PRESSURE]);
}

static int parse_memory_pressure(const struct unit_parse *p, struct slice text)
{
	return cgroup_parse_pressure(text, &p->values->v[UNIT_MEMORY_PRESSURE]);
}

static size_t count_lines(struct slice text)
{
	struct slice line;
	size_t n = 0;

	while (slice_next_line(&text, &line))
		n++;
	return n;
}

static int parse_rdma(const struct unit_parse *p, struct slice text)
{
	struct unit_values *values = p->values;
	struct cgroup_rdma line;

	while (cgroup_rdma_next(&text, &line)) {
		struct unit_rdma *rdma = &values->rdma[values->n_rdma];

		if (values->n_rdma == UNIT_RDMA_DEVICES_MAX || line.device.n >= UNIT_RDMA_NAME_MAX)
			return -E2BIG;
		memcpy(rdma->device, line.device.p, line.device.n);
		rdma->device[line.device.n] = '\0';
		rdma->handles = line.handles;
		rdma->objects = line.objects;
		values->n_rdma++;
	}
	return 0;
}

static int parse_v1_rdma_max(const struct unit_parse *p, struct slice text)
{
	p->values->rdma_lines = count_lines(text);
	return 0;
}

/* v1: use and limit have to name equally many devices, else the answer is of two moments. */
static int parse_v1_rdma(const struct unit_parse *p, struct slice text)
{
	return count_lines(text) == p->values->rdma_lines ? parse_rdma(p, text) : 0;
}

static int parse_weight(const struct unit_parse *p, struct slice text)
{
	uint64_t weight;
	int r = cgroup_parse_number(text, &weight);

	if (r >= 0)
		p->values->v[UNIT_CPUS] = cgroup_shares_to_milli_cpus(
			cgroup_weight_to_shares(weight));
	return r;
}

static int parse_shares(const struct unit_parse *p, struct slice text)
{
	uint64_t shares;
	int r = cgroup_parse_number(text, &shares);

	if (r >= 0)
		p->values->v[UNIT_CPUS] = cgroup_shares_to_milli_cpus(shares);
	return r;
}

/* The entry of a device, made if there is none. NULL: too many. */
static struct unit_blkio *blkio_of(const struct unit_parse *p, uint32_t major, uint32_t minor)
{
	const char *name = block_devices_name(p->block_devices, major, minor);
	struct unit_values *values = p->values;
	struct unit_blkio *blkio;

	for (size_t i = 0; i < values->n_blkio; i++) {
		if (str_eq(values->blkio[i].device, name))
			return &values->blkio[i];
	}
	if (values->n_blkio == UNIT_BLKIO_DEVICES_MAX)
		return NULL;
	blkio = &values->blkio[values->n_blkio++];
	*blkio = (struct unit_blkio){ 0 };
	memcpy(blkio->device, name, strlen(name) + 1);
	return blkio;
}

static int parse_io(const struct unit_parse *p, struct slice text)
{
	struct cgroup_io io;

	while (cgroup_io_next(&text, &io)) {
		struct unit_blkio *blkio = blkio_of(p, io.major, io.minor);

		if (!blkio)
			return -E2BIG;
		blkio->read_bytes = io.read_bytes;
		blkio->write_bytes = io.write_bytes;
		blkio->read_requests = io.reads;
		blkio->write_requests = io.writes;
	}
	return 0;
}

static int parse_blkio(const struct unit_parse *p, struct slice text, bool bytes)
{
	struct cgroup_blkio row;
	int r;

	while ((r = cgroup_blkio_next(&text, &row)) > 0) {
		struct unit_blkio *blkio = blkio_of(p, row.major, row.minor);

		if (!blkio)
			return -E2BIG;
		if (row.operation == CGROUP_BLKIO_READ)
			*(bytes ? &blkio->read_bytes : &blkio->read_requests) = row.value;
		if (row.operation == CGROUP_BLKIO_WRITE)
			*(bytes ? &blkio->write_bytes : &blkio->write_requests) = row.value;
	}
	return r;
}

static int parse_blkio_bytes(const struct unit_parse *p, struct slice text)
{
	return parse_blkio(p, text, true);
}

static int parse_blkio_requests(const struct unit_parse *p, struct slice text)
{
	return parse_blkio(p, text, false);
}

static const struct unit_row v2_rows[] = {
	{ V2_ONLY, "cpu.stat", UNIT_FILES_USAGE, 0,
		BIT(CPU_USER) | BIT(CPU_SYSTEM) | BIT(CPU_USAGE), parse_v2_cpu },
	{ V2_ONLY, "memory.stat", UNIT_FILES_USAGE, 0,
		BIT(MEMORY_RSS) | BIT(MEMORY_CACHE) | BIT(INACTIVE_FILE), parse_v2_memory_stat },
	{ V2_ONLY, "memory.current", UNIT_FILES_USAGE, 0, BIT(MEMORY_USED), parse_used },
	{ V2_ONLY, "memory.max", UNIT_FILES_MEMORY_LIMIT, 0, BIT(MEMORY_LIMIT), parse_limit },
	{ V2_ONLY, "cpuset.cpus.effective", UNIT_FILES_CPUSET, UNIT_ROW_LENIENT, BIT(CPUS),
		parse_cpus },
	{ V2_ONLY, "cpu.weight", UNIT_FILES_SHARES, UNIT_ROW_LENIENT, BIT(CPUS), parse_weight },
	{ V2_ONLY, "memory.events", UNIT_FILES_MORE, 0, BIT(MEMORY_FAILURES), parse_events },
	{ V2_ONLY, "memory.swap.current", UNIT_FILES_SWAP, UNIT_ROW_OPTIONAL, BIT(SWAP_USED),
		parse_swap_used },
	{ V2_ONLY, "memory.swap.max", UNIT_FILES_SWAP, UNIT_ROW_OPTIONAL, BIT(SWAP_LIMIT),
		parse_swap_limit },
	{ V2_ONLY, "cpu.pressure", UNIT_FILES_PRESSURE, UNIT_ROW_OPTIONAL, BIT(CPU_PRESSURE),
		parse_cpu_pressure },
	{ V2_ONLY, "memory.pressure", UNIT_FILES_PRESSURE, UNIT_ROW_OPTIONAL, BIT(MEMORY_PRESSURE),
		parse_memory_pressure },
	{ V2_ONLY, "rdma.current", UNIT_FILES_MORE, UNIT_ROW_OPTIONAL, 0, parse_rdma },
	{ V2_ONLY, "io.stat", UNIT_FILES_BLKIO, UNIT_ROW_OPTIONAL, BIT(BLKIO), parse_io },
};

static const struct unit_row v1_rows[] = {
	{ V1_CPUACCT, "cpuacct.usage_percpu", UNIT_FILES_USAGE, UNIT_ROW_CHAINED, 0, NULL },
	{ V1_CPUACCT, "cpuacct.usage", UNIT_FILES_USAGE, UNIT_ROW_CHAINED, BIT(CPU_USAGE),
		parse_v1_usage },
	{ V1_CPUACCT, "cpuacct.stat", UNIT_FILES_MORE, UNIT_ROW_CHAINED,
		BIT(CPU_USER) | BIT(CPU_SYSTEM), parse_v1_cpu },
	{ V1_MEMORY, "memory.stat", UNIT_FILES_USAGE, UNIT_ROW_CHAINED,
		BIT(MEMORY_RSS) | BIT(MEMORY_CACHE) | BIT(INACTIVE_FILE), parse_v1_memory_stat },
	{ V1_MEMORY, "memory.oom_control", UNIT_FILES_USAGE, UNIT_ROW_CHAINED, 0, NULL },
	{ V1_MEMORY, "memory.usage_in_bytes", UNIT_FILES_USAGE, UNIT_ROW_CHAINED, BIT(MEMORY_USED),
		parse_used },
	{ V1_MEMORY, "memory.max_usage_in_bytes", UNIT_FILES_USAGE, UNIT_ROW_CHAINED, 0, NULL },
	{ V1_MEMORY, "memory.failcnt", UNIT_FILES_MORE, UNIT_ROW_CHAINED, BIT(MEMORY_FAILURES),
		parse_failures },
	{ V1_MEMORY, "memory.limit_in_bytes", UNIT_FILES_MEMORY_LIMIT, UNIT_ROW_CHAINED,
		BIT(MEMORY_LIMIT), parse_limit },
	{ V1_MEMORY, "memory.memsw.usage_in_bytes", UNIT_FILES_SWAP,
		UNIT_ROW_CHAINED | UNIT_ROW_OPTIONAL, BIT(SWAP_USED), parse_swap_used },
	{ V1_MEMORY, "memory.memsw.max_usage_in_bytes", UNIT_FILES_SWAP,
		UNIT_ROW_CHAINED | UNIT_ROW_OPTIONAL, 0, NULL },
	{ V1_MEMORY, "memory.memsw.failcnt", UNIT_FILES_SWAP, UNIT_ROW_CHAINED | UNIT_ROW_OPTIONAL,
		BIT(SWAP_FAILURES), parse_swap_failures },
	{ V1_MEMORY, "memory.memsw.limit_in_bytes", UNIT_FILES_SWAP,
		UNIT_ROW_CHAINED | UNIT_ROW_OPTIONAL, BIT(SWAP_LIMIT), parse_swap_limit },
	/* A hybrid host may count in its v2 mount instead. */
	{ V1_UNIFIED, "cpu.stat", UNIT_FILES_USAGE, UNIT_ROW_OPTIONAL | UNIT_ROW_INSTEAD,
		BIT(CPU_USER) | BIT(CPU_SYSTEM) | BIT(CPU_USAGE), parse_v2_cpu },
	{ V1_ACTIVE, "cpu.shares", UNIT_FILES_SHARES, UNIT_ROW_LENIENT, BIT(CPUS), parse_shares },
	{ V1_CPUSET, "cpuset.cpus", UNIT_FILES_CPUSET, UNIT_ROW_LENIENT, BIT(CPUS), parse_cpus },
	{ V1_RDMA, "rdma.max", UNIT_FILES_MORE, UNIT_ROW_OPTIONAL | UNIT_ROW_CHAINED, 0,
		parse_v1_rdma_max },
	{ V1_RDMA, "rdma.current", UNIT_FILES_MORE, UNIT_ROW_OPTIONAL, 0, parse_v1_rdma },
	/* Of the groups below too, or where nothing counts so, of the group's own. */
	{ V1_BLKIO, "blkio.io_serviced_recursive", UNIT_FILES_BLKIO, UNIT_ROW_OPTIONAL, BIT(BLKIO),
		parse_blkio_requests },
	{ V1_BLKIO, "blkio.io_service_bytes_recursive", UNIT_FILES_BLKIO,
		UNIT_ROW_OPTIONAL | UNIT_ROW_WITH_PREVIOUS, BIT(BLKIO), parse_blkio_bytes },
	{ V1_BLKIO, "blkio.throttle.io_serviced", UNIT_FILES_BLKIO,
		UNIT_ROW_OPTIONAL | UNIT_ROW_WITHOUT_BLKIO, BIT(BLKIO), parse_blkio_requests },
	{ V1_BLKIO, "blkio.throttle.io_service_bytes", UNIT_FILES_BLKIO,
		UNIT_ROW_OPTIONAL | UNIT_ROW_WITH_PREVIOUS, BIT(BLKIO), parse_blkio_bytes },
};

const struct unit_row *unit_rows(enum cgroup_version version, size_t *ret_n)
{
	*ret_n = version == CGROUP_V2 ? ARRAY_SIZE(v2_rows) : ARRAY_SIZE(v1_rows);
	return version == CGROUP_V2 ? v2_rows : v1_rows;
}
