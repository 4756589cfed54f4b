// SPDX-License-Identifier: Apache-2.0
#include "basic/num.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macros.h"

/* Digits and exponent of value = 0.d1d2d3... * 10^point, shortest that reads back as value. */
struct digits {
	char text[32];
	int n;
	int point;
	bool negative;
};

/* The digits of a whole number, most significant first. Returns how many. */
static int put_whole(uint64_t v, char *text)
{
	char tmp[20];
	int n = 0;

	do {
		tmp[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (int i = 0; i < n; i++)
		text[i] = tmp[n - 1 - i];
	return n;
}

static void trim_zeros(struct digits *d)
{
	while (d->n > 1 && d->text[d->n - 1] == '0')
		d->n--;
}

/*
 * Most values are whole or have few decimals, and need no trial printing: if value is the nearest
 * double to v / 10^decimals and v has at most 15 digits, then no shorter text reads back as value
 * (15 digits survive the way to a double and back). The division is exact but for its one rounding,
 * as both of its sides are.
 */
static bool decimal_digits(double value, struct digits *d)
{
	static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9 };

	for (int decimals = 0; decimals < (int)ARRAY_SIZE(powers); decimals++) {
		double scaled = value * powers[decimals];
		uint64_t v;

		if (scaled >= 1e15)
			return false;
		v = (uint64_t)(scaled + 0.5);
		if ((double)v / powers[decimals] != value)
			continue;
		d->n = put_whole(v, d->text);
		d->point = d->n - decimals;
		trim_zeros(d);
		return true;
	}
	return false;
}

static void shortest(double value, struct digits *d)
{
	char text[40];
	const char *p, *e;

	d->negative = signbit(value);
	value = fabs(value);
	if (decimal_digits(value, d))
		return;
	/* 15 digits always survive, but not those of denormal numbers, which have fewer bits. */
	for (int precision = value < DBL_MIN ? 0 : 14; precision <= 16; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, value);
		if (precision == 16 || strtod(text, NULL) == value)
			break;
	}
	e = strchr(text, 'e');
	d->n = 0;
	for (p = text; p < e; p++) {
		if (*p >= '0' && *p <= '9')
			d->text[d->n++] = *p;
	}
	trim_zeros(d);
	d->point = atoi(e + 1) + 1;
}

static size_t special(double value, char *text)
{
	strcpy(text, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
	return strlen(text);
}

static size_t plain(const struct digits *d, char *text)
{
	size_t n = 0;

	if (d->negative)
		text[n++] = '-';
	if (d->point <= 0) {
		text[n++] = '0';
		text[n++] = '.';
		for (int i = d->point; i < 0; i++)
			text[n++] = '0';
		memcpy(text + n, d->text, (size_t)d->n);
		n += (size_t)d->n;
	} else {
		for (int i = 0; i < MAX(d->point, d->n); i++) {
			if (i == d->point)
				text[n++] = '.';
			text[n++] = i < d->n ? d->text[i] : '0';
		}
	}
	text[n] = '\0';
	return n;
}

size_t num_exposition(double value, char text[static NUM_TEXT_MAX])
{
	struct digits d;
	size_t n = 0;
	int e;

	if (!isfinite(value))
		return special(value, text);
	shortest(value, &d);
	e = d.point - 1;
	if (value == 0.0 || (e >= -4 && e < 6))
		return plain(&d, text);
	if (d.negative)
		text[n++] = '-';
	text[n++] = d.text[0];
	if (d.n > 1) {
		text[n++] = '.';
		memcpy(text + n, d.text + 1, (size_t)d.n - 1);
		n += (size_t)d.n - 1;
	}
	text[n++] = 'e';
	text[n++] = e < 0 ? '-' : '+';
	e = abs(e);
	if (e < 10)
		text[n++] = '0';
	n += (size_t)put_whole((uint64_t)e, text + n);
	text[n] = '\0';
	return n;
}

size_t num_plain(double value, char text[static NUM_TEXT_MAX])
{
	struct digits d;

	if (!isfinite(value))
		return special(value, text);
	shortest(value, &d);
	return plain(&d, text);
}

size_t num_15_digits(double value, char text[static NUM_TEXT_MAX])
{
	/* Exact in the 64 bits of a long double's mantissa. */
	static const long double powers[] = { 1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L, 1e8L,
		1e9L, 1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L,
		1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L };
	struct digits d = { .negative = value < 0 };
	double size = fabs(value);
	int decimals;

	if (!isfinite(value))
		return special(value, text);
	if (size >= 1e15)
		return (size_t)snprintf(text, NUM_TEXT_MAX, "%.0f", value);
	decimals = size > 0 ? 14 - (int)floor(log10(size)) : 0;
	decimals = MIN(MAX(decimals, 0), (int)ARRAY_SIZE(powers) - 1);
	d.n = put_whole((uint64_t)((long double)size * powers[decimals] + 0.5L), d.text);
	d.point = d.n - decimals;
	trim_zeros(&d);
	/* Less than half of the last decimal. */
	if (d.n == 1 && d.text[0] == '0')
		d = (struct digits){ .text = "0", .n = 1, .point = 1 };
	return plain(&d, text);
}

size_t num_i64(int64_t value, char text[static NUM_TEXT_MAX])
{
	size_t n = 0;

	if (value < 0)
		text[n++] = '-';
	n += (size_t)put_whole(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, text + n);
	text[n] = '\0';
	return n;
}

size_t num_micro(int64_t micro, char text[static NUM_TEXT_MAX])
{
	uint64_t v = micro < 0 ? 0 - (uint64_t)micro : (uint64_t)micro;
	uint64_t fraction = v % 1000000;
	size_t n = 0;

	if (micro < 0)
		text[n++] = '-';
	n += (size_t)put_whole(v / 1000000, text + n);
	if (fraction)
		text[n++] = '.';
	for (uint64_t scale = 100000; fraction; fraction %= scale, scale /= 10)
		text[n++] = (char)('0' + fraction / scale);
	text[n] = '\0';
	return n;
}

/* Eight decimals as printf() rounds them. 0: it isn't sure how. */
static size_t eight_decimals(double value, char text[static NUM_TEXT_MAX])
{
	/* The product is off by half a unit of 64 bits at most. */
	long double scaled = fabsl((long double)value) * 1e8L, rest;
	uint64_t n, fraction;
	size_t len = 0;

	if (scaled >= 1e16L)
		return 0;
	n = (uint64_t)scaled;
	rest = scaled - (long double)n;
	if (fabsl(rest - 0.5L) < 1e-2L)
		return 0;
	n += rest > 0.5L;
	if (value < 0)
		text[len++] = '-';
	len += (size_t)put_whole(n / 100000000, text + len);
	text[len++] = '.';
	fraction = n % 100000000;
	for (int i = 8; i-- > 0; fraction /= 10)
		text[len + (size_t)i] = (char)('0' + fraction % 10);
	text[len + 8] = '\0';
	return len + 8;
}

size_t num_metric_map(double value, char text[static NUM_TEXT_MAX])
{
	size_t n;

	if (!isfinite(value))
		value = 0;
	if (value == trunc(value) && fabs(value) < 9223372036854775808.0) {
		int64_t whole = (int64_t)value;

		n = 0;
		if (whole < 0)
			text[n++] = '-';
		n += (size_t)put_whole(whole < 0 ? 0 - (uint64_t)whole : (uint64_t)whole, text + n);
		text[n] = '\0';
		return n;
	}
	n = eight_decimals(value, text);
	return n ? n : (size_t)snprintf(text, NUM_TEXT_MAX, "%.8f", value);
}
