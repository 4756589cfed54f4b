// SPDX-License-Identifier: Apache-2.0
/* Requests for Pyroscope and what becomes of them: spec pyroscope-api.md, lb-and-proxies.md 2.16.
 */
#include <errno.h>
#include <math.h>
#include <zlib.h>

#include "basic/macros.h"
#include "format/protobuf.h"
#include "gate_case.h"
#include "lb/access/pyro_body.h"
#include "lb/access/pyro_render.h"

#define CALL "/querier.v1.QuerierService/"
#define PROTO "application/proto"
#define JSON "application/json"
#define WEB "application/grpc-web+proto"

static const struct gate_options options = { 0 };
static struct gate_cluster cluster;
static struct gate_unit_lives lives_now;
static struct arena arena;
static struct gate_plan plan;
static struct gate_forward forward;
static struct gate_refusal refusal;

static int setup(void **state)
{
	static const struct gate_life always = { 0, INT64_MAX };

	arena_init(&arena, GATE_CASE_ARENA_BYTES);
	cluster = (struct gate_cluster){ 0 };
	lives_now = (struct gate_unit_lives){ &always, 1, NULL, 0 };
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static struct gate_request request_of(
	const char *method, const char *path, const char *type, struct slice body)
{
	return (struct gate_request){
		.kind = GATE_PYROSCOPE,
		.method = method,
		.path = slice_from(path),
		.content_type = type ? slice_from(type) : (struct slice){ NULL, 0 },
		.body = body,
		.cluster = "alpha",
		.now_ms = GATE_CASE_NOW_MS,
	};
}

static int decide(const struct gate_request *request)
{
	struct gate_unit_lives *lives;
	int r = gate_read(&options, request, &arena, &plan);

	assert_int_equal(r, 0);
	if (plan.outcome == GATE_REFUSED) {
		refusal = plan.refusal;
		return -EACCES;
	}
	assert_int_equal(plan.outcome, GATE_BOUND);
	lives = ARENA_ARRAY(&arena, struct gate_unit_lives, plan.units.n);
	for (size_t i = 0; i < plan.units.n; i++)
		lives[i] = lives_now;
	return gate_write(&options, request, &plan, lives, &cluster, &arena, &forward, &refusal);
}

static int call(const char *method, const char *type, struct slice body)
{
	const char *path = arena_printf(&arena, CALL "%s", method);
	const struct gate_request request = request_of("POST", path, type, body);

	return decide(&request);
}

static int call_json(const char *method, const char *body)
{
	return call(method, JSON, slice_from(body));
}

static void assert_units(const char *units)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };

	for (size_t i = 0; i < plan.units.n; i++)
		buffer_printf(&text, "%s%s", i ? "," : "", plan.units.v[i]);
	assert_string_equal(buffer_text(&text), units);
}

static void assert_body(struct slice wanted)
{
	assert_int_equal(forward.body.n, wanted.n);
	assert_memory_equal(forward.body.p, wanted.p, wanted.n);
}

static void assert_refused(int r, enum gate_reason reason, const char *why)
{
	assert_int_equal(r, -EACCES);
	assert_string_equal(gate_reason_name(refusal.reason), gate_reason_name(reason));
	if (!strstr(refusal.why, why))
		assert_string_equal(refusal.why, why);
}

/* SelectMergeStacktracesRequest */
static struct slice stacktraces(const char *selector)
{
	struct buffer out = { 0 };
	struct slice kept;

	protobuf_put_string(&out, 1, "process_cpu:cpu:nanoseconds:cpu:nanoseconds");
	protobuf_put_string(&out, 2, selector);
	protobuf_put_number(&out, 3, 1800000000000);
	protobuf_put_number(&out, 4, 1800000060000);
	kept = (struct slice){ arena_strndup(&arena, out.data, out.len), out.len };
	buffer_done(&out);
	return kept;
}

