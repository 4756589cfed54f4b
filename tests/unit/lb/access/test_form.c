// SPDX-License-Identifier: Apache-2.0
/* Forms and values of parameters: spec promql.md 6.2, 6.3. */
#include "lb/access/form.h"

#include <errno.h>

#include "unit_test.h"

#include "basic/macros.h"
#include "lb/access/param.h"

enum { ARENA_BYTES = 1 << 20 };

/* "name=value|name=value", or the reason. */
static void check(struct slice text, int expected, const char *said)
{
	struct form form = { NULL, 0, 0 };
	const char *reason = NULL;
	struct arena arena;
	struct buffer out;
	int r;

	arena_init(&arena, ARENA_BYTES);
	buffer_init(&out, 0);
	r = form_read(text, &arena, &form, &reason);
	assert_int_equal(r, expected);
	for (size_t i = 0; r >= 0 && i < form.n; i++)
		buffer_printf(&out, "%s%.*s=%.*s", i ? "|" : "", (int)form.v[i].name.n,
			form.v[i].name.p, (int)form.v[i].value.n, form.v[i].value.p);
	assert_string_equal(r < 0 ? reason : buffer_text(&out), said);
	buffer_done(&out);
	arena_done(&arena);
}

static void pairs_are_decoded_once(void **state)
{
	check(SLICE(""), 0, "");
	check(SLICE("&&"), 0, "");
	check(SLICE("a=1&b=2"), 0, "a=1|b=2");
	check(SLICE("a"), 0, "a=");
	check(SLICE("=a"), 0, "=a");
	check(SLICE("a=b=c"), 0, "a=b=c");
	check(SLICE("a=+%2B%20"), 0, "a= + ");
	check(SLICE("match%5b%5D=%2525"), 0, "match[]=%25");
	check(SLICE("a=%26b%3D1"), 0, "a=&b=1");
	check(SLICE("a={\"x\"}#y?\n"), 0, "a={\"x\"}#y?\n");
	check(SLICE("\xc3\xa9=%C3%a9"), 0, "\xc3\xa9=\xc3\xa9");
}

static void what_others_could_read_otherwise_is_refused(void **state)
{
	check(SLICE("a=1;b=2"), -EBADMSG, "a ';' between parameters");
	check(SLICE(";"), -EBADMSG, "a ';' between parameters");
	check(SLICE("a=%"), -EBADMSG, "a malformed escape");
	check(SLICE("a=%4"), -EBADMSG, "a malformed escape");
	check(SLICE("a=%4&b"), -EBADMSG, "a malformed escape");
	check(SLICE("%gg"), -EBADMSG, "a malformed escape");
	check(SLICE("a=%u0041"), -EBADMSG, "a malformed escape");
	check(SLICE("a=% 1"), -EBADMSG, "a malformed escape");
	check(SLICE("a=%00"), -EBADMSG, "a NUL byte");
	check(SLICE("a=\0"), -EBADMSG, "a NUL byte");
	check(SLICE("a=%ff"), -EBADMSG, "bytes that are not UTF-8");
	check(SLICE("\xc3=1"), -EBADMSG, "bytes that are not UTF-8");
	check(SLICE("a=%ed%a0%80"), -EBADMSG, "bytes that are not UTF-8");
	check(SLICE("a=%c0%af"), -EBADMSG, "bytes that are not UTF-8");
	check(SLICE("a=%3B"), 0, "a=;");
}

static void pairs_are_counted(void **state)
{
	struct form form = { NULL, 0, 0 };
	const char *reason;
	struct arena arena;
	struct buffer text;

	arena_init(&arena, ARENA_BYTES);
	buffer_init(&text, 0);
	for (int i = 0; i < FORM_PAIRS_MAX; i++)
		buffer_puts(&text, "a=1&");
	assert_int_equal(
		form_read((struct slice){ text.data, text.len }, &arena, &form, &reason), 0);
	assert_int_equal(form.n, FORM_PAIRS_MAX);
	assert_int_equal(form_read(SLICE("a"), &arena, &form, &reason), -E2BIG);
	assert_string_equal(reason, "too many parameters");
	buffer_done(&text);
	arena_done(&arena);
}

static void everything_but_the_plainest_is_escaped(void **state)
{
	struct buffer out;

	buffer_init(&out, 0);
	form_put(&out, "match[]", SLICE("aZ09-._~ +&=;%\"\n\xc3\xa9"));
	form_put(&out, "x", SLICE(""));
	assert_string_equal(
		buffer_text(&out), "match%5B%5D=aZ09-._~%20%2B%26%3D%3B%25%22%0A%C3%A9&x=");
	buffer_done(&out);
}

