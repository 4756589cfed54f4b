// SPDX-License-Identifier: Apache-2.0
#include "format/xml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/buffer.h"
#include "unit_test.h"

static struct buffer seen;
static int answer;
static const char *answer_at;

static int start(void *ctx, const char *path, const struct xml_attributes *attributes)
{
	buffer_printf(&seen, "<%s", path);
	for (const char *const *v = attributes->v; v[0]; v += 2)
		buffer_printf(&seen, " %s=%s", v[0], v[1]);
	buffer_puts(&seen, ">");
	return answer_at && str_eq(path, answer_at) ? answer : 0;
}

static int end(void *ctx, const char *path, struct slice text)
{
	buffer_printf(&seen, "[%.*s]", (int)text.n, text.p);
	return 0;
}

static const struct xml_visitor visitor = { start, end, NULL };
static struct err err;

static int walk_n(const char *text, size_t n)
{
	buffer_clear(&seen);
	err = (struct err){ 0 };
	return xml_walk((struct slice){ text, n }, &visitor, &err);
}

static int walk(const char *text)
{
	return walk_n(text, strlen(text));
}

static int setup(void **state)
{
	buffer_init(&seen, 0);
	answer = 0;
	answer_at = NULL;
	return 0;
}

static int teardown(void **state)
{
	buffer_done(&seen);
	return 0;
}

static void elements_come_with_their_paths_attributes_and_texts(void **state)
{
	assert_int_equal(walk("<?xml version='1.0'?>\n<!-- c --><a x='1' y=\"&lt;2\"><b> t &amp; u "
			      "</b><n:c/></a>\n"),
		0);
	assert_string_equal(buffer_text(&seen), "<a x=1 y=<2><a/b>[t & u]<a/n:c>[][]");
	assert_int_equal(walk("<a><![CDATA[<x>]]><!-- c -->&#65;</a>"), 0);
	assert_string_equal(buffer_text(&seen), "<a>[<x>A]");
}

static void other_encodings_become_utf8(void **state)
{
	assert_int_equal(walk("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe4</a>"), 0);
	assert_string_equal(buffer_text(&seen), "<a>[\xc3\xa4]");
	assert_int_equal(walk("<a>\xe4</a>"), -EBADMSG);
	assert_int_equal(walk("<?xml version='1.0' encoding='EBCDIC'?><a/>"), -EBADMSG);
}

static void what_is_no_xml_is_told_with_its_line(void **state)
{
	static const char *const bad[] = { "", " ", "x", "<a>", "<a></b>", "<a/><b/>", "<a x=1/>",
		"<a x='1' x='2'/>", "<a>&unknown;</a>", "<a>\x01</a>", "<a", "<1/>" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(walk(bad[i]), -EBADMSG);
		assert_memory_equal(err.text, "line 1: ", 8);
	}
	assert_int_equal(walk("<a>\n<b>\n</a>"), -EBADMSG);
	assert_memory_equal(err.text, "line 3: ", 8);
	assert_int_equal(walk_n("<a>\0</a>", 8), -EBADMSG);
}

static void a_document_that_declares_entities_is_refused(void **state)
{
	assert_int_equal(walk("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>"), -EBADMSG);
	assert_non_null(strstr(err.text, "declares an entity"));
	assert_string_equal(buffer_text(&seen), "");
	assert_int_equal(
		walk("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><a>&x;</a>"),
		-EBADMSG);
	assert_int_equal(walk("<!DOCTYPE a [<!ENTITY % p \"<b/>\">%p;]><a/>"), -EBADMSG);
	assert_string_equal(buffer_text(&seen), "");
	/* A document type alone is nothing that is read. */
	assert_int_equal(walk("<!DOCTYPE a SYSTEM \"a.dtd\"><a>t</a>"), 0);
	assert_string_equal(buffer_text(&seen), "<a>[t]");
}

static void depth_paths_and_texts_have_limits(void **state)
{
	struct buffer text = { 0 };

	for (int depth = XML_DEPTH_MAX; depth <= XML_DEPTH_MAX + 1; depth++) {
		buffer_clear(&text);
		for (int i = 0; i < depth; i++)
			buffer_puts(&text, "<a>");
		for (int i = 0; i < depth; i++)
			buffer_puts(&text, "</a>");
		assert_int_equal(
			walk_n(buffer_text(&text), text.len), depth == XML_DEPTH_MAX ? 0 : -E2BIG);
	}
	buffer_clear(&text);
	buffer_puts(&text, "<a><");
	for (int i = 0; i < XML_PATH_MAX_BYTES; i++)
		buffer_putc(&text, 'n');
	buffer_puts(&text, "/></a>");
	assert_int_equal(walk_n(buffer_text(&text), text.len), -E2BIG);
	buffer_clear(&text);
	buffer_puts(&text, "<a>");
	for (int i = 0; i <= XML_TEXT_MAX_BYTES; i++)
		buffer_putc(&text, 't');
	buffer_puts(&text, "</a>");
	assert_int_equal(walk_n(buffer_text(&text), text.len), -E2BIG);
	buffer_done(&text);
	assert_int_equal(walk_n("", (size_t)XML_DOCUMENT_MAX_BYTES + 1), -E2BIG);
}

static void the_visitor_may_end_the_walk(void **state)
{
	answer_at = "a/b";
	answer = -ENOSPC;
	assert_int_equal(walk("<a><b/><c/></a>"), -ENOSPC);
	assert_string_equal(buffer_text(&seen), "<a><a/b>");
	answer = -EBADMSG;
	assert_int_equal(walk("<a><b/><c/></a>"), -EBADMSG);
	assert_null(strstr(err.text, "declares an entity"));
	assert_string_equal(buffer_text(&seen), "<a><a/b>");
	answer = -ECANCELED;
	assert_int_equal(walk("<a><b/><c/></a>"), 0);
	assert_string_equal(buffer_text(&seen), "<a><a/b>");
}

static void attributes_are_found_by_name(void **state)
{
	const char *const v[] = { "a", "1", "b", "", NULL };
	const struct xml_attributes attributes = { v };

	assert_string_equal(xml_attribute(&attributes, "a"), "1");
	assert_string_equal(xml_attribute(&attributes, "b"), "");
	assert_null(xml_attribute(&attributes, "1"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(elements_come_with_their_paths_attributes_and_texts),
		CASE(other_encodings_become_utf8),
		CASE(what_is_no_xml_is_told_with_its_line),
		CASE(a_document_that_declares_entities_is_refused),
		CASE(depth_paths_and_texts_have_limits),
		CASE(the_visitor_may_end_the_walk),
		CASE(attributes_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