static void the_acceptance_matrix_is_met(void **state)
{
	struct slice body = stacktraces("{service_name=\"7001\"}");

	assert_int_equal(call("SelectMergeStacktraces", PROTO, body), 0);
	assert_units("7001");
	assert_string_equal(plan.cluster, "alpha");
	assert_string_equal(forward.method, "POST");
	assert_true(slice_eq(forward.path, CALL "SelectMergeStacktraces"));
	assert_string_equal(forward.content_type, PROTO);
	assert_body(body);
	assert_int_equal(
		call("SelectMergeStacktraces", PROTO, stacktraces("{service_name=\"7002\"}")), 0);
	assert_units("7002");
	assert_refused(call("SelectMergeStacktraces", PROTO, SLICE("")), GATE_UNBOUND,
		"'label_selector' is missing");
	assert_refused(call("ProfileTypes", PROTO, SLICE("")), GATE_RESOURCE,
		"the path is for administrators");
}

/* As CEEMS 0.10.2: the body is protobuf whatever its type says. */
static void a_body_of_no_type_is_protobuf(void **state)
{
	static const char *const types[] = { NULL, "", "application/octet-stream", FORM_TYPE,
		"Application/PROTO; charset=utf-8" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		assert_int_equal(call("SelectMergeStacktraces", types[i],
					 stacktraces("{service_name=\"7001\"}")),
			0);
		assert_string_equal(forward.content_type, PROTO);
	}
}

