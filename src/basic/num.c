// SPDX-License-Identifier: Apache-2.0
#include "basic/num.h"

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

/* Counters are mostly whole numbers; those need no trial printing. */
static bool whole_digits(double value, struct digits *d)
{
	char tmp[24];
	uint64_t v;
	int n = 0;

	if (value >= 9007199254740992.0 || value != (double)(uint64_t)value)
		return false;
	v = (uint64_t)value;
	do {
		tmp[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	d->point = n;
	for (int i = 0; i < n; i++)
		d->text[i] = tmp[n - 1 - i];
	while (n > 1 && d->text[n - 1] == '0')
		n--;
	d->n = n;
	return true;
}

static void shortest(double value, struct digits *d)
{
	char text[40];
	const char *p, *e;

	d->negative = signbit(value);
	value = fabs(value);
	if (whole_digits(value, d))
		return;
	for (int precision = 14; precision <= 16; precision++) {
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
	while (d->n > 1 && d->text[d->n - 1] == '0')
		d->n--;
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
	return n + (size_t)sprintf(text + n, "e%c%02d", e < 0 ? '-' : '+', abs(e));
}

size_t num_plain(double value, char text[static NUM_TEXT_MAX])
{
	struct digits d;

	if (!isfinite(value))
		return special(value, text);
	shortest(value, &d);
	return plain(&d, text);
}

size_t num_micro(int64_t micro, char text[static NUM_TEXT_MAX])
{
	uint64_t v = micro < 0 ? 0 - (uint64_t)micro : (uint64_t)micro;
	int n = sprintf(text, "%s%llu.%06llu", micro < 0 ? "-" : "",
		(unsigned long long)(v / 1000000), (unsigned long long)(v % 1000000));

	while (text[n - 1] == '0')
		n--;
	if (text[n - 1] == '.')
		n--;
	text[n] = '\0';
	return (size_t)n;
}

size_t num_metric_map(double value, char text[static NUM_TEXT_MAX])
{
	if (!isfinite(value))
		value = 0;
	if (value == trunc(value) && fabs(value) < 9223372036854775808.0)
		return (size_t)sprintf(text, "%lld", (long long)value);
	return (size_t)snprintf(text, NUM_TEXT_MAX, "%.8f", value);
}
