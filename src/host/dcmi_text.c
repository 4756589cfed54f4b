// SPDX-License-Identifier: Apache-2.0
#include "host/dcmi_text.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>

#include "basic/macros.h"

enum { STATE = DCMI_N_VALUES, SHOWN_BYTES = 120 };

static const struct {
	const char *name;
	int field; /* enum dcmi_value, or STATE */
} keys[] = {
	{ "Power Measurement", STATE },
	{ "Power reading state is", STATE },
	{ "Current Power", DCMI_CURRENT },
	{ "Instantaneous power reading", DCMI_CURRENT },
	{ "Minimum Power over sampling duration", DCMI_MIN },
	{ "Minimum during sampling period", DCMI_MIN },
	{ "Min Power over sample duration", DCMI_MIN },
	{ "Maximum Power over sampling duration", DCMI_MAX },
	{ "Maximum during sampling period", DCMI_MAX },
	{ "Max Power over sample duration", DCMI_MAX },
	{ "Average Power over sampling duration", DCMI_AVG },
	{ "Average power reading over sample period", DCMI_AVG },
	{ "Avg Power over sample duration", DCMI_AVG },
};

static const struct {
	const char *name;
	bool is_active;
} states[] = {
	{ "Active", true },
	{ "active", true },
	{ "activated", true },
	{ "Not Available", false },
	{ "not active", false },
	{ "deactivated", false },
};

/* The field that a line "KEY : VALUE" tells, or -1. */
static int split_line(struct slice line, struct slice *ret_value)
{
	const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
	struct slice key;

	if (!colon)
		return -1;
	key = slice_trim((struct slice){ line.p, (size_t)(colon - line.p) });
	*ret_value = slice_trim((struct slice){ colon + 1, line.n - (size_t)(colon + 1 - line.p) });
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (slice_eq(key, keys[i].name))
			return keys[i].field;
	return -1;
}

static bool skip(struct slice *s, const char *word)
{
	size_t n = strlen(word);

	if (s->n < n || memcmp(s->p, word, n) != 0)
		return false;
	*s = (struct slice){ s->p + n, s->n - n };
	return true;
}

/* "312 Watts", whatever follows. */
static bool parse_watts(struct slice text, double *ret_watts)
{
	size_t n = 0;
	struct slice unit;
	double watts;

	while (n < text.n && (isdigit((unsigned char)text.p[n]) || text.p[n] == '.'))
		n++;
	unit = slice_trim((struct slice){ text.p + n, text.n - n });
	if (!skip(&unit, "Watts") && !skip(&unit, "watts"))
		return false;
	if (slice_to_double((struct slice){ text.p, n }, &watts) < 0 || watts > DCMI_WATTS_MAX)
		return false;
	*ret_watts = watts;
	return true;
}

/* 1: active, 0: not, -1: no state that we know. */
static int parse_state(struct slice text)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct slice rest = text;

		if (skip(&rest, states[i].name) &&
			(rest.n == 0 || !isalnum((unsigned char)rest.p[0])))
			return states[i].is_active;
	}
	return -1;
}

static int check_size(struct slice text, struct err *err)
{
	if (text.n > DCMI_TEXT_MAX_BYTES)
		return err_set(
			err, -E2BIG, "the output has more than %d bytes", DCMI_TEXT_MAX_BYTES);
	return 0;
}

/* Without a state there is no reading; what the tool said first may tell why. */
static int no_state(struct slice text, struct err *err)
{
	struct slice line = { "", 0 };

	while (slice_trim(line).n == 0 && slice_next_line(&text, &line))
		;
	line = slice_trim(line);
	return err_set(err, -ENODATA, "no state of the power measurement in the output: '%.*s'",
		(int)MIN(line.n, SHOWN_BYTES), line.p);
}

int dcmi_text_parse(struct slice text, struct dcmi_power *ret_power, struct err *err)
{
	struct dcmi_power power = { .watts = { 0 } };
	bool found[DCMI_N_VALUES] = { false };
	struct slice rest = text, line, value;
	int state = -1, r = check_size(text, err);

	if (r < 0)
		return r;
	while (slice_next_line(&rest, &line)) {
		int field = split_line(line, &value);

		if (field == STATE && state < 0)
			state = parse_state(value);
		else if (field >= 0 && field < DCMI_N_VALUES && !found[field])
			found[field] = parse_watts(value, &power.watts[field]);
	}
	if (state < 0)
		return no_state(text, err);
	if (!state)
		return err_set(err, -ENODATA, "the BMC's power measurement is not active");
	*ret_power = power;
	return 0;
}

static double number(const json_t *object, const char *key)
{
	double value = json_number_value(json_object_get(object, key));

	return value > 0 && value <= DCMI_WATTS_MAX ? value : 0;
}

int dcmi_text_parse_capmc(struct slice text, struct dcmi_power *ret_power, struct err *err)
{
	CLEANUP(json_decrefp) json_t *root = NULL;
	const json_t *message;
	json_error_t why;
	int r = check_size(text, err);

	if (r < 0)
		return r;
	root = json_loadb(
		text.n ? text.p : "", text.n, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &why);
	if (!root && json_error_code(&why) == json_error_out_of_memory)
		return err_errno(err, -ENOMEM, "the output");
	if (!root)
		return err_set(err, -EBADMSG, "the output is no JSON: %s", why.text);
	if (!json_is_object(root))
		return err_set(err, -EBADMSG, "the output is no JSON object");
	message = json_object_get(root, "err_msg");
	if (json_number_value(json_object_get(root, "e")) != 0 && json_is_string(message))
		return err_set(err, -EIO, "error %g: '%.*s'",
			json_number_value(json_object_get(root, "e")), SHOWN_BYTES,
			json_string_value(message));
	*ret_power = (struct dcmi_power){ .watts = {
						  [DCMI_MIN] = number(root, "min"),
						  [DCMI_MAX] = number(root, "max"),
						  [DCMI_AVG] = number(root, "avg"),
						  [DCMI_CURRENT] = number(root, "avg"),
					  } };
	return 0;
}