static void selectors_are_read_as_such_and_written_anew(void **state)
{
	static const struct {
		const char *given, *units, *written;
	} rows[] = {
		{ "{ service_name = '7001' } # x", "7001", "{service_name=\"7001\"}" },
		{ "{service_name=~\"7001|7002\",pod=\"a\"}", "7001,7002",
			"{service_name=~\"7001|7002\",pod=\"a\"}" },
		{ "{uuid=\"7001\"}", "7001", "{uuid=\"7001\"}" },
		{ "process_cpu{service_name=\"7001\"}", "7001",
			"process_cpu{service_name=\"7001\"}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			call("SelectMergeStacktraces", PROTO, stacktraces(rows[i].given)), 0);
		assert_units(rows[i].units);
		assert_body(stacktraces(rows[i].written));
	}
}

/* Some servers put a selector together from its matchers without escaping their values. */
static void what_binds_goes_first(void **state)
{
	assert_int_equal(
		call("SelectMergeStacktraces", PROTO,
			stacktraces("{a!=\"\\\"} #\",uuid!=\"1\",uuid=~\"7001|\","
				    "__type__=\"x\",uuid=~\"7001\",service_name=\"7001\"}")),
		0);
	assert_body(stacktraces("{uuid=~\"7001\",service_name=\"7001\",a!=\"\\\"} #\",uuid!=\"1\","
				"uuid=~\"|7001\",__type__=\"x\"}"));
}

static void what_is_not_bound_is_refused(void **state)
{
	static const struct {
		const char *selector;
		enum gate_reason reason;
	} rows[] = {
		{ "{}", GATE_SYNTAX },
		{ "", GATE_SYNTAX },
		{ "{pod=\"a\"}", GATE_UNBOUND },
		{ "{service_name!=\"7001\"}", GATE_SYNTAX },
		{ "{service_name!=\"7001\",pod=\"a\"}", GATE_UNBOUND },
		{ "{service_name=~\"7.*\"}", GATE_UNBOUND },
		{ "{service_name=~\"7001|\"}", GATE_SYNTAX },
		{ "{service_name=~\"7001|\",pod=\"a\"}", GATE_UNBOUND },
		{ "{service_name=\"\"}", GATE_SYNTAX },
		{ "{service_name=\"\",pod=\"a\"}", GATE_UNBOUND },
		{ "{service_name=\"7001\"} or {service_name=\"7002\"}", GATE_SYNTAX },
		{ "{service_name=\"7001\"}{}", GATE_SYNTAX },
		{ "{pod=\"service_name=\\\"7001\\\"\"}", GATE_UNBOUND },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_refused(call("SelectMergeStacktraces", PROTO, stacktraces(rows[i].selector)),
			rows[i].reason, "");
}

/* Last wins, or first wins, or both count: readers differ. */
static void a_field_that_comes_twice_is_refused(void **state)
{
	static const char twice[] =
		"\x12\x15{service_name=\"7001\"}\x12\x15{service_name=\"7002\"}";

	assert_refused(call("SelectMergeStacktraces", PROTO, SLICE(twice)), GATE_SYNTAX,
		"the message has a field twice");
	assert_refused(call_json("SelectMergeStacktraces",
			       "{\"labelSelector\":\"{service_name=\\\"7001\\\"}\","
			       "\"label_selector\":\"{service_name=\\\"7002\\\"}\"}"),
		GATE_SYNTAX, "a field twice");
	assert_refused(call_json("SelectMergeStacktraces",
			       "{\"labelSelector\":\"{service_name=\\\"7001\\\"}\","
			       "\"labelSelector\":\"{service_name=\\\"7002\\\"}\"}"),
		GATE_SYNTAX, "no JSON");
}

static void every_matcher_of_a_union_is_bound(void **state)
{
	static const char good[] = "\x0a\x15{service_name=\"7001\"}\x0a\x15{service_name=\"7002\"}";
	static const char mixed[] = "\x0a\x15{service_name=\"7001\"}\x0a\x09{pod=\"a\"}";

	assert_int_equal(call("LabelNames", PROTO, SLICE(good)), 0);
	assert_units("7001,7002");
	assert_body(SLICE(good));
	assert_refused(call("LabelNames", PROTO, SLICE(mixed)), GATE_UNBOUND, "");
	assert_refused(call("LabelNames", PROTO, SLICE("")), GATE_UNBOUND, "'matchers' is missing");
	assert_refused(call_json("LabelValues", "{\"name\":\"pod\"}"), GATE_UNBOUND, "matchers");
	assert_refused(call_json("Series", "{\"matchers\":[]}"), GATE_UNBOUND, "matchers");
	assert_refused(call_json("Series", "{\"matchers\":null}"), GATE_UNBOUND, "matchers");
}

static void json_is_written_anew(void **state)
{
	assert_int_equal(
		call_json("SelectSeries",
			"{\"profile_typeID\":\"a:b:c:d:e\",\"label_selector\":"
			"\"{service_name='7001'}\",\"start\":1e3,\"end\":\"2000\",\"step\":0.5,"
			"\"groupBy\":[\"pod\"],\"aggregation\":"
			"\"TIME_SERIES_AGGREGATION_TYPE_AVERAGE\",\"limit\":null,\"x\":{\"y\":[]},"
			"\"stackTraceSelector\":{\"callSite\":[{\"name\":\"main\"}],"
			"\"goPgo\":{\"keepLocations\":1,\"aggregateCallees\":true}}}"),
		0);
	assert_units("7001");
	assert_string_equal(forward.content_type, JSON);
	assert_body(SLICE("{\"profileTypeID\":\"a:b:c:d:e\",\"labelSelector\":"
			  "\"{service_name=\\\"7001\\\"}\",\"start\":\"1000\",\"end\":\"2000\","
			  "\"groupBy\":[\"pod\"],\"step\":0.5,\"aggregation\":1,"
			  "\"stackTraceSelector\":{\"callSite\":[{\"name\":\"main\"}],"
			  "\"goPgo\":{\"keepLocations\":1,\"aggregateCallees\":true}}}"));
}

static void json_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "{", "1", "{}x",
		"{\"labelSelector\":[\"{service_name=\\\"7001\\\"}\"]}", "{\"labelSelector\":1}",
		"{\"labelSelector\":\"{service_name=\\\"7001\\\"}\",\"start\":\"x\"}",
		"{\"labelSelector\":\"{service_name=\\\"7001\\\"}\",\"start\":1.5}",
		"{\"labelSelector\":\"{service_name=\\\"7001\\\"}\",\"format\":\"X\"}",
		"{\"labelSelector\":\"{service_name=\\\"7001\\\"}\",\"format\":99999999999}",
		"{\"labelSelector\":\"{service_name=\\\"7001\\\"}\",\"stackTraceSelector\":[]}",
		"{\"labelSelector\":\"\\u0000{service_name=\\\"7001\\\"}\"}",
		"{\"labelSelector\":\"\xff{service_name=\\\"7001\\\"}\"}" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(call_json("SelectMergeStacktraces", bad[i]), GATE_SYNTAX, "");
}

static void protobuf_that_is_none_is_refused(void **state)
{
	static const struct slice bad[] = { SLICE("\x12"), SLICE("\x12\x15{service"),
		SLICE("\x10\x01"), SLICE("\x12\x01\xff"), SLICE("\x0b"),
		SLICE("\x19\x00\x00\x00\x00\x00\x00\x00\x00"), SLICE("\x1a\x00"),
		SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(
			call("SelectMergeStacktraces", PROTO, bad[i]), GATE_SYNTAX, "message has");
}

static void unknown_fields_do_not_go_on(void **state)
{
	static const char with[] = "\x12\x15{service_name=\"7001\"}\xfa\x01\x03"
				   "abc\xf0\x01\x05";

	assert_int_equal(call("SelectMergeStacktraces", PROTO, SLICE(with)), 0);
	assert_body(SLICE("\x12\x15{service_name=\"7001\"}"));
}

static void results_of_others_requests_are_not_for_users(void **state)
{
	static const char async[] = "\x12\x15{service_name=\"7001\"}\x4a\x03\x0a\x01x";

	assert_refused(call("SelectMergeStacktraces", PROTO, SLICE(async)), GATE_RESOURCE,
		"'async' is for administrators");
	assert_refused(call_json("SelectMergeStacktraces",
			       "{\"labelSelector\":\"{service_name=\\\"7001\\\"}\",\"async\":{}}"),
		GATE_RESOURCE, "'async' is for administrators");
}

static void both_sides_of_a_difference_are_bound(void **state)
{
	assert_int_equal(call_json("Diff",
				 "{\"left\":{\"labelSelector\":\"{service_name=\\\"7001\\\"}\"},"
				 "\"right\":{\"labelSelector\":\"{service_name=\\\"7002\\\"}\"}}"),
		0);
	assert_units("7001,7002");
	assert_refused(
		call_json("Diff", "{\"left\":{\"labelSelector\":\"{service_name=\\\"7001\\\"}\"}}"),
		GATE_UNBOUND, "'right' is missing");
	assert_refused(call_json("Diff",
			       "{\"left\":{\"labelSelector\":\"{service_name=\\\"7001\\\"}\"},"
			       "\"right\":{}}"),
		GATE_UNBOUND, "'label_selector' is missing");
	assert_refused(call_json("Diff",
			       "{\"left\":{\"labelSelector\":\"{service_name=\\\"7001\\\"}\"},"
			       "\"right\":{\"labelSelector\":\"{pod=\\\"a\\\"}\"}}"),
		GATE_UNBOUND, "");
}

static struct slice packed(struct slice text)
{
	z_stream z = { 0 };
	char *out = arena_alloc(&arena, text.n + 1024);

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, 0), Z_OK);
	z.next_in = (unsigned char *)text.p;
	z.avail_in = (uInt)text.n;
	z.next_out = (unsigned char *)out;
	z.avail_out = (uInt)text.n + 1024;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return (struct slice){ out, z.total_out };
}

