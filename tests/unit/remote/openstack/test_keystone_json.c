// SPDX-License-Identifier: Apache-2.0
#include "remote/openstack/keystone_json.h"

#include <errno.h>
#include <string.h>

#include "basic/buffer.h"
#include "unit_test.h"

static struct arena arena;
static struct keystone_names names;
static struct keystone_page page;
static struct err err;

static int setup(void **state)
{
	arena_init(&arena, 64 << 20);
	names = (struct keystone_names){ 0 };
	page = (struct keystone_page){ 0 };
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static int parse(const char *text)
{
	return keystone_parse_names(slice_from(text), "users", &arena, &names, &page, &err);
}

static void users_are_read(void **state)
{
	assert_int_equal(parse("{\"users\": [{\"id\": \"a1\", \"name\": \"mira\", \"domain_id\": "
			       "\"default\", \"enabled\": true, \"links\": {}}, {\"id\": \"b2\", "
			       "\"name\": \"zo\\u00eb\"}], \"links\": {\"next\": null, \"self\": "
			       "\"http://k/v3/users\", \"previous\": null}}"),
		0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0].id, "a1");
	assert_string_equal(names.v[0].name, "mira");
	assert_string_equal(names.v[1].name, "zo\xc3\xab");
	assert_null(page.next_query);
	assert_false(page.truncated);
}

static void items_without_an_id_are_passed_over(void **state)
{
	assert_int_equal(parse("{\"users\": [{\"name\": \"x\"}, 7, null, {\"id\": 1}, "
			       "{\"id\": \"a\"}]}"),
		0);
	assert_int_equal(names.n, 1);
	assert_string_equal(names.v[0].name, "");
}

static void pages_are_added_up(void **state)
{
	assert_int_equal(parse("{\"users\": [{\"id\": \"a\", \"name\": \"b\"}], \"links\": "
			       "{\"next\": \"http://k/v3/users?marker=a&limit=1\"}, "
			       "\"truncated\": true}"),
		0);
	assert_string_equal(page.next_query, "marker=a&limit=1");
	assert_false(page.truncated);
	assert_int_equal(parse("{\"users\": [{\"id\": \"c\", \"name\": \"d\"}], "
			       "\"truncated\": true}"),
		0);
	assert_int_equal(names.n, 2);
	assert_null(page.next_query);
	assert_true(page.truncated);
}

static void links_that_lead_nowhere_are_refused(void **state)
{
	static const char *const bad[] = { "http://k/v3/users", "?", "http://k/?a b",
		"http://k/?a=\\r\\n", "http://k/?a\\\"", "http://k/?\\u00e9" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse(arena_printf(&arena,
					 "{\"users\": [], \"links\": {\"next\": \"%s\"}}", bad[i])),
			-EBADMSG);
}

static void what_is_no_list_is_refused(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{}", "{\"users\": {}}",
		"{\"projects\": []}", "{\"error\": {\"message\": \"no\"}}", "<html>" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse(bad[i]), -EBADMSG);
}

static void many_users_are_many(void **state)
{
	struct buffer text = { 0 };

	buffer_puts(&text, "{\"users\": [{\"id\": \"0\"}");
	for (int i = 1; i < 10000; i++)
		buffer_printf(&text, ", {\"id\": \"%d\", \"name\": \"user%d\"}", i, i);
	buffer_puts(&text, "]}");
	assert_int_equal(parse(text.data), 0);
	assert_int_equal(names.n, 10000);
	assert_string_equal(names.v[9999].name, "user9999");
	buffer_done(&text);
}

static void it_runs_out_of_memory_in_good_order(void **state)
{
	int r = -ENOMEM;

	for (size_t limit = 0; r == -ENOMEM; limit += 512) {
		struct keystone_names list = { 0 };
		struct arena small;

		assert_true(limit < 1 << 20);
		arena_init(&small, limit);
		r = keystone_parse_names(
			SLICE("{\"users\": [{\"id\": \"a\"}], \"links\": {\"next\": \"?m=1\"}}"),
			"users", &small, &list, &page, &err);
		assert_true(r == 0 || r == -ENOMEM);
		arena_done(&small);
	}
}

static void refusals_of_both_services_are_read(void **state)
{
	char message[OPENSTACK_MESSAGE_MAX];

	assert_int_equal(openstack_json_message(SLICE("{\"error\": {\"message\": \"The request\\n"
						      "needs authentication.\", \"code\": 401}}"),
				 message),
		0);
	assert_string_equal(message, "The request needs authentication.");
	assert_int_equal(openstack_json_message(
				 SLICE("{\"forbidden\": {\"code\": 403, \"message\": \"Policy\"}}"),
				 message),
		0);
	assert_string_equal(message, "Policy");
	assert_int_equal(openstack_json_message(SLICE("{\"choices\": []}"), message), -EBADMSG);
	assert_int_equal(openstack_json_message(SLICE("<html>"), message), -EBADMSG);
	assert_int_equal(openstack_json_message(SLICE("{\"error\": {\"message\": \"\"}}"), message),
		-EBADMSG);
}

static void a_long_refusal_is_cut(void **state)
{
	char message[OPENSTACK_MESSAGE_MAX];
	char text[2000];

	memset(text, 'x', sizeof(text));
	assert_int_equal(
		openstack_json_message(slice_from(arena_printf(&arena,
					       "{\"error\": {\"message\": \"%.*s\"}}", 1900, text)),
			message),
		0);
	assert_int_equal(strlen(message), OPENSTACK_MESSAGE_MAX - 1);
}

static void json_is_sorted_to_the_bottom(void **state)
{
	json_t *root;

	assert_int_equal(openstack_json_load(
				 SLICE("{\"b\": {\"z\": 1, \"a\": [true, null, {\"y\": 1.5, \"x\": "
				       "\"<\"}]}, \"a\": -7}"),
				 &root, &err),
		0);
	assert_string_equal(openstack_json_sorted(root, "{}", &arena),
		"{\"a\":-7,\"b\":{\"a\":[true,null,{\"x\":\"\\u003c\",\"y\":1.5}],\"z\":1}}");
	assert_string_equal(openstack_json_sorted(NULL, "{}", &arena), "{}");
	json_decref(root);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(users_are_read),
		T(items_without_an_id_are_passed_over),
		T(pages_are_added_up),
		T(links_that_lead_nowhere_are_refused),
		T(what_is_no_list_is_refused),
		T(many_users_are_many),
		T(it_runs_out_of_memory_in_good_order),
		T(refusals_of_both_services_are_read),
		T(a_long_refusal_is_cut),
		T(json_is_sorted_to_the_bottom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
