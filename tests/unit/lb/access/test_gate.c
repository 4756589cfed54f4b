// SPDX-License-Identifier: Apache-2.0
/* Requests and what becomes of them: spec lb-and-proxies.md 2.16 and promql.md 3, 4, 6. */
#include "gate_case.h"

#include <errno.h>

#include "basic/macros.h"

static const struct setting plain = { .options = { .experimental_functions = true } };

#define M1 "m{uuid=\"7001\"}"

/* Of user 'ines'; what belongs to whom is for the owners to say. */
static void the_acceptance_matrix_is_met(void **state)
{
	static const struct gate_row rows[] = {
		{ GET(API "query", "query=" M1), "bound alpha 7001 GET /api/v1/query?query=" M1 },
		{ POST(API "query", "query=" M1), "bound alpha 7001 POST /api/v1/query query=" M1 },
		{ GET(API "query", "query=rate(m{uuid=~\"7001|7002\"}[5m])"),
			"bound alpha 7001,7002 GET /api/v1/query"
			"?query=rate(m{uuid=~\"7001|7002\"}[5m])" },
		{ GET(API "query", "query=m{uuid=\"7002\"}"),
			"bound alpha 7002 GET /api/v1/query?query=m{uuid=\"7002\"}" },
		{ GET(API "query", "query=m"),
			"403 unbound: selector 'm' names no unit: it needs uuid=\"ID\" or "
			"uuid=~\"ID|ID\"" },
		{ GET(API "query", "query=1%2B1"), "free alpha GET /api/v1/query?query=1 + 1" },
		{ GET(API "query", "query=m{uuid=\"\"}"),
			"403 unbound: selector 'm{uuid=\"\"}' is not bound to units: uuid=\"\" "
			"also fits series without the label" },
		{ GET(API "query", "query=m{gpuuuid=\"GPU-5\"}"), "403 unbound" },
		{ GET(API "query", "query=m{uuid=\"1\",uuid=\"1\\x00\"}"),
			"403 unbound: a matcher of 'uuid' names an id that is too long or holds a "
			"NUL byte" },
		{ GET(API "series", "match[]=" M1),
			"bound alpha 7001 GET /api/v1/series?match[]=" M1 },
		{ GET(API "labels", NULL), "403 unbound: parameter 'match[]' is missing" },
		{ GET(API "label/instance/values", "match[]=" M1),
			"bound alpha 7001 GET /api/v1/label/instance/values?match[]=" M1 },
		{ GET(API "status/config", NULL), "403 resource: the path is for administrators" },
		{ GET("/federate", "match[]=" M1), "403 resource" },
		{ GET(API "query", "query=m{uuid=\"7001\",ceems_id=\"beta\"}"),
			"bound beta 7001 GET /api/v1/query"
			"?query=m{uuid=\"7001\",ceems_id=\"beta\"}" },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &plain);
}

static void other_paths_are_for_administrators(void **state)
{
	static const char *const paths[] = { "/", "/graph", "/metrics", "/federate", "/health",
		API "read", API "write", API "metadata", API "rules", API "alerts", API "targets",
		API "targets/metadata", API "alertmanagers", API "scrape_pools",
		API "admin/tsdb/snapshot", API "status/config", API "status/flags",
		API "status/runtimeinfo", API "status/tsdb", API "status/walreplay",
		API "query_cost", API "query_range_cost", API "search/metric_names",
		API "otlp/v1/metrics", API "notifications", "/-/reload", "/-/quit",
		"/debug/pprof/heap", API "query/", API "queryx", API "Query", "/api/v2/query",
		"/x" API "query", API "label/a/b/values", API "label/values", API "label//values",
		API "/query", "//api/v1/query", "/api/./v1/query", "/api/v1/x/../query",
		"/api/v1/%2e%2e/v1/query", "/api%2Fv1/query", "/api/v1/query%00",
		"/api/v1/query%0a", "/api/v1/query%2", "/api/v1/query%zz", "/api/v1/query%252f",
		"/api/v1/query;a=b", "/api/v1/label/a%2Fb/values", "/api/v1/label/%ff/values",
		"api/v1/query", "", "/.", "/api/v1/..", "/api/v1/query?query=" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const struct gate_row row = { GET(paths[i], "query=" M1), "403 resource" };

		gate_case_check_rows(&row, 1, &plain);
	}
}

static void paths_are_decoded_once_and_written_anew(void **state)
{
	static const struct gate_row rows[] = {
		{ GET("/%61pi/v1/%71uery", "query=" M1),
			"bound alpha 7001 GET /api/v1/query?query=" M1 },
		{ GET(API "label/a%20b%25/values", "match[]=" M1),
			"bound alpha 7001 GET /api/v1/label/a%20b%25/values?match[]=" M1 },
		{ GET(API "label/U__uuid/values", "match[]=" M1),
			"bound alpha 7001 GET /api/v1/label/U__uuid/values?match[]=" M1 },
		{ GET(API "label/%C3%A9/values", "match[]=" M1),
			"bound alpha 7001 GET /api/v1/label/%C3%A9/values?match[]=" M1 },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &plain);
}

