// SPDX-License-Identifier: Apache-2.0
/* Answers of the API server to the four forms of the table. */
#include "unit_test.h"

#include <errno.h>
#include <string.h>

#include "alloc_fail.h"
#include "basic/macros.h"
#include "cacct/report.h"
#include "golden.h"

static struct arena arena;
static const char *users[] = { "mira" };

static int setup(void **state)
{
	arena_init(&arena, 16 << 20);
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static struct records decode(const char *name)
{
	struct records records = { 0 };
	struct buffer path = { 0 }, body = { 0 };
	struct err err = { 0 };

	buffer_printf(&path, "%s/tests/fixtures/cacct/%s", getenv("CEEMS_SOURCE"), name);
	assert_int_equal(file_read(AT_FDCWD, path.data, 1 << 20, &body), 0);
	if (reply_decode(body.data, body.len, &arena, &records, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	buffer_done(&path);
	buffer_done(&body);
	return records;
}

static struct table build(const char *units, const char *usages)
{
	struct records u = { 0 }, s = { 0 };
	struct table table;

	if (units)
		u = decode(units);
	if (usages)
		s = decode(usages);
	assert_int_equal(report_build(&u, &s, &(struct strings){ users, 1 }, &arena, &table), 0);
	return table;
}

static void check_box(
	const char *golden, const struct table *table, const struct table_style *style)
{
	struct buffer out = { 0 };

	assert_int_equal(table_write_box(table, style, &arena, &out), 0);
	golden_check(golden, buffer_text(&out), out.len);
	buffer_done(&out);
}

static void a_box_wraps_merges_and_rules(void **state)
{
	struct table table = build("units.json", "usage.json");

	check_box("cacct/table.txt", &table, &table_style_light);
}

static void a_box_of_one_unit_has_rules_after_one_and_two_rows(void **state)
{
	struct table table = build("one-unit.json", "one-usage.json");

	check_box("cacct/one.txt", &table, &table_style_light);
}

static void no_units_leave_the_job_id_column(void **state)
{
	struct table table = build(NULL, "usage.json");
	struct table nothing = build(NULL, NULL);

	check_box("cacct/no-units.txt", &table, &table_style_light);
	check_box("cacct/nothing.txt", &nothing, &table_style_light);
}

static void the_example_of_csv_comes_out(void **state)
{
	struct table table = build("one-unit.json", "one-usage.json");
	struct buffer out = { 0 };

	assert_int_equal(table_write_csv(&table, &out), 0);
	assert_string_equal(out.data,
		"Job ID,Account,Elapsed,CPU Usage(%),Host Emissions(gms),Host Emissions(gms)\n"
		",,,,emaps_total,owid_total\n"
		"900001,projx,01:02:03,55.10,1.250000,0.750000\n"
		"Summary,,,,,\n"
		"1,projx,01:02:03,55.10,1.250000,0.750000\n");
	buffer_done(&out);
}

static void other_forms_escape_what_would_break_them(void **state)
{
	static const struct {
		const char *golden;
		int (*write)(const struct table *table, struct buffer *out);
	} forms[] = {
		{ "cacct/table.csv", table_write_csv },
		{ "cacct/table.md", table_write_markdown },
		{ "cacct/table.html", table_write_html },
	};
	struct table table = build("units.json", "usage.json");

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct buffer out = { 0 };

		assert_int_equal(forms[i].write(&table, &out), 0);
		golden_check(forms[i].golden, buffer_text(&out), out.len);
		assert_null(memchr(out.data, 0x1b, out.len)); /* no escape reaches a terminal */
		buffer_done(&out);
	}
}

static void the_fields_are_listed_in_ascii(void **state)
{
	struct table table;

	assert_int_equal(report_fields(&arena, &table), 0);
	check_box("cacct/helpformat.txt", &table, &table_style_ascii);
}

static void walltimes_count_days_above_24_hours(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = { { 0, "" }, { -5, "" }, { 0.5, "" }, { 1, "00:00:01" }, { 3723, "01:02:03" },
		{ 86400, "24:00:00" }, { 86401, "1-00:00:01" }, { 8640000.9, "100-00:00:00" },
		{ 1e300, "" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[WALLTIME_TEXT_MAX];

		report_walltime(cases[i].seconds, text);
		assert_string_equal(text, cases[i].text);
	}
}

static int decode_text(const char *text, struct err *err)
{
	struct records records;

	return reply_decode(text, strlen(text), &arena, &records, err);
}

static void answers_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "", "404 page not found\n", "null", "[]", "{}",
		"{\"a\":1}", "{\"status\":\"success\"}", "{\"status\":\"success\",\"data\":5}",
		"{\"status\":\"success\",\"data\":[5]}", "{\"status\":\"success\",\"data\":{}}",
		"{\"status\":\"maybe\",\"data\":[]}", "{\"status\":1,\"data\":[]}",
		"{\"status\":\"success\",\"data\":[{\"uuid\":\"1\"}" };
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err = (struct err){ 0 };
		assert_int_equal(decode_text(bad[i], &err), -EBADMSG);
		assert_true(*err.text);
	}
	err = (struct err){ 0 };
	assert_int_equal(
		decode_text("{\"status\":\"error\",\"data\":null,\"error\":\"no such\"}", &err),
		-EREMOTEIO);
	assert_string_equal(err.text, "no such");
	assert_int_equal(decode_text("{\"status\":\"error\"}", &err), -EREMOTEIO);
}

