// SPDX-License-Identifier: Apache-2.0
#include "format/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc_fail.h"
#include "basic/str.h"
#include "unit_test.h"

struct auth {
	const char *username, *password;
	bool present;
};

struct client {
	const char *url;
	struct auth auth;
	bool follow;
};

struct cluster {
	const char *id;
	struct client web;
	struct config_map environment, lists;
	const struct config_node *extra;
};

struct config {
	struct {
		const char *path;
		int64_t interval_ms, workers;
		double factor;
	} data;
	bool data_present;
	struct strings users, networks;
	struct config_list clusters;
	struct config_list named;
};

static const struct config_key auth_keys[] = {
	{ "password", CONFIG_STRING, offsetof(struct auth, password), .flags = CONFIG_SECRET },
	{ "username", CONFIG_STRING, offsetof(struct auth, username), .flags = CONFIG_REQUIRED },
};
static const struct config_table auth_table = { sizeof(struct auth), auth_keys,
	ARRAY_SIZE(auth_keys), .closed = true };

static int check_client(void *value, struct err *err)
{
	const struct client *client = value;

	if (str_eq(client->url, "bad"))
		return err_set(err, -EINVAL, "url '%s' is bad", client->url);
	return 0;
}

static const struct config_key client_keys[] = {
	{ "basic_auth", CONFIG_SECTION, offsetof(struct client, auth), &auth_table },
	{ "basic_auth", CONFIG_PRESENT, offsetof(struct client, auth.present) },
	{ "follow_redirects", CONFIG_BOOL, offsetof(struct client, follow), .fallback = "true" },
	{ "url", CONFIG_STRING, offsetof(struct client, url) },
};
static const struct config_table client_table = { sizeof(struct client), client_keys,
	ARRAY_SIZE(client_keys), .closed = true, .check = check_client };

static const struct config_key cluster_keys[] = {
	{ "environment_variables", CONFIG_STRING_MAP, offsetof(struct cluster, environment) },
	{ "lists", CONFIG_LIST_MAP, offsetof(struct cluster, lists) },
	{ "extra_config", CONFIG_NODE, offsetof(struct cluster, extra) },
	{ "id", CONFIG_STRING, offsetof(struct cluster, id) },
	{ NULL, CONFIG_INLINE, offsetof(struct cluster, web), &client_table },
};
static const struct config_table cluster_table = { sizeof(struct cluster), cluster_keys,
	ARRAY_SIZE(cluster_keys), .closed = true };

static const struct config_key data_keys[] = {
	{ "factor", CONFIG_DOUBLE, offsetof(struct config, data.factor), .fallback = "1.5" },
	{ "path", CONFIG_STRING, offsetof(struct config, data.path), .fallback = "data" },
	{ "update_interval", CONFIG_DURATION, offsetof(struct config, data.interval_ms),
		.fallback = "15m" },
	{ "workers", CONFIG_INT, offsetof(struct config, data.workers) },
};
static const struct config_table data_table = { 0, data_keys, ARRAY_SIZE(data_keys) };

static const struct config_key root_keys[] = {
	{ "clusters", CONFIG_LIST, offsetof(struct config, clusters), &cluster_table },
	{ "data", CONFIG_SECTION, 0, &data_table },
	{ "data", CONFIG_PRESENT, offsetof(struct config, data_present) },
	{ "named", CONFIG_TABLE_MAP, offsetof(struct config, named), &client_table },
	{ "networks", CONFIG_STRINGS, offsetof(struct config, networks), .fallback = "all" },
	{ "users", CONFIG_STRINGS, offsetof(struct config, users) },
};
static const struct config_table root_table = { sizeof(struct config), root_keys,
	ARRAY_SIZE(root_keys) };

static struct arena arena;
static struct config config;
static struct err err;

static int set_up(void **state)
{
	arena_init(&arena, 64 << 20);
	memset(&config, 0xee, sizeof(config));
	err.text[0] = '\0';
	return 0;
}

static int tear_down(void **state)
{
	arena_done(&arena);
	return 0;
}

static int decode(const char *text)
{
	const struct config_node *root;
	int r;

	arena_reset(&arena);
	r = config_parse(text, strlen(text), "f.yml", &arena, &root, &err);
	return r < 0 ? r : config_decode(root, "f.yml", &root_table, &config, &arena, &err);
}