static void the_route_prefix_goes_on(void **state)
{
	static const struct setting setting = { .options = { .route_prefix = "/lb/x" } };
	static const struct gate_row rows[] = {
		{ GET("/lb/x" API "query", "query=1"),
			"free alpha GET /lb/x/api/v1/query?query=1" },
		{ GET(API "query", "query=1"), "free alpha GET /api/v1/query?query=1" },
		{ GET("/lb/x/lb/x" API "query", "query=1"), "403 resource" },
		{ GET("/lb/xx" API "query", "query=1"), "403 resource" },
		{ GET("/lb/x", "query=1"), "403 resource" },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &setting);
}

static void methods_are_those_of_the_table(void **state)
{
	static const struct gate_row rows[] = {
		{ { "HEAD", API "query", "query=" M1, NULL, NULL },
			"bound alpha 7001 HEAD /api/v1/query?query=" M1 },
		{ { "HEAD", API "query", "query=m", NULL, NULL }, "403 unbound" },
		{ { "OPTIONS", API "query", "query=m", NULL, NULL },
			"free alpha OPTIONS /api/v1/query" },
		{ { "PUT", API "query", "query=" M1, NULL, NULL },
			"403 resource: the method has no place on this path" },
		{ { "get", API "query", "query=" M1, NULL, NULL }, "403 resource" },
		{ { "PATCH", API "query", "query=" M1, NULL, NULL }, "403 resource" },
		{ { "DELETE", API "series", "match[]=" M1, NULL, NULL }, "403 resource" },
		{ { "POST", API "label/a/values", "match[]=" M1, NULL, NULL }, "403 resource" },
		{ { "POST", API "status/buildinfo", NULL, NULL, NULL }, "403 resource" },
		{ { "", API "query", "query=" M1, NULL, NULL }, "403 resource" },
		{ { "OPTIONS", API "admin/tsdb/snapshot", NULL, NULL, NULL }, "403 resource" },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &plain);
}

static void what_concerns_no_series_is_free(void **state)
{
	static const struct gate_row rows[] = {
		{ GET(API "status/buildinfo", "a=b"), "free alpha GET /api/v1/status/buildinfo" },
		{ GET("/-/healthy", NULL), "free alpha GET /-/healthy" },
		{ GET("/-/ready", NULL), "free alpha GET /-/ready" },
		{ GET(API "format_query", "query=m{&x=1"),
			"free alpha GET /api/v1/format_query?query=m{" },
		{ POST(API "parse_query", "query=up"),
			"free alpha POST /api/v1/parse_query query=up" },
		{ GET(API "query", "query=vector(time()) %2B scalar(vector(2))"),
			"free alpha GET /api/v1/query?query=vector(time()) + scalar(vector(2))" },
		{ GET(API "query", "query=\"m{uuid='7001'}\""),
			"free alpha GET /api/v1/query?query=\"m{uuid='7001'}\"" },
		{ GET(API "query", "query=1 %23 m{uuid=\"7001\"}"),
			"free alpha GET /api/v1/query?query=1" },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &plain);
}

