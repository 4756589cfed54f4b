// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <errno.h>
#include <string.h>

#include "basic/macros.h"
#include "tool/tsdb/connect.h"

static void a_missing_scheme_is_http(void **state)
{
	static const struct {
		const char *given, *url;
	} good[] = {
		{ "http://h:9090/p", "http://h:9090/p" },
		{ "https://u:p@h", "https://u:p@h" },
		{ "h", "http://h" },
		{ "h/p:1", "http://h/p:1" },
		{ "//h:9090", "http://h:9090" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct buffer url = { 0 };

		assert_int_equal(connection_url(good[i].given, &url, NULL), 0);
		assert_string_equal(url.data, good[i].url);
		buffer_done(&url);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = { "", "h:9090", "127.0.0.1:9090", "ftp://h", "http://",
		"http:///p", "//", "//:9", "http://h p", "http://h\n" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct buffer url = { 0 };
		struct err err = { 0 };

		assert_int_equal(connection_url(bad[i], &url, &err), -EINVAL);
		assert_non_null(strstr(err.text, "--url"));
		assert_int_equal(url.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_missing_scheme_is_http),
		TEST(what_is_no_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