static int call_packed(struct slice body, const char *encoding)
{
	struct gate_request request = request_of(
		"POST", CALL "SelectMergeStacktraces", PROTO, body);

	request.content_encoding = slice_from(encoding);
	return decide(&request);
}

static void packed_bodies_are_unpacked_within_a_limit(void **state)
{
	const struct slice body = stacktraces("{service_name=\"7001\"}");
	char *zeros = arena_calloc(&arena, 1, GATE_MESSAGE_MAX_BYTES + 1);
	struct slice cut = packed(body), more;

	assert_int_equal(call_packed(cut, "gzip"), 0);
	assert_body(body);
	assert_int_equal(call_packed(cut, "GZIP"), 0);
	assert_int_equal(call_packed(body, "identity"), 0);
	assert_refused(call_packed(body, "gzip"), GATE_MALFORMED, "no gzip");
	assert_refused(call_packed(body, "br"), GATE_MALFORMED, "only gzip");
	assert_refused(call_packed(cut, "gzip, gzip"), GATE_MALFORMED, "only gzip");
	more = (struct slice){ arena_alloc(&arena, cut.n + 1), cut.n + 1 };
	memcpy((char *)more.p, cut.p, cut.n);
	((char *)more.p)[cut.n] = 'x';
	assert_refused(call_packed(more, "gzip"), GATE_MALFORMED, "no gzip");
	cut.n--;
	assert_refused(call_packed(cut, "gzip"), GATE_MALFORMED, "no gzip");
	assert_refused(
		call_packed(packed((struct slice){ zeros, GATE_MESSAGE_MAX_BYTES + 1 }), "gzip"),
		GATE_TOO_LARGE, "unpacked");
	assert_refused(call("Series", PROTO, (struct slice){ zeros, GATE_MESSAGE_MAX_BYTES + 1 }),
		GATE_TOO_LARGE, "more than");
}

