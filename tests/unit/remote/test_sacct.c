// SPDX-License-Identifier: Apache-2.0
#include "remote/sacct.h"

#include <stdio.h>
#include <stdlib.h>

#include "basic/buffer.h"
#include "unit_test.h"

#define HEAD(id, node)                                                       \
	id "|gpu|normal|astro|staff|501|mira|1207|2031-04-09T06:00:00+0000|" \
	   "2031-04-09T06:10:00+0000|Unknown|00:10:00|600|0:0|RUNNING|billing=8,cpu=8|" node "|"

static void assert_slice(struct slice s, const char *text)
{
	if (!slice_eq(s, text))
		fail_msg("'%.*s' is not '%s'", (int)s.n, s.p, text);
}

static struct sacct_record only_record(const char *output)
{
	struct sacct_records records;
	struct sacct_record record, other;

	sacct_records_init(&records, slice_from(output), "|0123|");
	assert_true(sacct_next(&records, &record));
	assert_false(sacct_next(&records, &other));
	return record;
}

static void the_fields_of_a_line_are_told_apart(void **state)
{
	struct sacct_record r = only_record(HEAD("70113", "gn08") "sim|/home/mira\n");

	assert_slice(r.fields[SACCT_JOBID], "70113");
	assert_slice(r.fields[SACCT_PARTITION], "gpu");
	assert_slice(r.fields[SACCT_ACCOUNT], "astro");
	assert_slice(r.fields[SACCT_UID], "1207");
	assert_slice(r.fields[SACCT_END], "Unknown");
	assert_slice(r.fields[SACCT_ALLOC_TRES], "billing=8,cpu=8");
	assert_slice(r.fields[SACCT_NODELIST], "gn08");
	assert_slice(r.fields[SACCT_JOB_NAME], "sim");
	assert_slice(r.fields[SACCT_WORKDIR], "/home/mira");
}

static void names_may_hold_the_separator(void **state)
{
	static const struct {
		const char *tail, *name, *workdir;
	} rows[] = {
		{ "a|b|/home/mira", "a|b", "/home/mira" },
		{ "a|/b|/home/mira", "a|/b", "/home/mira" },
		{ "|||/home/mira", "||", "/home/mira" },
		{ "|/home/mira", "", "/home/mira" },
		{ "sim|/home/mira|surplus|", "sim", "/home/mira" },
		{ "sim|", "sim", "" },
		{ "sim|relative", "sim", "relative" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char line[512];
		struct sacct_record r;

		snprintf(line, sizeof(line), "%s%s", HEAD("1", "n1"), rows[i].tail);
		r = only_record(line);
		assert_slice(r.fields[SACCT_JOB_NAME], rows[i].name);
		assert_slice(r.fields[SACCT_WORKDIR], rows[i].workdir);
	}
}

static void what_is_no_job_with_nodes_is_skipped(void **state)
{
	static const char *const lines[] = {
		"",
		"\n\n",
		"sacct: error: slurmdbd is away\n",
		"1|2|3\n",
		HEAD("7", "n1") "name without directory\n",
		HEAD("7.batch", "n1") "x|/y\n",
		HEAD("", "n1") "x|/y\n",
		HEAD("7", "None assigned") "x|/y\n",
	};
	struct sacct_records records;
	struct sacct_record record;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		sacct_records_init(&records, slice_from(lines[i]), "|");
		assert_false(sacct_next(&records, &record));
	}
	assert_int_equal(records.skipped, 1);
}

/* The same record with the separator that a genuine sacct was told. */
static void separated(struct buffer *out, const char *id, const char *name, const char *workdir)
{
	static const char head[] = "gpu|normal|astro|staff|501|mira|1207|submit|start|end|"
				   "00:10:00|600|0:0|RUNNING|cpu=8|gn08";
	struct slice rest = slice_from(head), field;

	buffer_puts(out, id);
	while (slice_next(&rest, '|', &field)) {
		buffer_puts(out, "|0123|");
		buffer_append(out, field.p, field.n);
	}
	buffer_printf(out, "|0123|%s|0123|%s\n", name, workdir);
}

