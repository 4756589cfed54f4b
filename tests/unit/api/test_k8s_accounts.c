// SPDX-License-Identifier: Apache-2.0
#include "api/managers/k8s_accounts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/managers/k8s_pairs.h"
#include "unit_test.h"

static struct arena arena;
static struct association_list pairs;
static struct err err;

static int setup(void **state)
{
	arena_init(&arena, 1 << 20);
	pairs = (struct association_list){ 0 };
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static void assert_pairs(const char *expected)
{
	char text[512] = "";

	for (size_t i = 0; i < pairs.n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s/%s ",
			pairs.v[i].project, pairs.v[i].user);
	assert_string_equal(text, expected);
}

static int parse(const char *text)
{
	return k8s_users_parse(slice_from(text), "users.yaml", &arena, &pairs, &err);
}

static void a_users_file_is_read(void **state)
{
	assert_int_equal(parse("users:\n  ns1: [mira, 'zoe']\n  ns2:\n  - 1001\n  ns3: []\n"), 0);
	assert_pairs("ns1/mira ns1/zoe ns2/1001 ");
}

static void what_is_of_another_form_is_left_out(void **state)
{
	assert_int_equal(parse(""), 0);
	assert_int_equal(parse("users:"), 0);
	assert_int_equal(parse("users: [a]"), 0);
	assert_int_equal(parse("other: {ns: [a]}"), 0);
	assert_int_equal(
		parse("users: {ns: mira, '': [a], n2: [null, '', [b], {c: d}, ok], 7: {a: b}}"), 0);
	assert_pairs("n2/ok ");
	assert_int_equal(parse("users: {ns: [a"), -EBADMSG);
	assert_non_null(strstr(err.text, "users.yaml"));
	assert_int_equal(k8s_users_load("/nonexistent/users.yaml", &arena, &pairs, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/users.yaml"));
	assert_int_equal(k8s_users_load("/", &arena, &pairs, &err), -EISDIR);
}

static void read_binding(const char *namespace, const char *subjects)
{
	CLEANUP(json_decrefp) json_t *json = NULL;
	char text[512];

	snprintf(text, sizeof(text), "{\"subjects\":%s}", subjects);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	assert_int_equal(k8s_binding_read(&(struct kube_object){ .object_namespace = namespace,
						  .json = json },
				 &arena, &pairs),
		0);
}

static void users_of_bindings_are_read(void **state)
{
	read_binding("ns1",
		"[{\"kind\":\"User\",\"name\":\"mira\"},{\"kind\":\"Group\",\"name\":\"g\"},"
		"{\"kind\":\"ServiceAccount\",\"name\":\"s\"},{\"kind\":\"User\",\"name\":\"zoe\"}]");
	read_binding("ns2", "null");
	read_binding(
		"ns2", "[7,{\"kind\":7},{\"kind\":\"User\"},{\"kind\":\"User\",\"name\":\"\"}]");
	read_binding("", "[{\"kind\":\"User\",\"name\":\"mira\"}]");
	assert_pairs("ns1/mira ns1/zoe ");
}

static void pairs_are_a_set_with_a_limit(void **state)
{
	struct k8s_pairs set = { 0 };
	char user[16];

	assert_int_equal(k8s_pairs_add(&set, "b", "x"), 0);
	assert_int_equal(k8s_pairs_add(&set, "a", "y"), 0);
	assert_int_equal(k8s_pairs_add(&set, "b", "x"), 0);
	assert_int_equal(k8s_pairs_list(&set, &arena, &pairs), 0);
	assert_pairs("a/y b/x ");
	for (int i = 2; i < K8S_PAIRS_MAX; i++) {
		snprintf(user, sizeof(user), "%d", i);
		assert_int_equal(k8s_pairs_add(&set, "c", user), 0);
	}
	assert_int_equal(k8s_pairs_add(&set, "d", "x"), -E2BIG);
	assert_int_equal(k8s_pairs_add(&set, "b", "x"), 0);
	assert_int_equal(set.n, K8S_PAIRS_MAX);
	assert_int_equal(k8s_pairs_list(&set, &arena, &pairs), -ENOMEM);
	k8s_pairs_done(&set);
}

#define ACCOUNTS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ACCOUNTS_TEST(a_users_file_is_read),
		ACCOUNTS_TEST(what_is_of_another_form_is_left_out),
		ACCOUNTS_TEST(users_of_bindings_are_read),
		ACCOUNTS_TEST(pairs_are_a_set_with_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
