// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_config.h"

#include <errno.h>

#include "tree.h"

static struct arena arena;
static struct kube_config config;
static struct err err;
static struct tree tree;

static int setup(void **state)
{
	arena_init(&arena, 16 << 20);
	config = (struct kube_config){ 0 };
	err = (struct err){ 0 };
	tree_make(&tree);
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	tree_done(&tree);
	return 0;
}

static int parse(const char *text)
{
	return kube_config_parse(slice_from(text), "kc", "/etc/k", &arena, &config, &err);
}

#define FILE_OF(cluster, user)                                                                        \
	"apiVersion: v1\nkind: Config\npreferences: {}\ncurrent-context: b\ncontexts:\n"              \
	"- {name: a, context: {cluster: x, user: x}}\n"                                               \
	"- {name: b, context: {cluster: c, user: u, namespace: n}}\n"                                 \
	"clusters:\n- {name: x, cluster: {server: 'https://wrong'}}\n- name: c\n  cluster: {" cluster \
	"}\nusers:\n- name: u\n  user: {" user "}\n"

static void the_current_context_is_taken(void **state)
{
	assert_int_equal(
		parse(FILE_OF("server: 'https://10.0.0.1:6443/', extensions: []", "token: abc")),
		0);
	assert_string_equal(config.server, "https://10.0.0.1:6443");
	assert_string_equal(config.token, "abc");
	assert_null(config.ca);
	assert_null(config.ca_file);
	assert_null(config.username);
	assert_false(config.insecure);
}

static void data_goes_before_files_and_paths_are_relative_to_the_file(void **state)
{
	assert_int_equal(
		parse(FILE_OF(
			"server: https://h, certificate-authority-data: Q0E=, certificate-authority: ca.pem, tls-server-name: s, proxy-url: 'http://p:1'",
			"client-certificate: pki/c.pem, client-key: /abs/k.pem, tokenFile: token")),
		0);
	assert_string_equal(config.ca, "CA");
	assert_null(config.ca_file);
	assert_string_equal(config.cert_file, "/etc/k/pki/c.pem");
	assert_string_equal(config.key_file, "/abs/k.pem");
	assert_string_equal(config.token_file, "/etc/k/token");
	assert_string_equal(config.tls_server_name, "s");
	assert_string_equal(config.proxy_url, "http://p:1");
	assert_int_equal(
		parse(FILE_OF("server: https://h, insecure-skip-tls-verify: true",
			"client-certificate-data: Yw==, client-key-data: aw==, username: me")),
		0);
	assert_string_equal(config.cert, "c");
	assert_string_equal(config.key, "k");
	assert_true(config.insecure);
	assert_string_equal(config.username, "me");
	assert_string_equal(config.password, "");
}

static void a_file_may_be_json(void **state)
{
	assert_int_equal(
		parse("{\"current-context\":\"b\",\"contexts\":[{\"name\":\"b\",\"context\":{\"cluster\":\"c\"}}],"
		      "\"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":\"https://j\"}}],\"users\":null}"),
		0);
	assert_string_equal(config.server, "https://j");
	assert_null(config.token);
}

static void a_server_without_a_scheme_gets_the_likely_one(void **state)
{
	assert_int_equal(parse(FILE_OF("server: 'h:8080'", "token: a")), 0);
	assert_string_equal(config.server, "http://h:8080");
	assert_int_equal(
		parse(FILE_OF("server: 'h:6443', certificate-authority: x", "token: a")), 0);
	assert_string_equal(config.server, "https://h:6443");
}

static void what_we_do_not_do_is_refused_with_advice(void **state)
{
	assert_int_equal(parse(FILE_OF("server: https://h", "exec: {command: aws}")), -ENOTSUP);
	assert_non_null(strstr(err.text, "exec"));
	assert_non_null(strstr(err.text, "client certificate"));
	assert_int_equal(
		parse(FILE_OF("server: https://h", "auth-provider: {name: gcp}")), -ENOTSUP);
	assert_int_equal(parse(FILE_OF("server: https://h", "token: a, as: root")), -ENOTSUP);
	assert_int_equal(parse(FILE_OF("server: https://h", "token: a, as-groups: [g]")), -ENOTSUP);
}