#define REFUSED(yaml, reason)                             \
	do {                                              \
		assert_int_equal(decode(yaml), -EBADMSG); \
		assert_string_equal(err.text, reason);    \
	} while (0)

#define REFUSED_NEAR(yaml, reason)                         \
	do {                                               \
		assert_int_equal(decode(yaml), -EBADMSG);  \
		assert_non_null(strstr(err.text, reason)); \
	} while (0)

static const char good[] = "# comment\n"
			   "data:\n"
			   "  path: /var/lib/ceems\n"
			   "  update_interval: \"1d12h\"\n"
			   "  workers: 7\n"
			   "  factor: 2\n"
			   "unknown: {deep: [1, 2]}\n"
			   "users: [adam, 007, true]\n"
			   "clusters:\n"
			   "  - id: slurm-0\n"
			   "    url: http://a\n"
			   "    basic_auth: {username: u, password: p}\n"
			   "    environment_variables: {B: 2, A: text}\n"
			   "    lists: {one: [], two: [a, 7], three: b, four: [null]}\n"
			   "    extra_config:\n"
			   "      k: v\n"
			   "  - id: '1'\n"
			   "    follow_redirects: no\n"
			   "named:\n"
			   "  one: {url: x}\n"
			   "  two:\n";

static void good_document_fills_the_struct(void **state)
{
	const struct cluster *c;

	assert_int_equal(decode(good), 0);
	assert_string_equal(config.data.path, "/var/lib/ceems");
	assert_int_equal(config.data.interval_ms, 36 * 3600000);
	assert_int_equal(config.data.workers, 7);
	assert_true(config.data.factor == 2.0);
	assert_true(config.data_present);
	assert_int_equal(config.users.n, 3);
	assert_string_equal(config.users.v[1], "007");
	assert_int_equal(config.networks.n, 1);
	assert_string_equal(config.networks.v[0], "all");
	assert_int_equal(config.clusters.n, 2);
	c = config.clusters.v;
	assert_string_equal(c[0].id, "slurm-0");
	assert_string_equal(c[0].web.url, "http://a");
	assert_string_equal(c[0].web.auth.password, "p");
	assert_true(c[0].web.auth.present);
	assert_true(c[0].web.follow);
	assert_int_equal(c[0].environment.n, 2);
	assert_string_equal(c[0].environment.names[0], "B");
	assert_string_equal(c[0].environment.values[1], "text");
	assert_int_equal(c[0].lists.n, 4);
	assert_string_equal(c[0].lists.names[0], "two");
	assert_string_equal(c[0].lists.values[0], "a");
	assert_string_equal(c[0].lists.names[1], "two");
	assert_string_equal(c[0].lists.values[1], "7");
	assert_string_equal(c[0].lists.names[2], "three");
	assert_string_equal(c[0].lists.values[2], "b");
	assert_string_equal(c[0].lists.values[3], "");
	assert_string_equal(config_get(c[0].extra, "k")->text, "v");
	assert_int_equal(config_get(c[0].extra, "k")->line, 16);
	assert_false(c[1].web.follow);
	assert_null(c[1].extra);
	assert_string_equal(c[1].web.auth.username, "");
	assert_int_equal(config.named.n, 2);
	assert_string_equal(config.named.names[1], "two");
	assert_string_equal(((const struct client *)config.named.v)[0].url, "x");
	assert_true(((const struct client *)config.named.v)[1].follow);
}

static void empty_documents_give_defaults(void **state)
{
	static const char *const texts[] = { "", "\n", "# only a comment\n", "---\n", "null", "{}",
		"data:\n", "data: ~\nclusters:\nusers: null\n", "---\n...\n" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(decode(texts[i]), 0);
		assert_string_equal(config.data.path, "data");
		assert_int_equal(config.data.interval_ms, 900000);
		assert_true(config.data.factor == 1.5);
		assert_int_equal(config.clusters.n, 0);
		assert_int_equal(config.users.n, 0);
	}
	assert_int_equal(decode("data: {}"), 0);
	assert_true(config.data_present);
	assert_int_equal(decode("other: {}"), 0);
	assert_false(config.data_present);
}

