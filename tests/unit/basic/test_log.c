// SPDX-License-Identifier: Apache-2.0
#include "basic/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit_test.h"

static int64_t fixed_time(void *ctx)
{
	return *(int64_t *)ctx;
}

static int64_t now_ns = 1935823749123456789; /* 2031-05-06T08:49:09.123456789Z */
static const struct clock fixed_clock = { fixed_time, fixed_time, &now_ns };
static struct log logger = { .level = LOG_LEVEL_INFO, .clock = &fixed_clock };
static int reader = -1;
static char text[1 << 17];

static int make_pipe(void **state)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fcntl(fds[1], F_SETPIPE_SZ, 1 << 17);
	reader = fds[0];
	fcntl(reader, F_SETFL, O_NONBLOCK);
	logger.fd = fds[1];
	logger.format = LOG_FORMAT_LOGFMT;
	logger.level = LOG_LEVEL_INFO;
	return 0;
}

static int close_pipe(void **state)
{
	close(reader);
	close(logger.fd);
	return 0;
}

static const char *written(void)
{
	ssize_t n = read(reader, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void logfmt_record_has_the_specified_form(void **state)
{
	log_write(&logger, LOG_LEVEL_INFO, "main.c", 42, "some text",
		(struct log_field[]){ LOG_STR("collector", "rapl"), LOG_INT("n", -3),
			LOG_F64("seconds", 0.25), LOG_STR("none", NULL) },
		4);
	assert_string_equal(written(),
		"time=2031-05-06T08:49:09.123Z level=INFO source=main.c:42 msg=\"some text\" "
		"collector=rapl n=-3 seconds=0.25 none=\"\"\n");
}

static void json_record_has_the_specified_form(void **state)
{
	logger.format = LOG_FORMAT_JSON;
	log_write(&logger, LOG_LEVEL_ERROR, "main.c", 42, "a \"b\"\n",
		(struct log_field[]){ LOG_INT("n", 7), LOG_F64("x", 1e300 * 1e300) }, 2);
	assert_string_equal(written(),
		"{\"time\":\"2031-05-06T08:49:09.123456789Z\",\"level\":\"ERROR\","
		"\"source\":\"main.c:42\",\"msg\":\"a \\\"b\\\"\\n\",\"n\":7,\"x\":\"+Inf\"}\n");
}

static void macros_name_the_place_and_honour_the_level(void **state)
{
	log_debug(&logger, "hidden");
	log_warn(&logger, "shown", LOG_INT("a", 1));
	written();
	assert_null(strstr(text, "hidden"));
	assert_non_null(strstr(text, "level=WARN source=test_log.c:"));
	assert_non_null(strstr(text, "msg=shown a=1\n"));
	log_error((const struct log *)NULL, "nowhere");
	assert_string_equal(written(), "");
}

static void values_are_quoted_where_they_must(void **state)
{
	static const struct {
		const char *value, *expected;
	} rows[] = {
		{ "plain/path:1.5", "plain/path:1.5" },
		{ "", "\"\"" },
		{ "a b", "\"a b\"" },
		{ "a=b", "\"a=b\"" },
		{ "say \"hi\"", "\"say \\\"hi\\\"\"" },
		{ "back\\slash", "\"back\\\\slash\"" },
		{ "two\nlines\ttab\rcr", "\"two\\nlines\\ttab\\rcr\"" },
		{ "\x1b[31mred\x7f", "\"\\u001b[31mred\\u007f\"" },
		{ "\xc2\x9b!", "\"\\u009b!\"" },
		{ "turn\xe2\x80\xae", "\"turn\\u202e\"" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "bad\xff", "\"bad\xef\xbf\xbd\"" },
		{ "cut\xe2\x82", "\"cut\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char expected[128];

		log_info(&logger, "m", LOG_STR("k", rows[i].value));
		snprintf(expected, sizeof(expected), " k=%s\n", rows[i].expected);
		assert_non_null(strstr(written(), expected));
	}
}

static void long_values_are_cut_between_characters(void **state)
{
	char value[6000];

	for (size_t i = 0; i < sizeof(value) - 1; i += 3)
		memcpy(value + i, "\xe2\x82\xac", 3);
	value[sizeof(value) - 1] = '\0';
	log_info(&logger, "m", LOG_STR("k", value), LOG_INT("after", 1));
	written();
	assert_non_null(strstr(text, "\xe2\x82\xac... after=1\n"));
	assert_int_equal(strlen(strstr(text, " k=")) < 2100, 1);
}

static void fields_beyond_the_record_are_counted(void **state)
{
	struct log_field fields[20];
	char value[4000];

	memset(value, 1, sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (size_t i = 0; i < 20; i++)
		fields[i] = LOG_STR("k", value);
	for (int format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_JSON; format++) {
		logger.format = (enum log_format)format;
		log_write(&logger, LOG_LEVEL_INFO, "f.c", 1, "m", fields, 20);
		written();
		assert_int_equal(strlen(text) <= 16384, 1);
		assert_non_null(strstr(text,
			format == LOG_FORMAT_JSON ? ",\"fields_cut\":19}\n" : " fields_cut=19\n"));
	}
}

static void times_before_the_epoch_and_steps_are_written(void **state)
{
	int64_t before = now_ns;

	now_ns = -1;
	log_info(&logger, "m");
	assert_memory_equal(written(), "time=1969-12-31T23:59:59.999Z ", 30);
	now_ns = before;
}

static void closed_descriptor_is_survived_and_errno_kept(void **state)
{
	struct log closed = logger;

	closed.fd = -1;
	errno = ENOENT;
	log_info(&closed, "m");
	assert_int_equal(errno, ENOENT);
}

static char padding[] = "abcdefgh";

static void *write_many(void *ctx)
{
	for (int i = 0; i < 100; i++)
		log_info(&logger, "from a thread", LOG_STR("padding", ctx));
	return NULL;
}

static void records_of_threads_do_not_mix(void **state)
{
	pthread_t threads[4];
	int lines = 0;

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, padding), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	written();
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
		assert_memory_equal(line, "time=", 5);
		assert_string_equal(line + strlen(line) - 16, "padding=abcdefgh");
	}
	assert_int_equal(lines, 400);
}

#define PIPE_TEST(name) cmocka_unit_test_setup_teardown(name, make_pipe, close_pipe)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PIPE_TEST(logfmt_record_has_the_specified_form),
		PIPE_TEST(json_record_has_the_specified_form),
		PIPE_TEST(macros_name_the_place_and_honour_the_level),
		PIPE_TEST(values_are_quoted_where_they_must),
		PIPE_TEST(long_values_are_cut_between_characters),
		PIPE_TEST(fields_beyond_the_record_are_counted),
		PIPE_TEST(times_before_the_epoch_and_steps_are_written),
		PIPE_TEST(closed_descriptor_is_survived_and_errno_kept),
		PIPE_TEST(records_of_threads_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
