// SPDX-License-Identifier: Apache-2.0
#include "exporter/pages/negotiate.h"

#include <stdlib.h>
#include <string.h>

#include "unit_test.h"

static const char PROMETHEUS_3[] =
	"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
	"application/openmetrics-text;version=0.0.1;q=0.5,"
	"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
static const char PROMETHEUS_2[] = "application/openmetrics-text;version=1.0.0,"
				   "application/openmetrics-text;version=0.0.1;q=0.75,"
				   "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

#define TEXT(escaping) "text/plain; version=0.0.4; charset=utf-8; escaping=" escaping
#define OPENMETRICS(escaping) \
	"application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=" escaping

static void check(const char *accept, bool openmetrics, const char *content_type)
{
	struct negotiated n = negotiate(accept, openmetrics);

	assert_string_equal(n.content_type, content_type);
	assert_int_equal(n.format == EXPOSITION_OPENMETRICS, content_type[0] == 'a');
}

static void without_a_wish_it_is_text_with_underscores(void **state)
{
	check(NULL, false, TEXT("underscores"));
	check("", true, TEXT("underscores"));
	check("*/*", true, TEXT("underscores"));
	check("image/png", true, TEXT("underscores"));
}

static void escaping_is_taken_until_a_form_that_we_have(void **state)
{
	check(PROMETHEUS_3, false, TEXT("allow-utf-8"));
	check(PROMETHEUS_2, false, TEXT("underscores"));
	check("text/plain; version=0.0.4, text/plain;version=1.0.0;escaping=dots", false,
		TEXT("underscores"));
	check("text/plain;q=0.1;escaping=values, x/y;escaping=\"dots\"", false, TEXT("values"));
	check("text/plain;version=1.0.0;escaping=dots;q=0.2,text/plain;q=0.1", false, TEXT("dots"));
	check("text/plain;escaping=nonsense", false, TEXT("underscores"));
	check("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
	      "encoding=delimited, x/y;escaping=dots",
		false, TEXT("underscores"));
}

static void openmetrics_only_where_it_is_offered_and_preferred(void **state)
{
	check(PROMETHEUS_3, true, OPENMETRICS("allow-utf-8"));
	check(PROMETHEUS_2, true, OPENMETRICS("underscores"));
	check("application/openmetrics-text;q=0.1, text/plain", true, TEXT("underscores"));
	check("application/openmetrics-text;version=0.0.1", true, TEXT("underscores"));
}

static void odd_headers_are_taken_as_they_are(void **state)
{
	char *huge = malloc(100001);

	check(",,;;,;=;q=;q", true, TEXT("underscores"));
	check("text/plain;q=x, y/z;escaping=dots;q=-1", true, TEXT("underscores"));
	check(" text/plain ; version = 0.0.4 ; escaping = dots ", true, TEXT("dots"));
	memset(huge, ',', 100000);
	huge[100000] = '\0';
	check(huge, true, TEXT("underscores"));
	free(huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_wish_it_is_text_with_underscores),
		TEST(escaping_is_taken_until_a_form_that_we_have),
		TEST(openmetrics_only_where_it_is_offered_and_preferred),
		TEST(odd_headers_are_taken_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
