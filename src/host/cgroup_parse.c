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

bool cgroup_pid_next(struct slice *rest, uint64_t *ret_pid)
{
	struct slice line;

	while (slice_next_line(rest, &line)) {
		if (slice_to_u64(slice_trim(line), ret_pid) >= 0 && *ret_pid)
			return true;
	}
	return false;
}