static void wrong_values_name_file_line_and_key(void **state)
{
	REFUSED("data:\n  workers: many\n",
		"f.yml:2: 'data.workers' must be a whole number, not 'many'");
	REFUSED("data:\n  workers: \"7\"\n",
		"f.yml:2: 'data.workers' must be a whole number, not '7'");
	REFUSED("data: {workers: 1.5}",
		"f.yml:1: 'data.workers' must be a whole number, not '1.5'");
	REFUSED("data: {factor: nan}", "f.yml:1: 'data.factor' must be a number, not 'nan'");
	REFUSED("data: {update_interval: 15}",
		"f.yml:1: 'data.update_interval' must be a duration such as '90s' or '1d12h', "
		"not '15'");
	REFUSED("data: {path: [x]}",
		"f.yml:1: 'data.path' must be a single value, not a list or a mapping");
	REFUSED("data: 5", "f.yml:1: 'data' must be a mapping of keys to values");
	REFUSED("\nusers: adam", "f.yml:2: 'users' must be a list");
	REFUSED("users: [[a]]",
		"f.yml:1: 'users[0]' must be a single value, not a list or a mapping");
	REFUSED("clusters:\n- id: a\n- follow_redirects: maybe\n",
		"f.yml:3: 'clusters[1].follow_redirects' must be true or false, not 'maybe'");
	REFUSED("clusters: {}", "f.yml:1: 'clusters' must be a list");
	REFUSED("clusters: [a]", "f.yml:1: 'clusters[0]' must be a mapping of keys to values");
	REFUSED("named: []", "f.yml:1: 'named' must be a mapping");
	REFUSED("clusters: [{environment_variables: [a]}]",
		"f.yml:1: 'clusters[0].environment_variables' must be a mapping of names to values");
	REFUSED("clusters: [{lists: [a]}]",
		"f.yml:1: 'clusters[0].lists' must be a mapping of names to lists of values");
	REFUSED("clusters: [{lists: {a: {}}}]",
		"f.yml:1: 'clusters[0].lists.a' must be a single value, not a list or a mapping");
	REFUSED("clusters: [{lists: {a: [[b]]}}]",
		"f.yml:1: 'clusters[0].lists.a[0]' must be a single value, not a list or a mapping");
	REFUSED("clusters: [{environment_variables: {a: {}}}]",
		"f.yml:1: 'clusters[0].environment_variables.a' must be a single value, not a "
		"list or a mapping");
	REFUSED("[]", "f.yml:1: 'document' must be a mapping of keys to values");
	REFUSED("text", "f.yml:1: 'document' must be a mapping of keys to values");
}

static void whole_numbers_have_several_spellings(void **state)
{
	assert_int_equal(decode("data: {workers: -3}"), 0);
	assert_int_equal(config.data.workers, -3);
	assert_int_equal(decode("data: {workers: 1e6, factor: +1}"), 0);
	assert_int_equal(config.data.workers, 1000000);
	assert_true(config.data.factor == 1.0);
}

static void secrets_are_not_repeated_in_errors(void **state)
{
	static const struct config_key keys[] = { { "pin", CONFIG_INT, 0,
		.flags = CONFIG_SECRET } };
	static const struct config_table table = { sizeof(int64_t), keys, 1 };
	const struct config_node *root;
	int64_t value;

	assert_int_equal(config_parse("pin: s3cret", 11, "f", &arena, &root, &err), 0);
	assert_int_equal(config_decode(root, "f", &table, &value, &arena, &err), -EBADMSG);
	assert_string_equal(err.text, "f:1: 'pin' must be a whole number");
}

static void unknown_keys_are_errors_in_closed_tables_only(void **state)
{
	assert_int_equal(decode("foo: 1\ndata: {foo: 1}"), 0);
	REFUSED("clusters:\n- id: a\n  idd: b\n", "f.yml:3: 'clusters[0].idd' is no known key");
	REFUSED("clusters:\n- basic_auth: {username: a, user: b}",
		"f.yml:2: 'clusters[0].basic_auth.user' is no known key");
}

static void unknown_keys_are_fine_below_a_tolerant_table(void **state)
{
	struct pin {
		int64_t pin;
	} value;
	static const struct config_key inner_keys[] = { { .name = "pin", .type = CONFIG_INT } };
	static const struct config_table inner = {
		.size = sizeof(struct pin), .keys = inner_keys, .n_keys = 1, .closed = true
	};
	static const struct config_key keys[] = {
		{ .name = "in", .type = CONFIG_SECTION, .table = &inner }
	};
	struct config_table outer = { .keys = keys, .n_keys = 1, .closed = true, .tolerant = true };
	static const char text[] = "out: 1\nin: {pin: 7, pan: 8}";
	const struct config_node *root;

	assert_int_equal(config_parse(text, strlen(text), "f", &arena, &root, &err), 0);
	assert_int_equal(config_decode(root, "f", &outer, &value, &arena, &err), 0);
	assert_int_equal(value.pin, 7);
	outer.closed = outer.tolerant = false;
	assert_int_equal(config_decode(root, "f", &outer, &value, &arena, &err), -EBADMSG);
	assert_string_equal(err.text, "f:2: 'in.pan' is no known key");
}

