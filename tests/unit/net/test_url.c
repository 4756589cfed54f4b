// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/url.h"

static const char *joined(const char *base, const char *path)
{
	static struct buffer url;

	buffer_clear(&url);
	return url_join(base, path, &url) < 0 ? "error" : buffer_text(&url);
}

static void paths_are_joined_with_one_slash(void **state)
{
	assert_string_equal(joined("http://h", "api/v1"), "http://h/api/v1");
	assert_string_equal(joined("http://h/", "/api/v1"), "http://h/api/v1");
	assert_string_equal(joined("https://h:1/x//", "api"), "https://h:1/x/api");
	assert_string_equal(joined("http://h/x?q=a/", "api"), "http://h/x/api?q=a/");
	assert_string_equal(joined("HTTP://h", ""), "HTTP://h/");
	assert_string_equal(joined("ftp://h", "x"), "error");
	assert_string_equal(joined("h:80", "x"), "error");
	assert_string_equal(joined("", "x"), "error");
}

static void parameters_are_form_encoded(void **state)
{
	struct buffer query;

	buffer_init(&query, 0);
	url_append_param(&query, "query", "sum(a{b=\"c\"}) + 1");
	url_append_param(&query, "\xc3\xa4", "~-._&=%");
	assert_string_equal(buffer_text(&query),
		"query=sum%28a%7Bb%3D%22c%22%7D%29+%2B+1&%C3%A4=~-._%26%3D%25");
	buffer_done(&query);
}

static const char *redacted(const char *url)
{
	static struct buffer text;

	buffer_clear(&text);
	assert_int_equal(url_redact(url, &text), 0);
	return buffer_text(&text);
}

static void passwords_are_hidden(void **state)
{
	assert_string_equal(redacted("http://u:p@h:1/x?y=z"), "http://u:xxxxx@h:1/x?y=z");
	assert_string_equal(redacted("http://u@h/x"), "http://u@h/x");
	assert_string_equal(redacted("http://h/x"), "http://h/x");
	assert_string_equal(redacted("postgres://u:p%40@h/x"), "postgres://u:xxxxx@h/x");
	assert_string_equal(redacted("http://u:p@ h"), "(malformed URL)");
	assert_string_equal(redacted(""), "(malformed URL)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths_are_joined_with_one_slash),
		TEST(parameters_are_form_encoded),
		TEST(passwords_are_hidden),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
