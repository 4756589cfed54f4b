// SPDX-License-Identifier: Apache-2.0
/* Who sees what: the table of tests/fixtures/api/ownership.txt, and attempts to see more. */
#include "api/api.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_client.h"
#include "basic/file.h"
#include "unit_test.h"

enum { FILE_MAX_BYTES = 1 << 20, LINE_MAX_BYTES = 512, ROWS_MAX_BYTES = 1024 };

#define API "/api/v1"
/* What '@' stands for: the period of the rows. */
#define PERIOD "from=1933480800&to=1933484400"

static struct sample_store s;
static struct api_client c;

static void read_fixture(const char *name, struct buffer *ret_text)
{
	const char *source = getenv("CEEMS_SOURCE");
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/fixtures/api/%s", source ? source : ".", name);
	buffer_init(ret_text, 0);
	if (file_read(AT_FDCWD, path, FILE_MAX_BYTES, ret_text) < 0)
		fail_msg("%s", path);
}

static void set_admins(const char *first, const char *second)
{
	const char *list[] = { first, second };
	struct strings names = { list, second ? 2 : 1 };

	assert_int_equal(store_set_admins(s.store, &names, NULL, SAMPLE_T0_S * 1000, NULL), 0);
}

static int setup(void **state)
{
	struct buffer sql;

	sample_store_open(&s);
	read_fixture("accounts.sql", &sql);
	sample_sql(s.path, buffer_text(&sql));
	buffer_done(&sql);
	sample_store_reopen(&s);
	api_client_init(&c, &s);
	set_admins("boss", "rex");
	assert_non_null(api_client_get(&c, "rex", API "/units/admin"));
	assert_int_equal(c.status, 200);
	set_admins("boss", NULL);
	return 0;
}

static int teardown(void **state)
{
	api_client_done(&c);
	sample_store_close(&s);
	return 0;
}

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* "cluster/what/whose" of an object of any model. */
static void name_row(const json_t *row, char *out, size_t cap)
{
	const char *cluster = text_at(row, *text_at(row, "id") ? "id" : "cluster_id");

	if (json_object_get(row, "uuid"))
		snprintf(out, cap, "%s/%s/%s", cluster, text_at(row, "uuid"),
			text_at(row, "username"));
	else if (json_object_get(row, "username"))
		snprintf(out, cap, "%s/%s/%s", cluster, text_at(row, "project"),
			text_at(row, "username"));
	else
		snprintf(out, cap, "%s/%s/", cluster, text_at(row, "name"));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void name_rows(char *out, size_t cap)
{
	json_t *root = json_loads(buffer_text(&c.body), 0, NULL), *row;
	char names[64][96];
	size_t i, n = 0, len = 0;

	assert_non_null(root);
	json_array_foreach(json_object_get(root, "data"), i, row)
	{
		assert_true(n < ARRAY_SIZE(names));
		name_row(row, names[n++], sizeof(names[0]));
	}
	qsort(names, n, sizeof(names[0]), compare_names);
	snprintf(out, cap, "-");
	for (i = 0; i < n; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? " " : "", names[i]);
	json_decref(root);
}

/* "user target status row row ..." */
static void check_line(struct slice line)
{
	char target[LINE_MAX_BYTES] = API, user[64], rows[ROWS_MAX_BYTES] = "",
	     seen[ROWS_MAX_BYTES];
	struct slice word, field[3];
	size_t n = strlen(API), len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		assert_true(slice_next_word(&line, &field[i]));
	while (slice_next_word(&line, &word))
		len += (size_t)snprintf(rows + len, sizeof(rows) - len, "%s%.*s", len ? " " : "",
			(int)word.n, word.p);
	snprintf(user, sizeof(user), "%.*s", (int)field[0].n, field[0].p);
	for (size_t i = 0; i < field[1].n; i++) {
		if (field[1].p[i] == '@')
			n += (size_t)snprintf(target + n, sizeof(target) - n, PERIOD);
		else
			target[n++] = field[1].p[i];
		assert_true(n + sizeof(PERIOD) < sizeof(target));
	}
	target[n] = '\0';
	api_client_get(&c, str_eq(user, "-") ? NULL : user, target);
	name_rows(seen, sizeof(seen));
	if (atoi(field[2].p) != c.status || !str_eq(seen, rows))
		fail_msg("%s %s: %d %s instead of %.3s %s", user, target, c.status, seen,
			field[2].p, rows);
}

static void everybody_sees_what_is_theirs(void **state)
{
	struct buffer text;
	struct slice rest, line;
	size_t n = 0;

	read_fixture("ownership.txt", &text);
	rest = (struct slice){ text.data, text.len };
	while (slice_next_line(&rest, &line)) {
		line = slice_trim(line);
		if (!line.n || line.p[0] == '#')
			continue;
		check_line(line);
		n++;
	}
	assert_true(n > 90);
	buffer_done(&text);
}

/* Every route of users, with every parameter and some that are none, says nothing of others. */
static void no_parameter_shows_more(void **state)
{
	static const char *const values[] = { "mira", "boss", "astro", "ns1", "ns1:svc",
		"astro:svc", "hpc-b", "101", "pod-1", "300", "zoe'%20OR%20'1'='1",
		"%22]%20OR%201=1--", "*", "%25", "_", "[%22mira%22]", "zoe%22,%22mira",
		"zoe%00mira", "zoe;user=mira", "zoe%3Buser=mira", "zoe%26user%3Dmira",
		"zoe&user=mira", "zoe&project=astro", "%6dira", "MIRA", "mira%20", "%0amira",
		"%ef%bd%8dira", "chem&project=ns1", "chem%20UNION%20SELECT%20*%20FROM%20units" };
	static const char *const secrets[] = { "mira", "otto", "eve", "astro", "bio", "ns1", "ns2",
		"hpc-b", "kube", "\"101\"", "\"102\"", "\"103\"", "\"201\"", "pod-" };
	static const char *const others[] = { "logged_user", "caller", "user[]", "users", "id" };
	char target[LINE_MAX_BYTES];

	for (size_t r = 0; r < api_routes_count; r++) {
		if (api_routes[r].access != API_USER)
			continue;
		for (size_t p = 0; p < N_API_PARAMS + ARRAY_SIZE(others); p++) {
			const char *name = p < N_API_PARAMS ? api_params[p].name
							    : others[p - N_API_PARAMS];

			for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
				const char *body;

				snprintf(target, sizeof(target), API "%s?%s&running&%s=%s",
					api_routes[r].path, PERIOD, name, values[v]);
				body = api_client_get(&c, "zoe", target);
				assert_in_range(c.status, 200, 403);
				for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
					if (strstr(body, secrets[i]))
						fail_msg("%s: %s", target, body);
				}
			}
		}
	}
}