static void required_keys_are_asked_for(void **state)
{
	REFUSED("clusters:\n- id: a\n  basic_auth:\n    password: x\n",
		"f.yml:4: 'clusters[0].basic_auth.username' is missing");
	REFUSED("named:\n  a:\n    basic_auth: {username: ~}\n",
		"f.yml:3: 'named.a.basic_auth.username' is missing");
}

static void checks_of_tables_get_file_and_line(void **state)
{
	REFUSED("named:\n  a: {}\n  b:\n    url: bad\n", "f.yml:4: url 'bad' is bad");
	REFUSED("clusters:\n- url: bad", "f.yml:2: url 'bad' is bad");
}

static void duplicate_keys_are_errors(void **state)
{
	REFUSED("a: 1\nb: 2\na: 3\n", "f.yml:3: key 'a' is set twice");
	REFUSED("x: {a: 1, \"a\": 2}", "f.yml:1: key 'a' is set twice");
}

static void aliases_and_merge_keys_are_resolved(void **state)
{
	const struct client *c;

	assert_int_equal(decode("base: &base {url: x, follow_redirects: false}\n"
				"more: &more {url: y, basic_auth: {username: u}}\n"
				"named:\n"
				"  a: *base\n"
				"  b: {<<: *base, url: own}\n"
				"  c: {<<: [*more, *base]}\n"),
		0);
	c = config.named.v;
	assert_string_equal(c[0].url, "x");
	assert_string_equal(c[1].url, "own");
	assert_false(c[1].follow);
	assert_string_equal(c[2].url, "y");
	assert_string_equal(c[2].auth.username, "u");
	assert_false(c[2].follow);
	REFUSED("a: {<<: 5}", "f.yml:1: a merge key ('<<') takes a mapping or a list of mappings");
	REFUSED("a: *nothing", "f.yml:1: alias '*nothing' names no finished anchor");
	REFUSED("a: &a [*a]", "f.yml:1: alias '*a' names no finished anchor");
	REFUSED("a: &a {<<: *a}", "f.yml:1: alias '*a' names no finished anchor");
	assert_int_equal(decode("named: {'<<': {url: x}}"), 0);
	assert_string_equal(config.named.names[0], "<<");
}

static void malformed_yaml_is_refused_with_its_line(void **state)
{
	REFUSED_NEAR("a: [1\nb: 2\n", "f.yml:2: ");
	REFUSED_NEAR("a: 'x\n", "f.yml:");
	REFUSED_NEAR("\ta: 1", "f.yml:1: ");
	REFUSED_NEAR("a: b: c", "f.yml:1: ");
	REFUSED_NEAR("a: \xff", "f.yml: ");
	REFUSED_NEAR("a: !custom x", "tag '!custom' is not supported");
	REFUSED_NEAR("a: !!binary aGk=", "is not supported");
	REFUSED_NEAR("a: \"x\\0y\"", "zero byte");
	REFUSED_NEAR("? [a]\n: 1\n", "a key must be text");
	assert_int_equal(decode("data: {path: !!str 5}"), 0);
	assert_string_equal(config.data.path, "5");
}

static void only_the_first_document_is_read(void **state)
{
	assert_int_equal(decode("data: {path: a}\n---\ndata: {path: b}\n"), 0);
	assert_string_equal(config.data.path, "a");
	assert_int_equal(decode("---\ndata: {path: a}\n...\n---\n[ broken"), 0);
	assert_string_equal(config.data.path, "a");
	/* Which is no way to end one. */
	REFUSED_NEAR(" a: 1\nb: 2\n", "f.yml:2: did not find expected <document start>");
}

static void zero_bytes_and_utf16_are_refused(void **state)
{
	static const char utf16[] = "\xff\xfe"
				    "a\0:\0 \0001\0";
	const struct config_node *root;

	assert_int_equal(config_parse("a: \0b", 5, "f", &arena, &root, &err), -EBADMSG);
	assert_int_equal(
		config_parse(utf16, sizeof(utf16) - 1, "f", &arena, &root, &err), -EBADMSG);
}