static void values_of_an_unexpected_kind_are_left_out(void **state)
{
	static const char text[] = "{\"status\":\"success\",\"data\":[{\"uuid\":5,\"name\":null,"
				   "\"avg_cpu_usage\":\"x\",\"total_cpu_energy_usage_kwh\":"
				   "{\"b\":\"1\",\"a\":2},\"num_units\":\"3\"}]}";
	struct records r;

	assert_int_equal(reply_decode(text, sizeof(text) - 1, &arena, &r, NULL), 0);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.v[0].text[FIELD_JOB_ID], "");
	assert_string_equal(r.v[0].text[FIELD_NAME], "");
	assert_int_equal(r.v[0].metrics[FIELD_CPU_USAGE].n, 0);
	assert_int_equal(r.v[0].metrics[FIELD_HOST_ENERGY].n, 1);
	assert_string_equal(r.v[0].metrics[FIELD_HOST_ENERGY].v[0].key, "a");
	assert_int_equal(r.v[0].num_units, 0);
	assert_int_equal(decode_text("{\"status\":\"success\",\"data\":null}", NULL), 0);
}

static void little_memory_is_an_error(void **state)
{
	static const char text[] = "{\"status\":\"success\",\"data\":[{\"uuid\":\"5\"}]}";
	struct arena small;
	struct records r;

	arena_init(&small, 64);
	assert_int_equal(reply_decode(text, sizeof(text) - 1, &small, &r, NULL), -ENOMEM);
	arena_done(&small);
}

/* The whole way from an answer to each form, with every allocation of ours failing once. */
static int all_the_way(const struct buffer *body, struct arena *small)
{
	struct buffer out = { 0 };
	struct records records;
	struct table table;
	int r;

	r = reply_decode(body->data, body->len, small, &records, NULL);
	if (r >= 0)
		r = report_build(&records, &records, &(struct strings){ users, 1 }, small, &table);
	if (r >= 0)
		r = table_write_box(&table, &table_style_light, small, &out);
	if (r >= 0)
		r = table_write_csv(&table, &out);
	if (r >= 0)
		r = table_write_markdown(&table, &out);
	if (r >= 0)
		r = table_write_html(&table, &out);
	buffer_done(&out);
	return r;
}

static void every_failed_allocation_is_reported(void **state)
{
	struct buffer path = { 0 }, body = { 0 };
	struct arena small;
	size_t n = 0;
	bool failed;
	int r;

	buffer_printf(&path, "%s/tests/fixtures/cacct/units.json", getenv("CEEMS_SOURCE"));
	assert_int_equal(file_read(AT_FDCWD, path.data, 1 << 20, &body), 0);
	do {
		arena_init(&small, 16 << 20);
		alloc_fail_at(++n);
		r = all_the_way(&body, &small);
		failed = alloc_fail_happened();
		alloc_fail_at(0);
		arena_done(&small);
		assert_int_equal(r, failed ? -ENOMEM : 0);
	} while (failed);
	assert_true(n > 5);
	buffer_done(&path);
	buffer_done(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_box_wraps_merges_and_rules),
		TEST(a_box_of_one_unit_has_rules_after_one_and_two_rows),
		TEST(no_units_leave_the_job_id_column),
		TEST(the_example_of_csv_comes_out),
		TEST(other_forms_escape_what_would_break_them),
		TEST(the_fields_are_listed_in_ascii),
		TEST(walltimes_count_days_above_24_hours),
		TEST(answers_that_are_none_are_refused),
		TEST(values_of_an_unexpected_kind_are_left_out),
		TEST(little_memory_is_an_error),
		TEST(every_failed_allocation_is_reported),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
