// SPDX-License-Identifier: Apache-2.0
#include "basic/duration.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "basic/macros.h"

struct unit {
	const char *name;
	int64_t size;
};

/* Milliseconds; the order in which they may stand. */
static const struct unit prometheus_units[] = {
	{ "y", 365LL * 86400000 },
	{ "w", 7LL * 86400000 },
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

/* Nanoseconds; longer names before those that they begin with. */
static const struct unit go_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* micro sign */
	{ "\xce\xbcs", 1000 }, /* Greek mu */
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60LL * 1000000000 },
	{ "h", 3600LL * 1000000000 },
	{ "d", 86400LL * 1000000000 },
	{ "w", 7 * 86400LL * 1000000000 },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Cuts leading digits off. */
static struct slice next_digits(struct slice *rest)
{
	struct slice digits = { rest->p, 0 };

	while (digits.n < rest->n && is_digit(rest->p[digits.n]))
		digits.n++;
	rest->p += digits.n;
	rest->n -= digits.n;
	return digits;
}

/* Cuts what stands before the next digit or point: a unit. */
static struct slice next_unit(struct slice *rest)
{
	struct slice name = { rest->p, 0 };

	while (name.n < rest->n && !is_digit(rest->p[name.n]) && rest->p[name.n] != '.')
		name.n++;
	rest->p += name.n;
	rest->n -= name.n;
	return name;
}

static size_t find_unit(const struct unit *units, size_t n_units, struct slice name)
{
	size_t i = 0;

	while (i < n_units && !slice_eq(name, units[i].name))
		i++;
	return i;
}

int duration_parse_prometheus(struct slice text, int64_t *ret_ms)
{
	size_t first_allowed = 0;
	int64_t sum = 0;

	if (slice_eq(text, "0")) {
		*ret_ms = 0;
		return 0;
	}
	if (!text.n)
		return -EBADMSG;
	while (text.n) {
		struct slice digits = next_digits(&text);
		size_t unit = find_unit(
			prometheus_units, ARRAY_SIZE(prometheus_units), next_unit(&text));
		int64_t value;
		int r;

		if (unit < first_allowed || unit == ARRAY_SIZE(prometheus_units))
			return -EBADMSG;
		r = slice_to_i64(digits, &value);
		if (r < 0)
			return r;
		if (__builtin_mul_overflow(value, prometheus_units[unit].size, &value) ||
			__builtin_add_overflow(sum, value, &sum))
			return -ERANGE;
		first_allowed = unit + 1;
	}
	/* Callers turn it into nanoseconds, as Prometheus itself does. */
	if (sum > INT64_MAX / 1000000)
		return -ERANGE;
	*ret_ms = sum;
	return 0;
}

/* ".25" of a unit, in nanoseconds, rounded down. Digits beyond what 64 bits hold don't count. */
static int64_t fraction_ns(struct slice digits, int64_t unit)
{
	__int128 value = 0, scale = 1;

	for (size_t i = 0; i < digits.n && i < 18; i++) {
		value = value * 10 + (digits.p[i] - '0');
		scale *= 10;
	}
	return (int64_t)(value * unit / scale);
}

static int next_go_term(struct slice *rest, int64_t *ret_ns)
{
	struct slice whole = next_digits(rest), fraction = { NULL, 0 };
	int64_t value = 0;
	size_t unit;
	int r;

	if (rest->n && rest->p[0] == '.') {
		rest->p++;
		rest->n--;
		fraction = next_digits(rest);
	}
	if (!whole.n && !fraction.n)
		return -EBADMSG;
	unit = find_unit(go_units, ARRAY_SIZE(go_units), next_unit(rest));
	if (unit == ARRAY_SIZE(go_units))
		return -EBADMSG;
	r = whole.n ? slice_to_i64(whole, &value) : 0;
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(value, go_units[unit].size, &value) ||
		__builtin_add_overflow(value, fraction_ns(fraction, go_units[unit].size), &value))
		return -ERANGE;
	*ret_ns = value;
	return 0;
}

int duration_parse_go(struct slice text, int64_t *ret_ns)
{
	bool negative = false;
	int64_t sum = 0, term;
	int r;

	if (text.n && (text.p[0] == '-' || text.p[0] == '+')) {
		negative = text.p[0] == '-';
		text.p++;
		text.n--;
	}
	if (!text.n)
		return -EBADMSG;
	if (slice_eq(text, "0"))
		text.n = 0;
	while (text.n) {
		r = next_go_term(&text, &term);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(sum, term, &sum))
			return -ERANGE;
	}
	*ret_ns = negative ? -sum : sum;
	return 0;
}

/* v/scale as a decimal without trailing zeros, then the unit. */
static size_t put_decimal(char *text, uint64_t v, uint64_t scale, int places, const char *unit)
{
	size_t n = (size_t)sprintf(text, "%llu", (unsigned long long)(v / scale));

	if (v % scale) {
		n += (size_t)sprintf(text + n, ".%0*llu", places, (unsigned long long)(v % scale));
		while (text[n - 1] == '0')
			n--;
	}
	return n + (size_t)sprintf(text + n, "%s", unit);
}

size_t duration_format_go(int64_t ns, char text[static DURATION_TEXT_MAX])
{
	uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	uint64_t minutes = v / 60000000000;
	size_t n = 0;

	if (ns < 0)
		text[n++] = '-';
	if (v == 0)
		return n + (size_t)sprintf(text + n, "0s");
	if (v < 1000)
		return n + (size_t)sprintf(text + n, "%lluns", (unsigned long long)v);
	if (v < 1000000)
		return n + put_decimal(text + n, v, 1000, 3, "\xc2\xb5s");
	if (v < 1000000000)
		return n + put_decimal(text + n, v, 1000000, 6, "ms");
	if (minutes >= 60)
		n += (size_t)sprintf(text + n, "%lluh", (unsigned long long)(minutes / 60));
	if (minutes)
		n += (size_t)sprintf(text + n, "%llum", (unsigned long long)(minutes % 60));
	return n + put_decimal(text + n, v % 60000000000, 1000000000, 9, "s");
}

size_t duration_format_prometheus(int64_t ms, char text[static DURATION_TEXT_MAX])
{
	uint64_t v = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	size_t n = 0;

	if (v == 0)
		return (size_t)sprintf(text, "0s");
	if (ms < 0)
		text[n++] = '-';
	for (size_t i = 0; i < ARRAY_SIZE(prometheus_units); i++) {
		uint64_t size = (uint64_t)prometheus_units[i].size;

		/* Years and weeks only where nothing remains: "90d" reads better than "12w6d". */
		if (v < size || (i < 2 && v % size))
			continue;
		n += (size_t)sprintf(text + n, "%llu%s", (unsigned long long)(v / size),
			prometheus_units[i].name);
		v %= size;
	}
	return n;
}
