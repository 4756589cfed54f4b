// SPDX-License-Identifier: Apache-2.0
#include "host/cgroup_parse.h"

#include <errno.h>

static int number(struct slice s, uint64_t *ret_value)
{
	uint64_t value;
	bool negative = s.n > 1 && s.p[0] == '-';

	if (negative) {
		s.p++;
		s.n--;
	}
	if (slice_to_u64(s, &value) < 0)
		return -EBADMSG;
	*ret_value = negative ? 0 : value;
	return 0;
}

static void take_value(struct slice key, uint64_t value, const char *const *keys, size_t n,
	uint64_t *values, uint32_t *found)
{
	for (size_t i = 0; i < n; i++) {
		if (slice_eq(key, keys[i])) {
			values[i] = value;
			*found |= UINT32_C(1) << i;
			return;
		}
	}
}

int cgroup_parse_keyed(struct slice text, const char *const *keys, size_t n, uint64_t *ret_values,
	uint32_t *ret_found)
{
	uint64_t values[32] = { 0 };
	uint32_t found = 0;
	struct slice line;

	while (slice_next_line(&text, &line)) {
		struct slice key, digits, more;
		uint64_t value;

		if (!slice_next_word(&line, &key) || !slice_next_word(&line, &digits) ||
			slice_next_word(&line, &more) || number(digits, &value) < 0)
			return -EBADMSG;
		take_value(key, value, keys, n, values, &found);
	}
	memcpy(ret_values, values, n * sizeof(*values));
	if (ret_found)
		*ret_found = found;
	return 0;
}

int cgroup_parse_number(struct slice text, uint64_t *ret_value)
{
	text = slice_trim(text);
	if (slice_eq(text, "max")) {
		*ret_value = UINT64_MAX;
		return 0;
	}
	return number(text, ret_value);
}

/* "3" or "0-3". */
static int cpu_range(struct slice field, uint64_t *ret_first, uint64_t *ret_last)
{
	struct slice first, last;

	field = slice_trim(field);
	slice_next(&field, '-', &first);
	last = field.p ? field : first;
	if (slice_to_u64(first, ret_first) < 0 || slice_to_u64(last, ret_last) < 0)
		return -EBADMSG;
	return *ret_first <= *ret_last && *ret_last < CGROUP_CPU_MAX ? 0 : -EBADMSG;
}

int cgroup_parse_cpus(struct slice text, unsigned *ret_n)
{
	uint64_t set[CGROUP_CPU_MAX / 64] = { 0 };
	struct slice field;
	unsigned n = 0;

	text = slice_trim(text);
	if (!text.n) {
		*ret_n = 0;
		return 0;
	}
	while (slice_next(&text, ',', &field)) {
		uint64_t first, last;

		if (cpu_range(field, &first, &last) < 0)
			return -EBADMSG;
		for (uint64_t cpu = first; cpu <= last; cpu++) {
			uint64_t bit = UINT64_C(1) << cpu % 64;

			n += !(set[cpu / 64] & bit);
			set[cpu / 64] |= bit;
		}
	}
	*ret_n = n;
	return 0;
}

int cgroup_parse_pressure(struct slice text, uint64_t *ret_total_us)
{
	struct slice line, word;

	while (slice_next_line(&text, &line)) {
		if (!slice_next_word(&line, &word) || !slice_eq(word, "full"))
			continue;
		while (slice_next_word(&line, &word)) {
			struct slice key;

			slice_next(&word, '=', &key);
			if (slice_eq(key, "total"))
				return word.p && slice_to_u64(word, ret_total_us) >= 0 ? 0
										       : -EBADMSG;
		}
		return -EBADMSG;
	}
	*ret_total_us = 0;
	return 0;
}

static int rdma_value(struct slice field, const char *name, uint64_t *ret_value)
{
	struct slice key;

	slice_next(&field, '=', &key);
	if (!slice_eq(key, name) || !field.p)
		return -EBADMSG;
	if (slice_eq(field, "max")) {
		*ret_value = UINT32_MAX;
		return 0;
	}
	return slice_to_u64(field, ret_value);
}