static void no_name_can_pass_for_a_record_when_the_separator_is_secret(void **state)
{
	static const char forged[] = "x\n" HEAD("999", "gn01") "bill them|/home/victim\n";
	struct buffer out = { 0 };
	struct sacct_records records;
	struct sacct_record r;

	buffer_puts(&out, "sacct: warning on stderr\n");
	separated(&out, "1", forged, "/home/mira");
	separated(&out, "1.batch", "step", "/");
	separated(&out, "2", "b", "/home/li\n3");
	separated(&out, "4", "", "");
	separated(&out, "5", "last", "/end");

	sacct_records_init(&records, (struct slice){ out.data, out.len }, "|0123|");
	assert_true(sacct_next(&records, &r));
	assert_slice(r.fields[SACCT_JOBID], "1");
	assert_slice(r.fields[SACCT_USER], "mira");
	assert_slice(r.fields[SACCT_JOB_NAME], forged);
	assert_slice(r.fields[SACCT_WORKDIR], "/home/mira");
	assert_true(sacct_next(&records, &r));
	assert_slice(r.fields[SACCT_JOBID], "2");
	assert_slice(r.fields[SACCT_WORKDIR], "/home/li\n3");
	assert_true(sacct_next(&records, &r));
	assert_slice(r.fields[SACCT_JOBID], "4");
	assert_slice(r.fields[SACCT_WORKDIR], "");
	assert_true(sacct_next(&records, &r));
	assert_slice(r.fields[SACCT_JOB_NAME], "last");
	assert_slice(r.fields[SACCT_WORKDIR], "/end");
	assert_false(sacct_next(&records, &r));
	assert_int_equal(records.skipped, 1);
	buffer_done(&out);
}

static void output_that_is_cut_short_gives_the_whole_records_only(void **state)
{
	struct buffer out = { 0 };
	struct sacct_records records;
	struct sacct_record r;

	separated(&out, "1", "a", "/a");
	separated(&out, "2", "b", "/b");
	for (size_t n = 0; n < out.len; n++) {
		size_t seen = 0;

		sacct_records_init(&records, (struct slice){ out.data, n }, "|0123|");
		while (sacct_next(&records, &r))
			seen++;
		assert_true(seen <= 2);
	}
	buffer_done(&out);
}