static void broken_files_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"current-context: b\n",
		"current-context: b\ncontexts: 7\n",
		"current-context: b\ncontexts: [7]\n",
		"current-context: [b]\n",
		"contexts: [{name: b, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: s}}]\n",
		"current-context: b\ncontexts: [{name: b, context: {cluster: c}}]\n",
		"current-context: b\ncontexts: [{name: b, context: {}}]\n",
		"current-context: b\ncontexts: [{name: b}]\n",
		"current-context: b\ncontexts: [{name: b, context: {cluster: c, user: u}}]\n"
		"clusters: [{name: c, cluster: {server: s}}]\n",
		FILE_OF("proxy-url: x", "token: a"),
		FILE_OF("server: [x]", "token: a"),
		FILE_OF("server: x, insecure-skip-tls-verify: maybe", "token: a"),
		FILE_OF("server: x, certificate-authority-data: '?'", "token: a"),
		FILE_OF("server: x, certificate-authority-data: AA==", "token: a"),
		FILE_OF("server: x", "client-certificate: c"),
		FILE_OF("server: x", "client-key-data: aw=="),
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(bad[i]), -EBADMSG);
		assert_true(str_starts(err.text, "kc"));
	}
}

static void files_are_read(void **state)
{
	char path[128], wanted[160];

	tree_put(&tree, "dir/config", FILE_OF("server: https://h", "tokenFile: t"));
	snprintf(path, sizeof(path), "%s/dir/config", tree.path);
	snprintf(wanted, sizeof(wanted), "%s/dir/t", tree.path);
	assert_int_equal(kube_config_load(path, &arena, &config, &err), 0);
	assert_string_equal(config.token_file, wanted);
	strcat(path, ".not");
	assert_int_equal(kube_config_load(path, &arena, &config, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
}

static void a_pod_finds_its_cluster(void **state)
{
	char path[128];

	tree_put(&tree, "token", "t");
	assert_int_equal(
		kube_config_in_cluster("10.1.2.3", "443", tree.path, &arena, &config, &err), 0);
	assert_string_equal(config.server, "https://10.1.2.3:443");
	snprintf(path, sizeof(path), "%s/token", tree.path);
	assert_string_equal(config.token_file, path);
	assert_null(config.ca_file);
	tree_put(&tree, "ca.crt", "c");
	assert_int_equal(
		kube_config_in_cluster("fd00::1", "443", tree.path, &arena, &config, &err), 0);
	assert_string_equal(config.server, "https://[fd00::1]:443");
	assert_non_null(config.ca_file);
}

static void what_is_no_pod_is_told(void **state)
{
	assert_int_equal(
		kube_config_in_cluster(NULL, "443", tree.path, &arena, &config, &err), -ENOENT);
	assert_int_equal(
		kube_config_in_cluster("h", "", tree.path, &arena, &config, &err), -ENOENT);
	assert_int_equal(
		kube_config_in_cluster("h", "1", tree.path, &arena, &config, &err), -ENOENT);
	assert_non_null(strstr(err.text, "token"));
}

static void without_memory_nothing_is_read(void **state)
{
	struct arena small;
	int r = -ENOMEM;

	for (size_t limit = 1024; r == -ENOMEM; limit += 1024) {
		arena_init(&small, limit);
		r = kube_config_parse(
			slice_from(FILE_OF("server: https://h",
				"tokenFile: t, client-key: k, client-certificate: c")),
			"kc", "/etc", &small, &config, &err);
		arena_done(&small);
		assert_true(limit < 16 << 20);
	}
	assert_int_equal(r, 0);
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_TEST(the_current_context_is_taken),
		CONFIG_TEST(data_goes_before_files_and_paths_are_relative_to_the_file),
		CONFIG_TEST(a_file_may_be_json),
		CONFIG_TEST(a_server_without_a_scheme_gets_the_likely_one),
		CONFIG_TEST(what_we_do_not_do_is_refused_with_advice),
		CONFIG_TEST(broken_files_are_refused),
		CONFIG_TEST(files_are_read),
		CONFIG_TEST(a_pod_finds_its_cluster),
		CONFIG_TEST(what_is_no_pod_is_told),
		CONFIG_TEST(without_memory_nothing_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
