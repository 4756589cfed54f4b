// SPDX-License-Identifier: Apache-2.0
/* Replies as slurmrestd 22.05 (v0.0.38) gives them, and the forms of later versions. */
#include "remote/slurmrest.h"

#include <errno.h>
#include <string.h>

#include "unit_test.h"

static struct arena arena;
static struct err err;

static int setup(void **state)
{
	arena_init(&arena, 1 << 26);
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static const char v38[] =
	"{\"meta\": {}, \"errors\": [], \"jobs\": [{\"account\": \"proj1\", \"job_id\": 6, "
	"\"name\": \"we|ird\\nname\", \"nodes\": \"gn[1-2]\", \"partition\": \"main\", "
	"\"qos\": \"normal\", \"group\": \"staff\", \"user\": \"mira\", "
	"\"kill_request_user\": null, \"working_directory\": \"\\/home\\/mira\", "
	"\"exit_code\": {\"status\": \"SIGNALED\", \"return_code\": null, \"signal\": "
	"{\"signal_id\": 9, \"name\": \"Killed\"}}, \"state\": {\"current\": "
	"\"OUT_OF_MEMORY\", \"reason\": \"None\"}, \"time\": {\"elapsed\": 93784, \"end\": "
	"1933574584, \"start\": 1933480800, \"submission\": 1933480700}, \"tres\": "
	"{\"allocated\": [{\"type\": \"cpu\", \"name\": null, \"id\": 1, \"count\": 8}, "
	"{\"type\": \"mem\", \"name\": null, \"id\": 2, \"count\": 16384}, {\"type\": "
	"\"energy\", \"name\": null, \"id\": 3, \"count\": null}, {\"type\": \"node\", "
	"\"name\": null, \"id\": 4, \"count\": 2}, {\"type\": \"gres\", \"name\": \"gpu\", "
	"\"id\": 1001, \"count\": 4}, {\"type\": \"gres\", \"name\": \"gpu:h100\", \"id\": "
	"1002, \"count\": 4}]}}, {\"job_id\": 7, \"nodes\": \"None assigned\", \"state\": "
	"{\"current\": \"PENDING\"}}]}";

static const char v41[] =
	"{\"jobs\": [{\"account\": \"proj1\", \"job_id\": 6, \"name\": \"n\", \"nodes\": \"gn1\", "
	"\"user\": \"mira\", \"kill_request_user\": \"root\", \"exit_code\": {\"status\": "
	"[\"SUCCESS\"], \"return_code\": {\"set\": true, \"infinite\": false, \"number\": 3}, "
	"\"signal\": {\"id\": {\"set\": false, \"infinite\": false, \"number\": 0}, \"name\": "
	"\"\"}}, \"state\": {\"current\": [\"CANCELLED\", \"COMPLETING\"]}, \"time\": "
	"{\"elapsed\": 5, \"end\": {\"set\": true, \"infinite\": false, \"number\": 0}, "
	"\"start\": {\"set\": true, \"infinite\": false, \"number\": 1933480800}, "
	"\"submission\": 1933480700}, \"tres\": {\"allocated\": []}}]}";

static const struct sacct_record *only_job(const char *json)
{
	struct sacct_record *records;
	size_t n;

	if (slurmrest_parse_jobs(slice_from(json), &arena, &records, &n, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(n, 1);
	return records;
}

static void assert_field(
	const struct sacct_record *record, enum sacct_field field, const char *text)
{
	struct slice s = record->fields[field];

	if (!slice_eq(s, text))
		fail_msg("field %d: '%.*s' instead of '%s'", field, (int)s.n, s.p, text);
}

static void a_job_is_what_sacct_prints(void **state)
{
	const struct sacct_record *r = only_job(v38);
	struct sacct_tres tres;

	assert_field(r, SACCT_JOBID, "6");
	assert_field(r, SACCT_PARTITION, "main");
	assert_field(r, SACCT_QOS, "normal");
	assert_field(r, SACCT_ACCOUNT, "proj1");
	assert_field(r, SACCT_GROUP, "staff");
	assert_null(r->fields[SACCT_UID].p);
	assert_null(r->fields[SACCT_GID].p);
	assert_field(r, SACCT_USER, "mira");
	assert_field(r, SACCT_SUBMIT, "2031-04-09T05:58:20+0000");
	assert_field(r, SACCT_START, "2031-04-09T06:00:00+0000");
	assert_field(r, SACCT_END, "2031-04-10T08:03:04+0000");
	assert_field(r, SACCT_ELAPSED, "1-02:03:04");
	assert_field(r, SACCT_ELAPSED_RAW, "93784");
	assert_field(r, SACCT_EXIT_CODE, "0:9");
	assert_field(r, SACCT_STATE, "OUT_OF_MEMORY");
	assert_field(r, SACCT_NODELIST, "gn[1-2]");
	assert_field(r, SACCT_JOB_NAME, "we|ird\nname");
	assert_field(r, SACCT_WORKDIR, "/home/mira");
	assert_field(r, SACCT_ALLOC_TRES, "cpu=8,mem=16384M,node=2,gres/gpu=4,gres/gpu:h100=4");
	sacct_parse_tres(r->fields[SACCT_ALLOC_TRES], &tres);
	assert_int_equal(tres.gpus, 4);
	assert_true(tres.mem_bytes == INT64_C(16) << 30);
}

static void later_versions_are_read(void **state)
{
	const struct sacct_record *r = only_job(v41);

	assert_field(r, SACCT_STATE, "CANCELLED by root");
	assert_field(r, SACCT_START, "2031-04-09T06:00:00+0000");
	assert_field(r, SACCT_END, "Unknown");
	assert_field(r, SACCT_EXIT_CODE, "3:0");
	assert_field(r, SACCT_ALLOC_TRES, "");
	assert_field(r, SACCT_PARTITION, "");
}

static void nothing_found_is_no_error_but_others_are(void **state)
{
	struct sacct_record *records;
	size_t n;

	assert_int_equal(
		slurmrest_parse_jobs(slice_from("{\"errors\": [{\"error_number\": 9003, "
						"\"error\": \"Nothing found with query\"}]}"),
			&arena, &records, &n, &err),
		0);
	assert_int_equal(n, 0);
	assert_int_equal(
		slurmrest_parse_jobs(
			slice_from("{\"errors\": [{\"error_number\": 1007, \"description\": "
				   "\"Failed to open slurmdbd\", \"error\": \"Protocol\"}], "
				   "\"jobs\": []}"),
			&arena, &records, &n, &err),
		-EBADMSG);
	assert_non_null(strstr(err.text, "Failed to open slurmdbd: Protocol"));
}

static void what_is_no_reply_is_said(void **state)
{
	static const char *const bad[] = { "", "Authentication failure", "[]", "{\"jobs\": 5}",
		"{\"jobs\": [", "{\"jobs\": {}}" };
	struct sacct_record *records;
	struct slurmrest_pair *pairs;
	struct slurmrest_server server;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(
			slurmrest_parse_jobs(slice_from(bad[i]), &arena, &records, &n, &err),
			-EBADMSG);
		assert_int_equal(slurmrest_parse_associations(
					 slice_from(bad[i]), NULL, &arena, &pairs, &n, &err),
			-EBADMSG);
		assert_int_equal(
			slurmrest_parse_server(slice_from(bad[i]), &server, &err), -EBADMSG);
	}
	/* Odd jobs are left out or bare. */
	assert_int_equal(slurmrest_parse_jobs(
				 slice_from("{\"jobs\": [null, 5, {}, {\"job_id\": 1, \"nodes\": "
					    "\"n\", \"time\": {\"start\": -5, \"end\": "
					    "9223372036854775807}}]}"),
				 &arena, &records, &n, &err),
		0);
	assert_int_equal(n, 1);
	assert_field(records, SACCT_START, "Unknown");
	assert_field(records, SACCT_END, "Unknown");
}

static void bytes_that_are_no_text_dont_hide_all_jobs(void **state)
{
	char json[] =
		"{\"jobs\": [{\"job_id\": 1, \"nodes\": \"n\", \"name\": \"a\xff\xc3.\xc3\xa9\"}]}";
	struct sacct_record *records;
	size_t n;

	assert_int_equal(
		slurmrest_parse_jobs(slice_from(json), &arena, &records, &n, &err), -EBADMSG);
	slurmrest_repair(json, strlen(json));
	assert_field(only_job(json), SACCT_JOB_NAME, "a??.\xc3\xa9");
}

static void associations_are_those_of_the_cluster(void **state)
{
	static const char json[] =
		"{\"associations\": [{\"account\": \"root\", \"user\": \"root\", \"cluster\": \"a\"}, "
		"{\"account\": \"astro\", \"user\": null, \"cluster\": \"a\"}, {\"account\": "
		"\"astro\", \"user\": \"mira\", \"cluster\": \"a\"}, {\"account\": \"bio\", \"user\": "
		"\"zoe\", \"cluster\": \"b\"}]}";
	struct slurmrest_pair *pairs;
	size_t n;

	assert_int_equal(
		slurmrest_parse_associations(slice_from(json), NULL, &arena, &pairs, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(
		slurmrest_parse_associations(slice_from(json), "b", &arena, &pairs, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_string_equal(pairs[0].account, "bio");
	assert_string_equal(pairs[0].user, "zoe");
}

static void the_newest_version_is_taken(void **state)
{
	struct slurmrest_server server;

	assert_int_equal(
		slurmrest_parse_server(
			slice_from(
				"{\"paths\": {\"/slurm/v0.0.45/jobs\": {}, "
				"\"/slurmdb/v0.0.9/jobs\": {}, \"/slurmdb/v0.0.41/jobs/\": {\"get\": "
				"{\"parameters\": [{\"name\": \"show_duplicates\"}]}}, "
				"\"/slurmdb/v0.0.40/jobs/\": {}, \"/slurmdb/v0.0.42/users/\": {}, "
				"\"/slurmdb/v0.0.99x/jobs\": {}}}"),
			&server, &err),
		0);
	assert_string_equal(server.version, "v0.0.41");
	assert_true(server.show_duplicates);
	assert_int_equal(
		slurmrest_parse_server(
			slice_from("{\"paths\": {\"/slurm/v0.0.38/jobs\": {}}}"), &server, &err),
		-EBADMSG);
	assert_non_null(strstr(err.text, "slurmdb"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_job_is_what_sacct_prints),
		TEST(later_versions_are_read),
		TEST(nothing_found_is_no_error_but_others_are),
		TEST(what_is_no_reply_is_said),
		TEST(bytes_that_are_no_text_dont_hide_all_jobs),
		TEST(associations_are_those_of_the_cluster),
		TEST(the_newest_version_is_taken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
