// SPDX-License-Identifier: Apache-2.0
/* Hidden labels in answers: spec lb-and-proxies.md 2.12. */
#include <errno.h>

#include "alloc_fail.h"
#include "unit_test.h"

#include "basic/macros.h"
#include "lb/access/filter.h"

static const char *hidden_names[] = { "rack", "a\"b", "caf\xc3\xa9" };
static const struct strings hidden = { hidden_names, ARRAY_SIZE(hidden_names) };

/* In pieces of so many bytes. */
static int filter(enum gate_filter kind, const char *label, struct slice text, size_t piece,
	struct buffer *out)
{
	struct filter *f;
	int r = filter_new(kind, &hidden, label, &f);

	if (r < 0)
		return r;
	do {
		const struct slice next = { text.p, MIN(piece, text.n) };

		text.p += next.n;
		text.n -= next.n;
		r = filter_feed(f, next, !text.n, out);
	} while (r >= 0 && text.n);
	filter_free(f);
	return r;
}

static void check(enum gate_filter kind, const char *label, const char *text, const char *expected)
{
	static const size_t pieces[] = { 1, 2, 3, 7, SIZE_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct buffer out;

		buffer_init(&out, 0);
		assert_int_equal(filter(kind, label, slice_from(text), pieces[i], &out), 0);
		assert_string_equal(buffer_text(&out), expected);
		buffer_done(&out);
	}
}

#define OK "{\"status\":\"success\",\"data\":"

static void labels_of_series_go_and_all_else_stays(void **state)
{
	check(GATE_FILTER_METRICS, NULL,
		OK "{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"uuid\":\"7001\",\"rack\":"
		   "\"r9\"},\"value\":[1900000000.5,\"42\"]}]}}",
		OK "{\"resultType\":\"vector\",\"result\":[{\"metric\":{\"uuid\":\"7001\"},"
		   "\"value\":[1900000000.5,\"42\"]}]}}");
	check(GATE_FILTER_METRICS, NULL,
		OK
		"{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"rack\":\"r9\"},\"values\":[]},"
		"{\"metric\":{\"rack\":\"\",\"x\":\"rack\"},\"values\":[[1,\"2\"],[3,\"NaN\"]],"
		"\"histograms\":[[1,{\"count\":\"1\",\"buckets\":[[0,\"1\"]]}]]}],"
		"\"stats\":{\"rack\":1}},\"infos\":[\"i\"],\"warnings\":[\"w\",\"x\"]}\n",
		OK "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[]},"
		   "{\"metric\":{\"x\":\"rack\"},\"values\":[[1,\"2\"],[3,\"NaN\"]],"
		   "\"histograms\":[[1,{\"count\":\"1\",\"buckets\":[[0,\"1\"]]}]]}],"
		   "\"stats\":{\"rack\":1}},\"infos\":[\"i\"],\"warnings\":[\"w\",\"x\"]}");
}

