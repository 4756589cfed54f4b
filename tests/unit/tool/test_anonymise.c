// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <stdio.h>
#include <string.h>

#include "tool/capture/anonymise.h"

#define UUID "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
#define UNDERSCORES "1B4E28BA_2fa1_11d2_883f_0016d3cca427"

static const struct anonymiser site = { .key = "0123456789abcdef0123456789abcde", .host = "node7" };

static const char *done(struct buffer *out, const char *text)
{
	buffer_clear(out);
	anonymise(&site, slice_from(text), out);
	assert_int_equal(buffer_error(out), 0);
	return buffer_text(out);
}

static void nothing_that_names_somebody_stays(void **state)
{
	static const struct {
		const char *text, *secret;
	} rows[] = {
		{ "GPU 0: A100 (UUID: GPU-" UUID ")\n", "1b4e28ba" },
		{ "kubepods-pod" UNDERSCORES ".slice", "1B4E28BA" },
		{ "machine-qemu\\x2d1b4e28ba\\x2d2fa1\\x2d11d2\\x2d883f\\x2d0016d3cca427",
			"cca427" },
		{ "cri-0123456789abcdef0123456789abcdef.scope", "0123456789ab" },
		{ "ether 3c:ec:ef:01:02:03 up", "3c:ec:ef" },
		{ "<serial>165292</serial>\n", "165292" },
		{ "\"Serial Number\": \"PCB-77 X\",\n", "PCB" },
		{ "Serial\t\t: 00000000abcd\n", "abcd" },
		{ "<process_name>/home/ada/bin/x</process_name>", "ada" },
		{ "on NODE7.example.org:", "NODE7" },
		{ "pid 7 comm ada.x\n", "ada" },
		{ "\"pid\":7,\"comm\":\"\\\"of ada\"}", "ada" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		CLEANUP(buffer_done) struct buffer out = { 0 };

		assert_null(strstr(done(&out, rows[i].text), rows[i].secret));
		assert_true(out.len > 0);
	}
}

static void what_is_measured_stays(void **state)
{
	static const char *const texts[] = { "cpu  17 0 4 9023\n", "0000:3b:00.0", "intel-rapl:0:0",
		"flags\t\t: fpu vme de pse tsc msr\n", "usage_usec 12345678901234567890\n",
		"ffffffff,00000000,ffffffff", "node70 xnode7", "535.104.12", "<serial>N/A</serial>",
		"serial port\n", "uid_1000/job_12/step_0", "" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		CLEANUP(buffer_done) struct buffer out = { 0 };

		assert_string_equal(done(&out, texts[i]), texts[i]);
	}
}

static void one_uuid_has_one_hash_in_every_form_and_another_by_another_key(void **state)
{
	CLEANUP(buffer_done) struct buffer a = { 0 }, b = { 0 };
	struct anonymiser other = site;

	done(&a, UUID);
	done(&b, UNDERSCORES);
	assert_int_equal(a.len, b.len);
	for (size_t i = 0; i < a.len; i++)
		assert_true(a.data[i] == b.data[i] || (a.data[i] == '-' && b.data[i] == '_'));
	other.key[5] ^= 1;
	buffer_clear(&b);
	anonymise(&other, SLICE(UUID), &b);
	assert_string_not_equal(buffer_text(&a), buffer_text(&b));
}

static void control_group_of_a_static_pod_keeps_its_form_and_meets_its_hash(void **state)
{
	static const char *const forms[] = { "kubepods-burstable-pod%s.slice", "burstable/pod%s/c",
		"pod%s" };
	static const char hash[] = "3a7be1f5d2c94e0f8b6a1d2c3e4f5061";
	CLEANUP(buffer_done) struct buffer alone = { 0 }, out = { 0 };

	done(&alone, hash);
	assert_int_equal(alone.len, strlen(hash));
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		char before[128], after[128];

		snprintf(before, sizeof(before), forms[i], hash);
		snprintf(after, sizeof(after), forms[i], buffer_text(&alone));
		assert_string_equal(done(&out, before), after);
	}
}

static void of_a_process_only_what_the_exporter_reads_stays(void **state)
{
	CLEANUP(buffer_done) struct buffer out = { 0 };

	anonymise_environ(&site,
		SLICE("USER=ada\0SLURM_JOB_ID=12\0SLURM_JOB_NAME=x\0SLURM_JOB_GPUS=0,1\0"), &out);
	assert_int_equal(out.len, 35);
	assert_memory_equal(out.data, "SLURM_JOB_ID=12\0SLURM_JOB_GPUS=0,1\0", 35);
	buffer_clear(&out);
	anonymise_cmdline(SLICE("/home/ada/x\0--key=7\0"), &out);
	assert_int_equal(out.len, 0);
	anonymise_cmdline(SLICE("slurmstepd: [12.batch] more"), &out);
	assert_string_equal(buffer_text(&out), "slurmstepd: [12.batch]");
	buffer_clear(&out);
	anonymise_status(SLICE("Name:\tsecret\nUid:\t1007\t1007\t1007\t1007\n"), &out);
	assert_string_equal(buffer_text(&out), "Uid:\t65534\t65534\t65534\t65534\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_that_names_somebody_stays),
		TEST(what_is_measured_stays),
		TEST(one_uuid_has_one_hash_in_every_form_and_another_by_another_key),
		TEST(control_group_of_a_static_pod_keeps_its_form_and_meets_its_hash),
		TEST(of_a_process_only_what_the_exporter_reads_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