static void only_plain_forms_are_forms(void **state)
{
	static const char *const good[] = { "application/x-www-form-urlencoded",
		"APPLICATION/x-www-Form-urlencoded",
		"application/x-www-form-urlencoded;charset=utf-8",
		"application/x-www-form-urlencoded ; charset=\"UTF-8\"; a=b" };
	static const char *const bad[] = { "", "application/json", "multipart/form-data",
		"application/x-www-form-urlencoded;", "application/x-www-form-urlencoded; ;",
		"application/x-www-form-urlencoded; charset",
		"application/x-www-form-urlencoded; =b",
		"application/x-www-form-urlencoded; charset=latin1",
		"application/x-www-form-urlencoded, application/json",
		"application/x-www-form-urlencodedx",
		"text/plain; application/x-www-form-urlencoded",
		"application/x-www-form-urlencoded; a=\"b",
		"application/x-www-form-urlencoded; a b=c" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(form_is_type(slice_from(good[i])));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(form_is_type(slice_from(bad[i])));
	assert_false(form_is_type((struct slice){ NULL, 0 }));
}

static void values_are_read_strictly_and_written_plainly(void **state)
{
	static const struct {
		enum param_kind kind;
		const char *text;
		int64_t value; /* -1: refused */
		const char *printed;
	} rows[] = {
		{ PARAM_TIME, "0", 0, "0" },
		{ PARAM_TIME, "1.5", 1500, "1.5" },
		{ PARAM_START, "1.0005", 1001, "1.001" },
		{ PARAM_END, "-1.25", -1250, "-1.25" },
		{ PARAM_TIME, "1e3", 1000000, "1000" },
		{ PARAM_TIME, "9007199254740", 9007199254740000, "9007199254740" },
		{ PARAM_TIME, "9007199254742", -1, NULL },
		{ PARAM_TIME, "1970-01-01T00:00:01.0019Z", 1001, "1.001" },
		{ PARAM_TIME, "1970-01-01T01:00:00+01:00", 0, "0" },
		{ PARAM_TIME, "0000-01-01T00:00:00Z", -62167219200000, "-62167219200" },
		{ PARAM_TIME, "1970-01-01T00:00:00", -1, NULL },
		{ PARAM_TIME, "1970-01-01T24:00:00Z", -1, NULL },
		{ PARAM_TIME, "1970-01-01t00:00:00z", -1, NULL },
		{ PARAM_TIME, "", -1, NULL },
		{ PARAM_TIME, " 1", -1, NULL },
		{ PARAM_TIME, "nan", -1, NULL },
		{ PARAM_TIME, "1d", -1, NULL },
		{ PARAM_STEP, "15", 15000000000, "15" },
		{ PARAM_STEP, "0.001", 1000000, "0.001" },
		{ PARAM_STEP, "0.0001", -1, NULL },
		{ PARAM_STEP, "0", -1, NULL },
		{ PARAM_STEP, "1m30s", 90000000000, "90" },
		{ PARAM_STEP, "1500ms", 1500000000, "1.5" },
		{ PARAM_DURATION, "0", 0, "0" },
		{ PARAM_DURATION, "0.000000001", 1, "0.000000001" },
		{ PARAM_DURATION, "-1", -1, NULL },
		{ PARAM_DURATION, "1s1m", -1, NULL },
		{ PARAM_DURATION, "1.5m", -1, NULL },
		{ PARAM_LOOKBACK, "292y", 292LL * 365 * 86400 * 1000000000, "9208512000" },
		{ PARAM_LOOKBACK, "293y", -1, NULL },
		{ PARAM_LOOKBACK, "9223372037", -1, NULL },
		{ PARAM_LIMIT, "0", 0, "0" },
		{ PARAM_LIMIT, "9223372036854775807", INT64_MAX, "9223372036854775807" },
		{ PARAM_LIMIT, "9223372036854775808", -1, NULL },
		{ PARAM_LIMIT, "+1", -1, NULL },
		{ PARAM_LIMIT, "1 ", -1, NULL },
		{ PARAM_STATS, "all", 2, "all" },
		{ PARAM_STATS, "yes", 1, "true" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *reason = NULL;
		int64_t value = -1;
		struct buffer out;
		int r = param_parse(rows[i].kind, slice_from(rows[i].text), &value, &reason);

		if (rows[i].value != value)
			print_message("%s\n", rows[i].text);
		assert_true(value == rows[i].value);
		if (!rows[i].printed) {
			assert_int_equal(r, -EBADMSG);
			assert_non_null(reason);
			continue;
		}
		buffer_init(&out, 0);
		param_print(rows[i].kind, value, &out);
		assert_string_equal(buffer_text(&out), rows[i].printed);
		buffer_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pairs_are_decoded_once),
		TEST(what_others_could_read_otherwise_is_refused),
		TEST(pairs_are_counted),
		TEST(everything_but_the_plainest_is_escaped),
		TEST(only_plain_forms_are_forms),
		TEST(values_are_read_strictly_and_written_plainly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