static void allocations_are_read(void **state)
{
	static const struct {
		const char *text;
		struct sacct_tres tres;
	} rows[] = {
		{ "billing=8,cpu=8,gres/gpu:h2=2,gres/gpu=2,mem=16G,node=1",
			{ 8, 1, 8, 2, 16LL << 30 } },
		{ "cpu=1,mem=96.5G", { .cpus = 1, .mem_bytes = 96LL << 30 } },
		{ "mem=100M", { .mem_bytes = 100LL << 20 } },
		{ "mem=5K,node=2", { .mem_bytes = 5 << 10, .nodes = 2 } },
		{ "mem=2T", { .mem_bytes = 2LL << 40 } },
		{ "mem=2", { 0 } },
		{ "mem=2P", { 0 } },
		{ "mem=1.2.3G", { 0 } },
		{ "mem=", { 0 } },
		{ "mem=99999999999999T", { 0 } },
		{ "mem=99999999999999999999999G", { 0 } },
		{ "gres/gpu:a=1,gres/gpu:b=3", { .gpus = 4 } },
		{ "gres/gpu:a=1,gres/gpu=5,gres/gpu:b=3", { .gpus = 5 } },
		{ "gres/gpumem=80G,gres/gpuutil=7", { 0 } },
		{ "gres/gpu:nvidia_a100_1g.5gb=2", { .gpus = 2 } },
		{ "gres/gpu:a=9223372036854775807,gres/gpu:b=2", { .gpus = INT64_MAX } },
		{ "cpu,mem,node,billing,gres/gpu", { 0 } },
		{ "cpu=-4,node=x,billing=1.5", { 0 } },
		{ "", { 0 } },
		{ ",,=,=5", { 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sacct_tres tres;

		sacct_parse_tres(slice_from(rows[i].text), &tres);
		assert_int_equal(tres.billing, rows[i].tres.billing);
		assert_int_equal(tres.nodes, rows[i].tres.nodes);
		assert_int_equal(tres.cpus, rows[i].tres.cpus);
		assert_int_equal(tres.gpus, rows[i].tres.gpus);
		assert_int_equal(tres.mem_bytes, rows[i].tres.mem_bytes);
	}
}

static void a_window_counts_what_lies_in_it(void **state)
{
	/* Windows of 100 s that begin at 1000 s; sacct was asked from 950 s on. */
	static const struct {
		int64_t job_start_s, job_end_s, seconds;
	} rows[] = {
		{ 0, 0, 0 },
		{ 0, 1050, 0 },
		{ 900, 0, 100 },
		{ 900, 1030, 30 },
		{ 1010, 0, 90 },
		{ 1010, 1015, 5 },
		{ 1010, 2000, 90 },
		{ 1100, 0, 0 },
		{ 2000, 0, 0 },
		{ 2000, 2100, 0 },
		{ 900, 1000, 0 }, /* counted in the window before */
		{ 900, 960, 0 }, /* listed again for its energy */
		{ 900, 950, 0 },
		{ 900, 949, 49 }, /* in no window so far */
		{ 1050, 1040, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(sacct_window_seconds(rows[i].job_start_s * 1000,
					 rows[i].job_end_s * 1000, 950000, 1000000, 1100000),
			rows[i].seconds);
	/* A start with milliseconds: a job that ended in its second is no job of old. */
	assert_int_equal(sacct_window_seconds(900000, 950000, 950700, 950700, 1100000), 0);
}

static void windows_that_meet_count_each_second_once(void **state)
{
	for (int64_t start = 0; start < 40; start++)
		for (int64_t end = start; end < 45; end++) {
			int64_t sum = 0;

			/* sacct doesn't list what ended before the time that it is asked from. */
			for (int64_t w = 0; w < 60 && w - 50 <= end; w += 7)
				sum += sacct_window_seconds((1000 + start) * 1000,
					(1000 + end) * 1000, (1000 + w - 50) * 1000,
					(1000 + w) * 1000, (1000 + w + 7) * 1000);
			assert_int_equal(sum, end - start);
		}
}

static void associations_leave_root_out(void **state)
{
	struct slice account, user;

	assert_true(sacctmgr_parse_association(SLICE("astro|mira|more"), &account, &user));
	assert_slice(account, "astro");
	assert_slice(user, "mira");
	assert_false(sacctmgr_parse_association(SLICE("astro|"), &account, &user));
	assert_false(sacctmgr_parse_association(SLICE("astro"), &account, &user));
	assert_false(sacctmgr_parse_association(SLICE("|mira"), &account, &user));
	assert_false(sacctmgr_parse_association(SLICE("root|mira"), &account, &user));
	assert_false(sacctmgr_parse_association(SLICE("astro|root"), &account, &user));
	assert_false(sacctmgr_parse_association(SLICE(""), &account, &user));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_fields_of_a_line_are_told_apart),
		TEST(names_may_hold_the_separator),
		TEST(what_is_no_job_with_nodes_is_skipped),
		TEST(no_name_can_pass_for_a_record_when_the_separator_is_secret),
		TEST(output_that_is_cut_short_gives_the_whole_records_only),
		TEST(allocations_are_read),
		TEST(a_window_counts_what_lies_in_it),
		TEST(windows_that_meet_count_each_second_once),
		TEST(associations_leave_root_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