static void results_without_labels_stay(void **state)
{
	static const char *const same[] = {
		OK "{\"resultType\":\"scalar\",\"result\":[1900000000.123,\"1e+06\"]}}",
		OK "{\"resultType\":\"string\",\"result\":[1,\"rack\"]}}",
		OK "{\"resultType\":\"vector\",\"result\":[]}}",
		OK "{\"resultType\":\"vector\",\"result\":null}}",
		OK "null}",
		"{}",
		"{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"too slow\",\"data\":1}",
		"{\"status\":\"success\",\"x\":[-0.5e+10,0,-0,1E5,true,false,null,[],{}]}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		check(GATE_FILTER_METRICS, NULL, same[i], same[i]);
	check(GATE_FILTER_METRICS, NULL, "", "");
	check(GATE_FILTER_METRICS, NULL, " \n", "");
	check(GATE_FILTER_METRICS, NULL, " { \"a\" : [ 1 ,\t2 ] }\r\n ", "{\"a\":[1,2]}");
}

static void names_count_after_escapes(void **state)
{
	check(GATE_FILTER_METRICS, NULL,
		"{\"d\\u0061ta\":{\"re\\u0073ult\":[{\"metri\\u0063\":{\"r\\u0061ck\":\"1\",\"a\\\"b\":"
		"\"2\",\"caf\\u00e9\":\"3\",\"caf\xc3\xa9\":\"4\",\"ok\\n\\ud83d\\ude00\":\"\\u003c\"}}"
		"]}}",
		"{\"d\\u0061ta\":{\"re\\u0073ult\":[{\"metri\\u0063\":{\"ok\\n\\ud83d\\ude00\":"
		"\"\\u003c\"}}]}}");
}

static void places_that_only_look_alike_stay(void **state)
{
	static const char *const same[] = {
		"{\"result\":[{\"metric\":{\"rack\":\"1\"}}]}",
		"{\"data\":[{\"result\":{\"metric\":{\"rack\":\"1\"}}}]}",
		"{\"data\":{\"\":{\"metric\":{\"rack\":\"1\"}}}}",
		"{\"data\":{\"result\":{\"0\":{\"metric\":{\"rack\":\"1\"}}}}}",
		"{\"data\":{\"result\":[[{\"metric\":{\"rack\":\"1\"}}]]}}",
		"{\"data\":{\"result\":[{\"metric\":{\"x\":{\"rack\":\"1\"}}}]}}",
		"{\"data\":{\"result\":[{\"value\":{\"rack\":\"1\"}}]}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		check(GATE_FILTER_METRICS, NULL, same[i], same[i]);
}

static void whole_values_go_with_their_label(void **state)
{
	check(GATE_FILTER_METRICS, NULL,
		"{\"data\":{\"result\":[{\"metric\":{\"rack\":{\"a\":[1,{\"b\":\"}\"}]},\"x\":\"1\","
		"\"rack\":[[]],\"rack\":null,\"y\":\"2\"}}]}}",
		"{\"data\":{\"result\":[{\"metric\":{\"x\":\"1\",\"y\":\"2\"}}]}}");
}

static void series_names_values_and_exemplars_are_filtered(void **state)
{
	check(GATE_FILTER_SERIES, NULL,
		OK "[{\"__name__\":\"m\",\"rack\":\"1\"},{\"rack\":\"1\"},{\"x\":\"rack\"}]}",
		OK "[{\"__name__\":\"m\"},{},{\"x\":\"rack\"}]}");
	check(GATE_FILTER_SERIES, NULL, OK "[]}", OK "[]}");
	check(GATE_FILTER_LABEL_NAMES, NULL,
		OK "[\"rack\",\"a\",\"r\\u0061ck\",\"racks\",\"rack\"]}", OK "[\"a\",\"racks\"]}");
	check(GATE_FILTER_LABEL_NAMES, NULL, OK "[\"rack\"]}", OK "[]}");
	check(GATE_FILTER_LABEL_VALUES, "rack", OK "[\"r1\",\"r2\"],\"warnings\":[\"w\"]}",
		"{\"status\":\"success\",\"warnings\":[\"w\"]}");
	check(GATE_FILTER_LABEL_VALUES, "rack", OK "[\"r1\"]}", "{\"status\":\"success\"}");
	check(GATE_FILTER_LABEL_VALUES, "job", OK "[\"rack\"]}", OK "[\"rack\"]}");
	check(GATE_FILTER_EXEMPLARS, NULL,
		OK
		"[{\"seriesLabels\":{\"rack\":\"1\",\"a\":\"2\"},\"exemplars\":[{\"labels\":{\"trace\":"
		"\"1\",\"rack\":\"2\"},\"value\":\"6\",\"timestamp\":1.5}]}]}",
		OK "[{\"seriesLabels\":{\"a\":\"2\"},\"exemplars\":[{\"labels\":{\"trace\":"
		   "\"1\"},\"value\":\"6\",\"timestamp\":1.5}]}]}");
}

static void messages_that_quote_a_hidden_label_are_withheld(void **state)
{
	check(GATE_FILTER_METRICS, NULL,
		"{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"found duplicate series for "
		"{r\\u0061ck=\\\"r9\\\"}\"}",
		"{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"withheld: the message "
		"quotes a hidden label\"}");
	check(GATE_FILTER_SERIES, NULL,
		OK "[],\"warnings\":[\"a\",\"rack\"],\"infos\":[\"x rack y\"]}",
		OK
		"[],\"warnings\":[\"a\",\"withheld: the message quotes a hidden label\"],\"infos\":["
		"\"withheld: the message quotes a hidden label\"]}");
	check(GATE_FILTER_METRICS, NULL, "{\"error\":null,\"warnings\":null}",
		"{\"error\":null,\"warnings\":null}");
}

static void what_is_malformed_or_unexpected_is_an_error(void **state)
{
	static const struct {
		enum gate_filter kind;
		const char *text;
	} rows[] = {
		{ GATE_FILTER_METRICS, "{" },
		{ GATE_FILTER_METRICS, "{\"a\"" },
		{ GATE_FILTER_METRICS, "{\"a\":" },
		{ GATE_FILTER_METRICS, "{\"a\":1" },
		{ GATE_FILTER_METRICS, "{\"a\":1,}" },
		{ GATE_FILTER_METRICS, "{\"a\":1 2}" },
		{ GATE_FILTER_METRICS, "{\"a\" 1}" },
		{ GATE_FILTER_METRICS, "{a:1}" },
		{ GATE_FILTER_METRICS, "{'a':1}" },
		{ GATE_FILTER_METRICS, "{,}" },
		{ GATE_FILTER_METRICS, "{\"a\":[1,]}" },
		{ GATE_FILTER_METRICS, "{\"a\":[,1]}" },
		{ GATE_FILTER_METRICS, "{\"a\":[1}}" },
		{ GATE_FILTER_METRICS, "{\"a\":{]}" },
		{ GATE_FILTER_METRICS, "{}}" },
		{ GATE_FILTER_METRICS, "{}{}" },
		{ GATE_FILTER_METRICS, "{} x" },
		{ GATE_FILTER_METRICS, "]" },
		{ GATE_FILTER_METRICS, "[]" },
		{ GATE_FILTER_METRICS, "null" },
		{ GATE_FILTER_METRICS, "<html>" },
		{ GATE_FILTER_METRICS, "\x1f\x8b" },
		{ GATE_FILTER_METRICS, "{\"a\":01}" },
		{ GATE_FILTER_METRICS, "{\"a\":1.}" },
		{ GATE_FILTER_METRICS, "{\"a\":.5}" },
		{ GATE_FILTER_METRICS, "{\"a\":+1}" },
		{ GATE_FILTER_METRICS, "{\"a\":1e}" },
		{ GATE_FILTER_METRICS, "{\"a\":-}" },
		{ GATE_FILTER_METRICS, "{\"a\":NaN}" },
		{ GATE_FILTER_METRICS, "{\"a\":True}" },
		{ GATE_FILTER_METRICS, "{\"a\":tru}" },
		{ GATE_FILTER_METRICS, "{\"a\":\"\n\"}" },
		{ GATE_FILTER_METRICS, "{\"a\":\"\\x\"}" },
		{ GATE_FILTER_METRICS, "{\"a\":\"\\u12g4\"}" },
		{ GATE_FILTER_METRICS, "{\"a\":\"\\" },
		{ GATE_FILTER_METRICS, "{\"data\":{\"result\":[{\"metric\":\"rack\"}]}}" },
		{ GATE_FILTER_METRICS, "{\"data\":{\"result\":[{\"metric\":[\"rack\"]}]}}" },
		{ GATE_FILTER_METRICS, "{\"data\":{\"result\":[{\"metric\":5}]}}" },
		{ GATE_FILTER_METRICS, "{\"error\":{\"rack\":1}}" },
		{ GATE_FILTER_METRICS, "{\"warnings\":\"rack\"}" },
		{ GATE_FILTER_METRICS, "{\"warnings\":[[\"rack\"]]}" },
		{ GATE_FILTER_SERIES, "{\"data\":[\"rack\"]}" },
		{ GATE_FILTER_SERIES, "{\"data\":[[{\"rack\":\"1\"}]]}" },
		{ GATE_FILTER_LABEL_NAMES, "{\"data\":[{\"rack\":1}]}" },
		{ GATE_FILTER_LABEL_NAMES, "{\"data\":{\"rack\":1}}" },
		{ GATE_FILTER_LABEL_NAMES, "{\"data\":[1]}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct slice text = slice_from(rows[i].text);
		struct buffer out;

		for (size_t piece = 1; piece <= text.n; piece += text.n - 1 + (text.n == 1)) {
			buffer_init(&out, 0);
			if (filter(rows[i].kind, NULL, text, piece, &out) != -EBADMSG)
				print_message("%s\n", rows[i].text);
			assert_int_equal(filter(rows[i].kind, NULL, text, piece, &out), -EBADMSG);
			buffer_done(&out);
		}
	}
}

static void sizes_are_limited(void **state)
{
	struct buffer text, out;

	/* Nesting */
	for (int extra = 0; extra < 2; extra++) {
		buffer_init(&text, 0);
		buffer_init(&out, 0);
		buffer_puts(&text, "{\"a\":");
		for (int i = 0; i < FILTER_DEPTH_MAX - 1 + extra; i++)
			buffer_putc(&text, '[');
		for (int i = 0; i < FILTER_DEPTH_MAX - 1 + extra; i++)
			buffer_putc(&text, ']');
		buffer_putc(&text, '}');
		assert_int_equal(filter(GATE_FILTER_METRICS, NULL,
					 (struct slice){ text.data, text.len }, 100, &out),
			extra ? -E2BIG : 0);
		buffer_done(&text);
		buffer_done(&out);
	}
	/* Names, and messages; other strings have no limit. */
	for (int kind = 0; kind < 3; kind++) {
		static const char *const heads[] = { "{\"", "{\"error\":\"", "{\"x\":\"" };
		static const char *const tails[] = { "\":1}", "\"}", "\"}" };

		buffer_init(&text, 0);
		buffer_init(&out, 0);
		buffer_puts(&text, heads[kind]);
		for (int i = 0; i < FILTER_HELD_MAX_BYTES + 1; i++)
			buffer_putc(&text, 'x');
		buffer_puts(&text, tails[kind]);
		assert_int_equal(filter(GATE_FILTER_METRICS, NULL,
					 (struct slice){ text.data, text.len }, 4096, &out),
			kind < 2 ? -E2BIG : 0);
		buffer_done(&text);
		buffer_done(&out);
	}
	buffer_init(&out, 0);
	assert_int_equal(filter(GATE_FILTER_METRICS, NULL,
				 SLICE("{\"a\":1000000000000000000000000000000000000000000000000000"
				       "00000000000000000000000000}"),
				 100, &out),
		-E2BIG);
	buffer_done(&out);
}

static void only_json_is_rewritten(void **state)
{
	assert_int_equal(filter_judge(200, SLICE("application/json")), FILTER_REWRITE);
	assert_int_equal(
		filter_judge(400, SLICE("Application/JSON; charset=utf-8")), FILTER_REWRITE);
	assert_int_equal(filter_judge(404, SLICE("text/plain")), FILTER_PASS);
	assert_int_equal(filter_judge(302, (struct slice){ NULL, 0 }), FILTER_PASS);
	assert_int_equal(filter_judge(204, (struct slice){ NULL, 0 }), FILTER_PASS);
	assert_int_equal(filter_judge(200, SLICE("text/html")), FILTER_REFUSE);
	assert_int_equal(filter_judge(206, SLICE("application/json")), FILTER_REFUSE);
	assert_int_equal(filter_judge(200, SLICE("application/jsonx")), FILTER_REFUSE);
	assert_int_equal(filter_judge(200, (struct slice){ NULL, 0 }), FILTER_REFUSE);
}

static void memory_that_runs_out_is_an_error(void **state)
{
	const struct slice text = SLICE(OK "{\"result\":[{\"metric\":{\"rack\":\"1\"}}]}}");
	size_t nth = 0;
	bool failed;

	do {
		struct buffer out;
		int r;

		buffer_init(&out, 0);
		alloc_fail_at(++nth);
		r = filter(GATE_FILTER_METRICS, NULL, text, 5, &out);
		failed = alloc_fail_happened();
		alloc_fail_at(0);
		assert_int_equal(r, failed ? -ENOMEM : 0);
		buffer_done(&out);
	} while (failed);
	assert_true(nth > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(labels_of_series_go_and_all_else_stays),
		TEST(results_without_labels_stay),
		TEST(names_count_after_escapes),
		TEST(places_that_only_look_alike_stay),
		TEST(whole_values_go_with_their_label),
		TEST(series_names_values_and_exemplars_are_filtered),
		TEST(messages_that_quote_a_hidden_label_are_withheld),
		TEST(what_is_malformed_or_unexpected_is_an_error),
		TEST(sizes_are_limited),
		TEST(only_json_is_rewritten),
		TEST(memory_that_runs_out_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