static void one_frame_of_grpc_web_is_taken(void **state)
{
	static const char good[] = "\0\0\0\0\x17\x12\x15{service_name=\"7001\"}";
	static const struct slice bad[] = { SLICE(""), SLICE("\0\0\0\0"),
		SLICE("\0\0\0\0\x16\x12\x15{service_name=\"7001\"}"),
		SLICE("\0\0\0\0\x18\x12\x15{service_name=\"7001\"}"),
		SLICE("\1\0\0\0\x17\x12\x15{service_name=\"7001\"}"),
		SLICE("\x80\0\0\0\x17\x12\x15{service_name=\"7001\"}"),
		SLICE("\0\0\0\0\x17\x12\x15{service_name=\"7001\"}\0\0\0\0\0"),
		SLICE("\0\xff\xff\xff\xff\x12") };

	assert_int_equal(call("SelectMergeStacktraces", WEB, SLICE(good)), 0);
	assert_string_equal(forward.content_type, WEB);
	assert_body(SLICE(good));
	assert_int_equal(call("SelectMergeStacktraces", "application/grpc-web", SLICE(good)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(call("SelectMergeStacktraces", WEB, bad[i]), GATE_MALFORMED, "gRPC");
}

static void other_places_are_for_administrators(void **state)
{
	static const char *const paths[] = { "/", "/ingest", "/pyroscope/ingest",
		"/pyroscope/label-values", "/pyroscope/render-diff", "/push.v1.PusherService/Push",
		"/settings.v1.SettingsService/Get", CALL, CALL "ProfileTypes",
		CALL "GetProfileStats", CALL "AnalyzeQuery", CALL "Series/", CALL "series",
		"/x" CALL "Series", "/querier.v1.QuerierService//Series",
		"/querier.v1.QuerierService%2fSeries", "/health", "/metrics", "/api/v1/query" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const struct gate_request request = request_of(
			"POST", paths[i], PROTO, stacktraces("{service_name=\"7001\"}"));

		assert_refused(decide(&request), GATE_RESOURCE, "");
	}
	const struct gate_request get = request_of("GET", CALL "Series", PROTO, SLICE(""));

	assert_refused(decide(&get), GATE_RESOURCE, "method");
}

static int render(const char *query)
{
	struct gate_request request = request_of(
		"GET", "/pyroscope/render", NULL, (struct slice){ NULL, 0 });

	request.query = slice_from(query);
	return decide(&request);
}

#define TYPE "process_cpu:cpu:nanoseconds:cpu:nanoseconds"

static void assert_query(const char *wanted)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };

	gate_case_decode(&text, forward.query);
	assert_string_equal(buffer_text(&text), wanted);
}

static void render_is_bound(void **state)
{
	assert_int_equal(
		render("query=" TYPE "{service_name=\"7001\"}&from=now-1h&until=now"
		       "&maxNodes=10&groupBy=pod&groupBy=x&aggregation=sum&format=json&x=1"),
		0);
	assert_units("7001");
	assert_string_equal(forward.method, "GET");
	assert_true(slice_eq(forward.path, "/pyroscope/render"));
	assert_query("query=" TYPE "{service_name=\"7001\"}&from=1899996400000&until=1900000000000"
		     "&maxNodes=10&groupBy=pod&groupBy=x&aggregation=sum&format=json");
	/* More digits would be another unit to the server. */
	assert_int_equal(render("query=" TYPE "{service_name=\"7001\"}&from=1"
				"&until=01000000000000000"),
		0);
	assert_query(
		"query=" TYPE "{service_name=\"7001\"}&from=0000000001000&until=9999999999999");
	assert_refused(render("from=now-1h"), GATE_UNBOUND, "'query' is missing");
	assert_refused(render("query=" TYPE "{}"), GATE_UNBOUND, "");
	assert_refused(render("query=" TYPE "{service_name=\"7001\"}&query=x"), GATE_MALFORMED,
		"more than once");
	assert_refused(render("query=" TYPE "{service_name=\"7001\"}&from=yesterday"),
		GATE_MALFORMED, "'from' is not understood");
	assert_refused(render("query=" TYPE "{service_name=\"7001\"}&maxNodes=-1"), GATE_MALFORMED,
		"maxNodes");
	assert_refused(render("query=" TYPE "{service_name=\"7001\"};x"), GATE_MALFORMED, "");
}