static void parameters_are_known_checked_and_written_anew(void **state)
{
	static const struct gate_row rows[] = {
		{ GET(API "query",
			  "stats=x&x=1&time=2031-05-06T07:08:09.1239Z&limit=5&timeout=1m30s&"
			  "lookback_delta=.5&query=" M1 "&dedup=true"),
			"bound alpha 7001 GET /api/v1/query?query=" M1
			"&time=1935817689.123&timeout=90&limit=5&lookback_delta=0.5&stats=true" },
		{ GET(API "query", "query=" M1 "&time=1e9&stats=all&timeout=1.5e1&limit=0"),
			"bound alpha 7001 GET /api/v1/query?query=" M1
			"&time=1000000000&timeout=15&limit=0&stats=all" },
		{ GET(API "query", "query=" M1 "&time=&timeout=&limit=&stats=&lookback_delta="),
			"bound alpha 7001 GET /api/v1/query?query=" M1 },
		{ GET(API "query", "query=" M1 "&time=2031-05-06T07:08:09%2B01:00"),
			"bound alpha 7001 GET /api/v1/query?query=" M1 "&time=1935814089" },
		{ GET(API "query", "query=" M1 "&time=-1.5"),
			"bound alpha 7001 GET /api/v1/query?query=" M1 "&time=-1.5" },
		{ GET(API "query_range", "query=" M1 "&start=1&end=2&step=15"),
			"bound alpha 7001 GET /api/v1/query_range?query=" M1
			"&start=1&end=2&step=15" },
		{ POST(API "query_range", "step=1m&end=2.0009&start=1&query=" M1),
			"bound alpha 7001 POST /api/v1/query_range query=" M1
			"&start=1&end=2.001&step=60" },
		{ GET(API "query_exemplars", "query=rate(" M1 "[5m])&start=1&time=7"),
			"bound alpha 7001 GET /api/v1/query_exemplars?query=rate(" M1
			"[5m])&start=1" },
		{ GET(API "series", "match[]={uuid='1'}&match[]=m{uuid=~'2|3'}&limit=9&match=x"),
			"bound alpha 1,2,3 GET /api/v1/series?match[]={uuid=\"1\"}&match[]="
			"m{uuid=~\"2|3\"}&limit=9" },
		{ { "POST", API "labels", "match[]=" M1 "&end=5", FORM_TYPE,
			  "match%5B%5D={uuid='2'}" },
			"bound alpha 2,7001 POST /api/v1/labels match[]={uuid=\"2\"}&match[]=" M1
			"&end=5" },
		{ { "POST", API "query", "query=" M1, NULL, NULL },
			"bound alpha 7001 POST /api/v1/query query=" M1 },
		{ { "POST", API "query", "time=5",
			  "Application/X-WWW-form-urlencoded; charset=UTF-8", "query=" M1 },
			"bound alpha 7001 POST /api/v1/query query=" M1 "&time=5" },
		{ GET(API "query", "&&query=" M1 "&"),
			"bound alpha 7001 GET /api/v1/query?query=" M1 },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &plain);
}

