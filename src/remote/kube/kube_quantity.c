// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_quantity.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>

enum { DIGITS_MAX = 19, EXPONENT_MAX = 1000 };

/* A number without its sign: (digits + a bit, if there was more) * 10^exponent * 2^shift. */
struct amount {
	unsigned __int128 digits;
	bool more;
	int exponent, shift;
};

static void take_digit(struct amount *a, int *n_digits, char c, bool fraction)
{
	if (*n_digits < DIGITS_MAX) {
		a->digits = a->digits * 10 + (unsigned)(c - '0');
		*n_digits += a->digits != 0;
		a->exponent -= fraction;
	} else {
		a->more |= c != '0';
		a->exponent += !fraction;
	}
}

/* "12", "12.", ".5", "1.5" */
static bool take_number(struct slice *rest, struct amount *a)
{
	bool any = false, fraction = false;
	int n_digits = 0;

	for (; rest->n; rest->p++, rest->n--) {
		if (*rest->p == '.' && !fraction) {
			fraction = true;
		} else if (isdigit((unsigned char)*rest->p)) {
			any = true;
			take_digit(a, &n_digits, *rest->p, fraction);
		} else {
			break;
		}
		if (a->exponent > EXPONENT_MAX || a->exponent < -EXPONENT_MAX)
			return false;
	}
	return any;
}

/* "e3", "E-2" */
static bool take_exponent(struct slice rest, struct amount *a)
{
	int64_t value;

	if (rest.n < 2 || (rest.p[0] != 'e' && rest.p[0] != 'E'))
		return false;
	rest.p++;
	rest.n--;
	if (*rest.p == '+' && rest.n > 1 && isdigit((unsigned char)rest.p[1])) {
		rest.p++;
		rest.n--;
	}
	if (slice_to_i64(rest, &value) < 0)
		return false;
	/* Far beyond all limits is as good as anything there. */
	if (value > EXPONENT_MAX)
		value = EXPONENT_MAX;
	if (value < -EXPONENT_MAX)
		value = -EXPONENT_MAX;
	a->exponent += (int)value;
	return true;
}

static bool take_suffix(struct slice rest, struct amount *a)
{
	static const struct {
		const char *suffix;
		int exponent, shift;
	} suffixes[] = { { "", 0, 0 }, { "n", -9, 0 }, { "u", -6, 0 }, { "m", -3, 0 },
		{ "k", 3, 0 }, { "M", 6, 0 }, { "G", 9, 0 }, { "T", 12, 0 }, { "P", 15, 0 },
		{ "E", 18, 0 }, { "Ki", 0, 10 }, { "Mi", 0, 20 }, { "Gi", 0, 30 }, { "Ti", 0, 40 },
		{ "Pi", 0, 50 }, { "Ei", 0, 60 } };

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		if (!slice_eq(rest, suffixes[i].suffix))
			continue;
		a->exponent += suffixes[i].exponent;
		a->shift = suffixes[i].shift;
		return true;
	}
	return take_exponent(rest, a);
}

/* Digits below 2^64, shifted by at most 60, stay below 2^124. */
static uint64_t finish(struct amount *a)
{
	const unsigned __int128 max = (unsigned __int128)INT64_MAX + 1;
	unsigned __int128 value = a->digits << a->shift;
	bool more = a->more;

	for (; a->exponent > 0 && value && value < max; a->exponent--)
		value *= 10;
	for (; a->exponent < 0 && value; a->exponent++) {
		more |= value % 10 != 0;
		value /= 10;
	}
	value += more;
	return (uint64_t)(value < max ? value : max);
}

int kube_quantity_parse(struct slice text, int decimals, int64_t *ret_value)
{
	struct amount a = { .exponent = 0 };
	bool negative = text.n && *text.p == '-';
	uint64_t value;

	if (text.n && (*text.p == '-' || *text.p == '+')) {
		text.p++;
		text.n--;
	}
	if (!take_number(&text, &a) || !take_suffix(text, &a))
		return -EBADMSG;
	a.exponent += decimals;
	value = finish(&a);
	if (negative)
		*ret_value = value > INT64_MAX ? INT64_MIN : -(int64_t)value;
	else
		*ret_value = value > INT64_MAX ? INT64_MAX : (int64_t)value;
	return 0;
}
