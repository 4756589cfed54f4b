// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_exec.h"

#include <errno.h>

#include "basic/macros.h"
#include "unit_test.h"

static struct buffer out;
static struct kube_exec_output output;

static int setup(void **state)
{
	buffer_init(&out, 8);
	output = (struct kube_exec_output){ .out = &out };
	return 0;
}

static int teardown(void **state)
{
	buffer_done(&out);
	return 0;
}

static int take(struct slice message)
{
	return kube_exec_take(&output, message);
}

static void both_outputs_are_put_together_in_order(void **state)
{
	assert_int_equal(take(SLICE("\x01")), 0);
	assert_int_equal(take(SLICE("\x01"
				    "ab")),
		0);
	assert_int_equal(take(SLICE("\x02"
				    "c")),
		0);
	assert_int_equal(take(SLICE("\x01"
				    "d")),
		0);
	assert_string_equal(buffer_text(&out), "abcd");
	assert_false(output.ended);
	assert_int_equal(take(SLICE("\x01"
				    "more than eight")),
		-E2BIG);
}

static void success_is_told(void **state)
{
	assert_int_equal(take(SLICE("\x03{\"metadata\":{},\"status\":\"Success\"}")), 0);
	assert_true(output.ended);
	assert_false(output.failed);
}

static void a_failure_is_told_with_its_words(void **state)
{
	assert_int_equal(take(SLICE("\x03{\"status\":\"Failure\",\"message\":\"exit code 9\\n\","
				    "\"reason\":\"NonZeroExitCode\"}")),
		0);
	assert_true(output.ended);
	assert_true(output.failed);
	assert_non_null(strstr(output.message, "exit code 9"));
	assert_null(strchr(output.message, '\n'));
}

static void other_messages_are_refused(void **state)
{
	static const struct slice bad[] = { SLICE(""), SLICE("\x04x"), SLICE("\xffx"), SLICE("1x"),
		SLICE("\x03"), SLICE("\x03[]"), SLICE("\x03{\"status\":1}"), SLICE("\x03{") };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(take(bad[i]), -EBADMSG);
	assert_false(output.ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			both_outputs_are_put_together_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(success_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failure_is_told_with_its_words, setup, teardown),
		cmocka_unit_test_setup_teardown(other_messages_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