static void times_of_render_are_understood(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "now", GATE_CASE_NOW_MS },
		{ "now-30s", GATE_CASE_NOW_MS - 30000 },
		{ "now-2min", GATE_CASE_NOW_MS - 120000 },
		{ "now-1M", GATE_CASE_NOW_MS - 30 * 86400000LL },
		{ "1800000000", 1800000000000 },
		{ "1800000000123", 1800000000123 },
		{ "1800000000123456", 1800000000123 },
		{ "1800000000123456789", 1800000000123 },
		{ "20270115", 1799971200000 },
	};
	static const char *const bad[] = { "", "x", "now-", "now-h", "now-5", "now+1h", "-1",
		"20271315", "99999999999999999999", "now-99999999999999999y" };
	int64_t ms;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			pyro_render_time(slice_from(rows[i].text), GATE_CASE_NOW_MS, &ms), 0);
		assert_int_equal(ms, rows[i].ms);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(
			pyro_render_time(slice_from(bad[i]), GATE_CASE_NOW_MS, &ms), -EBADMSG);
}

static bool has(const char *text)
{
	return memmem(forward.body.p, forward.body.n, text, strlen(text)) != NULL;
}

static void times_of_an_earlier_owner_are_cut(void **state)
{
	static const struct gate_life own = { 1800000000000, INT64_MAX };
	static const struct gate_life foreign = { 1700000000000, 1700000100000 };

	lives_now = (struct gate_unit_lives){ &own, 1, &foreign, 1 };
	assert_int_equal(call_json("SelectMergeProfile",
				 "{\"labelSelector\":\"{service_name=\\\"7001\\\"}\",\"start\":"
				 "\"1600000000000\",\"end\":\"1800000060000\"}"),
		0);
	assert_non_null(memmem(forward.body.p, forward.body.n, "\"end\":\"1800000060000\"", 21));
	assert_null(memmem(forward.body.p, forward.body.n, "1600000000000", 13));
	assert_true(forward.reach_start_ms > foreign.end_ms);
	/* Without times, they are set. */
	assert_int_equal(call_json("SelectMergeProfile",
				 "{\"labelSelector\":\"{service_name=\\\"7001\\\"}\"}"),
		0);
	assert_non_null(memmem(forward.body.p, forward.body.n, "\"start\":\"17", 11));
	assert_refused(call_json("SelectMergeProfile",
			       "{\"labelSelector\":\"{service_name=\\\"7001\\\"}\",\"start\":"
			       "\"1700000000000\",\"end\":\"1700000050000\"}"),
		GATE_LIFETIME, "another unit's");
	assert_int_equal(render("query=" TYPE "{service_name=\"7001\"}"), 0);
	assert_true(forward.reach_start_ms > foreign.end_ms);
	assert_non_null(memmem(forward.query.p, forward.query.n, "from=17", 7));
	assert_refused(render("query=" TYPE "{service_name=\"7001\"}&from=1700000000"
			      "&until=1700000050"),
		GATE_LIFETIME, "another unit's");
}