static void what_two_readers_could_read_differently_is_refused(void **state)
{
	static const struct gate_row rows[] = {
		{ GET(API "query", "query=" M1 "&query=" M1),
			"400 malformed: parameter 'query' is given more than once" },
		{ { "POST", API "query", "query=m", FORM_TYPE, "query=" M1 }, "400 malformed" },
		{ { "POST", API "query", "query=" M1, FORM_TYPE, "query=m" }, "403 unbound" },
		{ { "GET", API "query", "query=" M1, FORM_TYPE, "query=m" },
			"400 malformed: a body has no place in this request" },
		{ { "HEAD", API "query", "query=" M1, FORM_TYPE, "x" }, "400 malformed" },
		{ { "POST", API "query", "query=" M1, "application/json", "{}" }, "400 malformed" },
		{ { "POST", API "query", "query=" M1, NULL, "query=m" }, "400 malformed" },
		{ { "POST", API "query", "query=" M1, "multipart/form-data; boundary=x", "--x--" },
			"400 malformed" },
		{ { "POST", API "query", NULL, FORM_TYPE "; ;", "query=" M1 }, "400 malformed" },
		{ { "POST", API "query", NULL, FORM_TYPE "; charset=utf-16", "query=" M1 },
			"400 malformed" },
		{ { "POST", API "query", NULL, FORM_TYPE ", text/plain", "query=" M1 },
			"400 malformed" },
		{ GET(API "query", "query=" M1 "&a=%"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&a=%4"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&%zz=1"), "400 malformed" },
		{ GET(API "query", "query=" M1 ";query=m"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&a=1;b=2"),
			"400 malformed: the parameters have a ';' between parameters" },
		{ GET(API "query", "query=" M1 "%00"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&a=%ff"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=1&time=1"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=&time=1"), "400 malformed" },
		{ GET(API "query", "time=1"), "400 malformed: parameter 'query' is missing" },
		{ GET(API "query", NULL), "400 malformed" },
		{ GET(API "query", "query="), "403 syntax" },
		{ GET(API "query", "Query=" M1), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=now"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=Inf"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=NaN"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=0x10"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=1_000"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=1e300"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=1%00"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=2031-05-06"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=2031-02-30T00:00:00Z"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&time=2031-05-06T07:08:09Zx"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&timeout=-1"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&timeout=1h1h"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&timeout=1e12"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&limit=-1"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&limit=1.5"), "400 malformed" },
		{ GET(API "query", "query=" M1 "&limit=99999999999999999999"), "400 malformed" },
		{ GET(API "query_range", "query=" M1 "&start=1&end=2"), "400 malformed" },
		{ GET(API "query_range", "query=" M1 "&start=1&end=&step=1"), "400 malformed" },
		{ GET(API "query_range", "query=" M1 "&start=1&end=2&step=0"), "400 malformed" },
		{ GET(API "query_range", "query=" M1 "&start=1&end=2&step=-1"), "400 malformed" },
		{ GET(API "query_range", "query=" M1 "&start=1&end=2&step=1e-9"), "400 malformed" },
		{ GET(API "series", "match[]=" M1 "&match[]="), "403 syntax" },
		{ GET(API "series", "match[]=" M1 "&match[]=m"), "403 unbound" },
		{ GET(API "series", "match[]=" M1 "&match[]=rate(" M1 "[5m])"), "403 syntax" },
		{ GET(API "series", "match=" M1), "403 unbound" },
		{ GET(API "label/instance/values", NULL), "403 unbound" },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &plain);
}

/* Selectors that are bound, as expressions: the text that goes on. */
static void selectors_with_known_ids_are_bound(void **state)
{
	static const struct {
		const char *query, *units, *printed;
	} rows[] = {
		{ "m{uuid='7001'}", "7001", "m{uuid=\"7001\"}" },
		{ "m{uuid=`7001`}", "7001", "m{uuid=\"7001\"}" },
		{ "m { uuid = \"7001\" , }", "7001", "m{uuid=\"7001\"}" },
		{ "{\"m\",\"uuid\"=\"7001\"}", "7001", "m{uuid=\"7001\"}" },
		{ "{'\\x75uid'=\"x\"}", "x", "{uuid=\"x\"}" },
		{ "m{uuid=\"\\x37001\"}", "7001", "m{uuid=\"7001\"}" },
		{ "{uuid=\"7001\"}", "7001", "{uuid=\"7001\"}" },
		{ "{__name__=~\".+\",uuid=\"7001\"}", "7001", "{__name__=~\".+\",uuid=\"7001\"}" },
		{ "m{uuid=~\"7001\"}", "7001", "m{uuid=~\"7001\"}" },
		{ "m{uuid=~\"(7001)|(?:70)0[2-3]\"}", "7001,7002,7003",
			"m{uuid=~\"7001|7002|7003\"}" },
		{ "m{uuid=~\"a\\\\.b|a_b|a-b\"}", "a-b,a.b,a_b", "m{uuid=~\"a-b|a\\\\.b|a_b\"}" },
		{ "m{uuid=\"a.*\"}", "a.*", "m{uuid=\"a.*\"}" },
		{ "m{uuid=\"a\",uuid=\"b\"}", "a,b", "m{uuid=\"a\",uuid=\"b\"}" },
		{ "m{uuid=\"a\",uuid!=\"b\"}", "a", "m{uuid=\"a\",uuid!=\"b\"}" },
		{ "m{uuid=\"a\",uuid=~\".*\"}", "a", "m{uuid=\"a\",uuid=~\".*\"}" },
		{ "m{uuid=\"a\",uuid=~\"b|\"}", "a,b", "m{uuid=\"a\",uuid=~\"|b\"}" },
		{ "m{uuid=\"a\",x=~\"(?i)y|.*\"}", "a", "m{uuid=\"a\",x=~\"(?i)y|.*\"}" },
		{ "a{uuid=\"1\"} / on (uuid) group_left (user) b{uuid=\"2\"}", "1,2",
			"a{uuid=\"1\"} / on (uuid) group_left (user) b{uuid=\"2\"}" },
		{ "ALERTS{uuid=\"1\"}", "1", "ALERTS{uuid=\"1\"}" },
		{ "absent(m{uuid=\"1\"})", "1", "absent(m{uuid=\"1\"})" },
		{ "absent(m{uuid=~\"1\"})", "1", "absent(m{uuid=~\"1\"})" },
		{ "label_replace(m{uuid=\"1\"},\"uuid\",\"2\",\"\",\"\")", "1",
			"label_replace(m{uuid=\"1\"}, \"uuid\", \"2\", \"\", \"\")" },
		{ "count_values(\"uuid\", m{uuid=\"1\"})", "1",
			"count_values(\"uuid\", m{uuid=\"1\"})" },
		{ "m{uuid=\"1\"}[5m] @ 100 offset 1h", "1",
			"m{uuid=\"1\"}[5m] @ 100.000 offset 1h" },
		{ "max_over_time(m{uuid=\"1\"}[1h:1m] @ end())", "1",
			"max_over_time(m{uuid=\"1\"}[1h:1m] @ end())" },
		{ "topk(scalar(n{uuid=\"2\"}), m{uuid=\"1\"})", "1,2",
			"topk(scalar(n{uuid=\"2\"}), m{uuid=\"1\"})" },
		{ "m{uuid=\"1\"} # m{uuid=\"2\"}\n", "1", "m{uuid=\"1\"}" },
		{ "m{uuid=\"é|x\"}", "é|x", "m{uuid=\"é|x\"}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buffer expected;

		buffer_init(&expected, 0);
		buffer_printf(&expected, "bound alpha %s GET /api/v1/query?query=%s", rows[i].units,
			rows[i].printed);
		gate_case_check_query(API "query", rows[i].query, "", &plain, expected.data);
		buffer_done(&expected);
	}
}

/* Each alone, and beside a selector that is bound. */
static void other_selectors_are_refused(void **state)
{
	static const char *const queries[] = { "m", "m{}", "{job='x'}", "m{uuid=\"\"}",
		"m{uuid!=\"7001\"}", "m{uuid!~\"7001\"}", "m{uuid=~\".*\"}", "m{uuid=~\".+\"}",
		"m{uuid=~\"7001.*\"}", "m{uuid=~\"7001|\"}", "m{uuid=~\"|7001\"}", "m{uuid=~\"\"}",
		"m{uuid=~\"()\"}", "m{uuid=~\"a||b\"}", "m{uuid=~\"(?i)abc\"}", "m{uuid=~\"[^7]\"}",
		"m{uuid=~\"70?\"}", "m{uuid=~\"7{1}\"}", "m{uuid=~\"^7001$\"}",
		"m{uuid=~\"\\\\d\"}", "m{uuid=~\"\\\\Q7001\\\\E\"}", "m{uuid=~\"\\\\x37\"}",
		"m{uuid=~\"(?P<n>7001)\"}", "m{uuid=~\"7001|70+\"}", "m{uuid=~\"[[:digit:]]\"}",
		"m{Uuid=\"7001\"}", "m{uuid_=\"7001\"}", "m{\"uuid \"=\"7001\"}",
		"m{gpuuuid=\"7001\"}", "m{x=\"uuid='7001'\"}", "m # {uuid=\"7001\"}",
		"m{x='a', # uuid=\"7001\"\n}", "\"m{uuid='7001'}\" or m",
		"m{service_name=\"7001\"}", "absent(m)", "count(m) or vector(1)",
		"m{uuid=\"7\\x00001\"}", "m{uuid=~\"7\\x00001\"}",
		"label_replace(m, \"uuid\", \"7001\", \"\", \"\")", "m{ceems_id=\"alpha\"}",
		"{__name__=\"m\"}", "{\"m\"}", "m offset 5m", "m[5m:]", "rate(m[5m])",
		"topk(scalar(m), vector(1))", "vector(scalar(m))", "(m)", "-m", "sum by (uuid) (m)",
		"m unless m{uuid=\"7001\"}" };

	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		struct buffer alone, beside;

		buffer_init(&alone, 0);
		buffer_init(&beside, 0);
		buffer_puts(&alone, "query=");
		for (const char *c = queries[i]; *c; c++)
			buffer_printf(&alone, "%%%02x", (unsigned char)*c);
		buffer_printf(&beside, "query=" M1 "%%20or%%20(%s%%0a)", alone.data + 6);
		/* A string or a range is no operand: then it is no query at all. */
		gate_case_check(&(struct asked)GET(API "query", alone.data), &plain,
			strstr(queries[i], "\" or m") ? "403 syntax" : "403 unbound");
		if (!strstr(queries[i], "\" or m") && !str_eq(queries[i], "m[5m:]"))
			gate_case_check(&(struct asked)GET(API "query", beside.data), &plain,
				"403 unbound");
		buffer_done(&alone);
		buffer_done(&beside);
	}
}

static void what_is_no_query_is_refused(void **state)
{
	static const struct gate_row rows[] = {
		{ GET(API "query", "query=info(" M1 ")"),
			"403 syntax: info() reads series that the query does not name" },
		{ GET(API "query", "query=info(" M1 ", {uuid=\"7001\"})"), "403 syntax" },
		{ GET(API "query", "query=m{uuid=~\"17)|(?:.*\"}"), "403 syntax" },
		{ GET(API "query", "query=m{uuid=\"7001\""), "403 syntax" },
		{ GET(API "query", "query=m{uuid=\"7001\"}}"), "403 syntax" },
		{ GET(API "query", "query=m{uuid=7001}"), "403 syntax" },
		{ GET(API "query", "query=m{uuid=\"\\xff\"}"), "403 syntax" },
		{ GET(API "query", "query=" M1 " " M1), "403 syntax" },
		{ GET(API "query", "query=nosuch(" M1 ")"), "403 syntax" },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &plain);
}

static void experimental_functions_are_a_setting(void **state)
{
	static const struct setting setting = { .options = { .experimental_functions = false } };
	static const struct gate_row rows[] = {
		{ GET(API "query", "query=limitk(1," M1 ")"), "403 syntax" },
		{ GET(API "query", "query=info(" M1 ")"), "403 syntax" },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &setting);
}

static void a_query_may_name_another_cluster_once(void **state)
{
	static const struct gate_row rows[] = {
		{ GET(API "query", "query=a{uuid=\"1\",ceems_id=\"beta\"} %2B b{uuid=\"2\"}"),
			"bound beta 1,2 GET /api/v1/query?query=a{uuid=\"1\",ceems_id=\"beta\"} "
			"+ b{uuid=\"2\"}" },
		{ GET(API "query", "query=a{uuid=\"1\",ceems_id=~\"be(ta)\"}"),
			"bound beta 1 GET /api/v1/query?query=a{uuid=\"1\",ceems_id=~\"be(ta)\"}" },
		{ GET(API "query", "query=a{uuid=\"1\",ceems_id=~\"beta|alpha\"}"),
			"403 unbound: selector 'a{uuid=\"1\",ceems_id=~\"beta|alpha\"}' names "
			"several clusters" },
		{ GET(API "query", "query=a{uuid=\"1\",ceems_id=~\"beta|\"}"), "403 unbound" },
		{ GET(API "query",
			  "query=a{uuid=\"1\",ceems_id=\"beta\"} or "
			  "a{uuid=\"1\",ceems_id=\"alpha\"}"),
			"403 unbound" },
		{ GET(API "query", "query=a{uuid=\"1\",ceems_id=\"a\",ceems_id=\"b\"}"),
			"403 unbound" },
		{ GET(API "series",
			  "match[]=a{uuid=\"1\",ceems_id=\"a\"}&match[]={uuid=\"1\",ceems_id=\"b\"}"),
			"403 unbound" },
		{ GET(API "query", "query=a{uuid=\"1\",ceems_id=~\".*\"}"),
			"bound alpha 1 GET /api/v1/query?query=a{uuid=\"1\",ceems_id=~\".*\"}" },
		{ GET(API "query", "query=a{uuid=\"1\",ceems_id!=\"x\"}"),
			"bound alpha 1 GET /api/v1/query?query=a{uuid=\"1\",ceems_id!=\"x\"}" },
		{ GET(API "query", "query=a{uuid=\"1\",ceems_id=\"\"}"),
			"bound alpha 1 GET /api/v1/query?query=a{uuid=\"1\",ceems_id=\"\"}" },
		{ GET(API "query", "query=a{uuid=\"1\",ceems_id=\"a\\x00b\"}"), "403 unbound" },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &plain);
}

/* Administrators' requests go on as they came, to the cluster that they name. */
static void the_cluster_is_told_of_refused_requests_too(void **state)
{
	static const struct asked rows[] = {
		GET(API "query", "query=m{ceems_id=\"beta\"}"),
		GET("/federate", "match[]=up{ceems_id=\"beta\"}"),
		POST("/x/query", "query=up{ceems_id=\"beta\"}"),
		GET(API "query", "query=m or m{ceems_id=\"beta\"}"),
		GET(API "series", "match[]=m{&match[]=m{ceems_id=\"beta\"}"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct gate_request request = gate_case_request(&rows[i]);
		struct gate_plan plan;
		struct arena arena;

		arena_init(&arena, GATE_CASE_ARENA_BYTES);
		assert_int_equal(gate_read(&plain.options, &request, &arena, &plan), 0);
		assert_int_equal(plan.outcome, GATE_REFUSED);
		assert_string_equal(plan.cluster, "beta");
		arena_done(&arena);
	}
}

static void the_clusters_label_is_added_once(void **state)
{
	static const struct setting setting = { .options = { .experimental_functions = true },
		.cluster = { .label = "ceems_id" } };
	static const struct gate_row rows[] = {
		{ GET(API "query", "query=" M1 " or {uuid=\"2\",ceems_id!=\"x\"}"),
			"bound alpha 2,7001 GET /api/v1/query?query=m{uuid=\"7001\",ceems_id="
			"\"alpha\"} or {uuid=\"2\",ceems_id!=\"x\",ceems_id=\"alpha\"}" },
		{ GET(API "query", "query=a{uuid=\"1\",ceems_id=\"beta\"} or " M1),
			"bound beta 1,7001 GET /api/v1/query?query=a{uuid=\"1\",ceems_id=\"beta\"} "
			"or m{uuid=\"7001\",ceems_id=\"beta\"}" },
		{ GET(API "query", "query=a{uuid=\"1\",ceems_id=~\"alpha\"}"),
			"bound alpha 1 GET /api/v1/query?query=a{uuid=\"1\",ceems_id=~\"alpha\"}" },
		/* The result of absent() has the labels of "=" matchers. */
		{ GET(API "query", "query=absent(" M1 ") or absent_over_time((" M1 ")[5m:])"),
			"bound alpha 7001 GET /api/v1/query?query=absent(m{uuid=\"7001\",ceems_id"
			"=~\"alpha\"}) or absent_over_time((m{uuid=\"7001\",ceems_id=~\"alpha\"})"
			"[5m:])" },
		{ GET(API "series", "match[]=" M1),
			"bound alpha 7001 GET /api/v1/series?match[]=m{uuid=\"7001\",ceems_id="
			"\"alpha\"}" },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &setting);
}

static void hidden_labels_may_not_be_asked_for(void **state)
{
	static const char *hidden[] = { "rack", "instance" };
	const struct setting setting = { .options = { .experimental_functions = true },
		.cluster = { .hidden_labels = { hidden, ARRAY_SIZE(hidden) } } };
	static const char *const refused[] = { "m{uuid=\"1\",rack=\"r1\"}",
		"m{uuid=\"1\",rack!~\".*\"}", "m{uuid=\"1\",rack=~\".+\"}",
		"m{uuid=\"1\",rack!~\"r1.*\"}", "m{uuid=\"1\",\"ra\\x63k\"=\"r1\"}",
		"sum by (rack) (m{uuid=\"1\"})", "sum(m{uuid=\"1\"}) by (instance)",
		"sum by (\"rack\") (m{uuid=\"1\"})", "a{uuid=\"1\"} * on (rack) b{uuid=\"1\"}",
		"a{uuid=\"1\"} * ignoring (rack) b{uuid=\"1\"}",
		"a{uuid=\"1\"} * on (uuid) group_left (rack) b{uuid=\"1\"}",
		"label_replace(m{uuid=\"1\"},\"x\",\"$1\",\"rack\",\"(.*)\")",
		"label_replace(m{uuid=\"1\"},\"x\",\"$1\",((\"rack\")),\"(.*)\")",
		"label_join(m{uuid=\"1\"},\"x\",\",\",\"job\",\"rack\")",
		"sort_by_label(m{uuid=\"1\"},\"job\",\"rack\")",
		"sort_by_label_desc(m{uuid=\"1\"},\"rack\")",
		"histogram_quantiles(m{uuid=\"1\"},\"rack\",12)",
		/* A guess, set and compared. */
		"m{uuid=\"1\"}==label_replace(m{uuid=\"1\"},\"rack\",\"r1\",\"\",\"\")",
		"m{uuid=\"1\"}==label_replace(m{uuid=\"1\"},(\"rack\"),\"r1\",\"\",\"\")",
		"m{uuid=\"1\"}==label_join(m{uuid=\"1\"},\"rack\",\"\",\"job\")",
		"m{uuid=\"1\"}and count_values(\"rack\",m{uuid=\"1\"})",
		"limit_ratio(0.5,m{uuid=\"1\"})",
		"count(1 < bool scalar(count by (rack) (m{uuid=\"1\"})) or m{uuid=\"1\"})" };
	static const char *const passed[] = { "sum without (rack) (m{uuid=\"1\"})",
		"m{uuid=\"1\",instance=~\".*\"}",
		"label_replace(m{uuid=\"1\"},\"x\",\"rack\",\"job\",\"rack\")",
		"label_join(m{uuid=\"1\"},\"x\",\"rack\",\"job\")",
		"count_values(\"x\",m{uuid=\"1\"})", "limitk(1,m{uuid=\"1\"})", "rack{uuid=\"1\"}",
		"m{uuid=\"1\"}" };

	for (size_t i = 0; i < ARRAY_SIZE(refused) + ARRAY_SIZE(passed); i++) {
		const bool refuse = i < ARRAY_SIZE(refused);
		struct buffer query, out;

		buffer_init(&query, 0);
		buffer_init(&out, 0);
		buffer_puts(&query, "query=");
		for (const char *c = refuse ? refused[i] : passed[i - ARRAY_SIZE(refused)]; *c; c++)
			buffer_printf(&query, "%%%02x", (unsigned char)*c);
		gate_case_decide(&(struct asked)GET(API "query", query.data), &setting, &out);
		if (!str_eq(refuse ? "403" : "bou", (out.data[3] = '\0', out.data)))
			print_message("%zu\n", i);
		assert_string_equal(out.data, refuse ? "403" : "bou");
		buffer_done(&query);
		buffer_done(&out);
	}
}

static void hidden_labels_are_hidden_from_everybody(void **state)
{
	static const char *hidden[] = { "rack" };
	static const struct {
		struct asked asked;
		int reason; /* -1: it goes on */
	} rows[] = {
		{ GET(API "query", "query=m"), -1 },
		{ GET(API "query", "query=1"), -1 },
		{ GET(API "labels", NULL), -1 },
		{ GET(API "series", "match[]=m&match[]=n"), -1 },
		{ GET(API "status/config", NULL), -1 },
		{ GET("/federate", "match[]=m{rack=\"1\"}"), -1 },
		{ { "PUT", "/federate", "match[]=m", NULL, NULL }, -1 },
		{ { "PUT", API "query", "query=m{rack=\"1\"}", NULL, NULL }, GATE_RESOURCE },
		/* Some servers take queries on paths that are not known here. */
		{ GET("/prometheus/api/v1/query", "query=m"), GATE_RESOURCE },
		{ GET("/prometheus/api/v1/query/", "query=m"), GATE_RESOURCE },
		{ GET("/select/0/prometheus/api/v1/query_range", "query=m"), GATE_RESOURCE },
		{ GET("/prometheus/api/v1/label/rack/values", NULL), GATE_RESOURCE },
		{ GET("/prometheus/api/v1/series", "match[]=m"), GATE_RESOURCE },
		{ GET("/x/labels", NULL), GATE_RESOURCE },
		{ GET("/x/query_exemplars", "query=m"), GATE_RESOURCE },
		{ GET(API "query/", "query=m"), GATE_RESOURCE },
		{ GET("/x/%2Fquery", "query=m"), -1 }, /* as it goes nowhere */
		{ GET("/prometheus/federate", "match[]=m"), -1 },
		{ GET(API "query", "query=m{rack=\"1\"}"), GATE_HIDDEN },
		{ GET(API "query", "query=label_replace(m,\"x\",\"$1\",\"rack\",\"(.*)\")"),
			GATE_HIDDEN },
		{ GET(API "series", "match[]=m&match[]={rack=\"1\"}"), GATE_HIDDEN },
		{ GET(API "query", "query=m{"), GATE_SYNTAX },
		{ GET(API "query", "query=m&query=m{rack=\"1\"}"), GATE_SYNTAX },
		{ GET(API "series", "match[]=m&match[]=m{rack=\"\\xff\"}"), GATE_SYNTAX },
		{ GET(API "query", "query=m&x=%"), GATE_MALFORMED },
		{ { "POST", API "query", "query=m", "multipart/form-data; boundary=x", "x" },
			GATE_MALFORMED },
	};
	const struct gate_cluster cluster = { .hidden_labels = { hidden, 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct gate_request request = gate_case_request(&rows[i].asked);
		struct gate_refusal refusal = { N_GATE_REASONS, NULL };
		struct gate_plan parsed;
		struct arena arena;
		int r;

		arena_init(&arena, GATE_CASE_ARENA_BYTES);
		assert_int_equal(gate_read(&plain.options, &request, &arena, &parsed), 0);
		r = gate_judge_hidden(&parsed, request.path, &cluster, &arena, &refusal);
		assert_int_equal(r, rows[i].reason < 0 ? 0 : -EACCES);
		if (r < 0) {
			assert_int_equal(refusal.reason, rows[i].reason);
			assert_non_null(refusal.why);
		}
		arena_done(&arena);
	}
}

static void values_of_a_hidden_label_are_answered_without_asking(void **state)
{
	static const char *hidden[] = { "rack", "a.b" };
	const struct setting setting = { .cluster = { .hidden_labels = { hidden, 2 } } };
	static const struct gate_row rows[] = {
		{ GET(API "label/rack/values", "match[]=" M1),
			"bound alpha 7001 GET /api/v1/label/rack/values?match[]=" M1
			" = {\"status\":\"success\"}" },
		{ GET(API "label/U__a_2e_b/values", "match[]=" M1),
			"bound alpha 7001 GET /api/v1/label/U__a_2e_b/values?match[]=" M1
			" = {\"status\":\"success\"}" },
		{ GET(API "label/job/values", "match[]=m{uuid=\"1\",rack=\"x\"}"),
			"403 hidden: 'm{uuid=\"1\",rack=\"x\"}' asks for label 'rack', which is "
			"hidden here" },
	};

	gate_case_check_rows(rows, ARRAY_SIZE(rows), &setting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_acceptance_matrix_is_met),
		TEST(other_paths_are_for_administrators),
		TEST(paths_are_decoded_once_and_written_anew),
		TEST(the_route_prefix_goes_on),
		TEST(methods_are_those_of_the_table),
		TEST(what_concerns_no_series_is_free),
		TEST(parameters_are_known_checked_and_written_anew),
		TEST(what_two_readers_could_read_differently_is_refused),
		TEST(selectors_with_known_ids_are_bound),
		TEST(other_selectors_are_refused),
		TEST(what_is_no_query_is_refused),
		TEST(experimental_functions_are_a_setting),
		TEST(a_query_may_name_another_cluster_once),
		TEST(the_cluster_is_told_of_refused_requests_too),
		TEST(the_clusters_label_is_added_once),
		TEST(hidden_labels_may_not_be_asked_for),
		TEST(hidden_labels_are_hidden_from_everybody),
		TEST(values_of_a_hidden_label_are_answered_without_asking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
