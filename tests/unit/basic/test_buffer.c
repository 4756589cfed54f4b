// SPDX-License-Identifier: Apache-2.0
#include "basic/buffer.h"

#include <errno.h>
#include <stdint.h>

#include "alloc_fail.h"
#include "unit_test.h"

static void text_grows_and_ends_with_a_zero(void **state)
{
	CLEANUP(buffer_done) struct buffer buf;

	buffer_init(&buf, 0);
	assert_string_equal(buffer_text(&buf), "");
	buffer_puts(&buf, "");
	buffer_putc(&buf, 'a');
	buffer_append(&buf, "bc\0d", 4);
	buffer_printf(&buf, "%s%03d", "e", 7);
	assert_int_equal(buf.len, 9);
	assert_memory_equal(buf.data, "abc\0de007", 10);
	for (int i = 0; i < 10000; i++) {
		buffer_putc(&buf, 'x');
		assert_int_equal(buf.data[buf.len], 0);
	}
	assert_int_equal(buf.len, 10009);
	assert_int_equal(buffer_error(&buf), 0);
	buffer_clear(&buf);
	assert_string_equal(buffer_text(&buf), "");
	assert_true(buf.cap > 10000);
}

static void room_that_is_not_used_is_no_text(void **state)
{
	struct buffer buf = { 0 };

	assert_non_null(buffer_reserve(&buf, 100));
	assert_string_equal(buffer_text(&buf), "");
	buffer_puts(&buf, "abc");
	assert_non_null(buffer_reserve(&buf, 100000));
	assert_string_equal(buffer_text(&buf), "abc");
	buffer_done(&buf);
}

static void room_behind_the_text_can_be_given_back(void **state)
{
	CLEANUP(buffer_done) struct buffer buf;

	buffer_init(&buf, 0);
	buffer_shrink(&buf);
	assert_null(buf.data);
	buffer_puts(&buf, "abc");
	buffer_shrink(&buf);
	assert_int_equal(buf.cap, 4);
	assert_string_equal(buffer_text(&buf), "abc");
	buffer_putc(&buf, 'd');
	assert_string_equal(buffer_text(&buf), "abcd");
}

static void limit_is_exact_and_the_error_sticks(void **state)
{
	CLEANUP(buffer_done) struct buffer buf;

	buffer_init(&buf, 5);
	buffer_puts(&buf, "12345");
	assert_int_equal(buffer_error(&buf), 0);
	buffer_putc(&buf, '6');
	assert_int_equal(buffer_error(&buf), -E2BIG);
	buffer_puts(&buf, "");
	buffer_printf(&buf, "x");
	assert_string_equal(buffer_text(&buf), "12345");
	assert_null(buffer_reserve(&buf, 0));
	buffer_clear(&buf);
	assert_int_equal(buffer_error(&buf), 0);
	buffer_printf(&buf, "%d", 123456);
	assert_int_equal(buffer_error(&buf), -E2BIG);
	assert_string_equal(buffer_text(&buf), "");
	buffer_clear(&buf);
	assert_null(buffer_reserve(&buf, SIZE_MAX));
	assert_int_equal(buffer_error(&buf), -E2BIG);
}

static void failing_malloc_sticks_and_keeps_what_was_there(void **state)
{
	CLEANUP(buffer_done) struct buffer buf;

	buffer_init(&buf, 0);
	alloc_fail_at(1);
	buffer_putc(&buf, 'a');
	assert_int_equal(buffer_error(&buf), -ENOMEM);
	assert_string_equal(buffer_text(&buf), "");
	buffer_clear(&buf);
	buffer_puts(&buf, "kept");
	alloc_fail_at(1);
	buffer_printf(&buf, "%1000s", "");
	alloc_fail_at(0);
	assert_int_equal(buffer_error(&buf), -ENOMEM);
	assert_string_equal(buffer_text(&buf), "kept");
	buffer_done(&buf);
	buffer_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_grows_and_ends_with_a_zero),
		TEST(room_that_is_not_used_is_no_text),
		TEST(room_behind_the_text_can_be_given_back),
		TEST(limit_is_exact_and_the_error_sticks),
		TEST(failing_malloc_sticks_and_keeps_what_was_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