bool cgroup_rdma_next(struct slice *rest, struct cgroup_rdma *ret_line)
{
	struct slice line;

	while (slice_next_line(rest, &line)) {
		struct slice handle, object, more;

		if (slice_next_word(&line, &ret_line->device) && slice_next_word(&line, &handle) &&
			slice_next_word(&line, &object) && !slice_next_word(&line, &more) &&
			rdma_value(handle, "hca_handle", &ret_line->handles) >= 0 &&
			rdma_value(object, "hca_object", &ret_line->objects) >= 0)
			return true;
	}
	return false;
}

/* "8:0" */
static bool device_number(struct slice word, uint32_t *ret_major, uint32_t *ret_minor)
{
	uint64_t major, minor;
	struct slice first;

	slice_next(&word, ':', &first);
	if (!word.p || slice_to_u64(first, &major) < 0 || slice_to_u64(word, &minor) < 0 ||
		major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	*ret_major = (uint32_t)major;
	*ret_minor = (uint32_t)minor;
	return true;
}

static void take_io_field(struct slice field, struct cgroup_io *line)
{
	const struct {
		const char *key;
		unsigned bit;
		uint64_t *value;
	} fields[] = {
		{ "rbytes", CGROUP_IO_READ_BYTES, &line->read_bytes },
		{ "wbytes", CGROUP_IO_WRITE_BYTES, &line->write_bytes },
		{ "rios", CGROUP_IO_READS, &line->reads },
		{ "wios", CGROUP_IO_WRITES, &line->writes },
	};
	struct slice key;

	slice_next(&field, '=', &key);
	for (size_t i = 0; field.p && i < sizeof(fields) / sizeof(*fields); i++) {
		if (slice_eq(key, fields[i].key) && slice_to_u64(field, fields[i].value) >= 0)
			line->fields |= fields[i].bit;
	}
}

bool cgroup_io_next(struct slice *rest, struct cgroup_io *ret_line)
{
	struct slice line, word;

	while (slice_next_line(rest, &line)) {
		struct cgroup_io io = { 0 };

		if (!slice_next_word(&line, &word) || !device_number(word, &io.major, &io.minor))
			continue;
		while (slice_next_word(&line, &word))
			take_io_field(word, &io);
		if (!io.fields)
			continue;
		*ret_line = io;
		return true;
	}
	return false;
}

int cgroup_blkio_next(struct slice *rest, struct cgroup_blkio *ret_row)
{
	struct slice line, device, operation, value, more;
	struct cgroup_blkio row;

	do {
		if (!slice_next_line(rest, &line))
			return 0;
		if (!slice_next_word(&line, &device) || !slice_next_word(&line, &operation))
			return -EBADMSG;
	} while (slice_eq(device, "Total"));
	if (!slice_next_word(&line, &value) || slice_next_word(&line, &more) ||
		!device_number(device, &row.major, &row.minor) || number(value, &row.value) < 0)
		return -EBADMSG;
	row.operation = slice_eq(operation, "Read") ? CGROUP_BLKIO_READ
		: slice_eq(operation, "Write")      ? CGROUP_BLKIO_WRITE
						    : CGROUP_BLKIO_OTHER;
	*ret_row = row;
	return 1;
}

enum { SHARES_MIN = 2, SHARES_MAX = 262144, SHARES_OF_ONE_CPU = 1024, WEIGHT_MAX = 10000 };

uint64_t cgroup_shares_to_milli_cpus(uint64_t shares)
{
	if (shares < SHARES_MIN)
		shares = SHARES_MIN;
	if (shares > SHARES_MAX)
		shares = SHARES_MAX;
	return shares * 1000 / SHARES_OF_ONE_CPU;
}

uint64_t cgroup_weight_to_shares(uint64_t weight)
{
	if (weight > WEIGHT_MAX)
		return SHARES_MAX;
	/* An idle group has weight 0. */
	return weight ? (weight - 1) * (SHARES_MAX - SHARES_MIN) / (WEIGHT_MAX - 1) + SHARES_MIN
		      : SHARES_MIN;
}

bool cgroup_pid_next(struct slice *rest, uint64_t *ret_pid)
{
	struct slice line;

	while (slice_next_line(rest, &line)) {
		if (slice_to_u64(slice_trim(line), ret_pid) >= 0 && *ret_pid)
			return true;
	}
	return false;
}
