// SPDX-License-Identifier: Apache-2.0
#include "format/json_writer.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "unit_test.h"

static struct buffer out;
static struct json_writer w;

static int start(void **state)
{
	buffer_init(&out, 0);
	w = json_writer(&out);
	return 0;
}

static int stop(void **state)
{
	buffer_done(&out);
	return 0;
}

static void nested_values_get_their_commas(void **state)
{
	json_writer_open_object(&w);
	json_writer_key(&w, "status");
	json_writer_string(&w, "success");
	json_writer_key(&w, "data");
	json_writer_open_array(&w);
	json_writer_open_object(&w);
	json_writer_close_object(&w);
	json_writer_int(&w, INT64_MIN);
	json_writer_bool(&w, true);
	json_writer_bool(&w, false);
	json_writer_null(&w);
	json_writer_string(&w, NULL);
	json_writer_raw(&w, "{\"a\":1}", 7);
	json_writer_open_array(&w);
	json_writer_close_array(&w);
	json_writer_close_array(&w);
	json_writer_key(&w, "n");
	json_writer_double(&w, 0.5);
	json_writer_close_object(&w);
	assert_string_equal(buffer_text(&out),
		"{\"status\":\"success\",\"data\":[{},-9223372036854775808,true,false,null,null,"
		"{\"a\":1},[]],\"n\":0.5}");
}

static void strings_are_escaped(void **state)
{
	static const char text[] = "\"\\\b\f\n\r\t\x01\0<&>\xe2\x80\xa8\xe2\x80\xa9 \xc3\xbc\x7f/";

	json_writer_string_n(&w, text, sizeof(text) - 1);
	assert_string_equal(buffer_text(&out),
		"\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u0000\\u003c\\u0026\\u003e\\u2028\\u2029 "
		"\xc3\xbc\x7f/\"");
}

static void invalid_utf8_becomes_the_replacement_character(void **state)
{
	json_writer_string(&w, "a\xff\xc0\xaf\xe2\x82z\xed\xa0\x80");
	assert_string_equal(buffer_text(&out),
		"\"a\\ufffd\\ufffd\\ufffd\\ufffd\\ufffdz\\ufffd\\ufffd\\ufffd\"");
}

static void numbers_are_short_and_valid(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ -1.5, "-1.5" },
		{ 1000000, "1000000" },
		{ 0.000001, "0.000001" },
		{ 1e-7, "1e-7" },
		{ 1.5e-10, "1.5e-10" },
		{ 1e20, "100000000000000000000" },
		{ 1e21, "1e+21" },
		{ NAN, "0" },
		{ INFINITY, "0" },
		{ 0.1 + 0.2, "0.30000000000000004" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		buffer_clear(&out);
		w = json_writer(&out);
		json_writer_double(&w, rows[i].value);
		assert_string_equal(buffer_text(&out), rows[i].text);
	}
}

static void random_bytes_give_valid_json(void **state)
{
	unsigned seed = 4711;

	for (int i = 0; i < 2000; i++) {
		char text[24];
		json_t *value;

		for (size_t k = 0; k < sizeof(text); k++)
			text[k] = (char)((seed = seed * 1103515245 + 12345) >> 16);
		buffer_clear(&out);
		json_writer_quote(&out, text, sizeof(text));
		value = json_loads(buffer_text(&out), JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(value);
		json_decref(value);
	}
}

static void full_buffer_is_an_error_that_sticks(void **state)
{
	buffer_done(&out);
	buffer_init(&out, 10);
	json_writer_open_array(&w);
	for (int i = 0; i < 10; i++)
		json_writer_string(&w, "abc");
	json_writer_close_array(&w);
	assert_int_equal(buffer_error(&out), -E2BIG);
}

#define JSON_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JSON_TEST(nested_values_get_their_commas),
		JSON_TEST(strings_are_escaped),
		JSON_TEST(invalid_utf8_becomes_the_replacement_character),
		JSON_TEST(numbers_are_short_and_valid),
		JSON_TEST(random_bytes_give_valid_json),
		JSON_TEST(full_buffer_is_an_error_that_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