static void deep_nesting_is_refused(void **state)
{
	char text[4096];

	memset(text, '[', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	REFUSED("a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
		"f.yml:1: nested too deeply");
	REFUSED(text, "f.yml:1: nested too deeply");
	memset(text, '-', sizeof(text) - 1);
	for (size_t i = 1; i < sizeof(text) - 1; i += 2)
		text[i] = ' ';
	REFUSED(text, "f.yml:1: nested too deeply");
}

static void billion_laughs_are_refused(void **state)
{
	CLEANUP(buffer_done) struct buffer text;

	buffer_init(&text, 0);
	buffer_puts(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 12; i++)
		buffer_printf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n",
			i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	REFUSED_NEAR(buffer_text(&text), "too many values");
	buffer_clear(&text);
	buffer_puts(&text, "a0: &a0 [x]\n");
	for (int i = 1; i < 80; i++)
		buffer_printf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	REFUSED_NEAR(buffer_text(&text), "nested too deeply");
}

static void huge_documents_are_refused(void **state)
{
	CLEANUP(buffer_done) struct buffer text;
	const struct config_node *root;

	buffer_init(&text, 0);
	for (int i = 0; i < 300000; i++)
		buffer_puts(&text, "- a\n");
	REFUSED_NEAR(buffer_text(&text), "too many values");
	while (text.len <= CONFIG_FILE_MAX_BYTES)
		buffer_puts(&text, "# padding padding padding padding padding padding\n");
	assert_int_equal(config_parse(text.data, text.len, "f", &arena, &root, &err), -E2BIG);
}

static void many_keys_are_read_in_reasonable_time(void **state)
{
	CLEANUP(buffer_done) struct buffer text;
	const struct config_node *root;

	buffer_init(&text, 0);
	for (int i = 0; i < 50000; i++)
		buffer_printf(&text, "key%d: %d\n", i, i);
	assert_int_equal(config_parse(text.data, text.len, "f", &arena, &root, &err), 0);
	assert_int_equal(root->n, 50000);
	assert_string_equal(config_get(root, "key49999")->text, "49999");
	buffer_puts(&text, "key17: again\n");
	assert_int_equal(config_parse(text.data, text.len, "f", &arena, &root, &err), -EBADMSG);
	assert_string_equal(err.text, "f:50001: key 'key17' is set twice");
}

static void every_truncation_is_survived(void **state)
{
	char copy[sizeof(good)];

	for (size_t n = 0; n < sizeof(good); n++) {
		memcpy(copy, good, n);
		copy[n] = '\0';
		(void)decode(copy);
	}
}

static void full_arena_is_an_error(void **state)
{
	const struct config_node *root;
	struct arena tiny;
	int r = 0;

	for (size_t limit = 64; limit < 60000; limit += 64) {
		arena_init(&tiny, limit);
		r = config_parse(good, sizeof(good) - 1, "f", &tiny, &root, &err);
		if (r >= 0)
			r = config_decode(root, "f", &root_table, &config, &tiny, &err);
		arena_done(&tiny);
		if (r >= 0)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_string_equal(err.text, "f: out of memory");
	}
	assert_int_equal(r, 0);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void failing_allocations_are_survived(void **state)
{
	char path[] = "/tmp/ceems-config.XXXXXX";
	size_t n = 0;
	int r;

	close(mkstemp(path));
	write_file(path, good);
	do {
		arena_done(&arena);
		arena_init(&arena, 64 << 20);
		alloc_fail_at(++n);
		r = config_load(path, true, &root_table, &config, &arena, &err);
		assert_true(r == 0 || r == -ENOMEM);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_int_equal(r, 0);
	assert_int_equal(n > 3, 1);
	unlink(path);
}

static void files_are_loaded_with_and_without_expansion(void **state)
{
	char path[] = "/tmp/ceems-config.XXXXXX", expected[128];

	close(mkstemp(path));
	write_file(path, "data: {path: $CEEMS_TEST_PATH/x}\n");
	setenv("CEEMS_TEST_PATH", "/srv", 1);
	assert_int_equal(config_load(path, false, &root_table, &config, &arena, &err), 0);
	assert_string_equal(config.data.path, "$CEEMS_TEST_PATH/x");
	assert_int_equal(config_load(path, true, &root_table, &config, &arena, &err), 0);
	assert_string_equal(config.data.path, "/srv/x");
	unsetenv("CEEMS_TEST_PATH");

	write_file(path, "data: {path: '[[{$}]]'}\n");
	assert_int_equal(config_load(path, false, &root_table, &config, &arena, &err), 0);
	assert_int_equal(config_load(path, true, &root_table, &config, &arena, &err), -EINVAL);
	snprintf(expected, sizeof(expected), "%s: expanding env vars is not supported", path);
	assert_memory_equal(err.text, expected, strlen(expected));

	unlink(path);
	assert_int_equal(config_load(path, false, &root_table, &config, &arena, &err), -ENOENT);
	snprintf(expected, sizeof(expected), "reading '%s': No such file or directory", path);
	assert_string_equal(err.text, expected);
	assert_int_equal(config_load("/tmp", false, &root_table, &config, &arena, &err), -EISDIR);
	assert_int_equal(
		config_load("/dev/zero", false, &root_table, &config, &arena, &err), -E2BIG);
	assert_int_equal(config_load("/dev/null", false, &root_table, &config, &arena, &err), 0);
}

static const char *lookup(void *ctx, const char *name)
{
	if (str_eq(name, "A"))
		return "alpha";
	if (str_eq(name, "A_1"))
		return "one";
	if (str_eq(name, "A:-x") || str_eq(name, ""))
		return NULL;
	return str_eq(name, "EMPTY") ? "" : NULL;
}

static void variables_are_expanded(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "$A", "alpha" },
		{ "<$A>", "<alpha>" },
		{ "${A}b", "alphab" },
		{ "$A_1-$A", "one-alpha" },
		{ "$$A", "$A" },
		{ "$$$A", "$alpha" },
		{ "$", "$" },
		{ "$ $. $/", "$ $. $/" },
		{ "a$", "a$" },
		{ "$1$2a$*b$#$@c$!$?$-", "abc" },
		{ "$UNSET.", "." },
		{ "${A:-x}y", "y" },
		{ "${}z", "z" },
		{ "${A", "${A" },
		{ "#$A", "#alpha" },
		{ "$A$A", "alphaalpha" },
		{ "$\xc3\xa9", "$\xc3\xa9" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buffer_done) struct buffer out;

		buffer_init(&out, 0);
		assert_int_equal(config_expand_env(rows[i].text, strlen(rows[i].text), lookup, NULL,
					 &out, &err),
			0);
		assert_string_equal(buffer_text(&out), rows[i].expected);
	}
}

static void expansion_has_a_limit(void **state)
{
	CLEANUP(buffer_done) struct buffer out;

	buffer_init(&out, 8);
	assert_int_equal(config_expand_env("$A$A", 4, lookup, NULL, &out, &err), -E2BIG);
}

#define CONFIG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONFIG_TEST(good_document_fills_the_struct),
		CONFIG_TEST(empty_documents_give_defaults),
		CONFIG_TEST(wrong_values_name_file_line_and_key),
		CONFIG_TEST(whole_numbers_have_several_spellings),
		CONFIG_TEST(secrets_are_not_repeated_in_errors),
		CONFIG_TEST(unknown_keys_are_errors_in_closed_tables_only),
		CONFIG_TEST(unknown_keys_are_fine_below_a_tolerant_table),
		CONFIG_TEST(required_keys_are_asked_for),
		CONFIG_TEST(checks_of_tables_get_file_and_line),
		CONFIG_TEST(duplicate_keys_are_errors),
		CONFIG_TEST(aliases_and_merge_keys_are_resolved),
		CONFIG_TEST(malformed_yaml_is_refused_with_its_line),
		CONFIG_TEST(only_the_first_document_is_read),
		CONFIG_TEST(zero_bytes_and_utf16_are_refused),
		CONFIG_TEST(deep_nesting_is_refused),
		CONFIG_TEST(billion_laughs_are_refused),
		CONFIG_TEST(huge_documents_are_refused),
		CONFIG_TEST(many_keys_are_read_in_reasonable_time),
		CONFIG_TEST(every_truncation_is_survived),
		CONFIG_TEST(full_arena_is_an_error),
		CONFIG_TEST(failing_allocations_are_survived),
		CONFIG_TEST(files_are_loaded_with_and_without_expansion),
		CONFIG_TEST(variables_are_expanded),
		CONFIG_TEST(expansion_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
