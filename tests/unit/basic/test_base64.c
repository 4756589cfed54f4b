// SPDX-License-Identifier: Apache-2.0
#include "basic/base64.h"

#include <errno.h>

#include "basic/macros.h"
#include "unit_test.h"

static void check(const char *text, const char *wanted)
{
	char out[64];
	ssize_t n = base64_decode(slice_from(text), out, sizeof(out));

	assert_int_equal(n, strlen(wanted));
	assert_memory_equal(out, wanted, strlen(wanted));
}

static void check_encoded(struct slice bytes, const char *wanted)
{
	CLEANUP(buffer_done) struct buffer out = { 0 };

	base64_encode(bytes, &out);
	assert_string_equal(buffer_text(&out), wanted);
}

/* RFC 4648, section 10. */
static void the_examples_of_the_rfc_are_decoded(void **state)
{
	check("", "");
	check("Zg==", "f");
	check("Zm8=", "fo");
	check("Zm9v", "foo");
	check("Zm9vYmFy", "foobar");
	check("Zm9vYg", "foob");
}

static void the_examples_of_the_rfc_are_encoded(void **state)
{
	check_encoded(SLICE(""), "");
	check_encoded(SLICE("f"), "Zg==");
	check_encoded(SLICE("fo"), "Zm8=");
	check_encoded(SLICE("foo"), "Zm9v");
	check_encoded(SLICE("fooba"), "Zm9vYmE=");
	check_encoded(SLICE("foobar"), "Zm9vYmFy");
	check_encoded(SLICE("\xff\xfe\xfd\x00"), "//79AA==");
}

static void other_text_is_refused(void **state)
{
	static const char *const bad[] = { "Z", "Zg===", "Z g=", "Zm9v\n", "Zm9v-_", "=Zm9",
		"Z=g=" };
	char out[64];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(base64_decode(slice_from(bad[i]), out, sizeof(out)), -EBADMSG);
	assert_int_equal(base64_decode(SLICE("Zm9v\0"), out, sizeof(out)), -EBADMSG);
}

static void nothing_is_written_behind_the_end(void **state)
{
	char out[4] = "xyz";

	assert_int_equal(base64_decode(SLICE("Zm9vYmFy"), out, 3), -EBADMSG);
	assert_int_equal(out[3], '\0');
	assert_int_equal(base64_decode(SLICE("Zm9v"), out, 3), 3);
	assert_true(BASE64_DECODED_MAX(4) >= 3 && BASE64_DECODED_MAX(2) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_examples_of_the_rfc_are_decoded),
		TEST(the_examples_of_the_rfc_are_encoded),
		TEST(other_text_is_refused),
		TEST(nothing_is_written_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