/* Of labels and series Pyroscope passes over one of the two times if the other one isn't given. */
static void cut_times_go_on_together(void **state)
{
	static const char labels[] = "{\"matchers\":[\"{service_name=\\\"7001\\\"}\"]%s}";
	static const struct gate_life long_ago = { 1000, 2000 },
				      just_now = { 1899999000000, 1899999900000 };
	static const struct gate_life running = { 1899999950000, INT64_MAX };
	static const struct gate_life ended = { 1000000000, 2000000000 },
				      later = { 1890000000000, INT64_MAX };
	static const char *const methods[] = { "LabelNames", "LabelValues", "Series" };

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		const char *none = arena_printf(&arena, labels, "");
		const char *end = arena_printf(&arena, labels, ",\"end\":\"1800000000000\"");
		const char *start = arena_printf(&arena, labels, ",\"start\":\"1800000000000\"");

		lives_now = (struct gate_unit_lives){ &running, 1, &just_now, 1 };
		/* 31 days before the other one. */
		assert_int_equal(call_json(methods[i], none), 0);
		assert_true(has("\"start\":\"1\""));
		assert_true(has("\"end\":\"1897320599999\""));
		assert_int_equal(call_json(methods[i], start), 0);
		assert_true(has("\"start\":\"1800000000000\""));
		assert_true(has("\"end\":\"1897320599999\""));
		assert_refused(
			call_json(methods[i],
				arena_printf(&arena, labels, ",\"start\":\"1899999980000\"")),
			GATE_LIFETIME, "another unit's");
		lives_now = (struct gate_unit_lives){ &running, 1, &long_ago, 1 };
		assert_int_equal(call_json(methods[i], start), 0);
		assert_true(has("\"start\":\"1800000000000\""));
		assert_true(has("\"end\":\"1900000000000\""));
		lives_now = (struct gate_unit_lives){ &ended, 1, &later, 1 };
		assert_int_equal(call_json(methods[i], end), 0);
		assert_true(has("\"start\":\"1\""));
		assert_true(has("\"end\":\"1800000000000\""));
	}
}

static bool starts_at(const char *ms)
{
	char text[48];

	snprintf(text, sizeof(text), "\"start\":\"%s\"", ms);
	return has(text);
}

/* Pyroscope's first point has what was in the step before the start. */
static void steps_before_the_start_are_read_too(void **state)
{
	static const struct gate_life own = { 1800000000000, INT64_MAX };
	static const struct gate_life foreign = { 1799999000000, 1800000000000 };
	static const struct {
		const char *step, *start;
	} rows[] = { { "15", "1800000015001" }, { "0.0001", "1800000000002" },
		{ "600", "1800000600001" } };

#define SERIES(method, start, step)                                                     \
	call_json(method,                                                               \
		arena_printf(&arena,                                                    \
			"{\"labelSelector\":\"{service_name=\\\"7001\\\"}\",\"start\":" \
			"\"%s\",\"end\":\"1800003600000\",\"step\":%s}",                \
			start, step))
	lives_now = (struct gate_unit_lives){ &own, 1, &foreign, 1 };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(SERIES("SelectSeries", "1800000000001", rows[i].step), 0);
		assert_true(starts_at(rows[i].start));
		assert_int_equal(SERIES("SelectHeatmap", "1800000000001", rows[i].step), 0);
		assert_true(starts_at(rows[i].start));
	}
	assert_refused(
		SERIES("SelectSeries", "1800000000001", "3600.1"), GATE_LIFETIME, "another unit's");
	assert_refused(
		SERIES("SelectSeries", "1800000000001", "3e11"), GATE_LIFETIME, "another unit's");
	/* Late enough, nothing is cut. */
	assert_int_equal(SERIES("SelectSeries", "1800000700000", "600"), 0);
	assert_true(starts_at("1800000700000"));
	assert_int_equal(render("query=" TYPE "{service_name=\"7001\"}&from=1800000001"
				"&until=1800003600"),
		0);
	assert_query(
		"query=" TYPE "{service_name=\"7001\"}&from=1800000015001&until=1800003600000");
#undef SERIES
}

static int series_of_step(double step_s)
{
	struct buffer out = { 0 };
	int r;

	protobuf_put_string(&out, 2, "{service_name=\"7001\"}");
	buffer_putc(&out, 6 << 3 | PROTOBUF_FIXED64);
	buffer_append(&out, &step_s, sizeof(step_s)); /* little-endian, as this machine */
	r = call("SelectSeries", PROTO,
		(struct slice){ arena_strndup(&arena, out.data, out.len), out.len });
	buffer_done(&out);
	return r;
}