/* A name is a name, whatever is in it. */
static void no_user_name_shows_more(void **state)
{
	static const char *const names[] = { "zoe' OR '1'='1", "%", "_", "*", "zoe\",\"mira",
		"[\"mira\"]", "MIRA", "mira ", " mira", "mira,zoe", "mira;boss", "null", "boss\xff",
		"mira:svc", "{\"$ne\":1}", "\xef\xbd\x8dira" };

	for (size_t r = 0; r < api_routes_count; r++) {
		if (api_routes[r].flags & API_ROOTED || api_routes[r].access == API_OPEN)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			char target[LINE_MAX_BYTES];
			const char *body;

			snprintf(target, sizeof(target),
				API "%s?" PERIOD "&running&cluster_id=hpc-a&uuid=101",
				api_routes[r].path);
			body = api_client_get(&c, names[i], target);
			assert_in_range(c.status, 200, 403);
			if (c.status == 200 && !strstr(body, "\"data\":[]"))
				fail_msg("%s as %s: %s", target, names[i], body);
		}
	}
}

static void expect_verified(const char *user, const char *query, int status)
{
	char target[LINE_MAX_BYTES];

	snprintf(target, sizeof(target), API "/units/verify?%s", query);
	api_client_get(&c, user, target);
	if (c.status != status)
		fail_msg("%s %s: %d", user, query, c.status);
}

/* Who leaves a project sees it no more, and who enters sees what was. */
static void memberships_end(void **state)
{
	struct user_list users = { 0 };
	struct project_list projects = { 0 };
	struct store_step_result result;
	struct store_step step = { .cluster_id = "hpc-a",
		.start_ms = (SAMPLE_T0_S + 3 * SAMPLE_WINDOW_S) * 1000,
		.end_ms = (SAMPLE_T0_S + 4 * SAMPLE_WINDOW_S) * 1000,
		.users = &users,
		.projects = &projects };

	/* A source that names nobody is taken for one that failed. */
	step.all_accounts = true;
	assert_int_equal(store_commit_step(s.store, &step, &result, NULL), 0);
	expect_verified("otto", "cluster_id=hpc-a&uuid=101", 200);
	sample_account(&s, &users, &projects, "mira", "astro");
	sample_account(&s, &users, &projects, "zoe", "astro");
	step.start_ms = step.end_ms;
	step.end_ms += 1000;
	step.all_accounts = false;
	assert_int_equal(store_commit_step(s.store, &step, &result, NULL), 0);
	expect_verified("otto", "cluster_id=hpc-a&uuid=101", 403);
	expect_verified("zoe", "cluster_id=hpc-a&uuid=101", 200);
	expect_verified("zoe", "cluster_id=hpc-a&uuid=105", 200); /* chem was not spoken of */
	assert_string_equal(api_client_get(&c, "otto", API "/usage/global"),
		"{\"status\":\"success\",\"data\":[]}\n");
	/* A project that is gone has no members, a user who is gone no projects. */
	step.start_ms = step.end_ms;
	step.end_ms += 1000;
	step.all_accounts = true;
	assert_int_equal(store_commit_step(s.store, &step, &result, NULL), 0);
	assert_int_equal(result.failed, 0);
	expect_verified("zoe", "cluster_id=hpc-a&uuid=105", 403);
	expect_verified("zoe", "cluster_id=hpc-a&uuid=101", 200);
	expect_verified("mira", "cluster_id=hpc-b&uuid=201", 200); /* other clusters stay */
	assert_string_equal(api_client_get(&c, "otto", API "/users?field=projects&field=name"),
		"{\"status\":\"success\",\"data\":[{\"cluster_id\":\"\",\"name\":\"otto\"}]}\n");
	assert_string_equal(
		sample_query(s.path, "SELECT users FROM projects WHERE name = 'chem'"), "[]");
}

int main(void)
{
#define OWNERSHIP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		OWNERSHIP_TEST(everybody_sees_what_is_theirs),
		OWNERSHIP_TEST(no_parameter_shows_more),
		OWNERSHIP_TEST(no_user_name_shows_more),
		OWNERSHIP_TEST(memberships_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