static void steps_that_are_none_are_refused(void **state)
{
	static const double bad[] = { -0.001, -1e300, 1e12, 1.55e20, INFINITY, NAN };
	static const char *const texts[] = { "-0.001", "1e12", "155000000060824344805.5", "1e300",
		"\"-1\"", "\"NaN\"", "\"Infinity\"", "{}" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(series_of_step(bad[i]), GATE_SYNTAX, "step");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_refused(
			call_json("SelectSeries",
				arena_printf(&arena,
					"{\"labelSelector\":\"{service_name='7001'}\",\"step\":%s}",
					texts[i])),
			GATE_SYNTAX, "none");
	assert_int_equal(series_of_step(15), 0);
	assert_int_equal(series_of_step(PYRO_STEP_MAX_S), 0);
	assert_int_equal(call_json("SelectSeries",
				 "{\"labelSelector\":\"{service_name='7001'}\",\"step\":-0.0}"),
		0);
	assert_body(SLICE("{\"labelSelector\":\"{service_name=\\\"7001\\\"}\",\"step\":0}"));
}

static void the_clusters_own_label_is_added(void **state)
{
	cluster.label = "ceems_id";
	assert_int_equal(
		call("SelectMergeStacktraces", PROTO, stacktraces("{service_name=\"7001\"}")), 0);
	assert_body(stacktraces("{service_name=\"7001\",ceems_id=\"alpha\"}"));
	assert_int_equal(call("SelectMergeStacktraces", PROTO,
				 stacktraces("{service_name=\"7001\",ceems_id=\"beta\"}")),
		0);
	assert_string_equal(plan.cluster, "beta");
	assert_body(stacktraces("{service_name=\"7001\",ceems_id=\"beta\"}"));
}

/* Every method has a table that is sorted, with names that fit, and something to bind. */
static void the_tables_are_sound(void **state)
{
	size_t n;
	const struct pyro_method *methods = pyro_methods(&n);

	for (size_t i = 0; i < n; i++) {
		const struct pyro_message *message = methods[i].request;
		bool required = false;

		assert_true(i == 0 || strcmp(methods[i - 1].name, methods[i].name) < 0);
		assert_true(message->n <= 64);
		for (size_t k = 0; k < message->n; k++) {
			const struct pyro_field *field = &message->fields[k];
			char name[PYRO_NAME_MAX];

			assert_true(k == 0 || message->fields[k - 1].number < field->number);
			assert_true(strlen(field->name) < PYRO_NAME_MAX);
			pyro_json_name(field, name);
			assert_null(strchr(name, '_'));
			assert_true((field->kind == PYRO_MESSAGE) == (field->message != NULL));
			assert_true((field->kind == PYRO_ENUM) == (field->words != NULL));
			assert_true(field->kind != PYRO_SELECTOR || field->required);
			required = required || field->required;
		}
		assert_true(required);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_acceptance_matrix_is_met),
		CASE(a_body_of_no_type_is_protobuf),
		CASE(selectors_are_read_as_such_and_written_anew),
		CASE(what_binds_goes_first),
		CASE(what_is_not_bound_is_refused),
		CASE(a_field_that_comes_twice_is_refused),
		CASE(every_matcher_of_a_union_is_bound),
		CASE(json_is_written_anew),
		CASE(json_that_is_none_is_refused),
		CASE(protobuf_that_is_none_is_refused),
		CASE(unknown_fields_do_not_go_on),
		CASE(results_of_others_requests_are_not_for_users),
		CASE(both_sides_of_a_difference_are_bound),
		CASE(packed_bodies_are_unpacked_within_a_limit),
		CASE(one_frame_of_grpc_web_is_taken),
		CASE(other_places_are_for_administrators),
		CASE(render_is_bound),
		CASE(times_of_render_are_understood),
		CASE(times_of_an_earlier_owner_are_cut),
		CASE(cut_times_go_on_together),
		CASE(steps_before_the_start_are_read_too),
		CASE(steps_that_are_none_are_refused),
		CASE(the_clusters_own_label_is_added),
		TEST(the_tables_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
